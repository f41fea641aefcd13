/* Encoders side by side: ours and libvncserver's in one process, on the same
 * pictures, both writing to the same drain. CPU time of the one thread that
 * encodes, medians of rounds taken in turns; bytes; PSNR of what a viewer
 * decodes. codec-bench JSON PICTURE.ppm... */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "display/codec/plan.h"
#include "display/codec/tight.h"
#include "display/codec/video-encoder.h"
#include "display/codec/zrle.h"
#include "tests/bench/codec-own.h"
#include "tests/bench/codec-peer.h"
#include "tests/unit/codec-decode.h"
#include "tests/unit/codec-pictures.h"

enum { WIDTH = 1920, HEIGHT = 1080, SIDE = 64, ROUNDS = 9 };
enum { COLUMNS = (WIDTH + SIDE - 1) / SIDE, ROWS = (HEIGHT + SIDE - 1) / SIDE };

struct bench {
	const char *picture;
	uint32_t *pixels, *decoded;
	struct codec_peer *peer;
	struct tight_encoder *tight;
	struct zrle_encoder *zrle;
	GByteArray *out;
	FILE *json;
	bool more;
};

static double cpu_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void put16(GByteArray *out, unsigned value)
{
	uint8_t bytes[2] = {value >> 8, value};
	g_byte_array_append(out, bytes, 2);
}

static void put_header(GByteArray *out, unsigned x, unsigned y, unsigned w,
		       unsigned h, unsigned encoding)
{
	put16(out, x);
	put16(out, y);
	put16(out, w);
	put16(out, h);
	put16(out, 0);
	put16(out, encoding);
}

/* Our whole way: look at every tile, join, encode, write. */
static void ours_tight(struct bench *b, const struct tight_options *options)
{
	struct plan_tile tiles[COLUMNS * ROWS];
	struct codec_view whole = {b->pixels, WIDTH, WIDTH, HEIGHT};
	g_autoptr(GArray) rects =
	    g_array_new(FALSE, FALSE, sizeof(struct plan_rect));
	for (unsigned y = 0; y < ROWS; y++)
		for (unsigned x = 0; x < COLUMNS; x++) {
			struct codec_view tile =
			    codec_view_part(&whole, x * SIDE, y * SIDE,
					    MIN(SIDE, WIDTH - x * SIDE),
					    MIN(SIDE, HEIGHT - y * SIDE));
			tiles[y * COLUMNS + x] = plan_look(&tile);
		}
	plan_join(tiles, COLUMNS, ROWS, SIDE, WIDTH, HEIGHT,
		  &plan_limits_default, rects);
	for (unsigned i = 0; i < rects->len; i++) {
		struct plan_rect *r =
		    &g_array_index(rects, struct plan_rect, i);
		struct codec_view part =
		    codec_view_part(&whole, r->x, r->y, r->width, r->height);
		bool exact = true, ok = true;
		put_header(b->out, r->x, r->y, r->width, r->height, 7);
		if (r->what.kind == PLAN_SOLID)
			tight_fill(r->what.colour, b->out);
		else if (r->what.kind == PLAN_PICTURE && options->jpeg_quality)
			ok = tight_jpeg(b->tight, &part, options->jpeg_quality,
					options->sampling, b->out);
		else
			ok = tight_encode(b->tight, &part, options, &exact,
					  b->out);
		if (!ok)
			g_error("a rectangle was refused");
	}
}

static void ours_zrle(struct bench *b)
{
	struct codec_view whole = {b->pixels, WIDTH, WIDTH, HEIGHT};
	g_autoptr(GByteArray) body = g_byte_array_new();
	bool begun = false;
	for (unsigned y = 0; y < HEIGHT; y += 256)
		for (unsigned x = 0; x < WIDTH; x += 256) {
			unsigned w = MIN(256, WIDTH - x);
			unsigned h = MIN(256, HEIGHT - y);
			struct codec_view part =
			    codec_view_part(&whole, x, y, w, h);
			put_header(b->out, x, y, w, h, 16);
			g_byte_array_set_size(body, 0);
			zrle_encode(b->zrle, &part, ZRLE_BGR, body);
			zrle_frame(body, &begun, b->out);
		}
}

static unsigned get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

/* What a viewer makes of Tight rectangles. */
static double decoded_psnr(struct bench *b, const GByteArray *bytes)
{
	struct tight_decoder decoder = {0};
	const uint8_t *p = bytes->data, *end = p + bytes->len;
	g_autofree uint32_t *rect = g_new(uint32_t, WIDTH * HEIGHT);
	memset(b->decoded, 0xff, WIDTH * HEIGHT * 4);
	while (p < end) {
		unsigned x = get16(p), y = get16(p + 2);
		unsigned w = get16(p + 4), h = get16(p + 6);
		bool jpeg;
		p += 12;
		p += tight_decode(&decoder, p, end - p, w, h, rect, &jpeg);
		for (unsigned row = 0; row < h; row++)
			memcpy(b->decoded + (y + row) * WIDTH + x,
			       rect + row * w, w * 4);
	}
	tight_decoder_finish(&decoder);
	return psnr(b->pixels, WIDTH, b->decoded, WIDTH, WIDTH, HEIGHT);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof *values, by_value);
	return values[ROUNDS / 2];
}

static void print_row(struct bench *b, const char *what, double peer_ms,
		      size_t peer_bytes, double peer_psnr, double our_ms,
		      size_t our_bytes, double our_psnr)
{
	double mpx = WIDTH * HEIGHT / 1e6;
	printf("%-9s %-22s %7.0f %7.0f %6.2f | %6zu %6zu %5.2f | %5.1f %5.1f\n",
	       b->picture, what, mpx * 1000 / peer_ms, mpx * 1000 / our_ms,
	       peer_ms / our_ms, peer_bytes / 1000, our_bytes / 1000,
	       (double)our_bytes / peer_bytes, peer_psnr, our_psnr);
	fflush(stdout);
	fprintf(b->json,
		"%s\n{\"picture\": \"%s\", \"what\": \"%s\", "
		"\"peer_ms\": %.3f, \"ours_ms\": %.3f, "
		"\"peer_bytes\": %zu, \"ours_bytes\": %zu, "
		"\"peer_psnr\": %.2f, \"ours_psnr\": %.2f}",
		b->more ? "," : "", b->picture, what, peer_ms, our_ms,
		peer_bytes, our_bytes, peer_psnr, our_psnr);
	b->more = true;
}

struct contest {
	const char *what;
	enum codec_peer_encoding encoding;
	unsigned compress;
	struct tight_options options;
};

static void run(struct bench *b, const struct contest *contest)
{
	double peer[ROUNDS], ours[ROUNDS], peer_psnr = 99, our_psnr = 99;
	size_t peer_bytes = 0, our_bytes = 0;
	for (int round = 0; round < ROUNDS; round++) {
		bool last = round == ROUNDS - 1;
		double begun = cpu_ms();
		codec_peer_encode(b->peer, contest->encoding,
				  contest->options.jpeg_quality,
				  contest->compress);
		peer[round] = cpu_ms() - begun;
		peer_bytes = codec_peer_taken(b->peer);

		begun = cpu_ms();
		g_byte_array_set_size(b->out, 0);
		if (contest->encoding == PEER_TIGHT)
			ours_tight(b, &contest->options);
		else
			ours_zrle(b);
		codec_peer_write(b->peer, b->out->data, b->out->len);
		ours[round] = cpu_ms() - begun;
		our_bytes = codec_peer_taken(b->peer);
		if (last && contest->encoding == PEER_TIGHT)
			our_psnr = decoded_psnr(b, b->out);
	}
	if (contest->encoding == PEER_TIGHT) {
		/* from the begin of its streams: a new viewer */
		g_autoptr(GByteArray) kept = g_byte_array_new();
		struct codec_peer *fresh =
		    codec_peer_create(b->pixels, WIDTH, HEIGHT);
		codec_peer_taken(fresh);
		codec_peer_keep(fresh, kept);
		codec_peer_encode(fresh, PEER_TIGHT,
				  contest->options.jpeg_quality,
				  contest->compress);
		codec_peer_taken(fresh);
		peer_psnr = decoded_psnr(b, kept);
		codec_peer_destroy(fresh);
	}
	print_row(b, contest->what, median(peer), peer_bytes, peer_psnr,
		  median(ours), our_bytes, our_psnr);
}

static const struct contest contests[] = {
    {"tight lossless", PEER_TIGHT, 1, {.gradient = true}},
    {"tight lossless, plain", PEER_TIGHT, 1, {0}},
    {"tight jpeg 92 4:4:4", PEER_TIGHT, 1, {92, JPEG_444, true}},
    {"tight jpeg 79 4:4:4", PEER_TIGHT, 1, {79, JPEG_444, true}},
    {"zrle", PEER_ZRLE, 1, {0}},
};

/* ---- all cores ---- */

static void *encode_rounds(void *data)
{
	struct bench *b = data;
	const struct tight_options options = {92, JPEG_444, true};
	for (int round = 0; round < ROUNDS; round++) {
		g_byte_array_set_size(b->out, 0);
		ours_tight(b, &options);
	}
	return NULL;
}

static double encode_on(struct bench *b, unsigned threads)
{
	g_autofree struct bench *each = g_new(struct bench, threads);
	g_autofree GThread **thread = g_new(GThread *, threads);
	gint64 begun = g_get_monotonic_time();
	for (unsigned i = 0; i < threads; i++) {
		each[i] = *b;
		each[i].tight = tight_encoder_create();
		each[i].out = g_byte_array_new();
		thread[i] = g_thread_new("encode", encode_rounds, &each[i]);
	}
	for (unsigned i = 0; i < threads; i++) {
		g_thread_join(thread[i]);
		tight_encoder_destroy(each[i].tight);
		g_byte_array_unref(each[i].out);
	}
	return (double)(g_get_monotonic_time() - begun);
}

/* What each of all cores at work encodes, of what one alone does. */
static void run_scaling(struct bench *b)
{
	unsigned threads = g_get_num_processors();
	double ratios[5];
	for (unsigned i = 0; i < G_N_ELEMENTS(ratios); i++) {
		double one = encode_on(b, 1);
		ratios[i] = one / encode_on(b, threads);
	}
	qsort(ratios, G_N_ELEMENTS(ratios), sizeof *ratios, by_value);
	double ratio = ratios[G_N_ELEMENTS(ratios) / 2];
	printf("%-9s tight jpeg 92 4:4:4 on each of %u cores: %.2f of one\n",
	       b->picture, threads, ratio);
	fprintf(b->json,
		"%s\n{\"picture\": \"%s\", \"what\": \"scaling\", "
		"\"cores\": %u, \"ratio\": %.3f}",
		b->more ? "," : "", b->picture, threads, ratio);
	b->more = true;
}

/* A window that shows a film: the photograph panned by two pixels a frame. */
static void run_video(struct bench *b, enum video_codec codec, const char *name,
		      unsigned width, unsigned height)
{
	struct video_settings settings = {codec, width, height, 0, 75, 30};
	g_autoptr(GError) error = NULL;
	g_autoptr(video_encoder_t) video =
	    video_encoder_create(&settings, &error);
	if (!video) {
		printf("%-9s %s: %s\n", b->picture, name, error->message);
		return;
	}
	enum { FRAMES = 60 };
	double begun = cpu_ms();
	g_byte_array_set_size(b->out, 0);
	for (unsigned i = 0; i < FRAMES; i++) {
		struct codec_view view = {b->pixels + i * 2 + i / 2 * WIDTH,
					  WIDTH, width, height};
		if (!video_encode(video, &view, false, NULL, b->out, &error))
			g_error("%s", error->message);
	}
	double ms = (cpu_ms() - begun) / FRAMES;
	printf("%-9s %-6s %4ux%-4u %6.2f ms a frame, %5.1f KB\n", b->picture,
	       name, width, height, ms, b->out->len / 1000.0 / FRAMES);
	fprintf(b->json,
		"%s\n{\"picture\": \"%s\", \"what\": \"%s %ux%u\", "
		"\"ours_ms\": %.3f, \"ours_bytes\": %u}",
		b->more ? "," : "", b->picture, name, width, height, ms,
		b->out->len / FRAMES);
	b->more = true;
}

static void load(const char *path, uint32_t *pixels)
{
	g_autofree char *data = NULL;
	gsize length;
	g_autoptr(GError) error = NULL;
	if (!g_file_get_contents(path, &data, &length, &error))
		g_error("%s", error->message);
	if (length < WIDTH * HEIGHT * 3u ||
	    !g_str_has_prefix(data, "P6\n1920 1080\n255\n"))
		g_error("%s is no PPM of 1920x1080", path);
	const uint8_t *p = (uint8_t *)data + length - WIDTH * HEIGHT * 3;
	for (unsigned i = 0; i < WIDTH * HEIGHT; i++, p += 3)
		pixels[i] = p[0] << 16 | p[1] << 8 | p[2];
}

static void bench_picture(struct bench *b)
{
	b->peer = codec_peer_create(b->pixels, WIDTH, HEIGHT);
	codec_peer_taken(b->peer);
	for (size_t i = 0; i < G_N_ELEMENTS(contests); i++)
		run(b, &contests[i]);
	codec_own_run(b->picture, b->pixels, WIDTH, HEIGHT, b->json, &b->more);
	run_scaling(b);
	if (g_str_has_prefix(b->picture, "photo")) {
		run_video(b, VIDEO_H264, "h264", 640, 360);
		run_video(b, VIDEO_H264, "h264", 1280, 720);
		run_video(b, VIDEO_VP8, "vp8", 640, 360);
		run_video(b, VIDEO_VP8, "vp8", 1280, 720);
		run_video(b, VIDEO_MJPEG, "mjpeg", 1280, 720);
	}
	codec_peer_destroy(b->peer);
}

int main(int argc, char **argv)
{
	struct bench b = {.pixels = g_new(uint32_t, WIDTH * HEIGHT),
			  .decoded = g_new(uint32_t, WIDTH * HEIGHT),
			  .tight = tight_encoder_create(),
			  .zrle = zrle_encoder_create(),
			  .out = g_byte_array_new()};
	if (argc < 2) {
		fprintf(stderr, "codec-bench JSON PICTURE.ppm...\n");
		return 2;
	}
	b.json = fopen(argv[1], "w");
	if (!b.json) {
		perror(argv[1]);
		return 1;
	}
	fprintf(b.json, "[");
	printf("%-9s %-22s %7s %7s %6s | %6s %6s %5s | %5s %5s\n", "picture",
	       "encoding", "peer", "ours", "ratio", "peer", "ours", "ratio",
	       "peer", "ours");
	printf("%-9s %-22s %22s | %19s | %11s\n", "", "", "Mpx/s of a core",
	       "KB", "PSNR dB");
	for (int i = 2; i < argc; i++) {
		g_autofree char *name = g_path_get_basename(argv[i]);
		*strrchr(name, '.') = 0;
		b.picture = name;
		load(argv[i], b.pixels);
		bench_picture(&b);
	}
	codec_picture_fill(PICTURE_NOISE, 1, b.pixels, WIDTH, WIDTH, HEIGHT);
	b.picture = "noise";
	bench_picture(&b);
	fprintf(b.json, "\n]\n");
	fclose(b.json);
	tight_encoder_destroy(b.tight);
	zrle_encoder_destroy(b.zrle);
	g_byte_array_unref(b.out);
	g_free(b.pixels);
	g_free(b.decoded);
	return 0;
}
