#include "display/activity.h"

#include <string.h>

#include "display/looks.h"

/* A change within so long of the last one heats a tile. 3 frames a second is
 * the slowest that still looks like a moving picture. */
#define AGAIN_MS 350
/* So many such changes make it hot: a quarter of a second of video. */
#define HOT 6u
/* ... and so many make it worth a look whether a film begins. */
#define WARM     3u
#define HEAT_MAX 12u
/* A hot tile that has not changed for so long is hot no more. */
#define COOL_MS 400
/* Rest before a part is shown exactly: a line of typing pauses longer. What
 * moves again and again has missed two of its frames by then, but two frames
 * of a 10 Hz animation are not taken for rest. */
#define REST_MS      50
#define REST_HOT_MS  110
#define REST_LATE_MS 20

struct tile {
	uint32_t changed_ms; /* last change of its pixels */
	uint8_t heat;
	uint8_t kind;
	uint16_t between_ms; /* its changes, of lately; 0: not known */
	bool judged;
	int8_t like_picture; /* memory: above 0 it mostly was one */
};

struct activity {
	unsigned columns, rows;
	struct tile *tiles;
	struct damage hot;
	struct damage warm; /* likely to change with the next frame */
	uint32_t now_ms, cooled_ms;
};

struct activity *activity_new(void)
{
	return g_new0(struct activity, 1);
}

void activity_free(struct activity *self)
{
	if (!self)
		return;
	damage_finish(&self->hot);
	damage_finish(&self->warm);
	g_free(self->tiles);
	g_free(self);
}

static struct tile *at(const struct activity *self, unsigned column,
		       unsigned row)
{
	return &self->tiles[(size_t)row * self->columns + column];
}

static void changed(struct activity *self, unsigned column, unsigned row)
{
	struct tile *tile = at(self, column, row);
	uint32_t since = self->now_ms - tile->changed_ms;
	tile->judged = false;
	if (since > AGAIN_MS)
		tile->between_ms = 0;
	else if (since)
		tile->between_ms = tile->between_ms
				       ? (tile->between_ms * 3 + since + 2) / 4
				       : since;
	if (since > AGAIN_MS) {
		tile->heat = 1;
		damage_remove_tile(&self->warm, column, row);
	} else if (since && tile->heat < HEAT_MAX) {
		/* two writes of one frame count once */
		tile->heat++;
	}
	tile->changed_ms = self->now_ms;
	if (tile->heat >= WARM)
		damage_add_tile(&self->warm, column, row);
	if (tile->heat >= HOT)
		damage_add_tile(&self->hot, column, row);
}

void activity_note(struct activity *self, const struct desktop *desktop,
		   const struct desktop_change *change, int64_t now_us)
{
	const struct damage *damage = change->damage;
	self->now_ms = now_us / 1000;
	if (change->laid_out || !self->tiles) {
		self->columns = damage->columns;
		self->rows = damage->rows;
		g_free(self->tiles);
		self->tiles =
		    g_new0(struct tile, (size_t)self->columns * self->rows + 1);
		damage_init(&self->hot, damage->width, damage->height);
		damage_init(&self->warm, damage->width, damage->height);
	}
	for (unsigned i = 0; i < change->moves_count; i++) {
		const struct rect *to = &change->moves[i].to;
		for (unsigned row = to->y / DAMAGE_TILE;
		     row <= (to->y + to->h - 1) / DAMAGE_TILE; row++)
			for (unsigned column = to->x / DAMAGE_TILE;
			     column <= (to->x + to->w - 1) / DAMAGE_TILE;
			     column++) {
				at(self, column, row)->changed_ms =
				    self->now_ms;
				at(self, column, row)->judged = false;
			}
	}
	for (unsigned row = 0; row < damage->rows; row++)
		for (unsigned i = 0; i < damage->words; i++) {
			uint64_t rest =
			    damage->bits[(size_t)row * damage->words + i];
			for (; rest; rest &= rest - 1)
				changed(self, i * 64 + __builtin_ctzll(rest),
					row);
		}
}

static void cool_tile(struct activity *self, unsigned column, unsigned row)
{
	struct tile *tile = at(self, column, row);
	uint32_t since = self->now_ms - tile->changed_ms;
	/* a film goes on at its own pace: what has missed two frames of it */
	if (since >= COOL_MS ||
	    (tile->between_ms && since > tile->between_ms * 2u + REST_LATE_MS))
		damage_remove_tile(&self->warm, column, row);
	if (since < COOL_MS)
		return;
	tile->heat = 0;
	damage_remove_tile(&self->hot, column, row);
}

void activity_cool(struct activity *self, int64_t now_us)
{
	self->now_ms = now_us / 1000;
	/* each viewer asks for it, for every part */
	if (self->cooled_ms == self->now_ms)
		return;
	self->cooled_ms = self->now_ms;
	for (unsigned row = 0; row < self->warm.rows; row++)
		for (unsigned i = 0; i < self->warm.words; i++) {
			size_t word = (size_t)row * self->warm.words + i;
			uint64_t rest =
			    self->warm.bits[word] | self->hot.bits[word];
			for (; rest; rest &= rest - 1) {
				unsigned column =
				    i * 64 + __builtin_ctzll(rest);
				cool_tile(self, column, row);
			}
		}
}

const struct damage *activity_hot(const struct activity *self)
{
	return &self->hot;
}

const struct damage *activity_warm(const struct activity *self)
{
	return &self->warm;
}

bool activity_rested(const struct activity *self, unsigned column, unsigned row,
		     int64_t now_us)
{
	if (column >= self->columns || row >= self->rows)
		return true;
	const struct tile *tile = at(self, column, row);
	uint32_t since = (uint32_t)(now_us / 1000) - tile->changed_ms;
	if (tile->heat < HOT)
		return since >= REST_MS;
	return since >= CLAMP(tile->between_ms * 2u + REST_LATE_MS, REST_MS,
			      REST_HOT_MS);
}

/* ---- looks ---- */

/* Text has a ground: most pixels equal their neighbour, and where they do not
 * the edge is hard or one of few shades. In a photograph neighbours are seldom
 * equal but where it is smooth: a sky, a shadow. Those tiles have no edges and
 * go along with whatever is around them, as shaded bars and buttons do. */
static enum tile_kind judge(const struct desktop *desktop,
			    const struct rect *rect)
{
	unsigned stride = desktop_width(desktop);
	struct looks looks = looks_count(desktop_pixels(desktop) +
					     (size_t)rect->y * stride + rect->x,
					 stride, rect->w, rect->h);
	unsigned equal = looks.equal, near = looks.soft, all = looks.all;
	if (near * 20 >= (all - equal) * 19 && equal * 5 >= all * 2)
		return TILE_PLAIN;
	if (equal * 5 >= all * 2) /* 40 % */
		return TILE_TEXT;
	return near * 3 >= (all - equal) ? TILE_PICTURE
	       : equal * 6 >= all        ? TILE_TEXT
					 : TILE_PICTURE;
}

static enum tile_kind looks(struct activity *self,
			    const struct desktop *desktop, unsigned column,
			    unsigned row)
{
	struct tile *tile = at(self, column, row);
	if (tile->judged)
		return tile->kind;
	struct rect rect = damage_tile(&self->hot, column, row);
	tile->kind = judge(desktop, &rect);
	tile->judged = true;
	/* what was a moving picture many times does not become text by one
	 * flat frame */
	if (tile->heat < HOT)
		tile->like_picture = 0;
	if (tile->kind == TILE_PICTURE)
		tile->like_picture = MIN(tile->like_picture + 2, 12);
	else
		tile->like_picture = MAX(tile->like_picture - 1, 0);
	if (tile->kind == TILE_TEXT && tile->like_picture > 2)
		tile->kind = TILE_PICTURE;
	return tile->kind;
}

enum tile_kind activity_kind(struct activity *self,
			     const struct desktop *desktop, unsigned column,
			     unsigned row)
{
	if (column >= self->columns || row >= self->rows ||
	    self->hot.width != desktop_width(desktop) ||
	    self->hot.height != desktop_height(desktop))
		return TILE_TEXT;
	enum tile_kind kind = looks(self, desktop, column, row);
	if (kind != TILE_TEXT || at(self, column, row)->heat < HOT)
		return kind;
	unsigned pictures = 0;
	if (column)
		pictures +=
		    looks(self, desktop, column - 1, row) == TILE_PICTURE;
	if (row)
		pictures +=
		    looks(self, desktop, column, row - 1) == TILE_PICTURE;
	if (column + 1 < self->columns)
		pictures +=
		    looks(self, desktop, column + 1, row) == TILE_PICTURE;
	if (row + 1 < self->rows)
		pictures +=
		    looks(self, desktop, column, row + 1) == TILE_PICTURE;
	return pictures >= 3 ? TILE_PICTURE : TILE_TEXT;
}
