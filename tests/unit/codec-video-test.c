/* Video through libavcodec's own decoders: every frame out of the call that
 * took it, decodable at once, and near the source; the planes' twins. */
#include <math.h>
#include <string.h>

#include <libavcodec/avcodec.h>

#include "display/codec/video-encoder.h"
#include "display/codec/yuv.h"
#include "tests/unit/codec-decode.h"
#include "tests/unit/codec-pictures.h"

struct movie {
	struct codec_view view;
	uint32_t *still, *pixels;
};

static struct movie movie_new(unsigned width, unsigned height)
{
	struct movie m;
	size_t stride = width * 2 + 3;
	m.still = g_new0(uint32_t, stride * height);
	m.pixels = g_new0(uint32_t, stride * height);
	codec_picture_fill(PICTURE_GRADIENT, 3, m.still, stride, width * 2,
			   height);
	m.view = (struct codec_view){m.pixels, stride, width, height};
	return m;
}

/* A camera that pans over the picture. */
static void movie_turn(struct movie *m, unsigned frame)
{
	for (unsigned y = 0; y < m->view.height; y++)
		memcpy(m->pixels + y * m->view.stride_px,
		       m->still + y * m->view.stride_px +
			   frame * 2 % m->view.width,
		       m->view.width * 4);
}

static void movie_free(struct movie *m)
{
	g_free(m->still);
	g_free(m->pixels);
}

static AVCodecContext *decoder_new(enum video_codec codec)
{
	const AVCodec *found =
	    avcodec_find_decoder(codec == VIDEO_H264  ? AV_CODEC_ID_H264
				 : codec == VIDEO_VP8 ? AV_CODEC_ID_VP8
						      : AV_CODEC_ID_MJPEG);
	g_assert_nonnull(found);
	AVCodecContext *context = avcodec_alloc_context3(found);
	context->thread_count = 1;
	/* a frame goes out as soon as it is there */
	context->flags |= AV_CODEC_FLAG_LOW_DELAY;
	g_assert_cmpint(avcodec_open2(context, found, NULL), ==, 0);
	return context;
}

/* Luma's distance from the planes of the source; MJPEG has the full range. */
static double luma_psnr(const AVFrame *frame, const struct codec_view *view,
			bool full)
{
	double sum = 0;
	for (unsigned y = 0; y < view->height; y++)
		for (unsigned x = 0; x < view->width; x++) {
			uint32_t p = view->pixels[y * view->stride_px + x];
			double want = 0.299 * (p >> 16 & 0xff) +
				      0.587 * (p >> 8 & 0xff) +
				      0.114 * (p & 0xff);
			double got = frame->data[0][y * frame->linesize[0] + x];
			if (!full)
				got = (got - 16) * 255 / 219;
			sum += (want - got) * (want - got);
		}
	return 10 *
	       log10(255.0 * 255 * view->width * view->height / (sum + 1e-9));
}

static AVFrame *decode(AVCodecContext *decoder, const GByteArray *bytes)
{
	AVPacket *packet = av_packet_alloc();
	AVFrame *frame = av_frame_alloc();
	g_assert_cmpint(av_new_packet(packet, bytes->len), ==, 0);
	memcpy(packet->data, bytes->data, bytes->len);
	g_assert_cmpint(avcodec_send_packet(decoder, packet), ==, 0);
	g_assert_cmpint(avcodec_receive_frame(decoder, frame), ==, 0);
	av_packet_free(&packet);
	return frame;
}

static void run(enum video_codec codec, unsigned width, unsigned height)
{
	g_autoptr(GError) error = NULL;
	struct video_settings settings = {.codec = codec,
					  .width = width,
					  .height = height,
					  .quality = 80,
					  .fps = 30};
	g_autoptr(video_encoder_t) video =
	    video_encoder_create(&settings, &error);
	g_assert_no_error(error);
	AVCodecContext *decoder = decoder_new(codec), *late = NULL;
	struct movie m = movie_new(width, height);
	for (unsigned i = 0; i < 24; i++) {
		g_autoptr(GByteArray) out = g_byte_array_new();
		bool was_key;
		movie_turn(&m, i);
		bool ok = video_encode(video, &m.view, i == 12, &was_key, out,
				       &error);
		g_assert_no_error(error);
		g_assert_true(ok);
		g_assert_cmpuint(out->len, >, 0);
		if (codec != VIDEO_MJPEG)
			g_assert_cmpint(was_key, ==, i == 0 || i == 12);
		if (i == 12) /* who comes now sees it from the key frame on */
			late = decoder_new(codec);
		for (int who = 0; who < 2; who++) {
			if (who && !late)
				continue;
			AVFrame *frame = decode(who ? late : decoder, out);
			g_assert_cmpint(frame->width, ==,
					codec == VIDEO_MJPEG
					    ? (int)width
					    : (int)((width + 1) & ~1u));
			double got =
			    luma_psnr(frame, &m.view, codec == VIDEO_MJPEG);
			g_assert_cmpfloat(got, >, 33);
			av_frame_free(&frame);
		}
	}
	movie_free(&m);
	avcodec_free_context(&decoder);
	avcodec_free_context(&late);
}

static void test_h264(void)
{
	run(VIDEO_H264, 320, 180);
	run(VIDEO_H264, 33, 17);
}

static void test_vp8(void)
{
	run(VIDEO_VP8, 320, 180);
	run(VIDEO_VP8, 33, 17);
}

static void test_mjpeg(void)
{
	run(VIDEO_MJPEG, 320, 180);
	run(VIDEO_MJPEG, 33, 17);
}

/* Noise that does not fit its line: bytes fall to the rate and rise again. */
static void test_rate(void)
{
	enum { W = 320, H = 240, FPS = 20 };
	static const unsigned rates[] = {4000, 400, 4000};
	g_autofree uint32_t *pixels = g_new0(uint32_t, W * H);
	struct codec_view view = {pixels, W, W, H};
	for (int codec = VIDEO_H264; codec <= VIDEO_MJPEG; codec++) {
		struct video_settings settings = {codec,    W,   H,
						  rates[0], 100, FPS};
		g_autoptr(GError) error = NULL;
		g_autoptr(video_encoder_t) video =
		    video_encoder_create(&settings, &error);
		g_assert_no_error(error);
		size_t bytes[3];
		for (int phase = 0; phase < 3; phase++) {
			g_autoptr(GByteArray) out = g_byte_array_new();
			video_encoder_set_rate(video, rates[phase], 100, FPS);
			for (int i = 0; i < 60; i++) {
				codec_picture_fill(PICTURE_PHOTO, i + 1, pixels,
						   W, W, H);
				/* the first ones may still settle */
				if (i == 20)
					g_byte_array_set_size(out, 0);
				g_assert_true(video_encode(video, &view, false,
							   NULL, out, &error));
			}
			bytes[phase] = out->len;
		}
		/* 2 s of 400 kb/s are 100 KB */
		g_test_message("codec %d: %zu %zu %zu", codec, bytes[0],
			       bytes[1], bytes[2]);
		g_assert_cmpuint(bytes[1], <, 150000);
		g_assert_cmpuint(bytes[0], >, 2 * bytes[1]);
		g_assert_cmpuint(bytes[2], >, 2 * bytes[1]);
		g_assert_cmpuint(bytes[0], <, 1500000);
	}
}

static void test_bounds(void)
{
	static const struct video_settings wrong[] = {
	    {VIDEO_H264, 0, 100, 0, 80, 30},
	    {VIDEO_H264, 100, 15, 0, 80, 30},
	    {VIDEO_VP8, 4097, 100, 0, 80, 30},
	    {VIDEO_MJPEG, 100, 5000, 0, 80, 30}};
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(video_encoder_create(&wrong[i], &error));
		g_assert_error(error, FAULT, FAULT_INVALID);
	}
	/* foolish wishes are bounded, a wrong frame refused */
	struct video_settings settings = {VIDEO_H264, 64, 64, 1, 0, 0};
	g_autoptr(GError) error = NULL;
	g_autoptr(video_encoder_t) video =
	    video_encoder_create(&settings, &error);
	g_assert_no_error(error);
	struct movie m = movie_new(65, 64);
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_assert_false(video_encode(video, &m.view, false, NULL, out, &error));
	g_assert_error(error, FAULT, FAULT_INTERNAL);
	g_clear_error(&error);
	video_encoder_set_rate(video, 4000000000u, 4000000000u, 4000000000u);
	m.view.width = 64;
	g_assert_true(video_encode(video, &m.view, false, NULL, out, &error));
	g_assert_no_error(error);
	movie_free(&m);
}

static void test_planes(void)
{
	for (int round = 0; round < 200; round++) {
		unsigned w = g_test_rand_int_range(1, 90);
		unsigned h = g_test_rand_int_range(1, 20);
		unsigned even_w = (w + 1) & ~1u, even_h = (h + 1) & ~1u;
		size_t stride = w + round % 3, luma = even_w * even_h;
		g_autofree uint32_t *pixels = g_new0(uint32_t, stride * h);
		codec_picture_fill(g_test_rand_int_range(0, PICTURES), round,
				   pixels, stride, w, h);
		struct codec_view view = {pixels, stride, w, h};
		uint8_t *planes[2][2];
		for (int twin = 0; twin < 2; twin++)
			for (int nv12 = 0; nv12 < 2; nv12++) {
				uint8_t *p = g_malloc0(luma * 3 / 2);
				planes[twin][nv12] = p;
				codec_isa_limit(twin ? CODEC_AVX2
						     : CODEC_PORTABLE);
				struct yuv_planes to = {
				    p, p + luma,
				    nv12 ? NULL : p + luma + luma / 4, even_w,
				    nv12 ? even_w : even_w / 2};
				yuv_fill(&view, &to);
			}
		for (int nv12 = 0; nv12 < 2; nv12++)
			g_assert_cmpmem(planes[0][nv12], luma * 3 / 2,
					planes[1][nv12], luma * 3 / 2);
		for (size_t i = 0; i < luma / 4; i++) {
			g_assert_cmpuint(planes[0][0][luma + i], ==,
					 planes[0][1][luma + i * 2]);
			g_assert_cmpuint(planes[0][0][luma + luma / 4 + i], ==,
					 planes[0][1][luma + i * 2 + 1]);
		}
		/* against the definition, in real numbers */
		for (unsigned y = 0; y < h; y++)
			for (unsigned x = 0; x < w; x++) {
				uint32_t p = pixels[y * stride + x];
				double want = 16 + (65.738 * (p >> 16 & 0xff) +
						    129.057 * (p >> 8 & 0xff) +
						    25.064 * (p & 0xff)) /
						       256;
				g_assert_cmpfloat(
				    fabs(planes[0][0][y * even_w + x] - want),
				    <, 1.1);
			}
		for (int i = 0; i < 4; i++)
			g_free(planes[i / 2][i % 2]);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/codec-video/planes", test_planes);
	if (video_codec_available(VIDEO_H264))
		g_test_add_func("/codec-video/h264", test_h264);
	if (video_codec_available(VIDEO_VP8))
		g_test_add_func("/codec-video/vp8", test_vp8);
	g_test_add_func("/codec-video/mjpeg", test_mjpeg);
	g_test_add_func("/codec-video/rate", test_rate);
	g_test_add_func("/codec-video/bounds", test_bounds);
	return g_test_run();
}
