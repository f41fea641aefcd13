/* session.h - a viewer without a window: handshake, messages, requests. RFB's
 * is session.c; a program linked with session-spice.c is a SPICE viewer, one
 * linked with session-vnc.c is libvncclient.
 *
 * Behaves as TigerVNC's viewer does: asks for the next update as one begins,
 * and turns to continuous updates and fences where the server has them.
 *
 * Threads: session_message() on one; session_key() on any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/display/decode.h"

struct session;

enum {
	SESSION_RAW,
	SESSION_COPYRECT,
	SESSION_TIGHT,
	SESSION_ZRLE,
	SESSION_H264,
	SESSION_JPEG, /* of those in Tight */
	SESSION_COUNTS
};

/* profile: raw, zrle, lossless (Tight), tightN (JPEG quality N), h264.
 * ticket_file: its first line is the VNC password; NULL: without one. */
struct session *session_open(const char *address, const char *profile,
			     const char *ticket_file);
void session_close(struct session *self);
/* Something to take within ms; 0 does not wait. */
bool session_ready(struct session *self, int ms);
/* Bytes that came. */
uint64_t session_received(struct session *self);
/* The picture, 0x00RRGGBB, without gaps between rows; not owned. */
const uint32_t *session_pixels(struct session *self);
unsigned session_width(const struct session *self);
/* Packets that the decoder could make nothing of. */
unsigned session_refused(const struct session *self);
/* The whole picture, from scratch. */
void session_ask_all(struct session *self);
/* Takes one message; true when it was an update of pixels. Each rectangle is
 * told to on_rect(). */
bool session_message(struct session *self,
		     void (*on_rect)(void *data, unsigned x, unsigned y,
				     unsigned w, unsigned h, int32_t encoding),
		     void *data);
void session_key(struct session *self, uint32_t keysym, bool down);
/* Rectangles taken so far, by what they were: SESSION_RAW and so on. */
const unsigned *session_counts(const struct session *self);
