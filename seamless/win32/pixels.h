/* pixels.h - the pictures of windows, by whatever means this Windows has.
 *
 * A source reads one window's contents into a canvas of exactly their size.
 * Which one serves a window is found by trying them in order: one that fails,
 * or shows a single colour where another shows more, gives way to the next.
 * The log says which sources this Windows has, and for each program which one
 * serves it and why none before it does.
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
	PIXELS_LATER, /* not yet, and nothing is wrong */
	PIXELS_FAILED,
};

/* Posted to the atlas's window: there is a new picture of the window wparam. */
#define PIXELS_ARRIVED (WM_APP + 1)

struct pixel_source {
	const char *name;
	/* It draws in the atlas itself: the window has its place there before
	 * there is a picture. */
	bool in_place;
	/* NULL: this Windows has it, else why not. Asked once; optional. */
	const char *(*open)(void);
	/* NULL: it serves this window, else why not. *state is the source's
	 * own. Optional: nothing to prepare. */
	const char *(*begin)(struct window *window, void **state);
	enum pixels_got (*read)(struct window *window, void *state,
				struct canvas *into);
	void (*end)(struct window *window, void *state);
};

extern const struct pixel_source pixels_capture;
extern const struct pixel_source pixels_window_dc;
extern const struct pixel_source pixels_print;
extern const struct pixel_source pixels_thumbnail;
/* All of them, in the order they are tried; NULL behind the last one. */
const struct pixel_source *pixels_source(unsigned index);

struct pixels {     /* of one window */
	int source; /* index; -1 none yet */
	bool begun;
	void *state;
	unsigned failures;
	bool doubted;    /* the one in use has shown a single colour */
	const char *why; /* those before it do not serve; NULL: they do */
};

/* `wanted` names the only source to be used; NULL: all. */
bool pixels_open(const char *wanted);
void pixels_init(struct pixels *self);
void pixels_finish(struct window *window);
enum pixels_got pixels_read(struct window *window, struct canvas *into);
const char *pixels_name(const struct pixels *self);
/* The source that serves it draws in its place in the atlas. */
bool pixels_in_place(const struct pixels *self);
