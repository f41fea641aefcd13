#include "display/codec/jpeg-fast.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

enum { ROWS = 32 }; /* handed over at a time: two rows of blocks at 4:2:0 */

struct jpeg_encoder {
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	struct jpeg_destination_mgr destination;
	jmp_buf back;
	bool alive;
	unsigned quality;
	struct jpeg_fast fast;
	GByteArray *out; /* the caller's, while encoding */
};

static void on_error(j_common_ptr jpeg)
{
	struct jpeg_encoder *self = jpeg->client_data;
	longjmp(self->back, 1);
}

static void on_message(j_common_ptr jpeg)
{
}

static void give_room(struct jpeg_encoder *self, size_t had, size_t room)
{
	g_byte_array_set_size(self->out, had + room);
	self->destination.next_output_byte = self->out->data + had;
	self->destination.free_in_buffer = room;
}

static void on_begin(j_compress_ptr jpeg)
{
	struct jpeg_encoder *self = jpeg->client_data;
	/* a byte per pixel holds all but noise at the best quality */
	give_room(self, self->out->len,
		  (size_t)jpeg->image_width * jpeg->image_height + 2048);
}

static boolean on_full(j_compress_ptr jpeg)
{
	struct jpeg_encoder *self = jpeg->client_data;
	give_room(self, self->out->len, self->out->len / 2 + 4096);
	return TRUE;
}

static void on_end(j_compress_ptr jpeg)
{
	struct jpeg_encoder *self = jpeg->client_data;
	g_byte_array_set_size(self->out, self->out->len -
					     self->destination.free_in_buffer);
}

struct jpeg_encoder *jpeg_encoder_create(void)
{
	return g_new0(struct jpeg_encoder, 1);
}

static void drop(struct jpeg_encoder *self)
{
	if (self->alive)
		jpeg_destroy_compress(&self->jpeg);
	self->alive = false;
	self->quality = 0;
}

void jpeg_encoder_destroy(struct jpeg_encoder *self)
{
	if (!self)
		return;
	drop(self);
	g_free(self);
}

static void begin(struct jpeg_encoder *self)
{
	struct jpeg_compress_struct *jpeg = &self->jpeg;
	memset(jpeg, 0, sizeof *jpeg);
	jpeg->err = jpeg_std_error(&self->errors);
	jpeg->client_data = self;
	self->errors.error_exit = on_error;
	self->errors.output_message = on_message;
	jpeg_create_compress(jpeg);
	self->alive = true;
	self->destination.init_destination = on_begin;
	self->destination.empty_output_buffer = on_full;
	self->destination.term_destination = on_end;
	jpeg->dest = &self->destination;
	jpeg->input_components = 4;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	jpeg->in_color_space = JCS_EXT_BGRX;
#else
	jpeg->in_color_space = JCS_EXT_XRGB;
#endif
	jpeg_set_defaults(jpeg);
	/* with AVX2 the exact transform is as fast as the rough one */
	jpeg->dct_method = JDCT_ISLOW;
}

static void put_rows(struct jpeg_compress_struct *jpeg,
		     const struct codec_view *view)
{
	JSAMPROW rows[ROWS];
	while (jpeg->next_scanline < view->height) {
		unsigned n = MIN(ROWS, view->height - jpeg->next_scanline);
		for (unsigned i = 0; i < n; i++)
			rows[i] = (JSAMPROW)(view->pixels +
					     (jpeg->next_scanline + i) *
						 view->stride_px);
		jpeg_write_scanlines(jpeg, rows, n);
	}
}

static void compress(struct jpeg_encoder *self, const struct codec_view *view,
		     unsigned quality, enum jpeg_sampling sampling)
{
	struct jpeg_compress_struct *jpeg = &self->jpeg;
	if (!self->alive)
		begin(self);
	jpeg->image_width = view->width;
	jpeg->image_height = view->height;
	quality = CLAMP(quality, 1, 100);
	if (quality != self->quality) {
		jpeg_set_quality(jpeg, quality, TRUE);
		jpeg_fast_tables(&self->fast, jpeg);
	}
	self->quality = quality;
	if (jpeg_fast_able(quality, sampling)) {
		jpeg_fast_encode(&self->fast, view, sampling, self->out);
		return;
	}
	jpeg->comp_info[0].h_samp_factor = sampling == JPEG_444 ? 1 : 2;
	jpeg->comp_info[0].v_samp_factor = sampling == JPEG_420 ? 2 : 1;
	jpeg_start_compress(jpeg, TRUE);
	put_rows(jpeg, view);
	jpeg_finish_compress(jpeg);
}

bool jpeg_encode(struct jpeg_encoder *self, const struct codec_view *view,
		 unsigned quality, enum jpeg_sampling sampling, GByteArray *out)
{
	g_return_val_if_fail(codec_view_valid(view), false);
	const guint had = out->len;
	self->out = out;
	if (setjmp(self->back)) {
		drop(self);
		g_byte_array_set_size(out, had);
		return false;
	}
	compress(self, view, quality, sampling);
	return true;
}
