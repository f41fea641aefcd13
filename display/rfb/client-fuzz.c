/* A whole client without a machine: whatever it says, in pieces of any size,
 * the process lives and lets it go. */
#include <glib-unix.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/rfb/rfb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void turn(int fd)
{
	uint8_t bytes[65536];
	for (int i = 0; i < 20 && g_main_context_iteration(NULL, FALSE); i++)
		while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
			;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	struct display *display = display_new("fuzz", NULL);
	struct rfb_server *server = rfb_server_new_closed(display);
	rfb_server_take(server, pair[0]);
	static const char hello[] = "RFB 003.008\n\1\1";
	if (send(pair[1], hello, sizeof hello - 1, MSG_NOSIGNAL) < 0)
		abort();
	turn(pair[1]);
	while (size) {
		size_t n = MIN(size, 1 + data[0] * 4u);
		if (send(pair[1], data, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		turn(pair[1]);
		data += n;
		size -= n;
	}
	close(pair[1]);
	while (g_main_context_iteration(NULL, FALSE))
		;
	rfb_server_free(server);
	display_free(display);
	return 0;
}
