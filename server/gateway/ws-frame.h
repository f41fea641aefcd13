/* ws-frame.h - WebSocket frames, as a server reads and writes them.
 *
 * RFC 6455, 5 "Data Framing" and 7.4 "Status Codes". What is sent to us is
 * taken to the letter: masked, minimal lengths, no reserved bits or opcodes,
 * control frames whole and short, continuations only of what was begun. Data
 * is binary only, since the display's protocol is bytes. Messages carry no
 * meaning here: their bytes are handed on as they come, in any pieces, so a
 * frame needs no memory however long it is.
 *
 * Threads: any. Ownership: data points into the caller's bytes, which are
 * unmasked in place. Fails: WS_BAD with the status code to close with, once;
 * nothing may be read afterwards. Never allocates. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Far above what browsers send (a pasted text), and a bound to argue with. */
#define WS_FRAME_MAX   (16u << 20)
#define WS_CONTROL_MAX 125
#define WS_HEAD_MAX    10 /* of a frame that a server sends */
#define WS_REASON_MAX  (WS_CONTROL_MAX - 2)

enum ws_code {
	WS_CODE_NORMAL = 1000,
	WS_CODE_GOING_AWAY = 1001,
	WS_CODE_PROTOCOL = 1002,
	WS_CODE_UNSUPPORTED = 1003, /* text */
	WS_CODE_NONE = 1005,        /* never on the wire */
	WS_CODE_NOT_UTF8 = 1007,
	WS_CODE_TOO_BIG = 1009,
	/* 4000 + the HTTP status that a tunnel would have been refused with */
	WS_CODE_HTTP = 4000,
};

enum ws_opcode {
	WS_CONTINUE = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

enum ws_event {
	WS_MORE,      /* everything was taken */
	WS_HAS_DATA,  /* bytes for the display, at least one */
	WS_HAS_PING,  /* to be answered with the same bytes */
	WS_HAS_CLOSE, /* code as told, WS_CODE_NONE for none */
	WS_BAD,       /* code says why */
};

/* All zero before the first byte. */
struct ws_reader {
	uint8_t head[14]; /* of the frame that is being read */
	uint8_t have;     /* bytes of it */
	bool in_frame;    /* head is complete */
	bool in_message;  /* a fragmented one goes on */
	bool over;        /* after WS_HAS_CLOSE or WS_BAD */
	uint8_t mask[4];
	uint8_t phase;
	uint64_t left; /* payload bytes still to come */
	uint8_t control[WS_CONTROL_MAX];
	uint8_t control_size;
};

struct ws_part {
	uint8_t *bytes; /* of WS_HAS_DATA and WS_HAS_PING */
	size_t size;
	unsigned code;
};

/* Reads on in bytes[*at..size) and stops behind the first thing to tell. */
enum ws_event ws_read(struct ws_reader *reader, uint8_t *bytes, size_t size,
		      size_t *at, struct ws_part *part);

/* Writes the head of an unfragmented, unmasked frame; its size, 2 to 10. */
size_t ws_write_head(uint8_t head[WS_HEAD_MAX], enum ws_opcode opcode,
		     uint64_t payload);
