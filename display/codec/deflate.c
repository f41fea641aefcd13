/* Deflate for pixels. Input is cut into blocks; each is first turned into
 * sequences (so many literals, then a match), counted on the way, and then
 * written in the cheapest of the three forms.
 *
 * The finder is greedy and looks at three places only. In pictures of a
 * screen these catch nearly all that a chain of hashes would, and since two of
 * the three distances are always the same, their codes become a bit or two. */
#include "display/codec/deflate.h"

#include <string.h>

#include "display/codec/huffman.h"

enum {
	MATCH_MIN = 4,
	MATCH_MAX = 258,
	WINDOW = 32768,
	BLOCK = 65535,       /* input bytes: what a stored block holds */
	SEQUENCES = 1 << 14, /* per block; more begin a new one */
	HASH_BITS = 13,
	LONG = 32, /* good enough to look no further */
	LITLEN = 286,
	DIST = 30,
	END = 256,
	CODE_LIMIT = 14, /* bits: four literals fit between two flushes */
};

struct sequence {
	uint32_t literals;
	uint16_t length, distance; /* length 0: the block's last literals */
};

struct deflate {
	uint32_t hash[2 << HASH_BITS]; /* base + place */
	uint32_t base;                 /* older entries are of other inputs */
	unsigned count;
	struct sequence sequences[SEQUENCES + 1];
	uint32_t litlen[LITLEN + 2], other[256], dist[DIST + 2];
};

/* Code and extra bits of every length and of distances by their logarithm. */
static struct {
	struct {
		uint16_t symbol;
		uint8_t extra, value;
	} length[MATCH_MAX + 1];
	struct huffman_code litlen[288], dist[32];
	uint8_t litlen_bits[288];
} tables;

static void fill_tables(void)
{
	for (unsigned length = 3; length <= MATCH_MAX; length++) {
		unsigned n = length - 3, extra = 0, symbol = n;
		if (length == MATCH_MAX) {
			symbol = 28;
			n = 0;
		} else if (n >= 8) {
			extra = 29 - __builtin_clz(n);
			symbol = 4 * extra + (n >> extra);
		}
		tables.length[length].symbol = 257 + symbol;
		tables.length[length].extra = extra;
		tables.length[length].value = n & ((1u << extra) - 1);
	}
	uint8_t five[32];
	memset(five, 5, 32);
	for (unsigned i = 0; i < 288; i++)
		tables.litlen_bits[i] = i < 144   ? 8
					: i < 256 ? 9
					: i < 280 ? 7
						  : 8;
	huffman_codes(tables.litlen_bits, 288, tables.litlen);
	huffman_codes(five, 32, tables.dist);
}

/* Distance symbols (3.2.5): two per power of two. */
static inline unsigned dist_extra(unsigned distance)
{
	unsigned d = distance - 1;
	return d < 4 ? 0 : 30 - __builtin_clz(d);
}

static inline unsigned dist_symbol(unsigned distance)
{
	unsigned d = distance - 1, extra = dist_extra(distance);
	return 2 * extra + (d >> extra);
}

struct deflate *deflate_create(void)
{
	static gsize once;
	if (g_once_init_enter(&once)) {
		fill_tables();
		g_once_init_leave(&once, 1);
	}
	struct deflate *self = g_new0(struct deflate, 1);
	self->base = 1;
	return self;
}

void deflate_destroy(struct deflate *self)
{
	g_free(self);
}

/* ---- finding ---- */

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

/* How many bytes of p are as those of q, up to end. */
static inline unsigned alike(const uint8_t *p, const uint8_t *q,
			     const uint8_t *end)
{
	const uint8_t *begin = p;
	while (end - p >= 8) {
		uint64_t differ = load64(p) ^ load64(q);
		if (differ) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			return p - begin + __builtin_ctzll(differ) / 8;
#else
			return p - begin + __builtin_clzll(differ) / 8;
#endif
		}
		p += 8;
		q += 8;
	}
	while (p < end && *p == *q) {
		p++;
		q++;
	}
	return p - begin;
}

static void count_literals(struct deflate *self, const uint8_t *p, size_t n)
{
	/* two tables, since a byte often follows its like */
	for (; n >= 2; n -= 2, p += 2) {
		self->litlen[p[0]]++;
		self->other[p[1]]++;
	}
	if (n)
		self->litlen[*p]++;
}

static void put_sequence(struct deflate *self, const uint8_t *literals,
			 size_t count, unsigned length, unsigned distance)
{
	count_literals(self, literals, count);
	self->sequences[self->count++] =
	    (struct sequence){count, length, distance};
	if (length) {
		self->litlen[tables.length[length].symbol]++;
		self->dist[dist_symbol(distance)]++;
	}
}

/* A match of any length, in pieces that deflate has. */
static void put_match(struct deflate *self, const uint8_t *literals,
		      size_t count, unsigned length, unsigned distance)
{
	while (length > MATCH_MAX) {
		/* what is left must be a match too */
		unsigned piece =
		    length - MATCH_MAX < 3 ? length - 3 : MATCH_MAX;
		put_sequence(self, literals, count, piece, distance);
		length -= piece;
		count = 0;
	}
	put_sequence(self, literals, count, length, distance);
}

struct place {
	const uint8_t *in, *end;
	unsigned row_bytes, pixel_bytes;
};

/* The last two places of what begins with these bytes; then this one too. */
static inline void enter(struct deflate *self, uint32_t next, size_t place,
			 uint32_t seen[2])
{
	uint32_t *slot =
	    self->hash + 2 * (next * 2654435761u >> (32 - HASH_BITS));
	seen[0] = slot[0];
	seen[1] = slot[1];
	slot[1] = seen[0];
	slot[0] = self->base + place;
}

/* The longest match at p, 0 if there is none. Enters p into the hash. */
static inline unsigned longest(struct deflate *self, const struct place *at,
			       const uint8_t *p, unsigned *distance)
{
	uint32_t next = load32(p);
	unsigned best = 0;
	size_t place = p - at->in;
	uint32_t seen[2];
	enter(self, next, place, seen);
	if (at->row_bytes && place >= at->row_bytes &&
	    load32(p - at->row_bytes) == next) {
		best = 4 + alike(p + 4, p + 4 - at->row_bytes, at->end);
		*distance = at->row_bytes;
	}
	if (at->pixel_bytes && place >= at->pixel_bytes &&
	    load32(p - at->pixel_bytes) == next) {
		unsigned n = 4 + alike(p + 4, p + 4 - at->pixel_bytes, at->end);
		if (n > best) {
			best = n;
			*distance = at->pixel_bytes;
		}
	}
	if (best >= LONG || p + best >= at->end)
		return best;
	for (unsigned i = 0; i < 2; i++) {
		if (seen[i] < self->base)
			break;
		const uint8_t *from = at->in + (seen[i] - self->base);
		if (p - from > WINDOW)
			break;
		if (load32(from) != next || from[best] != p[best])
			continue;
		unsigned n = 4 + alike(p + 4, from + 4, at->end);
		if (n <= best)
			continue;
		best = n;
		*distance = p - from;
		if (p + best >= at->end)
			break;
	}
	return best;
}

/* The finders return the end of what they took. */

static const uint8_t *find_matches(struct deflate *self, const uint8_t *in,
				   const uint8_t *begin, const uint8_t *end,
				   unsigned row_bytes, unsigned pixel_bytes)
{
	const struct place at = {in, end, row_bytes, pixel_bytes};
	const uint8_t *p = begin, *literals = begin;
	const uint8_t *last = end - begin > 9 ? end - 9 : begin;
	/* room for the pieces of the longest match */
	const unsigned full = SEQUENCES - (BLOCK / MATCH_MAX + 2);
	while (p < last && self->count < full) {
		unsigned distance, later_distance;
		unsigned length = longest(self, &at, p, &distance);
		if (!length) {
			/* the longer nothing was found, the bigger the steps */
			p += 1 + ((p - literals) >> 7);
			continue;
		}
		/* a longer one may begin a byte later */
		while (length < LONG && p + 1 < last) {
			unsigned later =
			    longest(self, &at, p + 1, &later_distance);
			if (later <= length)
				break;
			p++;
			length = later;
			distance = later_distance;
		}
		put_match(self, literals, p - literals, length, distance);
		p += length;
		literals = p;
		for (unsigned back = 1; back <= 2 && p < last; back++) {
			uint32_t seen[2];
			enter(self, load32(p - back), p - back - in, seen);
		}
	}
	if (self->count < full || p > end)
		p = end;
	if (p > literals)
		put_sequence(self, literals, p - literals, 0, 0);
	return p;
}

static const uint8_t *find_runs(struct deflate *self, const uint8_t *in,
				const uint8_t *begin, const uint8_t *end)
{
	const uint8_t *p = begin, *literals = begin;
	const unsigned full = SEQUENCES - (BLOCK / MATCH_MAX + 2);
	if (p == in && p < end)
		p++;
	while (end - p >= 8 && self->count < full) {
		if (load64(p) != p[-1] * 0x0101010101010101u) {
			p += 8;
			continue;
		}
		unsigned n = 8 + alike(p + 8, p + 7, end);
		put_match(self, literals, p - literals, n, 1);
		p += n;
		literals = p;
	}
	if (self->count < full)
		p = end;
	if (p > literals)
		put_sequence(self, literals, p - literals, 0, 0);
	return p;
}

/* ---- writing ---- */

struct writer {
	uint8_t *p;
	uint64_t bits;
	unsigned count; /* of bits: at most 7 after a flush */
};

static inline void put(struct writer *w, uint64_t bits, unsigned count)
{
	w->bits |= bits << w->count;
	w->count += count;
}

static inline void flush(struct writer *w)
{
	uint64_t bits = GUINT64_TO_LE(w->bits);
	memcpy(w->p, &bits, 8);
	w->p += w->count >> 3;
	w->bits >>= w->count & ~7u;
	w->count &= 7;
}

static void align(struct writer *w)
{
	w->count = (w->count + 7) & ~7u;
	flush(w);
}

/* The lengths of both codes as one list with repeats (3.2.7). */
struct lengths {
	uint8_t symbols[LITLEN + DIST + 2], extra[LITLEN + DIST + 2];
	unsigned count, litlens, dists, orders;
	uint8_t code_lengths[19];
	unsigned bits; /* of all that describes the codes */
};
static const uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
				  11, 4,  12, 3, 13, 2, 14, 1, 15};
static const uint8_t repeat_bits[19] = {[16] = 2, [17] = 3, [18] = 7};

static void describe(const uint8_t *litlen, const uint8_t *dist,
		     struct lengths *out)
{
	uint8_t all[LITLEN + DIST + 2];
	uint32_t counts[19] = {0};
	out->litlens = LITLEN;
	while (out->litlens > 257 && !litlen[out->litlens - 1])
		out->litlens--;
	out->dists = DIST;
	while (out->dists > 1 && !dist[out->dists - 1])
		out->dists--;
	memcpy(all, litlen, out->litlens);
	memcpy(all + out->litlens, dist, out->dists);
	unsigned n = out->litlens + out->dists, at = 0;
	for (unsigned i = 0; i < n;) {
		unsigned run = 1, symbol = all[i], extra = 0;
		while (i + run < n && all[i + run] == all[i])
			run++;
		if (!symbol && run >= 3) {
			run = MIN(run, 138);
			symbol = run < 11 ? 17 : 18;
			extra = run - (run < 11 ? 3 : 11);
		} else if (i && all[i - 1] == symbol && run >= 3) {
			run = MIN(run, 6);
			symbol = 16;
			extra = run - 3;
		} else {
			run = 1;
		}
		out->symbols[at] = symbol;
		out->extra[at++] = extra;
		counts[symbol]++;
		i += run;
	}
	out->count = at;
	huffman_lengths(counts, 19, 7, out->code_lengths);
	out->orders = 19;
	while (out->orders > 4 && !out->code_lengths[order[out->orders - 1]])
		out->orders--;
	out->bits = 5 + 5 + 4 + 3 * out->orders;
	for (unsigned i = 0; i < 19; i++)
		out->bits +=
		    counts[i] * (out->code_lengths[i] + repeat_bits[i]);
}

static void put_description(struct writer *w, const struct lengths *lengths)
{
	struct huffman_code codes[19];
	huffman_codes(lengths->code_lengths, 19, codes);
	put(w, lengths->litlens - 257, 5);
	put(w, lengths->dists - 1, 5);
	put(w, lengths->orders - 4, 4);
	flush(w);
	for (unsigned i = 0; i < lengths->orders; i++) {
		put(w, lengths->code_lengths[order[i]], 3);
		flush(w);
	}
	for (unsigned i = 0; i < lengths->count; i++) {
		unsigned symbol = lengths->symbols[i];
		put(w, codes[symbol].bits, codes[symbol].length);
		put(w, lengths->extra[i], repeat_bits[symbol]);
		flush(w);
	}
}

static void put_sequences(struct writer *out, const struct deflate *self,
			  const uint8_t *in, const struct huffman_code *litlen,
			  const struct huffman_code *dist)
{
	struct writer w = *out;
	for (unsigned i = 0; i < self->count; i++) {
		const struct sequence *s = &self->sequences[i];
		uint32_t n = s->literals;
		for (; n >= 4; n -= 4, in += 4) {
			for (unsigned k = 0; k < 4; k++)
				put(&w, litlen[in[k]].bits,
				    litlen[in[k]].length);
			flush(&w);
		}
		for (; n > 0; n--, in++)
			put(&w, litlen[*in].bits, litlen[*in].length);
		flush(&w);
		if (!s->length)
			continue;
		unsigned symbol = tables.length[s->length].symbol;
		put(&w, litlen[symbol].bits, litlen[symbol].length);
		put(&w, tables.length[s->length].value,
		    tables.length[s->length].extra);
		symbol = dist_symbol(s->distance);
		unsigned extra = dist_extra(s->distance);
		put(&w, dist[symbol].bits, dist[symbol].length);
		put(&w, (s->distance - 1) & ((1u << extra) - 1), extra);
		flush(&w);
		in += s->length;
	}
	put(&w, litlen[END].bits, litlen[END].length);
	flush(&w);
	*out = w;
}

/* Extra bits are the same in every form but stored. */
static size_t extra_bits(const struct deflate *self)
{
	size_t bits = 0;
	for (unsigned i = 0; i < 29; i++) {
		unsigned extra = i < 8 || i == 28 ? 0 : i / 4 - 1;
		bits += (size_t)self->litlen[257 + i] * extra;
	}
	for (unsigned i = 4; i < DIST; i++)
		bits += (size_t)self->dist[i] * (i / 2 - 1);
	return bits;
}

static void put_stored(struct writer *w, const uint8_t *in, size_t length,
		       bool last)
{
	put(w, last, 3);
	align(w);
	put(w, length | (~length & 0xffff) << 16, 32);
	flush(w);
	memcpy(w->p, in, length);
	w->p += length;
}

static void put_block(struct writer *w, struct deflate *self, const uint8_t *in,
		      size_t length, bool last)
{
	uint8_t litlen_bits[LITLEN + 2], dist_bits[DIST + 2];
	struct huffman_code litlen[LITLEN + 2], dist[DIST + 2];
	struct lengths lengths;
	for (unsigned i = 0; i < 256; i++)
		self->litlen[i] += self->other[i];
	self->litlen[END] = 1;
	size_t extra = extra_bits(self), fixed = extra, own = SIZE_MAX;
	size_t symbols = 0;
	for (unsigned i = 0; i < LITLEN; i++) {
		fixed += (size_t)self->litlen[i] * tables.litlen_bits[i];
		symbols += self->litlen[i];
	}
	for (unsigned i = 0; i < DIST; i++)
		fixed += self->dist[i] * 5u;
	/* codes of its own never pay for so few */
	if (symbols > 24) {
		huffman_lengths(self->litlen, LITLEN, CODE_LIMIT, litlen_bits);
		huffman_lengths(self->dist, DIST, CODE_LIMIT, dist_bits);
		describe(litlen_bits, dist_bits, &lengths);
		own = extra + lengths.bits;
		for (unsigned i = 0; i < LITLEN; i++)
			own += (size_t)self->litlen[i] * litlen_bits[i];
		for (unsigned i = 0; i < DIST; i++)
			own += (size_t)self->dist[i] * dist_bits[i];
	}
	if ((length + 5) * 8 <= MIN(fixed, own)) {
		put_stored(w, in, length, last);
	} else if (fixed <= own) {
		put(w, 2 | last, 3);
		put_sequences(w, self, in, tables.litlen, tables.dist);
	} else {
		put(w, 4 | last, 3);
		put_description(w, &lengths);
		huffman_codes(litlen_bits, LITLEN, litlen);
		huffman_codes(dist_bits, DIST, dist);
		put_sequences(w, self, in, litlen, dist);
	}
}

static void begin_block(struct deflate *self)
{
	self->count = 0;
	memset(self->litlen, 0, sizeof self->litlen);
	memset(self->other, 0, sizeof self->other);
	memset(self->dist, 0, sizeof self->dist);
}

void deflate_append(struct deflate *self, enum deflate_mode mode,
		    enum deflate_end end, const uint8_t *in, size_t length,
		    unsigned row_bytes, unsigned pixel_bytes, GByteArray *out)
{
	g_return_if_fail(length <= DEFLATE_INPUT_MAX);
	if (row_bytes > WINDOW || row_bytes == pixel_bytes)
		row_bytes = 0;
	if (self->base > UINT32_MAX - 2 * DEFLATE_INPUT_MAX) {
		memset(self->hash, 0, sizeof self->hash);
		self->base = 1;
	}
	guint had = out->len;
	/* No block is longer than it would be stored; blocks that were cut
	 * short for their many sequences hold at least as many bytes. */
	size_t blocks = length / (SEQUENCES / 2) + 2;
	struct writer w = {codec_room(out, length + blocks * 5 + 32), 0, 0};
	const uint8_t *p = in, *stop = in + length;
	while (p < stop) {
		const uint8_t *block_end = p + MIN((size_t)(stop - p), BLOCK);
		begin_block(self);
		const uint8_t *next;
		if (mode == DEFLATE_RUNS)
			next = find_runs(self, in, p, block_end);
		else
			next = find_matches(self, in, p, block_end, row_bytes,
					    pixel_bytes);
		put_block(&w, self, p, next - p,
			  end == DEFLATE_LAST && next == stop);
		p = next;
	}
	if (end == DEFLATE_ALIGNED && w.count)
		put_stored(&w, in, 0, false);
	else
		align(&w);
	self->base += length;
	g_byte_array_set_size(out, w.p - out->data);
	g_assert(out->len >= had);
}
