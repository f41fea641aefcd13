/* What passes between the client and the agent. Each message is checked by
 * the wire's parser before it comes here; what is passed on goes as it came,
 * except COMMIT, whose atlas ends here. */
#include "display/windows/private.h"
#include "display/windows/ways.h"

#include <string.h>

void windows_say_error(struct pipe *pipe, uint32_t fault, uint32_t window,
		       const char *text)
{
	struct seam_message message = {.type = SEAM_ERROR, .window = window};
	message.error.code = fault;
	message.error.text = seam_text_of(text, 1024);
	if (pipe)
		pipe_send(pipe, &message);
}

/* ---- from the agent ---- */

static void refuse(struct windows *self, uint32_t window, const char *text)
{
	if (log_allow(&self->trouble_limit, &self->about))
		log_warn(&self->about, "guest window %u refused: %s", window,
			 text);
	windows_say_error(self->port, SEAM_FAULT_LIMIT, window, text);
	windows_say_error(self->client, SEAM_FAULT_LIMIT, window, text);
}

static void take_commit(struct windows *self,
			const struct seam_message *message)
{
	const struct seam_commit *commit = &message->commit;
	struct window *window = table_find(self->table, message->window);
	if (!window)
		return;
	if (table_pixels(self->table, window) +
		(uint64_t)commit->width * commit->height >
	    SEAM_PIXELS_MAX) {
		refuse(self, window->id,
		       "All windows together have too many pixels.");
		return;
	}
	/* a place in a head has its stamp's row above */
	if (commit->atlas_y == 0) {
		window_commit_by_port(window, commit);
		windows_send_commit(self, window);
		return;
	}
	window_commit(window, commit, g_get_monotonic_time());
	windows_look(self);
	windows_send(self);
}

/* Contents that are in no head: the client checks them as it does ours. */
static void take_pixels(struct windows *self,
			const struct seam_message *message,
			const uint8_t *bytes, size_t size)
{
	struct window *window = table_find(self->table, message->window);
	if (!window)
		return;
	window_go_by_port(window);
	pipe_put(self->client, bytes, size);
}

static void take_agent_hello(struct windows *self,
			     const struct seam_hello *hello)
{
	self->agent_capabilities = hello->capabilities;
	if (hello->version == SEAM_VERSION)
		return;
	pipe_reset(self->port, true);
	windows_agent_gone(self, "The guest's agent is of another version; "
				 "update the image or the server.");
}

/* Files and the clipboard, either way. */
static bool is_file(unsigned type)
{
	return type >= SEAM_FILE_BEGIN && type <= SEAM_CLIP_DATA;
}

/* What of the agent's goes to the client as it is. */
static bool passes_to_client(unsigned type)
{
	return type == SEAM_ERROR || is_file(type) ||
	       (type >= SEAM_SYNC_BEGIN && type <= SEAM_LAUNCH_OVER &&
		type != SEAM_COMMIT && type != SEAM_PIXELS);
}

void windows_from_agent(void *data, const struct seam_message *message,
			const uint8_t *bytes, size_t size)
{
	struct windows *self = data;
	if (message->type == SEAM_HELLO) {
		take_agent_hello(self, &message->hello);
		return;
	}
	if (message->type == SEAM_PING) {
		struct seam_message pong = *message;
		pong.type = SEAM_PONG;
		pipe_send(self->port, &pong);
		return;
	}
	if (message->type == SEAM_SYNC_BEGIN && self->greeted)
		self->agent = true;
	/* before that: said to a client that has gone */
	if (!self->agent || !self->greeted)
		return;
	switch (message->type) {
	case SEAM_COMMIT:
		take_commit(self, message);
		return;
	case SEAM_PIXELS:
		take_pixels(self, message, bytes, size);
		break;
	case SEAM_ERROR:
		if (message->error.code == SEAM_FAULT_LIMIT &&
		    !message->window && windows_grow_atlas(self))
			return; /* there will be room */
		break;
	case SEAM_WIN_CREATE:
		if (!table_add(self->table, message->window,
			       message->win_create.kind)) {
			refuse(self, message->window,
			       "There are as many windows as can be shown.");
			return;
		}
		break;
	case SEAM_WIN_DESTROY:
		if (!table_find(self->table, message->window))
			return;
		table_remove(self->table, message->window);
		g_hash_table_remove(self->placed,
				    GUINT_TO_POINTER(message->window));
		break;
	case SEAM_WIN_PROPS:
	case SEAM_WIN_ICON:
	case SEAM_GEOM_REQ:
	case SEAM_STATE_REQ:
	case SEAM_RAISE_REQ:
	case SEAM_MOVE_START:
	case SEAM_GRAB:
	case SEAM_UNGRAB:
	case SEAM_LAUNCH_WINDOW:
		if (!table_find(self->table, message->window))
			return; /* one that was refused, or no longer is */
		break;
	default:
		break;
	}
	if (passes_to_client(message->type) && ways_from_agent(self, message))
		pipe_put(self->client, bytes, size);
	if (pipe_queued(self->client) > CLIENT_QUEUE)
		pipe_hold(self->port, true); /* until it is drained */
}

/* ---- from the client ---- */

static void take_client_hello(struct windows *self,
			      const struct seam_hello *hello)
{
	if (hello->version != SEAM_VERSION) {
		windows_drop_client(self, SEAM_FAULT_VERSION,
				    "This client speaks another version; "
				    "update it or the server.");
		return;
	}
	self->client_hello = *hello;
	self->client_hello.name = (struct seam_text){0};
	struct seam_message answer = {.type = SEAM_HELLO};
	answer.hello = (struct seam_hello){
	    .version = SEAM_VERSION,
	    .capabilities = SEAM_CAP_PIXELS,
	    .windows_max = SEAM_WINDOWS_MAX,
	    .pixels_max = SEAM_PIXELS_MAX,
	    .name = seam_text_of("oriel-display " ORIEL_VERSION, 64),
	};
	pipe_send(self->client, &answer);
	if (!self->greeted) {
		self->greeted = true;
		display_attach(self->display, &self->viewer);
	}
	windows_start_sync(self);
}

static void note_from_client(struct windows *self,
			     const struct seam_message *message)
{
	struct window *window = table_find(self->table, message->window);
	switch (message->type) {
	case SEAM_POINTER:
	case SEAM_BUTTON:
	case SEAM_AXIS:
	case SEAM_KEY:
	case SEAM_TOUCH:
		display_note_input(self->display);
		break;
	case SEAM_FOCUS:
		self->focus = message->window;
		break;
	case SEAM_CONFIGURE:
		if (window)
			g_hash_table_insert(self->placed,
					    GUINT_TO_POINTER(window->id),
					    GUINT_TO_POINTER(message->serial));
		break;
	case SEAM_MAP:
	case SEAM_UNMAP:
		if (window)
			window->unmapped = message->type == SEAM_UNMAP;
		break;
	default:
		break;
	}
}

void windows_from_client(void *data, const struct seam_message *message,
			 const uint8_t *bytes, size_t size)
{
	struct windows *self = data;
	if (message->type == SEAM_HELLO) {
		take_client_hello(self, &message->hello);
		return;
	}
	if (!self->greeted) {
		windows_drop_client(self, SEAM_FAULT_PROTOCOL,
				    "The first message is not HELLO.");
		return;
	}
	if (message->type == SEAM_PING) {
		struct seam_message pong = *message;
		pong.type = SEAM_PONG;
		pipe_send(self->client, &pong);
		return;
	}
	if (message->type == SEAM_RELEASE) {
		/* the client's are of our frames; the agent got its own */
		struct window *window =
		    table_find(self->table, message->window);
		uint32_t frame = message->release.frame;
		/* only one that is on its way; anything else is a mistake */
		if (window && frame - window->released <= FRAMES_FLYING &&
		    window->frame - frame < FRAMES_FLYING) {
			window->released = frame;
			windows_release_by_port(self, window);
			windows_send(self);
		}
		return;
	}
	bool passes = message->type == SEAM_DESTROY_ACK ||
		      is_file(message->type) || message->type >= SEAM_OUTPUTS;
	if (!passes || !self->port || !self->agent)
		return;
	note_from_client(self, message);
	if (!ways_from_client(self, message))
		return;
	pipe_put(self->port, bytes, size);
	if (pipe_queued(self->port) > PORT_QUEUE)
		pipe_hold(self->client, true);
}
