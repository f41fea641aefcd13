/* source-link.h - inside of the source: one connection and its consoles.
 *
 * A link is referenced by every call in flight, so that answers arriving
 * after its end find it marked `ended` instead of gone. */
#pragma once

#include "common/display1.h"
#include "display/desktop.h"
#include "display/source.h"

#define DISPLAY1_IFACE "org.qemu.Display1."

struct link;

struct source {
	const struct source_sink *sink;
	void *data;
	struct link *link; /* NULL: none */
	bool connected;
};

struct source_port {
	char *path; /* of its object */
	char *name;
	bool open;
};

struct console {
	struct link *link;
	unsigned head;
	char *path;
	/* The console's own Width and Height, and what its head was given.
	 * QEMU 7.2 sends a whole Scanout after a change of mode only once the
	 * guest has painted all of it, so that updates may come before. */
	unsigned said_width, said_height;
	unsigned width, height; /* 0: off */
	bool absolute;          /* pointer positions rather than motions */
	unsigned last_x, last_y;
	/* the listener */
	GDBusConnection *connection;
	QemuDisplay1Listener *listener;
	QemuDisplay1ListenerUnixMap *map;
	int map_fd; /* memory file of a mapped scanout, or -1 */
	uint32_t map_offset, map_width, map_height, map_stride, map_format;
	uint8_t *mapped; /* all of it, if it is sealed; else read into: */
	uint8_t *map_buffer;
	size_t mapped_size, map_buffer_size;
	GQueue map_waiting; /* parts to be read: source-map.c */
	guint map_step;
	bool map_reading; /* as the sink was told */
	/* SetUIInfo: what was asked for last, and whether it is sent */
	struct rect wanted;
	bool wanted_waits, wanted_flies;
};

struct link {
	struct source *source;
	bool ended;
	GCancellable *cancel;
	GDBusConnection *connection;
	gulong closed_handler;
	struct console consoles[DESKTOP_HEADS_MAX];
	unsigned count;
	unsigned inputs;  /* calls without an answer yet */
	unsigned motions; /* those of them that moved the pointer */
	bool full;
	bool motion_waits; /* newest position, not sent yet */
	unsigned motion_head, motion_x, motion_y;
	unsigned pointed;  /* head of the last position sent */
	GHashTable *ports; /* object path -> struct source_port */
};

/* NULL once the link has ended. */
const struct source_sink *link_sink(const struct link *link, void **data);
struct link *link_ref(struct link *link);
void link_unref(struct link *link);

/* Registers a listener for the console; its end comes later, by itself. */
void console_listen(struct console *console);
void console_finish(struct console *console);

/* Gives the console's head a size, telling the sink. */
bool console_resize(struct console *console, unsigned width, unsigned height,
		    GError **error);

/* TRUE is "handled": the answer is the error, or the caller's to give. Takes
 * the error. */
gboolean console_refuse(struct console *console, GDBusMethodInvocation *call,
			GError *error);
/* Both numbers of a place may come negative. */
bool console_part(int x, int y, int w, int h, struct rect *out, GError **error);

/* ---- source-map.c: a screen in shared memory ---- */

/* It is no longer there; what was still to be read is answered. */
void console_map_forget(struct console *console);
gboolean console_on_scanout_map(QemuDisplay1ListenerUnixMap *map,
				GDBusMethodInvocation *call, GUnixFDList *fds,
				GVariant *handle, guint offset, guint width,
				guint height, guint stride, guint format,
				gpointer data);
gboolean console_on_update_map(QemuDisplay1ListenerUnixMap *map,
			       GDBusMethodInvocation *call, gint x, gint y,
			       gint width, gint height, gpointer data);

/* The text that QEMU paints on a screen without a guest's picture: 640 x 480,
 * or as large as it was before, black, one line in the middle. */
bool console_is_placeholder(const uint8_t *pixels, uint32_t stride_bytes,
			    uint32_t format, unsigned width, unsigned height);
