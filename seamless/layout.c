#include "seamless/layout.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* QEMU rounds a position down on its way to 0..32767, and X on the way back,
 * so that a pixel's left edge would come out left of it: by up to a quarter
 * at 4096 pixels. oriel-vmm says a pixel's middle, which bears this too. */
#define NUDGE_PX 0.3f

void layout_place(struct layout *self, int max_width_px, int max_height_px)
{
	self->width_px = self->height_px = 0;
	for (size_t i = 0; i < self->n_heads; i++) {
		struct layout_head *head = &self->head[i];
		head->on = head->connected && head->width_px > 0 &&
			   head->height_px > 0 &&
			   head->height_px <= max_height_px &&
			   head->width_px <= max_width_px - self->width_px;
		head->x_px = head->y_px = 0;
		if (!head->on)
			continue;
		head->x_px = self->width_px;
		self->width_px += head->width_px;
		/* QEMU 7.2 hands on a head's picture as whole rows of the
		 * whole, which from x on reach past the last one's end: a row
		 * that nobody sees keeps it from reading what is not there. */
		int spare = head->x_px > 0 && head->height_px < max_height_px;
		if (head->height_px + spare > self->height_px)
			self->height_px = head->height_px + spare;
	}
}

void layout_matrix(const struct layout *self, size_t head, float matrix[9])
{
	static const float identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
	memcpy(matrix, identity, sizeof identity);
	if (head >= self->n_heads || !self->head[head].on ||
	    self->width_px <= 0 || self->height_px <= 0)
		return;
	const struct layout_head *own = &self->head[head];
	matrix[0] = (float)own->width_px / (float)self->width_px;
	matrix[2] = ((float)own->x_px + NUDGE_PX) / (float)self->width_px;
	matrix[4] = (float)own->height_px / (float)self->height_px;
	matrix[5] = ((float)own->y_px + NUDGE_PX) / (float)self->height_px;
}

int layout_compare_paths(const char *a, const char *b)
{
	/* bus addresses are hexadecimal of fixed width and compare as text;
	 * numbers at the end of a word ("virtio10", "input6") do not */
	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			const char *start_a = a, *start_b = b;
			while (isxdigit((unsigned char)*a))
				a++;
			while (isxdigit((unsigned char)*b))
				b++;
			size_t digits_a = (size_t)(a - start_a);
			size_t digits_b = (size_t)(b - start_b);
			if (digits_a != digits_b)
				return digits_a < digits_b ? -1 : 1;
			int order = strncmp(start_a, start_b, digits_a);
			if (order)
				return order;
			continue;
		}
		if (*a != *b)
			return (unsigned char)*a - (unsigned char)*b;
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

int layout_head_of_serial(const char *serial)
{
	static const char PREFIX[] = "oriel-head-";
	if (strncmp(serial, PREFIX, sizeof PREFIX - 1) != 0)
		return -1;
	const char *digits = serial + sizeof PREFIX - 1;
	char *end;
	if (!isdigit((unsigned char)*digits))
		return -1;
	long head = strtol(digits, &end, 10);
	return *end == 0 && head < LAYOUT_HEADS_MAX ? (int)head : -1;
}
