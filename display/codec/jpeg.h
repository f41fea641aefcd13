/* jpeg.h - baseline JPEG of a rectangle, through libjpeg-turbo.
 *
 * An encoder keeps its handle, tables and memory from picture to picture.
 * Every picture is complete in itself, as Tight, SPICE and MJPEG want it.
 * Threads: one at a time. Units: quality 1..100 as libjpeg counts it. */
#pragma once

#include "display/codec/codec.h"

enum jpeg_sampling {
	JPEG_444, /* colours as sharp as light */
	JPEG_422,
	JPEG_420, /* a quarter of the colours: half the bytes at low quality */
};

typedef struct jpeg_encoder jpeg_encoder_t;
struct jpeg_encoder *jpeg_encoder_create(void);
void jpeg_encoder_destroy(struct jpeg_encoder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(jpeg_encoder_t, jpeg_encoder_destroy)

/* Appends the picture. Returns false, with nothing appended, if the view is
 * not valid or libjpeg had no memory. */
bool jpeg_encode(struct jpeg_encoder *self, const struct codec_view *view,
		 unsigned quality, enum jpeg_sampling sampling,
		 GByteArray *out);
