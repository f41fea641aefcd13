/* decode-tight.c - Tight with fill, copy, palette, gradient and JPEG. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "tests/bench/display/decode-private.h"

static size_t compact(struct wire *wire)
{
	size_t length = 0;
	for (unsigned shift = 0; shift < 21; shift += 7) {
		unsigned byte = wire_u8(wire);
		length |= (size_t)(shift == 14 ? byte : byte & 127) << shift;
		if (shift == 14 || !(byte & 128))
			break;
	}
	return length;
}

/* A basic rectangle's data: short ones are not deflated. */
static const uint8_t *data_of(struct decoder *self, unsigned stream,
			      size_t bytes)
{
	if (bytes < 12)
		return decoder_take(self, bytes);
	size_t packed = compact(self->wire);
	z_stream *z = &self->tight[stream];
	z->next_in = decoder_take(self, packed);
	z->avail_in = (unsigned)packed;
	z->next_out = decoder_room(self, bytes);
	z->avail_out = (unsigned)bytes;
	while (z->avail_out) {
		int code = inflate(z, Z_SYNC_FLUSH);
		if (code != Z_OK)
			die("Tight: zlib says %d with %u bytes missing", code,
			    z->avail_out);
	}
	return self->out;
}

static uint32_t rgb(const uint8_t *at)
{
	return (uint32_t)at[0] << 16 | at[1] << 8 | at[2];
}

static void gradient(const uint8_t *from, uint32_t *to, size_t stride,
		     unsigned w, unsigned h)
{
	for (unsigned y = 0; y < h; y++)
		for (unsigned x = 0; x < w; x++, from += 3) {
			uint32_t *at = to + y * stride + x, pixel = 0;
			for (unsigned c = 0; c < 3; c++) {
				unsigned shift = 16 - 8 * c;
				int left = x ? at[-1] >> shift & 255 : 0;
				int up =
				    y ? (at - stride)[0] >> shift & 255 : 0;
				int corner =
				    x && y ? (at - stride)[-1] >> shift & 255
					   : 0;
				int guess = left + up - corner;
				guess = guess < 0     ? 0
					: guess > 255 ? 255
						      : guess;
				pixel |= (uint32_t)((guess + from[c]) & 255)
					 << shift;
			}
			*at = pixel;
		}
}

static void basic(struct decoder *self, unsigned control, uint32_t *to,
		  unsigned w, unsigned h)
{
	size_t stride = self->width;
	unsigned filter = control & 4 ? wire_u8(self->wire) : 0;
	unsigned stream = control & 3;
	if (filter == 1) {
		uint8_t raw[256 * 3];
		uint32_t palette[256];
		unsigned colours = wire_u8(self->wire) + 1u;
		wire_read(self->wire, raw, colours * 3);
		for (unsigned i = 0; i < colours; i++)
			palette[i] = rgb(raw + 3 * i);
		size_t line = colours == 2 ? (w + 7) / 8 : w;
		const uint8_t *from = data_of(self, stream, line * h);
		for (unsigned y = 0; y < h; y++, from += line)
			for (unsigned x = 0; x < w; x++)
				to[y * stride + x] =
				    palette[colours == 2
						? from[x / 8] >> (7 - x % 8) & 1
						: from[x]];
		return;
	}
	if (filter != 0 && filter != 2)
		die("Tight: filter %u", filter);
	const uint8_t *from = data_of(self, stream, (size_t)w * h * 3);
	if (filter == 2) {
		gradient(from, to, stride, w, h);
		return;
	}
	for (unsigned y = 0; y < h; y++)
		for (unsigned x = 0; x < w; x++, from += 3)
			to[y * stride + x] = rgb(from);
}

static void on_jpeg_error(j_common_ptr info)
{
	char text[JMSG_LENGTH_MAX];
	info->err->format_message(info, text);
	die("Tight: JPEG: %s", text);
}

static void jpeg(struct decoder *self, uint32_t *to, unsigned w, unsigned h)
{
	struct jpeg_decompress_struct info;
	struct jpeg_error_mgr errors;
	size_t bytes = compact(self->wire);
	info.err = jpeg_std_error(&errors);
	errors.error_exit = on_jpeg_error;
	jpeg_create_decompress(&info);
	jpeg_mem_src(&info, decoder_take(self, bytes), bytes);
	jpeg_read_header(&info, TRUE);
	info.out_color_space = JCS_EXT_BGRX;
	jpeg_start_decompress(&info);
	if (info.output_width != w || info.output_height != h)
		die("Tight: JPEG of another size");
	while (info.output_scanline < h) {
		uint32_t *row = to + (size_t)info.output_scanline * self->width;
		JSAMPROW at = (JSAMPROW)row;
		jpeg_read_scanlines(&info, &at, 1);
		for (unsigned x = 0; x < w; x++)
			row[x] &= 0xffffff;
	}
	jpeg_finish_decompress(&info);
	jpeg_destroy_decompress(&info);
}

void decoder_tight(struct decoder *self, unsigned x, unsigned y, unsigned w,
		   unsigned h)
{
	uint32_t *to = self->pixels + (size_t)y * self->width + x;
	unsigned control = wire_u8(self->wire);
	for (unsigned i = 0; i < 4; i++)
		if (control >> i & 1)
			inflateReset(&self->tight[i]);
	control >>= 4;
	if (control == 8) {
		uint8_t raw[3];
		wire_read(self->wire, raw, 3);
		for (unsigned row = 0; row < h; row++)
			for (unsigned i = 0; i < w; i++)
				to[row * (size_t)self->width + i] = rgb(raw);
	} else if (control == 9) {
		self->jpegs++;
		jpeg(self, to, w, h);
	} else if (control < 8) {
		basic(self, control, to, w, h);
	} else {
		die("Tight: compression type %u", control);
	}
}
