#include "client/seamless-picture.h"

#include <glib.h>
#include <string.h>

void picture_clear(struct picture *picture)
{
	g_free(picture->pixels);
	*picture = (struct picture){0};
}

/* Colour above alpha would overflow where pictures are blended. */
static void make_true(uint32_t *pixels, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t pixel = GUINT32_FROM_LE(pixels[i]);
		uint32_t a = pixel >> 24;
		uint32_t r = MIN(pixel >> 16 & 255, a);
		uint32_t g = MIN(pixel >> 8 & 255, a);
		uint32_t b = MIN(pixel & 255, a);
		pixels[i] = a << 24 | r << 16 | g << 8 | b;
	}
}

bool picture_take(struct picture *picture, const struct seam_picture *piece)
{
	uint32_t size = piece->width * piece->height * 4;
	if (piece->offset == 0) {
		picture_clear(picture);
		picture->width = size ? piece->width : 0;
		picture->height = size ? piece->height : 0;
		picture->hot_x = CLAMP(piece->hot_x, 0, (int)piece->width);
		picture->hot_y = CLAMP(piece->hot_y, 0, (int)piece->height);
		if (!size)
			return true;
		picture->pixels = g_malloc0(size);
	}
	if (!picture->pixels || piece->width != picture->width ||
	    piece->height != picture->height ||
	    piece->offset != picture->have ||
	    piece->piece.size > size - picture->have || !piece->piece.size)
		return false;
	memcpy((uint8_t *)picture->pixels + picture->have, piece->piece.bytes,
	       piece->piece.size);
	picture->have += piece->piece.size;
	if (picture->have < size)
		return false;
	make_true(picture->pixels, size / 4);
	return true;
}
