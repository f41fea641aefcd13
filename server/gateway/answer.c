#include "server/gateway/answer.h"

#include <string.h>

#include "common/fault.h"
#include "common/jsonline.h"

#define SEND_US (5 * G_USEC_PER_SEC)

static const char *status_line(enum fault_code code)
{
	switch (code) {
	case FAULT_INVALID:
		return "400 Bad Request";
	case FAULT_DENIED:
		return "401 Unauthorized";
	case FAULT_NOT_FOUND:
		return "404 Not Found";
	case FAULT_CONFLICT:
		return "409 Conflict";
	case FAULT_BUSY:
		return "429 Too Many Requests";
	case FAULT_UNAVAILABLE:
		return "503 Service Unavailable";
	case FAULT_TIMEOUT:
		return "504 Gateway Timeout";
	case FAULT_STORAGE:
		return "507 Insufficient Storage";
	default:
		return "500 Internal Server Error";
	}
}

unsigned answer_status(enum fault_code code)
{
	return (unsigned)g_ascii_strtoull(status_line(code), NULL, 10);
}

static const char *retry_after(enum fault_code code)
{
	return code == FAULT_BUSY          ? "Retry-After: 5\r\n"
	       : code == FAULT_UNAVAILABLE ? "Retry-After: 2\r\n"
					   : "";
}

void answer_fault(struct conn *conn, const GError *fault, const char *session)
{
	enum fault_code code = fault_code(fault);
	json_t *body = json_pack("{s:o}", "error", jsonline_from_error(fault));
	char *text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	if (!text)
		return;
	g_autofree char *answer = g_strdup_printf(
	    "HTTP/1.1 %s\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: %" G_GSIZE_FORMAT "\r\n"
	    "%s%s%s%s%s"
	    "Cache-Control: no-store\r\n"
	    "Connection: close\r\n\r\n%s",
	    status_line(code), strlen(text), retry_after(code),
	    code == FAULT_DENIED ? "WWW-Authenticate: Oriel-Ticket\r\n" : "",
	    session ? "Oriel-Session: " : "", session ? session : "",
	    session ? "\r\n" : "", text);
	free(text);
	conn_write(conn, answer, strlen(answer),
		   g_get_monotonic_time() + SEND_US, NULL);
}

void answer_plain_http(struct conn *conn)
{
	g_autoptr(GError) fault =
	    fault_new(FAULT_INVALID, "Use https:// with the same port.",
		      "This port speaks TLS only.");
	answer_fault(conn, fault, NULL);
}
