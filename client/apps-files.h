/* apps-files.h - files that an application is to open go into the guest.
 *
 * A FILE that is there on this computer is carried over before the launch,
 * with a window that shows how far it is and lets it be cancelled when it
 * takes longer than a moment; any other is taken for a path in the guest.
 * Threads: main. */
#pragma once

#include "client/seamless.h"

struct apps_files;

struct apps_files_handlers {
	/* A file is there, or back: see whether there is more to do. */
	void (*moved)(void *data);
	/* It is not: the launch it was for is not to be. */
	void (*failed)(const char *title, const char *text, void *data);
};

struct apps_files *apps_files_new(struct seamless *seamless,
				  const struct apps_files_handlers *handlers,
				  void *data);
void apps_files_free(struct apps_files *files);

/* Replaces files[*at] and on by their paths in the guest. TRUE: all are;
 * FALSE: one is on its way, or has failed. */
gboolean apps_files_carry(struct apps_files *files, char **paths, unsigned *at);
/* The line is cut: what was on its way begins anew with the next carry. */
void apps_files_cut(struct apps_files *files);
gboolean apps_files_busy(const struct apps_files *files);

/* From the handlers of struct seamless. */
void apps_files_progress(struct apps_files *files, double fraction);
void apps_files_sent(struct apps_files *files, const char *guest_path,
		     const GError *error);
void apps_files_saved(struct apps_files *files, const char *path,
		      const char *backup, const GError *error);
