#include "display/view.h"

#include <string.h>

/* Calm tiles that change at once and still are the answer to a key: a line of
 * text, a button, a menu's two entries. */
#define ECHO_TILES 64u
/* Blank tiles between wanted ones of a line. */
#define BRIDGE 6u
/* Smaller pictures are cheaper exact: a JPEG's tables alone are 600 bytes. */
#define LOSSY_MIN_PIXELS 2048u
/* A film whose next frame did not come for so long stands still. */
#define FILM_STILL_US 80000
#define ALL_ROWS      0xffffu

void view_init(struct view *self, unsigned width, unsigned height)
{
	damage_init(&self->stale, width, height);
	damage_init(&self->echo, width, height);
	damage_init(&self->lossy, width, height);
	g_free(self->rows);
	self->rows =
	    g_new(uint16_t, (size_t)self->stale.columns * self->stale.rows + 1);
	self->moves_count = 0;
	self->moved++;
	struct rect whole = {0, 0, width, height};
	view_add(self, &whole);
}

void view_finish(struct view *self)
{
	damage_finish(&self->stale);
	damage_finish(&self->echo);
	damage_finish(&self->lossy);
	g_clear_pointer(&self->rows, g_free);
}

static uint16_t *rows_of(const struct view *self, unsigned column, unsigned row)
{
	return &self->rows[(size_t)row * self->stale.columns + column];
}

void view_add(struct view *self, const struct rect *rect)
{
	struct rect in = *rect;
	if (!rect_clip(&in, self->stale.width, self->stale.height))
		return;
	damage_add(&self->stale, &in);
	for (unsigned row = in.y / DAMAGE_TILE;
	     row <= (in.y + in.h - 1) / DAMAGE_TILE; row++)
		for (unsigned column = in.x / DAMAGE_TILE;
		     column <= (in.x + in.w - 1) / DAMAGE_TILE; column++)
			*rows_of(self, column, row) = ALL_ROWS;
}

void view_clear(struct view *self)
{
	damage_clear(&self->stale);
	damage_clear(&self->echo);
	self->moves_count = 0;
}

void view_drop_moves(struct view *self)
{
	for (unsigned i = 0; i < self->moves_count; i++)
		view_add(self, &self->moves[i].to);
	self->moves_count = 0;
}

void view_give_back(struct view *self, const struct rect *rect)
{
	view_add(self, rect);
}

/* Of tiles that were whole before, only some rows are lacking. */
static void note_rows(struct view *self, const struct desktop_change *change)
{
	const struct damage *damage = change->damage;
	for (unsigned row = 0; row < damage->rows; row++)
		for (unsigned i = 0; i < damage->words; i++) {
			size_t word = (size_t)row * damage->words + i;
			uint64_t rest = damage->bits[word];
			for (; rest; rest &= rest - 1) {
				unsigned column =
				    i * 64 + (unsigned)__builtin_ctzll(rest);
				uint16_t now =
				    change->rows[(size_t)row * damage->columns +
						 column];
				uint16_t *lack = rows_of(self, column, row);
				bool was =
				    damage_has_tile(&self->stale, column, row);
				*lack = was ? *lack | now : now;
			}
		}
}

/* Where someone types on, tiles are hot, too: a counter, a password's dots, a
 * key that repeats. Then a frame that is small as a whole is the answer. */
static void note_echo(struct view *self, const struct desktop_change *change,
		      const struct damage *hot)
{
	const struct damage *damage = change->damage;
	size_t words = (size_t)damage->words * damage->rows;
	bool comparable =
	    hot->columns == damage->columns && hot->rows == damage->rows;
	unsigned calm = 0;
	if (change->awaited && damage_count(damage) <= ECHO_TILES)
		comparable = false;
	for (size_t i = 0; i < words && calm <= ECHO_TILES; i++)
		calm += __builtin_popcountll(damage->bits[i] &
					     ~(comparable ? hot->bits[i] : 0));
	if (calm > ECHO_TILES)
		return;
	for (size_t i = 0; i < words; i++)
		self->echo.bits[i] |=
		    damage->bits[i] & ~(comparable ? hot->bits[i] : 0);
	/* what hardly moves in a film comes with it */
	if (self->film.w)
		damage_remove(&self->echo, &self->film);
}

void view_changed(struct view *self, const struct desktop_change *change,
		  const struct activity *activity)
{
	if (self->moves_count + change->moves_count > VIEW_MOVES_MAX)
		view_drop_moves(self);
	bool had_stale = damage_any(&self->stale);
	for (unsigned i = 0; i < change->moves_count; i++) {
		const struct move *move = &change->moves[i];
		moves_shift(&self->stale, move);
		moves_shift(&self->lossy, move);
		moves_shift(&self->echo, move);
		self->moves[self->moves_count++] = *move;
	}
	self->moved += change->moves_count > 0;
	/* what was carried along does not know its rows any more */
	if (change->moves_count && had_stale)
		memset(self->rows, 0xff,
		       (size_t)self->stale.columns * self->stale.rows * 2);
	note_rows(self, change);
	damage_join(&self->stale, change->damage);
	note_echo(self, change, activity_hot(activity));
}

/* ---- choosing ---- */

struct choice {
	struct view *view;
	const struct desktop *desktop;
	struct activity *activity;
	const struct view_wish *wish;
	int64_t now_us;
	enum view_what what;
	unsigned left, top, right, bottom; /* in tiles */
};

/* Tiles of a word that the film has for itself. */
static uint64_t film_tiles(const struct choice *choice, unsigned row,
			   unsigned word)
{
	const struct rect *film = &choice->view->film;
	if (!film->w || row < film->y / DAMAGE_TILE ||
	    row > (film->y + film->h - 1) / DAMAGE_TILE)
		return 0;
	if (choice->what == VIEW_EXACT &&
	    choice->now_us - choice->view->film_us > FILM_STILL_US)
		return 0;
	unsigned from = MAX(film->x / DAMAGE_TILE, word * 64);
	unsigned to =
	    MIN((film->x + film->w - 1) / DAMAGE_TILE + 1, word * 64 + 64);
	if (from >= to)
		return 0;
	uint64_t bits = to - from == 64 ? ~0ull : (1ull << (to - from)) - 1;
	return bits << (from - word * 64);
}

static uint64_t candidates(const struct choice *choice, unsigned row,
			   unsigned in_row)
{
	const struct view *view = choice->view;
	const struct damage *hot = activity_hot(choice->activity);
	size_t word = (size_t)row * view->stale.words + in_row;
	uint64_t stale = view->stale.bits[word];
	/* mostly there is nothing: for each of many viewers, part by part */
	if (choice->what == VIEW_EXACT ? !view->lossy.bits[word] : !stale)
		return 0;
	uint64_t free = ~film_tiles(choice, row, in_row);
	uint64_t burning =
	    hot->words == view->stale.words && hot->rows == view->stale.rows
		? hot->bits[word]
		: 0;
	switch (choice->what) {
	case VIEW_ECHO:
		return stale & view->echo.bits[word] & free;
	case VIEW_FRESH:
		return stale & ~burning & free;
	case VIEW_HOT:
		return stale & burning & free;
	default:
		return view->lossy.bits[word] & ~stale & free;
	}
}

static bool is_candidate(const struct choice *choice, unsigned column,
			 unsigned row)
{
	if (!(candidates(choice, row, column / 64) >> column % 64 & 1))
		return false;
	return choice->what != VIEW_EXACT ||
	       activity_rested(choice->activity, column, row, choice->now_us);
}

static bool find_first(const struct choice *choice, unsigned *column,
		       unsigned *row)
{
	for (*row = choice->top; *row < choice->bottom; ++*row)
		for (*column = choice->left; *column < choice->right;) {
			uint64_t rest =
			    candidates(choice, *row, *column / 64) >>
			    *column % 64;
			if (!rest) {
				*column = (*column / 64 + 1) * 64;
				continue;
			}
			*column += __builtin_ctzll(rest);
			if (*column >= choice->right)
				break;
			if (is_candidate(choice, *column, *row))
				return true;
			++*column;
		}
	return false;
}

static enum tile_kind kind_of(const struct choice *choice, unsigned column,
			      unsigned row)
{
	if (!choice->wish->lossy || choice->what == VIEW_EXACT)
		return TILE_PLAIN;
	return activity_kind(choice->activity, choice->desktop, column, row);
}

/* Joins a tile to a part if it is wanted and of the part's kind; the first
 * one that is not plain gives the part its kind. */
static bool joins(const struct choice *choice, unsigned column, unsigned row,
		  enum tile_kind *kind)
{
	if (!is_candidate(choice, column, row))
		return false;
	enum tile_kind own = kind_of(choice, column, row);
	if (own == TILE_PLAIN || own == *kind)
		return true;
	if (*kind != TILE_PLAIN)
		return false;
	*kind = own;
	return true;
}

/* A tile that is not wanted, but blank: in a part that is sent without loss it
 * costs less than to begin another part behind it. */
static bool bridges(const struct choice *choice, unsigned column, unsigned row,
		    enum tile_kind kind)
{
	return kind != TILE_PICTURE &&
	       !(film_tiles(choice, row, column / 64) >> column % 64 & 1) &&
	       activity_kind(choice->activity, choice->desktop, column, row) ==
		   TILE_PLAIN;
}

/* How many tiles from (column, row) on make the first row of a part: wanted
 * ones, with at most BRIDGE blank ones between them. */
static unsigned first_row(const struct choice *choice, unsigned column,
			  unsigned row, unsigned most, enum tile_kind *kind)
{
	unsigned wide = 1;
	for (unsigned at = wide; at < most && at - wide <= BRIDGE; at++) {
		if (joins(choice, column + at, row, kind))
			wide = at + 1;
		else if (!bridges(choice, column + at, row, *kind))
			break;
	}
	return wide;
}

/* Whether a row of tiles may follow: at least a quarter is wanted, the
 * others blank. */
static bool next_row(const struct choice *choice, unsigned column, unsigned row,
		     unsigned wide, enum tile_kind *kind)
{
	enum tile_kind whole = *kind;
	unsigned wanted = 0;
	for (unsigned run = 0; run < wide; run++) {
		if (joins(choice, column + run, row, &whole))
			wanted++;
		else if (!bridges(choice, column + run, row, whole))
			return false;
	}
	if (wanted * 4 < wide)
		return false;
	*kind = whole;
	return true;
}

static void take_tile(struct view *view, unsigned column, unsigned row)
{
	damage_remove_tile(&view->stale, column, row);
	damage_remove_tile(&view->echo, column, row);
	damage_remove_tile(&view->lossy, column, row);
}

/* Rows of a tile that have to be sent. */
static unsigned rows_due(const struct view *view, unsigned column, unsigned row)
{
	if (damage_has_tile(&view->lossy, column, row))
		return ALL_ROWS;
	return damage_has_tile(&view->stale, column, row)
		   ? *rows_of(view, column, row)
		   : 0;
}

/* Leaves out rows at the top and bottom that the viewer has. */
static void trim(const struct view *view, struct rect *rect)
{
	unsigned columns = (rect->w + DAMAGE_TILE - 1) / DAMAGE_TILE;
	unsigned column = rect->x / DAMAGE_TILE;
	unsigned first = rect->y / DAMAGE_TILE;
	unsigned last = (rect->y + rect->h - 1) / DAMAGE_TILE;
	unsigned upper = 0, lower = 0;
	for (unsigned i = 0; i < columns; i++) {
		upper |= rows_due(view, column + i, first);
		lower |= rows_due(view, column + i, last);
	}
	unsigned above = upper ? (unsigned)__builtin_ctz(upper) : 0;
	unsigned below =
	    lower ? DAMAGE_TILE - 1 - (31 - (unsigned)__builtin_clz(lower)) : 0;
	unsigned end = MIN((last + 1) * DAMAGE_TILE - below, rect->y + rect->h);
	if (rect->y + above >= end)
		return;
	rect->h = end - rect->y - above;
	rect->y += above;
}

static bool take_part(const struct choice *choice, struct view_part *out)
{
	struct view *view = choice->view;
	unsigned column, row, high = 1;
	if (!find_first(choice, &column, &row))
		return false;
	unsigned side = MAX(choice->wish->side / DAMAGE_TILE, 1u);
	unsigned most = MAX(choice->wish->pixels[choice->what] /
				(DAMAGE_TILE * DAMAGE_TILE),
			    1u);
	enum tile_kind kind = kind_of(choice, column, row);
	unsigned wide =
	    first_row(choice, column, row,
		      MIN(MIN(side, most), choice->right - column), &kind);
	while (high < side && (high + 1) * wide <= most &&
	       row + high < choice->bottom &&
	       next_row(choice, column, row + high, wide, &kind))
		high++;
	struct rect rect = {column * DAMAGE_TILE, row * DAMAGE_TILE,
			    wide * DAMAGE_TILE, high * DAMAGE_TILE};
	rect_clip(&rect, view->stale.width, view->stale.height);
	if (choice->what != VIEW_EXACT)
		trim(view, &rect);
	for (unsigned y = row; y < row + high; y++)
		for (unsigned x = column; x < column + wide; x++)
			take_tile(view, x, y);
	bool exact = kind != TILE_PICTURE || rect.w * rect.h < LOSSY_MIN_PIXELS;
	bool rough = exact && choice->wish->rough && choice->what == VIEW_FRESH;
	if (!exact || rough)
		damage_add(&view->lossy, &rect);
	*out = (struct view_part){choice->what, rect, exact && !rough, rough};
	return true;
}

/* The film's next frame, if anything of it is stale and all of it wanted. */
static bool take_film(const struct choice *choice, struct view_part *out)
{
	struct view *view = choice->view;
	const struct rect *film = &view->film;
	unsigned left = film->x / DAMAGE_TILE, top = film->y / DAMAGE_TILE;
	bool stale = false;
	if (!film->w)
		return false;
	unsigned right = (film->x + film->w - 1) / DAMAGE_TILE + 1;
	unsigned bottom = (film->y + film->h - 1) / DAMAGE_TILE + 1;
	if (left < choice->left || top < choice->top || right > choice->right ||
	    bottom > choice->bottom || film->x + film->w > view->stale.width ||
	    film->y + film->h > view->stale.height)
		return false;
	for (unsigned row = top; row < bottom && !stale; row++)
		for (unsigned column = left; column < right && !stale; column++)
			stale = damage_has_tile(&view->stale, column, row);
	if (!stale)
		return false;
	for (unsigned row = top; row < bottom; row++)
		for (unsigned column = left; column < right; column++) {
			take_tile(view, column, row);
			damage_add_tile(&view->lossy, column, row);
		}
	view->film_us = choice->now_us;
	*out = (struct view_part){VIEW_FILM, *film, false, false};
	return true;
}

enum view_what view_next(struct view *self, const struct desktop *desktop,
			 struct activity *activity,
			 const struct view_wish *wish, int64_t now_us,
			 struct view_part *out)
{
	struct rect area = {0, 0, self->stale.width, self->stale.height};
	if (wish->within)
		area = *wish->within;
	if (!rect_clip(&area, self->stale.width, self->stale.height))
		return VIEW_NOTHING;
	struct choice choice = {
	    .view = self,
	    .desktop = desktop,
	    .activity = activity,
	    .wish = wish,
	    .now_us = now_us,
	    .left = area.x / DAMAGE_TILE,
	    .top = area.y / DAMAGE_TILE,
	    .right = (area.x + area.w - 1) / DAMAGE_TILE + 1,
	    .bottom = (area.y + area.h - 1) / DAMAGE_TILE + 1,
	};
	/* What moves without end must not keep the rest from becoming exact:
	 * they take turns. */
	enum view_what order[] = {VIEW_ECHO, VIEW_FRESH, VIEW_FILM, VIEW_HOT,
				  VIEW_EXACT};
	if (self->exact_turn) {
		order[2] = VIEW_EXACT;
		order[3] = VIEW_FILM;
		order[4] = VIEW_HOT;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(order); i++) {
		choice.what = order[i];
		if (wish->only_echo && order[i] != VIEW_ECHO)
			continue;
		if (wish->rough && order[i] == VIEW_EXACT)
			continue;
		if (wish->film_waits && order[i] == VIEW_FILM)
			continue;
		if (wish->calm &&
		    (order[i] == VIEW_FILM || order[i] == VIEW_HOT))
			continue;
		if (!(order[i] == VIEW_FILM ? take_film(&choice, out)
					    : take_part(&choice, out)))
			continue;
		if (order[i] >= VIEW_FILM)
			self->exact_turn = order[i] != VIEW_EXACT;
		return order[i];
	}
	return VIEW_NOTHING;
}

void view_was_exact(struct view *self, const struct rect *rect)
{
	for (unsigned row = rect->y / DAMAGE_TILE;
	     row <= (rect->y + rect->h - 1) / DAMAGE_TILE; row++)
		for (unsigned column = rect->x / DAMAGE_TILE;
		     column <= (rect->x + rect->w - 1) / DAMAGE_TILE; column++)
			damage_remove_tile(&self->lossy, column, row);
}

bool view_waits(const struct view *self)
{
	return damage_any(&self->lossy);
}
