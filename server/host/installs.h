/* installs.h - images that are installed from a medium, until the guest has
 * ended: a task that waits for a machine.
 *
 * The machine is the broker's to make, start and remove, like any desktop; it
 * is known by the image and version that it is to become. When it has switched
 * itself off, or somebody has said that it is done, builds.c takes its disk
 * under the same task. Nothing here survives the role: machine.conf says
 * whether the end has come, and the broker asks again for a task that it
 * misses.
 * Threads: main context. Errors: faults. */
#pragma once

#include "server/host/builds.h"
#include "server/host/machine.h"

struct installs;

/* machines: id -> struct machine, borrowed, as everything. */
struct installs *installs_new(const struct paths_root *root,
			      struct builds *builds, GHashTable *machines,
			      void (*tell)(json_t *message, void *data),
			      void *data);
void installs_free(struct installs *installs);

/* Accepted or refused; events follow. Done already is done. */
gboolean installs_begin(struct installs *installs, const char *task,
			const char *image, const char *version, GError **error);
/* Its disk is taken as it is. */
gboolean installs_finish(struct installs *installs, const char *task,
			 GError **error);
/* FALSE: no such task here; it may be one of builds.h. */
gboolean installs_cancel(struct installs *installs, const char *task);
/* Something has changed about a machine; looked at when all is quiet. */
void installs_poke(struct installs *installs);
/* Appends event `task` of each to list. */
void installs_describe(struct installs *installs, json_t *list);
