/* loopback.h - where a browser on this computer comes back to (RFC 8252, 7.3).
 *
 * Listens on 127.0.0.1 until one request brings what the provider has to say,
 * and answers that with a page for people. Everything else there gets 404.
 *
 * Threads: main. Ownership: loopback_free() stops it; no handler after it.
 * Bounds: LOOPBACK_HEAD bytes and LOOPBACK_HEAD_S seconds a request,
 * LOOPBACK_GUESTS at the same time. Fails: whoever sends nonsense is cut off,
 * nothing more. */
#pragma once

#include <gio/gio.h>

#define LOOPBACK_HEAD   16384u
#define LOOPBACK_HEAD_S 10
#define LOOPBACK_GUESTS 16u
#define LOOPBACK_CODE   4096u

struct loopback;

/* What came back: a code, or the provider's word for why there is none. */
struct loopback_answer {
	char *code, *error;
};
/* Good once; of the answer nothing remains. */
typedef void (*loopback_came)(const struct loopback_answer *answer, void *data);

/* state is asked for later, by loopback_expect(). NULL and a fault where
 * nothing can listen. */
struct loopback *loopback_new(loopback_came came, void *data, GError **error);
/* "http://127.0.0.1:PORT/". */
const char *loopback_address(const struct loopback *loopback);
/* Only what comes with that is taken; nothing before. */
void loopback_expect(struct loopback *loopback, const char *state);
void loopback_free(struct loopback *loopback);

/* A request's first line, "GET /?code=...&state=... HTTP/1.1", without its
 * end. FALSE: it is not what state was given out for. */
gboolean loopback_parse(const char *line, gsize length, const char *state,
			struct loopback_answer *answer);
void loopback_answer_clear(struct loopback_answer *answer);
