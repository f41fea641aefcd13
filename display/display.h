/* display.h - one machine's display: a source, a shadow picture, viewers.
 *
 * source (Display1) -> desktop (shadow, what truly changed) -> viewers, each
 * with its own protocol writer. Input and the clipboard go the other way.
 * Nothing waits for anyone: a viewer that does not read keeps only a bitmap
 * of what it has not seen.
 *
 * Threads: the main loop's. Ownership: see each call. Times: microseconds of
 * the monotonic clock, since process start where a name says so. */
#pragma once

#include "display/agent.h"
#include "display/audio.h"
#include "display/clipboard.h"
#include "display/activity.h"
#include "display/desktop.h"
#include "display/film.h"
#include "display/jobs.h"
#include "display/ports.h"
#include "display/source.h"

struct display;
struct viewer;

/* All viewers together, finished handshake or not. */
#define DISPLAY_VIEWERS_MAX 64

/* ---- protocol writers ---- */

struct viewer_ops {
	const char *protocol; /* "rfb" */
	/* A frame was committed; only take note (view_changed()). laid_out:
	 * size or heads changed, all is new. */
	void (*changed)(struct viewer *viewer,
			const struct desktop_change *change);
	void (*cursor_changed)(struct viewer *viewer);
	void (*leds_changed)(struct viewer *viewer);
	void (*name_changed)(struct viewer *viewer);
	/* All notes of this round are given, or jobs are done: send what can
	 * be sent. */
	void (*flush)(struct viewer *viewer);
	/* display_input_full() is over. */
	void (*input_ready)(struct viewer *viewer);
	/* Frees the viewer; must call display_detach() first. */
	void (*destroy)(struct viewer *viewer);
	/* Which ports it may join is no longer the same. Optional. */
	void (*ports_changed)(struct viewer *viewer);
	/* As `changed`, of the atlas. Optional. */
	void (*atlas_changed)(struct viewer *viewer,
			      const struct desktop_change *change);
};

/* Embedded by the protocol's own struct. */
struct viewer {
	const struct viewer_ops *ops;
	struct display *display;
	unsigned id;
	gint64 since_unix_s;
	guint64 bytes_sent;
	bool attached;
	/* It looks on: no input, sizes, clipboard or files of its own. Set
	 * before display_attach(). */
	bool view_only;
	/* what this one holds down: released when it goes */
	guint8 keys[32];
	unsigned buttons;
	unsigned x, y;
};

/* From the end of the handshake on; the viewer is counted and told of
 * changes. FALSE-safe: display_detach() of one never attached does nothing. */
void display_attach(struct display *self, struct viewer *viewer);
void display_detach(struct viewer *viewer);

const struct desktop *display_desktop(const struct display *self);
/* Screens that the machine can have, on or off. */
unsigned display_heads_most(const struct display *self);
struct activity *display_activity(const struct display *self);
struct jobs *display_jobs(const struct display *self);
/* Where a film plays, or NULL. */
const struct rect *display_film(const struct display *self);
/* Its frames (film-stream.h), for viewers that take a stream. */
struct film_streams *display_film_streams(const struct display *self);
/* NULL: the machine never defined one, and viewers keep their own. 0 x 0: it
 * is hidden. */
const struct cursor *display_cursor(const struct display *self);
unsigned display_leds(const struct display *self);
const char *display_name(const struct display *self);
struct clipboard *display_clipboard(const struct display *self);
struct audio *display_audio(const struct display *self);
struct agent *display_agent(const struct display *self);
struct ports *display_ports(const struct display *self);
/* Files by whichever way there is; both until this is called. */
void display_allow_files(struct display *self, bool into_guest,
			 bool out_of_guest);
bool display_files_allowed(const struct display *self, bool into_guest);
const char *display_vm(const struct display *self);

/* Input from a viewer; keycodes as source_key(), buttons a mask with bit
 * numbers of enum source_button, places in the desktop. */
void display_key(struct viewer *viewer, unsigned keycode, bool down);
void display_pointer(struct viewer *viewer, unsigned x, unsigned y,
		     unsigned buttons);
/* Input that does not go through the two above (a single window's). */
void display_note_input(struct display *self);
/* Monotonic, of the newest input of any viewer; 0: none yet. */
gint64 display_input_us(const struct display *self);
bool display_input_full(const struct display *self);

enum display_resize {
	DISPLAY_RESIZE_DONE,      /* it is so already */
	DISPLAY_RESIZE_FORWARDED, /* asked of the guest */
	DISPLAY_RESIZE_INVALID,
	DISPLAY_RESIZE_LOST, /* no machine there */
};
enum display_resize display_resize(struct display *self,
				   const struct desktop_head *heads,
				   unsigned count);

/* Puts a user's name and the time over every picture (display-mark.c); NULL
 * takes them away. */
void display_set_mark(struct display *self, const char *user);

/* ---- the atlas: a head that is no screen ---- */

/* Makes a head the atlas, into which the guest's agent paints single windows
 * (docs/seamless.md); -1: none. It leaves the desktop, so that no viewer sees
 * it, and has a picture of its own. The machine's end ends it too. */
void display_set_atlas(struct display *self, int head);
int display_atlas_head(const struct display *self);
/* Its picture, with the one head; NULL while there is none. */
const struct desktop *display_atlas(const struct display *self);
/* Asks the guest for its size. */
void display_size_atlas(struct display *self, unsigned width, unsigned height);
unsigned display_heads(const struct display *self); /* of the machine */

/* ---- who looks on without being a viewer (recorder.h) ---- */

struct display_watch {
	/* As a viewer's. */
	void (*changed)(void *data, const struct desktop_change *change);
	/* The pointer, by any viewer's hand; often. */
	void (*moved)(void *data);
};
/* watch NULL: nobody any more. */
void display_set_watch(struct display *self, const struct display_watch *watch,
		       void *data);
/* Where the pointer was moved to last, in the desktop. */
void display_pointer_place(const struct display *self, unsigned *x,
			   unsigned *y);

/* ---- the whole ---- */

struct display_hooks { /* all optional */
	void (*source_changed)(void *data, bool connected);
	void (*first_frame)(void *data);
	void (*picture_changed)(void *data); /* often: once per round */
	void (*viewer_changed)(void *data, unsigned id, bool attached);
	void (*input)(void *data); /* often: with every event */
};

/* name: shown in viewers' titles; NULL takes the machine's own. */
struct display *display_new(const char *name, const char *vm);
void display_free(struct display *self);
void display_set_hooks(struct display *self, const struct display_hooks *hooks,
		       void *data);
/* Takes a connected Display1 socket; viewers stay. */
void display_attach_source(struct display *self, int fd);
/* Connects to a machine that listens there, and again whenever it is lost. */
bool display_follow_source(struct display *self, const char *path,
			   GError **error);
bool display_source_connected(const struct display *self);
/* Since the process started; -1 before. */
gint64 display_first_frame_us(const struct display *self);
const GPtrArray *display_viewers(const struct display *self);
/* Serves one more port of the guest. ops NULL: no longer. */
struct display_port_ops {
	void (*attach)(void *data, int fd); /* takes fd */
	void (*detach)(void *data);         /* the machine is gone */
	void (*opened)(void *data, bool open);
};
void display_set_port(struct display *self, const char *name,
		      const struct display_port_ops *ops, void *data);
/* 0: all. Whether there was one. */
bool display_disconnect(struct display *self, unsigned id);
