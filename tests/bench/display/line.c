/* display-line - two network namespaces, and a slow line between them.
 *
 *   display-line KBIT_PER_S DELAY_MS LOSS_PERCENT QUEUE_KB SEED [TRACE]
 *
 * For kernels without netem. Each namespace has a TUN device (10.77.0.1, the
 * server's, and 10.77.0.2, the viewer's); packets between them wait their
 * turn at the line's rate, then DELAY_MS each way, and are lost by chance or
 * when the queue is full. Says "pids A B": `nsenter -t PID -n` runs programs
 * there. All is gone when stdin ends. Needs CAP_NET_ADMIN, or makes itself a
 * user namespace where that is allowed.
 *
 * Random loss is the same for the same seed and the same packets.
 *
 * TRACE: a file with a line for each packet of TCP as it comes: ns of
 * CLOCK_MONOTONIC; '>' to the viewer or '<'; ports' sum, sequence number,
 * acknowledged, bytes of payload; what becomes of it ("sent", "lost", "full");
 * ns until it is handed over. tests/bench/display/keys.py reads it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/display/truth.h"

#define MTU 1500

struct packet {
	uint64_t leaves_ns; /* off the far end */
	size_t bytes;
	uint8_t data[MTU];
};

struct way {
	int from, to;
	bool is_back;
	GQueue packets;
	uint64_t free_ns; /* when the line's near end has sent all */
	uint64_t sent, lost, full;
};

static struct {
	double ns_per_byte;
	uint64_t delay_ns;
	double loss;
	uint64_t queue_bytes;
	GRand *chance;
	FILE *trace;
} line;

static void fail(const char *what)
{
	fprintf(stderr, "display-line: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The TUN device of this namespace, up, with its address. */
static int tun_up(const char *address)
{
	int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	struct sockaddr_in *in = (struct sockaddr_in *)&r.ifr_addr;
	strcpy(r.ifr_name, "line");
	if (tun < 0 || s < 0 || ioctl(tun, TUNSETIFF, &r))
		fail("no TUN device");
	memset(&r.ifr_addr, 0, sizeof r.ifr_addr);
	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	if (ioctl(s, SIOCSIFADDR, &r))
		fail("its address");
	inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
	if (ioctl(s, SIOCSIFNETMASK, &r))
		fail("its netmask");
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(s, SIOCSIFFLAGS, &r))
		fail("bringing it up");
	strcpy(r.ifr_name, "lo");
	if (ioctl(s, SIOCSIFFLAGS, &r))
		fail("bringing the loopback up");
	close(s);
	return tun;
}

static void send_fd(int socket, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
	struct iovec data = {"", 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof control};
	if (sendmsg(socket, &message, 0) != 1)
		fail("passing the TUN device on");
}

static int take_fd(int socket)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control;
	char byte;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof control};
	int fd;
	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
		exit(1); /* the child has said why */
	memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
	return fd;
}

/* A child that holds a namespace open until its parent is gone. */
static pid_t hold_namespace(const char *address, int *tun)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		fail("socketpair");
	pid_t pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) &&
		    unshare(CLONE_NEWUSER | CLONE_NEWNET))
			fail("a network namespace");
		send_fd(pair[1], tun_up(address));
		for (;;)
			pause();
	}
	close(pair[1]);
	*tun = take_fd(pair[0]);
	close(pair[0]);
	return pid;
}

static void tell(const struct way *way, const uint8_t *data, size_t bytes,
		 const char *becomes, uint64_t now, uint64_t leaves)
{
	if (!line.trace || bytes < 40 || data[0] >> 4 != 4 || data[9] != 6)
		return;
	size_t ip = (data[0] & 15) * 4u;
	if (bytes < ip + 20)
		return;
	const uint8_t *tcp = data + ip;
	size_t head = ip + (tcp[12] >> 4) * 4u;
	uint32_t seq =
	    (uint32_t)tcp[4] << 24 | tcp[5] << 16 | tcp[6] << 8 | tcp[7];
	uint32_t ack =
	    (uint32_t)tcp[8] << 24 | tcp[9] << 16 | tcp[10] << 8 | tcp[11];
	unsigned ports = (tcp[0] << 8 | tcp[1]) + (tcp[2] << 8 | tcp[3]);
	fprintf(line.trace, "%lu %c %u %u %u %zu %s %lu\n", now,
		way->is_back ? '<' : '>', ports, seq, ack,
		bytes > head ? bytes - head : 0, becomes,
		leaves > now ? leaves - now : 0);
}

/* Takes what the near end sends into the queue. */
static void take(struct way *way)
{
	for (;;) {
		struct packet *packet = g_new(struct packet, 1);
		ssize_t n = read(way->from, packet->data, MTU);
		if (n <= 0) {
			g_free(packet);
			return;
		}
		uint64_t now = now_ns();
		uint64_t start = MAX(now, way->free_ns);
		double waiting = (double)(start - now) / line.ns_per_byte;
		bool lost = g_rand_double(line.chance) < line.loss;
		if (waiting > (double)line.queue_bytes) {
			way->full++;
			tell(way, packet->data, (size_t)n, "full", now, 0);
			g_free(packet);
			continue;
		}
		packet->bytes = (size_t)n;
		way->free_ns = start + (uint64_t)((double)n * line.ns_per_byte);
		packet->leaves_ns = way->free_ns + line.delay_ns;
		tell(way, packet->data, (size_t)n, lost ? "lost" : "sent", now,
		     packet->leaves_ns);
		if (lost) { /* it took its time on the line, too */
			way->lost++;
			g_free(packet);
			continue;
		}
		g_queue_push_tail(&way->packets, packet);
	}
}

/* Hands over what has arrived; returns when the next one does, or 0. */
static uint64_t hand_over(struct way *way)
{
	struct packet *packet;
	uint64_t now = now_ns();
	while ((packet = g_queue_peek_head(&way->packets))) {
		if (packet->leaves_ns > now)
			return packet->leaves_ns;
		if (write(way->to, packet->data, packet->bytes) > 0)
			way->sent++;
		g_free(g_queue_pop_head(&way->packets));
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		fprintf(stderr, "usage: display-line KBIT_PER_S DELAY_MS "
				"LOSS_PERCENT QUEUE_KB SEED [TRACE]\n");
		return 2;
	}
	line.ns_per_byte = 8e6 / atof(argv[1]);
	line.delay_ns = (uint64_t)(atof(argv[2]) * 1e6);
	line.loss = atof(argv[3]) / 100;
	line.queue_bytes = (uint64_t)atoi(argv[4]) << 10;
	line.chance = g_rand_new_with_seed((guint32)atoi(argv[5]));
	if (argc > 6 && !(line.trace = fopen(argv[6], "w")))
		fail(argv[6]);
	int a, b;
	pid_t first = hold_namespace("10.77.0.1", &a);
	pid_t second = hold_namespace("10.77.0.2", &b);
	struct way there = {.from = a, .to = b},
		   back = {.from = b, .to = a, .is_back = true};
	prctl(PR_SET_TIMERSLACK, 50000);
	printf("pids %d %d\n", first, second);
	fflush(stdout);
	for (;;) {
		struct pollfd fds[] = {
		    {a, POLLIN, 0}, {b, POLLIN, 0}, {0, POLLIN, 0}};
		uint64_t next = hand_over(&there), other = hand_over(&back);
		if (other && (!next || other < next))
			next = other;
		uint64_t now = now_ns(), wait = next > now ? next - now : 0;
		struct timespec limit = {(time_t)(wait / 1000000000),
					 (long)(wait % 1000000000)};
		ppoll(fds, 3, next ? &limit : NULL, NULL);
		take(&there);
		take(&back);
		char byte;
		if (fds[2].revents && read(0, &byte, 1) <= 0)
			break;
	}
	if (line.trace && fclose(line.trace))
		fail("the trace");
	fprintf(stderr,
		"display-line: %lu packets, %lu lost, %lu dropped at a full "
		"queue; back %lu, %lu, %lu\n",
		there.sent, there.lost, there.full, back.sent, back.lost,
		back.full);
	return 0;
}
