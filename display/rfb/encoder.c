#include "display/rfb/encoder.h"

#include <string.h>

/* Tight at full colour: 3 or 4 bytes a pixel; ZRLE: 1 more per tile. */
#define VALUES_MAX  RFB_RECT_PIXELS
#define SCRATCH_MAX (VALUES_MAX * 5u)

static void coder_free(void *data)
{
	struct rfb_coder *self = data;
	if (self->stream_on)
		deflateEnd(&self->stream);
	tight_encoder_destroy(self->tight);
	zrle_encoder_destroy(self->zrle);
	g_free(self->values);
	g_free(self->scratch);
	g_free(self);
}

static struct rfb_coder *coder_of_thread(const struct rfb_style *style)
{
	static GPrivate key = G_PRIVATE_INIT(coder_free);
	struct rfb_coder *self = g_private_get(&key);
	bool fresh = !self;
	if (fresh) {
		self = g_new0(struct rfb_coder, 1);
		self->values = g_new(uint32_t, VALUES_MAX);
		self->scratch = g_malloc(SCRATCH_MAX);
		self->tight = tight_encoder_create();
		self->zrle = zrle_encoder_create();
		g_private_set(&key, self);
	}
	if (fresh || memcmp(&self->style.format, &style->format,
			    sizeof style->format) != 0)
		rfb_format_init(&self->format, &style->format);
	self->style = *style;
	return self;
}

bool rfb_deflate(struct rfb_coder *self, const uint8_t *in, size_t length,
		 GByteArray *out)
{
	z_stream *stream = &self->stream;
	int level = CLAMP(self->style.compress, 1, 9);
	if (self->stream_on && self->stream_level != level) {
		deflateEnd(stream);
		self->stream_on = false;
	}
	if (!self->stream_on) {
		memset(stream, 0, sizeof *stream);
		if (deflateInit2(stream, level, Z_DEFLATED, -15, 8,
				 Z_DEFAULT_STRATEGY) != Z_OK)
			return false;
		self->stream_on = true;
		self->stream_level = level;
	} else if (deflateReset(stream) != Z_OK) {
		return false;
	}
	stream->next_in = (Bytef *)in;
	stream->avail_in = length;
	/* room for what does not compress; more is made if it is not enough */
	size_t room = length + length / 64 + 64;
	for (;;) {
		guint before = out->len;
		stream->next_out = rfb_grow(out, room);
		stream->avail_out = room;
		int result = deflate(stream, Z_SYNC_FLUSH);
		g_byte_array_set_size(out, before + room - stream->avail_out);
		if (result != Z_OK && result != Z_BUF_ERROR)
			return false;
		if (stream->avail_out)
			return true;
		room = 4096;
	}
}

static uint32_t hash(uint32_t value)
{
	return value * 2654435761u >> 22;
}

unsigned rfb_palette_build(struct rfb_palette *self, const uint32_t *values,
			   size_t count, unsigned most)
{
	memset(self->places, 0, sizeof self->places);
	self->count = 0;
	uint32_t last = ~values[0];
	for (size_t i = 0; i < count; i++) {
		uint32_t value = values[i];
		if (value == last)
			continue;
		last = value;
		uint32_t at = hash(value);
		while (self->places[at] && self->keys[at] != value)
			at = (at + 1) & 1023;
		if (self->places[at])
			continue;
		if (self->count == most)
			return 0;
		self->keys[at] = value;
		self->colours[self->count] = value;
		self->places[at] = ++self->count;
	}
	return self->count;
}

unsigned rfb_palette_place(const struct rfb_palette *self, uint32_t value)
{
	uint32_t at = hash(value);
	while (self->keys[at] != value || !self->places[at])
		at = (at + 1) & 1023;
	return self->places[at] - 1u;
}

static void encode_raw(struct rfb_coder *self, unsigned w, unsigned h,
		       GByteArray *out)
{
	size_t count = (size_t)w * h;
	uint8_t *p = rfb_grow(out, count * self->format.bytes);
	for (size_t i = 0; i < count; i++)
		p = rfb_put_pixel(&self->format, self->values[i], p);
}

static bool encode_zlib(struct rfb_coder *self, unsigned w, unsigned h,
			GByteArray *out)
{
	size_t count = (size_t)w * h;
	uint8_t *p = self->scratch;
	for (size_t i = 0; i < count; i++)
		p = rfb_put_pixel(&self->format, self->values[i], p);
	return rfb_deflate(self, self->scratch, p - self->scratch, out);
}

/* ---- formats with 24-bit colour, which nearly all clients use ---- */

/* A CPIXEL's bytes, if they are the three channels in an order that the
 * encoder knows. */
static bool zrle_order_of(const struct rfb_format *format,
			  enum zrle_order *order)
{
	static const uint32_t pixel = 0x010203;
	uint32_t value;
	uint8_t bytes[4];
	rfb_format_map(format, &pixel, &value, 1);
	if (format->cpixel_bytes != 3 ||
	    rfb_put_cpixel(format, value, bytes) != bytes + 3)
		return false;
	*order = bytes[0] == 1 ? ZRLE_RGB : ZRLE_BGR;
	return memcmp(bytes, "\1\2\3", 3) == 0 ||
	       memcmp(bytes, "\3\2\1", 3) == 0;
}

/* False: not such a format, or not such an encoding. */
static bool encode_24(struct rfb_coder *self, const struct codec_view *view,
		      bool *exact, GByteArray *out)
{
	const struct rfb_style *style = &self->style;
	enum zrle_order order;
	if (style->encoding == RFB_ENC_ZRLE &&
	    zrle_order_of(&self->format, &order))
		return zrle_encode(self->zrle, view, order, out);
	if (style->encoding != RFB_ENC_TIGHT || self->format.tpixel_bytes != 3)
		return false;
	struct tight_options options = {
	    .jpeg_quality = style->quality,
	    .sampling = style->full_colour ? JPEG_444 : JPEG_420,
	    .gradient = style->gradient,
	};
	return tight_encode(self->tight, view, &options, exact, out);
}

/* Four shades of each channel, black and white among them: text stays text,
 * in half the bytes. Returns whether anything was lost. */
static bool roughen(const struct codec_view *view, uint32_t *out)
{
	uint32_t lost = 0;
	for (unsigned y = 0; y < view->height; y++) {
		const uint32_t *row =
		    view->pixels + (size_t)y * view->stride_px;
		for (unsigned x = 0; x < view->width; x++) {
			uint32_t top = row[x] & 0xc0c0c0;
			uint32_t pixel = top | top >> 2 | top >> 4 | top >> 6;
			lost |= pixel ^ (row[x] & 0xffffff);
			*out++ = pixel;
		}
	}
	return lost;
}

static uint32_t encode_rough(const struct rfb_style *style,
			     const struct codec_view *view, GByteArray *out)
{
	g_autofree uint32_t *pixels =
	    g_new(uint32_t, (size_t)view->width * view->height);
	struct rfb_style plain = *style;
	bool lost = roughen(view, pixels);
	plain.rough = plain.quality = 0;
	return rfb_encode(&plain, pixels, view->width, view->width,
			  view->height, out) |
	       (lost ? RFB_OUTCOME_LOSSY : 0);
}

uint32_t rfb_encode(const struct rfb_style *style, const uint32_t *pixels,
		    unsigned stride_px, unsigned w, unsigned h, GByteArray *out)
{
	g_return_val_if_fail(w <= RFB_RECT_WIDTH && h <= RFB_RECT_WIDTH &&
				 w * h <= RFB_RECT_PIXELS,
			     RFB_ENC_RAW);
	struct codec_view view = {pixels, stride_px, w, h};
	if (style->rough)
		return encode_rough(style, &view, out);
	struct rfb_coder *self = coder_of_thread(style);
	guint at = out->len;
	bool done = false, exact = true;
	if (encode_24(self, &view, &exact, out))
		return (uint32_t)style->encoding |
		       (exact ? 0 : RFB_OUTCOME_LOSSY);
	g_byte_array_set_size(out, at);
	for (unsigned y = 0; y < h; y++)
		rfb_format_map(&self->format, pixels + (size_t)y * stride_px,
			       self->values + (size_t)y * w, w);
	exact = true;
	switch (style->encoding) {
	case RFB_ENC_HEXTILE:
		done = rfb_encode_hextile(self, w, h, out);
		break;
	case RFB_ENC_ZLIB:
		done = encode_zlib(self, w, h, out);
		break;
	case RFB_ENC_ZRLE:
		done = rfb_encode_zrle(self, w, h, out);
		break;
	case RFB_ENC_TIGHT:
		done = rfb_encode_tight(self, w, h, pixels, stride_px, &exact,
					out);
		break;
	default:
		break;
	}
	if (done)
		return (uint32_t)style->encoding |
		       (exact ? 0 : RFB_OUTCOME_LOSSY);
	g_byte_array_set_size(out, at);
	encode_raw(self, w, h, out);
	return RFB_ENC_RAW;
}

static uint32_t on_job(const void *style, const uint32_t *pixels,
		       unsigned stride_px, unsigned width, unsigned height,
		       GByteArray *out)
{
	return rfb_encode(style, pixels, stride_px, width, height, out);
}

G_STATIC_ASSERT(sizeof(struct rfb_style) <= JOBS_STYLE_MAX);
const struct job_kind rfb_job_kind = {on_job, sizeof(struct rfb_style)};

void rfb_frame(enum rfb_encoding encoding, unsigned x, unsigned y, unsigned w,
	       unsigned h, const uint8_t *body, size_t length, unsigned *begun,
	       GByteArray *out)
{
	uint8_t *p = rfb_grow(out, 12);
	rfb_put16(p, x);
	rfb_put16(p + 2, y);
	rfb_put16(p + 4, w);
	rfb_put16(p + 6, h);
	rfb_put32(p + 8, encoding);
	unsigned stream = encoding == RFB_ENC_ZLIB   ? RFB_STREAM_ZLIB
			  : encoding == RFB_ENC_ZRLE ? RFB_STREAM_ZRLE
						     : 0;
	if (stream) {
		bool first = !(*begun & stream);
		*begun |= stream;
		rfb_put32(rfb_grow(out, 4), length + (first ? 2 : 0));
		if (first) /* RFC 1950: deflate, window of 32 KiB */
			g_byte_array_append(out, (const guint8 *)"\x78\x01", 2);
	}
	g_byte_array_append(out, body, length);
}
