#include "server/gateway/http-head.h"

#include <string.h>
#include <strings.h>

/* RFC 9110, 5.6.2 "Tokens" */
static bool is_token_char(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z'))
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c);
}

static bool is_value_char(unsigned char c)
{
	return c == '\t' || (c >= 0x20 && c != 0x7f);
}

bool span_is(struct span span, const char *text)
{
	return strlen(text) == span.size &&
	       memcmp(span.at, text, span.size) == 0;
}

bool span_is_nocase(struct span span, const char *text)
{
	return strlen(text) == span.size &&
	       strncasecmp(span.at, text, span.size) == 0;
}

static struct span trim(struct span span)
{
	while (span.size && (*span.at == ' ' || *span.at == '\t')) {
		span.at++;
		span.size--;
	}
	while (span.size && (span.at[span.size - 1] == ' ' ||
			     span.at[span.size - 1] == '\t'))
		span.size--;
	return span;
}

bool span_lists(struct span span, const char *token)
{
	while (span.size) {
		const char *comma = memchr(span.at, ',', span.size);
		size_t size = comma ? (size_t)(comma - span.at) : span.size;
		if (span_is_nocase(trim((struct span){span.at, size}), token))
			return true;
		if (!comma)
			return false;
		span.at += size + 1;
		span.size -= size + 1;
	}
	return false;
}

/* The next line without its CRLF. A line may also just not be complete. */
static enum head_result take_line(const char *bytes, size_t size, size_t *at,
				  struct span *line, const char **reason)
{
	const char *start = bytes + *at;
	size_t left = size - *at;
	for (size_t i = 0; i < left; i++) {
		unsigned char c = (unsigned char)start[i];
		if (c == '\r') {
			if (i + 1 == left)
				return HEAD_MORE;
			if (start[i + 1] != '\n') {
				*reason = "a line break is not CR LF";
				return HEAD_BAD;
			}
			*line = (struct span){start, i};
			*at += i + 2;
			return HEAD_DONE;
		}
		if (!is_value_char(c)) {
			*reason = c == '\n' ? "a line break is not CR LF"
					    : "a control character";
			return HEAD_BAD;
		}
	}
	return HEAD_MORE;
}

static bool parse_target(struct head *head, const char **reason)
{
	struct span target = head->target;
	*reason = "the request target is no path";
	if (!target.size || *target.at != '/')
		return false;
	for (size_t i = 0; i < target.size; i++)
		if (target.at[i] <= ' ' || target.at[i] == '#' ||
		    (unsigned char)target.at[i] >= 0x7f)
			return false;
	const char *query = memchr(target.at, '?', target.size);
	head->path = (struct span){
	    target.at, query ? (size_t)(query - target.at) : target.size};
	return true;
}

static bool parse_request_line(struct head *head, struct span line,
			       const char **reason)
{
	*reason = "the request line is not 'METHOD /path HTTP/1.1'";
	const char *first = memchr(line.at, ' ', line.size);
	if (!first || first == line.at)
		return false;
	head->method = (struct span){line.at, (size_t)(first - line.at)};
	for (size_t i = 0; i < head->method.size; i++)
		if (!is_token_char((unsigned char)head->method.at[i]))
			return false;
	const char *rest = first + 1;
	size_t left = line.size - head->method.size - 1;
	const char *second = memchr(rest, ' ', left);
	if (!second)
		return false;
	head->target = (struct span){rest, (size_t)(second - rest)};
	struct span version = {second + 1, left - head->target.size - 1};
	if (span_is(version, "HTTP/1.1"))
		head->minor = 1;
	else if (span_is(version, "HTTP/1.0"))
		head->minor = 0;
	else
		return false;
	return parse_target(head, reason);
}

static bool parse_field(struct head *head, struct span line,
			const char **reason)
{
	if (head->count == HEAD_FIELDS) {
		*reason = "too many header fields";
		return false;
	}
	const char *colon = memchr(line.at, ':', line.size);
	*reason = "a header field is not 'Name: value'";
	if (!colon || colon == line.at)
		return false;
	size_t name_size = (size_t)(colon - line.at);
	for (size_t i = 0; i < name_size; i++)
		if (!is_token_char((unsigned char)line.at[i]))
			return false; /* a folded line fails here too */
	head->fields[head->count++] = (struct head_field){
	    {line.at, name_size},
	    trim((struct span){colon + 1, line.size - name_size - 1})};
	return true;
}

enum head_result head_parse(struct head *head, const char *bytes, size_t size,
			    const char **reason)
{
	size_t at = 0, limit = size < HEAD_MAX ? size : HEAD_MAX;
	struct span line;
	enum head_result result;
	head->count = 0;
	for (bool first = true;; first = false) {
		result = take_line(bytes, limit, &at, &line, reason);
		if (result != HEAD_DONE)
			break;
		if (first) {
			if (!parse_request_line(head, line, reason))
				return HEAD_BAD;
		} else if (!line.size) {
			head->size = at;
			bool twice = false;
			if (!head_find(head, "host", &twice) && head->minor) {
				*reason = "the Host field is missing";
				return HEAD_BAD;
			}
			if (twice) {
				*reason = "there are several Host fields";
				return HEAD_BAD;
			}
			return HEAD_DONE;
		} else if (!parse_field(head, line, reason)) {
			return HEAD_BAD;
		}
	}
	if (result == HEAD_MORE && size >= HEAD_MAX) {
		*reason = "it is longer than 16 KiB";
		return HEAD_BAD;
	}
	return result;
}

const struct head_field *head_find(const struct head *head, const char *name,
				   bool *twice)
{
	const struct head_field *found = NULL;
	for (unsigned i = 0; i < head->count; i++) {
		if (!span_is_nocase(head->fields[i].name, name))
			continue;
		if (found)
			*twice = true;
		else
			found = &head->fields[i];
	}
	return found;
}
