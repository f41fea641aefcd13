/* huffman.h - code lengths and codes of deflate (RFC 1951, 3.2.2).
 * Threads: any; pure. */
#pragma once

#include <stdint.h>

#define HUFFMAN_SYMBOLS_MAX 288u

struct huffman_code {
	uint16_t bits; /* the first bit to be sent lowest */
	uint16_t length;
};

/* Lengths of at most `limit` bits (7..15) for symbols that occur; 0 for those
 * that do not. A single symbol gets one bit. */
void huffman_lengths(const uint32_t *counts, unsigned symbols, unsigned limit,
		     uint8_t *lengths);
void huffman_codes(const uint8_t *lengths, unsigned symbols,
		   struct huffman_code *codes);
