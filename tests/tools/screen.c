/* screen.c - the played heads' pixels: painted, kept in memory files, sent as
 * Scanout and Update, or by ScanoutMap and UpdateMap. */
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/bench/display/replay.h"
#include "tests/tools/machine.h"

/* ---- pictures ---- */

static uint32_t mix(uint32_t a, uint32_t b)
{
	a ^= b * 0x9e3779b9u;
	a ^= a >> 16;
	a *= 0x85ebca6bu;
	a ^= a >> 13;
	a *= 0xc2b2ae35u;
	return a ^ a >> 16;
}

/* Hills of light between points that the seed chose, and a sensor's grain. */
static uint32_t photo(uint32_t seed, unsigned x, unsigned y)
{
	uint32_t pixel = 0, grain = mix(mix(seed, x), y);
	for (unsigned c = 0; c < 3; c++) {
		unsigned side = 24 + 8 * c, fx = x % side, fy = y % side, sum;
		unsigned at[4];
		for (unsigned i = 0; i < 4; i++)
			at[i] = mix(mix(seed + c, x / side + i % 2),
				    y / side + i / 2) %
				240;
		sum = (at[0] * (side - fx) + at[1] * fx) * (side - fy) +
		      (at[2] * (side - fx) + at[3] * fx) * fy;
		pixel = pixel << 8 | (sum / (side * side) + (grain & 7));
		grain >>= 3;
	}
	return pixel;
}

static uint32_t pixel_of(const char *kind, uint32_t seed, unsigned x,
			 unsigned y)
{
	if (strcmp(kind, "flat") == 0)
		return mix(seed, 1) & 0xffffff;
	if (strcmp(kind, "text") == 0) /* strokes on white, cells of 8 x 16 */
		return mix(mix(seed, x / 8), y / 16) >> (x % 8 + y % 16 / 2) &
				   1 &&
			       y % 16 > 2
			   ? 0x202020
			   : 0xffffff;
	if (strcmp(kind, "few") == 0)
		return (mix(mix(seed, x / 3), y / 2) % 11) * 0x161208;
	if (strcmp(kind, "gradient") == 0)
		return ((x + seed) & 0xff) << 16 | ((y + x / 2) & 0xff) << 8 |
		       ((x * 3 + y) / 4 & 0xff);
	if (strcmp(kind, "photo") == 0)
		return photo(seed, x, y);
	return mix(mix(seed, x), y) & 0xffffff;
}

void head_paint(struct head *head, const char *kind, uint32_t seed, unsigned x,
		unsigned y, unsigned w, unsigned h)
{
	for (unsigned row = y; row < y + h; row++)
		for (unsigned column = x; column < x + w; column++)
			head->pixels[row * head->width + column] =
			    pixel_of(kind, seed, column, row);
}

static void release_pixels(struct head *head)
{
	if (!head->pixels)
		return;
	if (head->replay) {
		machine.on_key = NULL;
		replay_free(head->replay);
		recording_close(head->recording);
		head->replay = NULL;
		head->pixels = NULL;
		head->map_offset = 0;
		return;
	}
	munmap(head->pixels, (size_t)head->width * head->height * 4);
	close(head->map_fd);
	head->pixels = NULL;
}

void head_take_pixels(struct head *head, unsigned width, unsigned height)
{
	release_pixels(head);
	head->width = width;
	head->height = height;
	size_t size = (size_t)width * height * 4;
	if (!size)
		return;
	head->map_fd = memfd_create("scanout", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (head->map_fd < 0 || ftruncate(head->map_fd, size) < 0)
		g_error("no memory for a picture");
	/* machines of both sorts: the first screen may be mapped, others have
	 * to be read */
	if (head == machine.heads &&
	    fcntl(head->map_fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		g_error("a picture's memory cannot be sealed");
	head->pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    head->map_fd, 0);
	if (head->pixels == MAP_FAILED)
		g_error("no memory for a picture");
}

/* ---- sending; a command is answered when its last call is ---- */

static void on_sent(GObject *object, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply =
	    g_dbus_proxy_call_finish(G_DBUS_PROXY(object), result, &error);
	if (!data) /* nobody waits: a played frame */
		return;
	if (reply)
		say("done");
	else
		say("failed %s", error->message);
}

static void on_sent_map(GObject *object, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = g_dbus_proxy_call_with_unix_fd_list_finish(
	    G_DBUS_PROXY(object), NULL, result, &error);
	if (!data)
		return;
	if (reply)
		say("done");
	else
		say("failed %s", error->message);
}

void head_call(struct head *head, const char *method, GVariant *parameters,
	       bool answer)
{
	if (!head->listener) {
		g_variant_unref(g_variant_ref_sink(parameters));
		if (answer)
			say("done");
		return;
	}
	g_dbus_proxy_call(G_DBUS_PROXY(head->listener), method, parameters,
			  G_DBUS_CALL_FLAGS_NONE, 20000, NULL, on_sent,
			  GINT_TO_POINTER(answer));
}

GVariant *bytes_variant(const void *bytes, size_t length)
{
	return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, length, 1);
}

void head_send_scanout(struct head *head, bool answer)
{
	size_t size = (size_t)head->width * head->height * 4;
	if (!size) {
		head_call(head, "Disable", g_variant_new("()"), answer);
		return;
	}
	if (!machine.use_map) {
		head_call(head, "Scanout",
			  g_variant_new("(uuuu@ay)", head->width, head->height,
					head->width * 4, XRGB,
					bytes_variant(head->pixels, size)),
			  answer);
		return;
	}
	if (!head->map) {
		if (answer)
			say("done");
		return;
	}
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
	g_unix_fd_list_append(fds, head->map_fd, NULL);
	g_dbus_proxy_call_with_unix_fd_list(
	    G_DBUS_PROXY(head->map), "ScanoutMap",
	    g_variant_new("(huuuuu)", 0, (guint)head->map_offset, head->width,
			  head->height, head->width * 4, XRGB),
	    G_DBUS_CALL_FLAGS_NONE, 20000, fds, NULL, on_sent_map,
	    GINT_TO_POINTER(answer));
}

void head_send_update(struct head *head, unsigned x, unsigned y, unsigned w,
		      unsigned h, bool answer)
{
	if (machine.use_map && head->map) {
		g_dbus_proxy_call(G_DBUS_PROXY(head->map), "UpdateMap",
				  g_variant_new("(iiii)", x, y, w, h),
				  G_DBUS_CALL_FLAGS_NONE, 20000, NULL, on_sent,
				  GINT_TO_POINTER(answer));
		return;
	}
	g_autofree uint32_t *part = g_new(uint32_t, (size_t)w * h + 1);
	for (unsigned row = 0; row < h; row++)
		memcpy(part + (size_t)row * w,
		       head->pixels + (size_t)(y + row) * head->width + x,
		       (size_t)w * 4);
	head_call(head, "Update",
		  g_variant_new("(iiiiuu@ay)", x, y, w, h, w * 4, XRGB,
				bytes_variant(part, (size_t)w * h * 4)),
		  answer);
}

/* ---- playing ---- */

static gboolean on_frame(gpointer data)
{
	struct head *head = data;
	unsigned side = MIN(64, MIN(head->width, head->height - 1));
	unsigned x = head->box, y = 1;
	head->frame++;
	head_paint(head, "flat", 7, x, y, side, side);
	head->box = (head->box + 5) % (head->width - side + 1);
	head_paint(head, "text", head->frame, head->box, y, side, side);
	for (unsigned bit = 0; bit < 32 && bit < head->width; bit++)
		head->pixels[bit] = head->frame >> bit & 1 ? 0xffffff : 0;
	if (head->whole) {
		head_send_update(head, 0, 0, head->width, head->height, false);
	} else {
		head_send_update(head, 0, 0, MIN(32, head->width), 1, false);
		unsigned left = MIN(x, head->box);
		head_send_update(head, left, y, MAX(x, head->box) - left + side,
				 side, false);
	}
	if (head->frame < head->frames)
		return G_SOURCE_CONTINUE;
	head->timer = 0;
	say("played %u", head->frame);
	return G_SOURCE_REMOVE;
}

void head_play_box(struct head *head, unsigned fps, unsigned frames, bool whole)
{
	head->frame = 0;
	head->frames = frames;
	head->whole = whole;
	if (head->timer)
		g_source_remove(head->timer);
	head->timer = g_timeout_add(1000 / CLAMP(fps, 1, 1000), on_frame, head);
}

/* What is small is told once the rest of its frame has been taken: the marks
 * that number a frame must not be there before it. */
#define SMALL_PIXELS 16384u

struct small {
	struct head *head;
	unsigned calls; /* of the frame's large parts, unanswered */
	GArray *rects;
};

static void send_rects(struct head *head, const GArray *rects)
{
	for (guint i = 0; i < rects->len; i++) {
		const struct recording_rect *r =
		    &g_array_index(rects, struct recording_rect, i);
		head_send_update(head, r->x, r->y, r->w, r->h, false);
	}
}

static void on_large_sent(GObject *object, GAsyncResult *result, gpointer data)
{
	struct small *small = data;
	g_autoptr(GVariant) reply =
	    g_dbus_proxy_call_finish(G_DBUS_PROXY(object), result, NULL);
	if (--small->calls)
		return;
	send_rects(small->head, small->rects);
	g_array_unref(small->rects);
	g_free(small);
}

static void on_replayed(void *data, const struct recording_rect *rects,
			unsigned count)
{
	struct head *head = data;
	struct small *small = g_new0(struct small, 1);
	bool mapped = machine.use_map && head->map;
	small->head = head;
	small->rects = g_array_new(FALSE, FALSE, sizeof(struct recording_rect));
	for (unsigned i = 0; i < count; i++) {
		const struct recording_rect *r = &rects[i];
		if (!mapped || (unsigned)r->w * r->h <= SMALL_PIXELS) {
			g_array_append_vals(small->rects, r, 1);
			continue;
		}
		small->calls++;
		g_dbus_proxy_call(
		    G_DBUS_PROXY(head->map), "UpdateMap",
		    g_variant_new("(iiii)", r->x, r->y, r->w, r->h),
		    G_DBUS_CALL_FLAGS_NONE, 20000, NULL, on_large_sent, small);
	}
	if (small->calls)
		return;
	send_rects(head, small->rects);
	g_array_unref(small->rects);
	g_free(small);
}

static void on_replay_ended(void *data)
{
	struct head *head = data;
	say("played %u", recording_header(head->recording)->frames);
}

static void on_replay_key(void *data)
{
	replay_key(data);
}

bool head_load(struct head *head, const char *path, const char *truth)
{
	g_autoptr(GError) error = NULL;
	struct recording *recording = recording_open(path, &error);
	if (!recording) {
		say("trouble %s", error->message);
		return false;
	}
	release_pixels(head);
	head->recording = recording;
	head->width = recording_header(recording)->width;
	head->height = recording_header(recording)->height;
	head->replay = replay_new(recording, truth, -1, on_replayed, head);
	head->pixels = replay_pixels(head->replay);
	head->map_fd = replay_fd(head->replay, &head->map_offset);
	machine.on_key = on_replay_key;
	machine.on_key_data = head->replay;
	return true;
}

bool head_replay(struct head *head, double fps, bool whole)
{
	if (!head->replay)
		return false;
	replay_start(head->replay, fps, whole, on_replay_ended);
	return true;
}

void head_echo(struct head *head, unsigned number)
{
	head_paint(head, "text", number, 0, 16, 8, 16);
	for (unsigned bit = 0; bit < 32; bit++)
		head->pixels[bit] = number >> bit & 1 ? 0xffffff : 0;
	head_send_update(head, 0, 0, 32, 32, false);
}
