#include "server/cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <libsoup/soup.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"

#define BASE "http://oriel/api/v1"

struct client {
	char *path;    /* of the socket */
	int folder_fd; /* of a path too long for a socket's name; or -1 */
	SoupSession *session;
	GCancellable *cancellable;
	GMainLoop *loop;
	GBytes *answer;
	GError *error;
};

struct client *client_create(const char *run_dir)
{
	struct client *self = g_new0(struct client, 1);
	self->path = g_build_filename(run_dir, "admin.sock", NULL);
	self->folder_fd = -1;
	self->loop = g_main_loop_new(NULL, FALSE);
	self->cancellable = g_cancellable_new();
	g_autofree char *reach = g_strdup(self->path);
	if (strlen(reach) >= sizeof((struct sockaddr_un *)0)->sun_path) {
		self->folder_fd =
		    open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		g_free(reach);
		reach = g_strdup_printf("/proc/self/fd/%d/admin.sock",
					self->folder_fd);
	}
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(reach);
	/* no timeout: long polls and removals take their time */
	self->session = soup_session_new_with_options(
	    "remote-connectable", address, "timeout", 0, NULL);
	return self;
}

void client_destroy(struct client *self)
{
	if (!self)
		return;
	g_object_unref(self->session);
	g_object_unref(self->cancellable);
	g_main_loop_unref(self->loop);
	if (self->folder_fd >= 0)
		close(self->folder_fd);
	g_free(self->path);
	g_free(self);
}

char *client_part(const char *text)
{
	return g_uri_escape_string(text, NULL, FALSE);
}

void client_interrupt(struct client *self)
{
	g_cancellable_cancel(self->cancellable);
}

static void on_answer(GObject *source, GAsyncResult *result, void *data)
{
	struct client *self = data;
	self->answer = soup_session_send_and_read_finish(SOUP_SESSION(source),
							 result, &self->error);
	g_main_loop_quit(self->loop);
}

static void explain_failure(struct client *self, const GError *why,
			    GError **error)
{
	if (g_error_matches(why, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		fault_set(error, FAULT_CANCELLED, NULL, "Interrupted.");
	else if (g_error_matches(why, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
		fault_set(error, FAULT_DENIED,
			  "Run it as root or as the account that runs orield, "
			  "or name your own installation with --root DIR.",
			  "You may not use '%s'.", self->path);
	else
		fault_set(error, FAULT_UNAVAILABLE,
			  "Start it ('orield --root DIR', or 'systemctl start "
			  "oriel'), and name its folder with --root DIR or in "
			  "ORIEL_ROOT_DIR.",
			  "No Oriel server answers at '%s': %s.", self->path,
			  why->message);
}

static GBytes *send_message(struct client *self, SoupMessage *message,
			    GError **error)
{
	g_cancellable_reset(self->cancellable);
	soup_session_send_and_read_async(self->session, message,
					 G_PRIORITY_DEFAULT, self->cancellable,
					 on_answer, self);
	g_main_loop_run(self->loop);
	g_autoptr(GBytes) answer = g_steal_pointer(&self->answer);
	g_autoptr(GError) why = g_steal_pointer(&self->error);
	if (!answer) {
		explain_failure(self, why, error);
		return NULL;
	}
	guint status = soup_message_get_status(message);
	if (status < 400)
		return g_steal_pointer(&answer);
	gsize size;
	const char *text = g_bytes_get_data(answer, &size);
	json_t *parsed = json_loadb(text ? text : "", size, 0, NULL);
	json_t *told = json_object_get(parsed, "error");
	if (told)
		g_propagate_error(error, jsonline_to_error(told));
	else
		fault_set(error, FAULT_INTERNAL, NULL,
			  "The server answered with status %u and no reason.",
			  status);
	json_decref(parsed);
	return NULL;
}

json_t *client_call(struct client *self, const char *method, const char *path,
		    json_t *body, GError **error)
{
	g_autofree char *url = g_strconcat(BASE, path, NULL);
	g_autoptr(SoupMessage) message = soup_message_new(method, url);
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (!message) {
		free(text);
		fault_set(error, FAULT_INVALID, NULL,
			  "'%s' cannot be asked for.", path);
		return NULL;
	}
	if (text) {
		gsize size = strlen(text);
		g_autoptr(GBytes) bytes =
		    g_bytes_new_with_free_func(text, size, free, text);
		soup_message_set_request_body_from_bytes(
		    message, "application/json", bytes);
	}
	g_autoptr(GBytes) answer = send_message(self, message, error);
	if (!answer)
		return NULL;
	gsize size;
	const char *data = g_bytes_get_data(answer, &size);
	if (!size)
		return json_object();
	json_t *parsed = json_loadb(data, size, 0, NULL);
	if (!parsed)
		fault_set(error, FAULT_INTERNAL, NULL,
			  "The server's answer is not JSON.");
	return parsed;
}

GBytes *client_fetch(struct client *self, const char *path, GError **error)
{
	g_autofree char *url = g_strconcat(BASE, path, NULL);
	g_autoptr(SoupMessage) message = soup_message_new("GET", url);
	return send_message(self, message, error);
}
