/* How a displacement is guessed. A hash of 32 pixels runs along every row of
 * what changed, in both frames; where its upper bits happen to be zero, which
 * depends on the pixels alone and so happens at the same feature in both
 * frames, the hash is widened by the rows below and remembered. A feature that
 * the old frame has exactly once tells where it came from, and the places that
 * most features agree on are tried. Flat areas have no features, repeated ones
 * (the same words in every line) are not unique, and what is left of ordinary
 * text is some hundreds. Cost: about 1 ns a changed pixel.
 *
 * Where the tiles of the new frame equal the old ones at that distance, they
 * are joined to rectangles, and these grown by pixels beyond the tiles' grid.
 * Tiles that did not change but fit as well (the blank between words) help to
 * make them large.
 *
 * What moved in the frames before mostly goes on in the same way: those
 * displacements are tried first, on a sample of tiles, and when they explain
 * the frame no features are looked for.
 *
 * Frames are larger than the processor's caches, so what counts is how often
 * pixels are looked at: what a copy was compared for is not compared again. */
#include "display/moves.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW       32u /* pixels of a feature's first row; 64 bits / 2 */
#define FEATURE_ROWS 14u
#define PLACES       8192u /* of a power of two; half of them in use */
#define VOTES        2048u
#define CANDIDATES   6u
/* Features looked for; each costs as much as hashing 100 pixels. */
#define FEATURES 2048u
/* Features that must agree before a displacement is tried. */
#define VOTES_MIN 4u
/* Changed tiles below which nothing is looked for: they cost little. */
#define TILES_MIN 12u
/* Of a large change only some rows are looked at first, and all of them only
 * if anything there came from elsewhere: a new picture did not. Every so
 * manieth row of both frames by chance, so that whatever the distance some of
 * them belong together, and none of it beats with the lines of a text. */
#define VOTES_PILOT 2u
#define PILOT_TILES 1024u
#define PILOT_ROWS  8u
#define PILOT_BITS  3u /* that many times more features in them */
/* Changed tiles that a copy must save to be worth a rectangle. */
#define TILES_WORTH 2u
/* Displacements remembered of earlier frames: a dragged window's vary. */
#define REMEMBERED 4u
/* Tiles of which at least half have to fit a remembered one. */
#define SAMPLE 96u

struct place {
	uint32_t key; /* 0: empty */
	uint16_t x, y;
	bool twice;
};

struct vote {
	int dx, dy;
	unsigned count; /* 0: empty */
};

struct moves {
	struct place places[PLACES];
	struct vote votes[VOTES];
	unsigned used_places, used_votes;
	struct damage left; /* changed and not explained yet */
	struct damage
	    rest; /* where the frames may differ; also what is still */
	struct damage done;            /* in a rectangle of this displacement */
	struct vote known[REMEMBERED]; /* count: of tiles, in the last frame */
};

struct moves *moves_new(void)
{
	return g_new0(struct moves, 1);
}

void moves_free(struct moves *self)
{
	if (!self)
		return;
	damage_finish(&self->left);
	damage_finish(&self->rest);
	damage_finish(&self->done);
	g_free(self);
}

/* ---- features ---- */

struct frame {
	const uint32_t *pixels;
	unsigned width, height;
};

static uint32_t widen(const struct frame *frame, uint64_t hash, unsigned x,
		      unsigned y)
{
	const uint32_t *at = frame->pixels + (size_t)y * frame->width + x;
	for (unsigned row = 1; row < FEATURE_ROWS; row += 2) {
		at += 2 * (size_t)frame->width;
		for (unsigned i = 0; i < WINDOW; i += 4)
			hash = (hash ^ at[-(int)i]) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
	}
	return (uint32_t)(hash >> 32) | 1;
}

static void remember(struct moves *self, uint32_t key, unsigned x, unsigned y)
{
	unsigned at = key * 2654435761u % PLACES;
	while (self->places[at].key && self->places[at].key != key)
		at = (at + 1) % PLACES;
	struct place *place = &self->places[at];
	if (place->key) {
		place->twice = true;
		return;
	}
	if (self->used_places == PLACES / 2)
		return;
	self->used_places++;
	*place = (struct place){key, x, y, false};
}

static void vote(struct moves *self, uint32_t key, unsigned x, unsigned y)
{
	unsigned at = key * 2654435761u % PLACES;
	while (self->places[at].key && self->places[at].key != key)
		at = (at + 1) % PLACES;
	const struct place *place = &self->places[at];
	if (!place->key || place->twice)
		return;
	int dx = (int)x - place->x, dy = (int)y - place->y;
	if (!dx && !dy)
		return;
	at = ((unsigned)dx * 31 + (unsigned)dy * 2654435761u) % VOTES;
	while (self->votes[at].count &&
	       (self->votes[at].dx != dx || self->votes[at].dy != dy))
		at = (at + 1) % VOTES;
	struct vote *voted = &self->votes[at];
	if (!voted->count) {
		if (self->used_votes == VOTES / 2)
			return;
		self->used_votes++;
		voted->dx = dx;
		voted->dy = dy;
	}
	voted->count++;
}

typedef void (*use_feature)(struct moves *, uint32_t, unsigned, unsigned);

/* Features whose first row lies in [from, to) of row y. */
static void scan_row(struct moves *self, const struct frame *frame, unsigned y,
		     unsigned from, unsigned to, unsigned bits, use_feature use)
{
	const uint32_t *row = frame->pixels + (size_t)y * frame->width;
	unsigned seldom = 64 - bits;
	uint64_t hash = 0;
	uint32_t last = row[from];
	for (unsigned x = from; x < to; x++) {
		uint32_t pixel = row[x];
		hash = (hash << 2) + (uint64_t)pixel * 0xc2b2ae3d27d4eb4fu;
		/* only at an edge: flat areas would give one feature often */
		if (pixel != last && !(hash >> seldom) &&
		    x >= from + WINDOW - 1)
			use(self, widen(frame, hash, x, y), x, y);
		last = pixel;
	}
}

enum rows { ROWS_ALL, ROWS_PILOT_OLD, ROWS_PILOT_NEW };

static bool is_one(enum rows rows, unsigned y)
{
	uint32_t chance = (y + (uint32_t)rows * 77777u) * 0x9e3779b1u;
	chance = (chance ^ chance >> 15) * 0x85ebca77u;
	return rows == ROWS_ALL || (chance ^ chance >> 13) % PILOT_ROWS == 0;
}

static void scan(struct moves *self, const struct frame *frame,
		 const struct damage *changed, enum rows rows, unsigned bits,
		 use_feature use)
{
	unsigned last = frame->height - FEATURE_ROWS - 1;
	for (unsigned row = 0; row < changed->rows; row++) {
		unsigned column = 0;
		while (column < changed->columns) {
			if (!damage_has_tile(changed, column, row)) {
				column++;
				continue;
			}
			unsigned from = column;
			while (column < changed->columns &&
			       damage_has_tile(changed, column, row))
				column++;
			if (column - from < WINDOW / DAMAGE_TILE)
				continue;
			for (unsigned y = row * DAMAGE_TILE;
			     y < (row + 1) * DAMAGE_TILE && y <= last; y++)
				if (is_one(rows, y))
					scan_row(self, frame, y,
						 from * DAMAGE_TILE,
						 MIN(column * DAMAGE_TILE,
						     frame->width),
						 bits, use);
		}
	}
}

/* Brings the CANDIDATES most voted for to the front, in order. */
static void elect(struct moves *self)
{
	for (unsigned i = 0; i < CANDIDATES; i++) {
		unsigned most = i;
		for (unsigned k = i + 1; k < VOTES; k++)
			if (self->votes[k].count > self->votes[most].count)
				most = k;
		struct vote voted = self->votes[most];
		self->votes[most] = self->votes[i];
		self->votes[i] = voted;
	}
}

/* ---- rectangles of one displacement ---- */

struct shift {
	uint32_t *old;
	const uint32_t *new_;
	unsigned width, height;
	int dx, dy;
};

/* Whether a rectangle came from there; its source may lie outside. */
static bool came(const struct shift *shift, unsigned x, unsigned y, unsigned w,
		 unsigned h)
{
	int64_t sx = (int64_t)x - shift->dx, sy = (int64_t)y - shift->dy;
	if (sx < 0 || sy < 0 || sx + w > shift->width || sy + h > shift->height)
		return false;
	const uint32_t *to = shift->new_ + (size_t)y * shift->width + x;
	const uint32_t *from = shift->old + (size_t)sy * shift->width + sx;
	for (unsigned row = 0; row < h; row++) {
		if (memcmp(to, from, (size_t)w * 4) != 0)
			return false;
		to += shift->width;
		from += shift->width;
	}
	return true;
}

static bool tile_came(const struct moves *self, const struct shift *shift,
		      unsigned column, unsigned row)
{
	struct rect tile = damage_tile(&self->left, column, row);
	return !damage_has_tile(&self->done, column, row) &&
	       came(shift, tile.x, tile.y, tile.w, tile.h);
}

/* A run of tiles at once: long rows are compared fastest. */
static bool row_came(const struct moves *self, const struct shift *shift,
		     unsigned column, unsigned row, unsigned wide)
{
	struct rect first = damage_tile(&self->left, column, row);
	struct rect last = damage_tile(&self->left, column + wide - 1, row);
	for (unsigned i = 0; i < wide; i++)
		if (damage_has_tile(&self->done, column + i, row))
			return false;
	return came(shift, first.x, first.y, last.x + last.w - first.x,
		    first.h);
}

/* How many columns of pixels to the left or right fit, too: by rows, since
 * each row of a screen is on a page of its own. */
static unsigned beside(const struct shift *shift, const struct rect *rect,
		       int step)
{
	unsigned x = step < 0 ? rect->x : rect->x + rect->w - 1;
	unsigned most = step < 0 ? x : shift->width - 1 - x;
	int64_t sx = (int64_t)x - shift->dx;
	/* the source is inside, and ends where the screen does */
	most = (unsigned)MIN(most, step < 0 ? sx : shift->width - 1 - sx);
	most = MIN(most, DAMAGE_TILE);
	const uint32_t *to = shift->new_ + (size_t)rect->y * shift->width + x;
	const uint32_t *from =
	    shift->old + (rect->y - (int64_t)shift->dy) * shift->width + sx;
	for (unsigned row = 0; row < rect->h && most; row++) {
		unsigned fit = 0;
		while (fit < most &&
		       to[step * (int)(fit + 1)] == from[step * (int)(fit + 1)])
			fit++;
		most = fit;
		to += shift->width;
		from += shift->width;
	}
	return most;
}

/* Adds lines of pixels beyond the tiles, as long as they fit. */
static void grow(const struct shift *shift, struct rect *rect)
{
	for (unsigned i = 0; i < DAMAGE_TILE && rect->y; i++) {
		if (!came(shift, rect->x, rect->y - 1, rect->w, 1))
			break;
		rect->y--;
		rect->h++;
	}
	for (unsigned i = 0;
	     i < DAMAGE_TILE && rect->y + rect->h < shift->height; i++) {
		if (!came(shift, rect->x, rect->y + rect->h, rect->w, 1))
			break;
		rect->h++;
	}
	unsigned left = beside(shift, rect, -1);
	rect->x -= left;
	rect->w += left;
	rect->w += beside(shift, rect, 1);
}

/* A rectangle of tiles from (column, row) on, which came itself; counts those
 * of them that had changed. */
static struct rect join_tiles(struct moves *self, const struct shift *shift,
			      unsigned column, unsigned row, unsigned *saved)
{
	unsigned wide = 1, high = 1, columns = self->left.columns;
	while (column + wide < columns &&
	       tile_came(self, shift, column + wide, row))
		wide++;
	for (; row + high < self->left.rows; high++) {
		if (row_came(self, shift, column, row + high, wide))
			continue;
		unsigned run = 0;
		while (run < wide &&
		       tile_came(self, shift, column + run, row + high))
			run++;
		if (run < wide)
			break;
	}
	*saved = 0;
	for (unsigned y = row; y < row + high; y++)
		for (unsigned x = column; x < column + wide; x++) {
			*saved += damage_has_tile(&self->left, x, y);
			damage_add_tile(&self->done, x, y);
		}
	struct rect first = damage_tile(&self->left, column, row);
	struct rect last =
	    damage_tile(&self->left, column + wide - 1, row + high - 1);
	return (struct rect){first.x, first.y, last.x + last.w - first.x,
			     last.y + last.h - first.y};
}

/* So that none reads what another has overwritten already: the one that lies
 * farthest in the direction of the movement goes first. */
static int by_direction(const void *a, const void *b)
{
	const struct move *m = a, *n = b;
	int64_t at = (int64_t)m->to.y - n->to.y;
	if (m->dy > 0)
		at = -at;
	if (!m->dy || !at) {
		at = (int64_t)m->to.x - n->to.x;
		if (m->dx > 0)
			at = -at;
	}
	return at < 0 ? -1 : at > 0;
}

/* Copies [0, at) have been carried out; what copy `at` reads may be theirs,
 * and then it does not bring what was compared. */
static bool disturbed(const struct move *moves, unsigned at)
{
	struct rect from = move_from(&moves[at]), both;
	for (unsigned i = 0; i < at; i++)
		if (rect_intersect(&from, &moves[i].to, &both))
			return true;
	return false;
}

/* Tiles that a copy covers are as the new frame is; a tile of which it covers
 * a part is no worse than it was. */
static void explain(struct moves *self, const struct move *move)
{
	damage_remove(&self->left, &move->to);
	damage_remove(&self->rest, &move->to);
}

static unsigned try_shift(struct moves *self, const struct shift *shift,
			  struct move *out, unsigned room, unsigned *saved)
{
	unsigned count = 0;
	damage_clear(&self->done);
	*saved = 0;
	for (unsigned row = 0; row < self->left.rows && count < room; row++)
		for (unsigned column = 0;
		     column < self->left.columns && count < room; column++) {
			unsigned tiles;
			if (!damage_has_tile(&self->left, column, row) ||
			    !tile_came(self, shift, column, row))
				continue;
			struct rect rect =
			    join_tiles(self, shift, column, row, &tiles);
			if (tiles < TILES_WORTH)
				continue;
			grow(shift, &rect);
			*saved += tiles;
			out[count++] =
			    (struct move){rect, shift->dx, shift->dy};
		}
	qsort(out, count, sizeof *out, by_direction);
	for (unsigned i = 0; i < count; i++) {
		moves_apply(shift->old, shift->width, &out[i]);
		if (!disturbed(out, i)) {
			explain(self, &out[i]);
			continue;
		}
		damage_add(&self->left, &out[i].to);
		damage_add(&self->rest, &out[i].to);
	}
	return count;
}

/* ---- displacements ---- */

/* One colour comes from anywhere: it tells nothing. */
static bool is_flat(const struct shift *shift, const struct rect *tile)
{
	const uint32_t *at =
	    shift->new_ + (size_t)tile->y * shift->width + tile->x;
	uint32_t first = *at, differ = 0;
	for (unsigned y = 0; y < tile->h && !differ; y++, at += shift->width)
		for (unsigned x = 0; x < tile->w; x++)
			differ |= at[x] ^ first;
	return !differ;
}

/* Whether at least half of what changed came that far, by a sample. */
static bool fits(const struct moves *self, const struct shift *shift,
		 unsigned tiles)
{
	unsigned every = tiles / SAMPLE + 1, i = 0, looked = 0, good = 0;
	for (unsigned row = 0; row < self->left.rows; row++)
		for (unsigned w = 0; w < self->left.words; w++) {
			uint64_t rest =
			    self->left.bits[(size_t)row * self->left.words + w];
			for (; rest; rest &= rest - 1) {
				if (i++ % every)
					continue;
				struct rect tile = damage_tile(
				    &self->left,
				    w * 64 + (unsigned)__builtin_ctzll(rest),
				    row);
				if (is_flat(shift, &tile))
					continue;
				looked++;
				good +=
				    came(shift, tile.x, tile.y, tile.w, tile.h);
			}
		}
	return good >= VOTES_MIN && good * 2 >= looked;
}

static void know(struct moves *self, int dx, int dy, unsigned saved)
{
	unsigned at = 0;
	while (at < REMEMBERED - 1 &&
	       (self->known[at].dx != dx || self->known[at].dy != dy))
		at++;
	memmove(&self->known[1], &self->known[0], at * sizeof self->known[0]);
	self->known[0] = (struct vote){dx, dy, saved};
}

/* What the frames before did, again. */
static unsigned try_known(struct moves *self, struct shift shift,
			  struct move *out)
{
	unsigned count = 0;
	struct vote known[REMEMBERED];
	memcpy(known, self->known, sizeof known);
	for (unsigned i = 0; i < REMEMBERED && count < MOVES_MAX; i++) {
		unsigned tiles = damage_count(&self->left), saved;
		shift.dx = known[i].dx;
		shift.dy = known[i].dy;
		if (!known[i].count || tiles < TILES_MIN ||
		    !fits(self, &shift, tiles))
			continue;
		unsigned found = try_shift(self, &shift, out + count,
					   MOVES_MAX - count, &saved);
		if (found)
			know(self, shift.dx, shift.dy, saved);
		count += found;
	}
	return count;
}

static void forget_features(struct moves *self)
{
	memset(self->places, 0, sizeof self->places);
	memset(self->votes, 0, sizeof self->votes);
	self->used_places = self->used_votes = 0;
}

/* Counts which displacements features agree on; false for none. */
static bool collect_votes(struct moves *self, const struct shift *shift,
			  unsigned tiles)
{
	/* of so many pixels one */
	unsigned bits = 3;
	while (bits < 12 && tiles * 256u >> bits > FEATURES)
		bits++;
	struct frame before = {shift->old, shift->width, shift->height};
	struct frame after = {shift->new_, shift->width, shift->height};
	forget_features(self);
	if (tiles >= PILOT_TILES) {
		scan(self, &before, &self->left, ROWS_PILOT_OLD,
		     bits - PILOT_BITS, remember);
		scan(self, &after, &self->left, ROWS_PILOT_NEW,
		     bits - PILOT_BITS, vote);
		elect(self);
		if (self->votes[0].count < VOTES_PILOT)
			return false;
		forget_features(self);
	}
	scan(self, &before, &self->left, ROWS_ALL, bits, remember);
	if (self->used_places < VOTES_MIN)
		return false;
	scan(self, &after, &self->left, ROWS_ALL, bits, vote);
	elect(self);
	return self->votes[0].count >= VOTES_MIN;
}

unsigned moves_find(struct moves *self, uint32_t *old, const uint32_t *new_,
		    const struct damage *changed, const struct rect *still,
		    struct move *out)
{
	damage_init(&self->left, changed->width, changed->height);
	damage_init(&self->rest, changed->width, changed->height);
	damage_join(&self->left, changed);
	damage_join(&self->rest, changed);
	if (still)
		damage_remove(&self->left, still);
	unsigned tiles = damage_count(&self->left);
	if (tiles < TILES_MIN || changed->height <= FEATURE_ROWS ||
	    changed->width < WINDOW)
		return 0;
	struct shift shift = {old, new_, changed->width, changed->height, 0, 0};
	damage_init(&self->done, changed->width, changed->height);
	unsigned count = try_known(self, shift, out);
	unsigned unexplained = damage_count(&self->left);
	if (unexplained < TILES_MIN || unexplained * 4 < tiles ||
	    !collect_votes(self, &shift, unexplained))
		return count;
	for (unsigned i = 0; i < CANDIDATES && count < MOVES_MAX; i++) {
		const struct vote *voted = &self->votes[i];
		unsigned saved;
		if (voted->count < VOTES_MIN ||
		    voted->count < self->votes[0].count / 64)
			break;
		shift.dx = voted->dx;
		shift.dy = voted->dy;
		unsigned found = try_shift(self, &shift, out + count,
					   MOVES_MAX - count, &saved);
		if (found)
			know(self, shift.dx, shift.dy, saved);
		count += found;
		if (found && damage_count(&self->left) < TILES_MIN)
			break;
	}
	return count;
}

const struct damage *moves_rest(const struct moves *self)
{
	return &self->rest;
}

/* ---- moving ---- */

void moves_apply(uint32_t *pixels, unsigned width, const struct move *move)
{
	struct rect from = move_from(move);
	if (move->to.w == width) {
		memmove(pixels + (size_t)move->to.y * width,
			pixels + (size_t)from.y * width,
			(size_t)move->to.h * width * 4);
		return;
	}
	for (unsigned i = 0; i < move->to.h; i++) {
		/* downward from the last row on */
		unsigned row = move->dy > 0 ? move->to.h - 1 - i : i;
		memmove(pixels + (size_t)(move->to.y + row) * width +
			    move->to.x,
			pixels + (size_t)(from.y + row) * width + from.x,
			(size_t)move->to.w * 4);
	}
}

static bool any_tile(const struct damage *damage, unsigned x, unsigned y,
		     unsigned w, unsigned h)
{
	for (unsigned row = y / DAMAGE_TILE; row <= (y + h - 1) / DAMAGE_TILE;
	     row++)
		for (unsigned column = x / DAMAGE_TILE;
		     column <= (x + w - 1) / DAMAGE_TILE; column++)
			if (damage_has_tile(damage, column, row))
				return true;
	return false;
}

void moves_shift(struct damage *stale, const struct move *move)
{
	if (!damage_any(stale))
		return;
	struct damage before = {0};
	damage_init(&before, stale->width, stale->height);
	damage_join(&before, stale);
	const struct rect *to = &move->to;
	for (unsigned row = to->y / DAMAGE_TILE;
	     row <= (to->y + to->h - 1) / DAMAGE_TILE; row++)
		for (unsigned column = to->x / DAMAGE_TILE;
		     column <= (to->x + to->w - 1) / DAMAGE_TILE; column++) {
			struct rect tile = {column * DAMAGE_TILE,
					    row * DAMAGE_TILE, DAMAGE_TILE,
					    DAMAGE_TILE};
			struct rect part;
			if (!rect_clip(&tile, stale->width, stale->height) ||
			    !rect_intersect(&tile, to, &part))
				continue;
			if (any_tile(&before, part.x - (unsigned)move->dx,
				     part.y - (unsigned)move->dy, part.w,
				     part.h))
				damage_add_tile(stale, column, row);
			else if (part.w == tile.w && part.h == tile.h)
				damage_remove_tile(stale, column, row);
		}
	damage_finish(&before);
}
