/* lock.h - one orield per root: RUN/orield.lock, flock(2) and our pid.
 *
 * The descriptor returned is passed on to the roles, which keep the lock
 * held while they live. Blocks for up to ten seconds while the roles of a
 * killed supervisor end. Threads: main, before its loop runs. */
#pragma once

#include "common/paths.h"

/* A close-on-exec descriptor, or -1: held by somebody (FAULT_CONFLICT), or
 * the file cannot be written. */
int lock_take(const struct paths_root *root, GError **error);
