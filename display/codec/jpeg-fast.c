/* A register holds one row of two neighbouring blocks, eight lanes of 16 bits
 * each; all steps work within the halves, so both are done at once:
 *   colours -> transform down the rows -> turn -> transform again
 *   -> quantize -> zigzag -> bits
 * The transform is that of Arai, Agui and Nakajima: five products a row, its
 * scale left to the quantizer. Samples carry one bit behind the point. */
#include "display/codec/jpeg-fast.h"

#include <string.h>

#if CODEC_X86
#include <immintrin.h>

#define FN     CODEC_TARGET_AVX2 static
#define INLINE CODEC_TARGET_AVX2 static inline __attribute__((always_inline))

/* ---- tables ---- */

static const uint8_t zigzag[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

/* What the transform leaves each row and column multiplied with. */
static const double scales[8] = {1.0, 1.387039845, 1.306562965, 1.175875602,
				 1.0, 0.785694958, 0.541196100, 0.275899379};

/* How the lanes of a register go to eight places of the zigzag. */
static uint8_t moves[8][8][32];

static void fill_moves(void)
{
	memset(moves, 0x80, sizeof moves); /* which leaves a lane zero */
	for (unsigned i = 0; i < 64; i++) {
		/* the second transform left columns in registers, rows in
		 * lanes */
		uint8_t *move = moves[i / 8][zigzag[i] % 8];
		unsigned lane = zigzag[i] / 8;
		for (unsigned block = 0; block < 32; block += 16) {
			move[block + i % 8 * 2] = lane * 2;
			move[block + i % 8 * 2 + 1] = lane * 2 + 1;
		}
	}
}

static void set_quants(struct jpeg_fast *self, unsigned table,
		       const JQUANT_TBL *quants)
{
	for (unsigned i = 0; i < 64; i++)
		self->quants[table][i] = quants->quantval[zigzag[i]];
	for (unsigned row = 0; row < 8; row++)
		for (unsigned column = 0; column < 8; column++) {
			/* 8 of the transform, 2 of the bit behind the point */
			double divisor = quants->quantval[row * 8 + column] *
					 16 * scales[row] * scales[column];
			/* |x| / divisor as (|x| + half) * factor >> 16 >> n;
			 * the factor uses all its 16 bits, and the shift is a
			 * product again, for lanes differ. */
			unsigned n = 1;
			while (n < 15 && divisor >= 2u << n)
				n++;
			double factor = 65536.0 * (1u << n) / divisor;
			for (unsigned block = 0; block < 2; block++) {
				unsigned lane = block * 8 + row;
				self->half[table][column][lane] =
				    (int)(divisor / 2 + 0.5);
				self->factor[table][column][lane] =
				    MIN((int)(factor + 0.5), 65535);
				self->shift[table][column][lane] = 1u
								   << (16 - n);
			}
		}
}

static void set_codes(const JHUFF_TBL *table, struct jpeg_fast_code *codes,
		      unsigned most)
{
	unsigned code = 0, n = 0;
	memset(codes, 0, most * sizeof *codes);
	for (unsigned length = 1; length <= 16; length++, code <<= 1)
		for (unsigned i = 0; i < table->bits[length]; i++) {
			unsigned symbol = table->huffval[n++];
			if (symbol < most)
				codes[symbol] =
				    (struct jpeg_fast_code){code, length};
			code++;
		}
}

void jpeg_fast_tables(struct jpeg_fast *self,
		      const struct jpeg_compress_struct *jpeg)
{
	static gsize once;
	if (g_once_init_enter(&once)) {
		fill_moves();
		g_once_init_leave(&once, 1);
	}
	for (unsigned i = 0; i < 2; i++) {
		set_quants(self, i, jpeg->quant_tbl_ptrs[i]);
		self->dc_tables[i] = jpeg->dc_huff_tbl_ptrs[i];
		self->ac_tables[i] = jpeg->ac_huff_tbl_ptrs[i];
		set_codes(self->dc_tables[i], self->dc[i], 16);
		set_codes(self->ac_tables[i], self->ac[i], 256);
	}
}

/* ---- transform ---- */

INLINE __m256i times(__m256i x, double factor)
{
	return _mm256_mulhrs_epi16(x, _mm256_set1_epi16(factor * 32768 + 0.5));
}

INLINE __m256i plus(__m256i a, __m256i b)
{
	return _mm256_add_epi16(a, b);
}

INLINE __m256i minus(__m256i a, __m256i b)
{
	return _mm256_sub_epi16(a, b);
}

/* Over the eight registers, for every lane. */
INLINE void transform(__m256i r[8])
{
	__m256i s07 = plus(r[0], r[7]), d07 = minus(r[0], r[7]);
	__m256i s16 = plus(r[1], r[6]), d16 = minus(r[1], r[6]);
	__m256i s25 = plus(r[2], r[5]), d25 = minus(r[2], r[5]);
	__m256i s34 = plus(r[3], r[4]), d34 = minus(r[3], r[4]);

	__m256i a = plus(s07, s34), b = plus(s16, s25);
	__m256i c = minus(s07, s34), d = minus(s16, s25);
	r[0] = plus(a, b);
	r[4] = minus(a, b);
	d = times(plus(c, d), 0.707106781);
	r[2] = plus(c, d);
	r[6] = minus(c, d);

	a = plus(d34, d25);
	b = times(plus(d25, d16), 0.707106781);
	c = plus(d16, d07);
	d = times(minus(a, c), 0.382683433);
	a = plus(times(a, 0.541196100), d);
	c = plus(plus(c, times(c, 0.306562965)), d);
	__m256i more = plus(d07, b), less = minus(d07, b);
	r[5] = plus(less, a);
	r[3] = minus(less, a);
	r[1] = plus(more, c);
	r[7] = minus(more, c);
}

/* Rows become columns, in both blocks. */
INLINE void turn(__m256i r[8])
{
	__m256i a[8], b[8];
	for (unsigned i = 0; i < 4; i++) {
		a[i * 2] = _mm256_unpacklo_epi16(r[i], r[i + 4]);
		a[i * 2 + 1] = _mm256_unpackhi_epi16(r[i], r[i + 4]);
	}
	for (unsigned i = 0; i < 4; i++) {
		b[i * 2] = _mm256_unpacklo_epi16(a[i], a[i + 4]);
		b[i * 2 + 1] = _mm256_unpackhi_epi16(a[i], a[i + 4]);
	}
	for (unsigned i = 0; i < 4; i++) {
		r[i * 2] = _mm256_unpacklo_epi16(b[i], b[i + 4]);
		r[i * 2 + 1] = _mm256_unpackhi_epi16(b[i], b[i + 4]);
	}
}

INLINE __m256i load16(const uint16_t *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

struct blocks {
	int16_t values[2][64]; /* in zigzag order */
	uint64_t some[2];      /* bits of those that are not 0 */
};

INLINE __m256i gather(const __m256i r[8], unsigned group, unsigned from,
		      unsigned to)
{
	__m256i all = _mm256_setzero_si256();
	for (unsigned i = from; i <= to; i++)
		all = _mm256_or_si256(
		    all, _mm256_shuffle_epi8(
			     r[i], load16((uint16_t *)moves[group][i])));
	return all;
}

INLINE void finish(const struct jpeg_fast *self, unsigned table, __m256i r[8],
		   struct blocks *out)
{
	__m256i sorted[8];
	transform(r);
	turn(r);
	transform(r);
	for (unsigned i = 0; i < 8; i++) {
		__m256i x =
		    plus(_mm256_abs_epi16(r[i]), load16(self->half[table][i]));
		x = _mm256_mulhi_epu16(x, load16(self->factor[table][i]));
		x = _mm256_mulhi_epu16(x, load16(self->shift[table][i]));
		r[i] = _mm256_sign_epi16(x, r[i]);
	}
	/* these columns have something for each eight */
	sorted[0] = gather(r, 0, 0, 3);
	sorted[1] = gather(r, 1, 0, 5);
	sorted[2] = gather(r, 2, 0, 4);
	sorted[3] = gather(r, 3, 3, 7);
	sorted[4] = gather(r, 4, 0, 4);
	sorted[5] = gather(r, 5, 3, 7);
	sorted[6] = gather(r, 6, 2, 7);
	sorted[7] = gather(r, 7, 4, 7);
	for (unsigned i = 0; i < 8; i++) {
		_mm_storeu_si128((__m128i *)(out->values[0] + i * 8),
				 _mm256_castsi256_si128(sorted[i]));
		_mm_storeu_si128((__m128i *)(out->values[1] + i * 8),
				 _mm256_extracti128_si256(sorted[i], 1));
	}
	out->some[0] = out->some[1] = 0;
	for (unsigned i = 0; i < 4; i++) {
		__m256i zero = _mm256_cmpeq_epi8(
		    _mm256_packs_epi16(sorted[i * 2], sorted[i * 2 + 1]),
		    _mm256_setzero_si256());
		uint32_t mask = ~(uint32_t)_mm256_movemask_epi8(zero);
		out->some[0] |= (uint64_t)(mask & 0xffff) << (i * 16);
		out->some[1] |= (uint64_t)(mask >> 16) << (i * 16);
	}
}

/* ---- colours: JFIF's, full range, less 128, doubled ---- */

INLINE __m256i weights(int b, int g, int r)
{
	return _mm256_setr_epi16(b, g, r, 0, b, g, r, 0, b, g, r, 0, b, g, r,
				 0);
}

/* Of eight pixels, in 32 bits; weights in 32768ths. */
INLINE __m256i sums(__m256i low, __m256i high, __m256i weight, int offset)
{
	__m256i sum = _mm256_hadd_epi32(_mm256_madd_epi16(low, weight),
					_mm256_madd_epi16(high, weight));
	return _mm256_srai_epi32(
	    _mm256_add_epi32(sum, _mm256_set1_epi32(offset)), 14);
}

INLINE __m256i in_order(__m256i a, __m256i b)
{
	return _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
}

/* One row of sixteen pixels. */
INLINE void colours(const uint32_t *pixels, __m256i *y, __m256i *cb,
		    __m256i *cr)
{
	const __m256i zero = _mm256_setzero_si256();
	const __m256i wy = weights(3736, 19235, 9797);
	const __m256i wb = weights(16384, -10855, -5529);
	const __m256i wr = weights(-2664, -13720, 16384);
	const int half = 1 << 13, middle = -(128 << 15) + half;
	__m256i a = _mm256_loadu_si256((const __m256i *)pixels);
	__m256i b = _mm256_loadu_si256((const __m256i *)(pixels + 8));
	__m256i al = _mm256_unpacklo_epi8(a, zero);
	__m256i ah = _mm256_unpackhi_epi8(a, zero);
	__m256i bl = _mm256_unpacklo_epi8(b, zero);
	__m256i bh = _mm256_unpackhi_epi8(b, zero);
	*y = in_order(sums(al, ah, wy, middle), sums(bl, bh, wy, middle));
	*cb = in_order(sums(al, ah, wb, half), sums(bl, bh, wb, half));
	*cr = in_order(sums(al, ah, wr, half), sums(bl, bh, wr, half));
}

/* ---- bits ---- */

struct writer {
	uint8_t *p;
	uint64_t bits;
	unsigned count; /* below 32 between two puts */
};

static inline void put(struct writer *w, uint32_t bits, unsigned count)
{
	w->bits = w->bits << count | bits;
	w->count += count;
	if (w->count < 32)
		return;
	w->count -= 32;
	uint32_t word = w->bits >> w->count;
	if (G_UNLIKELY(word & 0x80808080u & ~(word + 0x01010101u))) {
		/* maybe a byte of ones, which a zero must follow */
		for (int shift = 24; shift >= 0; shift -= 8) {
			*w->p++ = word >> shift;
			if ((word >> shift & 0xff) == 0xff)
				*w->p++ = 0;
		}
		return;
	}
	word = GUINT32_TO_BE(word);
	memcpy(w->p, &word, 4);
	w->p += 4;
}

static void put_end(struct writer *w)
{
	unsigned rest = (8 - w->count % 8) % 8;
	put(w, (1u << rest) - 1, rest);
	while (w->count) {
		w->count -= 8;
		uint8_t byte = w->bits >> w->count;
		*w->p++ = byte;
		if (byte == 0xff)
			*w->p++ = 0;
	}
}

/* Sign and magnitude as JPEG has them: negative ones less one. */
static inline void put_value(struct writer *w, struct jpeg_fast_code code,
			     int value, unsigned size)
{
	uint32_t bits = (uint32_t)(value + (value >> 31)) & ((1u << size) - 1);
	put(w, (uint32_t)code.bits << size | bits, code.length + size);
}

static inline unsigned size_of(int value)
{
	return value ? 32 - __builtin_clz(abs(value)) : 0;
}

static inline void put_block(struct writer *w, const struct jpeg_fast *self,
			     unsigned table, const struct blocks *blocks,
			     unsigned which, int *dc)
{
	const int16_t *values = blocks->values[which];
	uint64_t some = blocks->some[which] & ~UINT64_C(1);
	unsigned done = 0;
	int differs = values[0] - *dc;
	*dc = values[0];
	unsigned size = size_of(differs);
	put_value(w, self->dc[table][size], differs, size);
	while (some) {
		unsigned at = __builtin_ctzll(some), run = at - done - 1;
		some &= some - 1;
		done = at;
		for (; run >= 16; run -= 16)
			put(w, self->ac[table][0xf0].bits,
			    self->ac[table][0xf0].length);
		size = size_of(values[at]);
		put_value(w, self->ac[table][run << 4 | size], values[at],
			  size);
	}
	if (done != 63)
		put(w, self->ac[table][0].bits, self->ac[table][0].length);
}

/* ---- one row of MCUs ---- */

/* What a block takes at most, every byte stuffed. */
enum { BLOCK_MAX = 64 * 27 / 8 * 2 + 16 };

struct row {
	const uint32_t *pixels; /* `height` rows of at least `width` */
	size_t stride_px;
	unsigned width, height;
};

/* Sixteen columns from x on, as many rows as asked for; the last column and
 * row stand for what is missing. */
static const uint32_t *columns(const struct row *row, unsigned x, unsigned rows,
			       uint32_t *spare, size_t *stride_px)
{
	if (x + 16 <= row->width && rows <= row->height) {
		*stride_px = row->stride_px;
		return row->pixels + x;
	}
	for (unsigned y = 0; y < rows; y++) {
		const uint32_t *from =
		    row->pixels + MIN(y, row->height - 1) * row->stride_px;
		for (unsigned i = 0; i < 16; i++)
			spare[y * 16 + i] = from[MIN(x + i, row->width - 1)];
	}
	*stride_px = 16;
	return spare;
}

FN void row_444(struct writer *w, const struct jpeg_fast *self,
		const struct row *row, int dc[3])
{
	uint32_t spare[16 * 8];
	for (unsigned x = 0; x < row->width; x += 16) {
		struct blocks y, cb, cr;
		__m256i ry[8], rb[8], rr[8];
		size_t stride;
		const uint32_t *p = columns(row, x, 8, spare, &stride);
		for (unsigned i = 0; i < 8; i++)
			colours(p + i * stride, &ry[i], &rb[i], &rr[i]);
		finish(self, 0, ry, &y);
		finish(self, 1, rb, &cb);
		finish(self, 1, rr, &cr);
		for (unsigned i = 0; i < 2 && x + i * 8 < row->width; i++) {
			put_block(w, self, 0, &y, i, &dc[0]);
			put_block(w, self, 1, &cb, i, &dc[1]);
			put_block(w, self, 1, &cr, i, &dc[2]);
		}
	}
}

/* Two rows' colours, the mean of each four: blue difference in the lower
 * block, red in the upper. */
INLINE __m256i means(__m256i b0, __m256i b1, __m256i r0, __m256i r1)
{
	const __m256i one = _mm256_set1_epi16(1);
	__m256i b = _mm256_madd_epi16(plus(b0, b1), one);
	__m256i r = _mm256_madd_epi16(plus(r0, r1), one);
	__m256i sum = _mm256_permute4x64_epi64(_mm256_packs_epi32(b, r), 0xd8);
	return _mm256_srai_epi16(plus(sum, _mm256_set1_epi16(2)), 2);
}

FN void row_420(struct writer *w, const struct jpeg_fast *self,
		const struct row *row, int dc[3])
{
	uint32_t spare[16 * 16];
	for (unsigned x = 0; x < row->width; x += 16) {
		struct blocks top, low, colour;
		__m256i ry[16], rc[8];
		size_t stride;
		const uint32_t *p = columns(row, x, 16, spare, &stride);
		for (unsigned i = 0; i < 8; i++, p += 2 * stride) {
			__m256i b0, b1, r0, r1;
			colours(p, &ry[i * 2], &b0, &r0);
			colours(p + stride, &ry[i * 2 + 1], &b1, &r1);
			rc[i] = means(b0, b1, r0, r1);
		}
		finish(self, 0, ry, &top);
		finish(self, 0, ry + 8, &low);
		finish(self, 1, rc, &colour);
		put_block(w, self, 0, &top, 0, &dc[0]);
		put_block(w, self, 0, &top, 1, &dc[0]);
		put_block(w, self, 0, &low, 0, &dc[0]);
		put_block(w, self, 0, &low, 1, &dc[0]);
		put_block(w, self, 1, &colour, 0, &dc[1]);
		put_block(w, self, 1, &colour, 1, &dc[2]);
	}
}

/* ---- the file around it (ITU T.81, annex B; JFIF 1.01) ---- */

static void put_marker(GByteArray *out, unsigned marker, unsigned length)
{
	uint8_t bytes[4] = {0xff, marker, (length + 2) >> 8, length + 2};
	g_byte_array_append(out, bytes, 4);
}

static void put_codes(GByteArray *out, unsigned class, unsigned number,
		      const JHUFF_TBL *table)
{
	uint8_t id = class << 4 | number;
	unsigned symbols = 0;
	for (unsigned i = 1; i <= 16; i++)
		symbols += table->bits[i];
	put_marker(out, 0xc4, 17 + symbols);
	g_byte_array_append(out, &id, 1);
	g_byte_array_append(out, table->bits + 1, 16);
	g_byte_array_append(out, table->huffval, symbols);
}

static void put_headers(const struct jpeg_fast *self,
			const struct codec_view *view, bool half,
			GByteArray *out)
{
	static const uint8_t begin[2] = {0xff, 0xd8};
	static const uint8_t jfif[14] = {'J', 'F', 'I', 'F', 0, 1, 1,
					 0,   0,   1,   0,   1, 0, 0};
	static const uint8_t scan[10] = {3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0};
	uint8_t frame[15] = {8,
			     view->height >> 8,
			     view->height,
			     view->width >> 8,
			     view->width,
			     3,
			     1,
			     half ? 0x22 : 0x11,
			     0,
			     2,
			     0x11,
			     1,
			     3,
			     0x11,
			     1};
	g_byte_array_append(out, begin, 2);
	put_marker(out, 0xe0, sizeof jfif);
	g_byte_array_append(out, jfif, sizeof jfif);
	for (uint8_t i = 0; i < 2; i++) {
		put_marker(out, 0xdb, 65);
		g_byte_array_append(out, &i, 1);
		g_byte_array_append(out, self->quants[i], 64);
	}
	put_marker(out, 0xc0, sizeof frame);
	g_byte_array_append(out, frame, sizeof frame);
	for (unsigned i = 0; i < 2; i++) {
		put_codes(out, 0, i, self->dc_tables[i]);
		put_codes(out, 1, i, self->ac_tables[i]);
	}
	put_marker(out, 0xda, sizeof scan);
	g_byte_array_append(out, scan, sizeof scan);
}

void jpeg_fast_encode(const struct jpeg_fast *self,
		      const struct codec_view *view,
		      enum jpeg_sampling sampling, GByteArray *out)
{
	bool half = sampling == JPEG_420;
	unsigned rows = half ? 16 : 8;
	size_t room = (view->width / 16 + 1) * 6 * (size_t)BLOCK_MAX + 16;
	struct writer w = {0};
	int dc[3] = {0};
	put_headers(self, view, half, out);
	for (unsigned y = 0; y < view->height; y += rows) {
		struct row row = {view->pixels + y * view->stride_px,
				  view->stride_px, view->width,
				  view->height - y};
		w.p = codec_room(out, room);
		if (half)
			row_420(&w, self, &row, dc);
		else
			row_444(&w, self, &row, dc);
		g_byte_array_set_size(out, w.p - out->data);
	}
	w.p = codec_room(out, 16);
	put_end(&w);
	*w.p++ = 0xff;
	*w.p++ = 0xd9;
	g_byte_array_set_size(out, w.p - out->data);
}

bool jpeg_fast_able(unsigned quality, enum jpeg_sampling sampling)
{
	return codec_isa() == CODEC_AVX2 && quality <= 95 &&
	       sampling != JPEG_422;
}

#else

bool jpeg_fast_able(unsigned quality, enum jpeg_sampling sampling)
{
	return false;
}

void jpeg_fast_tables(struct jpeg_fast *self,
		      const struct jpeg_compress_struct *jpeg)
{
}

void jpeg_fast_encode(const struct jpeg_fast *self,
		      const struct codec_view *view,
		      enum jpeg_sampling sampling, GByteArray *out)
{
}

#endif
