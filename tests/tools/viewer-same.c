/* viewer-same - a viewer that says when it shows what it should, bit by bit.
 *
 *   viewer-same ADDRESS PROFILE        see tests/bench/display/session.h
 *
 * Says "ready" with its first picture. Lines on stdin:
 *
 *   want N FILE [X Y W H]  waits until the picture equals the file's (32 bits
 *                        0x00RRGGBB), but for that rectangle, and says
 *                        "same N" and the rectangles taken so far, by encoding
 *   differ               where it differs from what was wanted last
 *   key                  presses and releases one
 *
 * Ends with its stdin. Threads: lines are read on one, all else is done on the
 * main one. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/display/session.h"

#define WORDS_MAX 7u

static GAsyncQueue *lines;
static struct session *session;

static struct {
	uint32_t *picture;
	gsize pixels;
	unsigned x, y, w, h; /* what does not count */
	unsigned number;
	bool waits;
} want;

static void *read_lines(void *data)
{
	char line[4096];
	while (fgets(line, sizeof line, stdin))
		g_async_queue_push(lines, g_strdup(line));
	g_async_queue_push(lines, g_strdup("end"));
	return NULL;
}

static void on_rect(void *data, unsigned x, unsigned y, unsigned w, unsigned h,
		    int32_t encoding)
{
}

/* Pixels of a row that differ, from *first to before *end. */
static unsigned row_differs(unsigned y, unsigned width, unsigned *first,
			    unsigned *end)
{
	const uint32_t *is = session_pixels(session) + (size_t)y * width;
	const uint32_t *should = want.picture + (size_t)y * width;
	unsigned count = 0;
	if (memcmp(is, should, width * 4u) == 0)
		return 0;
	for (unsigned x = 0; x < width; x++) {
		if (is[x] == should[x] ||
		    (x - want.x < want.w && y - want.y < want.h))
			continue;
		*first = count++ ? MIN(*first, x) : x;
		*end = x + 1;
	}
	return count;
}

static bool same(void)
{
	unsigned width = session_width(session), first, end;
	if (!width || want.pixels % width)
		return false;
	for (unsigned y = 0; y < want.pixels / width; y++)
		if (row_differs(y, width, &first, &end))
			return false;
	return true;
}

static void tell_difference(void)
{
	unsigned width = session_width(session), count = 0;
	unsigned left = width, right = 0, top = 0, bottom = 0;
	for (unsigned y = 0; width && y < want.pixels / width; y++) {
		unsigned first, end, some = row_differs(y, width, &first, &end);
		if (!some)
			continue;
		left = MIN(left, first);
		right = MAX(right, end);
		top = count ? top : y;
		bottom = y + 1;
		count += some;
	}
	printf("differ %u %u pixels between %u, %u and %u, %u of a picture %u "
	       "wide\n",
	       want.number, count, left, top, right, bottom, width);
}

static bool set_want(char **word, unsigned words)
{
	char *bytes = NULL;
	gsize length = 0;
	if (words != 3 && words != 7)
		return false;
	if (!g_file_get_contents(word[2], &bytes, &length, NULL))
		return false;
	g_free(want.picture);
	want.picture = (uint32_t *)bytes;
	want.pixels = length / 4;
	want.number = strtoul(word[1], NULL, 10);
	want.x = words == 7 ? strtoul(word[3], NULL, 10) : 0;
	want.y = words == 7 ? strtoul(word[4], NULL, 10) : 0;
	want.w = words == 7 ? strtoul(word[5], NULL, 10) : 0;
	want.h = words == 7 ? strtoul(word[6], NULL, 10) : 0;
	want.waits = true;
	return true;
}

/* False at the end. */
static bool obey(char *line)
{
	char *word[WORDS_MAX + 1], *rest = NULL;
	unsigned words = 0;
	for (char *next = strtok_r(line, " \n", &rest);
	     next && words < WORDS_MAX; next = strtok_r(NULL, " \n", &rest))
		word[words++] = next;
	if (words && strcmp(word[0], "end") == 0)
		return false;
	if (words && strcmp(word[0], "key") == 0) {
		session_key(session, 'a', true);
		session_key(session, 'a', false);
	} else if (words && strcmp(word[0], "differ") == 0 && want.picture) {
		tell_difference();
	} else if (!words || strcmp(word[0], "want") != 0 ||
		   !set_want(word, words)) {
		puts("failed");
	}
	return true;
}

static void tell_same(void)
{
	const unsigned *counts = session_counts(session);
	printf("same %u", want.number);
	for (unsigned i = 0; i < SESSION_COUNTS; i++)
		printf(" %u", counts[i]);
	putchar('\n');
	want.waits = false;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: viewer-same ADDRESS PROFILE\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	lines = g_async_queue_new_full(g_free);
	session = session_open(argv[1], argv[2], NULL);
	session_ask_all(session);
	while (!session_message(session, on_rect, NULL))
		while (!session_ready(session, 1000))
			;
	puts("ready");
	GThread *reader = g_thread_new("lines", read_lines, NULL);
	for (bool on = true, changed = false; on; changed = false) {
		if (session_ready(session, 5))
			changed = session_message(session, on_rect, NULL);
		g_autofree char *line = g_async_queue_try_pop(lines);
		if (line) {
			on = obey(line);
			changed = true;
		}
		if (want.waits && changed && same())
			tell_same();
	}
	g_thread_join(reader);
	g_free(want.picture);
	session_close(session);
	g_async_queue_unref(lines);
	return 0;
}
