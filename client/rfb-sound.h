/* rfb-sound.h - what a desktop plays, over RFB: QEMU's audio extension
 * (rfbproto.rst, "QEMU Audio"). There is no way back for a microphone.
 *
 * Threads: the session's, but for open, close and delay, which are main's.
 * Bounds: RFB_SOUND_PIECE bytes a message, RFB_SOUND_WAITING that the main
 * thread has not yet taken; beyond that pieces are left out.
 * Fails: rfb_sound_message() like the rest of rfb-messages.c. */
#pragma once

#include "client/rfb-session.h"

#define RFB_SOUND_RATE     48000u
#define RFB_SOUND_CHANNELS 2u
#define RFB_SOUND_PIECE    (1u << 20)
#define RFB_SOUND_WAITING  (RFB_SOUND_RATE * RFB_SOUND_CHANNELS) /* 0.5 s */

void rfb_sound_open(struct rfb_session *self);
void rfb_sound_close(struct rfb_session *self);
unsigned rfb_sound_delay_ms(struct rfb_session *self);

/* The server can: it is asked to. */
void rfb_sound_offered(struct rfb_session *self);
/* What follows a QEMU message's type. FALSE: what it says is in *broken, or
 * the connection ended. */
gboolean rfb_sound_message(struct rfb_session *self, const char **broken);
