/* listener.h - a unix socket that is served.
 *
 * The file is removed at the end. When the process has no descriptors left it
 * stops accepting for a second instead of spinning. Threads: one main
 * context. */
#pragma once

#include <glib.h>

struct listener;

/* fd is connected, non-blocking and the callee's. */
typedef void (*listener_accepted)(int fd, void *data);

struct listener *listener_create(const char *folder, const char *name,
				 unsigned mode, listener_accepted accepted,
				 void *data, GError **error);
void listener_destroy(struct listener *listener);
