/* builds.h - image builds: tasks that run oriel-image-build.
 *
 * The builder works in LIB/images/NAME/.VERSION.building, which is renamed to
 * VERSION when its result is there and whole; whatever ends early leaves
 * nothing. Builders end when the role does. Threads: main context. */
#pragma once

#include "common/paths.h"
#include <jansson.h>

struct builds;

/* tell: event `task` of docs/host-link.md; takes message. */
struct builds *builds_new(const struct paths_root *root,
			  void (*tell)(json_t *message, void *data),
			  void *data);
/* Ends what runs. */
void builds_free(struct builds *builds);
/* Removes what an earlier role left half-made. */
void builds_tidy(struct builds *builds);

/* Accepted or refused; events follow. A version that is there already is
 * done at once. */
gboolean builds_start(struct builds *builds, const char *task,
		      const char *image, const char *version,
		      const char *recipe, GError **error);
/* The same of a disk from elsewhere: file is a name in LIB/import/. One that
 * begins with BUILDS_COPY is removed when the task has ended. */
gboolean builds_import(struct builds *builds, const char *task,
		       const char *image, const char *version, const char *file,
		       GError **error);
#define BUILDS_COPY "copy-"
/* The same of a disk that a system was installed on; path of a qcow2. Stays. */
struct builds_installed {
	const char *profile; /* vmm/profile.h */
	gboolean uefi, plain;
	const char *machine; /* folder of what it was */
};
gboolean builds_take(struct builds *builds, const char *task, const char *image,
		     const char *version, const char *disk,
		     const struct builds_installed *installed, GError **error);
gboolean builds_has(struct builds *builds, const char *task);
/* Log and last picture of an installation that failed; new string, the folder
 * they are in, or NULL. And the error that tells it. */
char *builds_keep(struct builds *builds, const char *image, const char *version,
		  const char *machine);
GError *builds_tell_kept(const GError *error, const char *folder);
gboolean builds_cancel(struct builds *builds, const char *task, GError **error);
/* Array of event `task`, those under way. */
json_t *builds_describe(struct builds *builds);
