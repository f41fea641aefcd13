/* desktop.h - the shadow framebuffer: all heads of a machine in one picture.
 *
 * The source writes heads, viewers read the desktop. Guests often flush whole
 * frames: every write is compared with what is here, and only tiles that
 * truly differ count as changed. Heads stand side by side in their order,
 * unless arranged otherwise by desktop_arrange().
 *
 * There are two pictures: what the source has painted so far, and the frame
 * that viewers read, which desktop_commit() brings up to date at the end of a
 * round. So a change is known as a whole, old frame and new one, however many
 * writes it came in: what moved becomes a copy (moves.h), what is then still
 * different is damage, and nobody reads half a frame in between.
 *
 * A large write may come in pieces, with small ones in between. Until it is
 * whole, desktop_commit_prompt() brings only the tiles of small ones up to date
 * that desktop_prompt() named: the echo of a key does not wait for a scrolling
 * window.
 *
 * Every tile carries the number of the frame that changed it last: while the
 * greatest number in a rectangle is the same, so are its pixels.
 *
 * Threads: the main loop's. Ownership: the desktop owns its pixels; a pointer
 * from desktop_pixels() is valid until the next call that writes.
 * Fails: with a fault where the source's numbers make no sense; the picture
 * is then as before. Units: pixels; strides of foreign data in bytes. */
#pragma once

#include <glib.h>

#include "display/moves.h"

#define DESKTOP_HEADS_MAX 16u
#define DESKTOP_SIDE_MAX  16384u
/* GLib refuses arrays over 128 MiB in a message: 32 Mi pixels a head. */
#define DESKTOP_HEAD_PIXELS_MAX (32u << 20)
#define DESKTOP_PIXELS_MAX      (64u << 20)

struct desktop;

struct desktop_head {
	unsigned number;
	struct rect at; /* w = 0: off */
};

/* Size before any head has a picture; what is shown then is waiting.h's. */
#define DESKTOP_EMPTY_WIDTH  640u
#define DESKTOP_EMPTY_HEIGHT 480u

struct desktop *desktop_new(void);
void desktop_free(struct desktop *self);

unsigned desktop_width(const struct desktop *self);
unsigned desktop_height(const struct desktop *self);
/* The last committed frame; rows are desktop_width() pixels apart. */
const uint32_t *desktop_pixels(const struct desktop *self);
/* Heads that are on, in order of number; returns how many. */
unsigned desktop_heads(const struct desktop *self,
		       struct desktop_head out[DESKTOP_HEADS_MAX]);
bool desktop_head(const struct desktop *self, unsigned number, struct rect *at);
/* Counts changes of size or arrangement. */
unsigned desktop_layout_serial(const struct desktop *self);

/* Copies a rectangle, which may lie outside (black there): w x h pixels. */
void desktop_read(const struct desktop *self, const struct rect *rect,
		  uint32_t *out);

/* Gives a head its size; 0 x 0 turns it off. New area is black. */
bool desktop_set_head(struct desktop *self, unsigned number, unsigned width,
		      unsigned height, GError **error);
/* Pixels of a part of a head; `length` bytes are at `data`. */
bool desktop_write(struct desktop *self, unsigned number,
		   const struct rect *part, uint32_t stride_bytes,
		   uint32_t format, const uint8_t *data, size_t length,
		   GError **error);

/* Words over all that is written from now on and all that is there (mark.h);
 * taken, NULL takes them away. */
struct mark;
void desktop_set_mark(struct desktop *self, struct mark *mark);

/* Wanted places of heads; they take effect while every head that is on has
 * the wanted size and is among them. */
void desktop_arrange(struct desktop *self, const struct desktop_head *wanted,
		     unsigned count);

/* A frame's change: carry out the moves in order, then show the damage. */
struct desktop_change {
	const struct move *moves;
	unsigned moves_count;
	const struct damage *damage; /* what the moves leave */
	/* Per tile of `damage`, in reading order: which of its rows differ,
	 * the first one in the lowest bit. */
	const uint16_t *rows;
	const struct damage *all; /* for who carries no moves out */
	bool laid_out; /* size or heads changed: all is new, without moves */
	bool awaited;  /* by someone who pressed something a moment ago */
};

/* Makes what was written so far the frame that is read. Returns whether it
 * differs from the one before; *change is valid until the next call. still:
 * where no movement is looked for, or NULL. */
bool desktop_commit(struct desktop *self, const struct rect *still,
		    struct desktop_change *change);
/* The same for tiles of named parts alone; moves are not looked for. A new
 * layout waits. */
void desktop_prompt(struct desktop *self, unsigned number,
		    const struct rect *part);
bool desktop_commit_prompt(struct desktop *self, struct desktop_change *change);
/* Greatest number of a frame that changed something in these tiles. */
uint32_t desktop_serial(const struct desktop *self, const struct rect *rect);
