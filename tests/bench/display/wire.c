/* wire.c - an RFB connection's bytes. */
#include "tests/bench/display/wire.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER (256u << 10)

void die(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	fputs("display-watch: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	exit(1);
}

static int try_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		die("%s is too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    connect(fd, (struct sockaddr *)&address, sizeof address)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int try_tcp(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	if (getaddrinfo(host, port, &hints, &found))
		die("no address for %s port %s", host, port);
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen)) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	int one = 1;
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

void wire_connect(struct wire *self, const char *address)
{
	char host[256];
	const char *colon = address[0] == '/' ? NULL : strrchr(address, ':');
	if (colon)
		snprintf(host, sizeof host, "%.*s", (int)(colon - address),
			 address);
	self->fd = -1;
	for (int i = 0; i < 200 && self->fd < 0; i++) {
		self->fd = colon ? try_tcp(host, colon + 1) : try_unix(address);
		if (self->fd < 0)
			usleep(50000);
	}
	if (self->fd < 0)
		die("nobody listens at %s", address);
	self->buffer = malloc(BUFFER);
	pthread_mutex_init(&self->write_lock, NULL);
}

void wire_close(struct wire *self)
{
	close(self->fd);
	free(self->buffer);
	pthread_mutex_destroy(&self->write_lock);
}

bool wire_ready(struct wire *self, int ms)
{
	struct pollfd fd = {self->fd, POLLIN, 0};
	return self->at < self->end || poll(&fd, 1, ms) > 0;
}

/* Takes what there is, at most `bytes`, straight or through the buffer. */
static size_t more(struct wire *self, void *to, size_t bytes)
{
	ssize_t n;
	do
		n = recv(self->fd, to, bytes, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		die("the server closed the connection (%s)",
		    n ? strerror(errno) : "at a place of its own choice");
	self->received += (uint64_t)n;
	return (size_t)n;
}

void wire_read(struct wire *self, void *out, size_t bytes)
{
	uint8_t *to = out;
	while (bytes) {
		if (self->at == self->end && bytes >= BUFFER) {
			size_t n = more(self, to, bytes);
			to += n;
			bytes -= n;
			continue;
		}
		if (self->at == self->end) {
			self->at = 0;
			self->end = more(self, self->buffer, BUFFER);
		}
		size_t n = self->end - self->at;
		if (n > bytes)
			n = bytes;
		memcpy(to, self->buffer + self->at, n);
		self->at += n;
		to += n;
		bytes -= n;
	}
}

uint8_t wire_u8(struct wire *self)
{
	uint8_t b;
	wire_read(self, &b, 1);
	return b;
}

uint16_t wire_u16(struct wire *self)
{
	uint8_t b[2];
	wire_read(self, b, 2);
	return (uint16_t)(b[0] << 8 | b[1]);
}

uint32_t wire_u32(struct wire *self)
{
	uint8_t b[4];
	wire_read(self, b, 4);
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	       (uint32_t)b[2] << 8 | b[3];
}

void wire_skip(struct wire *self, size_t bytes)
{
	uint8_t dump[4096];
	while (bytes) {
		size_t n = bytes < sizeof dump ? bytes : sizeof dump;
		wire_read(self, dump, n);
		bytes -= n;
	}
}

void wire_write(struct wire *self, const void *data, size_t bytes)
{
	const uint8_t *from = data;
	pthread_mutex_lock(&self->write_lock);
	while (bytes) {
		ssize_t n = send(self->fd, from, bytes, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("the server closed the connection (%s)",
			    strerror(errno));
		from += n;
		bytes -= (size_t)n;
	}
	pthread_mutex_unlock(&self->write_lock);
}
