/* encoder.h - rectangles of pixels into RFB's encodings. RFC 6143, 7.7, and
 * the community's Tight.
 *
 * Encoding is a pure function of pixels and of a style. The zlib streams of
 * RFB, which live as long as the connection, do not stand against it: what is
 * deflated here refers to nothing before it and ends at a byte (Tight resets
 * the viewer's stream besides), so the same bytes may be put into any viewer's
 * stream at any time. That is what lets workers encode in any order and
 * viewers share what was encoded.
 *
 * Threads: any; each keeps memory of its own between calls.
 * Fails: never on pixels. Where zlib or libjpeg has no memory the rectangle
 * becomes raw. Units: pixels. */
#pragma once

#include <zlib.h>

#include "display/codec/tight.h"
#include "display/codec/zrle.h"
#include "display/jobs.h"
#include "display/rfb/format.h"

enum rfb_encoding {
	RFB_ENC_RAW = 0,
	RFB_ENC_COPYRECT = 1,
	RFB_ENC_HEXTILE = 5,
	RFB_ENC_ZLIB = 6,
	RFB_ENC_TIGHT = 7,
	RFB_ENC_ZRLE = 16,
	RFB_ENC_H264 = 50,
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
	RFB_ENC_AUDIO = -259,
	RFB_ENC_TIGHT_PNG = -260,
	RFB_ENC_LED_STATE = -261,
	RFB_ENC_DESKTOP_NAME = -307,
	RFB_ENC_EXTENDED_DESKTOP_SIZE = -308,
	RFB_ENC_FENCE = -312,
	RFB_ENC_CONTINUOUS_UPDATES = -313,
	RFB_ENC_CURSOR_ALPHA = -314,
	RFB_ENC_EXTENDED_MOUSE_BUTTONS = -316,
	RFB_ENC_EXTENDED_CLIPBOARD = (int)0xc0a1e5ce,
};

/* Sides of a rectangle; 256 x 256 is Tight's usual limit of 65536 pixels, and
 * at most some 5 ms of work. */
#define RFB_RECT_SIDE   256u
#define RFB_RECT_PIXELS (RFB_RECT_SIDE * RFB_RECT_SIDE)
/* Lines of text share a palette and their words: flat ones are worth it. */
#define RFB_RECT_WIDTH 2048u

/* All that a client wants of an encoding; padding is zero. */
struct rfb_style {
	int8_t encoding;    /* of enum rfb_encoding, those that carry pixels */
	int8_t compress;    /* 1..9 */
	int8_t quality;     /* 1..100 for JPEG; 0: lossless */
	int8_t full_colour; /* JPEG with all of the colours' detail */
	int8_t gradient;    /* knows Tight's gradient filter */
	int8_t rough;       /* lossless, of four shades a channel */
	struct rfb_wire_format format;
};

/* A job's outcome: the encoding that was used, and whether the client will
 * see exactly these pixels. */
#define RFB_OUTCOME_LOSSY 0x10000u
extern const struct job_kind rfb_job_kind;

/* Appends a body, for ZLIB and ZRLE without its length and without the
 * stream's first two bytes. Returns the outcome. */
uint32_t rfb_encode(const struct rfb_style *style, const uint32_t *pixels,
		    unsigned stride_px, unsigned w, unsigned h,
		    GByteArray *out);
/* Appends the whole rectangle: header and body. *begun tells whether the
 * client's stream for that encoding has begun (RFB_STREAM_*). */
#define RFB_STREAM_ZLIB 1u
#define RFB_STREAM_ZRLE 2u
void rfb_frame(enum rfb_encoding encoding, unsigned x, unsigned y, unsigned w,
	       unsigned h, const uint8_t *body, size_t length, unsigned *begun,
	       GByteArray *out);
/* JPEG's quality for a level 0..9, as viewers expect of these. */
int rfb_jpeg_quality(int level);

/* ---- inside: what one thread works with ---- */

struct rfb_coder {
	struct rfb_style style;
	struct rfb_format format;
	z_stream stream; /* raw deflate, reset for each piece */
	bool stream_on;
	int stream_level;
	struct tight_encoder *tight; /* for 24-bit colour, and so are these */
	struct zrle_encoder *zrle;
	uint32_t *values; /* client pixels of the rectangle */
	uint8_t *scratch; /* and what is made of them before zlib */
};

/* ---- the encodings; values are client pixels, already mapped ---- */

/* Each returns false if it could not, with nothing to be kept in `out`. */
bool rfb_encode_hextile(struct rfb_coder *self, unsigned w, unsigned h,
			GByteArray *out);
bool rfb_encode_zrle(struct rfb_coder *self, unsigned w, unsigned h,
		     GByteArray *out);
/* *exact: no JPEG was used. */
bool rfb_encode_tight(struct rfb_coder *self, unsigned w, unsigned h,
		      const uint32_t *pixels, unsigned stride_px, bool *exact,
		      GByteArray *out);

/* Deflates, appending to out. */
bool rfb_deflate(struct rfb_coder *self, const uint8_t *in, size_t length,
		 GByteArray *out);

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
