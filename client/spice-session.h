/* spice-session.h - internals shared by the files of the SPICE session.
 *
 * spice-session.c owns the session and its channels, spice-line.c their
 * tunnels; spice-display.c the pictures of its heads; spice-input.c keys,
 * pointer and cursor; spice-agent.c clipboard, files and sizes, which go by the
 * guest's agent; spice-sound.c sound; spice-usb.c USB devices; spice-folder.c
 * the shared folder.
 *
 * spice-client-glib decodes; it runs on the main thread, in coroutines that
 * never block it. Each channel is a tunnel of its own, connected on a thread.
 *
 * Threads: main, but for what spice-line.c does in its connecting threads.
 */
#pragma once

#include <spice-client.h>

#include "client/session.h"
#include "client/tunnel.h"

struct spice_sound;
struct spice_usb;

struct spice_head {
	SpiceChannel *channel;         /* NULL: there is no such head */
	cairo_rectangle_int_t area;    /* of its channel's surface */
	cairo_region_t *damage;        /* not yet told; of the head */
	int asked_width, asked_height; /* 0: never */
	gboolean told;                 /* its size is known outside */
};

/* One channel's primary surface. */
struct spice_surface {
	SpiceChannel *channel;
	int id;
	guint8 *data; /* the library's; NULL: none */
	int width, height, stride, format;
	gboolean marked;
	cairo_surface_t *converted; /* of formats cairo cannot draw */
};

struct spice_session {
	struct session base;
	gint references; /* atomic: the main thread's and connecting threads' */
	const struct session_handlers *handlers;
	void *data;
	gboolean closed;
	gboolean attached, ended;
	char *host, *fingerprint, *ticket, *secret;
	guint16 port;
	GCancellable *cancellable;

	SpiceSession *spice;
	SpiceMainChannel *main;
	SpiceInputsChannel *inputs;
	GSList *lines; /* of struct spice_line: channels with their tunnels */

	/* spice-display.c */
	struct spice_surface surfaces[SESSION_HEADS];
	struct spice_head heads[SESSION_HEADS];
	cairo_surface_t *locked;
	guint flush, refused_timer;
	guint64 frames;

	/* spice-input.c */
	unsigned buttons;
	int x, y, head;
	gboolean pointed; /* ... was told */
	int mouse_mode;

	/* spice-agent.c */
	gboolean agent;
	unsigned guest_kinds; /* of the guest's clipboard */

	struct spice_sound *sound;

	struct session_policy policy;
	struct spice_usb *usb; /* NULL: barred */

	/* spice-folder.c */
	SpiceChannel *webdav; /* NULL: the desktop has no port for it */
	gboolean sharing;
};

/* Ends the session by the closed handler, later and once. Takes error. */
void spice_session_end(struct spice_session *self, GError *error,
		       unsigned status, unsigned retry_after_s);

void spice_display_add(struct spice_session *self, SpiceChannel *channel);
void spice_display_remove(struct spice_session *self, SpiceChannel *channel);
void spice_display_finish(struct spice_session *self);
cairo_surface_t *spice_display_lock(struct session *session, int head);
void spice_display_unlock(struct session *session);
void spice_display_resize(struct session *session, int head, int width,
			  int height);
int spice_display_heads(struct session *session);

void spice_input_add(struct spice_session *self, SpiceChannel *channel);
void spice_input_mouse_mode(struct spice_session *self);
void spice_cursor_add(struct spice_session *self, SpiceChannel *channel);
void spice_input_key(struct session *session, unsigned keysym, unsigned qnum,
		     gboolean down);
void spice_input_pointer(struct session *session, int head, int x, int y,
			 unsigned buttons);
/* Pointer positions are acknowledged, also where nothing moves; before the
 * first one there is nothing that a server has to answer. */
gboolean spice_input_can_probe(const struct spice_session *self);
void spice_input_probe(struct session *session);

void spice_agent_add(struct spice_session *self);
void spice_agent_clipboard_offer(struct session *session, unsigned kinds);
void spice_agent_clipboard_request(struct session *session,
				   enum session_clip kind);
void spice_agent_clipboard_send(struct session *session, enum session_clip kind,
				const void *bytes, gsize size);
gboolean spice_agent_can_send_files(struct session *session);
void spice_agent_send_files(struct session *session, GFile **files,
			    GCancellable *cancellable,
			    session_progress progress, session_sent sent,
			    void *data);

struct spice_sound *spice_sound_new(struct spice_session *session);
void spice_sound_add(struct spice_sound *sound, SpiceChannel *channel);
void spice_sound_remove(struct spice_sound *sound, SpiceChannel *channel);
void spice_sound_free(struct spice_sound *sound);
unsigned spice_sound_delay_ms(struct spice_sound *sound);
/* Before any channel is connected. */
void spice_sound_silence_library(SpiceSession *spice);

/* NULL where nothing of it can be used. */
struct spice_usb *spice_usb_new(struct spice_session *self);
void spice_usb_free(struct spice_usb *usb);
/* A channel came or went. */
void spice_usb_channel(struct spice_session *self, gboolean came);
enum session_share spice_usb_list(struct session *session, GPtrArray *devices);
void spice_usb_attach(struct session *session, const char *id, gboolean attach);
gboolean spice_usb_add_disc(struct session *session, const char *path,
			    GError **error);

void spice_folder_add(struct spice_session *self, SpiceChannel *channel);
void spice_folder_remove(struct spice_session *self, SpiceChannel *channel);
enum session_share spice_folder_state(struct session *session,
				      gboolean *mounted);
void spice_folder_share(struct session *session, const char *path,
			gboolean read_only);
