/* Both ends of the stream say anything, in turns: nothing may break, and what
 * is kept stays bounded. Input: records of u8 end (0 agent, 1 client, 2 a new
 * client, 3 the port reopens), u16 length, bytes. */
#include <gio/gio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/windows/windows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void turn(void)
{
	for (int i = 0; i < 20 && g_main_context_iteration(NULL, FALSE); i++)
		;
}

/* The other end of a new socket whose one end goes to `take`. */
static int join(struct windows *windows,
		void (*take)(struct windows *windows, int fd))
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	take(windows, pair[0]);
	/* before its HELLO the port is not heard at all */
	static const uint8_t hello[] = {
	    1, 0, 0, 0, 20, [16] = 1, [25] = 2, [31] = 4, [35] = 0};
	if (take == windows_take_port &&
	    send(pair[1], hello, sizeof hello, MSG_NOSIGNAL) < 0)
		return pair[1];
	return pair[1];
}

static void drain(int fd)
{
	char buffer[65536];
	while (recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct display *display = display_new("fuzz", NULL);
	struct windows *windows = windows_new_closed(display);
	int ends[2] = {join(windows, windows_take_port),
		       join(windows, windows_take_client)};
	while (size >= 3) {
		unsigned what = bytes[0] % 4, end = what & 1;
		size_t length =
		    MIN((size_t)(bytes[1] | bytes[2] << 8), size - 3);
		if (what >= 2) {
			close(ends[end ? 0 : 1]);
			if (end)
				ends[0] = join(windows, windows_take_port);
			else
				ends[1] = join(windows, windows_take_client);
		} else if (send(ends[end], bytes + 3, length,
				MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			drain(ends[end]);
		}
		turn();
		drain(ends[0]);
		drain(ends[1]);
		bytes += 3 + length;
		size -= 3 + length;
	}
	close(ends[0]);
	close(ends[1]);
	turn();
	windows_free(windows);
	display_free(display);
	return 0;
}
