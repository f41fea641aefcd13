/* usb-panel.h - which of this computer's USB devices a desktop has.
 *
 * A window with a switch for each device that is plugged in. What a person
 * gave to the desktop goes back to it after a reconnect; nothing goes there
 * unasked. Threads: main. Ownership: usb_panel_free() closes the window.
 * Fails: in words, in the window, or by say() where that is closed. */
#pragma once

#include <gtk/gtk.h>

#include "client/session.h"

struct usb_panel;
typedef void (*usb_panel_say)(const char *text, void *data);

/* kiosk: no files of this computer. */
struct usb_panel *usb_panel_new(GtkWindow *desktop, gboolean kiosk,
				usb_panel_say say, void *data);
void usb_panel_set_session(struct usb_panel *panel, struct session *session);
/* What the session's handlers tell. */
void usb_panel_changed(struct usb_panel *panel);
void usb_panel_failed(struct usb_panel *panel, const char *id, const char *name,
		      const GError *error);
void usb_panel_open(struct usb_panel *panel);
void usb_panel_free(struct usb_panel *panel);
