/* control.h - the host role's hand on a display: docs/display-control.md.
 * Threads: the main loop's. The display must outlive it. */
#pragma once

#include "display/display.h"

struct control;

/* Listens on a unix path, mode 0600. Sets the display's hooks. quit is
 * called from the loop when it is asked for. */
struct control *control_new(struct display *display, const char *path,
			    void (*quit)(void *data), void *data,
			    GError **error);
void control_free(struct control *self);
