/* screens.h - the further screens of a desktop, each a window of its own.
 *
 * Head 0 is the desktop's window itself; a window for each other head comes
 * when the guest has one or a person asks for one, and goes with it. They stay
 * over a cut and ask the next session for what they were.
 *
 * Threads: main. Ownership: screens_free() closes them. */
#pragma once

#include "client/viewer.h"

struct screens;

struct screens_handlers {
	/* One of the windows got or lost the focus. */
	void (*active)(void *data);
	/* How many there are has changed. */
	void (*changed)(void *data);
};

struct screens *screens_new(GtkWindow *desktop, const char *name,
			    const struct screens_handlers *handlers,
			    void *data);
void screens_free(struct screens *screens);

/* What the session's handlers tell, of heads other than 0. */
void screens_set_session(struct screens *screens, struct session *session);
void screens_size(struct screens *screens, int head, int width, int height);
void screens_damage(struct screens *screens, int head,
		    const cairo_region_t *region);
void screens_cursor(struct screens *screens, cairo_surface_t *image, int hot_x,
		    int hot_y);
void screens_leds(struct screens *screens, unsigned leds);
void screens_resized(struct screens *screens, int head,
		     enum session_resize outcome);
void screens_set_dimmed(struct screens *screens, gboolean dimmed);
void screens_set_mode(struct screens *screens, enum viewer_mode mode);
void screens_set_dense(struct screens *screens, gboolean dense);
void screens_set_zoom(struct screens *screens, double zoom);

/* One more, if the session can have one. */
gboolean screens_can_add(struct screens *screens);
void screens_add(struct screens *screens);
/* A screen for each monitor but that of the desktop's window, all full. */
void screens_fill_monitors(struct screens *screens);
gboolean screens_active(struct screens *screens);
int screens_count(struct screens *screens);
