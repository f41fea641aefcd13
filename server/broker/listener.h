/* listener.h - a unix socket that is served.
 *
 * The file is removed at the end. When the process has no descriptors left it
 * stops accepting for a second instead of spinning. Threads: one main
 * context. */
#pragma once

#include "common/paths.h"

struct listener;

/* fd is connected, non-blocking and the callee's. */
typedef void (*listener_accepted)(int fd, void *data);

/* RUN/name, for its owner and, where roles have users of their own, for the
 * role (NULL: none). */
struct listener *listener_create(const struct paths_root *root,
				 const char *name, const char *role,
				 listener_accepted accepted, void *data,
				 GError **error);
void listener_destroy(struct listener *listener);
