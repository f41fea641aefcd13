#include "seamless/folder-mux.h"

#include <string.h>

static uint64_t little_endian(const uint8_t *bytes, int count)
{
	uint64_t value = 0;
	while (count-- > 0)
		value = value << 8 | bytes[count];
	return value;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

void folder_read(struct folder_reader *self, const uint8_t *bytes,
		 size_t length, folder_part part, void *data)
{
	while (length > 0) {
		if (self->left == 0) {
			size_t take = least(length, FOLDER_HEAD - self->have);
			memcpy(self->head + self->have, bytes, take);
			self->have += (unsigned)take;
			bytes += take;
			length -= take;
			if (self->have < FOLDER_HEAD)
				return;
			self->have = 0;
			self->stream = little_endian(self->head, 8);
			self->left = (unsigned)little_endian(self->head + 8, 2);
			if (self->left == 0)
				part(data, self->stream, NULL, 0);
			continue;
		}
		size_t take = least(length, self->left);
		part(data, self->stream, bytes, take);
		self->left -= (unsigned)take;
		bytes += take;
		length -= take;
	}
}

void folder_head(uint8_t head[FOLDER_HEAD], uint64_t stream, size_t length)
{
	for (int i = 0; i < 8; i++)
		head[i] = (uint8_t)(stream >> 8 * i);
	head[8] = (uint8_t)length;
	head[9] = (uint8_t)(length >> 8);
}
