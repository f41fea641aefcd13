/* codec-peer.h - libvncserver's own encoders, in this process.
 *
 * A viewer is played over a socketpair whose other end a thread drains and, if
 * asked, keeps. Our side writes its bytes through the same pair, in pieces of
 * the same size, so that both pay for the way out. One at a time. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct codec_peer;
/* Shows pixels[width * height], which must stay. */
struct codec_peer *codec_peer_create(uint32_t *pixels, unsigned width,
				     unsigned height);
void codec_peer_destroy(struct codec_peer *self);

enum codec_peer_encoding { PEER_TIGHT, PEER_ZRLE };
/* Encodes the whole picture once. quality 0: lossless, else JPEG's, 4:4:4. */
void codec_peer_encode(struct codec_peer *self,
		       enum codec_peer_encoding encoding, unsigned quality,
		       unsigned compress);
void codec_peer_write(struct codec_peer *self, const uint8_t *bytes,
		      size_t length);

/* Waits until the drain has taken everything; the bytes since the last call.
 * `kept` gets them unless it is NULL at codec_peer_keep(). */
void codec_peer_keep(struct codec_peer *self, GByteArray *kept);
size_t codec_peer_taken(struct codec_peer *self);
