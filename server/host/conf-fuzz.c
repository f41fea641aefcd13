/* machine.conf as anybody may have left it. */
#include <stddef.h>
#include <stdint.h>

#include "server/host/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autoptr(GError) error = NULL;
	g_autoptr(conf_auto) conf =
	    conf_parse(text, size, "/desktops/d1/machine.conf", &error);
	/* either or: never a half-read machine, never a refusal in silence */
	if (!conf == !error)
		__builtin_trap();
	return 0;
}
