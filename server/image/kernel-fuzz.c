/* Fuzz target: the kernel comes out of a package that a recipe chose. */
#include <stdint.h>

#include "server/image/kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GBytes) kernel = kernel_unpack(data, size);
	return 0;
}
