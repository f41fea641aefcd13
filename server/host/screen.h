/* screen.h - the display process of one machine, from the host's side.
 *
 * `oriel-display` runs in a session of its own and lives on when we die; we
 * know it by RUN/desktops/ID/display.pid and talk to it over control.sock
 * (docs/display-control.md). When it ends, `ended` is called once and the
 * object can start another. Threads: main context. */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

struct screen;

struct screen_handlers {
	void (*first_frame)(void *data);
	void (*viewers)(unsigned count, void *data);
	void (*picture)(void *data);              /* a newer one can be had */
	void (*input)(gint64 ago_ms, void *data); /* a viewer used it */
	void (*recording)(json_t *event, void *data); /* it has ended */
	/* What its status says, whenever it is (again) heard of; id NULL: it
	 * does not record. */
	void (*recording_found)(const char *id, void *data);
	void (*source_lost)(void *data); /* its Display1 connection broke */
	void (*ended)(const GError *why, void *data);
};

/* run_dir gets rfb.sock view.sock spice.sock windows.sock control.sock
 * display.pid; log is a file's path; name is what viewers show in their title.
 */
struct screen *screen_new(const char *id, const char *name, const char *run_dir,
			  const char *log,
			  const struct screen_handlers *handlers, void *data);
/* Starts one on a Display1 connection; takes fd. */
gboolean screen_start(struct screen *screen, int fd, GError **error);
/* Finds the one that an earlier host role started; FALSE when it is gone. */
gboolean screen_adopt(struct screen *screen);
gboolean screen_alive(const struct screen *screen);
/* "unix:PATH" of RFB. */
const char *screen_address(const struct screen *screen);
/* The same for those who only look on. */
const char *screen_view(const struct screen *screen);
/* The same of SPICE, and of the guest's windows. */
const char *screen_spice(const struct screen *screen);
const char *screen_windows(const struct screen *screen);

/* A new Display1 connection for the running one; takes fd. */
void screen_source(struct screen *screen, int fd);
/* reply: NULL and error set on failure; borrowed. Called once, unless the
 * screen is freed before. */
typedef void (*screen_answered)(json_t *reply, const GError *error, void *data);
void screen_picture(struct screen *screen, unsigned width, unsigned head,
		    screen_answered answered, void *data);
void screen_disconnect(struct screen *screen, screen_answered answered,
		       void *data);

/* policy is docs/api.md's; borrowed. */
void screen_policy(struct screen *screen, json_t *policy,
		   screen_answered answered, void *data);

/* Begins a recording into fd (taken), or ends it. */
void screen_record(struct screen *screen, gboolean on, const char *id,
		   const char *title, int fd, screen_answered answered,
		   void *data);

/* Ends the process: in order, and after 2 s by force; `ended` is not called.
 * Frees the object; the rest goes on by itself. */
void screen_stop(struct screen *screen);
/* Leaves the process running. */
void screen_free(struct screen *screen);
