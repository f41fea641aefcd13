/* A recording, as ffmpeg sees it: every test plays a machine's pictures and
 * sound into a display, records, and has the programs of FFmpeg read the
 * file. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "display/display-private.h"
#include "display/pixels.h"
#include "display/recorder.h"
#include "tests/unit/codec-pictures.h"

enum { WIDTH = 640, HEIGHT = 360 };

struct film {
	struct display *display;
	struct recorder *recorder;
	char *path;
	uint32_t *pixels;
	bool ended;
	char why[16];
	guint64 bytes;
	gint64 length_ms;
};

static void on_ended(const struct recorder_end *end, void *data)
{
	struct film *film = data;
	film->ended = true;
	g_strlcpy(film->why, end->why, sizeof film->why);
	film->bytes = end->bytes;
	film->length_ms = end->length_ms;
}

/* Writes a picture as the machine does, and lets the round end. */
static void show(struct film *film, unsigned width, unsigned height)
{
	const struct rect all = {0, 0, width, height};
	g_assert_true(
	    desktop_set_head(film->display->desktop, 0, width, height, NULL));
	g_assert_true(desktop_write(
	    film->display->desktop, 0, &all, width * 4, PIXELS_X8R8G8B8,
	    (const uint8_t *)film->pixels, (gsize)width * height * 4, NULL));
	display_begin_round(film->display);
	while (g_main_context_iteration(NULL, FALSE))
		;
}

static void begin(struct film *film, guint64 max_bytes, guint64 min_free)
{
	*film = (struct film){.display = display_new("test", NULL)};
	struct recorder_settings settings = {
	    .fps = 30,
	    .quality = 90,
	    .rate_kbps = 20000,
	    .max_bytes = max_bytes,
	    .max_s = 60,
	    .min_free_bytes = min_free,
	    .sound = true,
	    .title = "desks/ada",
	};
	int fd = g_file_open_tmp("recorder-XXXXXX.webm", &film->path, NULL);
	g_assert_cmpint(fd, >=, 0);
	film->pixels = g_new0(uint32_t, WIDTH * HEIGHT);
	codec_picture_fill(PICTURE_TEXT, 7, film->pixels, WIDTH, WIDTH, HEIGHT);
	show(film, WIDTH, HEIGHT);
	film->recorder =
	    recorder_new(film->display, fd, &settings, on_ended, film);
}

static void wait_end(struct film *film)
{
	while (!film->ended)
		g_main_context_iteration(NULL, TRUE);
}

static void finish(struct film *film)
{
	recorder_free(film->recorder);
	display_free(film->display);
	g_unlink(film->path);
	g_free(film->path);
	g_free(film->pixels);
}

static void pass(unsigned ms)
{
	gint64 until = g_get_monotonic_time() + ms * 1000;
	while (g_get_monotonic_time() < until) {
		g_main_context_iteration(NULL, FALSE);
		g_usleep(1000);
	}
}

/* Runs a program of FFmpeg's; what it printed. */
static char *run(const char *const *argv, gsize *size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GSubprocess) program = g_subprocess_newv(
	    argv,
	    G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE,
	    &error);
	g_assert_no_error(error);
	GBytes *out;
	g_subprocess_communicate(program, NULL, NULL, &out, NULL, &error);
	g_assert_no_error(error);
	if (!g_subprocess_get_successful(program))
		g_error("%s: %.*s", argv[0], (int)g_bytes_get_size(out),
			(const char *)g_bytes_get_data(out, NULL));
	g_autoptr(GByteArray) bytes = g_bytes_unref_to_array(out);
	g_byte_array_append(bytes, (const guint8 *)"", 1);
	*size = bytes->len - 1;
	return (char *)g_byte_array_free(g_steal_pointer(&bytes), FALSE);
}

static char *probe(const char *path, const char *what)
{
	gsize size;
	const char *const argv[] = {"ffprobe",       "-v", "error",
				    "-show_entries", what, "-of",
				    "csv",           path, NULL};
	return run(argv, &size);
}

/* Every picture, as RGB of that size; n, how many there are. */
static char *decode(const char *path, unsigned width, unsigned height,
		    unsigned *n)
{
	gsize size;
	g_autofree char *scale = g_strdup_printf("%ux%u", width, height);
	const char *const argv[] = {
	    "ffmpeg",    "-v",          "error", "-i",  path,       "-an",
	    "-fps_mode", "passthrough", "-s",    scale, "-pix_fmt", "bgr0",
	    "-f",        "rawvideo",    "-",     NULL};
	char *out = run(argv, &size);
	g_assert_cmpuint(size % (width * height * 4), ==, 0);
	*n = size / (width * height * 4);
	return out;
}

static double psnr(const uint32_t *a, const uint32_t *b, gsize count)
{
	double sum = 0;
	for (gsize i = 0; i < count; i++)
		for (unsigned shift = 0; shift < 24; shift += 8) {
			double d = (double)(a[i] >> shift & 0xff) -
				   (double)(b[i] >> shift & 0xff);
			sum += d * d;
		}
	return sum == 0 ? 99 : 10 * log10(255.0 * 255 * count * 3 / sum);
}

static void test_plays(void)
{
	struct film film;
	begin(&film, 1 << 30, 0);
	pass(150);
	codec_picture_fill(PICTURE_GRADIENT, 3, film.pixels, WIDTH, WIDTH,
			   HEIGHT);
	show(&film, WIDTH, HEIGHT);
	pass(400);
	recorder_stop(film.recorder);
	wait_end(&film);
	g_assert_cmpstr(film.why, ==, "asked");
	g_autofree char *streams = probe(
	    film.path,
	    "stream=codec_name,width,height:format=duration:format_tags=title");
	g_assert_nonnull(strstr(streams, "vp8,640,360"));
	g_assert_nonnull(strstr(streams, "opus"));
	g_assert_nonnull(strstr(streams, "desks/ada"));
	double duration = g_ascii_strtod(strstr(streams, "format,") + 7, NULL);
	g_assert_cmpfloat(fabs(duration * 1000 - film.length_ms), <, 2);
	unsigned n;
	g_autofree char *frames = decode(film.path, WIDTH, HEIGHT, &n);
	g_assert_cmpuint(n, >=, 2);
	const uint32_t *last =
	    (const uint32_t *)frames + (gsize)(n - 1) * WIDTH * HEIGHT;
	double db = psnr(last, film.pixels, WIDTH * HEIGHT);
	g_test_message("%u pictures, %.1f dB, %" G_GUINT64_FORMAT " bytes", n,
		       db, film.bytes);
	g_assert_cmpfloat(db, >, 36);
	finish(&film);
}

/* Text stays readable: black and white, 4:2:0. */
static void test_text(void)
{
	struct film film;
	begin(&film, 1 << 30, 0);
	pass(200);
	recorder_stop(film.recorder);
	wait_end(&film);
	unsigned n;
	g_autofree char *frames = decode(film.path, WIDTH, HEIGHT, &n);
	double db = psnr((const uint32_t *)frames, film.pixels, WIDTH * HEIGHT);
	g_test_message("text: %.1f dB, %" G_GUINT64_FORMAT " bytes", db,
		       film.bytes);
	g_assert_cmpfloat(db, >, 30);
	finish(&film);
}

static void test_size_changes(void)
{
	struct film film;
	begin(&film, 1 << 30, 0);
	pass(100);
	codec_picture_fill(PICTURE_GRADIENT, 9, film.pixels, 321, 321, 203);
	show(&film, 321, 203);
	pass(300);
	recorder_stop(film.recorder);
	wait_end(&film);
	unsigned n;
	/* the decoder tells each picture's own size */
	g_autofree char *sizes = probe(film.path, "frame=width,height");
	g_assert_nonnull(strstr(sizes, "640,360"));
	g_assert_nonnull(strstr(sizes, "322,204"));
	g_autofree char *frames = decode(film.path, WIDTH, HEIGHT, &n);
	g_assert_cmpuint(n, >=, 2);
	finish(&film);
}

static void test_sound(void)
{
	struct film film;
	int16_t tone[480 * 2];
	const struct audio_format format = {
	    .bits = 16, .is_signed = true, .rate = AUDIO_RATE, .channels = 2};
	begin(&film, 1 << 30, 0);
	struct audio *audio = display_audio(film.display);
	audio_stream_open(audio, true, 1, &format);
	audio_stream_enable(audio, true, 1, true);
	for (unsigned i = 0; i < 60; i++) {
		for (unsigned k = 0; k < 480; k++)
			tone[k * 2] = tone[k * 2 + 1] =
			    lrint(10000 * sin((i * 480 + k) * 2 * G_PI * 440 /
					      AUDIO_RATE));
		audio_stream_write(audio, 1, (const uint8_t *)tone,
				   sizeof tone);
		pass(10);
	}
	recorder_stop(film.recorder);
	wait_end(&film);
	gsize size;
	const char *const argv[] = {"ffmpeg",  "-v",    "error", "-i",
				    film.path, "-vn",   "-ac",   "1",
				    "-f",      "s16le", "-",     NULL};
	g_autofree char *out = run(argv, &size);
	const int16_t *heard = (const int16_t *)out;
	unsigned count = size / 2, rises = 0;
	double power = 0;
	for (unsigned i = 1; i < count; i++) {
		power += (double)heard[i] * heard[i];
		rises += heard[i - 1] < 0 && heard[i] >= 0;
	}
	/* a tone of 440 Hz for as long as it was played, give or take */
	g_test_message("%u samples, %u periods", count, rises);
	g_assert_cmpuint(count, >, AUDIO_RATE * 4 / 10);
	g_assert_cmpfloat(sqrt(power / count), >, 3000);
	g_assert_cmpuint(rises, >, 150);
	g_assert_cmpuint(rises, <, 320);
	finish(&film);
}

/* Limits end it with a file that plays. */
static void test_limits(void)
{
	static const struct {
		guint64 max_bytes, min_free;
		const char *why;
	} cases[] = {
	    {300 << 10, 0, "size"},
	    {1 << 30, G_MAXUINT64, "disk"},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct film film;
		unsigned n, turn = 0;
		begin(&film, cases[i].max_bytes, cases[i].min_free);
		while (!film.ended) {
			codec_picture_fill(PICTURE_NOISE, ++turn, film.pixels,
					   WIDTH, WIDTH, HEIGHT);
			show(&film, WIDTH, HEIGHT);
			pass(20);
		}
		g_assert_cmpstr(film.why, ==, cases[i].why);
		g_autofree char *frames = decode(film.path, WIDTH, HEIGHT, &n);
		g_assert_cmpuint(n, >=, 1);
		finish(&film);
	}
}

/* A process that is killed leaves what it recorded: the file is read while it
 * is still being written. */
static void test_killed(void)
{
	struct film film;
	unsigned n = 0;
	begin(&film, 1 << 30, 0);
	pass(50);
	while (!n) {
		GStatBuf status;
		pass(20);
		if (g_stat(film.path, &status) == 0 && status.st_size > 2000) {
			g_autofree char *frames =
			    decode(film.path, WIDTH, HEIGHT, &n);
		}
	}
	g_assert_false(film.ended);
	finish(&film); /* freed while it records */
}

/* Nothing changes: hardly anything is written. */
static void test_still(void)
{
	struct film film;
	GStatBuf begun, later;
	begin(&film, 1 << 30, 0);
	pass(300);
	g_assert_cmpint(g_stat(film.path, &begun), ==, 0);
	pass(500);
	g_assert_cmpint(g_stat(film.path, &later), ==, 0);
	g_assert_cmpint(later.st_size, ==, begun.st_size);
	finish(&film);
}

/* Viewers draw the pointer themselves; a recording shows it. */
static void test_pointer(void)
{
	struct film film;
	begin(&film, 1 << 30, 0);
	memset(film.pixels, 0, WIDTH * HEIGHT * 4);
	show(&film, WIDTH, HEIGHT);
	film.display->cursor = cursor_new(32, 32);
	for (unsigned i = 0; i < 32 * 32; i++)
		film.display->cursor->pixels[i] = 0xffffffff;
	struct viewer viewer = {.display = film.display};
	display_pointer(&viewer, 100, 200, 0);
	pass(400);
	recorder_stop(film.recorder);
	wait_end(&film);
	unsigned n;
	g_autofree char *frames = decode(film.path, WIDTH, HEIGHT, &n);
	const uint32_t *last =
	    (const uint32_t *)frames + (gsize)(n - 1) * WIDTH * HEIGHT;
	g_assert_cmpuint(last[216 * WIDTH + 116] & 0xff, >, 200);
	g_assert_cmpuint(last[216 * WIDTH + 160] & 0xff, <, 50);
	finish(&film);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/recorder/plays", test_plays);
	g_test_add_func("/recorder/text", test_text);
	g_test_add_func("/recorder/size-changes", test_size_changes);
	g_test_add_func("/recorder/sound", test_sound);
	g_test_add_func("/recorder/limits", test_limits);
	g_test_add_func("/recorder/killed", test_killed);
	g_test_add_func("/recorder/still", test_still);
	g_test_add_func("/recorder/pointer", test_pointer);
	return g_test_run();
}
