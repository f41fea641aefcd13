#include "display/windows/private.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"

#define PORT_NAME "org.oriel.seamless.0"

/* ---- the viewer: what the display tells us ---- */

const struct desktop *windows_picture(const struct windows *self, unsigned head)
{
	const struct desktop *atlas = display_atlas(self->display);
	return atlas && (int)head == display_atlas_head(self->display)
		   ? atlas
		   : display_desktop(self->display);
}

static void note_change(struct windows *self, const struct desktop *picture,
			const struct desktop_change *change)
{
	struct window *window;
	if (change->laid_out) {
		windows_all_stale(self, picture);
		return;
	}
	for (unsigned i = 0; (window = table_at(self->table, i)); i++)
		if (window->valid && window->at.w &&
		    windows_picture(self, window->shown.place.head) == picture)
			atlas_damage_join(&window->changed, &window->at,
					  change->all);
}

static void on_changed(struct viewer *viewer,
		       const struct desktop_change *change)
{
	struct windows *self = (struct windows *)viewer;
	note_change(self, display_desktop(self->display), change);
}

static void on_atlas_changed(struct viewer *viewer,
			     const struct desktop_change *change)
{
	struct windows *self = (struct windows *)viewer;
	note_change(self, display_atlas(self->display), change);
}

static void on_flush(struct viewer *viewer)
{
	struct windows *self = (struct windows *)viewer;
	windows_look(self);
	windows_send(self);
	self->viewer.bytes_sent = self->client ? pipe_sent(self->client) : 0;
}

static void on_nothing(struct viewer *viewer)
{
}

static void on_destroy(struct viewer *viewer)
{
	windows_drop_client((struct windows *)viewer, SEAM_FAULT_INTERNAL,
			    "The server ended this connection.");
}

static const struct viewer_ops viewer_ops = {
    .protocol = "windows",
    .changed = on_changed,
    .cursor_changed = on_nothing,
    .leds_changed = on_nothing,
    .name_changed = on_nothing,
    .flush = on_flush,
    .input_ready = on_nothing,
    .destroy = on_destroy,
    .atlas_changed = on_atlas_changed,
};

/* ---- beginnings and ends ---- */

static void say_bare(struct pipe *pipe, uint16_t type, uint32_t window)
{
	struct seam_message message = {.type = type, .window = window};
	if (pipe)
		pipe_send(pipe, &message);
}

/* Nothing of the guest is known any more. */
static void forget(struct windows *self)
{
	table_clear(self->table);
	self->agent = false;
	self->focus = 0;
}

void windows_start_sync(struct windows *self)
{
	forget(self);
	if (!self->greeted || !self->port || !self->port_open)
		return;
	struct seam_message hello = {.type = SEAM_HELLO};
	hello.hello = self->client_hello;
	hello.hello.capabilities |= SEAM_CAP_PIXELS; /* they are passed on */
	hello.hello.name = seam_text_of("oriel-display " ORIEL_VERSION, 64);
	pipe_send(self->port, &hello);
}

void windows_agent_gone(struct windows *self, const char *why)
{
	bool had = self->agent;
	forget(self);
	g_hash_table_remove_all(self->placed);
	if (had && self->greeted)
		windows_say_error(self->client, SEAM_FAULT_GONE, 0, why);
}

void windows_drop_client(struct windows *self, uint32_t fault, const char *why)
{
	if (!self->client)
		return;
	if (why) {
		windows_say_error(self->client, fault, 0, why);
		pipe_flush(self->client);
	}
	g_clear_pointer(&self->client, pipe_free);
	if (self->greeted)
		display_detach(&self->viewer);
	self->greeted = false;
	/* nobody looks: keys are let go, and nothing needs to be drawn */
	if (self->port && self->agent) {
		struct window *window;
		say_bare(self->port, SEAM_FOCUS, 0);
		for (unsigned i = 0; (window = table_at(self->table, i)); i++)
			if (window->kind == SEAM_TOPLEVEL && !window->unmapped)
				say_bare(self->port, SEAM_UNMAP, window->id);
	}
	forget(self);
	if (self->port)
		pipe_hold(self->port, false);
}

/* ---- the port ---- */

static void on_port_ended(void *data, const char *why)
{
	struct windows *self = data;
	if (why && log_allow(&self->trouble_limit, &self->about))
		log_warn(&self->about,
			 "the guest's seamless agent is not heard any more: %s",
			 why);
	if (why) /* until the guest opens the port anew */
		pipe_reset(self->port, true);
	else
		g_clear_pointer(&self->port, pipe_free);
	windows_agent_gone(self, "The guest's agent has ended.");
	if (self->client)
		pipe_hold(self->client, false);
}

static void on_port_drained(void *data)
{
	struct windows *self = data;
	if (self->client)
		pipe_hold(self->client, false);
}

static const struct pipe_handlers port_handlers = {
    .message = windows_from_agent,
    .drained = on_port_drained,
    .ended = on_port_ended,
};

static void port_attach(void *data, int fd)
{
	struct windows *self = data;
	g_clear_pointer(&self->port, pipe_free);
	windows_agent_gone(self, "The guest's agent began anew.");
	self->port_open = false;
	self->port = pipe_new(fd, &port_handlers, self, PORT_QUEUE / 2);
	pipe_seek_hello(self->port);
}

static void port_detach(void *data)
{
	struct windows *self = data;
	if (self->port)
		on_port_ended(self, NULL);
}

/* The last of several heads is the agent's. It gets a size before anybody
 * asks for windows, so that the first one finds it ready. */
static void begin_atlas(struct windows *self)
{
	unsigned heads = display_heads(self->display);
	if (heads < 2)
		return;
	display_set_atlas(self->display, (int)heads - 1);
	self->atlas_width = self->atlas_height = ATLAS_SIDE_FIRST;
	display_size_atlas(self->display, self->atlas_width,
			   self->atlas_height);
}

bool windows_grow_atlas(struct windows *self)
{
	unsigned width = self->atlas_width, height = self->atlas_height;
	/* nearly square packs best */
	unsigned *side = width <= height ? &width : &height;
	*side = MIN((*side + *side / 2 + 63) / 64 * 64, ATLAS_SIDE_MAX);
	if (display_atlas_head(self->display) < 0 ||
	    (uint64_t)width * height > ATLAS_PIXELS_MAX ||
	    (width == self->atlas_width && height == self->atlas_height))
		return false;
	self->atlas_width = width;
	self->atlas_height = height;
	display_size_atlas(self->display, width, height);
	return true;
}

static void port_opened(void *data, bool open)
{
	struct windows *self = data;
	if (open == self->port_open)
		return;
	self->port_open = open;
	/* the next agent's HELLO may come before we hear that it is there */
	if (self->port && !open) {
		pipe_reset(self->port, false);
		pipe_seek_hello(self->port);
	}
	if (open) {
		begin_atlas(self);
		windows_start_sync(self);
	} else {
		windows_agent_gone(self, "The guest's agent has ended.");
	}
}

static const struct display_port_ops port_ops = {
    .attach = port_attach,
    .detach = port_detach,
    .opened = port_opened,
};

/* ---- the client ---- */

static void on_client_ended(void *data, const char *why)
{
	struct windows *self = data;
	if (why && log_allow(&self->trouble_limit, &self->about))
		log_warn(&self->about, "a windows client is sent away: %s",
			 why);
	windows_drop_client(self, SEAM_FAULT_PROTOCOL, why);
}

static void on_client_drained(void *data)
{
	struct windows *self = data;
	if (self->port)
		pipe_hold(self->port, false);
	windows_send(self);
}

static const struct pipe_handlers client_handlers = {
    .message = windows_from_client,
    .drained = on_client_drained,
    .ended = on_client_ended,
};

void windows_take_client(struct windows *self, int fd)
{
	windows_drop_client(self, SEAM_FAULT_TAKEN,
			    "Another client has taken over these windows.");
	self->client = pipe_new(fd, &client_handlers, self, CLIENT_QUEUE / 2);
	pipe_limit(self->client);
}

void windows_take_port(struct windows *self, int fd)
{
	port_attach(self, fd);
	port_opened(self, true);
}

static gboolean on_connection(int fd, GIOCondition condition, void *data)
{
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client >= 0)
		windows_take_client(data, client);
	return G_SOURCE_CONTINUE;
}

struct windows *windows_new_closed(struct display *display)
{
	struct windows *self = g_new0(struct windows, 1);
	self->viewer.ops = &viewer_ops;
	self->display = display;
	self->about =
	    (struct log_about){.vm = display_vm(display), .device = "windows"};
	self->listen_fd = -1;
	self->trouble_limit.burst = 5;
	self->table = table_new();
	self->placed = g_hash_table_new(NULL, NULL);
	self->encoder = encoder_new();
	display_set_port(display, PORT_NAME, &port_ops, self);
	return self;
}

struct windows *windows_new(struct display *display, const char *address,
			    GError **error)
{
	if (!g_str_has_prefix(address, "unix:") || !address[5]) {
		fault_set(error, FAULT_INVALID, NULL,
			  "--windows takes unix:PATH, and \"%s\" is none.",
			  address);
		return NULL;
	}
	int fd = paths_unix_listen(address + 5, 0600, error);
	if (fd < 0)
		return NULL;
	struct windows *self = windows_new_closed(display);
	self->listen_fd = fd;
	self->unix_path = g_strdup(address + 5);
	self->listen_watch = g_unix_fd_add(fd, G_IO_IN, on_connection, self);
	return self;
}

void windows_free(struct windows *self)
{
	if (!self)
		return;
	display_set_port(self->display, PORT_NAME, NULL, NULL);
	g_clear_handle_id(&self->listen_watch, g_source_remove);
	g_clear_handle_id(&self->patience, g_source_remove);
	if (self->listen_fd >= 0)
		close(self->listen_fd);
	if (self->unix_path)
		unlink(self->unix_path);
	windows_drop_client(self, SEAM_FAULT_INTERNAL,
			    "The display process ends.");
	pipe_free(self->port);
	table_free(self->table);
	g_hash_table_unref(self->placed);
	encoder_free(self->encoder);
	g_free(self->unix_path);
	g_free(self);
}
