/* Fuzz target: what a browser, or whoever else on this computer, asks for. */
#include "client/loopback.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct loopback_answer answer;
	if (loopback_parse((const char *)data, size, "s", &answer) &&
	    !answer.code == !answer.error)
		g_error("neither a code nor an error, or both");
	loopback_answer_clear(&answer);
	return 0;
}
