/* machine.h - a machine's display as contract B has it, played for tests.
 *
 * machine.c is the Display1 server: objects, listeners, input, one port.
 * machine-port.c is further ports, sound.c is its sound card, screen.c holds
 * the heads' pixels and sends them. What happens is told as lines on stdout by
 * say(); display1-player.c reads the commands.
 *
 * Threads: the main loop's. Fails: a test's tool, so what it cannot do ends
 * it with a message; what the other side does wrong is told as a line. */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/display1.h"

#define ROOT      "/org/qemu/Display1"
#define XRGB      0x20020888u
#define HEADS_MAX 16

struct head {
	unsigned number;
	unsigned width, height;
	uint32_t *pixels; /* in a memory file: rows of width */
	int map_fd;
	size_t map_offset;
	struct recording *recording; /* whose replay owns the pixels */
	struct replay *replay;
	QemuDisplay1Console *console;
	QemuDisplay1Keyboard *keyboard;
	QemuDisplay1Mouse *mouse;
	GDBusObjectSkeleton *object;
	QemuDisplay1Listener *listener; /* NULL until registered */
	QemuDisplay1ListenerUnixMap *map;
	unsigned box, frame, frames;
	bool whole;
	guint timer;
};

struct machine {
	bool use_map; /* offer shared memory where the listener takes it */
	GDBusConnection *connection;
	GDBusObjectManagerServer *objects;
	struct head heads[HEADS_MAX];
	unsigned count;
	QemuDisplay1Chardev *port;
	const char *port_name; /* NULL: com.redhat.spice.0 */
	int port_fd;
	/* what comes by the port, instead of a line; n 0: it is closed */
	void (*on_port)(const uint8_t *bytes, size_t n);
	void (*on_port_registered)(void);
	guint port_watch;
	QemuDisplay1AudioOutListener *audio; /* NULL until registered */
	int echo_head; /* paints at each key press; -1: none */
	unsigned echo_count;
	void (*on_key)(void *data); /* instead of all that, when set */
	void *on_key_data;
	/* keys as they come, when set; qnum, see display/source.h */
	void (*on_keycode)(unsigned code, bool down);
	bool hang; /* input calls get no answer */
	unsigned unanswered;
};
extern struct machine machine;

void say(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Serves whoever connects to `path`; a new one takes the place of an old. */
void machine_listen(const char *path);
void machine_drop(void);

/* ---- machine-port.c ---- */

/* "NAME=PATH": one more port, whose guest's end is at that unix path. Said:
 * "port-host NAME", "port-guest NAME", "port-end NAME host|guest". */
bool machine_serve_port(const char *argument);
/* One of them takes the agent's place. */
bool machine_serves_agent(void);
void machine_export_ports(GDBusObjectManagerServer *objects);
void machine_drop_ports(void);

/* ---- sound.c ---- */

/* What it records; machine.c has what it plays. */
void sound_export(QemuDisplay1Audio *audio);
/* False while nobody listens. "tone ended" and "recorded BYTES" are said. */
bool sound_play(double hz, unsigned ms);
/* Silence, and each second a tone that begins as the first head's corner turns
 * white or black; "clap US" is said then, of the monotonic clock. */
bool sound_clap(double hz, unsigned count, bool film);
bool sound_record(const char *file, unsigned ms);

/* ---- screen.c ---- */

/* New pixels of a size, black; 0 x 0 is a head that is off. */
void head_take_pixels(struct head *head, unsigned width, unsigned height);
/* kind: flat, text, few, gradient, noise. Inside the head only. */
void head_paint(struct head *head, const char *kind, uint32_t seed, unsigned x,
		unsigned y, unsigned w, unsigned h);
/* answer: "done" or "failed CAUSE" is said once the other side has replied. */
void head_send_scanout(struct head *head, bool answer);
void head_send_update(struct head *head, unsigned x, unsigned y, unsigned w,
		      unsigned h, bool answer);
void head_call(struct head *head, const char *method, GVariant *parameters,
	       bool answer);
GVariant *bytes_variant(const void *bytes, size_t length);
/* A moving box, `frames` frames at a rate; says "played N". */
void head_play_box(struct head *head, unsigned fps, unsigned frames,
		   bool whole);
/* The head becomes a recording's screen, at its first frame; key presses are
 * answered with its key mark. truth: the file to share, see truth.h. False
 * when the recording is none. */
bool head_load(struct head *head, const char *recording, const char *truth);
/* Plays it, once; see replay_start(). Says "played N". */
bool head_replay(struct head *head, double fps, bool whole);
/* What echo does: a glyph and a number in the first row's pixels. */
void head_echo(struct head *head, unsigned number);
