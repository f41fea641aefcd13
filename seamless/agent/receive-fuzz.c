/* The client's messages against the agent's handlers: whatever comes, no
 * operation sees a window that is not there, a popup is never configured, one
 * CONFIGURE at a time is carried out, and a released frame has been committed
 * before. Bytes are messages one after the other, as a stream has them. */
#include <stdlib.h>
#include <string.h>

#include "seamless/agent/receive.h"

#define WINDOWS 8

struct world {
	struct receive receive;
	struct peer_window window[WINDOWS];
	bool dropped;
	unsigned commits;
};

static void must(bool good)
{
	if (!good)
		abort();
}

static void known(struct peer_window *w, void *data)
{
	struct world *world = data;
	must(w >= world->window && w < world->window + WINDOWS);
	must(world->receive.greeted && !world->dropped);
}

static struct peer_window *op_find(uint32_t id, void *data)
{
	struct world *world = data;
	for (int i = 0; i < WINDOWS; i++)
		if (world->window[i].id == id)
			return &world->window[i];
	return NULL;
}

static void op_send(struct seam_message *message, void *data)
{
	static uint8_t wire[SEAM_MESSAGE_MAX];
	size_t used;
	must(seam_write(message, wire, sizeof wire, &used) == SEAM_OK);
}

static void op_drop(enum seam_fault fault, const char *why, void *data)
{
	((struct world *)data)->dropped = true;
	must(fault > 0 && fault < SEAM_FAULTS && why && *why);
}

static void op_hello(const struct seam_hello *hello, void *data)
{
	must(hello->version >= SEAM_VERSION);
}

static void op_outputs(struct seam_array outputs, void *data)
{
	for (uint32_t i = 0; i < outputs.count; i++)
		must(seam_output_at(outputs, i).area.width > 0);
}

static void op_configure(struct peer_window *w, const struct turn_ask *ask,
			 void *data)
{
	known(w, data);
	must(w->kind == SEAM_TOPLEVEL && w->turn.waiting);
	must(ask->area.width > 0 && ask->area.width <= SEAM_SIDE_MAX);
	must(ask->serial == w->turn.now.serial);
}

static void op_show(struct peer_window *w, bool shown, void *data)
{
	known(w, data);
	must(w->kind == SEAM_TOPLEVEL);
}

static void op_stack(struct seam_array windows, void *data)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < windows.count; i++)
		sum += seam_window_at(windows, i);
	(void)sum;
}

static void op_focus(struct peer_window *w, void *data)
{
	if (w)
		known(w, data);
}

static void op_close(struct peer_window *w, void *data)
{
	known(w, data);
}

static void op_pointer(struct peer_window *w, int32_t x, int32_t y, void *data)
{
	known(w, data);
	must(x >= -(65536 * 256) && x <= 65536 * 256);
}

static void op_button(struct peer_window *w, unsigned button, bool down,
		      void *data)
{
	known(w, data);
	must(button >= 1 && button <= 31);
}

static void op_axis(struct peer_window *w, int32_t dx, int32_t dy, void *data)
{
	known(w, data);
}

static void op_key(const struct seam_key *key, void *data)
{
	must(key->evdev >= 1 && key->evdev < 768);
}

static void op_keymap(const struct seam_keymap *keymap, void *data)
{
	must(keymap->layout.size <= 128);
}

static void op_released(struct peer_window *w, void *data)
{
	known(w, data);
	must((int32_t)(w->frame - w->released) >= 0);
}

static void op_destroy_acked(uint32_t id, void *data)
{
	must(id != 0);
}

static void op_launch_cancel(uint32_t token, void *data)
{
}

static void op_launch(const struct seam_launch *launch, void *data)
{
	must(launch->app.size >= 1);
}

static void op_file(const struct seam_message *message, void *data)
{
	must(message->type >= SEAM_FILE_BEGIN &&
	     message->type <= SEAM_FILE_STATE);
}

static void op_clip(const struct seam_message *message, void *data)
{
	must(message->type >= SEAM_CLIP_OFFER &&
	     message->type <= SEAM_CLIP_DATA);
}

static const struct receive_ops ops = {
    .find = op_find,
    .clip = op_clip,
    .send = op_send,
    .drop = op_drop,
    .hello = op_hello,
    .outputs = op_outputs,
    .configure = op_configure,
    .show = op_show,
    .stack = op_stack,
    .focus = op_focus,
    .close = op_close,
    .pointer = op_pointer,
    .button = op_button,
    .axis = op_axis,
    .key = op_key,
    .keymap = op_keymap,
    .released = op_released,
    .destroy_acked = op_destroy_acked,
    .launch = op_launch,
    .launch_cancel = op_launch_cancel,
    .file = op_file,
};

/* What the agent does between messages: a window commits, sometimes in the
 * size that was asked for. */
static void commit(struct world *world)
{
	struct peer_window *w = &world->window[world->commits++ % WINDOWS];
	bool refused, drawn = world->commits % 3 == 0;
	struct turn_ask ask;
	uint32_t width = drawn ? 50 : w->turn.now.area.width;
	uint32_t height = drawn ? 40 : w->turn.now.area.height;
	uint32_t asked = w->turn.now.serial;
	bool waiting = w->turn.waiting;
	w->frame++;
	uint32_t answered =
	    turn_commit(&w->turn, width, height, drawn, &refused);
	must(answered == 0 || (waiting && answered == asked));
	must(!waiting || !w->turn.waiting || answered == 0);
	if (turn_next(&w->turn, &ask))
		must(w->turn.waiting && ask.serial == w->turn.now.serial);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct world world = {.receive = {.ops = &ops}};
	world.receive.data = &world;
	for (uint32_t i = 0; i < WINDOWS; i++) {
		world.window[i].id = i + 1;
		world.window[i].kind = i % SEAM_KINDS;
	}
	receive_begin(&world.receive);
	/* most inputs would never greet; an odd first byte does it for them */
	if (size && (bytes[0] & 1))
		world.receive.greeted = true;
	if (size) {
		bytes++;
		size--;
	}
	while (size > 0 && !world.dropped) {
		struct seam_message message;
		size_t used;
		enum seam_status status =
		    seam_parse(bytes, size, &message, &used);
		if (status != SEAM_OK && status != SEAM_UNKNOWN)
			break;
		if (status == SEAM_OK)
			receive_message(&world.receive, &message);
		bytes += used;
		size -= used;
		commit(&world);
	}
	return 0;
}
