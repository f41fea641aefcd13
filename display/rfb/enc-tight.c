/* Tight (rfbproto.rst, "Tight Encoding"): one colour, two colours, a palette,
 * full colour through zlib, or JPEG where the client asked for a quality and
 * the rectangle has more colours than a palette holds. Every piece begins its
 * stream anew, so that it may be sent to anyone. Streams as everyone uses them:
 * 0 full colour, 1 two colours, 2 palettes. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include "display/rfb/encoder.h"

enum { FILL = 0x80, JPEG = 0x90, FILTER = 0x40, PALETTE = 1, NO_ZLIB = 12 };
/* JPEG quality per level, as viewers expect of these names. */
static const int8_t jpeg_quality[10] = {15, 29, 41, 42, 62, 77, 79, 86, 92, 98};
/* Smaller ones are cheaper and sharper as they are. */
#define JPEG_MIN_PIXELS 1024u

static void put_length(GByteArray *out, guint at, unsigned length)
{
	/* 1 to 3 bytes of 7, 7 and 8 bits, inserted before the data */
	uint8_t bytes[3] = {length & 0x7f, length >> 7 & 0x7f, length >> 14};
	unsigned n = length < 1 << 7 ? 1 : length < 1 << 14 ? 2 : 3;
	for (unsigned i = 0; i + 1 < n; i++)
		bytes[i] |= 0x80;
	guint had = out->len - at;
	rfb_grow(out, n);
	memmove(out->data + at + n, out->data + at, had);
	memcpy(out->data + at, bytes, n);
}

int rfb_jpeg_quality(int level)
{
	return level < 0 ? 0 : jpeg_quality[MIN(level, 9)];
}

/* Control byte, what `filter` holds, and the data through stream `number`,
 * which the client begins anew each time. */
static bool put_basic(struct rfb_coder *self, unsigned number,
		      const uint8_t *filter, size_t filter_length,
		      const uint8_t *data, size_t length, GByteArray *out)
{
	uint8_t control = number << 4 | (filter_length ? FILTER : 0);
	if (length >= NO_ZLIB)
		control |= 1u << number;
	g_byte_array_append(out, &control, 1);
	if (filter_length)
		g_byte_array_append(out, filter, filter_length);
	if (length < NO_ZLIB) {
		g_byte_array_append(out, data, length);
		return true;
	}
	guint at = out->len;
	g_byte_array_append(out, (const guint8 *)"\x78\x01", 2);
	if (!rfb_deflate(self, data, length, out))
		return false;
	put_length(out, at, out->len - at);
	return true;
}

static bool put_palette(struct rfb_coder *self,
			const struct rfb_palette *palette, unsigned w,
			unsigned h, GByteArray *out)
{
	const struct rfb_format *format = &self->format;
	uint8_t filter[2 + 256 * 4], *f = filter + 2, *p = self->scratch;
	const uint32_t *values = self->values;
	filter[0] = PALETTE;
	filter[1] = palette->count - 1;
	for (unsigned i = 0; i < palette->count; i++)
		f = rfb_put_tpixel(format, palette->colours[i], f);
	if (palette->count > 2) {
		for (size_t i = 0; i < (size_t)w * h; i++)
			*p++ = rfb_palette_place(palette, values[i]);
	} else {
		for (unsigned y = 0; y < h; y++)
			for (unsigned x = 0; x < w; x += 8) {
				unsigned byte = 0;
				for (unsigned b = 0; b < 8; b++)
					byte = byte << 1 |
					       (x + b < w &&
						values[y * w + x + b] ==
						    palette->colours[1]);
				*p++ = byte;
			}
	}
	return put_basic(self, palette->count > 2 ? 2 : 1, filter, f - filter,
			 self->scratch, p - self->scratch, out);
}

struct jpeg_trouble {
	struct jpeg_error_mgr manager;
	jmp_buf back;
};

static void on_jpeg_error(j_common_ptr jpeg)
{
	struct jpeg_trouble *trouble = (struct jpeg_trouble *)jpeg->err;
	longjmp(trouble->back, 1);
}

static bool put_jpeg(struct rfb_coder *self, unsigned w, unsigned h,
		     const uint32_t *pixels, unsigned stride_px,
		     GByteArray *out)
{
	struct jpeg_compress_struct jpeg;
	struct jpeg_trouble trouble;
	unsigned char *volatile data = NULL;
	unsigned char *buffer = NULL;
	unsigned long length = 0;
	memset(&jpeg, 0, sizeof jpeg);
	jpeg.err = jpeg_std_error(&trouble.manager);
	trouble.manager.error_exit = on_jpeg_error;
	if (setjmp(trouble.back)) {
		jpeg_destroy_compress(&jpeg);
		free(data);
		return false;
	}
	jpeg_create_compress(&jpeg);
	jpeg_mem_dest(&jpeg, &buffer, &length);
	jpeg.image_width = w;
	jpeg.image_height = h;
	jpeg.input_components = 4;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	jpeg.in_color_space = JCS_EXT_BGRX;
#else
	jpeg.in_color_space = JCS_EXT_XRGB;
#endif
	jpeg_set_defaults(&jpeg);
	jpeg_set_quality(&jpeg, self->style.quality, TRUE);
	jpeg.dct_method = JDCT_FASTEST;
	if (self->style.full_colour)
		jpeg.comp_info[0].h_samp_factor =
		    jpeg.comp_info[0].v_samp_factor = 1;
	jpeg_start_compress(&jpeg, TRUE);
	while (jpeg.next_scanline < h) {
		JSAMPROW row =
		    (JSAMPROW)(pixels + (size_t)jpeg.next_scanline * stride_px);
		jpeg_write_scanlines(&jpeg, &row, 1);
	}
	jpeg_finish_compress(&jpeg);
	data = buffer;
	jpeg_destroy_compress(&jpeg);
	bool fits = length < 1 << 22;
	if (fits) {
		*rfb_grow(out, 1) = JPEG;
		guint at = out->len;
		g_byte_array_append(out, data, length);
		put_length(out, at, length);
	}
	free(data);
	return fits;
}

bool rfb_encode_tight(struct rfb_coder *self, unsigned w, unsigned h,
		      const uint32_t *pixels, unsigned stride_px, bool *exact,
		      GByteArray *out)
{
	const struct rfb_format *format = &self->format;
	struct rfb_palette palette;
	size_t count = (size_t)w * h;
	/* A palette entry costs 3 bytes: it must pay over so many pixels. */
	unsigned most = format->bytes == 1 ? 2 : CLAMP(count / 16, 2, 256);
	unsigned colours =
	    rfb_palette_build(&palette, self->values, count, most);
	*exact = true;
	if (colours == 1) {
		uint8_t fill[5] = {FILL};
		uint8_t *end =
		    rfb_put_tpixel(format, self->values[0], fill + 1);
		g_byte_array_append(out, fill, end - fill);
		return true;
	}
	if (colours)
		return put_palette(self, &palette, w, h, out);
	guint at = out->len;
	if (self->style.quality > 0 && format->bytes > 1 &&
	    count >= JPEG_MIN_PIXELS) {
		if (put_jpeg(self, w, h, pixels, stride_px, out)) {
			*exact = false;
			return true;
		}
		g_byte_array_set_size(out, at);
	}
	uint8_t *p = self->scratch;
	for (size_t i = 0; i < count; i++)
		p = rfb_put_tpixel(format, self->values[i], p);
	return put_basic(self, 0, NULL, 0, self->scratch, p - self->scratch,
			 out);
}
