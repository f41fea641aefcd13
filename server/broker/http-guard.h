/* http-guard.h - a look at a request's head before libsoup reads it.
 *
 * libsoup 3.2 is lenient, and leaks memory with some heads that it refuses.
 * It never sees them: what passes here is one well-formed head of HTTP/1.x
 * (RFC 9112) with one Host and at most one, plain, length of its body.
 * Threads: any. Fails: FAULT_INVALID with what is wrong. */
#pragma once

#include <glib.h>

/* As much as the gateway takes (docs/tunnel.md). */
#define HTTP_HEAD_MAX 16384u

/* Length of the head with its empty line, or 0 when that is not there yet. */
gsize http_guard_length(const char *bytes, gsize size);
/* head has that length. */
gboolean http_guard_check(const char *head, gsize length, GError **error);
