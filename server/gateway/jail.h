/* jail.h - what a worker gives up before it reads its first foreign byte.
 *
 * No new privileges, no core dump and no tracing by its own uid (the TLS key
 * is in its memory), few descriptors, no files, and a system call filter:
 * local sockets, reading, writing, waiting, memory that is not executable.
 * What is not on the list fails with EPERM, so that a library that tries
 * something new degrades instead of taking the connection with it. It cannot
 * be made narrower to whom it connects: which unix sockets it reaches is
 * decided by their modes.
 *
 * Threads: main. The filter is compiled once by the accepting process. */
#pragma once

#include <glib.h>

struct jail;

/* Fails with a fault where the kernel or libseccomp cannot. */
struct jail *jail_new(GError **error);
void jail_free(struct jail *jail);

/* In the worker. jail may be NULL: then all but the filter. */
gboolean jail_enter(const struct jail *jail, GError **error);
