#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "display/codec/analyse.h"
#include "display/codec/deflate.h"
#include "display/codec/filter.h"
#include "display/codec/jpeg.h"
#include "tests/bench/codec-own.h"

enum { SIDE = 256, ROUNDS = 9, PARTS_MAX = 64, METHODS_MAX = 4 };

/* A part's bytes as Tight hands them to deflate. */
enum sort { SORT_PALETTE, SORT_FULL, SORT_GRADIENT, SORTS };
static const char *const sort_names[] = {"palette", "full colour", "gradient"};

struct part {
	enum sort sort;
	uint8_t *bytes;
	size_t length;
	unsigned row_bytes, pixel_bytes;
};

struct own {
	const char *picture;
	struct part parts[PARTS_MAX];
	unsigned count;
	struct codec_view views[PARTS_MAX];
	GByteArray *out;
	FILE *json;
	bool *more;
};

static double cpu_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void make_part(struct part *part, const struct codec_view *view)
{
	struct codec_palette palette;
	struct codec_texture texture;
	size_t pixels = (size_t)view->width * view->height;
	size_t row = view->width * 3u;
	part->bytes = g_malloc(pixels * 3 + FILTER_SLACK);
	codec_palette_build(view, 256, &palette, part->bytes);
	if (palette.count) {
		part->sort = SORT_PALETTE;
		part->length = pixels;
		part->row_bytes = view->width;
		part->pixel_bytes = 1;
		return;
	}
	codec_texture(view, 4, &texture);
	part->sort = codec_classify(0, &texture) == CODEC_PICTURE
			 ? SORT_GRADIENT
			 : SORT_FULL;
	for (unsigned y = 0; y < view->height; y++) {
		const uint32_t *at = view->pixels + y * view->stride_px;
		if (part->sort == SORT_FULL)
			filter_rgb(at, view->width, part->bytes + y * row);
		else
			filter_gradient(at, y ? at - view->stride_px : NULL,
					view->width, part->bytes + y * row);
	}
	part->length = row * view->height;
	part->row_bytes = (unsigned)row;
	part->pixel_bytes = 3;
}

/* ---- methods: all parts of a sort, one after the other ---- */

static void by_deflate(struct own *self, enum sort sort, int unused)
{
	static struct deflate *deflate;
	if (!deflate)
		deflate = deflate_create();
	for (unsigned i = 0; i < self->count; i++) {
		const struct part *part = &self->parts[i];
		if (part->sort == sort)
			deflate_append(deflate,
				       sort == SORT_GRADIENT ? DEFLATE_RUNS
							     : DEFLATE_MATCHES,
				       DEFLATE_LAST, part->bytes, part->length,
				       part->row_bytes, part->pixel_bytes,
				       self->out);
	}
}

static void by_zlib(struct own *self, enum sort sort, int how)
{
	z_stream stream = {0};
	int level = how & 15, strategy = how >> 4;
	if (deflateInit2(&stream, level, Z_DEFLATED, -15, 9, strategy) != Z_OK)
		g_error("zlib");
	for (unsigned i = 0; i < self->count; i++) {
		const struct part *part = &self->parts[i];
		if (part->sort != sort)
			continue;
		guint had = self->out->len;
		size_t room = deflateBound(&stream, part->length);
		deflateReset(&stream);
		g_byte_array_set_size(self->out, had + room);
		stream.next_in = part->bytes;
		stream.avail_in = part->length;
		stream.next_out = self->out->data + had;
		stream.avail_out = room;
		if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
			g_error("zlib does not end");
		g_byte_array_set_size(self->out, had + room - stream.avail_out);
	}
	deflateEnd(&stream);
}

/* how: quality, and 256 for 4:2:0; limited to SSE2, jpeg.c leaves everything
 * to libjpeg-turbo, which has AVX2 of its own. */
static void jpegs(struct own *self, int how)
{
	static struct jpeg_encoder *jpeg;
	if (!jpeg)
		jpeg = jpeg_encoder_create();
	for (unsigned i = 0; i < self->count; i++)
		if (self->parts[i].sort == SORT_GRADIENT &&
		    !jpeg_encode(jpeg, &self->views[i], how & 255,
				 how & 256 ? JPEG_420 : JPEG_444, self->out))
			g_error("jpeg");
}

static void by_jpeg_fast(struct own *self, enum sort sort, int how)
{
	jpegs(self, how);
}

static void by_libjpeg(struct own *self, enum sort sort, int how)
{
	codec_isa_limit(CODEC_SSE2);
	jpegs(self, how);
	codec_isa_limit(CODEC_AVX2);
}

/* ---- a contest ---- */

struct method {
	const char *name; /* the first is ours; NULL ends them */
	void (*run)(struct own *self, enum sort sort, int how);
	int how;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void contest(struct own *self, const char *what, enum sort sort,
		    const struct method *methods)
{
	double ms[METHODS_MAX][ROUNDS], pixels = 0;
	size_t bytes[METHODS_MAX];
	for (unsigned i = 0; i < self->count; i++)
		if (self->parts[i].sort == sort)
			pixels += (double)self->views[i].width *
				  self->views[i].height;
	if (!pixels)
		return;
	for (int round = 0; round < ROUNDS; round++)
		for (int m = 0; methods[m].name; m++) {
			g_byte_array_set_size(self->out, 0);
			double begun = cpu_ms();
			methods[m].run(self, sort, methods[m].how);
			ms[m][round] = cpu_ms() - begun;
			bytes[m] = self->out->len;
		}
	for (int m = 0; methods[m].name; m++) {
		qsort(ms[m], ROUNDS, sizeof(double), by_value);
		double middle = ms[m][ROUNDS / 2], ours = ms[0][ROUNDS / 2];
		printf("%-9s %-20s %-18s %7.0f Mpx/s %7zu KB",
		       m ? "" : self->picture, m ? "" : what, methods[m].name,
		       pixels / 1000 / middle, bytes[m] / 1000);
		if (m)
			printf(" | ours: %5.2f times as fast, %4.2f of the "
			       "bytes",
			       middle / ours, (double)bytes[0] / bytes[m]);
		printf("\n");
		fprintf(self->json,
			"%s\n{\"picture\": \"%s\", \"what\": \"%s\", "
			"\"method\": \"%s\", \"ms\": %.3f, \"bytes\": %zu, "
			"\"pixels\": %.0f}",
			*self->more ? "," : "", self->picture, what,
			methods[m].name, middle, bytes[m], pixels);
		*self->more = true;
	}
	fflush(stdout);
}

void codec_own_run(const char *picture, const uint32_t *pixels, unsigned width,
		   unsigned height, FILE *json, bool *more)
{
	enum { RLE = Z_RLE << 4, FILTERED = Z_FILTERED << 4 };
	static const struct method matches[] = {{"deflate.c", by_deflate, 0},
						{"zlib 1", by_zlib, 1},
						{"zlib 2", by_zlib, 2},
						{NULL, NULL, 0}};
	static const struct method runs[] = {{"deflate.c", by_deflate, 0},
					     {"zlib 1", by_zlib, 1},
					     {"zlib 1, runs", by_zlib, 1 | RLE},
					     {NULL, NULL, 0}};
	struct own self = {
	    .picture = picture,
	    .out = g_byte_array_new(),
	    .json = json,
	    .more = more,
	};
	const struct codec_view whole = {pixels, width, width, height};
	for (unsigned y = 0; y < height; y += SIDE)
		for (unsigned x = 0; x < width && self.count < PARTS_MAX;
		     x += SIDE) {
			struct codec_view *view = &self.views[self.count];
			*view =
			    codec_view_part(&whole, x, y, MIN(SIDE, width - x),
					    MIN(SIDE, height - y));
			make_part(&self.parts[self.count++], view);
		}
	for (enum sort sort = 0; sort < SORTS; sort++)
		contest(&self, sort_names[sort], sort,
			sort == SORT_GRADIENT ? runs : matches);
	static const struct {
		const char *name;
		int how;
	} forms[] = {{"jpeg 92 4:4:4", 92},
		     {"jpeg 79 4:4:4", 79},
		     {"jpeg 77 4:2:0", 77 | 256},
		     {"jpeg 42 4:2:0", 42 | 256}};
	for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
		const struct method jpeg[] = {
		    {"jpeg-fast.c", by_jpeg_fast, forms[i].how},
		    {"libjpeg-turbo", by_libjpeg, forms[i].how},
		    {NULL, NULL, 0}};
		contest(&self, forms[i].name, SORT_GRADIENT, jpeg);
	}
	for (unsigned i = 0; i < self.count; i++)
		g_free(self.parts[i].bytes);
	g_byte_array_unref(self.out);
}
