/* http-answer.h - the head of the gateway's answer to a tunnel request.
 *
 * One HTTP/1.1 answer head as docs/tunnel.md describes it; what follows the
 * head is the tunnel's own and is never looked at here. Bounded: a head is at
 * most HTTP_ANSWER_MAX bytes. Threads: any. Never fails otherwise than by
 * saying so. */
#pragma once

#include <glib.h>

#define HTTP_ANSWER_MAX (16u << 10)

enum http_answer_progress {
	HTTP_ANSWER_MORE, /* the head is not complete yet */
	HTTP_ANSWER_DONE,
	HTTP_ANSWER_BAD, /* not HTTP/1.1, or past the bounds */
};

struct http_answer {
	unsigned status;
	char upgrade[32];       /* "" where absent */
	char session[129];      /* lower-case hex, "" where absent */
	unsigned retry_after_s; /* 0 where absent */
	gsize content_length;   /* 0 where absent */
	gsize head_bytes;
};

enum http_answer_progress http_answer_parse(const char *bytes, gsize length,
					    struct http_answer *answer);
