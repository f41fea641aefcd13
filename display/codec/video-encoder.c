#include "display/codec/video-encoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>

#include "display/codec/jpeg.h"
#include "display/codec/yuv.h"

enum { SIDE_MIN = 16, SIDE_MAX = 4096 };
/* What "by quality alone" means to a rate control that wants a number. */
#define RATE_UNBOUND_KBPS 200000u
/* Frames that the rate's buffer holds: one may be so much larger than its
 * share. A key frame of ten shares would hold a line for a third of a second;
 * three blur it for a moment. */
#define BUFFER_FRAMES 3u

struct video_encoder {
	struct video_settings settings;
	AVCodecContext *context;
	AVFrame *frame;
	AVPacket *packet;
	int64_t count;
	struct jpeg_encoder *jpeg;
	unsigned jpeg_quality; /* what it fell to */
};

static unsigned rate_kbps(const struct video_settings *settings)
{
	return settings->rate_kbps ? settings->rate_kbps : RATE_UNBOUND_KBPS;
}

/* x264's constant rate factor. A film is not looked at like a photograph:
 * noise that only lives for a frame is not worth its bytes, and what comes to
 * rest is sent exactly. Below 25 most bytes go into that noise (a noisy film
 * of 720p takes 4 KB a frame at 26 and 60 at 18), so only who asks for nearly
 * all gets it. */
static double crf(const struct video_settings *settings)
{
	unsigned quality = settings->quality;
	return 36 - 0.11 * quality - (quality > 93 ? quality - 93 : 0);
}

/* libvpx's quantizer, 0..63, likewise. */
static int vpx_quantizer(const struct video_settings *settings)
{
	int quality = (int)settings->quality;
	return quality > 93 ? 14 - (quality - 93) * 4 / 3
			    : 14 + (93 - quality) * 2 / 5;
}

static void rate_h264(const struct video_settings *settings,
		      AVCodecContext *context)
{
	av_opt_set_double(context->priv_data, "crf", crf(settings), 0);
}

static void rate_vp8(const struct video_settings *settings,
		     AVCodecContext *context)
{
	context->bit_rate = context->rc_max_rate;
	context->rc_min_rate = settings->rate_kbps ? context->rc_max_rate : 0;
	context->qmin = vpx_quantizer(settings);
	context->qmax = 60;
}

static void set_h264(AVCodecContext *context)
{
	/* superfast: the least effort that still looks for moved parts well;
	 * zerolatency: no frame waits for another. */
	av_opt_set(context->priv_data, "preset", "superfast", 0);
	av_opt_set(context->priv_data, "tune", "zerolatency", 0);
	av_opt_set_int(context->priv_data, "forced-idr", 1, 0);
	/* one slice and thread: the pool above has the cores; key frames only
	 * when asked for, and blocks that do not change cost nothing */
	av_opt_set(context->priv_data, "x264-params",
		   "threads=1:sliced-threads=0:scenecut=0:keyint=infinite", 0);
}

static void set_vp8(AVCodecContext *context)
{
	av_opt_set(context->priv_data, "deadline", "realtime", 0);
	av_opt_set_int(context->priv_data, "cpu-used", 8, 0);
	av_opt_set_int(context->priv_data, "lag-in-frames", 0, 0);
	av_opt_set_int(context->priv_data, "auto-alt-ref", 0, 0);
	/* a key frame of at most five shares */
	av_opt_set_int(context->priv_data, "max-intra-rate", 500, 0);
	/* blocks that hardly change are skipped early */
	av_opt_set_int(context->priv_data, "static-thresh", 100, 0);
	context->keyint_min = 0;
}

/* ---- the codecs ---- */

static const struct codec {
	const char *name, *encoder; /* libavcodec's; NULL: libjpeg's */
	enum AVPixelFormat format;  /* that it works on without a copy */
	void (*set_up)(AVCodecContext *context);
	/* Rate and quality, of a context to be opened or between frames. */
	void (*set_rate)(const struct video_settings *settings,
			 AVCodecContext *context);
	/* libavcodec cannot tell it of a new rate. */
	bool begins_anew;
} codecs[] = {
    [VIDEO_H264] = {"H.264", "libx264", AV_PIX_FMT_NV12, set_h264, rate_h264,
		    false},
    [VIDEO_VP8] = {"VP8", "libvpx", AV_PIX_FMT_YUV420P, set_vp8, rate_vp8,
		   true},
    [VIDEO_MJPEG] = {"MJPEG", NULL, AV_PIX_FMT_NONE, NULL, NULL, false},
};

bool video_codec_available(enum video_codec codec)
{
	const char *encoder = codecs[codec].encoder;
	return !encoder || avcodec_find_encoder_by_name(encoder);
}

static void set_rate(struct video_encoder *self)
{
	AVCodecContext *context = self->context;
	int64_t rate = rate_kbps(&self->settings) * INT64_C(1000);
	context->rc_max_rate = rate;
	context->rc_buffer_size =
	    MIN(rate * BUFFER_FRAMES / self->settings.fps, INT32_MAX);
	codecs[self->settings.codec].set_rate(&self->settings, context);
}

static bool open_context(struct video_encoder *self, GError **error)
{
	const struct video_settings *settings = &self->settings;
	const struct codec *wanted = &codecs[settings->codec];
	const AVCodec *codec = avcodec_find_encoder_by_name(wanted->encoder);
	if (!codec) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Install an FFmpeg whose libavcodec has libx264 and "
			  "libvpx, or choose another video codec.",
			  "libavcodec cannot encode %s", wanted->name);
		return false;
	}
	avcodec_free_context(&self->context);
	AVCodecContext *context = avcodec_alloc_context3(codec);
	self->context = context;
	if (context) {
		context->width = self->frame->width;
		context->height = self->frame->height;
		context->pix_fmt = self->frame->format;
		context->time_base = (AVRational){1, settings->fps};
		context->framerate = (AVRational){settings->fps, 1};
		context->max_b_frames = 0;
		context->gop_size = INT_MAX / 2;
		context->thread_count = 1;
		/* libraries are silent: what matters comes as a fault */
		context->log_level_offset = 2 * AV_LOG_TRACE;
		context->color_range = AVCOL_RANGE_MPEG;
		context->colorspace = AVCOL_SPC_SMPTE170M;
		context->color_primaries = AVCOL_PRI_BT709;
		context->color_trc = AVCOL_TRC_BT709;
		wanted->set_up(context);
		set_rate(self);
	}
	int result =
	    context ? avcodec_open2(context, codec, NULL) : AVERROR(ENOMEM);
	if (result < 0) {
		fault_set(error, FAULT_UNAVAILABLE, NULL,
			  "The video encoder does not start: %s",
			  av_err2str(result));
		return false;
	}
	return true;
}

static bool make_frame(struct video_encoder *self, GError **error)
{
	self->frame = av_frame_alloc();
	self->packet = av_packet_alloc();
	if (self->frame && self->packet) {
		self->frame->format = codecs[self->settings.codec].format;
		self->frame->width = (self->settings.width + 1) & ~1u;
		self->frame->height = (self->settings.height + 1) & ~1u;
		if (av_frame_get_buffer(self->frame, 0) == 0)
			return true;
	}
	fault_set(error, FAULT_UNAVAILABLE, "Free some memory.",
		  "No memory for a video of %u x %u", self->settings.width,
		  self->settings.height);
	return false;
}

static void bound(struct video_settings *settings)
{
	settings->quality = CLAMP(settings->quality, 1, 100);
	settings->fps = CLAMP(settings->fps, 1, 120);
	/* below this no codec keeps its promises */
	if (settings->rate_kbps)
		settings->rate_kbps =
		    CLAMP(settings->rate_kbps, 50, RATE_UNBOUND_KBPS);
}

struct video_encoder *video_encoder_create(
    const struct video_settings *settings, GError **error)
{
	if (settings->width < SIDE_MIN || settings->width > SIDE_MAX ||
	    settings->height < SIDE_MIN || settings->height > SIDE_MAX) {
		fault_set(error, FAULT_INVALID,
			  "Send the region as pictures instead.",
			  "A video of %u x %u is not within %u and %u a side",
			  settings->width, settings->height, SIDE_MIN,
			  SIDE_MAX);
		return NULL;
	}
	g_autoptr(video_encoder_t) self = g_new0(struct video_encoder, 1);
	self->settings = *settings;
	bound(&self->settings);
	if (settings->codec == VIDEO_MJPEG) {
		self->jpeg = jpeg_encoder_create();
		self->jpeg_quality = self->settings.quality;
	} else if (!make_frame(self, error) || !open_context(self, error)) {
		return NULL;
	}
	return g_steal_pointer(&self);
}

void video_encoder_destroy(struct video_encoder *self)
{
	if (!self)
		return;
	avcodec_free_context(&self->context);
	av_frame_free(&self->frame);
	av_packet_free(&self->packet);
	jpeg_encoder_destroy(self->jpeg);
	g_free(self);
}

static bool differs(unsigned a, unsigned b)
{
	return (a > b ? a - b : b - a) * 10 > MAX(a, b);
}

void video_encoder_set_rate(struct video_encoder *self, unsigned rate,
			    unsigned quality, unsigned fps)
{
	struct video_settings wish = self->settings;
	wish.rate_kbps = rate;
	wish.quality = quality;
	wish.fps = fps;
	bound(&wish);
	if (!differs(wish.quality, self->settings.quality) &&
	    !differs(rate_kbps(&wish), rate_kbps(&self->settings)) &&
	    !differs(wish.fps, self->settings.fps))
		return;
	self->settings = wish;
	if (codecs[wish.codec].begins_anew)
		avcodec_free_context(&self->context);
	else if (self->context)
		set_rate(self);
}

/* One picture; the next one's quality by how it compares with its share. */
static bool encode_jpeg(struct video_encoder *self,
			const struct codec_view *view, GByteArray *out,
			GError **error)
{
	guint had = out->len;
	unsigned quality = MIN(self->jpeg_quality, self->settings.quality);
	if (!jpeg_encode(self->jpeg, view, quality, JPEG_420, out)) {
		fault_set(error, FAULT_UNAVAILABLE, "Free some memory.",
			  "libjpeg could not encode a picture of %u x %u",
			  view->width, view->height);
		return false;
	}
	uint64_t share =
	    rate_kbps(&self->settings) * UINT64_C(125) / self->settings.fps;
	uint64_t used = out->len - had;
	if (used > share && quality > 10)
		quality -= used > 2 * share ? 10 : 3;
	else if (used * 5 < share * 4)
		quality += 2;
	self->jpeg_quality = CLAMP(quality, 5, self->settings.quality);
	return true;
}

static bool encode_stream(struct video_encoder *self,
			  const struct codec_view *view, bool key,
			  bool *was_key, GByteArray *out, GError **error)
{
	if (!self->context && !open_context(self, error))
		return false;
	AVFrame *frame = self->frame;
	int result = av_frame_make_writable(frame);
	if (result == 0) {
		const struct yuv_planes planes = {
		    frame->data[0], frame->data[1], frame->data[2],
		    frame->linesize[0], frame->linesize[1]};
		yuv_fill(view, &planes);
		frame->pts = self->count++;
		frame->pict_type =
		    key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
		result = avcodec_send_frame(self->context, frame);
	}
	if (result == 0)
		result = avcodec_receive_packet(self->context, self->packet);
	if (result < 0) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Begin a new video, or send the region as pictures.",
			  "The video encoder gave up: %s", av_err2str(result));
		return false;
	}
	g_byte_array_append(out, self->packet->data, self->packet->size);
	*was_key = self->packet->flags & AV_PKT_FLAG_KEY;
	av_packet_unref(self->packet);
	return true;
}

bool video_encode(struct video_encoder *self, const struct codec_view *view,
		  bool key, bool *was_key, GByteArray *out, GError **error)
{
	bool unused;
	if (!was_key)
		was_key = &unused;
	if (!codec_view_valid(view) || view->width != self->settings.width ||
	    view->height != self->settings.height) {
		fault_set(error, FAULT_INTERNAL, NULL,
			  "A frame of %u x %u for a video of %u x %u",
			  view->width, view->height, self->settings.width,
			  self->settings.height);
		return false;
	}
	*was_key = true;
	if (self->jpeg)
		return encode_jpeg(self, view, out, error);
	return encode_stream(self, view, key, was_key, out, error);
}
