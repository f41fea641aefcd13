/* oriel-folder - a folder of the viewer's computer, in the guest.
 *
 * Runs in the guest as /usr/lib/oriel/folder, as root. The viewer's WebDAV
 * server speaks on the port org.spice-space.webdav.0 while a folder is shared;
 * this makes an address on the guest's loopback of it, as spice-webdavd does.
 * Unlike that it needs no avahi and no message bus, and waits for the host by
 * the port's signal instead of looking every second: a hundred desktops at
 * rest are at rest.
 *
 * oriel-folder PORT LISTEN [CHANGED]: the port's path; where to listen on
 * 127.0.0.1; a program that is run with "come" when a folder is there and with
 * "go" when it is no longer: it mounts, say. "go" comes once at the start too,
 * for what a predecessor left.
 *
 * One thread, one poll. What one side does not take is not read from the
 * other, so little is ever held: a piece for the port, and a piece for each
 * connection. What the host says of unknown streams is dropped. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seamless/folder-mux.h"

#define STREAMS_MAX 32    /* a file system asks on one, a browser on six */
#define PART_MAX    16384 /* half of what the port's driver takes at once */

struct stream {
	uint64_t id; /* 0: free */
	int fd;
	uint8_t in[PART_MAX]; /* for the guest's program, not yet taken */
	size_t begin, end;
	bool over; /* the host has said all; goes when that is taken */
};

struct folder {
	const char *changed;
	int port, listener;
	uint64_t last_id;
	struct stream streams[STREAMS_MAX];
	struct folder_reader reader;
	uint8_t out[FOLDER_HEAD + PART_MAX]; /* for the port, not yet taken */
	size_t begin, end;
	uint64_t endings[STREAMS_MAX]; /* streams whose end is to be told */
	unsigned endings_count;
	unsigned turn; /* so that none is heard first always */
	pid_t coming;  /* the program that was told "come"; 0: it has ended */
};

static volatile sig_atomic_t stop;
static sigset_t waited; /* blocked, and let in only where it waits */

static void on_signal(int number)
{
	if (number == SIGTERM)
		stop = 1;
}

static void complain(const char *what)
{
	fprintf(stderr, "oriel-folder: %s: %s\n", what, strerror(errno));
}

static pid_t run_changed(const struct folder *self, const char *word)
{
	if (!self->changed)
		return 0;
	pid_t child = fork();
	if (child == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execl(self->changed, self->changed, word, (char *)NULL);
		complain(self->changed);
		_exit(127);
	}
	if (child < 0)
		complain("fork");
	return child > 0 ? child : 0;
}

static void wait_for_end(pid_t child)
{
	while (child && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static void reap(struct folder *self)
{
	for (pid_t child; (child = waitpid(-1, NULL, WNOHANG)) > 0;)
		if (child == self->coming)
			self->coming = 0;
}

/* ---- streams ---- */

static void close_stream(struct stream *stream)
{
	close(stream->fd);
	memset(stream, 0, sizeof *stream);
}

/* The host is told as soon as the port takes it. Never more than there are
 * streams: one is not given anew before its end is told. */
static void end_stream(struct folder *self, struct stream *stream)
{
	self->endings[self->endings_count++] = stream->id;
	close_stream(stream);
}

static void flush_stream(struct folder *self, struct stream *stream)
{
	while (stream->begin < stream->end) {
		ssize_t n = send(stream->fd, stream->in + stream->begin,
				 stream->end - stream->begin, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			end_stream(self, stream);
			return;
		}
		stream->begin += (size_t)n;
	}
	stream->begin = stream->end = 0;
	if (stream->over)
		close_stream(stream);
}

/* At most what was read from the port at once, and that only while no stream
 * holds anything: it fits. */
static void take_part(void *data, uint64_t id, const uint8_t *bytes,
		      size_t length)
{
	struct folder *self = data;
	for (int i = 0; i < STREAMS_MAX && id != 0; i++) {
		struct stream *stream = &self->streams[i];
		if (stream->id != id)
			continue;
		if (length == 0) {
			stream->over = true;
		} else if (length <= PART_MAX - stream->end) {
			memcpy(stream->in + stream->end, bytes, length);
			stream->end += length;
		}
		return;
	}
}

static bool holds_back(const struct folder *self)
{
	for (int i = 0; i < STREAMS_MAX; i++)
		if (self->streams[i].end)
			return true;
	return false;
}

/* Whether the host is still there. */
static bool read_port(struct folder *self)
{
	uint8_t bytes[PART_MAX];
	ssize_t n = read(self->port, bytes, sizeof bytes);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	folder_read(&self->reader, bytes, (size_t)n, take_part, self);
	for (int i = 0; i < STREAMS_MAX; i++)
		if (self->streams[i].id)
			flush_stream(self, &self->streams[i]);
	return true;
}

static bool flush_port(struct folder *self)
{
	while (self->begin < self->end || self->endings_count) {
		if (self->begin == self->end) {
			folder_head(self->out,
				    self->endings[--self->endings_count], 0);
			self->begin = 0;
			self->end = FOLDER_HEAD;
		}
		ssize_t n = write(self->port, self->out + self->begin,
				  self->end - self->begin);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		self->begin += (size_t)n;
	}
	self->begin = self->end = 0;
	return true;
}

static void read_stream(struct folder *self, struct stream *stream)
{
	ssize_t n = recv(stream->fd, self->out + FOLDER_HEAD, PART_MAX, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end_stream(self, stream);
		return;
	}
	folder_head(self->out, stream->id, (size_t)n);
	self->begin = 0;
	self->end = FOLDER_HEAD + (size_t)n;
}

static struct stream *free_stream(struct folder *self)
{
	for (int i = 0; i < STREAMS_MAX; i++)
		if (!self->streams[i].id && !self->endings_count)
			return &self->streams[i];
	return NULL;
}

static void take_stream(struct folder *self)
{
	int fd =
	    accept4(self->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	struct stream *stream = free_stream(self);
	stream->fd = fd;
	stream->id = ++self->last_id;
}

/* ---- while a folder is shared ---- */

static bool listens(struct folder *self, uint16_t number)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(number),
				      .sin_addr.s_addr =
					  htonl(INADDR_LOOPBACK)};
	int yes = 1;
	self->listener =
	    socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (self->listener >= 0 &&
	    setsockopt(self->listener, SOL_SOCKET, SO_REUSEADDR, &yes,
		       sizeof yes) == 0 &&
	    bind(self->listener, (struct sockaddr *)&address, sizeof address) ==
		0 &&
	    listen(self->listener, STREAMS_MAX) == 0)
		return true;
	complain("listening on the loopback");
	if (self->listener >= 0)
		close(self->listener);
	return false;
}

static void serve(struct folder *self)
{
	sigset_t none;
	sigemptyset(&none);
	for (bool there = true; there && !stop;) {
		struct pollfd polled[2 + STREAMS_MAX];
		bool full = self->end > 0 || self->endings_count;
		polled[0] = (struct pollfd){
		    .fd = self->port,
		    .events = (short)((holds_back(self) ? 0 : POLLIN) |
				      (full ? POLLOUT : 0))};
		polled[1] = (struct pollfd){
		    .fd = free_stream(self) ? self->listener : -1,
		    .events = POLLIN};
		for (int i = 0; i < STREAMS_MAX; i++) {
			struct stream *stream = &self->streams[i];
			bool reads = !full && !stream->over;
			bool asked = stream->id && (reads || stream->end);
			polled[2 + i] = (struct pollfd){
			    .fd = asked ? stream->fd : -1,
			    .events = (short)((reads ? POLLIN : 0) |
					      (stream->end ? POLLOUT : 0))};
		}
		if (ppoll(polled, 2 + STREAMS_MAX, NULL, &none) < 0) {
			reap(self);
			continue;
		}
		self->turn++;
		for (unsigned k = 0; k < STREAMS_MAX; k++) {
			unsigned i = (self->turn + k) % STREAMS_MAX;
			struct stream *stream = &self->streams[i];
			short events = polled[2 + i].revents;
			if (stream->id && stream->end && events)
				flush_stream(self, stream);
			else if (stream->id && events && self->end == 0)
				read_stream(self, stream);
		}
		if (polled[0].revents & POLLIN)
			there = read_port(self);
		else if (polled[0].revents & (POLLHUP | POLLERR))
			there = false;
		if (there)
			there = flush_port(self);
		if (polled[1].revents && free_stream(self))
			take_stream(self);
	}
	for (int i = 0; i < STREAMS_MAX; i++)
		if (self->streams[i].id)
			close_stream(&self->streams[i]);
	self->begin = self->end = 0;
	self->endings_count = 0;
	memset(&self->reader, 0, sizeof self->reader);
}

static void signals(const struct folder *self, bool on)
{
	int flags = fcntl(self->port, F_GETFL);
	fcntl(self->port, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC);
}

/* The driver signals when the host comes and goes; poll would only say at
 * once, and forever, that it is not there. */
static void wait_for_host(struct folder *self)
{
	signals(self, true);
	while (!stop) {
		struct pollfd polled = {.fd = self->port, .events = POLLIN};
		if (poll(&polled, 1, 0) >= 0 && !(polled.revents & POLLHUP))
			break;
		if (sigwaitinfo(&waited, NULL) == SIGTERM)
			stop = 1;
		reap(self);
	}
	signals(self, false);
}

static bool open_port(struct folder *self, const char *path)
{
	self->port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (self->port >= 0 && fcntl(self->port, F_SETOWN, getpid()) == 0)
		return true;
	complain(path);
	return false;
}

int main(int argc, char **argv)
{
	char *rest = NULL;
	unsigned long number = argc > 2 ? strtoul(argv[2], &rest, 10) : 0;
	if (argc < 3 || argc > 4 || number == 0 || number > 65535 || *rest) {
		fputs("oriel-folder PORT LISTEN [CHANGED]\n", stderr);
		return 2;
	}
	static struct folder self;
	self.changed = argv[3];
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGIO, &action, NULL);
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&waited);
	sigaddset(&waited, SIGTERM);
	sigaddset(&waited, SIGIO);
	sigaddset(&waited, SIGCHLD);
	sigprocmask(SIG_BLOCK, &waited, NULL);
	if (!open_port(&self, argv[1]))
		return 1;
	wait_for_end(run_changed(&self, "go"));
	for (wait_for_host(&self); !stop; wait_for_host(&self)) {
		if (!listens(&self, (uint16_t)number))
			return 1;
		self.coming = run_changed(&self, "come");
		serve(&self);
		/* before these two, which would wait for answers */
		close(self.listener);
		wait_for_end(self.coming);
		wait_for_end(run_changed(&self, "go"));
	}
	return 0;
}
