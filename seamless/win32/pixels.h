/* pixels.h - the pictures of windows, by whatever means this Windows has.
 *
 * A source reads one window's contents into a canvas of exactly their size.
 * Which one serves a window is found by trying them in order: one that fails,
 * or shows a single colour where another shows more, gives way to the next.
 * Nothing is announced by guesswork: pixels_report() tells what was tried and
 * what came of it.
 * Threads: the agent's. Memory: begin and end come in pairs per window. */
#pragma once

#include "seamless/win32/win.h"

struct window;

struct canvas { /* a picture in memory that GDI draws on; rows from the top */
	HDC dc;
	HBITMAP bitmap, before;
	uint32_t *pixels; /* 0x00rrggbb, `stride` to a row */
	int width, height, stride;
};

bool canvas_create(struct canvas *self, int width, int height);
void canvas_destroy(struct canvas *self);

enum pixels_got {
	PIXELS_TAKEN,
	PIXELS_FAILED,
};

struct pixel_source {
	const char *name;
	/* Whether this Windows has it at all; asked once. */
	bool (*open)(void);
	/* NULL: nothing to prepare. *state is the source's own. */
	bool (*begin)(struct window *window, void **state);
	enum pixels_got (*read)(struct window *window, void *state,
				struct canvas *into);
	void (*end)(struct window *window, void *state);
};

extern const struct pixel_source pixels_window_dc;
extern const struct pixel_source pixels_print;

struct pixels {     /* of one window */
	int source; /* index; -1 none yet */
	bool begun;
	void *state;
	unsigned failures;
	bool doubted; /* the one in use has shown a single colour */
};

/* `wanted` names the only source to be used; NULL: all. */
bool pixels_open(const char *wanted);
void pixels_init(struct pixels *self);
void pixels_finish(struct window *window);
enum pixels_got pixels_read(struct window *window, struct canvas *into);
const char *pixels_name(const struct pixels *self);
