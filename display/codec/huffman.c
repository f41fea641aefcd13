#include "display/codec/huffman.h"

#include <string.h>

/* Sorts the symbols that occur by their counts, rarest first. Two passes over
 * the bytes of counts cut to 16 bits: a block has hardly more symbols. */
static unsigned sort(const uint32_t *counts, unsigned symbols, uint16_t *sorted)
{
	uint16_t first[HUFFMAN_SYMBOLS_MAX], keys[HUFFMAN_SYMBOLS_MAX];
	unsigned low[257] = {0}, high[257] = {0}, n = 0;
	for (unsigned i = 0; i < symbols; i++) {
		keys[i] = counts[i] < 0xffff ? counts[i] : 0xffff;
		if (!keys[i])
			continue;
		low[(keys[i] & 0xff) + 1]++;
		high[(keys[i] >> 8) + 1]++;
		n++;
	}
	for (unsigned i = 0; i < 256; i++) {
		low[i + 1] += low[i];
		high[i + 1] += high[i];
	}
	for (unsigned i = 0; i < symbols; i++)
		if (keys[i])
			first[low[keys[i] & 0xff]++] = i;
	for (unsigned i = 0; i < n; i++)
		sorted[high[keys[first[i]] >> 8]++] = first[i];
	return n;
}

/* Depths of the leaves of a Huffman tree, in the order of their weights: two
 * queues, leaves and joined nodes, both in rising order. */
static void depths(const uint32_t *counts, const uint16_t *sorted, unsigned n,
		   uint8_t *out)
{
	uint32_t weight[HUFFMAN_SYMBOLS_MAX];
	uint16_t leaf_parent[HUFFMAN_SYMBOLS_MAX],
	    node_parent[HUFFMAN_SYMBOLS_MAX];
	uint8_t node_depth[HUFFMAN_SYMBOLS_MAX];
	unsigned leaf = 0, node = 0;
	for (unsigned made = 0; made + 1 < n; made++) {
		weight[made] = 0;
		for (unsigned half = 0; half < 2; half++) {
			if (leaf < n && (node >= made || counts[sorted[leaf]] <=
							     weight[node])) {
				weight[made] += counts[sorted[leaf]];
				leaf_parent[leaf++] = made;
			} else {
				weight[made] += weight[node];
				node_parent[node++] = made;
			}
		}
	}
	node_depth[n - 2] = 0;
	for (unsigned i = n - 2; i-- > 0;)
		node_depth[i] = node_depth[node_parent[i]] + 1;
	for (unsigned i = 0; i < n; i++)
		out[i] = node_depth[leaf_parent[i]] + 1;
}

void huffman_lengths(const uint32_t *counts, unsigned symbols, unsigned limit,
		     uint8_t *lengths)
{
	uint16_t sorted[HUFFMAN_SYMBOLS_MAX];
	uint8_t depth[HUFFMAN_SYMBOLS_MAX];
	unsigned at_length[33] = {0};
	memset(lengths, 0, symbols);
	unsigned n = sort(counts, symbols, sorted);
	if (n < 2) {
		if (n)
			lengths[sorted[0]] = 1;
		return;
	}
	depths(counts, sorted, n, depth);
	/* What is too deep comes up to the limit; then codes are too many for
	 * the space, and the deepest above the limit go down until they fit. */
	uint32_t space = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned d = depth[i] < limit ? depth[i] : limit;
		at_length[d]++;
		space += 1u << (limit - d);
	}
	while (space > 1u << limit) {
		unsigned d = limit - 1;
		while (!at_length[d])
			d--;
		at_length[d]--;
		at_length[d + 1] += 2;
		at_length[limit]--;
		space--;
	}
	unsigned i = 0;
	for (unsigned d = limit; d > 0; d--)
		for (unsigned k = at_length[d]; k > 0; k--)
			lengths[sorted[i++]] = d;
}

static unsigned turned(unsigned bits, unsigned length)
{
	unsigned out = 0;
	for (; length > 0; length--) {
		out = out << 1 | (bits & 1);
		bits >>= 1;
	}
	return out;
}

void huffman_codes(const uint8_t *lengths, unsigned symbols,
		   struct huffman_code *codes)
{
	unsigned at_length[17] = {0}, next[17] = {0};
	for (unsigned i = 0; i < symbols; i++)
		at_length[lengths[i]]++;
	at_length[0] = 0;
	for (unsigned d = 1; d <= 16; d++)
		next[d] = (next[d - 1] + at_length[d - 1]) << 1;
	for (unsigned i = 0; i < symbols; i++) {
		codes[i].length = lengths[i];
		codes[i].bits =
		    lengths[i] ? turned(next[lengths[i]]++, lengths[i]) : 0;
	}
}
