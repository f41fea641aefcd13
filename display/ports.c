#include "display/ports.h"

#include <string.h>
#include <unistd.h>

#include "display/line.h"

/* Waiting for the machine before the viewer is held. */
#define FULL (256u << 10)
/* Passed on to a viewer as one message. */
#define PIECE_MAX (32u << 10)
/* A machine lets go of an old stream a little later than we do, and refuses
 * until then; after some tries it means it. */
#define RETRY_MS  100
#define TRIES_MAX 50

struct stream {
	struct line line;
	struct port *port; /* NULL: nobody's any more */
	bool spoke;
	bool was_full;
};

struct port {
	struct ports *all;
	enum port_kind kind;
	unsigned number;
	char *name;
	bool there; /* the machine has it */
	bool open;  /* ... and the guest listens */
	bool asked;
	unsigned tries;
	guint retry;
	struct stream *stream;
	GPtrArray *users; /* the first one has it */
};

struct ports {
	const struct ports_hooks *hooks;
	void *data;
	GPtrArray *ports;
	bool barred[PORT_KINDS];
};

static struct port_user *holder(const struct port *port)
{
	return port->users->len ? port->users->pdata[0] : NULL;
}

static bool is_there(const struct port *port)
{
	return port->there && !port->all->barred[port->kind];
}

static void tell_changed(struct port *port)
{
	g_autoptr(GPtrArray) users = g_ptr_array_copy(port->users, NULL, NULL);
	for (guint i = 0; i < users->len; i++) {
		struct port_user *user = users->pdata[i];
		if (g_ptr_array_find(port->users, user, NULL))
			user->ops->changed(user);
	}
}

/* ---- the machine's stream ---- */

static void update(struct port *port);

static void cut(struct port *port)
{
	struct stream *stream = g_steal_pointer(&port->stream);
	if (!stream)
		return;
	stream->port = NULL;
	line_cut(&stream->line);
}

static size_t on_take(void *data, const uint8_t *bytes, size_t length)
{
	struct stream *self = data;
	struct port_user *user = self->port ? holder(self->port) : NULL;
	length = MIN(length, PIECE_MAX);
	self->spoke = true;
	if (user && user->ops->full(user)) {
		line_hold(&self->line);
		return 0;
	}
	if (user)
		user->ops->data(user, bytes, length);
	return length;
}

static void on_pump(void *data)
{
	struct stream *self = data;
	struct port_user *user = self->port ? holder(self->port) : NULL;
	if (!self->was_full || line_queued(&self->line) > FULL / 2)
		return;
	self->was_full = false;
	if (user)
		user->ops->drained(user);
}

/* What the two sides of a device had agreed is void. */
static void drop_users(struct port *port)
{
	while (port->users->len) {
		struct port_user *user = holder(port);
		g_ptr_array_remove_index(port->users, 0);
		user->port = NULL;
		user->ops->gone(user);
	}
}

static gboolean on_retry(gpointer data)
{
	struct port *port = data;
	port->retry = 0;
	update(port);
	return G_SOURCE_REMOVE;
}

static void try_later(struct port *port)
{
	if (!port->retry)
		port->retry = g_timeout_add(RETRY_MS, on_retry, port);
}

static void on_failed(void *data, const char *why)
{
	struct stream *self = data;
	struct port *port = self->port;
	bool spoke = self->spoke;
	if (!port) {
		line_cut(&self->line);
		return;
	}
	cut(port);
	if (port->kind == PORT_USB && spoke)
		drop_users(port);
	tell_changed(port);
	try_later(port);
}

static void on_release(void *data)
{
	struct stream *self = data;
	line_clear(&self->line);
	g_free(self);
}

static const struct line_ops line_ops = {
    .take = on_take,
    .pump = on_pump,
    .failed = on_failed,
    .release = on_release,
};

/* The machine's end follows who has the port. */
static void update(struct port *port)
{
	bool wanted = is_there(port) && port->users->len;
	if (!wanted) {
		port->tries = 0;
		cut(port);
	} else if (!port->stream && !port->asked && !port->retry &&
		   port->tries < TRIES_MAX) {
		port->asked = true;
		port->all->hooks->ask(port->all->data, port->name);
	}
}

static struct port *named(const struct ports *self, const char *name)
{
	for (guint i = 0; i < self->ports->len; i++) {
		struct port *port = self->ports->pdata[i];
		if (strcmp(port->name, name) == 0)
			return port;
	}
	return NULL;
}

bool ports_stream(struct ports *self, const char *name, int fd)
{
	struct port *port = named(self, name);
	bool wanted = port && port->asked && is_there(port) && holder(port);
	if (port)
		port->asked = false;
	if (!wanted || port->stream) {
		if (fd >= 0)
			close(fd);
		return port;
	}
	if (fd < 0) {
		port->tries++;
		try_later(port);
		return true;
	}
	port->tries = 0;
	struct stream *stream = g_new0(struct stream, 1);
	stream->port = port;
	port->stream = stream;
	line_init(&stream->line, fd, &line_ops, stream);
	tell_changed(port);
	if (holder(port) && port->stream == stream)
		holder(port)->ops->drained(holder(port));
	return true;
}

/* ---- what there is ---- */

/* Devices have their number in their name, so that it is the same at every
 * start; consoles are counted as they come. */
static bool place_of(const struct ports *self, const char *name,
		     enum port_kind *kind, unsigned *number)
{
	static const char folder[] = "org.spice-space.webdav.0";
	static const char usb[] = "org.spice-space.usbredir.";
	static const char console[] = "org.qemu.console.";
	*number = 0;
	if (strcmp(name, folder) == 0) {
		*kind = PORT_FOLDER;
	} else if (g_str_has_prefix(name, usb)) {
		const char *digit = name + strlen(usb);
		*kind = PORT_USB;
		*number = (unsigned char)digit[0] - (unsigned)'0';
		return !digit[1] && *number < PORTS_OF_KIND;
	} else if (g_str_has_prefix(name, console)) {
		*kind = PORT_CONSOLE;
		for (guint i = 0; i < self->ports->len; i++) {
			const struct port *port = self->ports->pdata[i];
			*number += port->kind == PORT_CONSOLE;
		}
	} else {
		return false;
	}
	return *number < PORTS_OF_KIND;
}

void ports_told(struct ports *self, const char *name, bool open)
{
	struct port *port = named(self, name);
	enum port_kind kind;
	unsigned number;
	if (!port) {
		if (!place_of(self, name, &kind, &number))
			return;
		port = g_new0(struct port, 1);
		port->all = self;
		port->kind = kind;
		port->number = number;
		port->name = g_strdup(name);
		port->users = g_ptr_array_new();
		g_ptr_array_add(self->ports, port);
	}
	bool came = !port->there;
	port->there = true;
	port->open = open;
	update(port);
	tell_changed(port);
	if (came)
		self->hooks->changed(self->data);
}

static void close_port(struct port *port)
{
	cut(port);
	if (port->kind == PORT_USB)
		drop_users(port);
	tell_changed(port);
}

void ports_lost(struct ports *self)
{
	for (guint i = 0; i < self->ports->len; i++) {
		struct port *port = self->ports->pdata[i];
		port->there = port->open = port->asked = false;
		port->tries = 0;
		close_port(port);
	}
	self->hooks->changed(self->data);
}

void ports_allow(struct ports *self, enum port_kind kind, bool allowed)
{
	if (self->barred[kind] == !allowed)
		return;
	self->barred[kind] = !allowed;
	for (guint i = 0; i < self->ports->len; i++) {
		struct port *port = self->ports->pdata[i];
		if (port->kind != kind)
			continue;
		if (!allowed)
			close_port(port);
		update(port);
	}
	self->hooks->changed(self->data);
}

/* ---- viewers ---- */

unsigned ports_there(const struct ports *self, enum port_kind kind)
{
	unsigned there = 0;
	for (guint i = 0; i < self->ports->len; i++) {
		const struct port *port = self->ports->pdata[i];
		if (port->kind == kind && is_there(port))
			there |= 1u << port->number;
	}
	return there;
}

bool ports_join(struct ports *self, enum port_kind kind, unsigned number,
		struct port_user *user)
{
	for (guint i = 0; i < self->ports->len; i++) {
		struct port *port = self->ports->pdata[i];
		if (port->kind != kind || port->number != number ||
		    !is_there(port))
			continue;
		user->port = port;
		port->tries = 0;
		g_ptr_array_add(port->users, user);
		update(port);
		return true;
	}
	return false;
}

void ports_leave(struct port_user *user)
{
	struct port *port = user->port;
	if (!port)
		return;
	bool held = holder(port) == user;
	user->port = NULL;
	g_ptr_array_remove(port->users, user);
	if (!held)
		return;
	/* the guest sees this one's end before the next one begins */
	cut(port);
	update(port);
}

const char *port_name(const struct port_user *user)
{
	return user->port ? user->port->name : "";
}

bool port_is_open(const struct port_user *user)
{
	const struct port *port = user->port;
	return port && port->stream && holder(port) == user &&
	       (port->open || port->kind == PORT_USB);
}

bool port_is_full(const struct port_user *user)
{
	const struct port *port = user->port;
	if (!port || !is_there(port))
		return false; /* and what is sent is dropped */
	if (!port->stream || holder(port) != user)
		return true;
	if (line_queued(&port->stream->line) <= FULL)
		return false;
	port->stream->was_full = true;
	return true;
}

void port_send(struct port_user *user, const uint8_t *bytes, size_t length)
{
	struct port *port = user->port;
	if (!port || !port->stream || holder(port) != user)
		return;
	g_byte_array_append(port->stream->line.out, bytes, length);
	line_flush(&port->stream->line);
}

void port_go_on(struct port_user *user)
{
	struct port *port = user->port;
	if (!port || !port->stream || holder(port) != user)
		return;
	line_go_on(&port->stream->line);
}

/* ---- life ---- */

static void port_free(void *data)
{
	struct port *port = data;
	if (port->stream) {
		port->stream->port = NULL;
		line_free(&port->stream->line);
	}
	if (port->retry)
		g_source_remove(port->retry);
	g_ptr_array_unref(port->users);
	g_free(port->name);
	g_free(port);
}

struct ports *ports_new(const struct ports_hooks *hooks, void *data)
{
	struct ports *self = g_new0(struct ports, 1);
	self->hooks = hooks;
	self->data = data;
	self->ports = g_ptr_array_new_with_free_func(port_free);
	return self;
}

void ports_free(struct ports *self)
{
	if (!self)
		return;
	g_ptr_array_unref(self->ports);
	g_free(self);
}
