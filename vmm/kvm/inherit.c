#include "vmm/kvm/inherit.h"

#include <fcntl.h>

#include "common/fault.h"

int inherited_listener(const char *spec, GError **error)
{
	guint64 number;
	int fd;

	if (!g_str_has_prefix(spec, "fd:"))
		return -1;
	fd = g_ascii_string_to_unsigned(spec + 3, 10, 3, 65535, &number, NULL)
		 ? (int)number
		 : -1;
	if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
		fault_set(error, FAULT_INVALID, NULL,
			  "'%s' is no descriptor that was left open", spec);
		return -2;
	}
	return fd;
}
