#include "display/windows/encode.h"

#include <glib.h>
#include <string.h>
#include <zlib.h>

#include "display/codec/deflate.h"

#define RAW_MAX (ENCODE_SIDE * ENCODE_SIDE * 4u)
_Static_assert(RAW_MAX <= SEAM_MESSAGE_MAX - 1024u, "a tile fits a message");

struct encoder {
	struct deflate *deflate;
	uint8_t raw[RAW_MAX];
	GByteArray *packed;
};

struct encoder *encoder_new(void)
{
	struct encoder *self = g_new0(struct encoder, 1);
	self->deflate = deflate_create();
	self->packed = g_byte_array_sized_new(RAW_MAX);
	return self;
}

void encoder_free(struct encoder *self)
{
	if (!self)
		return;
	deflate_destroy(self->deflate);
	g_byte_array_unref(self->packed);
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
	g_byte_array_set_size(self->packed, 0);
	g_byte_array_append(self->packed, (const guint8 *)DEFLATE_ZLIB_HEADER,
			    DEFLATE_ZLIB_HEADER_BYTES);
	deflate_append(self->deflate, DEFLATE_MATCHES, DEFLATE_LAST, self->raw,
		       raw, pixels->area.width * 4, 4, self->packed);
	/* RFC 1950, 2.2: the sum that ends a zlib stream, of what went in */
	uint32_t sum = GUINT32_TO_BE((uint32_t)adler32(1, self->raw, raw));
	g_byte_array_append(self->packed, (const guint8 *)&sum, sizeof sum);
	if (self->packed->len < raw) {
		pixels->encoding = SEAM_ZLIB_BGRX;
		pixels->data =
		    (struct seam_blob){self->packed->data, self->packed->len};
	} else { /* it would not become smaller */
		pixels->encoding = SEAM_RAW_BGRX;
		pixels->data = (struct seam_blob){self->raw, raw};
	}
}
