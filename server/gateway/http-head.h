/* http-head.h - one HTTP/1.1 request head, checked to the letter.
 *
 * RFC 9112, 3 "Request Line" and 5 "Field Syntax", without what invites
 * misunderstanding: no bare CR or LF, no folded lines, no space before the
 * colon, no bytes outside printable ASCII except in field values, origin-form
 * targets only. The gateway reads a single head per connection; a connection
 * for the API is passed on with the bytes as they came, so nothing decided
 * here can differ from what the broker reads later.
 *
 * Threads: any. Ownership: parsed strings point into the caller's bytes.
 * Fails: HEAD_BAD with a reason for people; never allocates. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HEAD_MAX    16384 /* bytes, with the empty line; docs/tunnel.md */
#define HEAD_FIELDS 64    /* browsers send about 20 */

struct span { /* not terminated */
	const char *at;
	size_t size;
};

struct head_field {
	struct span name, value;
};

struct head {
	struct span method;
	struct span target;
	struct span path; /* of the target, up to '?' */
	int minor;        /* HTTP/1.minor, 0 or 1 */
	unsigned count;
	struct head_field fields[HEAD_FIELDS];
	size_t size; /* bytes up to and including the empty line */
};

enum head_result {
	HEAD_DONE,
	HEAD_MORE, /* nothing wrong so far */
	HEAD_BAD,
};

/* Parses bytes[0..size) from the start. *reason is set for HEAD_BAD. */
enum head_result head_parse(struct head *head, const char *bytes, size_t size,
			    const char **reason);

/* The one field of that name (any case); NULL when absent. *twice is set
 * when there are several. */
const struct head_field *head_find(const struct head *head, const char *name,
				   bool *twice);

bool span_is(struct span span, const char *text);
bool span_is_nocase(struct span span, const char *text);
/* A comma-separated list contains the token (any case). */
bool span_lists(struct span span, const char *token);
