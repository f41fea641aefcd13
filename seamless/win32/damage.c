#include "seamless/win32/damage.h"

#define BAND   16 /* rows of one rectangle */
#define COLOUR 0xffffffu
/* what a few more pixels may cost against one more rectangle */
#define JOIN_PIXELS 2048u

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int most(int a, int b)
{
	return a > b ? a : b;
}

static void row_difference(const uint32_t *a, const uint32_t *b, int width,
			   int *first, int *last)
{
	int from = 0, to = width - 1;
	while (from < width && !((a[from] ^ b[from]) & COLOUR))
		from++;
	if (from == width)
		return;
	while (!((a[to] ^ b[to]) & COLOUR))
		to--;
	*first = least(*first, from);
	*last = most(*last, to);
}

static void add(struct damage *self, struct seam_rect rect)
{
	if (self->count) {
		struct seam_rect *last = &self->rects[self->count - 1];
		int right =
		    most(last->x + (int)last->width, rect.x + (int)rect.width);
		int left = least(last->x, rect.x);
		uint32_t both =
		    (uint32_t)(right - left) * (last->height + rect.height);
		uint32_t apart =
		    last->width * last->height + rect.width * rect.height;
		bool touch = last->y + (int)last->height == rect.y;
		if (self->count == self->room ||
		    (touch && both <= apart + apart / 4 + JOIN_PIXELS)) {
			last->height =
			    (uint32_t)(rect.y + (int)rect.height - last->y);
			last->x = left;
			last->width = (uint32_t)(right - left);
			return;
		}
	}
	self->rects[self->count++] = rect;
}

void damage_compare(struct damage *self, const struct picture_view *now,
		    const struct picture_view *before, int width, int height)
{
	self->count = 0;
	for (int y = 0; y < height; y += BAND) {
		int first = width, last = -1, rows = least(BAND, height - y);
		for (int row = y; row < y + rows; row++)
			row_difference(now->pixels + row * now->stride,
				       before->pixels + row * before->stride,
				       width, &first, &last);
		if (last >= 0)
			add(self, (struct seam_rect){
				      first, y, (uint32_t)(last - first) + 1,
				      (uint32_t)rows});
	}
}

uint64_t damage_sum(const struct picture_view *picture, int width, int height)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a, a pixel at a time */
	for (int y = 0; y < height; y++) {
		const uint32_t *row = picture->pixels + y * picture->stride;
		for (int x = 0; x < width; x++)
			hash = (hash ^ (row[x] & COLOUR)) * 0x100000001b3u;
	}
	return hash;
}
