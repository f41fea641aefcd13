#include "vmm/kvm/qmp-server.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "vmm/kvm/inherit.h"
#include "vmm/kvm/vm.h"

#define FDS_MAX 4u /* that may wait to be named by getfd */

struct qmp_client {
	struct qmp_server *server;
	int fd;
	guint watch_in, watch_out;
	bool ready; /* qmp_capabilities was said */
	bool closing;
	GString *in, *out;
	int received[FDS_MAX];
	unsigned received_count;
	GHashTable *kept; /* name -> descriptor + 1 */
	struct qmp_client *next;
};

struct qmp_server {
	struct vm *vm;
	char *path;
	int listener;
	guint watch;
	struct qmp_client *clients;
	unsigned count;
};

static gboolean can_write(gint fd, GIOCondition condition, gpointer data);

static void client_free(struct qmp_client *c)
{
	struct qmp_server *server = c->server;
	GHashTableIter iter;
	gpointer value;

	for (struct qmp_client **at = &server->clients; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			server->count--;
			break;
		}
	g_clear_handle_id(&c->watch_in, g_source_remove);
	g_clear_handle_id(&c->watch_out, g_source_remove);
	close(c->fd);
	for (unsigned i = 0; i < c->received_count; i++)
		close(c->received[i]);
	g_hash_table_iter_init(&iter, c->kept);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		close(GPOINTER_TO_INT(value) - 1);
	g_hash_table_unref(c->kept);
	g_string_free(c->in, TRUE);
	g_string_free(c->out, TRUE);
	g_free(c);
}

/* false when the client has gone for good */
static bool flush(struct qmp_client *c)
{
	while (c->out->len) {
		ssize_t sent = send(c->fd, c->out->str, c->out->len,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		g_string_erase(c->out, 0, sent);
	}
	return true;
}

static void say_text(struct qmp_client *c, const char *text)
{
	if (c->closing)
		return;
	if (c->out->len + strlen(text) > QMP_QUEUE) {
		c->closing = true; /* it never reads; the next turn ends it */
		shutdown(c->fd, SHUT_RDWR);
		return;
	}
	g_string_append(c->out, text);
	g_string_append(c->out, "\r\n");
	flush(c);
	if (c->out->len && !c->watch_out)
		c->watch_out = g_unix_fd_add(c->fd, G_IO_OUT, can_write, c);
}

static void say(struct qmp_client *c, json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (text)
		say_text(c, text);
	free(text);
	json_decref(message);
}

static gboolean can_write(gint fd, GIOCondition condition, gpointer data)
{
	struct qmp_client *c = data;

	if (!flush(c) || c->out->len == 0) {
		c->watch_out = 0;
		return G_SOURCE_REMOVE;
	}
	return G_SOURCE_CONTINUE;
}

static void refuse(struct qmp_client *c, json_t *id, const char *class,
		   const char *why)
{
	json_t *message =
	    json_pack("{s:{s:s, s:s}}", "error", "class", class, "desc", why);

	if (id)
		json_object_set(message, "id", id);
	say(c, message);
}

static const struct qmp_command *find(const char *name)
{
	for (const struct qmp_command *k = qmp_commands; k->name; k++)
		if (g_str_equal(k->name, name))
			return k;
	return NULL;
}

/* The name of an argument the command does not have, or NULL. */
static const char *foreign_argument(const struct qmp_command *command,
				    json_t *arguments)
{
	g_auto(GStrv) known = g_strsplit(command->arguments, " ", -1);
	const char *key;
	json_t *value;

	if (g_str_equal(command->arguments, "*"))
		return NULL;
	json_object_foreach(
	    arguments, key,
	    value) if (!g_strv_contains((const char *const *)known,
					key)) return key;
	return NULL;
}

static void obey(struct qmp_client *c, json_t *message)
{
	const char *name =
	    json_string_value(json_object_get(message, "execute"));
	json_t *arguments = json_object_get(message, "arguments"), *result;
	json_t *id = json_object_get(message, "id");
	const struct qmp_command *command;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	const char *foreign;

	if (!json_is_object(message) || !name) {
		refuse(c, id, "GenericError",
		       "QMP input lacks member 'execute'");
		return;
	}
	if (arguments && !json_is_object(arguments)) {
		refuse(c, id, "GenericError",
		       "QMP input member 'arguments' must be an object");
		return;
	}
	if (!c->ready) {
		if (g_str_equal(name, "qmp_capabilities")) {
			c->ready = true;
			message = json_pack("{s:{}}", "return");
			if (id)
				json_object_set(message, "id", id);
			say(c, message);
			return;
		}
		refuse(c, id, "CommandNotFound",
		       "Expecting capabilities negotiation with "
		       "'qmp_capabilities'");
		return;
	}
	command = find(name);
	if (!command) {
		g_autofree char *shown = g_utf8_make_valid(name, -1);

		text = g_strdup_printf("The command %.64s has not been found",
				       shown);
		refuse(c, id, "CommandNotFound", text);
		return;
	}
	foreign = foreign_argument(command, arguments);
	if (foreign) {
		text =
		    g_strdup_printf("Parameter '%.64s' is unexpected", foreign);
		refuse(c, id, "GenericError", text);
		return;
	}
	result = command->run(c, arguments, &error);
	if (!result) {
		g_autofree char *cause = fault_cause(error);
		g_autofree char *remedy = fault_remedy(error);

		text = remedy ? g_strdup_printf("%s. %s", cause, remedy)
			      : g_strdup(cause);
		refuse(c, id,
		       g_error_matches(error, FAULT, FAULT_NOT_FOUND)
			   ? "DeviceNotFound"
			   : "GenericError",
		       text);
		return;
	}
	message = json_pack("{s:o}", "return", result);
	if (id)
		json_object_set(message, "id", id);
	say(c, message);
}

/* One message off the front of the input; 0 when it is not complete. */
static gsize parse_one(struct qmp_client *c, json_t **message, bool *bad)
{
	json_error_t error;
	gsize skip = 0;

	*bad = false;
	while (skip < c->in->len && g_ascii_isspace(c->in->str[skip]))
		skip++;
	if (skip == c->in->len)
		return 0;
	*message = json_loadb(c->in->str + skip, c->in->len - skip,
			      JSON_DISABLE_EOF_CHECK, &error);
	if (*message)
		return skip + (gsize)error.position;
	if (json_error_code(&error) == json_error_premature_end_of_input)
		return 0;
	*bad = true;
	return 0;
}

static bool take_input(struct qmp_client *c)
{
	struct qmp_server *server = c->server;
	json_t *message;
	gsize used;
	bool bad;

	while ((used = parse_one(c, &message, &bad))) {
		g_string_erase(c->in, 0, (gssize)used);
		obey(c, message);
		json_decref(message);
		if (c->closing)
			return false;
	}
	if (bad) {
		/* the rest of the line is lost, the next one may be good */
		char *line = strchr(c->in->str, '\n');

		refuse(c, NULL, "GenericError", "JSON parse error");
		if (!line) {
			g_string_truncate(c->in, 0);
		} else {
			g_string_erase(c->in, 0, line - c->in->str + 1);
			return take_input(c);
		}
	}
	(void)server;
	return c->in->len <= QMP_MAX;
}

static void take_fds(struct qmp_client *c, struct msghdr *header)
{
	for (struct cmsghdr *m = CMSG_FIRSTHDR(header); m;
	     m = CMSG_NXTHDR(header, m)) {
		unsigned count;

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		count = (unsigned)((m->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (unsigned i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(m) + i * sizeof fd, sizeof fd);
			if (c->received_count < FDS_MAX)
				c->received[c->received_count++] = fd;
			else
				close(fd);
		}
	}
}

static gboolean can_read(gint fd, GIOCondition condition, gpointer data)
{
	struct qmp_client *c = data;
	char bytes[4096];
	union {
		char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {bytes, sizeof bytes};
	struct msghdr header = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof control,
	};
	ssize_t got = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (got > 0) {
		take_fds(c, &header);
		g_string_append_len(c->in, bytes, got);
		if (take_input(c) && !c->closing)
			return G_SOURCE_CONTINUE;
		flush(c);
	}
	c->watch_in = 0;
	client_free(c);
	return G_SOURCE_REMOVE;
}

static gboolean accept_client(gint fd, GIOCondition condition, gpointer data)
{
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (peer >= 0)
		qmp_server_attach(data, peer);
	return G_SOURCE_CONTINUE;
}

void qmp_server_attach(struct qmp_server *server, int peer)
{
	struct qmp_client *c;

	if (server->count == QMP_CLIENTS) {
		close(peer);
		return;
	}
	c = g_new0(struct qmp_client, 1);
	c->server = server;
	c->fd = peer;
	c->in = g_string_new(NULL);
	c->out = g_string_new(NULL);
	c->kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	c->watch_in = g_unix_fd_add(peer, G_IO_IN | G_IO_HUP, can_read, c);
	c->next = server->clients;
	server->clients = c;
	server->count++;
	/* Tools ask "qemu" for the level of commands to expect. */
	say(c, json_pack("{s:{s:{s:{s:i,s:i,s:i},s:s},s:[]}}", "QMP", "version",
			 "qemu", "micro", 0, "minor", 2, "major", 7, "package",
			 "oriel-vmm " ORIEL_VERSION, "capabilities"));
}

static void on_event(void *data, const char *name, const char *fields)
{
	struct qmp_server *server = data;
	gint64 now = g_get_real_time();
	g_autofree char *text = NULL;

	text = g_strdup_printf(
	    "{\"timestamp\": {\"seconds\": %" G_GINT64_FORMAT
	    ", \"microseconds\": %" G_GINT64_FORMAT "}, \"event\": \"%s\""
	    "%s%s}",
	    now / 1000000, now % 1000000, name, fields ? ", \"data\": " : "",
	    fields ? fields : "");
	for (struct qmp_client *c = server->clients; c; c = c->next)
		if (c->ready)
			say_text(c, text);
}

struct qmp_server *qmp_server_new(struct vm *vm, const char *path,
				  GError **error)
{
	struct qmp_server *server;
	int listener = path ? inherited_listener(path, error) : -1;

	if (path && listener == -1)
		listener = paths_unix_listen(path, 0600, error);
	if (path && listener < 0)
		return NULL;
	server = g_new0(struct qmp_server, 1);
	server->vm = vm;
	/* an inherited socket's file is its owner's */
	if (path && !g_str_has_prefix(path, "fd:"))
		server->path = g_strdup(path);
	server->listener = listener;
	if (listener >= 0)
		server->watch =
		    g_unix_fd_add(listener, G_IO_IN, accept_client, server);
	vm->event = on_event;
	vm->event_data = server;
	return server;
}

void qmp_server_free(struct qmp_server *server)
{
	if (!server)
		return;
	server->vm->event = NULL;
	while (server->clients)
		client_free(server->clients);
	g_clear_handle_id(&server->watch, g_source_remove);
	if (server->listener >= 0)
		close(server->listener);
	if (server->path)
		unlink(server->path);
	g_free(server->path);
	g_free(server);
}

void qmp_server_flush(struct qmp_server *server)
{
	for (struct qmp_client *c = server->clients; c; c = c->next)
		flush(c);
}

struct vm *qmp_client_vm(struct qmp_client *client)
{
	return client->server->vm;
}

int qmp_client_take_received(struct qmp_client *c)
{
	int fd;

	if (c->received_count == 0)
		return -1;
	fd = c->received[0];
	c->received_count--;
	memmove(c->received, c->received + 1,
		c->received_count * sizeof c->received[0]);
	return fd;
}

void qmp_client_keep_fd(struct qmp_client *c, const char *name, int fd)
{
	int before = qmp_client_take_fd(c, name);

	if (before >= 0)
		close(before);
	g_hash_table_insert(c->kept, g_strdup(name), GINT_TO_POINTER(fd + 1));
}

int qmp_client_take_fd(struct qmp_client *c, const char *name)
{
	int fd = GPOINTER_TO_INT(g_hash_table_lookup(c->kept, name)) - 1;

	if (fd >= 0)
		g_hash_table_remove(c->kept, name);
	return fd;
}

void qmp_server_quit(struct qmp_client *client)
{
	struct vm *vm = client->server->vm;

	if (vm->ended)
		vm->ended(vm);
}
