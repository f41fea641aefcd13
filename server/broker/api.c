/* libsoup reads requests and writes answers; everything that decides is here:
 * which route, who asks, is the body within bounds, what the answer is. A
 * body is collected by us up to its route's bound. One that is longer is
 * refused by name, read on to DRAIN_MAX so that the refusal reaches the
 * client, and then cut. */
#include "server/broker/api.h"

#include <libsoup/soup.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/broker/api-link.h"
#include "server/broker/http-status.h"
#include "server/broker/listener.h"
#include "server/broker/once.h"
#include "server/broker/request.h"

#define DRAIN_MAX (16u << 20)
/* Long polls and keep-alive hold connections; each costs some 10 KB. */
#define LINKS_MAX         2000u
#define LINKS_PER_ADDRESS 200u

struct api {
	struct broker *broker;
	SoupServer *server;
	struct listener *admin, *public;
	unsigned links;
	GHashTable *addresses; /* address -> number of links */
};

struct transport { /* one message, as long as libsoup or a handler has it */
	struct api *api;
	SoupServerMessage *message; /* NULL once finished */
	struct request *request;    /* while a handler has it */
	const struct route *route;
	char *params[REQUEST_PARAMS_MAX];
	GByteArray *body;
	gsize received;
	gsize limit;
	gboolean answered, paused, streaming;
	gboolean gone; /* libsoup has let the message go */
};

/* ---- answering ---- */

static void set_common(SoupServerMessage *message)
{
	SoupMessageHeaders *headers =
	    soup_server_message_get_response_headers(message);
	soup_message_headers_replace(headers, "Cache-Control", "no-store");
	/* libsoup 3.2 closes connections that it did not accept itself after
	 * one answer, without saying so; made to keep them, it forgets those
	 * whose peer goes away. Clients have to know. */
	soup_message_headers_replace(headers, "Connection", "close");
	soup_message_headers_replace(headers, "X-Content-Type-Options",
				     "nosniff");
}

static void send_bytes(SoupServerMessage *message, int status, const char *type,
		       const char *text, gsize size)
{
	set_common(message);
	soup_server_message_set_status(message, (guint)status, NULL);
	if (text)
		soup_server_message_set_response(message, type,
						 SOUP_MEMORY_COPY, text, size);
}

static void send_json(SoupServerMessage *message, int status, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	json_decref(answer);
	send_bytes(message, status, "application/json", text,
		   text ? strlen(text) : 0);
	free(text);
}

static int status_of(const GError *error, gboolean signed_in)
{
	enum fault_code code = fault_code(error);
	return code == FAULT_DENIED && signed_in ? 403 : http_status(code);
}

static json_t *error_json(const GError *error, gboolean needs_code)
{
	json_t *fault = jsonline_from_error(error);
	if (needs_code)
		json_object_set_new(fault, "needs", json_string("code"));
	return json_pack("{s:o}", "error", fault);
}

static void send_error(SoupServerMessage *message, const GError *error,
		       gboolean signed_in, unsigned retry_after_s,
		       gboolean needs_code)
{
	SoupMessageHeaders *headers =
	    soup_server_message_get_response_headers(message);
	enum fault_code code = fault_code(error);
	int status = status_of(error, signed_in);
	if (status == 401)
		soup_message_headers_replace(headers, "WWW-Authenticate",
					     "Bearer");
	if (code == FAULT_BUSY || retry_after_s) {
		g_autofree char *seconds =
		    g_strdup_printf("%u", MAX(retry_after_s, 1u));
		soup_message_headers_replace(headers, "Retry-After", seconds);
	}
	if (code == FAULT_INTERNAL)
		log_fault(NULL, error);
	send_json(message, status, error_json(error, needs_code));
}

static void request_free(struct request *request)
{
	for (gsize i = 0; i < REQUEST_PARAMS_MAX; i++)
		g_free(request->params[i]);
	json_decref(request->query);
	json_decref(request->body);
	session_clear(&request->session);
	g_free(request->peer);
	g_free(request->if_match);
	g_free(request->etag);
	g_free(request->once_key);
	g_free(request);
}

static void transport_free(struct transport *transport)
{
	for (gsize i = 0; i < REQUEST_PARAMS_MAX; i++)
		g_free(transport->params[i]);
	g_byte_array_unref(transport->body);
	g_free(transport);
}

/* The message if somebody still waits for it, else NULL; either way the
 * request has its answer now. */
static SoupServerMessage *begin_answer(struct request *request)
{
	struct transport *transport = request->transport;
	g_assert(!transport->answered);
	transport->answered = TRUE;
	return transport->message;
}

static void end_answer(struct request *request)
{
	struct transport *transport = request->transport;
	transport->request = NULL;
	request_free(request);
	if (transport->gone)
		transport_free(transport);
	else if (transport->message && transport->paused)
		soup_server_message_unpause(transport->message);
}

struct answer { /* that waits for the disk */
	struct request *request;
	int status;
	json_t *json;
};

static void on_kept(const GError *error, void *data)
{
	struct answer *answer = data;
	struct request *request = answer->request;
	if (error) {
		json_decref(answer->json);
		request_fail(request, error);
		g_free(answer);
		return;
	}
	SoupServerMessage *message = begin_answer(request);
	if (message && request->etag)
		soup_message_headers_replace(
		    soup_server_message_get_response_headers(message), "ETag",
		    request->etag);
	if (message)
		send_json(message, answer->status, answer->json);
	else
		json_decref(answer->json);
	end_answer(request);
	g_free(answer);
}

/* What a request has changed is told once it is kept. */
void request_answer(struct request *request, int status, json_t *json)
{
	once_end(request, status, json);
	struct answer *answer = g_new0(struct answer, 1);
	answer->request = request;
	answer->status = status;
	answer->json = json;
	store_when_kept(request->broker->store, request->mark, on_kept, answer);
}

void request_bytes(struct request *request, const char *type, GBytes *bytes)
{
	SoupServerMessage *message = begin_answer(request);
	gsize size;
	const char *data = g_bytes_get_data(bytes, &size);
	if (message)
		send_bytes(message, request->route->status, type, data, size);
	end_answer(request);
}

gboolean request_stream_begin(struct request *request, const char *type)
{
	struct transport *transport = request->transport;
	SoupServerMessage *message = transport->message;
	if (!message)
		return FALSE;
	SoupMessageHeaders *headers =
	    soup_server_message_get_response_headers(message);
	transport->streaming = TRUE;
	set_common(message);
	soup_server_message_set_status(message, 200, NULL);
	soup_message_headers_replace(headers, "Content-Type", type);
	/* HTTP/1.0 knows no pieces: there the end of the connection is it */
	soup_message_headers_set_encoding(
	    headers,
	    soup_server_message_get_http_version(message) == SOUP_HTTP_1_0
		? SOUP_ENCODING_EOF
		: SOUP_ENCODING_CHUNKED);
	soup_message_body_set_accumulate(
	    soup_server_message_get_response_body(message), FALSE);
	return TRUE;
}

gboolean request_stream_send(struct request *request, const char *text)
{
	struct transport *transport = request->transport;
	if (!transport->message)
		return FALSE;
	soup_message_body_append(
	    soup_server_message_get_response_body(transport->message),
	    SOUP_MEMORY_COPY, text, strlen(text));
	soup_server_message_unpause(transport->message);
	return TRUE;
}

void request_stream_end(struct request *request)
{
	SoupServerMessage *message = begin_answer(request);
	if (message) {
		soup_message_body_complete(
		    soup_server_message_get_response_body(message));
		soup_server_message_unpause(message);
	}
	end_answer(request);
}

void request_fail(struct request *request, const GError *error)
{
	if (request->once_key) {
		json_t *told = error_json(error, FALSE);
		once_end(
		    request,
		    status_of(error, request->local || request->session.user),
		    told);
		json_decref(told);
	}
	SoupServerMessage *message = begin_answer(request);
	if (message)
		send_error(message, error,
			   request->local || request->session.user,
			   request->retry_after_s, request->needs_code);
	end_answer(request);
}

/* ---- routes ---- */

static gboolean match(const char *pattern, const char *path,
		      char *params[REQUEST_PARAMS_MAX])
{
	unsigned count = 0;
	while (*pattern || *path) {
		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return FALSE;
			continue;
		}
		gsize length = strcspn(path, "/");
		/* longer than any name or id of ours */
		if (!length || length > 64)
			return FALSE;
		g_free(params[count]);
		params[count++] = g_strndup(path, length);
		path += length;
		pattern = strchr(pattern, '}') + 1;
	}
	return TRUE;
}

/* 404 for a path that is none, 400 for a method it has not. */
static const struct route *find_route(const char *method, const char *path,
				      char *params[REQUEST_PARAMS_MAX],
				      GError **error)
{
	gboolean known = FALSE;
	gsize prefix = strlen(PATH_PREFIX);
	if (strncmp(path, PATH_PREFIX "/", prefix + 1) != 0)
		goto none;
	for (gsize i = 0; i < routes_count; i++) {
		if (!match(routes[i].path, path + prefix, params))
			continue;
		known = TRUE;
		if (strcmp(routes[i].method, method) == 0)
			return &routes[i];
	}
none:
	if (known)
		fault_set(error, FAULT_INVALID,
			  "See /api/v1/openapi.json for the calls there are.",
			  "This path does not take the method.");
	else
		fault_set(error, FAULT_NOT_FOUND,
			  "See /api/v1/openapi.json for the calls there are.",
			  "There is no such path.");
	return NULL;
}

/* Queries are numbers, all of them; "a=1&b=2". */
static json_t *parse_query(const char *text, GError **error)
{
	json_t *query = json_object();
	g_auto(GStrv) pairs = g_strsplit(text ? text : "", "&", 16);
	for (char **pair = pairs; *pair; pair++) {
		if (!**pair)
			continue;
		char *value = strchr(*pair, '=');
		gint64 number;
		if (value)
			*value++ = 0;
		if (!value || !g_utf8_validate(*pair, -1, NULL) ||
		    json_object_get(query, *pair) ||
		    !g_ascii_string_to_signed(value, 10, 0, G_MAXINT64, &number,
					      NULL)) {
			g_autofree char *name = log_quote(*pair, strlen(*pair));
			fault_set(error, FAULT_INVALID, NULL,
				  "Parameter %s must be one whole number.",
				  name);
			json_decref(query);
			return NULL;
		}
		json_object_set_new(query, *pair, json_integer(number));
	}
	return query;
}

static const struct shape_field no_fields[] = {{0}};
static const struct shape nothing = {"nothing", NULL, no_fields};

/* ---- one request ---- */

static gboolean authorize(struct request *request, SoupServerMessage *message,
			  GError **error)
{
	enum role needed = request->route->role;
	if (needed == ROLE_ANYONE || request->local)
		return TRUE;
	const char *value = soup_message_headers_get_one(
	    soup_server_message_get_request_headers(message), "Authorization");
	static const char scheme[] = "Bearer ";
	const char *token =
	    value && g_ascii_strncasecmp(value, scheme, strlen(scheme)) == 0
		? value + strlen(scheme)
		: NULL;
	g_autoptr(GError) why = NULL;
	if (!people_find_session(request->broker, token, &request->session,
				 &why)) {
		if (why)
			g_propagate_error(error, g_steal_pointer(&why));
		else
			fault_set(error, FAULT_DENIED, "Sign in.",
				  token ? "The session is unknown or has "
					  "ended."
					: "This needs somebody signed in.");
		return FALSE;
	}
	if (request->session.role >= needed)
		return TRUE;
	fault_set(error, FAULT_DENIED, "Ask an administrator.",
		  "This needs the role '%s'; you are '%s'.", role_name(needed),
		  role_name(request->session.role));
	return FALSE;
}

static gboolean check(struct request *request, struct transport *transport,
		      SoupServerMessage *message, GError **error)
{
	GUri *uri = soup_server_message_get_uri(message);
	const struct route *route = request->route;
	if (!authorize(request, message, error))
		return FALSE;
	if (transport->received > transport->limit) {
		fault_set(error, FAULT_INVALID, "Send less.",
			  "The request is larger than %" G_GSIZE_FORMAT
			  " bytes.",
			  transport->limit);
		return FALSE;
	}
	request->query = parse_query(g_uri_get_query(uri), error);
	if (!request->query ||
	    !shape_check(route->query ? route->query : &nothing, request->query,
			 error))
		return FALSE;
	request->body = shape_parse((char *)transport->body->data,
				    transport->body->len, error);
	return request->body &&
	       shape_check(route->body ? route->body : &nothing, request->body,
			   error);
}

char *request_host(const struct request *request)
{
	const struct transport *transport = request->transport;
	GUri *uri = request->local || !transport->message
			? NULL
			: soup_server_message_get_uri(transport->message);
	const char *host = uri ? g_uri_get_host(uri) : NULL;
	return g_strdup(host && *host ? host : "localhost");
}

/* The connection ended or the answer is out. */
static void on_finished(SoupServerMessage *message, void *data)
{
	struct transport *transport = data;
	transport->message = NULL;
}

static void on_message_gone(void *data)
{
	struct transport *transport = data;
	transport->message = NULL;
	transport->gone = TRUE;
	/* a handler that is not done yet answers to nobody */
	if (!transport->request)
		transport_free(transport);
}

static void on_request(SoupServer *server, SoupServerMessage *message,
		       const char *path, GHashTable *query, void *data)
{
	struct transport *transport =
	    g_object_get_data(G_OBJECT(message), "oriel-transport");
	g_autoptr(GError) error = NULL;
	GUri *uri = soup_server_message_get_uri(message);
	struct api_link *link =
	    api_link_of(soup_server_message_get_remote_address(message));
	if (!link || !transport || transport->answered)
		return;
	if (strcmp(g_uri_get_path(uri), "/healthz") == 0) {
		send_bytes(message, 200, "text/plain", "ok\n", 3);
		return;
	}
	if (!transport->route)
		transport->route =
		    find_route(soup_server_message_get_method(message),
			       g_uri_get_path(uri), transport->params, &error);
	if (!transport->route) {
		send_error(message, error, FALSE, 0, FALSE);
		return;
	}
	struct request *request = g_new0(struct request, 1);
	request->broker = transport->api->broker;
	request->route = transport->route;
	request->local = link->local;
	request->mark = store_mark(request->broker->store);
	request->peer = g_strdup(link->address);
	request->transport = transport;
	memcpy(request->params, transport->params, sizeof request->params);
	memset(transport->params, 0, sizeof transport->params);
	transport->request = request;
	SoupMessageHeaders *headers =
	    soup_server_message_get_request_headers(message);
	const char *key =
	    soup_message_headers_get_one(headers, "Idempotency-Key");
	request->if_match =
	    g_strdup(soup_message_headers_get_one(headers, "If-Match"));
	if (!check(request, transport, message, &error)) {
		request_fail(request, error);
		return;
	}
	if (key && request->route->once) {
		enum once_verdict verdict = once_begin(request, key, &error);
		if (verdict == ONCE_REFUSED)
			request_fail(request, error);
		if (verdict != ONCE_GO)
			return;
	}
	transport->route->handle(request);
	if (transport->answered || transport->streaming)
		return; /* libsoup itself waits for the next piece */
	transport->paused = TRUE;
	soup_server_message_pause(message);
}

static void on_got_headers(SoupServerMessage *message, void *data)
{
	struct transport *transport = data;
	GUri *uri = soup_server_message_get_uri(message);
	if (!uri)
		return;
	/* so that the body's bound is known before the body is */
	transport->route =
	    find_route(soup_server_message_get_method(message),
		       g_uri_get_path(uri), transport->params, NULL);
	if (transport->route && transport->route->body_max)
		transport->limit = transport->route->body_max;
}

static void on_got_chunk(SoupServerMessage *message, GBytes *chunk, void *data)
{
	struct transport *transport = data;
	gsize size;
	const guint8 *bytes = g_bytes_get_data(chunk, &size);
	transport->received += size;
	if (transport->received <= transport->limit)
		g_byte_array_append(transport->body, bytes, (guint)size);
	else
		g_byte_array_set_size(transport->body, 0);
	if (transport->received > DRAIN_MAX)
		api_link_cut(api_link_of(
		    soup_server_message_get_remote_address(message)));
}

static void on_started(SoupServer *server, SoupServerMessage *message,
		       void *data)
{
	struct transport *transport = g_new0(struct transport, 1);
	transport->api = data;
	transport->message = message;
	transport->body = g_byte_array_new();
	transport->limit = REQUEST_BODY_MAX;
	g_object_set_data_full(G_OBJECT(message), "oriel-transport", transport,
			       on_message_gone);
	soup_message_body_set_accumulate(
	    soup_server_message_get_request_body(message), FALSE);
	g_signal_connect(message, "got-headers", G_CALLBACK(on_got_headers),
			 transport);
	g_signal_connect(message, "got-chunk", G_CALLBACK(on_got_chunk),
			 transport);
	g_signal_connect(message, "finished", G_CALLBACK(on_finished),
			 transport);
}

/* ---- connections ---- */

static unsigned links_of(struct api *self, const char *address)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(self->addresses, address));
}

static gboolean on_link_known(struct api_link *link, void *data)
{
	struct api *self = data;
	unsigned count = links_of(self, link->address);
	if (count >= LINKS_PER_ADDRESS)
		return FALSE;
	g_hash_table_insert(self->addresses, g_strdup(link->address),
			    GUINT_TO_POINTER(count + 1));
	link->counted = TRUE;
	return TRUE;
}

static void on_link_gone(struct api_link *link, void *data)
{
	struct api *self = data;
	self->links--;
	if (!link->counted)
		return;
	unsigned count = links_of(self, link->address);
	if (count > 1)
		g_hash_table_insert(self->addresses, g_strdup(link->address),
				    GUINT_TO_POINTER(count - 1));
	else
		g_hash_table_remove(self->addresses, link->address);
}

static void on_link_ready(struct api_link *link, GIOStream *stream,
			  GSocketAddress *local, GSocketAddress *remote,
			  void *data)
{
	struct api *self = data;
	g_autoptr(GError) error = NULL;
	if (!soup_server_accept_iostream(self->server, stream, local, remote,
					 &error))
		log_fault(NULL, error);
}

static const struct api_link_calls link_calls = {
    .known = on_link_known,
    .ready = on_link_ready,
    .gone = on_link_gone,
};

static void take(struct api *self, int fd, gboolean local)
{
	if (self->links >= LINKS_MAX) {
		static struct log_limit limit = {.burst = 1};
		if (log_allow(&limit, NULL))
			log_warn(NULL, "too many connections to the API");
		close(fd);
		return;
	}
	self->links++;
	api_link_open(fd, local, &link_calls, self);
}

static void on_public(int fd, void *data)
{
	take(data, fd, FALSE);
}

static void on_admin(int fd, void *data)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	/* the file's mode says so too; this holds if somebody changes it */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
	    (peer.uid != 0 && peer.uid != geteuid())) {
		log_warn(NULL, "admin.sock: uid %u may not use it",
			 (unsigned)peer.uid);
		close(fd);
		return;
	}
	take(data, fd, TRUE);
}

struct api *api_create(struct broker *broker, GError **error)
{
	struct api *self = g_new0(struct api, 1);
	self->broker = broker;
	self->addresses =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	/* raw paths: names need no escapes, and what has them is no name */
	self->server =
	    soup_server_new("raw-paths", TRUE, "server-header", "Oriel", NULL);
	soup_server_add_handler(self->server, NULL, on_request, self, NULL);
	g_signal_connect(self->server, "request-started",
			 G_CALLBACK(on_started), self);
	self->admin = listener_create(broker->root, "admin.sock", NULL,
				      on_admin, self, error);
	if (self->admin)
		self->public =
		    listener_create(broker->root, "api.sock", "gateway",
				    on_public, self, error);
	if (!self->public)
		g_clear_pointer(&self, api_destroy);
	return self;
}

void api_destroy(struct api *self)
{
	if (!self)
		return;
	listener_destroy(self->admin);
	listener_destroy(self->public);
	soup_server_disconnect(self->server);
	g_object_unref(self->server);
	/* the process ends now: links that a greeting still holds, and the
	 * table they count in, end with it */
}
