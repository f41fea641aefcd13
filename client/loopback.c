#include "client/loopback.h"

#include <string.h>

#include "client/secret.h"
#include "common/fault.h"

struct loopback {
	GSocketService *service;
	char *address, *state;
	GSList *guests;
	guint count;
	loopback_came came;
	void *data;
};

/* A connection, until its head is whole. */
struct guest {
	struct loopback *loopback; /* NULL: gone */
	GSocketConnection *connection;
	GCancellable *cancellable;
	GByteArray *head;
	guint deadline;
	char chunk[2048];
	char *answer; /* being written */
};

#define PAGE(title, text)                                                      \
	"<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>"     \
	"Oriel</title><style>body{font:16px sans-serif;max-width:28em;margin:" \
	"20vh auto;padding:0 1em;text-align:center;color:#333;background:"     \
	"#f6f5f4}h1{font-weight:300}@media(prefers-color-scheme:dark){body{"   \
	"color:#ddd;background:#242424}}</style><h1>" title "</h1><p>" text    \
	"</p></html>\n"

static const char page_done[] =
    PAGE("Go back to Oriel",
	 "You can close this page. Oriel goes on by itself in its own window.");
static const char page_refused[] =
    PAGE("You are not signed in",
	 "The provider said no. Close this page; Oriel’s own window tells "
	 "more.");
static const char page_nothing[] =
    PAGE("There is nothing here", "Begin in Oriel’s own window.");

void loopback_answer_clear(struct loopback_answer *answer)
{
	secret_clear(&answer->code);
	g_clear_pointer(&answer->error, g_free);
}

/* Without telling by its time how much of it is right. */
static gboolean same(const char *a, const char *b)
{
	gsize length = strlen(b);
	if (strlen(a) != length)
		return FALSE;
	unsigned differs = 0;
	for (gsize i = 0; i < length; i++)
		differs |= (unsigned)(guchar)a[i] ^ (unsigned)(guchar)b[i];
	return differs == 0;
}

gboolean loopback_parse(const char *line, gsize length, const char *state,
			struct loopback_answer *answer)
{
	static const char start[] = "GET /?", end[] = " HTTP/1.";
	*answer = (struct loopback_answer){0};
	if (length > LOOPBACK_HEAD || memchr(line, 0, length))
		return FALSE;
	g_autofree char *text = g_strndup(line, length);
	char *tail = strstr(text, end);
	if (!state || !tail || !g_str_has_prefix(text, start))
		return FALSE;
	*tail = 0;
	g_autoptr(GHashTable) given = g_uri_parse_params(
	    text + strlen(start), -1, "&", G_URI_PARAMS_WWW_FORM, NULL);
	const char *is = given ? g_hash_table_lookup(given, "state") : NULL;
	const char *code = given ? g_hash_table_lookup(given, "code") : NULL;
	const char *error = given ? g_hash_table_lookup(given, "error") : NULL;
	if (!is || !same(is, state) ||
	    (code && (!*code || strlen(code) > LOOPBACK_CODE)) ||
	    (!code && !error))
		return FALSE;
	if (error)
		answer->error = g_strndup(error, 64);
	else
		answer->code = g_strdup(code);
	return TRUE;
}

/* --- a guest --------------------------------------------------------- */

static void free_guest(struct guest *guest)
{
	if (guest->loopback) {
		guest->loopback->guests =
		    g_slist_remove(guest->loopback->guests, guest);
		guest->loopback->count--;
	}
	g_clear_handle_id(&guest->deadline, g_source_remove);
	g_clear_object(&guest->connection);
	g_clear_object(&guest->cancellable);
	g_byte_array_unref(guest->head);
	g_free(guest->answer);
	g_free(guest);
}

static void on_written(GObject *source, GAsyncResult *result, gpointer data)
{
	g_output_stream_write_all_finish(G_OUTPUT_STREAM(source), result, NULL,
					 NULL);
	free_guest(data);
}

static void answer(struct guest *guest, const char *status, const char *page)
{
	guest->answer = g_strdup_printf(
	    "HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n"
	    "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
	    "Content-Security-Policy: default-src 'none'; style-src "
	    "'unsafe-inline'\r\n\r\n%s",
	    status, strlen(page), page);
	g_output_stream_write_all_async(
	    g_io_stream_get_output_stream(G_IO_STREAM(guest->connection)),
	    guest->answer, strlen(guest->answer), G_PRIORITY_DEFAULT,
	    guest->cancellable, on_written, guest);
}

static void take(struct guest *guest)
{
	struct loopback *loopback = guest->loopback;
	const char *head = (const char *)guest->head->data;
	const char *end = memchr(head, '\r', guest->head->len);
	struct loopback_answer came;
	if (!loopback_parse(head, (gsize)(end - head), loopback->state,
			    &came)) {
		answer(guest, "404 Not Found", page_nothing);
		return;
	}
	secret_clear(&loopback->state); /* good once */
	answer(guest, "200 OK", came.code ? page_done : page_refused);
	loopback->came(&came, loopback->data);
	loopback_answer_clear(&came);
}

static void on_read(GObject *source, GAsyncResult *result, gpointer data)
{
	struct guest *guest = data;
	gssize got =
	    g_input_stream_read_finish(G_INPUT_STREAM(source), result, NULL);
	if (got <= 0 || !guest->loopback ||
	    guest->head->len + (gsize)got > LOOPBACK_HEAD) {
		free_guest(guest);
		return;
	}
	g_byte_array_append(guest->head, (guint8 *)guest->chunk, (guint)got);
	if (g_strstr_len((char *)guest->head->data, guest->head->len,
			 "\r\n\r\n")) {
		take(guest);
		return;
	}
	g_input_stream_read_async(G_INPUT_STREAM(source), guest->chunk,
				  sizeof guest->chunk, G_PRIORITY_DEFAULT,
				  guest->cancellable, on_read, guest);
}

static gboolean on_deadline(gpointer data)
{
	struct guest *guest = data;
	guest->deadline = 0;
	g_cancellable_cancel(guest->cancellable);
	return G_SOURCE_REMOVE;
}

static gboolean on_incoming(GSocketService *service,
			    GSocketConnection *connection, GObject *source,
			    struct loopback *loopback)
{
	if (loopback->count >= LOOPBACK_GUESTS)
		return TRUE;
	struct guest *guest = g_new0(struct guest, 1);
	guest->loopback = loopback;
	guest->connection = g_object_ref(connection);
	guest->cancellable = g_cancellable_new();
	guest->head = g_byte_array_new();
	guest->deadline =
	    g_timeout_add_seconds(LOOPBACK_HEAD_S, on_deadline, guest);
	loopback->guests = g_slist_prepend(loopback->guests, guest);
	loopback->count++;
	g_input_stream_read_async(
	    g_io_stream_get_input_stream(G_IO_STREAM(connection)), guest->chunk,
	    sizeof guest->chunk, G_PRIORITY_DEFAULT, guest->cancellable,
	    on_read, guest);
	return TRUE;
}

/* --- life ------------------------------------------------------------ */

struct loopback *loopback_new(loopback_came came, void *data, GError **error)
{
	g_autoptr(GInetAddress) here =
	    g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
	g_autoptr(GSocketAddress) any = g_inet_socket_address_new(here, 0);
	g_autoptr(GSocketAddress) is = NULL;
	g_autoptr(GError) why = NULL;
	g_autoptr(GSocketService) service = g_socket_service_new();
	if (!g_socket_listener_add_address(
		G_SOCKET_LISTENER(service), any, G_SOCKET_TYPE_STREAM,
		G_SOCKET_PROTOCOL_TCP, NULL, &is, &why)) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Sign in on the server's web page instead.",
			  "The browser could not come back: %s", why->message);
		return NULL;
	}
	struct loopback *loopback = g_new0(struct loopback, 1);
	loopback->service = g_steal_pointer(&service);
	loopback->came = came;
	loopback->data = data;
	loopback->address = g_strdup_printf(
	    "http://127.0.0.1:%u/",
	    g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(is)));
	g_signal_connect(loopback->service, "incoming", G_CALLBACK(on_incoming),
			 loopback);
	g_socket_service_start(loopback->service);
	return loopback;
}

const char *loopback_address(const struct loopback *loopback)
{
	return loopback->address;
}

void loopback_expect(struct loopback *loopback, const char *state)
{
	secret_set(&loopback->state, state);
}

void loopback_free(struct loopback *loopback)
{
	if (!loopback)
		return;
	g_signal_handlers_disconnect_by_data(loopback->service, loopback);
	g_socket_service_stop(loopback->service);
	g_socket_listener_close(G_SOCKET_LISTENER(loopback->service));
	g_clear_object(&loopback->service);
	for (GSList *l = loopback->guests; l; l = l->next) {
		struct guest *guest = l->data;
		guest->loopback = NULL;
		/* who is being answered still gets their page */
		if (!guest->answer)
			g_cancellable_cancel(guest->cancellable);
	}
	g_slist_free(loopback->guests);
	secret_clear(&loopback->state);
	g_free(loopback->address);
	g_free(loopback);
}
