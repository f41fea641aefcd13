#include "client/api.h"

#include <libsoup/soup.h>
#include <string.h>

#include "client/secret.h"
#include "common/fault.h"
#include "common/jsonline.h"

/* Long polls take one connection each; 25 s is the server's longest hold. */
#define CONNECTIONS 24
#define TIMEOUT_S   40
#define CHUNK       (32u << 10)

struct api {
	gint references;
	SoupSession *soup;
	struct trust *trust; /* not ours */
	struct server_url server;
	char *key, *base;
	char *user, *token;
	char *given;       /* fingerprint trusted for this object's life */
	char *fingerprint; /* accepted one */
	struct api_certificate refused;
	gboolean is_refused;
};

struct call {
	struct api *api;
	SoupMessage *message;
	GCancellable *cancellable;
	GInputStream *stream;
	GByteArray *body;
	gsize limit;
	gboolean sign_in;
	api_done done;
	void *data;
};

struct api *api_new(const struct server_url *server, struct trust *trust)
{
	struct api *api = g_new0(struct api, 1);
	api->references = 1;
	api->trust = trust;
	api->server.host = g_strdup(server->host);
	api->server.port = server->port;
	api->key = server_url_key(server);
	api->base = g_strdup_printf("https://%s/api/v1", api->key);
	api->soup = soup_session_new_with_options(
	    "max-conns", CONNECTIONS, "max-conns-per-host", CONNECTIONS,
	    "timeout", TIMEOUT_S, "user-agent", "oriel-client/" ORIEL_VERSION,
	    NULL);
	return api;
}

struct api *api_ref(struct api *api)
{
	g_atomic_int_inc(&api->references);
	return api;
}

static void clear_refused(struct api *api)
{
	struct api_certificate *refused = &api->refused;
	g_clear_pointer(&refused->offered, g_free);
	g_clear_pointer(&refused->known, g_free);
	g_clear_pointer(&refused->subject, g_free);
	g_clear_pointer(&refused->issuer, g_free);
	g_clear_pointer(&refused->expires, g_free);
	api->is_refused = FALSE;
}

void api_unref(struct api *api)
{
	if (!api || !g_atomic_int_dec_and_test(&api->references))
		return;
	clear_refused(api);
	g_clear_object(&api->soup);
	server_url_clear(&api->server);
	secret_clear(&api->token);
	g_free(api->user);
	g_free(api->key);
	g_free(api->base);
	g_free(api->given);
	g_free(api->fingerprint);
	g_free(api);
}

const char *api_host(const struct api *api)
{
	return api->server.host;
}

guint16 api_port(const struct api *api)
{
	return api->server.port;
}

const char *api_server_key(const struct api *api)
{
	return api->key;
}

const char *api_user(const struct api *api)
{
	return api->user;
}

const char *api_fingerprint(const struct api *api)
{
	return api->fingerprint;
}

const char *api_session(const struct api *api)
{
	return api->token;
}

gboolean api_resume(struct api *api, const char *user, const char *session)
{
	/* it becomes part of a header */
	if (!session || !*session || strlen(session) > 512 ||
	    strspn(session, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
			    "stuvwxyz0123456789-._~+/=") != strlen(session))
		return FALSE;
	secret_clear(&api->token);
	api->token = g_strdup(session);
	g_free(api->user);
	api->user = g_strdup(user);
	return TRUE;
}

gboolean api_signed_in(const struct api *api)
{
	return api->token != NULL;
}

void api_trust(struct api *api, const char *fingerprint)
{
	g_free(api->given);
	api->given = trust_normalize(fingerprint);
}

const struct api_certificate *api_refused_certificate(const struct api *api)
{
	return api->is_refused ? &api->refused : NULL;
}

static gboolean accept_certificate(SoupMessage *message,
				   GTlsCertificate *certificate,
				   GTlsCertificateFlags flags, gpointer data)
{
	struct api *api = data;
	g_autofree char *offered = trust_fingerprint(certificate);
	if (!offered)
		return FALSE;
	g_autofree char *known = NULL;
	enum trust_verdict verdict = TRUST_KNOWN;
	/* a fingerprint given by hand stands above what is remembered */
	if (api->given) {
		if (strcmp(api->given, offered) != 0) {
			verdict = TRUST_CHANGED;
			known = g_strdup(api->given);
		}
	} else {
		verdict =
		    trust_check(api->trust, api->key, offered, &known, NULL);
	}
	if (verdict == TRUST_KNOWN) {
		g_free(api->fingerprint);
		api->fingerprint = g_steal_pointer(&offered);
		return TRUE;
	}
	clear_refused(api);
	api->is_refused = TRUE;
	api->refused.verdict = verdict;
	api->refused.flags = flags;
	api->refused.offered = g_steal_pointer(&offered);
	api->refused.known = g_steal_pointer(&known);
	api->refused.subject = g_tls_certificate_get_subject_name(certificate);
	api->refused.issuer = g_tls_certificate_get_issuer_name(certificate);
	g_autoptr(GDateTime) expires =
	    g_tls_certificate_get_not_valid_after(certificate);
	if (expires)
		api->refused.expires = g_date_time_format(expires, "%-d %B %Y");
	return FALSE;
}

static void free_call(struct call *call)
{
	g_clear_object(&call->message);
	g_clear_object(&call->cancellable);
	g_clear_object(&call->stream);
	g_clear_pointer(&call->body, g_byte_array_unref);
	api_unref(call->api);
	g_free(call);
}

/* What a person can do about a network error. */
static GError *network_error(struct call *call, const GError *error)
{
	const char *host = call->api->server.host;
	if (call->api->is_refused)
		return fault_new(FAULT_DENIED, "Compare its fingerprint first.",
				 "The certificate of %s is not trusted", host);
	if (error->domain == G_RESOLVER_ERROR)
		return fault_new(FAULT_UNAVAILABLE,
				 "Check the server's name and the network.",
				 "No server named %s was found", host);
	if (error->domain == G_TLS_ERROR)
		return fault_new(
		    FAULT_UNAVAILABLE,
		    "Check the address and port: it may not be an Oriel "
		    "server.",
		    "%s port %u does not offer a secure connection", host,
		    call->api->server.port);
	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
		return fault_new(FAULT_UNAVAILABLE,
				 "Check the port, or ask the administrator "
				 "whether the server is running.",
				 "Nothing answers on %s port %u", host,
				 call->api->server.port);
	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
		return fault_new(FAULT_TIMEOUT,
				 "Check the network and try again.",
				 "%s did not answer in time", host);
	return fault_new(fault_code(error), "Check the network and try again.",
			 "%s cannot be reached: %s", host, error->message);
}

static void finish(struct call *call, const GError *error)
{
	if (g_cancellable_is_cancelled(call->cancellable)) {
		free_call(call);
		return;
	}
	struct api_answer answer = {0};
	g_autoptr(GError) told = NULL;
	if (error) {
		told = network_error(call, error);
	} else {
		SoupMessageHeaders *headers =
		    soup_message_get_response_headers(call->message);
		const char *type =
		    soup_message_headers_get_content_type(headers, NULL);
		const char *retry =
		    soup_message_headers_get_one(headers, "Retry-After");
		answer.status = soup_message_get_status(call->message);
		if (retry) {
			guint64 seconds = 5;
			g_ascii_string_to_unsigned(retry, 10, 1, 3600, &seconds,
						   NULL);
			answer.retry_after_s = (unsigned)seconds;
		}
		if (g_strcmp0(type, "application/json") == 0)
			answer.json = json_loadb((char *)call->body->data,
						 call->body->len, 0, NULL);
		else
			answer.bytes = g_byte_array_free_to_bytes(
			    g_steal_pointer(&call->body));
		json_t *refusal = json_object_get(answer.json, "error");
		if (answer.status >= 200 && answer.status < 300) {
			/* as asked */
		} else if (json_is_object(refusal)) {
			told = jsonline_to_error(refusal);
			answer.needs_code =
			    g_strcmp0(json_string_value(
					  json_object_get(refusal, "needs")),
				      "code") == 0;
		} else {
			told = fault_new(
			    FAULT_UNAVAILABLE,
			    "Check the address: it may not be an Oriel "
			    "server.",
			    "%s answered with HTTP %u", call->api->server.host,
			    answer.status);
		}
	}
	if (!told && call->sign_in) {
		const char *token =
		    json_string_value(json_object_get(answer.json, "token"));
		const char *user =
		    json_string_value(json_object_get(answer.json, "user"));
		if (!api_resume(call->api, user ? user : "", token)) {
			told = fault_new(FAULT_UNAVAILABLE,
					 "Check the address: it may not be an "
					 "Oriel server.",
					 "%s gave an answer that makes no "
					 "sense",
					 call->api->server.host);
		}
	}
	if (answer.status == 401 && !call->sign_in)
		secret_clear(&call->api->token); /* it is of no more use */
	call->done(&answer, told, call->data);
	json_decref(answer.json);
	g_clear_pointer(&answer.bytes, g_bytes_unref);
	free_call(call);
}

static void on_chunk(GObject *source, GAsyncResult *result, gpointer data)
{
	struct call *call = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) chunk =
	    g_input_stream_read_bytes_finish(call->stream, result, &error);
	gsize size = chunk ? g_bytes_get_size(chunk) : 0;
	if (error || size == 0) {
		finish(call, error);
	} else if (call->body->len + size > call->limit) {
		error = fault_new(FAULT_INVALID,
				  "Check the address: it may not be an Oriel "
				  "server.",
				  "the answer has no end");
		finish(call, error);
	} else {
		g_byte_array_append(call->body, g_bytes_get_data(chunk, NULL),
				    (guint)size);
		g_input_stream_read_bytes_async(
		    call->stream, CHUNK, G_PRIORITY_DEFAULT, call->cancellable,
		    on_chunk, call);
	}
}

static void on_sent(GObject *source, GAsyncResult *result, gpointer data)
{
	struct call *call = data;
	g_autoptr(GError) error = NULL;
	call->stream =
	    soup_session_send_finish(SOUP_SESSION(source), result, &error);
	if (!call->stream) {
		finish(call, error);
		return;
	}
	SoupMessageHeaders *headers =
	    soup_message_get_response_headers(call->message);
	const char *type = soup_message_headers_get_content_type(headers, NULL);
	call->limit =
	    g_strcmp0(type, "image/png") == 0 ? API_PICTURE_MAX : API_JSON_MAX;
	g_input_stream_read_bytes_async(call->stream, CHUNK, G_PRIORITY_DEFAULT,
					call->cancellable, on_chunk, call);
}

static gboolean no_redirects(SoupMessage *message)
{
	soup_message_add_flags(message, SOUP_MESSAGE_NO_REDIRECT);
	return TRUE;
}

static void wipe_body(gpointer text)
{
	memset(text, 0, strlen(text));
	free(text);
}

static void start(struct api *api, const char *method, const char *path,
		  json_t *body, gboolean sign_in, GCancellable *cancellable,
		  api_done done, void *data)
{
	struct call *call = g_new0(struct call, 1);
	g_autofree char *uri = g_strconcat(api->base, path, NULL);
	call->api = api_ref(api);
	call->cancellable =
	    cancellable ? g_object_ref(cancellable) : g_cancellable_new();
	call->body = g_byte_array_new();
	call->sign_in = sign_in;
	call->done = done;
	call->data = data;
	call->message = soup_message_new(method, uri);
	if (!call->message) {
		json_decref(body);
		g_autoptr(GError) error =
		    fault_new(FAULT_INVALID, "Check the server's name.",
			      "%s is not an address", uri);
		finish(call, error);
		return;
	}
	no_redirects(call->message);
	g_signal_connect(call->message, "accept-certificate",
			 G_CALLBACK(accept_certificate), api);
	SoupMessageHeaders *headers =
	    soup_message_get_request_headers(call->message);
	if (api->token && !sign_in) {
		g_autofree char *bearer =
		    g_strconcat("Bearer ", api->token, NULL);
		soup_message_headers_replace(headers, "Authorization", bearer);
	}
	if (body) {
		char *text = json_dumps(body, JSON_COMPACT);
		json_decref(body);
		g_autoptr(GBytes) bytes = g_bytes_new_with_free_func(
		    text, strlen(text), wipe_body, text);
		soup_message_set_request_body_from_bytes(
		    call->message, "application/json", bytes);
	}
	clear_refused(api);
	soup_session_send_async(api->soup, call->message, G_PRIORITY_DEFAULT,
				call->cancellable, on_sent, call);
}

void api_call(struct api *api, const char *method, const char *path,
	      json_t *body, GCancellable *cancellable, api_done done,
	      void *data)
{
	start(api, method, path, body, FALSE, cancellable, done, data);
}

void api_sign_in(struct api *api, const char *user, const char *password,
		 const char *code, GCancellable *cancellable, api_done done,
		 void *data)
{
	start(api, "POST", "/sessions",
	      json_pack("{s:s,s:s,s:s*}", "user", user, "password", password,
			"code", code),
	      TRUE, cancellable, done, data);
}

void api_sign_in_elsewhere(struct api *api, const char *code, const char *state,
			   const char *key, const char *redirect,
			   GCancellable *cancellable, api_done done, void *data)
{
	start(api, "POST", "/oidc/sessions",
	      json_pack("{s:s,s:s,s:s,s:s}", "code", code, "state", state,
			"key", key, "redirect", redirect),
	      TRUE, cancellable, done, data);
}

static void ignore(const struct api_answer *answer, const GError *error,
		   void *data)
{
}

void api_sign_out(struct api *api)
{
	if (!api->token)
		return;
	api_call(api, "DELETE", "/sessions/current", NULL, NULL, ignore, NULL);
	secret_clear(&api->token);
}

char *api_desktop_path(const char *id, const char *verb)
{
	/* ids are the server's, but end up in a path */
	if (!server_pool_valid(id))
		return NULL;
	return verb ? g_strdup_printf("/desktops/%s/%s", id, verb)
		    : g_strdup_printf("/desktops/%s", id);
}
