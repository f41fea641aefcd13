#include "tests/unit/codec-decode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

void inflate_whole(const uint8_t *in, size_t length, uint8_t *out, size_t want)
{
	z_stream stream = {0};
	uint8_t spare;
	g_assert_cmpint(inflateInit2(&stream, -15), ==, Z_OK);
	stream.next_in = (Bytef *)in;
	stream.avail_in = length;
	stream.next_out = want ? out : &spare;
	stream.avail_out = want;
	int result = inflate(&stream, Z_SYNC_FLUSH);
	if (result == Z_OK || result == Z_BUF_ERROR) {
		/* the end-of-block code may still be unread */
		g_assert_cmpuint(stream.avail_out, ==, 0);
		stream.next_out = &spare;
		stream.avail_out = 1;
		result = inflate(&stream, Z_SYNC_FLUSH);
		g_assert_cmpuint(stream.avail_out, ==, 1);
	}
	g_assert_cmpint(result, ==, Z_STREAM_END);
	g_assert_cmpuint(stream.total_out, ==, want);
	g_assert_cmpuint(stream.avail_in, ==, 0);
	inflateEnd(&stream);
}

/* Through a stream that goes on; all input must be of use. */
static void inflate_part(z_stream *stream, const uint8_t *in, size_t length,
			 uint8_t *out, size_t want, bool all)
{
	stream->next_in = (Bytef *)in;
	stream->avail_in = length;
	stream->next_out = out;
	stream->avail_out = want;
	int result = inflate(stream, Z_SYNC_FLUSH);
	g_assert_true(result == Z_OK || result == Z_STREAM_END ||
		      result == Z_BUF_ERROR);
	g_assert_cmpuint(stream->avail_out, ==, 0);
	uint8_t spare;
	stream->next_out = &spare;
	stream->avail_out = 1;
	result = inflate(stream, Z_SYNC_FLUSH);
	g_assert_true(result == Z_OK || result == Z_STREAM_END ||
		      result == Z_BUF_ERROR);
	if (all)
		g_assert_cmpuint(stream->avail_out, ==, 1);
	g_assert_cmpuint(stream->avail_in, ==, 0);
}

/* ---- Tight ---- */

void tight_decoder_finish(struct tight_decoder *self)
{
	for (int i = 0; i < 4; i++)
		if (self->on[i])
			inflateEnd(&self->streams[i]);
	memset(self, 0, sizeof *self);
}

struct reader {
	const uint8_t *p, *end;
};

static uint8_t get(struct reader *r)
{
	g_assert_true(r->p < r->end);
	return *r->p++;
}

static uint32_t get_rgb(struct reader *r)
{
	uint32_t red = get(r), green = get(r);
	return red << 16 | green << 8 | get(r);
}

static size_t get_length(struct reader *r)
{
	uint8_t byte = get(r);
	size_t length = byte & 0x7f;
	if (byte & 0x80) {
		byte = get(r);
		length |= (size_t)(byte & 0x7f) << 7;
		if (byte & 0x80)
			length |= (size_t)get(r) << 14;
	}
	return length;
}

static void get_data(struct tight_decoder *self, unsigned stream,
		     struct reader *r, uint8_t *out, size_t want)
{
	if (want < 12) {
		for (size_t i = 0; i < want; i++)
			out[i] = get(r);
		return;
	}
	size_t length = get_length(r);
	g_assert_cmpuint(length, <=, r->end - r->p);
	if (!self->on[stream]) {
		memset(&self->streams[stream], 0, sizeof(z_stream));
		g_assert_cmpint(inflateInit(&self->streams[stream]), ==, Z_OK);
		self->on[stream] = true;
	}
	inflate_part(&self->streams[stream], r->p, length, out, want, true);
	r->p += length;
}

static void undo_gradient(const uint8_t *in, unsigned width, unsigned height,
			  uint32_t *pixels)
{
	g_autofree uint8_t *rows = g_new0(uint8_t, (width + 1) * 3 * 2);
	uint8_t *above = rows, *row = rows + (width + 1) * 3;
	for (unsigned y = 0; y < height; y++) {
		for (unsigned i = 3; i < (width + 1) * 3; i++) {
			int guess = row[i - 3] + above[i] - above[i - 3];
			row[i] = CLAMP(guess, 0, 255) + *in++;
		}
		for (unsigned x = 0; x < width; x++)
			*pixels++ = row[x * 3 + 3] << 16 | row[x * 3 + 4] << 8 |
				    row[x * 3 + 5];
		uint8_t *other = above;
		above = row;
		row = other;
		memset(row, 0, 3);
	}
}

size_t tight_decode(struct tight_decoder *self, const uint8_t *body,
		    size_t length, unsigned width, unsigned height,
		    uint32_t *pixels, bool *jpeg)
{
	struct reader r = {body, body + length};
	size_t count = (size_t)width * height;
	unsigned control = get(&r);
	for (unsigned i = 0; i < 4; i++)
		if (control >> i & 1 && self->on[i])
			inflateReset(&self->streams[i]);
	control >>= 4;
	*jpeg = control == 9;
	if (control == 8) {
		uint32_t colour = get_rgb(&r);
		for (size_t i = 0; i < count; i++)
			pixels[i] = colour;
	} else if (control == 9) {
		size_t bytes = get_length(&r);
		g_assert_cmpuint(bytes, <=, r.end - r.p);
		jpeg_decode(r.p, bytes, width, height, pixels);
		r.p += bytes;
	} else {
		g_assert_cmpuint(control, <, 8);
		unsigned filter = control & 4 ? get(&r) : 0;
		g_autofree uint8_t *data = g_malloc(count * 3 + height);
		if (filter == 1) {
			unsigned colours = get(&r) + 1u;
			uint32_t palette[256];
			for (unsigned i = 0; i < colours; i++)
				palette[i] = get_rgb(&r);
			unsigned row = colours == 2 ? (width + 7) / 8 : width;
			get_data(self, control & 3, &r, data, row * height);
			for (unsigned y = 0; y < height; y++)
				for (unsigned x = 0; x < width; x++) {
					unsigned place =
					    colours > 2
						? data[y * row + x]
						: data[y * row + x / 8] >>
							  (7 - x % 8) &
						      1;
					g_assert_cmpuint(place, <, colours);
					*pixels++ = palette[place];
				}
		} else {
			g_assert_cmpuint(filter % 2, ==, 0);
			get_data(self, control & 3, &r, data, count * 3);
			if (filter == 2)
				undo_gradient(data, width, height, pixels);
			else
				for (size_t i = 0; i < count; i++)
					pixels[i] = data[i * 3] << 16 |
						    data[i * 3 + 1] << 8 |
						    data[i * 3 + 2];
		}
	}
	return r.p - body;
}

/* ---- ZRLE ---- */

void zrle_decoder_finish(struct zrle_decoder *self)
{
	if (self->on)
		inflateEnd(&self->stream);
	self->on = false;
}

static uint8_t unzip_byte(struct zrle_decoder *self)
{
	uint8_t byte;
	self->stream.next_out = &byte;
	self->stream.avail_out = 1;
	int result = inflate(&self->stream, Z_SYNC_FLUSH);
	g_assert_true(result == Z_OK);
	g_assert_cmpuint(self->stream.avail_out, ==, 0);
	return byte;
}

static uint32_t unzip_pixel(struct zrle_decoder *self)
{
	uint32_t a = unzip_byte(self), b = unzip_byte(self);
	uint32_t c = unzip_byte(self);
	return self->rgb ? a << 16 | b << 8 | c : c << 16 | b << 8 | a;
}

static unsigned unzip_run(struct zrle_decoder *self)
{
	unsigned run = 1, byte;
	do {
		byte = unzip_byte(self);
		run += byte;
	} while (byte == 255);
	return run;
}

static void zrle_tile(struct zrle_decoder *self, uint32_t *tile, unsigned w,
		      unsigned h)
{
	unsigned form = unzip_byte(self), colours = form & 127;
	uint32_t palette[128];
	g_assert_true(form < 17 || form == 128 || form > 129);
	for (unsigned i = 0; i < colours; i++)
		palette[i] = unzip_pixel(self);
	if (form == 0) {
		for (unsigned i = 0; i < w * h; i++)
			tile[i] = unzip_pixel(self);
	} else if (form == 1) {
		for (unsigned i = 0; i < w * h; i++)
			tile[i] = palette[0];
	} else if (form < 17) {
		unsigned bits = colours > 4 ? 4 : colours > 2 ? 2 : 1;
		for (unsigned y = 0; y < h; y++) {
			unsigned byte = 0, have = 0;
			for (unsigned x = 0; x < w; x++) {
				if (!have) {
					byte = unzip_byte(self);
					have = 8;
				}
				have -= bits;
				unsigned place =
				    byte >> have & ((1u << bits) - 1);
				g_assert_cmpuint(place, <, colours);
				*tile++ = palette[place];
			}
		}
	} else {
		for (unsigned i = 0; i < w * h;) {
			unsigned run = 1;
			uint32_t colour;
			if (form == 128) {
				colour = unzip_pixel(self);
				run = unzip_run(self);
			} else {
				unsigned place = unzip_byte(self);
				if (place & 128)
					run = unzip_run(self);
				g_assert_cmpuint(place & 127, <, colours);
				colour = palette[place & 127];
			}
			g_assert_cmpuint(run, <=, w * h - i);
			for (; run > 0; run--)
				tile[i++] = colour;
		}
	}
}

void zrle_decode(struct zrle_decoder *self, const uint8_t *body, size_t length,
		 unsigned width, unsigned height, uint32_t *pixels)
{
	g_assert_cmpuint(length, >, 4);
	uint32_t told =
	    (uint32_t)body[0] << 24 | body[1] << 16 | body[2] << 8 | body[3];
	g_assert_cmpuint(told, ==, length - 4);
	if (!self->on) {
		memset(&self->stream, 0, sizeof self->stream);
		g_assert_cmpint(inflateInit(&self->stream), ==, Z_OK);
		self->on = true;
	}
	self->stream.next_in = (Bytef *)body + 4;
	self->stream.avail_in = told;
	uint32_t tile[64 * 64];
	for (unsigned y = 0; y < height; y += 64)
		for (unsigned x = 0; x < width; x += 64) {
			unsigned w = MIN(64, width - x);
			unsigned h = MIN(64, height - y);
			zrle_tile(self, tile, w, h);
			for (unsigned row = 0; row < h; row++)
				memcpy(pixels + (size_t)(y + row) * width + x,
				       tile + row * w, w * 4);
		}
	uint8_t spare;
	self->stream.next_out = &spare;
	self->stream.avail_out = 1;
	inflate(&self->stream, Z_SYNC_FLUSH);
	g_assert_cmpuint(self->stream.avail_out, ==, 1);
	g_assert_cmpuint(self->stream.avail_in, ==, 0);
}

/* ---- JPEG ---- */

void jpeg_decode(const uint8_t *data, size_t length, unsigned width,
		 unsigned height, uint32_t *pixels)
{
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr errors; /* its own error_exit ends the test */
	jpeg.err = jpeg_std_error(&errors);
	jpeg_create_decompress(&jpeg);
	jpeg_mem_src(&jpeg, data, length);
	jpeg_read_header(&jpeg, TRUE);
	jpeg.out_color_space = JCS_EXT_BGRX;
	jpeg_start_decompress(&jpeg);
	g_assert_cmpuint(jpeg.output_width, ==, width);
	g_assert_cmpuint(jpeg.output_height, ==, height);
	while (jpeg.output_scanline < height) {
		JSAMPROW row =
		    (JSAMPROW)(pixels + (size_t)width * jpeg.output_scanline);
		jpeg_read_scanlines(&jpeg, &row, 1);
	}
	for (size_t i = 0; i < (size_t)width * height; i++)
		pixels[i] = GUINT32_FROM_LE(pixels[i]) & 0xffffff;
	jpeg_finish_decompress(&jpeg);
	g_assert_cmpint(errors.num_warnings, ==, 0);
	jpeg_destroy_decompress(&jpeg);
}

double psnr(const uint32_t *a, size_t a_stride_px, const uint32_t *b,
	    size_t b_stride_px, unsigned width, unsigned height)
{
	uint64_t sum = 0;
	for (unsigned y = 0; y < height; y++)
		for (unsigned x = 0; x < width; x++)
			for (unsigned shift = 0; shift < 24; shift += 8) {
				int d = (int)(a[y * a_stride_px + x] >> shift &
					      0xff) -
					(int)(b[y * b_stride_px + x] >> shift &
					      0xff);
				sum += d * d;
			}
	if (!sum)
		return 99;
	return 10 * log10(255.0 * 255 * 3 * width * height / sum);
}
