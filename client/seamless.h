/* seamless.h - a guest's windows as windows of the user's own desktop.
 *
 * The client's end of docs/seamless.md: takes the oriel-windows stream and
 * makes a local X window of each guest window. The local window manager owns
 * place, size, stacking and focus; what the guest asks is bounded here and
 * asked of the window manager as any application would.
 *
 *   seamless-stream.c    bytes <-> checked messages
 *   seamless.c           what each message does; limits
 *   seamless-window.c    one local window: its life, place, and what is asked
 *   seamless-props.c     what it is: title, class, icon, hints, shape
 *   seamless-states.c    maximized, above and the like
 *   seamless-paint.c     its contents
 *   seamless-tray.c      icons in the user's tray
 *   seamless-cursor.c    the pointer's picture
 *   seamless-apps.c      the applications that the guest offers
 *   seamless-files.c     files of the user's, there and back
 *   seamless-geometry.c  which size was asked, answered, waits (no X in it)
 *   seamless-events.c    the user's side: X events -> messages
 *   seamless-screen.c    monitors, work area, keyboard layout, stacking
 *   seamless-x11.c       the connection to the X server
 *   seamless-picture.c   icons and cursors from their pieces
 *
 * It has an X connection of its own: windows by the hundred need neither
 * widgets nor a toolkit's idea of frames, and every hint must be exactly what
 * the guest's window says.
 *
 * Threads: main. Ownership: seamless_free() closes everything. Fails: a
 * stream that breaks the rules ends, by the handler `ended`. */
#pragma once

#include <gio/gio.h>

#include "client/tunnel.h"
#include "seamless/wire.h"

struct seamless;

struct seamless_config {
	const char *prefix; /* of WM_CLASS: tells machines apart */
	const char *border; /* "#rrggbb" around an untrusted one's windows */
	gboolean trusted;   /* may have popups of any size */
};

struct seamless_app { /* strings are valid UTF-8 */
	char *id, *name, *comment, *categories, *mime_types;
	unsigned icon_width, icon_height;
	uint32_t *icon; /* premultiplied 0xAARRGGBB; NULL: none */
};

struct seamless_handlers {
	/* A sync is over: windows and applications are all known. */
	void (*synced)(void *data);
	/* How many windows there are has changed. */
	void (*windows)(unsigned toplevels, void *data);
	/* An answer to seamless_launch(). text may be NULL. */
	void (*launched)(unsigned token, gboolean failed, const char *text,
			 void *data);
	/* Its first window is on the user's screen. 0: one that was there
	 * already asks to be seen, for whatever reason. */
	void (*launch_shown)(unsigned token, void *data);
	/* Its program has ended before it had a window; text says how. */
	void (*launch_over)(unsigned token, gboolean failed, const char *text,
			    void *data);
	/* Something is wrong with a window (0: none in particular), as the
	 * other side or we ourselves found; it may go on. */
	void (*trouble)(unsigned fault, uint32_t window, const char *text,
			void *data);
	void (*notify)(const char *app, const char *summary, const char *body,
		       unsigned urgency, void *data);
	/* How far a file is; then, once, where it is in the guest (or why not).
	 * Not after `ended`, nor after seamless_file_cancel(). */
	void (*file_moves)(double fraction, void *data);
	void (*file_sent)(const char *guest_path, const GError *error,
			  void *data);
	/* A file that the guest has changed is saved here (or why not);
	 * backup: where the one before is kept, or NULL. */
	void (*file_saved)(const char *path, const char *backup,
			   const GError *error, void *data);
	/* The stream has ended; windows stay as they are. error may be NULL. */
	void (*ended)(const GError *error, void *data);
};

/* NULL and a fault where there is no X server. */
struct seamless *seamless_new(const struct seamless_config *config,
			      const struct seamless_handlers *handlers,
			      void *data, GError **error);
void seamless_free(struct seamless *seamless);

/* Begins on a new stream: a tunnel's (taken), or (tunnel NULL) a connected
 * socket. Windows of before are kept where the guest still has them. */
void seamless_attach(struct seamless *seamless, int fd, struct tunnel *tunnel);
/* As after a cut: windows stay, dimmed, and take no input. */
void seamless_detach(struct seamless *seamless);
gboolean seamless_is_attached(const struct seamless *seamless);

/* Starts an application with files (paths in the guest, or NULL); the token
 * comes back with handler `launched`. 0: not now. Its first window says that
 * it belongs to startup_id (NULL: none). */
unsigned seamless_launch(struct seamless *seamless, const char *app,
			 const char *const *files, const char *startup_id);
/* Ends it, unless it has a window. */
void seamless_launch_cancel(struct seamless *seamless, unsigned token);
/* Takes a file of this computer's into the guest, one at a time. FALSE: it
 * cannot be, and no handler is called. What the guest changes in it comes
 * back as long as this lives. */
gboolean seamless_file_send(struct seamless *seamless, const char *path,
			    GError **error);
void seamless_file_cancel(struct seamless *seamless);
/* One is on its way, in either direction. */
gboolean seamless_files_busy(const struct seamless *seamless);
unsigned seamless_count(const struct seamless *seamless);
/* struct seamless_app, until the main loop's next round. */
const GPtrArray *seamless_apps(const struct seamless *seamless);
