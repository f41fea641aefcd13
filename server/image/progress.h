/* progress.h - how far a build is, for programs and for people.
 *
 * The whole build is PROGRESS_TOTAL units; each stage has a share measured on
 * a real build, so that the bar moves at an even pace and what is left can be
 * told. `done` never falls. On a descriptor it is one JSON object a line
 * (docs/machine.md, "Image builder"); on a terminal a bar.
 * Threads: one. */
#pragma once

#include <glib.h>
#include <jansson.h>

#define PROGRESS_TOTAL 1000u

enum progress_stage {
	STAGE_CHECK,    /* recipe, tools, room */
	STAGE_LISTS,    /* package lists */
	STAGE_FETCH,    /* download of the essential packages */
	STAGE_BASE,     /* and their installation */
	STAGE_DOWNLOAD, /* everything else */
	STAGE_UNPACK,
	STAGE_CONFIGURE,
	STAGE_SETUP,   /* the recipe's files and commands */
	STAGE_DISK,    /* file system */
	STAGE_CONVERT, /* qcow2 */
	STAGE_FINISH,  /* sums, manifest, cache */
	STAGES,
};

struct progress;

/* fd -1: none. terminal: draw a bar on stderr. */
struct progress *progress_new(int fd, gboolean terminal);
void progress_free(struct progress *self);

/* Enters a stage, or moves within it: fraction 0..1. Going back is ignored.
 * message: what is being done now, for people; NULL keeps the last. */
void progress_set(struct progress *self, enum progress_stage stage,
		  double fraction, const char *message);

/* The last line: result or error. */
void progress_done(struct progress *self, json_t *manifest);
void progress_failed(struct progress *self, const GError *error);

/* Lines of mmdebstrap, apt and dpkg into progress. Takes only what they have
 * printed for many years; a line it does not know moves nothing. */
struct progress_reader {
	struct progress *progress;
	unsigned phase;    /* 0 essential packages, 1 the rest */
	unsigned packages; /* of this phase, to be installed */
	double bytes;      /* of this phase, to be downloaded */
	double fetched;
	unsigned unpacked, configured;
};
void progress_read(struct progress_reader *self, const char *line);
