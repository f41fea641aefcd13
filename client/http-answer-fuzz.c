/* The answer parser must keep every promise of its header on any bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/http-answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* exactly as long as the input, so that reading past it is seen */
	char *bytes = malloc(size ? size : 1);
	if (size)
		memcpy(bytes, data, size);
	struct http_answer answer;
	if (http_answer_parse(bytes, size, &answer) == HTTP_ANSWER_DONE &&
	    (answer.head_bytes > size || answer.head_bytes > HTTP_ANSWER_MAX ||
	     answer.status < 100 || answer.status > 999 ||
	     answer.retry_after_s > 3600 || strlen(answer.session) > 128))
		abort();
	free(bytes);
	return 0;
}
