/* desktop-menu.h - menus and actions of a desktop's window.
 *
 * One set of actions ("desktop.NAME") serves the header bar and the full
 * screen's toolbar. Threads: main. */
#pragma once

#include <gtk/gtk.h>

#include "client/viewer.h"

struct desktop_menu_handlers {
	void (*send_keys)(const unsigned *keysyms, void *data);
	void (*mode)(enum viewer_mode mode, void *data);
	void (*dense)(gboolean dense, void *data);
	void (*zoom)(unsigned percent, void *data);
	void (*screenshot)(void *data);
	void (*fullscreen)(void *data);
	void (*grab)(void *data);
	void (*add_screen)(void *data);
	void (*all_monitors)(void *data);
	void (*usb)(void *data);
	void (*folder)(void *data);
	void (*statistics)(gboolean shown, void *data);
	void (*shortcuts)(void *data);
	void (*disconnect)(void *data);
};

/* zoom: in percent, one of the menu's, else 100 is shown chosen.
 * kiosk: what leads out of the desktop is not offered. */
GSimpleActionGroup *desktop_menu_actions(
    enum viewer_mode mode, gboolean dense, unsigned zoom, gboolean kiosk,
    const struct desktop_menu_handlers *handlers, void *data);
void desktop_menu_set_grabbed(GSimpleActionGroup *actions, gboolean grabbed);

/* Of what was remembered; 100 where that is none of the menu's. */
unsigned desktop_menu_zoom(const char *text);

/* Whether there can be further screens now. */
void desktop_menu_set_screens(GSimpleActionGroup *actions, gboolean more);

/* Buttons with menus, for a bar: special keys, and everything else. */
GtkWidget *desktop_menu_keys_button(void);
GtkWidget *desktop_menu_main_button(void);
void desktop_menu_add(GtkHeaderBar *header);
/* Opens the main menu that desktop_menu_add() put there. */
void desktop_menu_popup(GtkWidget *header);

/* Asks where to; a new message for people when it failed, else NULL. */
char *desktop_menu_save_picture(GtkWindow *parent, GdkPixbuf *picture,
				const char *name);
