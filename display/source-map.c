/* Screens in shared memory (Listener.Unix.Map).
 *
 * A file that is sealed against shrinking is mapped; another one is read with
 * pread(), since the machine could shrink it, and a read then comes up short
 * where a mapping would end the process.
 *
 * A large part is read in slices, between which the loop takes its turns:
 * typing goes to the machine, and a small change (the echo of a key) is read
 * and shown before what came earlier. That is right because memory has no past:
 * what is read is the newest there is, and every part that was told is read
 * after it was told. What a machine says while the same part still waits costs
 * nothing. */
#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "display/pixels.h"
#include "display/source-link.h"

/* Read at once: what fits a processor's second cache beside the picture it is
 * compared with. */
#define CHUNK (128u << 10)
/* Of the main loop at a stretch: a tenth of what a key may take. */
#define SLICE_US 500
/* Parts of no more pixels are read as they come. */
#define SMALL_PIXELS 16384u
/* Parts that wait; a machine that tells more is read without slices. */
#define WAITING_MAX 64u

struct waiting {
	struct rect part;
	gint64 told_us;
	unsigned done; /* rows */
	GPtrArray *calls;
};

static void answer(struct console *console, struct waiting *waiting,
		   const GError *error)
{
	for (guint i = 0; i < waiting->calls->len; i++) {
		GDBusMethodInvocation *call = waiting->calls->pdata[i];
		if (error)
			console_refuse(console, call, g_error_copy(error));
		else
			g_dbus_method_invocation_return_value(call, NULL);
	}
	g_ptr_array_unref(waiting->calls);
	g_free(waiting);
}

static void tell_reading(struct console *console, bool reading)
{
	void *data;
	const struct source_sink *sink = link_sink(console->link, &data);
	if (console->map_reading == reading)
		return;
	console->map_reading = reading;
	if (sink)
		sink->reading(data, console->head, reading);
}

void console_map_forget(struct console *console)
{
	struct waiting *waiting;
	while ((waiting = g_queue_pop_head(&console->map_waiting)))
		answer(console, waiting, NULL);
	tell_reading(console, false);
	if (console->map_step)
		g_source_remove(console->map_step);
	console->map_step = 0;
	if (console->mapped)
		munmap(console->mapped, console->mapped_size);
	console->mapped = NULL;
	if (console->map_fd >= 0)
		close(console->map_fd);
	console->map_fd = -1;
	g_clear_pointer(&console->map_buffer, g_free);
	console->map_buffer_size = 0;
}

/* ---- reading ---- */

/* Bytes of the file: where they are mapped, or read into the buffer. */
static const uint8_t *bytes_at(struct console *console, uint64_t from,
			       size_t length, GError **error)
{
	if (console->mapped)
		return console->mapped +
		       from; /* on_scanout_map() has checked */
	if (length > console->map_buffer_size) {
		g_free(console->map_buffer);
		console->map_buffer = g_try_malloc(length);
		console->map_buffer_size = console->map_buffer ? length : 0;
	}
	if (!console->map_buffer) {
		fault_set(error, FAULT_BUSY, "Give the host more memory.",
			  "There is no memory for a picture.");
		return NULL;
	}
	for (size_t done = 0; done < length;) {
		ssize_t n = pread(console->map_fd, console->map_buffer + done,
				  length - done, from + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fault_set(error, FAULT_INVALID, NULL,
				  "A mapped picture is shorter than it says.");
			return NULL;
		}
		done += n;
	}
	return console->map_buffer;
}

static bool check_part(struct console *console, const struct rect *part,
		       GError **error)
{
	if (console->map_fd >= 0 && part->w <= console->map_width &&
	    part->x <= console->map_width - part->w &&
	    part->h <= console->map_height &&
	    part->y <= console->map_height - part->h)
		return true;
	fault_set(error, FAULT_INVALID, NULL,
		  "A mapped update of %u x %u at %u, %u lies outside.", part->w,
		  part->h, part->x, part->y);
	return false;
}

/* Some rows at a time, so that they are compared while they are still in the
 * processor's cache; the last row only as far as needed. Stops after `until`;
 * *done says how far it came. */
static bool read_rows(struct console *console, const struct rect *part,
		      unsigned *done, gint64 until, GError **error)
{
	void *data;
	const struct source_sink *sink = link_sink(console->link, &data);
	unsigned bytes = pixels_bytes(console->map_format);
	unsigned rows = MAX(CHUNK / console->map_stride, 1);
	while (part->w && *done < part->h) {
		struct rect some = {part->x, part->y + *done, part->w,
				    MIN(rows, part->h - *done)};
		uint64_t from = console->map_offset +
				(uint64_t)some.y * console->map_stride +
				(uint64_t)some.x * bytes;
		size_t length = (size_t)(some.h - 1) * console->map_stride +
				(size_t)some.w * bytes;
		const uint8_t *at = bytes_at(console, from, length, error);
		if (!at || !sink->write(data, console->head, &some,
					console->map_stride,
					console->map_format, at, length, error))
			return false;
		*done += some.h;
		if (g_get_monotonic_time() >= until)
			break;
	}
	return true;
}

static bool read_all(struct console *console, const struct rect *part,
		     GError **error)
{
	unsigned done = 0;
	return check_part(console, part, error) &&
	       read_rows(console, part, &done, G_MAXINT64, error);
}

static bool is_read(const struct waiting *waiting)
{
	return !waiting->part.w || waiting->done >= waiting->part.h;
}

/* A slice of the first part that waits; false when none is left to read. */
static bool read_slice(struct console *console)
{
	g_autoptr(GError) error = NULL;
	struct waiting *first = g_queue_peek_head(&console->map_waiting);
	if (!first)
		return false;
	bool good = read_rows(console, &first->part, &first->done,
			      g_get_monotonic_time() + SLICE_US, &error);
	if (good && !is_read(first))
		return true;
	g_queue_pop_head(&console->map_waiting);
	answer(console, first, error);
	/* a whole part was read: what has changed is a frame, also when the
	 * machine has told the next one already */
	tell_reading(console, false);
	return !g_queue_is_empty(&console->map_waiting);
}

static gboolean on_step(gpointer data)
{
	struct console *console = data;
	console->map_step = 0;
	if (console->link->ended) {
		console_map_forget(console);
		return G_SOURCE_REMOVE;
	}
	if (!g_queue_is_empty(&console->map_waiting))
		tell_reading(console, true);
	/* attached anew, and so behind the round that the last slice began */
	if (read_slice(console))
		console->map_step =
		    g_idle_add_full(G_PRIORITY_DEFAULT, on_step, console, NULL);
	return G_SOURCE_REMOVE;
}

static bool lies_in(const struct rect *inner, const struct rect *outer)
{
	return inner->x >= outer->x && inner->y >= outer->y &&
	       inner->x + inner->w <= outer->x + outer->w &&
	       inner->y + inner->h <= outer->y + outer->h;
}

/* Whether a part that has not begun to be read holds this one. */
static bool joins_waiting(struct console *console, const struct rect *part,
			  GDBusMethodInvocation *call)
{
	for (GList *at = console->map_waiting.head; at; at = at->next) {
		struct waiting *waiting = at->data;
		if (waiting->done || !lies_in(part, &waiting->part))
			continue;
		g_ptr_array_add(waiting->calls, call);
		return true;
	}
	return false;
}

/* A small part that comes while a large one waits may be of the same frame, or
 * a change of its own: the sink decides. */
static void tell_prompt(struct console *console, const struct rect *part)
{
	void *data;
	const struct source_sink *sink = link_sink(console->link, &data);
	const struct waiting *last = g_queue_peek_tail(&console->map_waiting);
	if (sink && last)
		sink->prompt(data, console->head, part, last->told_us);
}

/* ---- what the machine says ---- */

static bool is_sealed(int fd, uint64_t size)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && seals & F_SEAL_SHRINK && fstat(fd, &st) == 0 &&
	       (uint64_t)st.st_size >= size;
}

gboolean console_on_scanout_map(QemuDisplay1ListenerUnixMap *map,
				GDBusMethodInvocation *call, GUnixFDList *fds,
				GVariant *handle, guint offset, guint width,
				guint height, guint stride, guint format,
				gpointer data)
{
	struct console *console = data;
	GError *error = NULL;
	void *sink_data;
	const struct source_sink *sink = link_sink(console->link, &sink_data);
	unsigned bytes = pixels_bytes(format);
	if (!sink)
		return FALSE;
	if (!bytes || width > DESKTOP_SIDE_MAX || height > DESKTOP_SIDE_MAX ||
	    stride / bytes < width || stride > DESKTOP_SIDE_MAX * 16)
		return console_refuse(
		    console, call,
		    fault_new(FAULT_INVALID, NULL,
			      "A mapped screen of %u x %u in rows of "
			      "%u bytes, format 0x%08x, makes no "
			      "sense.",
			      width, height, stride, format));
	int fd =
	    fds ? g_unix_fd_list_get(fds, g_variant_get_handle(handle), &error)
		: -1;
	if (fd < 0)
		return console_refuse(
		    console, call,
		    error ? error
			  : fault_new(FAULT_INVALID, NULL,
				      "A mapped screen came without "
				      "its memory."));
	console_map_forget(console);
	console->map_fd = fd;
	console->map_offset = offset;
	console->map_width = width;
	console->map_height = height;
	console->map_stride = stride;
	console->map_format = format;
	uint64_t size = offset + (uint64_t)stride * height;
	if (width && height && is_sealed(fd, size)) {
		void *mapped = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		console->mapped = mapped == MAP_FAILED ? NULL : mapped;
		console->mapped_size = size;
	}
	struct rect all = {0, 0, width, height};
	if (!console_resize(console, width, height, &error) ||
	    !read_all(console, &all, &error))
		return console_refuse(console, call, error);
	qemu_display1_listener_unix_map_complete_scanout_map(map, call, NULL);
	return TRUE;
}

gboolean console_on_update_map(QemuDisplay1ListenerUnixMap *map,
			       GDBusMethodInvocation *call, gint x, gint y,
			       gint width, gint height, gpointer data)
{
	struct console *console = data;
	GError *error = NULL;
	struct rect part;
	if (console->link->ended)
		return FALSE;
	if (!console_part(x, y, width, height, &part, &error) ||
	    !check_part(console, &part, &error))
		return console_refuse(console, call, error);
	if ((uint64_t)part.w * part.h <= SMALL_PIXELS ||
	    console->map_waiting.length >= WAITING_MAX) {
		if (!read_all(console, &part, &error))
			return console_refuse(console, call, error);
		tell_prompt(console, &part);
		qemu_display1_listener_unix_map_complete_update_map(map, call);
		return TRUE;
	}
	if (joins_waiting(console, &part, call))
		return TRUE;
	struct waiting *waiting = g_new0(struct waiting, 1);
	waiting->part = part;
	waiting->told_us = g_get_monotonic_time();
	waiting->calls = g_ptr_array_new();
	g_ptr_array_add(waiting->calls, call);
	g_queue_push_tail(&console->map_waiting, waiting);
	if (console->map_waiting.length == 1)
		on_step(console);
	return TRUE;
}
