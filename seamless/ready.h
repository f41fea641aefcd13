/* ready.h - notices that a desktop is up: a panel is mapped, and the machine
 * has then become idle, so that the first picture is a whole one.
 *
 * Event driven until the panel is there; only then is /proc/stat sampled, for
 * half a second at best and READY_LIMIT_MS at most. Threads: one. */
#pragma once

#include <X11/Xlib.h>

#define READY_SAMPLE_MS 200
#define READY_LIMIT_MS  20000

struct ready;

/* file NULL: nothing to tell; all calls do nothing then. */
struct ready *ready_new(Display *display, const char *file);
void ready_event(struct ready *self, const XEvent *event);
/* For poll(): -1 when no time matters. */
int ready_wait_ms(const struct ready *self);
void ready_tick(struct ready *self);
