/* fullscreen-bar.h - the toolbar that hides at the upper edge.
 *
 * Shown for a moment on entering, then when the pointer touches the edge, and
 * as long as the pointer or an open menu needs it. Threads: main. */
#pragma once

#include <gtk/gtk.h>

struct fullscreen_bar;

/* Its buttons are the actions "desktop.NAME" of the window around it. */
/* kiosk: without a way out of full screen. */
struct fullscreen_bar *fullscreen_bar_new(const char *title, gboolean kiosk);
GtkWidget *fullscreen_bar_widget(struct fullscreen_bar *bar);
void fullscreen_bar_set_active(struct fullscreen_bar *bar, gboolean active);
void fullscreen_bar_set_grabbed(struct fullscreen_bar *bar, gboolean grabbed);
/* Where the pointer is, from the upper edge. */
void fullscreen_bar_pointer(struct fullscreen_bar *bar, double y);
void fullscreen_bar_open_menu(struct fullscreen_bar *bar);
void fullscreen_bar_free(struct fullscreen_bar *bar);
