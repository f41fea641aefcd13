/* video-encoder.h - moving pictures: H.264 and VP8 through libavcodec, MJPEG
 * through libjpeg-turbo.
 *
 * No B-frames and no look-ahead: every frame put in comes out of the same
 * call. H.264 is a byte stream (ISO/IEC 14496-10, Annex B), its parameter sets
 * before every key frame, 4:2:0 and BT.601 of limited range; VP8 is RFC 6386's
 * frames. Streams of both have even sides: an odd view is filled up by
 * repeating its last column or row, and the viewer cuts that off. MJPEG has
 * the view's own size.
 *
 * Threads: an encoder is used by one thread at a time; it has no threads of
 * its own. Fails: with a fault that names cause and remedy.
 * Units: kilobits of 1000 a second, frames a second. */
#pragma once

#include "common/fault.h"
#include "display/codec/codec.h"

enum video_codec { VIDEO_H264, VIDEO_VP8, VIDEO_MJPEG };

struct video_settings {
	enum video_codec codec;
	unsigned width, height; /* 16..4096 each */
	unsigned rate_kbps;     /* the most it may use; 0: by quality alone */
	unsigned quality; /* 1..100, like JPEG's; never better than this */
	unsigned fps;     /* 1..120, as the source moves */
};

typedef struct video_encoder video_encoder_t;
/* Whether this computer's libraries can. */
bool video_codec_available(enum video_codec codec);
struct video_encoder *video_encoder_create(
    const struct video_settings *settings, GError **error);
void video_encoder_destroy(struct video_encoder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(video_encoder_t, video_encoder_destroy)

/* Takes effect with the next frame; a change of less than a tenth is left
 * out. VP8 begins anew, with a key frame. MJPEG has no rate of its own: its
 * quality falls while frames are larger than the rate's share. */
void video_encoder_set_rate(struct video_encoder *self, unsigned rate_kbps,
			    unsigned quality, unsigned fps);

/* Appends one frame. The view has the settings' size. `key`: decodable
 * without any frame before it (the first always is). *was_key may be NULL. */
bool video_encode(struct video_encoder *self, const struct codec_view *view,
		  bool key, bool *was_key, GByteArray *out, GError **error);
