/* codec.h - what every encoder of pixels here takes, and which instructions
 * it may use.
 *
 * The folder holds pure functions and small encoders: pixels in, bytes out.
 * Nothing here knows of sockets, desktops or a protocol's messages; the RFB
 * and SPICE writers put their headers around these bytes.
 *
 * Pixels are 32 bits, 0x00RRGGBB in the machine's byte order, the upper byte
 * zero, so that equal colours are equal words (display/pixels.h).
 *
 * Threads: functions without an encoder argument are pure; an encoder is used
 * by one thread at a time, any thread. Fails: never on pixels; a view that is
 * out of bounds is refused by the encoder's return value, with a critical
 * warning, since the caller computed it. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Widest and highest picture that any encoder takes. */
#define CODEC_SIDE_MAX 16384u

struct codec_view {
	const uint32_t *pixels;
	size_t stride_px; /* from row to row, at least width */
	unsigned width, height;
};

static inline bool codec_view_valid(const struct codec_view *view)
{
	return view->pixels && view->width && view->height &&
	       view->width <= CODEC_SIDE_MAX &&
	       view->height <= CODEC_SIDE_MAX && view->stride_px >= view->width;
}

/* The part of a view; the caller keeps it inside. */
static inline struct codec_view codec_view_part(const struct codec_view *view,
						unsigned x, unsigned y,
						unsigned width, unsigned height)
{
	return (struct codec_view){view->pixels + (size_t)y * view->stride_px +
				       x,
				   view->stride_px, width, height};
}

/* Room for `room` bytes behind what an array holds; the caller writes there
 * and then sets the array's true length, which never allocates again. */
static inline uint8_t *codec_room(GByteArray *out, size_t room)
{
	guint had = out->len;
	g_byte_array_set_size(out, had + room);
	return out->data + had;
}

/* Instruction sets, each with all that stand before it. */
enum codec_isa { CODEC_PORTABLE, CODEC_SSE2, CODEC_AVX2 };

/* The best that this machine has; all give the same results. */
enum codec_isa codec_isa(void);
/* For tests and benches: nothing better than this from now on. */
void codec_isa_limit(enum codec_isa most);

#if defined(__x86_64__) && defined(__GNUC__)
#define CODEC_X86         1
#define CODEC_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))
#else
#define CODEC_X86 0
#endif
