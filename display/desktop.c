#include "display/desktop.h"

#include <string.h>

#include "common/fault.h"
#include "display/mark.h"
#include "display/pixels.h"
#include "display/waiting.h"

struct desktop {
	unsigned width, height;
	uint32_t *pixels;                     /* the frame that is read */
	uint32_t *painted;                    /* the one that is written */
	struct rect heads[DESKTOP_HEADS_MAX]; /* w = 0: off */
	struct desktop_head wanted[DESKTOP_HEADS_MAX];
	unsigned wanted_count;
	unsigned serial;
	bool laid_out;             /* since the last commit */
	struct damage changed;     /* tiles in which the two may differ */
	struct damage prompt;      /* those that need not wait */
	struct damage damage, all; /* of the last commit */
	struct moves *moves;
	struct move moved[MOVES_MAX];
	uint32_t frame;    /* counts commits */
	uint32_t *frames;  /* per tile: the last one that changed it */
	uint16_t *rows;    /* per tile of `damage`: rows that differ */
	uint32_t *row;     /* one converted row of a head */
	struct mark *mark; /* over `painted`; NULL: none */
};

/* After a new layout every tile counts as changed. */
static void forget_frames(struct desktop *self)
{
	size_t tiles = (size_t)self->changed.columns * self->changed.rows;
	g_free(self->frames);
	g_free(self->rows);
	self->rows = g_new0(uint16_t, tiles + 1);
	self->frames = g_new(uint32_t, tiles + 1);
	self->frame++;
	for (size_t i = 0; i < tiles; i++)
		self->frames[i] = self->frame;
}

struct desktop *desktop_new(void)
{
	struct desktop *self = g_new0(struct desktop, 1);
	self->width = DESKTOP_EMPTY_WIDTH;
	self->height = DESKTOP_EMPTY_HEIGHT;
	self->pixels = g_new0(uint32_t, self->width * self->height);
	waiting_paint(self->pixels, self->width, self->height);
	self->painted =
	    g_memdup2(self->pixels, (size_t)self->width * self->height * 4);
	self->moves = moves_new();
	self->row = g_new0(uint32_t, DESKTOP_SIDE_MAX);
	damage_init(&self->changed, self->width, self->height);
	damage_init(&self->prompt, self->width, self->height);
	damage_init(&self->damage, self->width, self->height);
	damage_init(&self->all, self->width, self->height);
	forget_frames(self);
	return self;
}

void desktop_free(struct desktop *self)
{
	if (!self)
		return;
	damage_finish(&self->changed);
	damage_finish(&self->prompt);
	damage_finish(&self->damage);
	damage_finish(&self->all);
	moves_free(self->moves);
	mark_free(self->mark);
	g_free(self->frames);
	g_free(self->rows);
	g_free(self->painted);
	g_free(self->pixels);
	g_free(self->row);
	g_free(self);
}

unsigned desktop_width(const struct desktop *self)
{
	return self->width;
}

unsigned desktop_height(const struct desktop *self)
{
	return self->height;
}

const uint32_t *desktop_pixels(const struct desktop *self)
{
	return self->pixels;
}

unsigned desktop_heads(const struct desktop *self,
		       struct desktop_head out[DESKTOP_HEADS_MAX])
{
	unsigned count = 0;
	for (unsigned i = 0; i < DESKTOP_HEADS_MAX; i++)
		if (self->heads[i].w)
			out[count++] = (struct desktop_head){i, self->heads[i]};
	return count;
}

bool desktop_head(const struct desktop *self, unsigned number, struct rect *at)
{
	if (number >= DESKTOP_HEADS_MAX || !self->heads[number].w)
		return false;
	*at = self->heads[number];
	return true;
}

unsigned desktop_layout_serial(const struct desktop *self)
{
	return self->serial;
}

void desktop_read(const struct desktop *self, const struct rect *rect,
		  uint32_t *out)
{
	struct rect in = *rect;
	if (!rect_clip(&in, self->width, self->height)) {
		memset(out, 0, (size_t)rect->w * rect->h * 4);
		return;
	}
	if (in.w < rect->w || in.h < rect->h)
		memset(out, 0, (size_t)rect->w * rect->h * 4);
	for (unsigned y = 0; y < in.h; y++)
		memcpy(out + (size_t)y * rect->w,
		       self->pixels + (size_t)(in.y + y) * self->width + in.x,
		       (size_t)in.w * 4);
}

/* Puts the words there, or takes them away: it is the same. */
static void turn_painted(struct desktop *self)
{
	for (unsigned y = 0; self->mark && y < self->height; y++)
		mark_row(self->mark, 0, y, self->width,
			 self->painted + (size_t)y * self->width);
}

void desktop_set_mark(struct desktop *self, struct mark *mark)
{
	turn_painted(self);
	mark_free(self->mark);
	self->mark = mark;
	turn_painted(self);
	damage_all(&self->changed);
}

/* The wanted places, if they fit the sizes that the heads have. */
static bool place_as_wanted(const struct desktop *self, struct rect *heads)
{
	for (unsigned i = 0; i < DESKTOP_HEADS_MAX; i++) {
		if (!heads[i].w)
			continue;
		const struct rect *place = NULL;
		for (unsigned k = 0; k < self->wanted_count; k++)
			if (self->wanted[k].number == i)
				place = &self->wanted[k].at;
		if (!place || place->w != heads[i].w || place->h != heads[i].h)
			return false;
	}
	for (unsigned k = 0; k < self->wanted_count; k++) {
		struct rect *head = &heads[self->wanted[k].number];
		if (head->w)
			*head = self->wanted[k].at;
	}
	return true;
}

/* Places heads of given sizes and moves the picture over. */
static bool lay_out(struct desktop *self,
		    const struct rect sizes[DESKTOP_HEADS_MAX], GError **error)
{
	struct rect heads[DESKTOP_HEADS_MAX];
	memcpy(heads, sizes, sizeof heads);
	if (!place_as_wanted(self, heads)) {
		unsigned x = 0;
		for (unsigned i = 0; i < DESKTOP_HEADS_MAX; i++) {
			heads[i].x = x;
			heads[i].y = 0;
			x += heads[i].w;
		}
	}
	uint64_t width = 0, height = 0;
	for (unsigned i = 0; i < DESKTOP_HEADS_MAX; i++) {
		if (!heads[i].w)
			continue;
		width = MAX(width, (uint64_t)heads[i].x + heads[i].w);
		height = MAX(height, (uint64_t)heads[i].y + heads[i].h);
	}
	if (!width) {
		width = DESKTOP_EMPTY_WIDTH;
		height = DESKTOP_EMPTY_HEIGHT;
	}
	if (memcmp(heads, self->heads, sizeof heads) == 0 &&
	    width == self->width && height == self->height)
		return true;
	uint32_t *pixels = NULL, *painted = NULL;
	/* 65535: coordinates of RFB */
	if (width <= 65535 && height <= 65535 &&
	    width * height <= DESKTOP_PIXELS_MAX) {
		pixels = g_try_malloc_n(width * height, 4);
		painted = g_try_malloc0_n(width * height, 4);
	}
	if (!pixels || !painted) {
		g_free(pixels);
		g_free(painted);
		fault_set(error, FAULT_INVALID, "Choose smaller screens.",
			  "Screens of %" G_GUINT64_FORMAT
			  " x %" G_GUINT64_FORMAT
			  " pixels together are too large.",
			  width, height);
		return false;
	}
	turn_painted(self);
	for (unsigned i = 0; i < DESKTOP_HEADS_MAX; i++) {
		unsigned w = MIN(heads[i].w, self->heads[i].w);
		unsigned h = MIN(heads[i].h, self->heads[i].h);
		for (unsigned y = 0; y < h && w; y++)
			memcpy(painted + (heads[i].y + y) * width + heads[i].x,
			       self->painted +
				   (size_t)(self->heads[i].y + y) *
				       self->width +
				   self->heads[i].x,
			       (size_t)w * 4);
	}
	g_free(self->pixels);
	g_free(self->painted);
	self->pixels = pixels;
	self->painted = painted;
	self->width = width;
	self->height = height;
	turn_painted(self);
	memcpy(pixels, painted, width * height * 4);
	memcpy(self->heads, heads, sizeof heads);
	self->serial++;
	self->laid_out = true;
	damage_init(&self->changed, width, height);
	damage_init(&self->prompt, width, height);
	damage_init(&self->damage, width, height);
	damage_init(&self->all, width, height);
	forget_frames(self);
	return true;
}

bool desktop_set_head(struct desktop *self, unsigned number, unsigned width,
		      unsigned height, GError **error)
{
	if (number >= DESKTOP_HEADS_MAX || width > DESKTOP_SIDE_MAX ||
	    height > DESKTOP_SIDE_MAX || !width != !height ||
	    (uint64_t)width * height > DESKTOP_HEAD_PIXELS_MAX) {
		fault_set(error, FAULT_INVALID,
			  "Choose a smaller mode in the guest.",
			  "Screen %u of %u x %u pixels cannot be shown.",
			  number, width, height);
		return false;
	}
	if (self->heads[number].w == width && self->heads[number].h == height)
		return true;
	struct rect sizes[DESKTOP_HEADS_MAX];
	memcpy(sizes, self->heads, sizeof sizes);
	sizes[number].w = width;
	sizes[number].h = height;
	return lay_out(self, sizes, error);
}

void desktop_arrange(struct desktop *self, const struct desktop_head *wanted,
		     unsigned count)
{
	self->wanted_count = 0;
	for (unsigned i = 0; i < count && i < DESKTOP_HEADS_MAX; i++)
		if (wanted[i].number < DESKTOP_HEADS_MAX)
			self->wanted[self->wanted_count++] = wanted[i];
	struct rect sizes[DESKTOP_HEADS_MAX];
	memcpy(sizes, self->heads, sizeof sizes);
	lay_out(self, sizes, NULL); /* too large: stays as it is */
}

/* Pixels of the source as they lie in a message. */
typedef uint32_t foreign_pixel __attribute__((aligned(1), may_alias));

/* Copies n pixels, at most a tile's; whether any of them differed. They are
 * read once: the machine may change them meanwhile, and what is compared has
 * to be what is kept. The fixed inner count lets the compiler use vectors. */
static bool renew(uint32_t *restrict to, const foreign_pixel *restrict from,
		  unsigned n)
{
	uint32_t row[DAMAGE_TILE], differ = 0;
	if (n == DAMAGE_TILE) {
		memcpy(row, from, sizeof row);
		__asm__("" : "+m"(row));
		for (unsigned i = 0; i < DAMAGE_TILE; i++) {
			uint32_t pixel = row[i] & 0xffffff;
			differ |= to[i] ^ pixel;
			to[i] = pixel;
		}
		return differ;
	}
	for (unsigned i = 0; i < n; i++) {
		uint32_t pixel = *(const volatile foreign_pixel *)&from[i];
		pixel &= 0xffffff;
		differ |= to[i] ^ pixel;
		to[i] = pixel;
	}
	return differ;
}

/* One row of pixels, 0x??RRGGBB, of the desktop from (left, line) on. */
static void renew_row(struct desktop *self, unsigned left, unsigned line,
		      unsigned width, const uint8_t *data)
{
	const foreign_pixel *from = (const foreign_pixel *)data;
	uint32_t *to = self->painted + (size_t)line * self->width + left;
	/* most of a whole frame is as it was; this is the fastest way to see
	 * it, and fails at once where the unused byte is not zero */
	if (memcmp(to, data, (size_t)width * 4) == 0)
		return;
	for (unsigned x = 0; x < width;) {
		unsigned column = (left + x) / DAMAGE_TILE;
		unsigned n = MIN((column + 1) * DAMAGE_TILE - left, width) - x;
		if (renew(to + x, from + x, n))
			damage_add_tile(&self->changed, column,
					line / DAMAGE_TILE);
		x += n;
	}
}

bool desktop_write(struct desktop *self, unsigned number,
		   const struct rect *part, uint32_t stride_bytes,
		   uint32_t format, const uint8_t *data, size_t length,
		   GError **error)
{
	unsigned bytes = pixels_bytes(format);
	if (!bytes) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Pixel format 0x%08x is not known.", format);
		return false;
	}
	if (number >= DESKTOP_HEADS_MAX || !self->heads[number].w) {
		fault_set(error, FAULT_INVALID, NULL,
			  "An update for screen %u, which is off.", number);
		return false;
	}
	const struct rect *head = &self->heads[number];
	if (!part->w || !part->h)
		return true;
	if (part->w > head->w || part->x > head->w - part->w ||
	    part->h > head->h || part->y > head->h - part->h) {
		fault_set(error, FAULT_INVALID, NULL,
			  "An update of %u x %u at %u, %u lies outside screen "
			  "%u of %u x %u.",
			  part->w, part->h, part->x, part->y, number, head->w,
			  head->h);
		return false;
	}
	uint64_t row_bytes = (uint64_t)part->w * bytes;
	if (stride_bytes < row_bytes ||
	    (uint64_t)stride_bytes * (part->h - 1) + row_bytes > length) {
		fault_set(error, FAULT_INVALID, NULL,
			  "An update of %u x %u came with %" G_GSIZE_FORMAT
			  " bytes in rows of %u.",
			  part->w, part->h, length, stride_bytes);
		return false;
	}
	unsigned left = head->x + part->x;
	bool plain = format == PIXELS_X8R8G8B8 || format == PIXELS_A8R8G8B8;
	for (unsigned y = 0; y < part->h; y++) {
		unsigned line = head->y + part->y + y;
		const uint8_t *row = data + (size_t)y * stride_bytes;
		bool marked = self->mark && mark_on_row(self->mark, line);
		if (!plain)
			pixels_convert(format, row, self->row, part->w);
		else if (marked)
			memcpy(self->row, row, (size_t)part->w * 4);
		if (marked)
			mark_row(self->mark, left, line, part->w, self->row);
		if (!plain || marked)
			row = (const uint8_t *)self->row;
		renew_row(self, left, line, part->w, row);
	}
	return true;
}

void desktop_prompt(struct desktop *self, unsigned number,
		    const struct rect *part)
{
	struct rect at;
	if (!desktop_head(self, number, &at))
		return;
	at = (struct rect){at.x + part->x, at.y + part->y, part->w, part->h};
	damage_add(&self->prompt, &at);
}

/* ---- frames ---- */

/* Brings a tile up to date; which of its rows differed. */
static uint16_t commit_tile(struct desktop *self, unsigned column, unsigned row)
{
	struct rect tile = damage_tile(&self->changed, column, row);
	size_t at = (size_t)tile.y * self->width + tile.x;
	uint16_t differs = 0;
	for (unsigned y = 0; y < tile.h; y++, at += self->width) {
		if (memcmp(self->pixels + at, self->painted + at, tile.w * 4) ==
		    0)
			continue;
		differs |= 1u << y;
		memcpy(self->pixels + at, self->painted + at, tile.w * 4);
	}
	return differs;
}

static void note_frame(struct desktop *self, const struct rect *rect)
{
	unsigned columns = self->changed.columns;
	for (unsigned row = rect->y / DAMAGE_TILE;
	     row <= (rect->y + rect->h - 1) / DAMAGE_TILE; row++)
		for (unsigned column = rect->x / DAMAGE_TILE;
		     column <= (rect->x + rect->w - 1) / DAMAGE_TILE; column++)
			self->frames[(size_t)row * columns + column] =
			    self->frame;
}

/* Brings tiles up to date and lists those that differed in `damage`. */
static void commit_tiles(struct desktop *self, const struct damage *tiles)
{
	for (unsigned row = 0; row < tiles->rows; row++)
		for (unsigned i = 0; i < tiles->words; i++) {
			uint64_t rest =
			    tiles->bits[(size_t)row * tiles->words + i];
			for (; rest; rest &= rest - 1) {
				unsigned column =
				    i * 64 + __builtin_ctzll(rest);
				uint16_t rows = commit_tile(self, column, row);
				size_t tile =
				    (size_t)row * tiles->columns + column;
				self->rows[tile] = rows;
				if (!rows)
					continue;
				damage_add_tile(&self->damage, column, row);
				self->frames[tile] = self->frame;
			}
		}
}

static void begin_change(struct desktop *self, struct desktop_change *change)
{
	damage_clear(&self->damage);
	damage_clear(&self->all);
	*change = (struct desktop_change){.moves = self->moved,
					  .damage = &self->damage,
					  .rows = self->rows,
					  .all = &self->all};
}

bool desktop_commit(struct desktop *self, const struct rect *still,
		    struct desktop_change *change)
{
	struct damage *changed = &self->changed;
	bool laid_out = self->laid_out;
	begin_change(self, change);
	change->laid_out = laid_out;
	self->laid_out = false;
	damage_clear(&self->prompt);
	if (!laid_out && !damage_any(changed))
		return false;
	self->frame++;
	if (!laid_out)
		change->moves_count =
		    moves_find(self->moves, self->pixels, self->painted,
			       changed, still, self->moved);
	for (unsigned i = 0; i < change->moves_count; i++) {
		damage_add(&self->all, &self->moved[i].to);
		note_frame(self, &self->moved[i].to);
	}
	commit_tiles(self, laid_out ? changed : moves_rest(self->moves));
	damage_clear(changed);
	if (laid_out)
		damage_all(&self->damage);
	damage_join(&self->all, &self->damage);
	return change->moves_count || damage_any(&self->damage) || laid_out;
}

bool desktop_commit_prompt(struct desktop *self, struct desktop_change *change)
{
	struct damage *prompt = &self->prompt, *changed = &self->changed;
	size_t words = (size_t)prompt->words * prompt->rows;
	begin_change(self, change);
	for (size_t i = 0; i < words; i++)
		prompt->bits[i] &= changed->bits[i];
	if (self->laid_out || !damage_any(prompt))
		return false;
	self->frame++;
	commit_tiles(self, prompt);
	for (size_t i = 0; i < words; i++)
		changed->bits[i] &= ~prompt->bits[i];
	damage_clear(prompt);
	damage_join(&self->all, &self->damage);
	return damage_any(&self->damage);
}

uint32_t desktop_serial(const struct desktop *self, const struct rect *rect)
{
	uint32_t newest = 0;
	struct rect in = *rect;
	if (!rect_clip(&in, self->width, self->height))
		return 0;
	for (unsigned row = in.y / DAMAGE_TILE;
	     row <= (in.y + in.h - 1) / DAMAGE_TILE; row++)
		for (unsigned column = in.x / DAMAGE_TILE;
		     column <= (in.x + in.w - 1) / DAMAGE_TILE; column++) {
			uint32_t frame =
			    self->frames[(size_t)row * self->changed.columns +
					 column];
			newest = MAX(newest, frame);
		}
	return newest;
}
