/* A film's streams through libavcodec's decoder, as viewers get them: every
 * viewer decodes every frame it is given, near the source, however it joins,
 * lags, or begins anew; one encoder serves all that see the same. */
#include <math.h>
#include <string.h>

#include <libavcodec/avcodec.h>

#include "display/film-stream.h"
#include "display/pixels.h"
#include "tests/unit/codec-pictures.h"

enum { WIDTH = 400, HEIGHT = 300, VIEWERS = 10 };
static const struct rect film_rect = {64, 48, 192, 112};

struct machine {
	struct desktop *desktop;
	struct jobs *jobs;
	struct film_streams *streams;
	uint32_t *still, *pixels;
};

struct viewer {
	struct film_seat *seat;
	AVCodecContext *decoder;
	unsigned frames, begun;
	size_t bytes;
};

static void machine_init(struct machine *m)
{
	const struct rect all = {0, 0, WIDTH, HEIGHT};
	struct desktop_change change;
	m->desktop = desktop_new();
	m->jobs = jobs_new(2, NULL, NULL);
	m->streams = film_streams_new(m->jobs);
	m->still = g_new0(uint32_t, WIDTH * 2 * HEIGHT);
	m->pixels = g_new0(uint32_t, WIDTH * HEIGHT);
	codec_picture_fill(PICTURE_GRADIENT, 3, m->still, WIDTH * 2, WIDTH * 2,
			   HEIGHT);
	g_assert_true(desktop_set_head(m->desktop, 0, WIDTH, HEIGHT, NULL));
	g_assert_true(desktop_write(m->desktop, 0, &all, WIDTH * 4,
				    PIXELS_X8R8G8B8, (const uint8_t *)m->pixels,
				    WIDTH * HEIGHT * 4, NULL));
	desktop_commit(m->desktop, NULL, &change);
}

static void machine_finish(struct machine *m)
{
	film_streams_free(m->streams);
	jobs_free(m->jobs);
	desktop_free(m->desktop);
	g_free(m->still);
	g_free(m->pixels);
}

/* A camera that pans over the picture, in that rectangle. */
static void show(struct machine *m, const struct rect *at, unsigned frame)
{
	struct desktop_change change;
	for (unsigned y = at->y; y < at->y + at->h; y++)
		memcpy(m->pixels + y * WIDTH + at->x,
		       m->still + y * WIDTH * 2 + at->x + frame * 2 % WIDTH,
		       at->w * 4);
	size_t from = (size_t)at->y * WIDTH + at->x;
	g_assert_true(desktop_write(m->desktop, 0, at, WIDTH * 4,
				    PIXELS_X8R8G8B8,
				    (const uint8_t *)(m->pixels + from),
				    (WIDTH * HEIGHT - from) * 4, NULL));
	g_assert_true(desktop_commit(m->desktop, at, &change));
}

static void viewer_init(struct viewer *viewer, struct machine *m)
{
	*viewer = (struct viewer){.seat = film_seat_new(m->streams)};
}

static void viewer_finish(struct viewer *viewer)
{
	film_seat_free(viewer->seat);
	avcodec_free_context(&viewer->decoder);
}

static void new_decoder(struct viewer *viewer, enum video_codec codec)
{
	const AVCodec *found = avcodec_find_decoder(
	    codec == VIDEO_VP8 ? AV_CODEC_ID_VP8 : AV_CODEC_ID_H264);
	g_assert_nonnull(found);
	avcodec_free_context(&viewer->decoder);
	viewer->decoder = avcodec_alloc_context3(found);
	viewer->decoder->thread_count = 1;
	viewer->decoder->flags |= AV_CODEC_FLAG_LOW_DELAY;
	/* what it has no parameter sets or reference for is an error */
	viewer->decoder->err_recognition = AV_EF_EXPLODE;
	g_assert_cmpint(avcodec_open2(viewer->decoder, found, NULL), ==, 0);
}

static double luma_psnr(const struct machine *m, const struct rect *at,
			const AVFrame *frame)
{
	double sum = 0;
	for (unsigned y = 0; y < at->h; y++)
		for (unsigned x = 0; x < at->w; x++) {
			uint32_t p = m->pixels[(at->y + y) * WIDTH + at->x + x];
			double want = 0.299 * (p >> 16 & 0xff) +
				      0.587 * (p >> 8 & 0xff) +
				      0.114 * (p & 0xff);
			double got = frame->data[0][y * frame->linesize[0] + x];
			got = (got - 16) * 255 / 219;
			sum += (want - got) * (want - got);
		}
	return 10 * log10(255.0 * 255 * at->w * at->h / (sum + 1e-9));
}

/* What the decoder shows of one frame, within 33 dB of the source if it is
 * the newest. */
static void decode(struct viewer *viewer, const struct machine *m,
		   const struct rect *at, const struct film_frame *frame,
		   const struct film_wish *wish)
{
	const GByteArray *bytes = job_bytes(frame->job);
	AVPacket *packet = av_packet_alloc();
	AVFrame *picture = av_frame_alloc();
	if (frame->begins) {
		g_assert_cmpuint(job_outcome(frame->job), ==, FILM_KEY);
		new_decoder(viewer, wish->codec);
		viewer->begun++;
	}
	g_assert_cmpint(av_new_packet(packet, bytes->len), ==, 0);
	memcpy(packet->data, bytes->data, bytes->len);
	g_assert_cmpint(avcodec_send_packet(viewer->decoder, packet), ==, 0);
	g_assert_cmpint(avcodec_receive_frame(viewer->decoder, picture), ==, 0);
	g_assert_cmpint(picture->width, ==, at->w);
	g_assert_cmpint(picture->height, ==, at->h);
	if (!frame->behind && !wish->rate_kbps)
		g_assert_cmpfloat(luma_psnr(m, at, picture), >, 33);
	av_frame_free(&picture);
	av_packet_free(&packet);
	viewer->frames++;
	viewer->bytes += bytes->len;
}

/* Everything that the viewer may have now. */
static void take(struct viewer *viewer, struct machine *m,
		 const struct rect *at, const struct film_wish *wish,
		 int64_t now_us)
{
	struct film_frame frame;
	do {
		while (!film_seat_next(viewer->seat, wish, m->desktop, at,
				       now_us, &frame))
			g_main_context_iteration(NULL, TRUE);
		while (!job_done(frame.job))
			g_main_context_iteration(NULL, TRUE);
		decode(viewer, m, at, &frame, wish);
		job_unref(frame.job);
	} while (frame.behind);
}

static guint64 encoded(const struct machine *m)
{
	struct jobs_count count;
	jobs_count(m->jobs, &count);
	return count.encoded;
}

static void test_shared(gconstpointer data)
{
	const struct film_wish wish = {.codec = GPOINTER_TO_INT(data),
				       .quality = 80};
	struct machine m;
	struct viewer viewers[VIEWERS];
	machine_init(&m);
	for (unsigned i = 0; i < VIEWERS; i++)
		viewer_init(&viewers[i], &m);
	int64_t now_us = 1;
	for (unsigned frame = 1; frame <= 60; frame++) {
		now_us += 33000;
		show(&m, &film_rect, frame);
		/* the last comes at frame 40, with a key frame for all; the
		 * one before it takes every third frame only, and has to be
		 * given those it left out */
		for (unsigned i = 0; i < VIEWERS; i++)
			if (i < VIEWERS - 2 ||
			    (i == VIEWERS - 2 && frame % 3 == 1) ||
			    (i == VIEWERS - 1 && frame >= 40))
				take(&viewers[i], &m, &film_rect, &wish,
				     now_us);
	}
	g_assert_cmpuint(encoded(&m), ==, 61);
	for (unsigned i = 0; i < VIEWERS; i++) {
		g_assert_cmpuint(viewers[i].begun, ==, 1);
		g_assert_cmpuint(viewers[i].frames, ==,
				 i == VIEWERS - 1   ? 21
				 : i == VIEWERS - 2 ? 61 - 2
						    : 61);
		viewer_finish(&viewers[i]);
	}
	machine_finish(&m);
}

/* A viewer that lags, one whose line is full: each on its own, and back. */
static void test_alone(void)
{
	struct film_wish wish = {.codec = VIDEO_H264, .quality = 80};
	struct machine m;
	struct viewer first, late;
	machine_init(&m);
	viewer_init(&first, &m);
	viewer_init(&late, &m);
	int64_t now_us = 1;
	unsigned frame = 0;
	for (; frame < 20; frame++) {
		now_us += 33000;
		show(&m, &film_rect, frame + 1);
		take(&first, &m, &film_rect, &wish, now_us);
		if (frame == 0 || frame == 19)
			take(&late, &m, &film_rect, &wish, now_us);
	}
	g_assert_cmpuint(late.begun, ==, 2);
	g_assert_cmpuint(late.frames, ==, 2);
	g_assert_cmpuint(encoded(&m), ==, 21);
	/* the line is full: at its rate */
	struct film_wish slow = wish;
	slow.rate_kbps = 300;
	size_t before = late.bytes;
	for (; frame < 80; frame++) {
		now_us += 33000;
		show(&m, &film_rect, frame + 1);
		take(&first, &m, &film_rect, &wish, now_us);
		take(&late, &m, &film_rect, &slow, now_us);
	}
	g_assert_cmpuint(late.bytes - before, <, 300 * 125 * 2 * 3 / 2);
	g_assert_cmpuint(encoded(&m), ==, 21 + 2 * 60);
	/* and empty again: together after a while */
	now_us += 6 * G_USEC_PER_SEC;
	guint64 had = encoded(&m);
	for (; frame < 90; frame++) {
		now_us += 33000;
		show(&m, &film_rect, frame + 1);
		take(&first, &m, &film_rect, &wish, now_us);
		take(&late, &m, &film_rect, &wish, now_us);
	}
	/* once more for the key frame that the late one begins with */
	g_assert_cmpuint(encoded(&m), ==, had + 11);
	g_assert_cmpuint(late.begun, ==, 3);
	g_assert_cmpuint(first.begun, ==, 1);
	viewer_finish(&first);
	viewer_finish(&late);
	machine_finish(&m);
}

/* Asked for anew, moved, and given up at any moment. */
static void test_changes(void)
{
	const struct film_wish wish = {.codec = VIDEO_H264, .quality = 80};
	struct rect at = film_rect;
	struct machine m;
	struct viewer viewers[3];
	g_autoptr(GRand) chance = g_rand_new_with_seed(7);
	machine_init(&m);
	for (unsigned i = 0; i < 3; i++)
		viewer_init(&viewers[i], &m);
	int64_t now_us = 1;
	for (unsigned frame = 1; frame <= 120; frame++) {
		now_us += 33000;
		if (frame % 20 == 0) {
			at.x = 16 * g_rand_int_range(chance, 0, 8);
			at.y = 16 * g_rand_int_range(chance, 0, 8);
			at.w = 16 * g_rand_int_range(chance, 8, 12) - 1;
			at.w &= ~1u;
		}
		show(&m, &at, frame);
		for (unsigned i = 0; i < 3; i++) {
			struct film_frame left;
			switch (g_rand_int_range(chance, 0, 12)) {
			case 0:
				film_seat_renew(viewers[i].seat);
				break;
			case 1: /* gone with a frame under way */
				if (film_seat_next(viewers[i].seat, &wish,
						   m.desktop, &at, now_us,
						   &left))
					job_unref(left.job);
				viewer_finish(&viewers[i]);
				viewer_init(&viewers[i], &m);
				break;
			case 2: /* has no time */
				continue;
			}
			take(&viewers[i], &m, &at, &wish, now_us);
		}
	}
	for (unsigned i = 0; i < 3; i++)
		viewer_finish(&viewers[i]);
	machine_finish(&m);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	av_log_set_level(AV_LOG_ERROR);
	if (video_codec_available(VIDEO_H264)) {
		g_test_add_data_func("/film/shared/h264",
				     GINT_TO_POINTER(VIDEO_H264), test_shared);
		g_test_add_func("/film/alone", test_alone);
		g_test_add_func("/film/changes", test_changes);
	}
	if (video_codec_available(VIDEO_VP8))
		g_test_add_data_func("/film/shared/vp8",
				     GINT_TO_POINTER(VIDEO_VP8), test_shared);
	return g_test_run();
}
