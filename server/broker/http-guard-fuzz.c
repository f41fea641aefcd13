/* A head of anybody's: it passes or earns a fault, and the check reads no
 * byte beyond it (the copy is exact, so that the sanitizer sees one that
 * does). */
#include <stddef.h>
#include <stdint.h>

#include "server/broker/http-guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	gsize length = http_guard_length((const char *)data, size);
	if (!length)
		return 0;
	g_autoptr(GError) error = NULL;
	g_autofree char *head = g_memdup2(data, length);
	g_assert(http_guard_check(head, length, &error) == (error == NULL));
	return 0;
}
