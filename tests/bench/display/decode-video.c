/* decode-video.c - Open H.264 (RFB encoding 50), as TigerVNC and noVNC take
 * it: one decoder per rectangle's place, restarted when the server says. */
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/display/decode.h"

#define STREAMS    64
#define RESET_THIS 1u
#define RESET_ALL  2u

struct stream {
	unsigned x, y, w, h; /* w = 0: free */
	AVCodecContext *codec;
	struct SwsContext *scale;
};

struct video {
	struct stream streams[STREAMS];
	unsigned oldest, refused;
	AVFrame *frame;
	AVPacket *packet;
};

struct video *video_create(void)
{
	struct video *self = calloc(1, sizeof *self);
	self->frame = av_frame_alloc();
	self->packet = av_packet_alloc();
	av_log_set_level(AV_LOG_FATAL);
	return self;
}

unsigned video_refused(const struct video *self)
{
	return self->refused;
}

static void forget(struct stream *stream)
{
	avcodec_free_context(&stream->codec);
	sws_freeContext(stream->scale);
	*stream = (struct stream){0};
}

void video_destroy(struct video *self)
{
	for (unsigned i = 0; i < STREAMS; i++)
		forget(&self->streams[i]);
	av_frame_free(&self->frame);
	av_packet_free(&self->packet);
	free(self);
}

static struct stream *stream_at(struct video *self, unsigned x, unsigned y,
				unsigned w, unsigned h)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		struct stream *s = &self->streams[i];
		if (s->w == w && s->h == h && s->x == x && s->y == y)
			return s;
	}
	struct stream *s = &self->streams[self->oldest++ % STREAMS];
	forget(s);
	*s = (struct stream){.x = x, .y = y, .w = w, .h = h};
	return s;
}

static void open_codec(struct stream *stream)
{
	const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_H264);
	stream->codec = avcodec_alloc_context3(codec);
	stream->codec->flags |= AV_CODEC_FLAG_LOW_DELAY;
	stream->codec->thread_count = 1;
	if (avcodec_open2(stream->codec, codec, NULL))
		die("libavcodec has no H.264 decoder");
}

static void put(struct stream *s, const AVFrame *frame, uint32_t *to,
		unsigned stride)
{
	int w = frame->width < (int)s->w ? frame->width : (int)s->w;
	int h = frame->height < (int)s->h ? frame->height : (int)s->h;
	int full = frame->color_range == AVCOL_RANGE_JPEG;
	s->scale =
	    sws_getCachedContext(s->scale, w, h, frame->format, w, h,
				 AV_PIX_FMT_BGR0, SWS_POINT, NULL, NULL, NULL);
	sws_setColorspaceDetails(
	    s->scale,
	    sws_getCoefficients(frame->colorspace == AVCOL_SPC_BT709
				    ? SWS_CS_ITU709
				    : SWS_CS_ITU601),
	    full, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
	uint8_t *planes[4] = {(uint8_t *)to};
	int strides[4] = {(int)stride * 4};
	sws_scale(s->scale, (const uint8_t *const *)frame->data,
		  frame->linesize, 0, h, planes, strides);
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++)
			to[(size_t)y * stride + x] &= 0xffffff;
}

void video_decode(struct video *self, struct wire *wire, unsigned x, unsigned y,
		  unsigned w, unsigned h, uint32_t *picture, unsigned stride)
{
	uint32_t bytes = wire_u32(wire), flags = wire_u32(wire);
	if (flags & RESET_ALL)
		for (unsigned i = 0; i < STREAMS; i++)
			forget(&self->streams[i]);
	struct stream *s = stream_at(self, x, y, w, h);
	if (flags & RESET_THIS) {
		forget(s);
		*s = (struct stream){.x = x, .y = y, .w = w, .h = h};
	}
	if (!bytes)
		return;
	if (!s->codec)
		open_codec(s);
	if (av_new_packet(self->packet, (int)bytes))
		die("H.264: a packet of %u bytes", bytes);
	wire_read(wire, self->packet->data, bytes);
	/* a viewer goes on without that frame; so does who measures it */
	if (avcodec_send_packet(s->codec, self->packet) && !self->refused++)
		fprintf(stderr,
			"display-watch: H.264 at %u %u, %u x %u, flags %u, is "
			"refused\n",
			x, y, w, h, flags);
	av_packet_unref(self->packet);
	while (avcodec_receive_frame(s->codec, self->frame) == 0) {
		put(s, self->frame, picture + (size_t)y * stride + x, stride);
		av_frame_unref(self->frame);
	}
}
