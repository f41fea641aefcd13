/* message.h - what an RFB client says, framed and checked. RFC 6143, 7.5,
 * and the community's extensions (rfbproto.rst).
 *
 * Knows bytes and nothing else: no state, no allocation, so that the fuzz
 * target covers all of it. A message is used only once it is here whole; the
 * exception is clipboard text beyond the limit, which is announced as SKIP so
 * that nobody stores it. Threads: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text on the wire; the extended format is compressed on top. */
#define RFB_CUT_TEXT_MAX (4u << 20)
#define RFB_FENCE_MAX    64u
#define RFB_SCREENS_MAX  16u
/* Of sound, in Hz. */
#define RFB_AUDIO_RATE_MIN 4000u
#define RFB_AUDIO_RATE_MAX 192000u

enum rfb_message_type {
	RFB_NONE, /* known, and of no interest */
	RFB_SET_PIXEL_FORMAT,
	RFB_SET_ENCODINGS,
	RFB_UPDATE_REQUEST,
	RFB_KEY,
	RFB_EXTENDED_KEY,
	RFB_POINTER,
	RFB_CUT_TEXT,
	RFB_EXTENDED_CLIPBOARD,
	RFB_SET_DESKTOP_SIZE,
	RFB_CONTINUOUS_UPDATES,
	RFB_FENCE,
	RFB_AUDIO,
	RFB_SKIP, /* `skip` bytes follow that are to be thrown away */
};

struct rfb_wire_format { /* PIXEL_FORMAT as it came */
	uint8_t bpp, depth, big_endian, true_colour;
	uint16_t max[3]; /* r, g, b */
	uint8_t shift[3];
};

struct rfb_screen {
	uint32_t id;
	uint16_t x, y, w, h;
	uint32_t flags;
};

struct rfb_message {
	enum rfb_message_type type;
	union {
		struct rfb_wire_format format;
		struct {
			const uint8_t *list; /* big-endian int32 each */
			unsigned count;
		} encodings;
		struct {
			bool incremental;
			uint16_t x, y, w, h;
		} request; /* and CONTINUOUS_UPDATES: on = incremental */
		struct {
			bool down;
			uint32_t keysym, keycode;
		} key;
		struct {
			uint16_t x, y, buttons;
		} pointer;
		struct {
			const uint8_t *bytes;
			uint32_t length;
			uint32_t flags; /* EXTENDED_CLIPBOARD */
		} text;
		struct {
			uint16_t width, height;
			unsigned count;
			struct rfb_screen screens[RFB_SCREENS_MAX];
		} size;
		struct {
			uint32_t flags;
			unsigned length;
			const uint8_t *payload;
		} fence;
		struct {
			enum rfb_audio { /* as it stands in the message */
					 RFB_AUDIO_ON,
					 RFB_AUDIO_OFF,
					 RFB_AUDIO_FORMAT,
			} operation;
			enum rfb_sample { /* little endian */
					  RFB_SAMPLE_U8,
					  RFB_SAMPLE_S8,
					  RFB_SAMPLE_U16,
					  RFB_SAMPLE_S16,
					  RFB_SAMPLE_U32,
					  RFB_SAMPLE_S32,
			} sample;
			unsigned channels; /* 1 or 2 */
			uint32_t rate_hz;
		} audio;
		uint32_t skip;
	};
};

static inline bool rfb_is_input(const struct rfb_message *message)
{
	return message->type == RFB_KEY || message->type == RFB_EXTENDED_KEY ||
	       message->type == RFB_POINTER;
}

int32_t rfb_encoding_at(const struct rfb_message *message, unsigned index);

enum rfb_parse {
	RFB_MORE,  /* not whole yet */
	RFB_WHOLE, /* *used bytes were the message */
	RFB_BAD,   /* *why tells; nothing after it can be understood */
};
/* Pointers in *message are into `bytes`. */
enum rfb_parse rfb_message_parse(const uint8_t *bytes, size_t length,
				 struct rfb_message *message, size_t *used,
				 const char **why);

static inline uint16_t rfb_get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}
static inline uint32_t rfb_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}
