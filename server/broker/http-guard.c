#include "server/broker/http-guard.h"

#include <string.h>

#include "common/fault.h"

#define TARGET_MAX     2048u
#define METHOD_MAX     16u
#define FIELDS_MAX     64u
#define FIELD_NAME_MAX 64u
/* 10 digits are 9 GB; the body's own bound comes later */
#define LENGTH_DIGITS_MAX 10u

static gboolean wrong(GError **error, const char *what)
{
	fault_set(error, FAULT_INVALID,
		  "Send one well-formed HTTP/1.1 request.",
		  "The request cannot be read: %s.", what);
	return FALSE;
}

gsize http_guard_length(const char *bytes, gsize size)
{
	const char *end = memmem(bytes, size, "\r\n\r\n", 4);
	return end ? (gsize)(end - bytes) + 4 : 0;
}

/* ---- the request line ---- */

static gboolean check_request(const char *line, gsize length, GError **error)
{
	gsize method = 0;
	while (method < length && g_ascii_isupper(line[method]))
		method++;
	if (!method || method > METHOD_MAX || method == length ||
	    line[method] != ' ')
		return wrong(error, "its method is none");
	const char *target = line + method + 1;
	gsize rest = length - method - 1, size = 0;
	while (size < rest && target[size] > ' ' && target[size] < 0x7f)
		size++;
	if (!size || *target != '/' || size > TARGET_MAX || size == rest ||
	    target[size] != ' ')
		return wrong(error, "its path is none, or too long");
	const char *version = target + size + 1;
	gsize left = rest - size - 1;
	if (left != 8 || (memcmp(version, "HTTP/1.1", 8) != 0 &&
			  memcmp(version, "HTTP/1.0", 8) != 0))
		return wrong(error, "its version is none that is spoken here");
	return TRUE;
}

/* ---- fields ---- */

struct seen {
	unsigned fields, hosts, lengths, encodings;
};

static gboolean token(char byte)
{
	return g_ascii_isalnum(byte) ||
	       (byte && strchr("!#$%&'*+-.^_`|~", byte));
}

static gboolean is(const char *name, gsize size, const char *wanted)
{
	return size == strlen(wanted) &&
	       g_ascii_strncasecmp(name, wanted, size) == 0;
}

static gboolean all_of(const char *value, gsize size, const char *allowed)
{
	for (gsize i = 0; i < size; i++)
		if (!g_ascii_isalnum(value[i]) &&
		    (!value[i] || !strchr(allowed, value[i])))
			return FALSE;
	return size > 0;
}

static gboolean check_known(const char *name, gsize name_size,
			    const char *value, gsize size, struct seen *seen,
			    GError **error)
{
	if (is(name, name_size, "Host")) {
		seen->hosts++;
		if (size > 255 || !all_of(value, size, ".:-_[]"))
			return wrong(error, "its Host is none");
	} else if (is(name, name_size, "Content-Length")) {
		seen->lengths++;
		gsize digits = 0;
		while (digits < size && g_ascii_isdigit(value[digits]))
			digits++;
		if (!size || digits != size || size > LENGTH_DIGITS_MAX)
			return wrong(error, "its Content-Length is none");
	} else if (is(name, name_size, "Transfer-Encoding")) {
		seen->encodings++;
		if (!is(value, size, "chunked"))
			return wrong(error, "its Transfer-Encoding is not "
					    "chunked");
	} else if (is(name, name_size, "Expect")) {
		if (!is(value, size, "100-continue"))
			return wrong(error, "it expects what is not done here");
	}
	return TRUE;
}

static gboolean check_field(const char *line, gsize length, struct seen *seen,
			    GError **error)
{
	gsize name = 0;
	while (name < length && token(line[name]))
		name++;
	if (!name || name > FIELD_NAME_MAX || name == length ||
	    line[name] != ':')
		return wrong(error, "a header has no name");
	if (++seen->fields > FIELDS_MAX)
		return wrong(error, "it has too many headers");
	const char *value = line + name + 1;
	gsize size = length - name - 1;
	for (gsize i = 0; i < size; i++)
		if ((guchar)value[i] < ' ' && value[i] != '\t')
			return wrong(error, "a header holds a control "
					    "character");
	while (size && (*value == ' ' || *value == '\t')) {
		value++;
		size--;
	}
	while (size && (value[size - 1] == ' ' || value[size - 1] == '\t'))
		size--;
	return check_known(line, name, value, size, seen, error);
}

gboolean http_guard_check(const char *head, gsize length, GError **error)
{
	struct seen seen = {0};
	const char *end = head + length - 2; /* before the empty line */
	gboolean first = TRUE;
	if (memchr(head, 0, length))
		return wrong(error, "it holds a zero byte");
	for (const char *line = head; line < end; first = FALSE) {
		const char *next = memmem(line, (gsize)(end - line), "\r\n", 2);
		gsize size = next ? (gsize)(next - line) : 0;
		if (!next || memchr(line, '\n', size) ||
		    memchr(line, '\r', size))
			return wrong(error, "its lines do not end as they "
					    "should");
		if (first ? !check_request(line, size, error)
			  : !check_field(line, size, &seen, error))
			return FALSE;
		line = next + 2;
	}
	if (seen.hosts != 1)
		return wrong(error, "it has not exactly one Host");
	if (seen.lengths + seen.encodings > 1)
		return wrong(error, "its body has two lengths");
	return TRUE;
}
