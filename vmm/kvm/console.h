/* console.h - the machine's screens, between the GPU and Display1.
 *
 * A console has at most one scanout: a rectangle of pixels in a memfd of its
 * own, which listeners may map. The GPU's thread announces a new scanout,
 * damage and the cursor; the main loop takes what has gathered and passes it
 * on. Gathering is bounded: damage beyond CONSOLE_RECTS rectangles becomes
 * their bounding box.
 *
 * Threads: console_* of the producer on the GPU's loop; the rest on the main
 * loop. Ownership: a scanout is ref-counted; its memory lives as long as
 * anybody shows it. Units: pixels, strides in bytes. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct vm;
struct console_set;

#define CONSOLE_RECTS  64u
#define CONSOLE_CURSOR 64u /* side of the largest cursor */

struct rect {
	int x, y, width, height;
};

/* Adds to a list of at most CONSOLE_RECTS: what another holds is dropped, and
 * a full list becomes its bounding box. */
void rect_add(struct rect *list, unsigned *count, const struct rect *rect);

/* Memory of an image of the GPU's; what a scanout shows lies in one. */
struct pixels {
	gint refs;
	int fd; /* memfd */
	uint8_t *map;
	uint64_t bytes;
};
/* Zeroed; NULL with errno when there is no memory or descriptor. */
struct pixels *pixels_new(uint64_t bytes);
struct pixels *pixels_ref(struct pixels *pixels);
void pixels_unref(struct pixels *pixels);

struct scanout {
	gint refs;
	struct pixels *pixels;
	uint64_t offset; /* of the first pixel */
	unsigned width, height, stride;
	uint32_t format; /* pixman code */
};
#define PIXMAN_X8R8G8B8 0x20020888u
#define PIXMAN_A8R8G8B8 0x20028888u
/* Takes a reference to pixels. */
struct scanout *scanout_new(struct pixels *pixels, uint64_t offset,
			    unsigned width, unsigned height, unsigned stride,
			    uint32_t format);
struct scanout *scanout_ref(struct scanout *scanout);
void scanout_unref(struct scanout *scanout);

struct console_cursor {
	bool visible;
	int x, y;
	unsigned width, height, hot_x, hot_y;
	uint32_t serial; /* of the shape; 0 = none yet */
	uint32_t pixels[CONSOLE_CURSOR * CONSOLE_CURSOR]; /* ARGB */
};

struct console {
	struct console_set *set;
	unsigned head;
	struct scanout *scanout; /* NULL: off */
	uint32_t scanout_serial;
	struct console_cursor cursor;
	uint32_t cursor_serial; /* any change of the cursor */
	/* gathered since the main loop last took it */
	struct rect damage[CONSOLE_RECTS];
	unsigned damage_count;
	uint64_t damage_pixels; /* announced in all, for statistics */
};

struct console_set *console_set_new(struct vm *vm);
void console_set_free(struct console_set *set);
unsigned console_count(const struct console_set *set);
struct console *console_get(struct console_set *set, unsigned head);

/* ---- the GPU's side ---- */
/* Takes a reference; NULL switches the head off. */
void console_show(struct console *console, struct scanout *scanout);
void console_damage(struct console *console, const struct rect *rect);
void console_cursor_shape(struct console *console, unsigned width,
			  unsigned height, unsigned hot_x, unsigned hot_y,
			  const uint32_t *argb);
void console_cursor_move(struct console *console, int x, int y, bool visible);
/* What the viewer wants; called on the main loop. */
struct console_sink {
	void (*resize)(void *data, unsigned head, unsigned width,
		       unsigned height, unsigned width_mm, unsigned height_mm);
	void *data;
};
void console_set_sink(struct console_set *set, const struct console_sink *sink);

/* ---- Display1's side ---- */
struct console_watch {
	/* Something may have changed; these rectangles did. */
	void (*changed)(void *data, struct console *console,
			const struct rect *rects, unsigned count);
	void *data;
	struct console_watch *next;
};
void console_add_watch(struct console_set *set, struct console_watch *watch);
void console_remove_watch(struct console_set *set, struct console_watch *watch);
void console_set_serve(struct console_set *set); /* from the main loop */
void console_resize(struct console *console, unsigned width, unsigned height,
		    unsigned width_mm, unsigned height_mm);
/* Locked view for a moment: what is shown now. */
struct console_view {
	struct scanout *scanout; /* a reference, or NULL */
	uint32_t scanout_serial, cursor_serial;
};
void console_look(struct console *console, struct console_view *view,
		  struct console_cursor *cursor);
