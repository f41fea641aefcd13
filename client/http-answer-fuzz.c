/* The answer parser must keep every promise of its header on any bytes. The
 * bytes are tried as they are and as headers behind a good status line. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/http-answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *prefix, const uint8_t *data, size_t size)
{
	size_t before = strlen(prefix), whole = before + size;
	/* exactly as long as the input, so that reading past it is seen */
	char *bytes = malloc(whole ? whole : 1);
	memcpy(bytes, prefix, before);
	if (size)
		memcpy(bytes + before, data, size);
	struct http_answer answer;
	if (http_answer_parse(bytes, whole, &answer) == HTTP_ANSWER_DONE &&
	    (answer.head_bytes > whole || answer.head_bytes > HTTP_ANSWER_MAX ||
	     answer.status < 100 || answer.status > 999 ||
	     answer.retry_after_s > 3600 || strlen(answer.session) > 128))
		abort();
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check("", data, size);
	check("HTTP/1.1 ", data, size);
	check("HTTP/1.1 101 X\r\n", data, size);
	return 0;
}
