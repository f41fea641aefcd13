/* inherit.h - descriptors that the parent opened and left at a number.
 * Threads: main loop. */
#pragma once

#include <glib.h>

/* The descriptor of "fd:N", made non-blocking and close-on-exec; -1 when spec
 * is of another form; -2 and a fault when there is no such descriptor. */
int inherited_listener(const char *spec, GError **error);
