#include "server/gateway/web.h"

#include <string.h>

#include "common/fault.h"
#include "server/gateway/answer.h"

#define SEND_US (30 * G_USEC_PER_SEC)

/* Scripts, styles and pictures of this server and no others; noVNC draws
 * pictures and pointers from data: addresses. Nothing may frame the page. */
static const char policy[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

static gboolean is_read(const struct head *head)
{
	return span_is(head->method, "GET") || span_is(head->method, "HEAD");
}

gboolean web_wants(const struct web_files *files, const struct head *head)
{
	if (web_files_owns(head->path))
		return TRUE;
	return files && is_read(head) && web_files_find(files, head->path);
}

static gboolean lists(const struct head *head, const char *name,
		      const char *token)
{
	bool twice = false;
	const struct head_field *field = head_find(head, name, &twice);
	return field && span_lists(field->value, token);
}

/* "gzip" without a weight; with one, even 1, it is sent plain: no loss. */
static gboolean takes_gzip(const struct head *head)
{
	return lists(head, "accept-encoding", "gzip");
}

static gboolean has_body(const struct head *head)
{
	bool twice = false;
	const struct head_field *length =
	    head_find(head, "content-length", &twice);
	return head_find(head, "transfer-encoding", &twice) || twice ||
	       (length && !span_is(length->value, "0"));
}

static gboolean refuse(struct conn *conn, GError **error, enum fault_code code,
		       const char *cause, const char *remedy)
{
	g_autoptr(GError) fault = fault_new(code, remedy, "%s", cause);
	answer_fault(conn, fault, NULL);
	if (code == FAULT_INVALID)
		g_propagate_error(error, g_steal_pointer(&fault));
	return FALSE;
}

gboolean web_serve(const struct web_files *files, struct conn *conn,
		   const struct head *head, GError **error)
{
	const struct web_file *file = web_files_find(files, head->path);
	gint64 deadline_us = g_get_monotonic_time() + SEND_US;
	if (!is_read(head) || has_body(head))
		return refuse(conn, error, FAULT_INVALID,
			      "Files are asked for with GET, without a body.",
			      NULL);
	if (!file)
		return refuse(conn, error, FAULT_NOT_FOUND,
			      "There is no such file here.",
			      files && !files->novnc
				  ? "noVNC is not installed on this server: "
				    "'make web' fetches it."
				  : NULL);
	gboolean goes_on =
	    head->minor == 1 && !lists(head, "connection", "close");
	gboolean same = lists(head, "if-none-match", file->etag);
	GBytes *body =
	    file->gzip && takes_gzip(head) ? file->gzip : file->plain;
	gsize size;
	const void *bytes = g_bytes_get_data(body, &size);
	g_autofree char *length =
	    same ? g_strdup("")
		 : g_strdup_printf(
		       "Content-Length: %" G_GSIZE_FORMAT "\r\n"
		       "Content-Type: %s\r\n%s",
		       size, file->type,
		       body == file->gzip ? "Content-Encoding: gzip\r\n" : "");
	g_autofree char *answer = g_strdup_printf(
	    "HTTP/1.1 %s\r\n%sETag: %s\r\nCache-Control: %s\r\n"
	    "Vary: Accept-Encoding\r\n%s%s\r\n",
	    same ? "304 Not Modified" : "200 OK", length, file->etag,
	    file->forever ? "max-age=31536000, immutable" : "no-cache",
	    goes_on ? "" : "Connection: close\r\n", policy);
	gboolean with_body = !same && span_is(head->method, "GET");
	return conn_write(conn, answer, strlen(answer), deadline_us, error) &&
	       (!with_body ||
		conn_write(conn, bytes, size, deadline_us, error)) &&
	       goes_on;
}
