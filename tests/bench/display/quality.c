/* quality.c - peak signal to noise of what was shown. */
#include "tests/bench/display/quality.h"

#include <math.h>
#include <string.h>

#include "tests/bench/display/figures.h"
#include "tests/bench/display/wire.h"

#define PICTURES 5u
#define TILE     16u
#define AHEAD    12u /* frames that a part may be newer than its picture */

struct picture {
	unsigned frame, newest;
	uint32_t *pixels;
	struct tile_error *best; /* by tile */
};

struct tile_error {
	double squares, pixels; /* squares < 0: not judged yet */
};

struct quality {
	const struct recording *recording;
	const struct recording_header *header;
	unsigned columns, tiles, count;
	struct picture pictures[PICTURES];
};

struct quality *quality_create(const struct recording *recording)
{
	struct quality *self = g_new0(struct quality, 1);
	self->recording = recording;
	self->header = recording_header(recording);
	self->columns = (self->header->width + TILE - 1) / TILE;
	self->tiles =
	    self->columns * ((self->header->height + TILE - 1) / TILE);
	return self;
}

void quality_destroy(struct quality *self)
{
	for (unsigned i = 0; i < self->count; i++) {
		g_free(self->pictures[i].pixels);
		g_free(self->pictures[i].best);
	}
	g_free(self);
}

void quality_look(struct quality *self, unsigned frame, unsigned newest,
		  const uint32_t *pixels)
{
	unsigned every = self->header->frames / (PICTURES + 1);
	if (self->count == PICTURES || frame < every * (self->count + 1))
		return;
	size_t size = (size_t)self->header->width * self->header->height * 4;
	struct picture *picture = &self->pictures[self->count++];
	picture->frame = frame;
	picture->newest = MIN(newest, frame + AHEAD);
	picture->pixels = g_memdup2(pixels, size);
	picture->best = g_new(struct tile_error, self->tiles);
	for (unsigned i = 0; i < self->tiles; i++)
		picture->best[i].squares = -1;
}

static bool in_rects(const struct quality *self, unsigned frame, unsigned x,
		     unsigned y)
{
	const struct recording_rect *r =
	    recording_rects(self->recording, frame);
	unsigned count = recording_frame(self->recording, frame)->rects;
	for (unsigned i = 0; i < count; i++)
		if (x - r[i].x < r[i].w && y - r[i].y < r[i].h)
			return true;
	return false;
}

static struct tile_error judge_tile(const struct quality *self,
				    const struct picture *picture,
				    unsigned tile, const uint32_t *truth)
{
	struct tile_error error = {0};
	const struct mark *key = &self->header->key;
	unsigned left = tile % self->columns * TILE;
	unsigned top = tile / self->columns * TILE;
	unsigned right = MIN(left + TILE, self->header->width);
	unsigned bottom = MIN(top + TILE, self->header->height);
	for (unsigned y = top; y < bottom; y++)
		for (unsigned x = left; x < right; x++) {
			size_t at = (size_t)y * self->header->width + x;
			uint32_t a = truth[at], b = picture->pixels[at];
			if (y - key->y < key->block &&
			    x - key->x < key->block * MARK_BITS)
				continue; /* not in the recording */
			if (!in_rects(self, picture->frame, x, y))
				continue;
			error.pixels++;
			for (int s = 0; s < 24 && a != b; s += 8) {
				double d = (double)(a >> s & 255) -
					   (double)(b >> s & 255);
				error.squares += d * d;
			}
		}
	return error;
}

static void judge_frame(const struct quality *self, unsigned frame,
			const uint32_t *truth)
{
	for (unsigned i = 0; i < self->count; i++) {
		const struct picture *picture = &self->pictures[i];
		if (frame < picture->frame || frame > picture->newest)
			continue;
		for (unsigned t = 0; t < self->tiles; t++) {
			struct tile_error *best = &picture->best[t];
			if (best->squares == 0)
				continue;
			struct tile_error now =
			    judge_tile(self, picture, t, truth);
			if (best->squares < 0 || now.squares < best->squares)
				*best = now;
		}
	}
}

static double decibels(const struct quality *self,
		       const struct picture *picture)
{
	double squares = 0, pixels = 0;
	for (unsigned t = 0; t < self->tiles; t++) {
		squares += picture->best[t].squares;
		pixels += picture->best[t].pixels;
	}
	if (squares <= 0)
		return 99;
	return MIN(99, 10 * log10(255.0 * 255 * 3 * pixels / squares));
}

double quality_judge(const struct quality *self)
{
	size_t size = (size_t)self->header->width * self->header->height * 4;
	g_autofree uint32_t *truth = g_malloc0(size);
	g_autofree uint32_t *pixels = g_malloc(size * 2);
	struct figures all = {0};
	for (unsigned frame = 0; frame < self->header->frames; frame++) {
		if (recording_frame(self->recording, frame)->raw_bytes >
			size * 2 ||
		    !recording_pixels(self->recording, frame, pixels))
			die("frame %u of the recording is damaged", frame);
		recording_apply(self->recording, frame, pixels, truth,
				self->header->width);
		judge_frame(self, frame, truth);
	}
	for (unsigned i = 0; i < self->count; i++)
		figures_add(&all, decibels(self, &self->pictures[i]));
	return figures_at(&all, 0.5);
}
