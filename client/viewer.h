/* viewer.h - the widget that is a desktop: picture out, keys and pointer in.
 *
 * It draws what a session shows, sends it what is typed and pointed at, and
 * asks it for the size the widget has. Without a session it goes on showing
 * the last picture, which can be dimmed.
 *
 * Threads: main. Ownership: the session is the caller's; set NULL before it
 * is closed. Units: guest pixels for pictures, device pixels for sizes. */
#pragma once

#include <gtk/gtk.h>

#include "client/session.h"

#define ORIEL_TYPE_VIEWER (oriel_viewer_get_type())
G_DECLARE_FINAL_TYPE(OrielViewer, oriel_viewer, ORIEL, VIEWER, GtkDrawingArea)

enum viewer_mode {
	VIEWER_FOLLOW, /* the guest's screen takes the widget's size */
	VIEWER_FIT,    /* the picture is scaled to the widget */
	VIEWER_ACTUAL, /* pixel by pixel; the widget takes the guest's size */
};

/* head: which of the session's screens. */
GtkWidget *oriel_viewer_new(int head);

void oriel_viewer_set_session(OrielViewer *viewer, struct session *session);
void oriel_viewer_set_mode(OrielViewer *viewer, enum viewer_mode mode);
enum viewer_mode oriel_viewer_get_mode(OrielViewer *viewer);
/* On screens with a scale factor: every device pixel, or sizes as usual. */
void oriel_viewer_set_dense(OrielViewer *viewer, gboolean dense);
/* How large a guest's pixel is shown where the size is ours to choose: 1 to
 * VIEWER_ZOOM_MAX. */
#define VIEWER_ZOOM_MAX 4.0
void oriel_viewer_set_zoom(OrielViewer *viewer, double zoom);
void oriel_viewer_set_dimmed(OrielViewer *viewer, gboolean dimmed);
gboolean oriel_viewer_has_picture(OrielViewer *viewer);

/* What the session's handlers tell. */
void oriel_viewer_size(OrielViewer *viewer, int width, int height);
void oriel_viewer_damage(OrielViewer *viewer, const cairo_region_t *region);
void oriel_viewer_cursor(OrielViewer *viewer, cairo_surface_t *image, int hot_x,
			 int hot_y);
void oriel_viewer_leds(OrielViewer *viewer, unsigned leds);
void oriel_viewer_resized(OrielViewer *viewer, enum session_resize outcome);

/* Asks for its size although the guest may have had it. */
void oriel_viewer_insist(OrielViewer *viewer);

/* From the window, before GTK's own shortcuts; TRUE when it was used. */
gboolean oriel_viewer_key(OrielViewer *viewer, GdkEventKey *event);
/* Presses these keys in order and releases them; 0 ends the list. */
void oriel_viewer_send_keys(OrielViewer *viewer, const unsigned *keysyms);
void oriel_viewer_release_keys(OrielViewer *viewer);

/* While grabbed, the window manager's shortcuts reach the guest too. Signal
 * "grab-changed" tells every change. */
gboolean oriel_viewer_grab(OrielViewer *viewer);
void oriel_viewer_ungrab(OrielViewer *viewer);
gboolean oriel_viewer_is_grabbed(OrielViewer *viewer);

/* How often new pixels were drawn; device pixels a guest pixel takes; the
 * last time from a key to new pixels (0: none yet). */
guint64 oriel_viewer_draws(OrielViewer *viewer);
void oriel_viewer_guest_size(OrielViewer *viewer, int *width, int *height);
double oriel_viewer_scale(OrielViewer *viewer);
unsigned oriel_viewer_key_to_picture_us(OrielViewer *viewer);

/* A copy of the picture; NULL before the first one. */
GdkPixbuf *oriel_viewer_snapshot(OrielViewer *viewer);
