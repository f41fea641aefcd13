#include "display/codec/tight.h"

#include <string.h>

#include "display/codec/deflate.h"
#include "display/codec/filter.h"

enum {
	FILL = 0x80,
	JPEG = 0x90,
	FILTER = 0x40, /* a filter's number follows */
	PALETTE = 1,
	GRADIENT = 2,
	NO_ZLIB = 12, /* shorter data stands as it is */
};
/* Streams as everyone uses them. */
enum { STREAM_FULL, STREAM_TWO, STREAM_PALETTE, STREAM_GRADIENT };

/* A length has 22 bits. Full colour takes 3 bytes a pixel and hardly grows
 * when it does not compress: TIGHT_PIXELS_MAX of them stay below. */
#define LENGTH_MAX ((1u << 22) - 1)
G_STATIC_ASSERT(TIGHT_PIXELS_MAX * 3 + TIGHT_PIXELS_MAX / 16 < LENGTH_MAX);

/* JPEG's own headers take 600 bytes: below this size a rectangle is smaller
 * and sharper as it is. */
#define JPEG_PIXELS_MIN 1024u

struct tight_encoder {
	struct deflate *deflate;
	struct jpeg_encoder *jpeg;
	uint8_t *bytes; /* what goes into deflate */
	size_t room;
};

struct tight_encoder *tight_encoder_create(void)
{
	struct tight_encoder *self = g_new0(struct tight_encoder, 1);
	self->deflate = deflate_create();
	self->jpeg = jpeg_encoder_create();
	return self;
}

void tight_encoder_destroy(struct tight_encoder *self)
{
	if (!self)
		return;
	deflate_destroy(self->deflate);
	jpeg_encoder_destroy(self->jpeg);
	g_free(self->bytes);
	g_free(self);
}

static uint8_t *need(struct tight_encoder *self, size_t bytes)
{
	bytes += FILTER_SLACK;
	if (self->room < bytes) {
		g_free(self->bytes);
		self->bytes = g_malloc(bytes);
		self->room = bytes;
	}
	return self->bytes;
}

static bool fits(const struct codec_view *view)
{
	g_return_val_if_fail(codec_view_valid(view), false);
	return view->width <= TIGHT_WIDTH_MAX &&
	       (size_t)view->width * view->height <= TIGHT_PIXELS_MAX;
}

static uint8_t *put_pixel(uint8_t *p, uint32_t colour)
{
	*p++ = colour >> 16;
	*p++ = colour >> 8;
	*p++ = colour;
	return p;
}

void tight_fill(uint32_t colour, GByteArray *out)
{
	uint8_t body[4] = {FILL};
	put_pixel(body + 1, colour);
	g_byte_array_append(out, body, sizeof body);
}

/* The length of what stands behind `at`, put before it: 7, 7 and 8 bits. */
static void insert_length(GByteArray *out, guint at)
{
	unsigned length = out->len - at;
	uint8_t bytes[3] = {length & 0x7f, length >> 7 & 0x7f, length >> 14};
	unsigned n = length < 1 << 7 ? 1 : length < 1 << 14 ? 2 : 3;
	for (unsigned i = 0; i + 1 < n; i++)
		bytes[i] |= 0x80;
	codec_room(out, n);
	memmove(out->data + at + n, out->data + at, length);
	memcpy(out->data + at, bytes, n);
}

/* Control byte, filter, and the data as a zlib stream of its own: the reset
 * bit makes the viewer's end begin anew. */
static void put_data(struct tight_encoder *self, unsigned stream,
		     const uint8_t *filter, size_t filter_length,
		     enum deflate_mode mode, const uint8_t *data, size_t length,
		     unsigned row_bytes, unsigned pixel_bytes, GByteArray *out)
{
	uint8_t control = stream << 4 | (filter_length ? FILTER : 0);
	if (length >= NO_ZLIB)
		control |= 1u << stream;
	g_byte_array_append(out, &control, 1);
	g_byte_array_append(out, filter, filter_length);
	if (length < NO_ZLIB) {
		g_byte_array_append(out, data, length);
		return;
	}
	guint at = out->len;
	g_byte_array_append(out, (const guint8 *)DEFLATE_ZLIB_HEADER,
			    DEFLATE_ZLIB_HEADER_BYTES);
	deflate_append(self->deflate, mode, DEFLATE_LAST, data, length,
		       row_bytes, pixel_bytes, out);
	insert_length(out, at);
}

bool tight_jpeg(struct tight_encoder *self, const struct codec_view *view,
		unsigned quality, enum jpeg_sampling sampling, GByteArray *out)
{
	guint had = out->len;
	if (!fits(view))
		return false;
	*codec_room(out, 1) = JPEG;
	if (jpeg_encode(self->jpeg, view, quality, sampling, out) &&
	    out->len - had - 1 <= LENGTH_MAX) {
		insert_length(out, had + 1);
		return true;
	}
	g_byte_array_set_size(out, had);
	return false;
}

static void put_full(struct tight_encoder *self, const struct codec_view *view,
		     GByteArray *out)
{
	size_t row_bytes = view->width * 3u;
	uint8_t *bytes = need(self, row_bytes * view->height);
	for (unsigned y = 0; y < view->height; y++)
		filter_rgb(view->pixels + y * view->stride_px, view->width,
			   bytes + y * row_bytes);
	put_data(self, STREAM_FULL, NULL, 0, DEFLATE_MATCHES, bytes,
		 row_bytes * view->height, row_bytes, 3, out);
}

static void put_gradient(struct tight_encoder *self,
			 const struct codec_view *view, GByteArray *out)
{
	static const uint8_t filter = GRADIENT;
	size_t row_bytes = view->width * 3u;
	uint8_t *bytes = need(self, row_bytes * view->height);
	const uint32_t *above = NULL, *row = view->pixels;
	for (unsigned y = 0; y < view->height; y++) {
		filter_gradient(row, above, view->width, bytes + y * row_bytes);
		above = row;
		row += view->stride_px;
	}
	put_data(self, STREAM_GRADIENT, &filter, 1, DEFLATE_RUNS, bytes,
		 row_bytes * view->height, row_bytes, 3, out);
}

static void put_palette(struct tight_encoder *self,
			const struct codec_view *view,
			const struct codec_palette *palette, GByteArray *out)
{
	uint8_t filter[2 + 256 * 3], *f = filter + 2;
	bool two = palette->count == 2;
	size_t length = (size_t)view->width * view->height;
	filter[0] = PALETTE;
	filter[1] = palette->count - 1;
	for (unsigned i = 0; i < palette->count; i++)
		f = put_pixel(f, palette->colours[i]);
	if (two)
		length = codec_bits(view, palette->colours[0], self->bytes);
	put_data(self, two ? STREAM_TWO : STREAM_PALETTE, filter, f - filter,
		 DEFLATE_MATCHES, self->bytes, length,
		 two ? (view->width + 7) / 8 : view->width, 1, out);
}

/* Full colour by a filter or not: photographs are smaller by what a
 * prediction leaves over, text and drawings by what repeats. */
static void put_colours(struct tight_encoder *self,
			const struct codec_view *view, bool gradient,
			GByteArray *out)
{
	if (gradient) {
		struct codec_texture texture;
		codec_texture(view, 4, &texture);
		gradient = codec_classify(0, &texture) == CODEC_PICTURE;
	}
	if (gradient)
		put_gradient(self, view, out);
	else
		put_full(self, view, out);
}

/* An entry costs 3 bytes: it must pay over so many pixels. */
static unsigned palette_most(const struct codec_view *view)
{
	return CLAMP((size_t)view->width * view->height / 16, 2, 256);
}

/* Fill or palette; false if there are too many colours. */
static bool put_few(struct tight_encoder *self, const struct codec_view *view,
		    GByteArray *out)
{
	struct codec_palette palette;
	uint32_t colour;
	if (codec_solid(view, &colour)) {
		tight_fill(colour, out);
		return true;
	}
	uint8_t *places = need(self, (size_t)view->width * view->height);
	codec_palette_build(view, palette_most(view), &palette, places);
	if (!palette.count)
		return false;
	put_palette(self, view, &palette, out);
	return true;
}

bool tight_lossless(struct tight_encoder *self, const struct codec_view *view,
		    bool gradient, GByteArray *out)
{
	if (!fits(view))
		return false;
	if (!put_few(self, view, out))
		put_colours(self, view, gradient, out);
	return true;
}

bool tight_encode(struct tight_encoder *self, const struct codec_view *view,
		  const struct tight_options *options, bool *exact,
		  GByteArray *out)
{
	*exact = true;
	if (!fits(view))
		return false;
	if (put_few(self, view, out))
		return true;
	if (options->jpeg_quality &&
	    (size_t)view->width * view->height >= JPEG_PIXELS_MIN &&
	    tight_jpeg(self, view, options->jpeg_quality, options->sampling,
		       out))
		*exact = false;
	else
		put_colours(self, view, options->gradient, out);
	return true;
}
