/* desktop-window-private.h - what the parts of a desktop's window share.
 *
 *   desktop-window.c         what it is made of; its life
 *   desktop-window-link.c    what the link and its session tell: status,
 * picture desktop-window-keys.c    keys, grabs, full screen
 *   desktop-window-menu.c    what the menu asks for
 *
 * Threads: main. */
#pragma once

#include "client/clipboard.h"
#include "client/desktop-hint.h"
#include "client/desktop-menu.h"
#include "client/desktop-notes.h"
#include "client/desktop-window.h"
#include "client/file-drop.h"
#include "client/folder-panel.h"
#include "client/fullscreen-bar.h"
#include "client/link.h"
#include "client/notice.h"
#include "client/screens.h"
#include "client/stats-overlay.h"
#include "client/usb-panel.h"
#include "client/viewer.h"

struct desktop_window {
	GtkWindow *window;
	GtkWidget *header, *overlay, *scroller;
	OrielViewer *viewer;
	struct desktop_hint *hint;
	struct notice *notice;
	struct fullscreen_bar *bar;
	struct clipboard_link *clipboard;
	struct screens *screens;
	struct stats_overlay *stats;
	struct file_drop *drop;
	struct usb_panel *usb;
	struct folder_panel *folder; /* NULL: a kiosk has no files */
	struct desktop_notes *notes;
	struct link *link;
	struct session *session;
	struct api *api;
	struct servers *servers;
	GSimpleActionGroup *actions;
	char *pool;
	desktop_window_closed closed;
	void *data;
	enum desktop_window_end end;
	enum link_state state;
	gboolean fullscreen, picture, grab_hint_shown, silent, kiosk, filling;
	guint watch, leave;
	gint64 probed_us;
};

/* closes the window; void *: as a callback of buttons and the menu */
void desktop_window_disconnect(void *window);

extern const struct link_handlers desktop_link_handlers;
/* a second's look at whether the server still answers; a GSourceFunc */
gboolean desktop_link_watch(gpointer window);

extern const struct desktop_menu_handlers desktop_window_menu_handlers;
void desktop_window_set_mode(struct desktop_window *window,
			     enum viewer_mode mode);

void desktop_keys_connect(struct desktop_window *window);
/* in full screen all keys are the desktop's, once there is a picture */
void desktop_keys_grab_if_due(struct desktop_window *window);
void desktop_keys_toggle_grab(struct desktop_window *window);
void desktop_keys_set_fullscreen(struct desktop_window *window,
				 gboolean fullscreen);
