/* relay-peer - the other programs of the relay bench, each small and plain:
 *
 *	bare CRT KEY UNIX     a TLS relay that does nothing else: the same
 *	                      calls, blocking where the gateway waits, without
 *	                      processes, jail, limits or a broker. Prints its
 *	                      port; serves one connection after the other.
 *	display UNIX          does what a client's first 9 bytes ask for
 *	client PORT HEAD D|U|P COUNT
 *	                      D: reads COUNT bytes; U: writes them; P: COUNT
 *	                      round trips of 32 bytes. HEAD (or "") is a file
 *	                      with a request sent first. Prints seconds, or for
 *	                      P the median and 99th percentile in microseconds.
 *
 * A bench's tool: it trusts its arguments and gives up on any error. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (256 * 1024)
static char block[BLOCK];

static void check(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "relay-peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static int unix_socket(const char *path, int serve)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	check(strlen(path) < sizeof at.sun_path, "path");
	strcpy(at.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	check(fd >= 0, "socket");
	if (serve)
		check(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
			  listen(fd, 8) == 0,
		      "bind");
	else
		check(connect(fd, (struct sockaddr *)&at, sizeof at) == 0,
		      "connect");
	return fd;
}

static void no_delay(int fd)
{
	int on = 1;
	check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0,
	      "TCP_NODELAY");
}

/* ---- bare ---- */

static void put_all(int fd, const char *bytes, ssize_t size)
{
	while (size > 0) {
		ssize_t put = write(fd, bytes, (size_t)size);
		if (put <= 0)
			return;
		bytes += put;
		size -= put;
	}
}

static void relay(SSL *ssl, int net, int local)
{
	struct pollfd watch[] = {{.fd = net, .events = POLLIN},
				 {.fd = local, .events = POLLIN}};
	for (;;) {
		if (!SSL_pending(ssl))
			check(poll(watch, 2, -1) > 0, "poll");
		if (watch[1].revents) {
			ssize_t got = read(local, block, BLOCK);
			if (got <= 0 || SSL_write(ssl, block, (int)got) <= 0)
				return;
		}
		if (watch[0].revents || SSL_pending(ssl)) {
			int got = SSL_read(ssl, block, BLOCK);
			if (got <= 0)
				return;
			put_all(local, block, got);
		}
	}
}

static void bare(const char *crt, const char *key, const char *path)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	check(SSL_CTX_use_certificate_chain_file(context, crt) == 1 &&
		  SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) ==
		      1,
	      "certificate");
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	check(bind(fd, (struct sockaddr *)&at, size) == 0 &&
		  listen(fd, 8) == 0 &&
		  getsockname(fd, (struct sockaddr *)&at, &size) == 0,
	      "listen");
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	for (;;) {
		int net = accept(fd, NULL, NULL);
		check(net >= 0, "accept");
		no_delay(net);
		SSL *ssl = SSL_new(context);
		SSL_set_fd(ssl, net);
		if (SSL_accept(ssl) == 1) {
			int local = unix_socket(path, 0);
			relay(ssl, net, local);
			close(local);
		}
		SSL_free(ssl);
		close(net);
	}
}

/* ---- display ---- */

static void serve(int fd)
{
	char wish[9];
	uint64_t count;
	if (recv(fd, wish, sizeof wish, MSG_WAITALL) != sizeof wish)
		return;
	memcpy(&count, wish + 1, sizeof count);
	if (wish[0] == 'D') {
		while (count) {
			size_t part = count < BLOCK ? count : BLOCK;
			ssize_t put = write(fd, block, part);
			if (put <= 0)
				return;
			count -= (uint64_t)put;
		}
	} else if (wish[0] == 'U') {
		while (count) {
			ssize_t got = read(fd, block, BLOCK);
			if (got <= 0)
				return;
			count -= (uint64_t)got;
		}
		put_all(fd, "!", 1);
	} else {
		char small[32];
		while (recv(fd, small, sizeof small, MSG_WAITALL) ==
		       sizeof small)
			put_all(fd, small, sizeof small);
	}
	while (read(fd, block, BLOCK) > 0)
		; /* until the relay closes */
}

static void display(const char *path)
{
	int fd = unix_socket(path, 1);
	for (;;) {
		int client = accept(fd, NULL, NULL);
		check(client >= 0, "accept");
		serve(client);
		close(client);
	}
}

/* ---- client ---- */

static void get_all(SSL *ssl, uint64_t count)
{
	while (count) {
		int want = count < BLOCK ? (int)count : BLOCK;
		int got = SSL_read(ssl, block, want);
		check(got > 0, "read");
		count -= (uint64_t)got;
	}
}

static void send_head(SSL *ssl, const char *path)
{
	FILE *file = fopen(path, "r");
	check(file != NULL, path);
	size_t size = fread(block, 1, BLOCK, file);
	fclose(file);
	check(SSL_write(ssl, block, (int)size) == (int)size, "head");
	size_t have = 0;
	while (have < 4 || memcmp(block + have - 4, "\r\n\r\n", 4) != 0) {
		check(have < BLOCK && SSL_read(ssl, block + have, 1) == 1,
		      "answer");
		have++;
	}
	check(memcmp(block, "HTTP/1.1 101", 12) == 0, "refused");
}

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;
	return (one > other) - (one < other);
}

static void ping(SSL *ssl, uint64_t count)
{
	double *took = calloc(count, sizeof *took);
	char small[32] = "";
	check(took != NULL, "memory");
	for (uint64_t i = 0; i < count; i++) {
		double begun = now();
		check(SSL_write(ssl, small, sizeof small) == sizeof small,
		      "write");
		get_all(ssl, sizeof small);
		took[i] = (now() - begun) * 1e6;
	}
	qsort(took, count, sizeof *took, by_size);
	printf("%.1f %.1f\n", took[count / 2], took[count * 99 / 100]);
	free(took);
}

static void client(const char *port, const char *head, char what,
		   uint64_t count)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(port)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, 65536);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	check(connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "connect");
	no_delay(fd);
	SSL *ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	check(SSL_connect(ssl) == 1, "handshake");
	if (*head)
		send_head(ssl, head);
	char wish[9] = {what};
	memcpy(wish + 1, &count, sizeof count);
	check(SSL_write(ssl, wish, sizeof wish) == sizeof wish, "wish");
	double begun = now();
	if (what == 'P') {
		ping(ssl, count);
		return;
	}
	if (what == 'D')
		get_all(ssl, count);
	for (uint64_t left = what == 'U' ? count : 0; left;) {
		int part = left < BLOCK ? (int)left : BLOCK;
		check(SSL_write(ssl, block, part) == part, "write");
		left -= (uint64_t)part;
	}
	if (what == 'U')
		get_all(ssl, 1);
	printf("%.6f\n", now() - begun);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 5 && strcmp(argv[1], "bare") == 0)
		bare(argv[2], argv[3], argv[4]);
	else if (argc == 3 && strcmp(argv[1], "display") == 0)
		display(argv[2]);
	else if (argc == 6 && strcmp(argv[1], "client") == 0)
		client(argv[2], argv[3], argv[4][0],
		       strtoull(argv[5], NULL, 10));
	else
		return 2;
	return 0;
}
