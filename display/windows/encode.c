#include "display/windows/encode.h"

#include <glib.h>
#include <string.h>
#include <zlib.h>

#define RAW_MAX (ENCODE_SIDE * ENCODE_SIDE * 4u)
_Static_assert(RAW_MAX <= SEAM_MESSAGE_MAX - 1024u, "a tile fits a message");

struct encoder {
	z_stream deflate;
	uint8_t raw[RAW_MAX], packed[RAW_MAX];
};

struct encoder *encoder_new(void)
{
	struct encoder *self = g_new0(struct encoder, 1);
	/* 1: the line is rarely slower than a higher level would be */
	if (deflateInit(&self->deflate, 1) != Z_OK)
		g_error("no memory for an encoder");
	return self;
}

void encoder_free(struct encoder *self)
{
	if (!self)
		return;
	deflateEnd(&self->deflate);
	g_free(self);
}

/* Copies into bytes B, G, R, 0; whether all pixels are the same. */
static bool gather(struct encoder *self, const uint32_t *from,
		   size_t stride_pixels, uint32_t width, uint32_t height)
{
	uint32_t first = from[0] & 0xffffff, differ = 0;
	uint8_t *to = self->raw;
	for (uint32_t y = 0; y < height; y++) {
		const uint32_t *row = from + y * stride_pixels;
		for (uint32_t x = 0; x < width; x++, to += 4) {
			uint32_t pixel = row[x] & 0xffffff;
			differ |= pixel ^ first;
			uint32_t wire = GUINT32_TO_LE(pixel);
			memcpy(to, &wire, 4);
		}
	}
	return !differ;
}

void encoder_run(struct encoder *self, const uint32_t *from,
		 size_t stride_pixels, struct seam_pixels *pixels)
{
	uint32_t raw = pixels->area.width * pixels->area.height * 4;
	if (gather(self, from, stride_pixels, pixels->area.width,
		   pixels->area.height)) {
		pixels->encoding = SEAM_FLAT_BGRX;
		pixels->data = (struct seam_blob){self->raw, 4};
		return;
	}
	deflateReset(&self->deflate);
	self->deflate.next_in = self->raw;
	self->deflate.avail_in = raw;
	self->deflate.next_out = self->packed;
	self->deflate.avail_out = raw;
	if (deflate(&self->deflate, Z_FINISH) == Z_STREAM_END) {
		pixels->encoding = SEAM_ZLIB_BGRX;
		pixels->data = (struct seam_blob){
		    self->packed, raw - self->deflate.avail_out};
	} else { /* it would not become smaller */
		pixels->encoding = SEAM_RAW_BGRX;
		pixels->data = (struct seam_blob){self->raw, raw};
	}
}
