#include "client/http-answer.h"

#include <string.h>

/* A header's value without surrounding blanks, or NULL for another name. */
static const char *value_of(const char *line, gsize length, const char *name,
			    gsize *value_length)
{
	gsize name_length = strlen(name);
	if (length <= name_length || line[name_length] != ':' ||
	    g_ascii_strncasecmp(line, name, name_length) != 0)
		return NULL;
	const char *value = line + name_length + 1;
	const char *end = line + length;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*value_length = (gsize)(end - value);
	return value;
}

static gboolean copy_value(char *to, gsize size, const char *value,
			   gsize length)
{
	if (length == 0 || length >= size)
		return FALSE;
	memcpy(to, value, length);
	to[length] = '\0';
	return TRUE;
}

static gboolean parse_number(const char *value, gsize length, gsize limit,
			     gsize *number)
{
	if (length == 0 || length > 9)
		return FALSE;
	gsize sum = 0;
	for (gsize i = 0; i < length; i++) {
		if (!g_ascii_isdigit(value[i]))
			return FALSE;
		sum = sum * 10 + (gsize)(value[i] - '0');
	}
	*number = MIN(sum, limit);
	return TRUE;
}

static gboolean parse_header(const char *line, gsize length,
			     struct http_answer *answer)
{
	gsize size = 0, number = 0;
	const char *value;
	if ((value = value_of(line, length, "Upgrade", &size)))
		return copy_value(answer->upgrade, sizeof answer->upgrade,
				  value, size);
	if ((value = value_of(line, length, "Oriel-Session", &size)))
		return copy_value(answer->session, sizeof answer->session,
				  value, size) &&
		       strspn(answer->session, "0123456789abcdef") == size;
	if ((value = value_of(line, length, "Retry-After", &size))) {
		/* a date is allowed by HTTP; we then wait a little */
		if (!parse_number(value, size, 3600, &number))
			number = 5;
		answer->retry_after_s = (unsigned)number;
	} else if ((value = value_of(line, length, "Content-Length", &size))) {
		if (!parse_number(value, size, 1u << 30, &number))
			return FALSE;
		answer->content_length = number;
	}
	return TRUE;
}

enum http_answer_progress http_answer_parse(const char *bytes, gsize length,
					    struct http_answer *answer)
{
	*answer = (struct http_answer){0};
	gsize limit = MIN(length, HTTP_ANSWER_MAX);
	/* refuse at the first byte that cannot be an answer */
	static const char version[] = "HTTP/1.1 ";
	if (memcmp(bytes, version, MIN(limit, sizeof version - 1)) != 0)
		return HTTP_ANSWER_BAD;
	const char *end = g_strstr_len(bytes, (gssize)limit, "\r\n\r\n");
	if (!end)
		return length >= HTTP_ANSWER_MAX ? HTTP_ANSWER_BAD
						 : HTTP_ANSWER_MORE;
	answer->head_bytes = (gsize)(end - bytes) + 4;
	const char *line = bytes;
	gboolean first = TRUE;
	while (line <= end) {
		const char *stop = g_strstr_len(line, end + 2 - line, "\r\n");
		if (!stop)
			return HTTP_ANSWER_BAD;
		gsize size = (gsize)(stop - line);
		if (memchr(line, '\0', size))
			return HTTP_ANSWER_BAD;
		if (first) {
			gsize number = 0;
			if (size < 12 || (size > 12 && line[12] != ' ') ||
			    !parse_number(line + 9, 3, 999, &number) ||
			    number < 100)
				return HTTP_ANSWER_BAD;
			answer->status = (unsigned)number;
			first = FALSE;
		} else if (!parse_header(line, size, answer)) {
			return HTTP_ANSWER_BAD;
		}
		line = stop + 2;
	}
	return HTTP_ANSWER_DONE;
}
