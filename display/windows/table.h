/* table.h - the guest's windows as the stream knows them.
 *
 * A window here is what its COMMITs said: where its contents are now, where
 * those of a commit that waits for its pixels will be, and what the client
 * has not been sent. Everything else about windows passes through.
 *
 * Threads: the main loop's. Bounds: SEAM_WINDOWS_MAX, SEAM_PIXELS_MAX. */
#pragma once

#include <glib.h>

#include "display/windows/atlas.h"

/* What a COMMIT says besides pixels, kept until it can be told. */
struct frame {
	struct atlas_place place;
	uint32_t generation, number;
	uint32_t configure;
	bool refused;
	uint32_t scale, left, top, right, bottom;
};

struct window {
	uint32_t id;
	uint8_t kind;
	bool unmapped; /* by the client */
	/* shown: what is being sent or was. valid from the first commit on. */
	struct frame shown;
	bool valid;
	bool by_port; /* its contents come as PIXELS: shown is not in a head */
	struct rect at; /* of shown, in the desktop; w 0: not there now */
	struct atlas_damage changed; /* of the atlas, not committed yet */
	struct atlas_damage due;     /* committed, not sent yet */
	bool told_due;               /* a COMMIT is owed to the client */
	/* waits: newest commit whose pixels have not come; number valid */
	struct frame waits;
	bool waiting, waits_whole;
	gint64 waits_since_us;
	GArray *waits_damage; /* struct seam_rect, bounded */
	/* towards the client */
	uint32_t frame;    /* last one sent */
	uint32_t released; /* last one it has shown */
	gint64 served;     /* turn counter of the last tile sent */
};

struct table;

struct table *table_new(void);
void table_free(struct table *self);
void table_clear(struct table *self);
struct window *table_find(struct table *self, uint32_t id);
/* NULL beyond SEAM_WINDOWS_MAX. An id that is there is begun anew. */
struct window *table_add(struct table *self, uint32_t id, uint8_t kind);
void table_remove(struct table *self, uint32_t id);
unsigned table_count(const struct table *self);
/* For loops: windows in no order; NULL at the end. Nothing may be added or
 * removed meanwhile. */
struct window *table_at(struct table *self, unsigned i);
/* Pixels of all windows but one. */
uint64_t table_pixels(struct table *self, const struct window *but);

/* A COMMIT has come: replaces one that waits. */
void window_commit(struct window *window, const struct seam_commit *commit,
		   gint64 now_us);
/* Its contents come by the port from now on: what is of a head is void. */
void window_go_by_port(struct window *window);
/* A COMMIT of such contents. */
void window_commit_by_port(struct window *window,
			   const struct seam_commit *commit);
/* Makes the waiting commit the one to be sent; `at` is its rectangle. */
void window_accept(struct window *window, const struct rect *at);
