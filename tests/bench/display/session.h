/* session.h - an RFB viewer without a window: handshake, messages, requests.
 *
 * Behaves as TigerVNC's viewer does: asks for the next update as one begins,
 * and turns to continuous updates and fences where the server has them.
 *
 * Threads: session_message() on one; session_key() on any. */
#pragma once

#include "tests/bench/display/decode.h"

struct session;

/* profile: raw, zrle, lossless (Tight), tightN (JPEG quality N), h264.
 * ticket_file: its first line is the VNC password; NULL: without one. */
struct session *session_open(const char *address, const char *profile,
			     const char *ticket_file);
void session_close(struct session *self);
struct wire *session_wire(struct session *self);
struct decoder *session_decoder(struct session *self);
/* The whole picture, from scratch. */
void session_ask_all(struct session *self);
/* Takes one message; true when it was an update of pixels. Each rectangle is
 * told to on_rect(). */
bool session_message(struct session *self,
		     void (*on_rect)(void *data, unsigned x, unsigned y,
				     unsigned w, unsigned h, int32_t encoding),
		     void *data);
void session_key(struct session *self, uint32_t keysym, bool down);
/* Rectangles taken so far by encoding: raw, copyrect, tight, zrle, h264.
 * ticket_file: its first line is the VNC password; NULL: without one. */
const unsigned *session_counts(const struct session *self);
