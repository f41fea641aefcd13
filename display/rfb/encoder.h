/* encoder.h - rectangles of pixels into RFB's encodings. RFC 6143, 7.7, and
 * the community's Tight.
 *
 * A coder holds what one client's decoder holds too: the state of its zlib
 * streams. It is used by one thread at a time and knows nothing of sockets or
 * of the desktop, so that updates may be encoded anywhere.
 *
 * Fails: never on pixels. Where zlib has no memory for a stream at all, the
 * rectangle goes out raw. Units: pixels. */
#pragma once

#include <zlib.h>

#include "display/rfb/format.h"

enum rfb_encoding {
	RFB_ENC_RAW = 0,
	RFB_ENC_COPYRECT = 1,
	RFB_ENC_HEXTILE = 5,
	RFB_ENC_ZLIB = 6,
	RFB_ENC_TIGHT = 7,
	RFB_ENC_ZRLE = 16,
	/* pseudo-encodings */
	RFB_ENC_QUALITY_0 = -32, /* .. -23 */
	RFB_ENC_QUALITY_9 = -23,
	RFB_ENC_DESKTOP_SIZE = -223,
	RFB_ENC_LAST_RECT = -224,
	RFB_ENC_CURSOR = -239,
	RFB_ENC_XCURSOR = -240,
	RFB_ENC_COMPRESS_0 = -256, /* .. -247 */
	RFB_ENC_COMPRESS_9 = -247,
	RFB_ENC_POINTER_MOTION = -257,
	RFB_ENC_EXTENDED_KEY = -258,
	RFB_ENC_LED_STATE = -261,
	RFB_ENC_DESKTOP_NAME = -307,
	RFB_ENC_EXTENDED_DESKTOP_SIZE = -308,
	RFB_ENC_FENCE = -312,
	RFB_ENC_CONTINUOUS_UPDATES = -313,
	RFB_ENC_CURSOR_ALPHA = -314,
	RFB_ENC_EXTENDED_CLIPBOARD = (int)0xc0a1e5ce,
};

/* Sides of a rectangle given to a coder; 256 x 256 is Tight's usual limit of
 * 65536 pixels, and at most some 5 ms of work. */
#define RFB_RECT_SIDE 256u

struct rfb_coder {
	struct rfb_format format;
	int compress; /* 0..9 */
	int quality;  /* 0..9, or -1: lossless */
	z_stream zlib, zrle, tight[4];
	bool zlib_on, zrle_on, tight_on[4];
	int tight_level[4];
	uint32_t *values; /* client pixels of the rectangle */
	uint8_t *scratch; /* and what is made of them before zlib */
};

void rfb_coder_init(struct rfb_coder *self);
void rfb_coder_finish(struct rfb_coder *self);

/* Appends the rectangle's 12-byte header and body. `pixels` are ours, rows w
 * apart, w and h at most RFB_RECT_SIDE. Returns whether the client will see
 * exactly these pixels. */
bool rfb_encode(struct rfb_coder *self, enum rfb_encoding encoding, unsigned x,
		unsigned y, unsigned w, unsigned h, const uint32_t *pixels,
		bool lossless, GByteArray *out);

/* ---- the encodings; values are client pixels, already mapped ---- */

/* Each returns false if it could not, with nothing to be kept in `out`. */
bool rfb_encode_hextile(struct rfb_coder *self, unsigned w, unsigned h,
			GByteArray *out);
bool rfb_encode_zrle(struct rfb_coder *self, unsigned w, unsigned h,
		     GByteArray *out);
/* *exact: no JPEG was used. */
bool rfb_encode_tight(struct rfb_coder *self, unsigned w, unsigned h,
		      const uint32_t *pixels, bool lossless, bool *exact,
		      GByteArray *out);

/* Deflates to a flush point, appending to out; the stream is begun at need. */
bool rfb_deflate(z_stream *stream, bool *on, int level, const uint8_t *in,
		 size_t length, GByteArray *out);

/* Up to `most` (<= 256) different values; 0 when there are more. index gets
 * each pixel's place in the palette. */
struct rfb_palette {
	unsigned count;
	uint32_t colours[256];
	uint32_t keys[1024];   /* open addressing */
	uint16_t places[1024]; /* place + 1, or 0 */
};
unsigned rfb_palette_build(struct rfb_palette *self, const uint32_t *values,
			   size_t count, unsigned most);
unsigned rfb_palette_place(const struct rfb_palette *self, uint32_t value);
