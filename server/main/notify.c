#include "server/main/notify.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int notify_socket(void)
{
	const char *path = g_getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	gsize length = path ? strlen(path) : 0;
	int fd = -1;
	if (length > 1 && length < sizeof addr.sun_path &&
	    (path[0] == '/' || path[0] == '@')) {
		memcpy(addr.sun_path, path, length);
		if (path[0] == '@')
			addr.sun_path[0] = 0; /* abstract name space */
		socklen_t size =
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				length);
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 &&
		    connect(fd, (struct sockaddr *)&addr, size) < 0) {
			close(fd);
			fd = -1;
		}
	}
	g_unsetenv("NOTIFY_SOCKET");
	return fd;
}

void notify_send(int fd, const char *words)
{
	if (fd >= 0)
		send(fd, words, strlen(words), MSG_NOSIGNAL | MSG_DONTWAIT);
}

unsigned notify_watchdog_ms(void)
{
	guint64 period_us, pid;
	const char *text = g_getenv("WATCHDOG_USEC");
	const char *owner = g_getenv("WATCHDOG_PID");
	unsigned half_ms = 0;
	if (text &&
	    g_ascii_string_to_unsigned(text, 10, 2000, G_MAXINT64, &period_us,
				       NULL) &&
	    (!owner || (g_ascii_string_to_unsigned(owner, 10, 1, G_MAXINT32,
						   &pid, NULL) &&
			(pid_t)pid == getpid())))
		half_ms = (unsigned)MIN(period_us / 2000, (guint64)G_MAXINT);
	g_unsetenv("WATCHDOG_USEC");
	g_unsetenv("WATCHDOG_PID");
	return half_ms;
}
