#include "display/film.h"

#include <string.h>

/* Between two looks: three frames of a film. While none is known it is less:
 * frames before it is one are sent as pictures, and weigh thirty times as much;
 * still as long as a window that is dragged takes to be elsewhere. */
#define LOOK_US  100000
#define WATCH_US 60000
/* Smaller ones are cheap as they are. In tiles: 112 x 80 pixels. */
#define COLUMNS_LEAST 7u
#define ROWS_LEAST    5u
/* Tiles of a film that move, in hundredths: to begin, and to go on. */
#define BEGIN_PERCENT 75u
#define KEEP_PERCENT  40u
/* A border's row or column belongs to it if so much of it moves. */
#define EDGE_PERCENT 50u
/* So long a film may stand still: a cut, a slow scene. */
#define STILL_US 500000

struct area { /* in tiles */
	unsigned left, top, right, bottom;
};

struct film {
	int64_t looked_us;
	struct area seen; /* at the last look, not yet believed */
	struct area area; /* what counts; right = 0: none */
	struct rect rect;
	int64_t moved_us; /* last time that enough of it moved */
	uint8_t *labels;  /* of tiles, while looking */
	uint32_t *queue;
	size_t tiles;
};

struct film *film_new(void)
{
	return g_new0(struct film, 1);
}

void film_free(struct film *self)
{
	if (!self)
		return;
	g_free(self->labels);
	g_free(self->queue);
	g_free(self);
}

const struct rect *film_at(const struct film *self)
{
	return self->area.right ? &self->rect : NULL;
}

static unsigned moving(const struct damage *hot, const struct area *area)
{
	unsigned count = 0;
	for (unsigned row = area->top; row < area->bottom; row++)
		for (unsigned column = area->left; column < area->right;
		     column++)
			count += damage_has_tile(hot, column, row);
	return count;
}

static unsigned tiles_of(const struct area *area)
{
	return (area->right - area->left) * (area->bottom - area->top);
}

/* Hot tiles around one, over gaps of one tile; returns how many. */
static unsigned spread(struct film *self, const struct damage *hot,
		       unsigned column, unsigned row, struct area *area)
{
	unsigned count = 0, first = 0, last = 0;
	*area = (struct area){column, row, column + 1, row + 1};
	self->labels[(size_t)row * hot->columns + column] = 1;
	self->queue[last++] = row << 16 | column;
	while (first < last) {
		unsigned x = self->queue[first] & 0xffff;
		unsigned y = self->queue[first++] >> 16;
		count++;
		area->left = MIN(area->left, x);
		area->top = MIN(area->top, y);
		area->right = MAX(area->right, x + 1);
		area->bottom = MAX(area->bottom, y + 1);
		for (unsigned ny = y > 2 ? y - 2 : 0;
		     ny <= y + 2 && ny < hot->rows; ny++)
			for (unsigned nx = x > 2 ? x - 2 : 0;
			     nx <= x + 2 && nx < hot->columns; nx++) {
				uint8_t *label =
				    &self->labels[(size_t)ny * hot->columns +
						  nx];
				if (*label || !damage_has_tile(hot, nx, ny))
					continue;
				*label = 1;
				self->queue[last++] = ny << 16 | nx;
			}
	}
	return count;
}

/* Takes borders off that hardly move: a clock beside it, a shadow. */
static void trim(const struct damage *hot, struct area *area)
{
	bool again = true;
	while (again && area->right - area->left > COLUMNS_LEAST &&
	       area->bottom - area->top > ROWS_LEAST) {
		const struct area edges[4] = {
		    {area->left, area->top, area->right, area->top + 1},
		    {area->left, area->bottom - 1, area->right, area->bottom},
		    {area->left, area->top, area->left + 1, area->bottom},
		    {area->right - 1, area->top, area->right, area->bottom},
		};
		bool bare[4];
		again = false;
		for (int i = 0; i < 4; i++) {
			bare[i] = moving(hot, &edges[i]) * 100 <
				  tiles_of(&edges[i]) * EDGE_PERCENT;
			again = again || bare[i];
		}
		area->top += bare[0];
		area->bottom -= bare[1];
		area->left += bare[2];
		area->right -= bare[3];
	}
}

static bool looks_like_film(struct activity *activity,
			    const struct desktop *desktop,
			    const struct damage *hot, const struct area *area)
{
	unsigned pictures = 0, looked = 0;
	if (area->right - area->left < COLUMNS_LEAST ||
	    area->bottom - area->top < ROWS_LEAST ||
	    moving(hot, area) * 100 < tiles_of(area) * BEGIN_PERCENT)
		return false;
	for (unsigned row = area->top; row < area->bottom; row++)
		for (unsigned column = area->left + row % 3;
		     column < area->right; column += 3) {
			enum tile_kind kind =
			    activity_kind(activity, desktop, column, row);
			looked += kind != TILE_PLAIN;
			pictures += kind == TILE_PICTURE;
		}
	return pictures * 100 >= looked * 60 && pictures > 8;
}

static bool alike(const struct area *a, const struct area *b)
{
	return a->left + 1 >= b->left && b->left + 1 >= a->left &&
	       a->top + 1 >= b->top && b->top + 1 >= a->top &&
	       a->right + 1 >= b->right && b->right + 1 >= a->right &&
	       a->bottom + 1 >= b->bottom && b->bottom + 1 >= a->bottom;
}

/* What moves is no longer where the film was, but beside it: a window that is
 * dragged. The part that it has left rests, and must not be sent as a film any
 * more. One that only grows is left alone until it is known how far. */
static bool leaves(const struct area *now, const struct area *film)
{
	if (!now->right)
		return false;
	return (now->left > film->left + 1 && now->right > film->right + 1) ||
	       (now->left + 1 < film->left && now->right + 1 < film->right) ||
	       (now->top > film->top + 1 && now->bottom > film->bottom + 1) ||
	       (now->top + 1 < film->top && now->bottom + 1 < film->bottom);
}

/* The largest area that moves; right = 0 if it is no film. */
static struct area find(struct film *self, struct activity *activity,
			const struct desktop *desktop, const struct damage *hot)
{
	struct area best = {0};
	unsigned most = 0;
	size_t tiles = (size_t)hot->columns * hot->rows;
	if (self->tiles != tiles) {
		g_free(self->labels);
		g_free(self->queue);
		self->labels = g_malloc(tiles + 1);
		self->queue = g_new(uint32_t, tiles + 1);
		self->tiles = tiles;
	}
	memset(self->labels, 0, tiles);
	for (unsigned row = 0; row < hot->rows; row++)
		for (unsigned i = 0; i < hot->words; i++) {
			uint64_t rest = hot->bits[(size_t)row * hot->words + i];
			for (; rest; rest &= rest - 1) {
				unsigned column =
				    i * 64 + (unsigned)__builtin_ctzll(rest);
				struct area area;
				if (self->labels[(size_t)row * hot->columns +
						 column])
					continue;
				unsigned count =
				    spread(self, hot, column, row, &area);
				if (count > most) {
					most = count;
					best = area;
				}
			}
		}
	if (most < COLUMNS_LEAST * ROWS_LEAST)
		return (struct area){0};
	trim(hot, &best);
	if (!looks_like_film(activity, desktop, hot, &best))
		return (struct area){0};
	return best;
}

static void show(struct film *self, const struct area *area,
		 const struct damage *hot)
{
	self->area = *area;
	self->rect =
	    (struct rect){area->left * DAMAGE_TILE, area->top * DAMAGE_TILE,
			  (area->right - area->left) * DAMAGE_TILE,
			  (area->bottom - area->top) * DAMAGE_TILE};
	rect_clip(&self->rect, hot->width, hot->height);
}

void film_look(struct film *self, struct activity *activity,
	       const struct desktop *desktop, int64_t now_us)
{
	const struct damage *hot = activity_warm(activity);
	/* another size: all is new */
	if (self->area.right > hot->columns || self->area.bottom > hot->rows)
		self->area = self->seen = (struct area){0};
	/* whatever comes to its place after a pause is no film */
	if (now_us - self->moved_us > STILL_US)
		self->area = (struct area){0};
	if (now_us - self->looked_us < (self->area.right ? LOOK_US : WATCH_US))
		return;
	activity_cool(activity, now_us);
	if (!self->area.right && damage_count(hot) < COLUMNS_LEAST * ROWS_LEAST)
		return;
	self->looked_us = now_us;
	struct area now = find(self, activity, desktop, hot);
	bool steady = now.right && self->seen.right && alike(&now, &self->seen);
	self->seen = now;
	if (steady && !(self->area.right && alike(&now, &self->area)))
		show(self, &now, hot);
	else if (self->area.right && leaves(&now, &self->area))
		self->area = (struct area){0};
	if (self->area.right && moving(hot, &self->area) * 100 >=
				    tiles_of(&self->area) * KEEP_PERCENT)
		self->moved_us = now_us;
}
