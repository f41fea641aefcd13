/* Every encoder's bytes through decoders that share no code with it, and every
 * instruction set against the portable twin, on pictures made from seeds. */
#include <string.h>

#include "display/codec/analyse.h"
#include "display/codec/deflate.h"
#include "display/codec/filter.h"
#include "display/codec/jpeg.h"
#include "display/codec/tight.h"
#include "display/codec/zrle.h"
#include "tests/unit/codec-decode.h"
#include "tests/unit/codec-pictures.h"

/* A view whose rows have gaps, exactly as large as it must be, so that the
 * sanitizers see every step beyond. */
struct sample {
	struct codec_view view;
	uint32_t *memory;
};

static struct sample sample_new(enum codec_picture picture, uint32_t seed,
				unsigned width, unsigned height)
{
	size_t stride = width + seed % 5;
	size_t count = stride * (height - 1) + width;
	struct sample s = {.memory = g_new0(uint32_t, count)};
	codec_picture_fill(picture, seed, s.memory, stride, width, height);
	s.view = (struct codec_view){s.memory, stride, width, height};
	return s;
}

static unsigned side(unsigned most)
{
	/* small ones often: that is where loops over eight begin and end */
	return g_test_rand_int_range(1, g_test_rand_bit() ? 40 : most + 1);
}

static struct sample sample_random(unsigned most)
{
	enum codec_picture picture = g_test_rand_int_range(0, PICTURES);
	uint32_t seed = g_test_rand_int_range(1, G_MAXINT32);
	unsigned width = side(most);
	return sample_new(picture, seed, width, side(most));
}

static void assert_same(const struct codec_view *view, const uint32_t *got)
{
	for (unsigned y = 0; y < view->height; y++)
		g_assert_cmpmem(view->pixels + y * view->stride_px,
				view->width * 4, got + (size_t)y * view->width,
				view->width * 4);
}

/* ---- analysis ---- */

struct findings {
	bool solid;
	uint32_t colour;
	uint64_t hash;
	struct codec_palette palette, some;
	uint8_t *places, *bits;
	size_t bits_length;
	struct codec_texture texture;
	uint8_t *rgb, *bgr, *gradient;
};

static void look(const struct codec_view *view, struct findings *out)
{
	size_t count = (size_t)view->width * view->height;
	memset(out, 0, sizeof *out);
	out->places = g_malloc0(count);
	out->bits = g_malloc0(count);
	out->rgb = g_malloc0(view->width * 3 + FILTER_SLACK);
	out->bgr = g_malloc0(view->width * 3 + FILTER_SLACK);
	out->gradient = g_malloc0(view->width * 3 + FILTER_SLACK);
	out->solid = codec_solid(view, &out->colour);
	out->hash = codec_hash(view, 42);
	codec_palette_build(view, 256, &out->palette, out->places);
	codec_palette_build(view, 16, &out->some, NULL);
	out->bits_length = codec_bits(view, view->pixels[0], out->bits);
	codec_texture(view, 2, &out->texture);
	filter_rgb(view->pixels, view->width, out->rgb);
	filter_bgr(view->pixels, view->width, out->bgr);
	filter_gradient(view->pixels + (view->height - 1) * view->stride_px,
			view->height > 1 ? view->pixels + (view->height - 2) *
							      view->stride_px
					 : NULL,
			view->width, out->gradient);
}

static void forget(struct findings *self)
{
	g_free(self->places);
	g_free(self->bits);
	g_free(self->rgb);
	g_free(self->bgr);
	g_free(self->gradient);
}

static void test_twins(void)
{
	for (int round = 0; round < 400; round++) {
		struct sample s = sample_random(200);
		size_t count = (size_t)s.view.width * s.view.height;
		struct findings want, got;
		codec_isa_limit(CODEC_PORTABLE);
		look(&s.view, &want);
		for (int isa = CODEC_SSE2; isa <= CODEC_AVX2; isa++) {
			codec_isa_limit(isa);
			look(&s.view, &got);
			g_assert_cmpint(want.solid, ==, got.solid);
			g_assert_cmpuint(want.colour, ==, got.colour);
			g_assert_cmpuint(want.hash, ==, got.hash);
			g_assert_cmpuint(want.palette.count, ==,
					 got.palette.count);
			g_assert_cmpmem(
			    want.palette.colours, want.palette.count * 4,
			    got.palette.colours, got.palette.count * 4);
			g_assert_cmpuint(want.some.count, ==, got.some.count);
			if (want.palette.count)
				g_assert_cmpmem(want.places, count, got.places,
						count);
			g_assert_cmpmem(want.bits, want.bits_length, got.bits,
					got.bits_length);
			g_assert_cmpmem(&want.texture, sizeof want.texture,
					&got.texture, sizeof got.texture);
			g_assert_cmpmem(want.rgb, s.view.width * 3, got.rgb,
					s.view.width * 3);
			g_assert_cmpmem(want.bgr, s.view.width * 3, got.bgr,
					s.view.width * 3);
			g_assert_cmpmem(want.gradient, s.view.width * 3,
					got.gradient, s.view.width * 3);
			forget(&got);
		}
		forget(&want);
		g_free(s.memory);
	}
}

static void test_palette(void)
{
	for (int round = 0; round < 200; round++) {
		struct sample s = sample_random(100);
		const struct codec_view *v = &s.view;
		g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
		for (unsigned y = 0; y < v->height; y++)
			for (unsigned x = 0; x < v->width; x++)
				g_hash_table_add(
				    seen, GUINT_TO_POINTER(
					      v->pixels[y * v->stride_px + x]));
		unsigned truth = g_hash_table_size(seen);
		g_autofree uint8_t *places =
		    g_malloc((size_t)v->width * v->height);
		struct codec_palette palette;
		codec_palette_build(v, 256, &palette, places);
		g_assert_cmpuint(palette.count, ==, truth > 256 ? 0 : truth);
		for (unsigned y = 0; palette.count && y < v->height; y++)
			for (unsigned x = 0; x < v->width; x++)
				g_assert_cmpuint(
				    palette.colours[places[y * v->width + x]],
				    ==, v->pixels[y * v->stride_px + x]);
		if (truth > 1) {
			codec_palette_build(v, MIN(truth - 1, 256), &palette,
					    NULL);
			g_assert_cmpuint(palette.count, ==, 0);
		}
		uint32_t colour;
		g_assert_cmpint(codec_solid(v, &colour), ==, truth == 1);
		g_free(s.memory);
	}
}

/* One pixel more or less, two swapped, one moved: the hash changes. */
static void test_hash(void)
{
	for (int round = 0; round < 300; round++) {
		struct sample s = sample_random(80);
		const struct codec_view *v = &s.view;
		uint64_t before = codec_hash(v, round);
		g_assert_cmpuint(before, ==, codec_hash(v, round));
		g_assert_cmpuint(before, !=, codec_hash(v, round + 1));
		/* the same in memory of another stride */
		g_autofree uint32_t *copy =
		    g_new(uint32_t, (size_t)v->width * v->height);
		for (unsigned y = 0; y < v->height; y++)
			memcpy(copy + (size_t)y * v->width,
			       v->pixels + y * v->stride_px, v->width * 4);
		struct codec_view packed = {copy, v->width, v->width,
					    v->height};
		g_assert_cmpuint(before, ==, codec_hash(&packed, round));
		size_t count = (size_t)v->width * v->height;
		size_t at = g_test_rand_int_range(0, count);
		copy[at] ^= 1u << g_test_rand_int_range(0, 24);
		g_assert_cmpuint(before, !=, codec_hash(&packed, round));
		size_t to = g_test_rand_int_range(0, count);
		uint64_t changed = codec_hash(&packed, round);
		if (copy[at] != copy[to]) {
			uint32_t kept = copy[at];
			copy[at] = copy[to];
			copy[to] = kept;
			g_assert_cmpuint(changed, !=,
					 codec_hash(&packed, round));
		}
		g_free(s.memory);
	}
}

static void test_classes(void)
{
	static const enum codec_class want[PICTURES] = {
	    [PICTURE_SOLID] = CODEC_SOLID,      [PICTURE_TWO] = CODEC_TEXT,
	    [PICTURE_TEXT] = CODEC_TEXT,        [PICTURE_PALETTE] = CODEC_TEXT,
	    [PICTURE_GRADIENT] = CODEC_PICTURE, [PICTURE_PHOTO] = CODEC_PICTURE,
	    [PICTURE_NOISE] = CODEC_PICTURE};
	for (int picture = 0; picture < PICTURES; picture++)
		for (uint32_t seed = 1; seed < 20; seed++) {
			struct sample s = sample_new(picture, seed, 64, 64);
			struct codec_palette palette;
			struct codec_texture texture;
			codec_palette_build(&s.view, 256, &palette, NULL);
			codec_texture(&s.view, 1, &texture);
			g_assert_cmpint(codec_classify(palette.count, &texture),
					==, want[picture]);
			g_free(s.memory);
		}
}

/* ---- deflate ---- */

static void test_deflate(void)
{
	g_autoptr(deflate_t) deflate = deflate_create();
	for (int round = 0; round < 400; round++) {
		size_t length =
		    g_test_rand_int_range(0, round % 20 ? 5000 : 300000);
		g_autofree uint8_t *in = g_malloc(MAX(length, 1));
		g_autofree uint8_t *out = g_malloc(length + 1);
		unsigned kind = g_test_rand_int_range(0, 6);
		unsigned row = g_test_rand_int_range(1, 1000);
		for (size_t i = 0; i < length; i++) {
			uint8_t random = g_test_rand_int();
			in[i] = kind == 0   ? 0
				: kind == 1 ? random
				: kind == 2 ? random & 3
				: kind == 3
				    ? (random > 250 || i < row ? random
							       : in[i - row])
				: kind == 4
				    ? (random > 240 || !i ? random : in[i - 1])
				    : __builtin_ctz(random | 256);
		}
		g_autoptr(GByteArray) bytes = g_byte_array_new();
		deflate_append(
		    deflate, g_test_rand_bit() ? DEFLATE_RUNS : DEFLATE_MATCHES,
		    DEFLATE_LAST, in, length, g_test_rand_bit() ? row : 0,
		    g_test_rand_int_range(0, 5), bytes);
		if (length)
			inflate_whole(bytes->data, bytes->len, out, length);
		g_assert_cmpmem(in, length, out, length);
		g_assert_cmpuint(bytes->len, <=,
				 length + (length / 8192 + 2) * 5);
	}
}

/* Pieces made once, put into streams of zlib's in any order. */
static void test_deflate_shared(void)
{
	enum { PIECES = 20, LENGTH = 3000 };
	g_autoptr(deflate_t) deflate = deflate_create();
	uint8_t pieces[PIECES][LENGTH], got[LENGTH];
	GByteArray *bytes[PIECES];
	for (int i = 0; i < PIECES; i++) {
		for (int k = 0; k < LENGTH; k++)
			pieces[i][k] = g_test_rand_int() & (i | 1);
		bytes[i] = g_byte_array_new();
		deflate_append(deflate, DEFLATE_MATCHES, DEFLATE_ALIGNED,
			       pieces[i], LENGTH, 100, 1, bytes[i]);
	}
	for (int round = 0; round < 20; round++) {
		z_stream stream = {0};
		uint8_t *header = (uint8_t *)DEFLATE_ZLIB_HEADER;
		inflateInit(&stream);
		stream.next_in = header;
		stream.avail_in = DEFLATE_ZLIB_HEADER_BYTES;
		stream.next_out = got; /* zlib refuses to begin without */
		inflate(&stream, Z_SYNC_FLUSH);
		g_assert_cmpuint(stream.avail_in, ==, 0);
		for (int i = 0; i < 30; i++) {
			int piece = g_test_rand_int_range(0, PIECES);
			stream.next_in = bytes[piece]->data;
			stream.avail_in = bytes[piece]->len;
			stream.next_out = got;
			stream.avail_out = LENGTH + 1;
			g_assert_cmpint(inflate(&stream, Z_SYNC_FLUSH), ==,
					Z_OK);
			g_assert_cmpuint(stream.avail_in, ==, 0);
			g_assert_cmpuint(stream.avail_out, ==, 1);
			g_assert_cmpmem(got, LENGTH, pieces[piece], LENGTH);
		}
		inflateEnd(&stream);
	}
	for (int i = 0; i < PIECES; i++)
		g_byte_array_unref(bytes[i]);
}

/* ---- Tight, ZRLE, JPEG ---- */

static void test_tight_lossless(void)
{
	g_autoptr(tight_encoder_t) tight = tight_encoder_create();
	struct tight_decoder decoder = {0};
	for (int round = 0; round < 300; round++) {
		struct sample s = sample_random(300);
		const struct codec_view *v = &s.view;
		struct tight_options options = {.gradient = g_test_rand_bit()};
		g_autoptr(GByteArray) out = g_byte_array_new();
		g_autofree uint32_t *got =
		    g_new(uint32_t, (size_t)v->width * v->height);
		bool exact, jpeg;
		g_assert_true(tight_encode(tight, v, &options, &exact, out));
		g_assert_true(exact);
		g_assert_cmpuint(tight_decode(&decoder, out->data, out->len,
					      v->width, v->height, got, &jpeg),
				 ==, out->len);
		g_assert_false(jpeg);
		assert_same(v, got);
		/* kept bytes are good again, whatever came between */
		g_assert_cmpuint(tight_decode(&decoder, out->data, out->len,
					      v->width, v->height, got, &jpeg),
				 ==, out->len);
		assert_same(v, got);
		g_free(s.memory);
	}
	tight_decoder_finish(&decoder);
}

static void test_tight_lossy(void)
{
	g_autoptr(tight_encoder_t) tight = tight_encoder_create();
	struct tight_decoder decoder = {0};
	for (int round = 0; round < 60; round++) {
		enum codec_picture picture = round % PICTURES;
		struct sample s =
		    sample_new(picture, round + 1, 65 + round, 120 - round);
		const struct codec_view *v = &s.view;
		struct tight_options options = {
		    .jpeg_quality = 60 + g_test_rand_int_range(0, 40),
		    .sampling = round % 3,
		    .gradient = true};
		g_autoptr(GByteArray) out = g_byte_array_new();
		g_autofree uint32_t *got =
		    g_new(uint32_t, (size_t)v->width * v->height);
		bool exact, jpeg;
		g_assert_true(tight_encode(tight, v, &options, &exact, out));
		g_assert_cmpuint(tight_decode(&decoder, out->data, out->len,
					      v->width, v->height, got, &jpeg),
				 ==, out->len);
		g_assert_cmpint(jpeg, ==, !exact);
		g_assert_cmpint(exact, ==, picture <= PICTURE_PALETTE);
		if (exact)
			assert_same(v, got);
		else
			g_assert_cmpfloat(psnr(v->pixels, v->stride_px, got,
					       v->width, v->width, v->height),
					  >, picture == PICTURE_NOISE ? 8 : 27);
		g_free(s.memory);
	}
	tight_decoder_finish(&decoder);
}

static void test_tight_bounds(void)
{
	g_autoptr(tight_encoder_t) tight = tight_encoder_create();
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_autofree uint32_t *memory = g_new0(uint32_t, 4096 * 600);
	struct tight_options options = {.jpeg_quality = 90};
	bool exact;
	struct codec_view wide = {memory, 4096, TIGHT_WIDTH_MAX + 1, 2};
	g_assert_false(tight_encode(tight, &wide, &options, &exact, out));
	struct codec_view large = {memory, 2048, 2048, 513};
	g_assert_false(tight_encode(tight, &large, &options, &exact, out));
	g_assert_false(tight_lossless(tight, &large, true, out));
	g_assert_false(tight_jpeg(tight, &large, 90, JPEG_420, out));
	g_assert_cmpuint(out->len, ==, 0);
	/* the largest, of what does not compress, has a length that fits */
	codec_picture_fill(PICTURE_NOISE, 7, memory, 2048, 2048, 512);
	struct codec_view most = {memory, 2048, 2048, 512};
	struct tight_decoder decoder = {0};
	g_autofree uint32_t *got = g_new(uint32_t, 2048 * 512);
	bool jpeg;
	g_assert_true(tight_lossless(tight, &most, true, out));
	g_assert_cmpuint(
	    tight_decode(&decoder, out->data, out->len, 2048, 512, got, &jpeg),
	    ==, out->len);
	assert_same(&most, got);
	tight_decoder_finish(&decoder);
}

static void test_zrle(void)
{
	g_autoptr(zrle_encoder_t) zrle = zrle_encoder_create();
	struct zrle_decoder decoders[2] = {{.rgb = false}, {.rgb = true}};
	bool begun[2] = {false, false};
	for (int round = 0; round < 200; round++) {
		struct sample s = sample_random(200);
		const struct codec_view *v = &s.view;
		g_autofree uint32_t *got =
		    g_new(uint32_t, (size_t)v->width * v->height);
		unsigned order = g_test_rand_bit();
		g_autoptr(GByteArray) kept = g_byte_array_new();
		g_assert_true(
		    zrle_encode(zrle, v, order ? ZRLE_RGB : ZRLE_BGR, kept));
		for (int again = 0; again < 2; again++) {
			g_autoptr(GByteArray) out = g_byte_array_new();
			zrle_frame(kept, &begun[order], out);
			zrle_decode(&decoders[order], out->data, out->len,
				    v->width, v->height, got);
			assert_same(v, got);
		}
		g_free(s.memory);
	}
	zrle_decoder_finish(&decoders[0]);
	zrle_decoder_finish(&decoders[1]);
}

static double jpeg_psnr(struct jpeg_encoder *jpeg, const struct codec_view *v,
			unsigned quality, enum jpeg_sampling sampling,
			guint *length)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_autofree uint32_t *got = g_new(uint32_t, v->width * v->height);
	g_byte_array_append(out, (const guint8 *)"before", 6);
	g_assert_true(jpeg_encode(jpeg, v, quality, sampling, out));
	g_assert_cmpmem(out->data, 6, "before", 6);
	jpeg_decode(out->data + 6, out->len - 6, v->width, v->height, got);
	*length = out->len - 6;
	return psnr(v->pixels, v->stride_px, got, v->width, v->width,
		    v->height);
}

/* Our way of it against libjpeg's: as good, in as many bytes. */
static void test_jpeg(void)
{
	g_autoptr(jpeg_encoder_t) jpeg = jpeg_encoder_create();
	for (int round = 0; round < 120; round++) {
		/* not one colour nor a few pixels: there rounding is luck */
		struct sample s =
		    sample_new(PICTURE_TEXT + round % (PICTURES - PICTURE_TEXT),
			       round + 1, g_test_rand_int_range(48, 200),
			       g_test_rand_int_range(48, 200));
		unsigned quality = g_test_rand_int_range(30, 101);
		guint ours, theirs;
		codec_isa_limit(CODEC_AVX2);
		double got =
		    jpeg_psnr(jpeg, &s.view, quality, round % 3, &ours);
		codec_isa_limit(CODEC_SSE2);
		double want =
		    jpeg_psnr(jpeg, &s.view, quality, round % 3, &theirs);
		codec_isa_limit(CODEC_AVX2);
		/* below a level's difference nobody is better */
		if (want < 47)
			g_assert_cmpfloat(got, >, want - 0.6);
		else
			g_assert_cmpfloat(got, >, 45);
		g_assert_cmpuint(ours, <, theirs + theirs / 6 + 100);
		g_free(s.memory);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/codec/twins", test_twins);
	g_test_add_func("/codec/palette", test_palette);
	g_test_add_func("/codec/hash", test_hash);
	g_test_add_func("/codec/classes", test_classes);
	g_test_add_func("/codec/deflate", test_deflate);
	g_test_add_func("/codec/deflate-shared", test_deflate_shared);
	g_test_add_func("/codec/tight-lossless", test_tight_lossless);
	g_test_add_func("/codec/tight-lossy", test_tight_lossy);
	g_test_add_func("/codec/tight-bounds", test_tight_bounds);
	g_test_add_func("/codec/zrle", test_zrle);
	g_test_add_func("/codec/jpeg", test_jpeg);
	return g_test_run();
}
