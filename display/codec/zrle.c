#include "display/codec/zrle.h"

#include <string.h>

#include "display/codec/deflate.h"
#include "display/codec/filter.h"

enum { TILE = 64, PALETTE_MAX = 127 };
/* Forms of a tile: 0 full colour, 1 one colour, 2..16 packed palette,
 * 128 runs, 130..255 runs of a palette. */
enum { FULL = 0, SOLID = 1, RUNS = 128 };

struct zrle_encoder {
	struct deflate *deflate;
	uint8_t *bytes;
	size_t room;
	uint8_t places[TILE * TILE];
};

struct zrle_encoder *zrle_encoder_create(void)
{
	struct zrle_encoder *self = g_new0(struct zrle_encoder, 1);
	self->deflate = deflate_create();
	return self;
}

void zrle_encoder_destroy(struct zrle_encoder *self)
{
	if (!self)
		return;
	deflate_destroy(self->deflate);
	g_free(self->bytes);
	g_free(self);
}

static uint8_t *put_pixel(uint8_t *p, uint32_t colour, enum zrle_order order)
{
	unsigned red = order == ZRLE_RGB ? 16 : 0;
	p[0] = colour >> red;
	p[1] = colour >> 8;
	p[2] = colour >> (16 - red);
	return p + 3;
}

static uint8_t *put_packed(const uint8_t *places, unsigned bits, unsigned w,
			   unsigned h, uint8_t *p)
{
	for (unsigned y = 0; y < h; y++) {
		unsigned byte = 0, have = 0;
		for (unsigned x = 0; x < w; x++) {
			byte = byte << bits | *places++;
			have += bits;
			if (have == 8) {
				*p++ = byte;
				byte = have = 0;
			}
		}
		if (have)
			*p++ = byte << (8 - have);
	}
	return p;
}

/* A length less one, in bytes that add up. */
static uint8_t *put_run(uint8_t *p, unsigned run)
{
	for (run--; run >= 255; run -= 255)
		*p++ = 255;
	*p++ = run;
	return p;
}

/* Runs of palette places. Returns NULL when they take `most` bytes or more. */
static uint8_t *put_runs(const uint8_t *places, unsigned count, uint8_t *p,
			 size_t most)
{
	const uint8_t *stop = p + most;
	for (unsigned i = 0; i < count;) {
		unsigned run = 1, place = places[i];
		while (i + run < count && places[i + run] == place)
			run++;
		i += run;
		if (p + 2 + run / 255 >= stop)
			return NULL;
		if (run == 1) {
			*p++ = place;
			continue;
		}
		*p++ = place | 128;
		p = put_run(p, run);
	}
	return p;
}

static uint8_t *put_full(const struct codec_view *tile, enum zrle_order order,
			 uint8_t *p)
{
	*p++ = FULL;
	const uint32_t *row = tile->pixels;
	for (unsigned y = 0; y < tile->height; y++, row += tile->stride_px) {
		if (order == ZRLE_RGB)
			filter_rgb(row, tile->width, p);
		else
			filter_bgr(row, tile->width, p);
		p += tile->width * 3;
	}
	return p;
}

/* Runs of pixels, full colour where these would take more. A run may go on
 * into the next row. */
static uint8_t *put_many(const struct codec_view *tile, enum zrle_order order,
			 uint8_t *form)
{
	uint8_t *p = form + 1;
	const uint8_t *stop = p + (size_t)tile->width * tile->height * 3;
	const uint32_t *row = tile->pixels;
	uint32_t last = row[0];
	unsigned run = 0;
	*form = RUNS;
	for (unsigned y = 0; y < tile->height; y++, row += tile->stride_px)
		for (unsigned x = 0; x < tile->width; x++) {
			if (row[x] == last) {
				run++;
				continue;
			}
			if (p + 4 + run / 255 >= stop)
				return put_full(tile, order, form);
			p = put_run(put_pixel(p, last, order), run);
			last = row[x];
			run = 1;
		}
	return put_run(put_pixel(p, last, order), run);
}

static uint8_t *put_tile(struct zrle_encoder *self,
			 const struct codec_view *tile, enum zrle_order order,
			 uint8_t *p)
{
	struct codec_palette palette;
	unsigned w = tile->width, h = tile->height;
	uint32_t colour;
	if (codec_solid(tile, &colour)) {
		*p++ = SOLID;
		return put_pixel(p, colour, order);
	}
	codec_palette_build(tile, PALETTE_MAX, &palette, self->places);
	if (!palette.count)
		return put_many(tile, order, p);
	/* The shorter of packed places and runs; full colour if both are long.
	 */
	uint8_t *form = p++;
	for (unsigned i = 0; i < palette.count; i++)
		p = put_pixel(p, palette.colours[i], order);
	size_t most = (size_t)w * h * 3;
	if (palette.count <= 16) {
		unsigned bits = palette.count > 4   ? 4
				: palette.count > 2 ? 2
						    : 1;
		size_t packed = (w * bits + 7) / 8 * h;
		*form = RUNS + palette.count;
		uint8_t *end = put_runs(self->places, w * h, p, packed);
		if (end)
			return end;
		*form = palette.count;
		if (bits == 1)
			return p + codec_bits(tile, palette.colours[0], p);
		return put_packed(self->places, bits, w, h, p);
	}
	*form = RUNS + palette.count;
	p = put_runs(self->places, w * h, p, most);
	return p ? p : put_many(tile, order, form);
}

bool zrle_encode(struct zrle_encoder *self, const struct codec_view *view,
		 enum zrle_order order, GByteArray *out)
{
	g_return_val_if_fail(codec_view_valid(view), false);
	size_t columns = (view->width + TILE - 1) / TILE;
	size_t rows = (view->height + TILE - 1) / TILE;
	size_t need = columns * rows * (TILE * TILE * 3 + 512) + FILTER_SLACK;
	if (need > DEFLATE_INPUT_MAX)
		return false;
	if (self->room < need) {
		g_free(self->bytes);
		self->bytes = g_malloc(need);
		self->room = need;
	}
	uint8_t *p = self->bytes;
	for (unsigned y = 0; y < view->height; y += TILE)
		for (unsigned x = 0; x < view->width; x += TILE) {
			struct codec_view tile = codec_view_part(
			    view, x, y, MIN(TILE, view->width - x),
			    MIN(TILE, view->height - y));
			p = put_tile(self, &tile, order, p);
		}
	deflate_append(self->deflate, DEFLATE_MATCHES, DEFLATE_ALIGNED,
		       self->bytes, p - self->bytes, 0, 3, out);
	return true;
}

void zrle_frame(const GByteArray *encoded, bool *begun, GByteArray *out)
{
	guint32 length = encoded->len;
	if (!*begun)
		length += DEFLATE_ZLIB_HEADER_BYTES;
	guint32 wire = GUINT32_TO_BE(length);
	g_byte_array_append(out, (const guint8 *)&wire, 4);
	if (!*begun)
		g_byte_array_append(out, (const guint8 *)DEFLATE_ZLIB_HEADER,
				    DEFLATE_ZLIB_HEADER_BYTES);
	*begun = true;
	g_byte_array_append(out, encoded->data, encoded->len);
}
