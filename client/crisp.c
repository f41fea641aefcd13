#include "client/crisp.h"

#include <glib.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Where one pixel of the enlarged picture comes from: two neighbours, and the
 * first one's part in 256. */
struct tap {
	int first, second;
	uint32_t part;
};

static struct tap tap_at(int at, double scale, int size)
{
	double begin = at / scale, end = (at + 1) / scale;
	int first = (int)floor(begin + 1e-9);
	double inside = MIN(first + 1 - begin, end - begin) * scale;
	return (struct tap){
	    .first = MIN(first, size - 1),
	    .second = MIN(first + 1, size - 1),
	    .part = (uint32_t)lround(CLAMP(inside, 0, 1) * 256),
	};
}

/* Two channels at a time, each with eight bits to spare. */
static inline uint32_t mix(uint32_t a, uint32_t b, uint32_t part)
{
	uint32_t rest = 256 - part;
	uint32_t even =
	    (a & 0xff00ff) * part + (b & 0xff00ff) * rest + 0x800080;
	uint32_t odd =
	    (a >> 8 & 0xff00ff) * part + (b >> 8 & 0xff00ff) * rest + 0x800080;
	return (even >> 8 & 0xff00ff) | (odd & 0xff00ff00);
}

static void widen(const uint32_t *line, const struct tap *taps, uint32_t *out,
		  int width)
{
	for (int i = 0; i < width; i++)
		out[i] = taps[i].part == 256
			     ? line[taps[i].first]
			     : mix(line[taps[i].first], line[taps[i].second],
				   taps[i].part);
}

static bool fits(cairo_surface_t *surface)
{
	if (cairo_surface_get_type(surface) != CAIRO_SURFACE_TYPE_IMAGE ||
	    cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS ||
	    cairo_image_surface_get_width(surface) < 1 ||
	    cairo_image_surface_get_height(surface) < 1)
		return false;
	cairo_format_t format = cairo_image_surface_get_format(surface);
	return format == CAIRO_FORMAT_RGB24 || format == CAIRO_FORMAT_ARGB32;
}

/* The line of that number, widened; kept in one of two places. */
struct widened {
	uint32_t *pixels[2];
	int number[2];
	const unsigned char *data;
	int stride, width;
	const struct tap *taps;
};

static const uint32_t *line_of(struct widened *self, int number, int keep)
{
	for (int i = 0; i < 2; i++)
		if (self->number[i] == number)
			return self->pixels[i];
	int slot = self->number[0] == keep ? 1 : 0;
	const void *line = self->data + (gsize)number * (gsize)self->stride;
	widen(line, self->taps, self->pixels[slot], self->width);
	self->number[slot] = number;
	return self->pixels[slot];
}

bool crisp_enlarge(cairo_surface_t *picture, cairo_surface_t *out, int left,
		   int top, double scale)
{
	if (!fits(picture) || !fits(out) || !(scale >= 1) || left < 0 ||
	    top < 0)
		return false;
	cairo_surface_flush(picture);
	int width = cairo_image_surface_get_width(out);
	int height = cairo_image_surface_get_height(out);
	int picture_width = cairo_image_surface_get_width(picture);
	int picture_height = cairo_image_surface_get_height(picture);
	g_autofree struct tap *taps = g_try_new(struct tap, (gsize)width);
	g_autofree uint32_t *lines = g_try_new(uint32_t, 2 * (gsize)width);
	if (!taps || !lines)
		return false;
	for (int i = 0; i < width; i++)
		taps[i] = tap_at(left + i, scale, picture_width);
	struct widened widened = {
	    .pixels = {lines, lines + width},
	    .number = {-1, -1},
	    .data = cairo_image_surface_get_data(picture),
	    .stride = cairo_image_surface_get_stride(picture),
	    .width = width,
	    .taps = taps,
	};
	unsigned char *data = cairo_image_surface_get_data(out);
	int stride = cairo_image_surface_get_stride(out);
	for (int y = 0; y < height; y++) {
		struct tap tap = tap_at(top + y, scale, picture_height);
		uint32_t *row = (void *)(data + (gsize)y * (gsize)stride);
		const uint32_t *a = line_of(&widened, tap.first, tap.second);
		if (tap.part == 256 || tap.first == tap.second) {
			memcpy(row, a, (gsize)width * 4);
			continue;
		}
		const uint32_t *b = line_of(&widened, tap.second, tap.first);
		for (int x = 0; x < width; x++)
			row[x] = mix(a[x], b[x], tap.part);
	}
	cairo_surface_mark_dirty(out);
	return true;
}
