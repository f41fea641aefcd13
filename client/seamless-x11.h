/* seamless-x11.h - inside of seamless windows: the X server.
 *
 * One connection of our own with its events in the main loop. X errors on it
 * are expected (windows vanish under us) and counted, no more.
 * Threads: main. */
#pragma once

#include <X11/Xlib.h>
#include <glib.h>

/* one a line */
/* clang-format off */
#define X11_ATOMS(X) \
	X(WM_PROTOCOLS) \
	X(WM_DELETE_WINDOW) \
	X(WM_STATE) \
	X(WM_CHANGE_STATE) \
	X(WM_WINDOW_ROLE) \
	X(UTF8_STRING) \
	X(_MOTIF_WM_HINTS) \
	X(_NET_WM_PING) \
	X(_NET_WM_NAME) \
	X(_NET_WM_ICON_NAME) \
	X(_NET_WM_ICON) \
	X(_NET_WM_USER_TIME) \
	X(_NET_WM_WINDOW_OPACITY) \
	X(_NET_WM_STATE) \
	X(_NET_WM_STATE_MODAL) \
	X(_NET_WM_STATE_STICKY) \
	X(_NET_WM_STATE_MAXIMIZED_VERT) \
	X(_NET_WM_STATE_MAXIMIZED_HORZ) \
	X(_NET_WM_STATE_SHADED) \
	X(_NET_WM_STATE_SKIP_TASKBAR) \
	X(_NET_WM_STATE_SKIP_PAGER) \
	X(_NET_WM_STATE_HIDDEN) \
	X(_NET_WM_STATE_FULLSCREEN) \
	X(_NET_WM_STATE_ABOVE) \
	X(_NET_WM_STATE_BELOW) \
	X(_NET_WM_STATE_DEMANDS_ATTENTION) \
	X(_NET_WM_WINDOW_TYPE) \
	X(_NET_WM_WINDOW_TYPE_NORMAL) \
	X(_NET_WM_WINDOW_TYPE_DIALOG) \
	X(_NET_WM_WINDOW_TYPE_UTILITY) \
	X(_NET_WM_WINDOW_TYPE_TOOLBAR) \
	X(_NET_WM_WINDOW_TYPE_SPLASH) \
	X(_NET_WM_WINDOW_TYPE_MENU) \
	X(_NET_WM_WINDOW_TYPE_DROPDOWN_MENU) \
	X(_NET_WM_WINDOW_TYPE_POPUP_MENU) \
	X(_NET_WM_WINDOW_TYPE_TOOLTIP) \
	X(_NET_WM_WINDOW_TYPE_NOTIFICATION) \
	X(_NET_WM_WINDOW_TYPE_COMBO) \
	X(_NET_WM_WINDOW_TYPE_DND) \
	X(_NET_ACTIVE_WINDOW) \
	X(_NET_WM_MOVERESIZE) \
	X(_NET_CLIENT_LIST_STACKING) \
	X(_NET_WORKAREA) \
	X(_NET_CURRENT_DESKTOP) \
	X(_NET_SUPPORTING_WM_CHECK) \
	X(_XKB_RULES_NAMES) \
	X(_GTK_FRAME_EXTENTS) \
	X(_NET_STARTUP_ID) \
	X(MANAGER) \
	X(_XEMBED_INFO) \
	X(_NET_SYSTEM_TRAY_OPCODE)
/* clang-format on */

enum x11_atom {
#define X(name) ATOM_##name,
	X11_ATOMS(X)
#undef X
	    X11_ATOM_COUNT
};

struct x11 {
	Display *display;
	int screen;
	Window root;
	Visual *visual; /* 8 bits each of red, green, blue in 32 */
	int depth;
	Colormap colormap;
	Atom atoms[X11_ATOM_COUNT];
	GC copy, fill, dim;
	int randr_event; /* first event's number; -1: no RandR */
	gboolean shape;
	unsigned errors;
	/* private */
	GSource *source;
	void (*event)(XEvent *event, void *data);
	void *data;
};

/* NULL and a fault where there is no server, or none that shows colours. */
struct x11 *x11_open(void (*event)(XEvent *event, void *data), void *data,
		     GError **error);
void x11_close(struct x11 *x11);

/* A property of 32-bit items of a type (None: any), at most `max` of them;
 * count of those there are. */
unsigned x11_get(struct x11 *x11, Window window, enum x11_atom name, Atom type,
		 unsigned long *items, unsigned max);
void x11_set_text(struct x11 *x11, Window window, enum x11_atom name,
		  const char *text, gsize length);
void x11_set(struct x11 *x11, Window window, enum x11_atom name, Atom type,
	     const unsigned long *items, unsigned count);
/* A request of the window manager: a client message to the root. */
void x11_ask(struct x11 *x11, Window window, enum x11_atom type,
	     const long items[5]);
