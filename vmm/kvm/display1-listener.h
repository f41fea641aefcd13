/* display1-listener.h - one viewer of one console.
 *
 * At most one batch of calls is under way; what happens meanwhile gathers as
 * at most CONSOLE_RECTS rectangles, the newest scanout and the newest cursor,
 * so a listener that hangs costs a fixed amount and holds up nobody.
 *
 * Threads: main loop. */
#pragma once

#include <glib.h>

struct console;
struct rect;
struct display1_listener;

/* Takes fd. gone is called once when the connection ends, and must free. */
struct display1_listener *display1_listener_new(
    struct console *console, int fd,
    void (*gone)(void *data, struct display1_listener *), void *data,
    GError **error);
void display1_listener_free(struct display1_listener *listener);
/* The console changed; ignored when it is another one. */
void display1_listener_changed(struct display1_listener *listener,
			       struct console *console,
			       const struct rect *rects, unsigned count);
