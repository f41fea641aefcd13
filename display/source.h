/* source.h - a machine's screens, input and ports: contract B (Display1).
 *
 * One source lives as long as the process; the connection behind it comes and
 * goes. Nothing here waits: authentication, discovery and every call are
 * asynchronous, and a machine that hangs is noticed only by what does not
 * come back.
 *
 * Threads: the main loop's (GDBus parses on a thread of its own).
 * Ownership: the sink must outlive the source.
 * Fails: what the machine says wrongly is refused with a D-Bus error and told
 * to the sink's `trouble`; a connection that breaks is told to `lost`.
 * Units: pixels, strides in bytes. */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

#include "display/damage.h"

/* A pointer's picture: premultiplied 0xAARRGGBB. */
struct cursor {
	unsigned width, height, hot_x, hot_y;
	uint32_t *pixels;
};
#define CURSOR_SIDE_MAX 512u
struct cursor *cursor_new(unsigned width, unsigned height);
void cursor_free(struct cursor *cursor);

#define SOURCE_LED_SCROLL 1u
#define SOURCE_LED_NUM    2u
#define SOURCE_LED_CAPS   4u

struct source_sink {
	/* Screens, ports and input are known; heads counts graphic consoles */
	void (*connected)(void *data, const char *name, unsigned heads);
	/* The connection is gone (why may be NULL). Heads keep their picture.
	 */
	void (*lost)(void *data, const GError *why);
	/* Something the machine sent was refused. Rate-limit it. */
	void (*trouble)(void *data, const GError *why);
	/* 0 x 0: the head is off. */
	bool (*resize)(void *data, unsigned head, unsigned width,
		       unsigned height, GError **error);
	bool (*write)(void *data, unsigned head, const struct rect *part,
		      uint32_t stride_bytes, uint32_t format,
		      const uint8_t *pixels, size_t length, GError **error);
	/* A large part is being read in pieces: until it is, what was written
	 * is no whole frame. Ends with the connection, untold. */
	void (*reading)(void *data, unsigned head, bool reading);
	/* A small part was written meanwhile, told after what was told then. */
	void (*prompt)(void *data, unsigned head, const struct rect *part,
		       gint64 told_us);
	/* Takes the cursor. */
	void (*cursor)(void *data, unsigned head, struct cursor *cursor);
	void (*cursor_visible)(void *data, unsigned head, bool visible);
	void (*leds)(void *data, unsigned leds);
	/* A port of the machine (guest side: virtio-serial of that name, or a
	 * device that takes a stream), and whether the guest has it open; told
	 * after `connected` and again whenever that changes. Until `lost`. */
	void (*port)(void *data, const char *name, bool open);
	/* The answer to source_open_port(): takes the descriptor; or -1, and
	 * why the machine refuses. */
	void (*port_stream)(void *data, const char *name, int fd,
			    const GError *why);
	/* The machine has sound; until `lost`. */
	void (*sound)(void *data, GDBusConnection *machine);
	/* Input flows again after source_input_full() was true. */
	void (*input_ready)(void *data);
};

struct source *source_new(const struct source_sink *sink, void *data);
void source_free(struct source *self);

/* Takes a connected socket; replaces an earlier connection (without `lost`).
 * The end, good or bad, is told by `connected` or `lost`. */
void source_attach(struct source *self, int fd);
bool source_is_connected(const struct source *self);

/* Connects to a port; `port_stream` tells what became of it. To the guest the
 * host's end is open for as long as that stream is. False, untold: there is no
 * such port. */
bool source_open_port(struct source *self, const char *name);
bool source_port_is_open(struct source *self, const char *name);

/* Input. keycode: "qnum", PC/AT set 1 with 0x80 for an 0xe0 prefix, as
 * Display1 and RFB's extended key event both have it. Silently nothing while
 * not connected. */
void source_key(struct source *self, unsigned keycode, bool down);
/* x, y: inside that head. */
void source_pointer(struct source *self, unsigned head, unsigned x, unsigned y);
enum source_button { /* QEMU's order */
		     SOURCE_LEFT,
		     SOURCE_MIDDLE,
		     SOURCE_RIGHT,
		     SOURCE_WHEEL_UP,
		     SOURCE_WHEEL_DOWN,
		     SOURCE_SIDE,
		     SOURCE_EXTRA,
		     SOURCE_WHEEL_LEFT,
		     SOURCE_WHEEL_RIGHT,
};
void source_button(struct source *self, unsigned head,
		   enum source_button button, bool down);
/* The machine is behind with input: hold back until `input_ready`. */
bool source_input_full(const struct source *self);

/* Tells the guest the screen it should have; 0 x 0 unplugs it. Bursts are
 * folded: at most one call in flight per head, the last one wins. */
void source_set_head(struct source *self, unsigned head, unsigned x, unsigned y,
		     unsigned width, unsigned height);
unsigned source_heads(const struct source *self);
