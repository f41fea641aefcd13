/* wire.h - SPICE's numbers, which are little-endian and packed.
 *
 * Out: appended to a GByteArray. In: a reader that notes when something was
 * not there, so that a message is read first and judged once.
 * Threads: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "display/damage.h"

static inline void put8(GByteArray *out, uint8_t value)
{
	g_byte_array_append(out, &value, 1);
}

static inline void put16(GByteArray *out, uint16_t value)
{
	value = GUINT16_TO_LE(value);
	g_byte_array_append(out, (const guint8 *)&value, 2);
}

static inline void put32(GByteArray *out, uint32_t value)
{
	value = GUINT32_TO_LE(value);
	g_byte_array_append(out, (const guint8 *)&value, 4);
}

static inline void put64(GByteArray *out, uint64_t value)
{
	value = GUINT64_TO_LE(value);
	g_byte_array_append(out, (const guint8 *)&value, 8);
}

/* Rect: top, left, bottom, right. */
static inline void put_rect(GByteArray *out, const struct rect *rect)
{
	put32(out, rect->y);
	put32(out, rect->x);
	put32(out, rect->y + rect->h);
	put32(out, rect->x + rect->w);
}

struct reader {
	const uint8_t *at;
	size_t left;
	bool bad; /* read beyond the end; zeros were given */
};

static inline uint64_t take_bytes(struct reader *self, unsigned count)
{
	uint64_t value = 0;
	if (self->left < count) {
		self->bad = true;
		self->left = 0;
		return 0;
	}
	for (unsigned i = 0; i < count; i++)
		value |= (uint64_t)self->at[i] << 8 * i;
	self->at += count;
	self->left -= count;
	return value;
}

static inline uint8_t take8(struct reader *self)
{
	return (uint8_t)take_bytes(self, 1);
}

static inline uint16_t take16(struct reader *self)
{
	return (uint16_t)take_bytes(self, 2);
}

static inline uint32_t take32(struct reader *self)
{
	return (uint32_t)take_bytes(self, 4);
}

static inline uint64_t take64(struct reader *self)
{
	return take_bytes(self, 8);
}
