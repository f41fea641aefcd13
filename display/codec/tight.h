/* tight.h - bodies of Tight rectangles (rfbproto.rst, "Tight Encoding"), from
 * the compression-control byte on, for viewers of 24-bit colour: whatever the
 * order of their channels, Tight sends red, green, blue, so one body serves
 * them all. It may be kept and sent to any viewer, at any time, any number of
 * times: every one that holds deflated data resets the stream it uses.
 *
 * Threads: an encoder is used by one thread at a time; keep one per worker
 * (about 1 MB when used). Fails: false, with nothing appended, only for a view
 * wider than TIGHT_WIDTH_MAX or of more than TIGHT_PIXELS_MAX pixels. */
#pragma once

#include "display/codec/analyse.h"
#include "display/codec/jpeg.h"

#define TIGHT_WIDTH_MAX  2048u
#define TIGHT_PIXELS_MAX (1u << 20) /* a length has 22 bits: see tight.c */

struct tight_options {
	/* JPEG for what a palette does not hold; 0: lossless */
	unsigned jpeg_quality;
	enum jpeg_sampling sampling;
	/* The viewer knows the gradient filter (TigerVNC, libvncclient,
	 * gtk-vnc and noVNC 1.7 do; older noVNC closes on it): photographs
	 * without loss take two thirds of the bytes in a sixth of the time. */
	bool gradient;
};

typedef struct tight_encoder tight_encoder_t;
struct tight_encoder *tight_encoder_create(void);
void tight_encoder_destroy(struct tight_encoder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tight_encoder_t, tight_encoder_destroy)

/* Chooses by what the pixels are: fill, two colours, palette, then JPEG or
 * full colour. *exact tells that nothing was lost. */
bool tight_encode(struct tight_encoder *self, const struct codec_view *view,
		  const struct tight_options *options, bool *exact,
		  GByteArray *out);

/* The same, one by one, for a caller that knows already. */
void tight_fill(uint32_t colour, GByteArray *out);
bool tight_jpeg(struct tight_encoder *self, const struct codec_view *view,
		unsigned quality, enum jpeg_sampling sampling, GByteArray *out);
bool tight_lossless(struct tight_encoder *self, const struct codec_view *view,
		    bool gradient, GByteArray *out);
