/* oriel-net - a machine's network: frames between its card and passt.
 *
 *	oriel-net SOCKET PASST [DNS...]
 *
 * SOCKET is the machine's (frames, each after its length as 32 bits, big
 * endian); both ends speak the same. Frames that a guest sends to the host
 * itself are dropped (net-filter.h). passt is started here and started again
 * when it ends: the machine notices no more than some lost frames. Ends with
 * the machine, or when the machine breaks the framing.
 *
 * As root it first connects and then becomes nobody, as passt would.
 * One thread, one poll loop, no memory but two fixed buffers. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmm/net-filter.h"

#define FRAME_MAX 66000u /* passt's largest MTU, Ethernet header, some room */
#define BUFFER    (256u * 1024u)
#define DNS_MAX   4

/* Bytes on their way: [sent, ready) are whole frames that may go, [ready,
 * got) is the beginning of one that is not complete. */
struct flow {
	unsigned char bytes[BUFFER];
	size_t sent, ready, got;
};

static struct flow out, in; /* from the guest, to the guest */
static struct net_filter filter;

static struct {
	pid_t pid; /* 0: none */
	int pidfd, socket, words;
	char last[256]; /* what it said last on stderr */
	long long started_ms, restart_ms;
	unsigned pause_ms;
} passt = {.pidfd = -1, .socket = -1, .words = -1};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	char line[512];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	dprintf(STDERR_FILENO, "oriel-net: %s\n", line);
}

static long long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- flows ---- */

static size_t room(const struct flow *flow)
{
	return BUFFER - (flow->got - flow->sent);
}

/* 1: read something, 0: not now, -1: the other end is gone. */
static int fill(struct flow *flow, int fd)
{
	if (flow->sent) {
		memmove(flow->bytes, flow->bytes + flow->sent,
			flow->got - flow->sent);
		flow->got -= flow->sent;
		flow->ready -= flow->sent;
		flow->sent = 0;
	}
	ssize_t got = read(fd, flow->bytes + flow->got, BUFFER - flow->got);
	if (got > 0) {
		flow->got += (size_t)got;
		return 1;
	}
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

/* Finds whole frames, and drops those that may not go on. False when a
 * length is out of range: nothing after it can be trusted. */
static bool frame(struct flow *flow, bool filtered)
{
	size_t at = flow->ready; /* runs ahead of ready once one is dropped */
	bool sane = true;
	while (flow->got - at >= 4) {
		unsigned char *head = flow->bytes + at;
		size_t length = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
				(size_t)head[2] << 8 | head[3];
		sane = length <= FRAME_MAX;
		if (!sane || flow->got - at - 4 < length)
			break;
		at += 4 + length;
		if (filtered && !net_filter_allows(&filter, head + 4, length))
			continue;
		memmove(flow->bytes + flow->ready, head, 4 + length);
		flow->ready += 4 + length;
	}
	memmove(flow->bytes + flow->ready, flow->bytes + at, flow->got - at);
	flow->got -= at - flow->ready;
	return sane;
}

static bool drain(struct flow *flow, int fd)
{
	while (flow->sent < flow->ready) {
		ssize_t sent =
		    send(fd, flow->bytes + flow->sent, flow->ready - flow->sent,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN;
		flow->sent += (size_t)sent;
	}
	return true;
}

/* ---- passt ---- */

static void passt_start(char **command)
{
	int pair[2], words[2];
	passt.started_ms = now_ms();
	passt.last[0] = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    pipe2(words, O_CLOEXEC | O_NONBLOCK) < 0) {
		say("no socket for passt: %s", strerror(errno));
		exit(1);
	}
	pid_t pid = fork();
	if (pid == 0) {
		/* it must not outlive us: its socket would be nobody's */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		/* 3 is the number that passt is told */
		if (dup2(words[1], STDERR_FILENO) < 0 || dup2(pair[1], 3) < 0 ||
		    (pair[1] == 3 && fcntl(3, F_SETFD, 0) < 0))
			_exit(126);
		execv(command[0], command);
		dprintf(STDERR_FILENO, "%s\n", strerror(errno));
		_exit(127);
	}
	close(pair[1]);
	close(words[1]);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	passt.pid = pid > 0 ? pid : 0;
	passt.pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	passt.socket = pair[0];
	passt.words = words[0];
}

/* Keeps the last line that tells something. */
static void passt_listen(void)
{
	char text[2048];
	ssize_t got = read(passt.words, text, sizeof text - 1);
	if (got == 0) {
		close(passt.words);
		passt.words = -1;
	}
	if (got <= 0)
		return;
	text[got] = 0;
	char *rest = text, *line;
	while ((line = strsep(&rest, "\n"))) {
		/* without a system log it complains of that with each line */
		if (!*line || strstr(line, "to syslog"))
			continue;
		snprintf(passt.last, sizeof passt.last, "%s", line);
		for (char *at = passt.last; *at; at++)
			if (*at < ' ' || *at > '~')
				*at = '?';
	}
}

static void passt_gone(void)
{
	if (passt.words >= 0)
		passt_listen();
	if (passt.pid) {
		kill(passt.pid, SIGKILL);
		waitpid(passt.pid, NULL, 0);
	}
	int *const fds[] = {&passt.pidfd, &passt.socket, &passt.words};
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	passt.pid = 0;
	/* half a frame of the old one is nothing to the new one */
	out.sent = out.ready = out.got = 0;
	in.got = in.ready;
	long long lived = now_ms() - passt.started_ms;
	passt.pause_ms =
	    lived > 10000 || !passt.pause_ms ? 100 : passt.pause_ms * 2;
	if (passt.pause_ms > 10000)
		passt.pause_ms = 10000;
	passt.restart_ms = now_ms() + passt.pause_ms;
	say("passt ended%s%s; it is started again in %u ms",
	    passt.last[0] ? ": " : "", passt.last, passt.pause_ms);
}

/* What the guest sends without passt goes nowhere; where its stream begins
 * anew must stay known, so the beginning of a frame is kept. */
static void discard(void)
{
	memmove(out.bytes, out.bytes + out.ready, out.got - out.ready);
	out.got -= out.ready;
	out.sent = out.ready = 0;
}

/* ---- start ---- */

static int connect_machine(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strlen(path) >= sizeof to.sun_path) {
		say("socket path '%s' is too long", path);
		exit(2);
	}
	strcpy(to.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		say("the machine's socket '%s' does not answer: %s", path,
		    strerror(errno));
		exit(1);
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void become_nobody(void)
{
	if (geteuid() != 0)
		return;
	struct passwd *nobody = getpwnam("nobody");
	uid_t uid = nobody ? nobody->pw_uid : 65534;
	gid_t gid = nobody ? nobody->pw_gid : 65534;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0) {
		say("root's rights cannot be given up: %s", strerror(errno));
		exit(1);
	}
}

static int watch_addresses(void)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK,
				 .nl_groups =
				     RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		say("changes of the host's addresses cannot be watched: %s",
		    strerror(errno));
		exit(1);
	}
	return fd;
}

static void load_filter(int news)
{
	char drop[4096];
	while (recv(news, drop, sizeof drop, 0) > 0)
		;
	if (!net_filter_load(&filter))
		say("the host's addresses are too many, or cannot be read");
}

enum { MACHINE, PASST, PIDFD, WORDS, NEWS, WATCHED };

static int run(int machine, int news, char **command)
{
	for (;;) {
		if (!passt.pid && now_ms() >= passt.restart_ms)
			passt_start(command);
		struct pollfd at[WATCHED] = {
		    [MACHINE] = {.fd = machine},
		    [PASST] = {.fd = passt.socket},
		    [PIDFD] = {.fd = passt.pidfd, .events = POLLIN},
		    [WORDS] = {.fd = passt.words, .events = POLLIN},
		    [NEWS] = {.fd = news, .events = POLLIN},
		};
		at[MACHINE].events =
		    (short)((room(&out) ? POLLIN : 0) |
			    (in.sent < in.ready ? POLLOUT : 0));
		at[PASST].events =
		    (short)((room(&in) ? POLLIN : 0) |
			    (out.sent < out.ready ? POLLOUT : 0));
		long long left = passt.restart_ms - now_ms();
		int wait = passt.pid ? -1 : left > 0 ? (int)left : 0;
		if (poll(at, WATCHED, wait) < 0 && errno != EINTR)
			return 1;
		if (at[NEWS].revents)
			load_filter(news);
		if (at[WORDS].revents)
			passt_listen();
		/* the machine's end is ours */
		if ((at[MACHINE].revents & (POLLIN | POLLHUP | POLLERR)) &&
		    room(&out) && fill(&out, machine) < 0)
			return 0;
		if (!frame(&out, true)) {
			say("the machine sent a frame of impossible length");
			return 1;
		}
		if (!passt.pid)
			discard();
		bool lost = at[PIDFD].revents;
		if (passt.pid && (at[PASST].revents & (POLLIN | POLLHUP)) &&
		    room(&in) && fill(&in, passt.socket) < 0)
			lost = true;
		if (!frame(&in, false))
			lost = true;
		if (passt.pid && !drain(&out, passt.socket))
			lost = true;
		if (!drain(&in, machine))
			return 0;
		if (lost)
			passt_gone();
	}
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 3 + DNS_MAX) {
		fprintf(stderr, "usage: oriel-net SOCKET PASST [DNS...]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	int machine = connect_machine(argv[1]);
	become_nobody();
	int news = watch_addresses();
	load_filter(news);
	char *command[16 + 2 * DNS_MAX] = {
	    argv[2], "--foreground", "--stderr",    "--quiet", "--fd",
	    "3",     "--no-map-gw",  "--tcp-ports", "none",    "--udp-ports",
	    "none"};
	int count = 11;
	for (int i = 3; i < argc; i++) {
		command[count++] = "--dns";
		command[count++] = argv[i];
	}
	int status = run(machine, news, command);
	if (passt.pid) {
		kill(passt.pid, SIGKILL);
		waitpid(passt.pid, NULL, 0);
	}
	return status;
}
