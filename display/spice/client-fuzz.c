/* A whole viewer without a machine: whatever its channels say, in pieces of
 * any size and in any order, the process lives and lets it go. A piece is a
 * channel, a length and bytes; what is said to a channel that is not there
 * opens it first. */
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/spice/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHANNELS 9

static const uint8_t types[CHANNELS] = {
    SPICE_CHANNEL_MAIN,   SPICE_CHANNEL_DISPLAY,  SPICE_CHANNEL_INPUTS,
    SPICE_CHANNEL_CURSOR, SPICE_CHANNEL_PLAYBACK, SPICE_CHANNEL_RECORD,
    SPICE_CHANNEL_WEBDAV, SPICE_CHANNEL_USBREDIR, SPICE_CHANNEL_PORT,
};

/* The machine's; its ends answer nothing. */
static const char *const ports[CHANNELS] = {
    [6] = "org.spice-space.webdav.0",
    [7] = "org.spice-space.usbredir.0",
    [8] = "org.qemu.console.serial.0",
};

struct viewer_play {
	int fds[CHANNELS];
	int ends[CHANNELS]; /* of ports, at the machine */
	uint32_t session;
};

/* Takes what is said to it; the first bytes, if somebody wants them. */
static void turn(struct viewer_play *self, int listen, uint8_t *heard,
		 size_t want)
{
	uint8_t bytes[65536];
	size_t have = 0;
	for (int i = 0; i < 30 && g_main_context_iteration(NULL, FALSE); i++)
		for (int c = 0; c < CHANNELS; c++) {
			ssize_t n;
			while (self->fds[c] >= 0 &&
			       (n = recv(self->fds[c], bytes, sizeof bytes,
					 MSG_DONTWAIT)) > 0) {
				size_t copy = MIN((size_t)n, want - have);
				if (c == listen && copy) {
					memcpy(heard + have, bytes, copy);
					have += copy;
				}
			}
		}
}

static void open_channel(struct viewer_play *self, struct spice_server *server,
			 int c)
{
	int pair[2];
	uint8_t heard[1024] = {0};
	g_autoptr(GByteArray) hello = g_byte_array_new();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	spice_server_take(server, pair[0]);
	self->fds[c] = pair[1];
	g_byte_array_append(hello, (const guint8 *)"REDQ", 4);
	put32(hello, 2);
	put32(hello, 2);
	put32(hello, 26);
	put32(hello, c ? self->session : 0);
	put8(hello, types[c]);
	put8(hello, 0);
	put32(hello, 1);
	put32(hello, 1);
	put32(hello, 18);
	put32(hello, SPICE_CAPS_COMMON);
	put32(hello, ~0u);
	put32(hello, SPICE_COMMON_CAP_AUTH_SPICE);
	guint at = hello->len;
	g_byte_array_set_size(hello, at + 128);
	memset(hello->data + at, 0, 128);
	if (send(pair[1], hello->data, hello->len, MSG_NOSIGNAL) < 0)
		abort();
	turn(self, c, heard, sizeof heard);
	if (ports[c] && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
		ports_stream(display_ports(spice_server_display(server)),
			     ports[c], pair[0]);
		if (self->ends[c] >= 0)
			close(self->ends[c]);
		self->ends[c] = pair[1];
	}
	/* header, reply with two words of caps, result, header of INIT */
	if (c == 0)
		memcpy(&self->session, heard + 16 + 178 + 8 + 4 + 6, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct spice_server *server;
	struct viewer_play play = {.session = 0};
	for (int c = 0; c < CHANNELS; c++)
		play.fds[c] = play.ends[c] = -1;
	if (!server) { /* its key takes longer than a run */
		server = spice_server_new_closed(display_new("fuzz", NULL));
		for (int c = 0; c < CHANNELS; c++)
			if (ports[c])
				ports_told(
				    display_ports(spice_server_display(server)),
				    ports[c], true);
	}
	open_channel(&play, server, 0);
	while (size >= 2) {
		int c = data[0] % CHANNELS;
		size_t n = MIN(size - 2, data[1] * 2u);
		data += 2;
		size -= 2;
		if (play.fds[c] < 0)
			open_channel(&play, server, c);
		if (send(play.fds[c], data, n, MSG_NOSIGNAL | MSG_DONTWAIT) <
		    0) {
			close(play.fds[c]);
			play.fds[c] = -1;
		}
		if (play.ends[c] >= 0 && /* and the machine says it back */
		    send(play.ends[c], data, n, MSG_NOSIGNAL | MSG_DONTWAIT) <
			0) {
			close(play.ends[c]);
			play.ends[c] = -1;
		}
		turn(&play, -1, NULL, 0);
		data += n;
		size -= n;
	}
	for (int c = CHANNELS; c-- > 0;)
		if (play.fds[c] >= 0)
			close(play.fds[c]);
	for (int c = 0; c < CHANNELS; c++)
		if (play.ends[c] >= 0)
			close(play.ends[c]);
	while (g_main_context_iteration(NULL, FALSE))
		;
	if (spice_server_clients(server)->len)
		abort();
	return 0;
}
