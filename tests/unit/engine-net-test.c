/* What a guest reaches: the network by passt, and nothing of its host, by no
 * trick that a guest's root can play. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "tests/unit/engine-guest.h"
#include "vmm/engine-ops.h"

#define ANSWER "reached the host"

/* Listens on all addresses of the host, loopback's included, and greets. */
struct listener {
	int fd;
	unsigned port, hits;
	GThread *thread;
};

static void *listen_thread(void *data)
{
	struct listener *self = data;
	for (;;) {
		int fd = accept(self->fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		g_atomic_int_inc(&self->hits);
		ssize_t sent =
		    send(fd, ANSWER "\n", sizeof ANSWER, MSG_NOSIGNAL);
		(void)sent;
		close(fd);
	}
}

static void listener_open(struct listener *self)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6};
	socklen_t size = sizeof at;
	int off = 0;
	*self = (struct listener){
	    .fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	setsockopt(self->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	g_assert_cmpint(bind(self->fd, (struct sockaddr *)&at, sizeof at), ==,
			0);
	g_assert_cmpint(listen(self->fd, 16), ==, 0);
	getsockname(self->fd, (struct sockaddr *)&at, &size);
	self->port = ntohs(at.sin6_port);
	self->thread = g_thread_new("listener", listen_thread, self);
}

static void listener_close(struct listener *self)
{
	shutdown(self->fd, SHUT_RDWR);
	g_thread_join(self->thread);
	close(self->fd);
}

/* The host's own IPv4 address on its network; NULL: loopback is all it has. */
static char *host_address(void)
{
	struct ifaddrs *list;
	char text[INET_ADDRSTRLEN], *found = NULL;
	g_assert_cmpint(getifaddrs(&list), ==, 0);
	for (struct ifaddrs *at = list; at && !found; at = at->ifa_next) {
		if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET)
			continue;
		struct sockaddr_in *in = (struct sockaddr_in *)at->ifa_addr;
		if (ntohl(in->sin_addr.s_addr) >> 24 == 127)
			continue;
		found = g_strdup(
		    inet_ntop(AF_INET, &in->sin_addr, text, sizeof text));
	}
	freeifaddrs(list);
	return found;
}

/* What the guest gets from there; "" for nothing. */
static char *try(struct guest *guest, const char *address, unsigned port)
{
	return guest_sh(guest, NULL,
			"timeout 2 nc %s %u </dev/null 2>/dev/null", address,
			port);
}

static void bring_up(struct guest *guest)
{
	int status = 1;
	g_autofree char *lease = guest_sh(
	    guest, &status,
	    "i=0; while [ ! -e /sys/class/net/eth0 ] && [ $i -lt 50 ]; do "
	    "sleep 0.1; i=$((i+1)); done; ifconfig eth0 up; "
	    "udhcpc -i eth0 -s /bin/lease -n -q -t 10 -T 1 </dev/null");
	g_test_message("%s", lease);
	g_assert_cmpint(status, ==, 0);
}

static pid_t child_of(pid_t parent)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children",
						(int)parent, (int)parent);
	g_autofree char *text = NULL;
	g_file_get_contents(path, &text, NULL, NULL);
	return text ? (pid_t)atoi(text) : 0;
}

static pid_t helper_of(struct guest *guest)
{
	g_autofree char *path =
	    g_build_filename(guest->run_dir, "net.pid", NULL);
	g_autofree char *text = NULL;
	g_file_get_contents(path, &text, NULL, NULL);
	return text ? (pid_t)atoi(text) : 0;
}

/* passt straight on the machine's socket, as if there were no oriel-net: what
 * the guest reaches then shows that the tricks below are real ones. */
static pid_t unfilter(struct guest *guest)
{
	/* before the engine starts it again; that one then waits its turn */
	kill(helper_of(guest), SIGKILL);
	g_autofree char *path =
	    g_build_filename(guest->run_dir, NET_SOCKET, NULL);
	int fd = paths_unix_connect(path, NULL);
	g_assert_cmpint(fd, >=, 0);
	fcntl(fd, F_SETFL, 0);
	const char *const argv[] = {
	    "/usr/bin/passt", "--foreground", "--fd", "3", "--no-map-gw", NULL};
	const int target = 3;
	GPid pid = 0;
	g_assert_true(g_spawn_async_with_pipes_and_fds(
	    "/", argv, NULL,
	    G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
	    -1, -1, -1, &fd, &target, 1, &pid, NULL, NULL, NULL, NULL));
	close(fd);
	return pid;
}

static void test_isolation(void)
{
	if (!guest_available())
		return;
	if (net_kind() != ENGINE_NET_STREAM) {
		g_test_skip("passt does not run here");
		return;
	}
	struct guest guest;
	guest_init(&guest, "net");
	g_autoptr(GError) error = NULL;
	guest_start(&guest, GUEST_BOOT, &error);
	g_assert_no_error(error);
	bring_up(&guest);
	struct listener host;
	listener_open(&host);
	/* the way a guest finds by itself: its gateway */
	g_autofree char *gateway =
	    guest_sh(&guest, NULL,
		     "ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p'");
	g_assert_true(g_hostname_is_ip_address(gateway));
	g_autofree char *by_gateway = try(&guest, gateway, host.port);
	g_assert_cmpstr(by_gateway, ==, "");
	/* the ways its root can make: loopback and this host by the wire */
	g_autofree char *address = host_address();
	g_autofree char *routed =
	    guest_sh(&guest, NULL,
		     "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet; "
		     "ip addr del 127.0.0.1/8 dev lo; "
		     "ip route del local 127.0.0.0/8 dev lo table local; "
		     "ip route add 127.0.0.0/8 via %s; "
		     "ip addr add 198.51.100.7/24 dev eth0; "
		     "ip route del local %s table local; "
		     "ip route add %s/32 dev eth0 src 198.51.100.7; "
		     "arp -s %s 02:00:00:00:00:01; ip route get %s",
		     gateway, address, address, address, address);
	g_test_message("%s", routed);
	g_assert_nonnull(strstr(routed, "dev eth0"));
	g_autofree char *by_loopback = try(&guest, "127.0.0.1", host.port);
	g_assert_cmpstr(by_loopback, ==, "");
	g_autofree char *by_address = try(&guest, address, host.port);
	g_assert_cmpstr(by_address, ==, "");
	/* IPv6 */
	g_autofree char *by_six =
	    guest_sh(&guest, NULL,
		     "ip -6 addr del ::1/128 dev lo; "
		     "ip -6 route del local ::1 dev lo table local; "
		     "ip -6 route add ::1/128 dev eth0; ip -6 route get ::1; "
		     "echo; timeout 2 nc ::1 %u </dev/null 2>/dev/null",
		     host.port);
	g_test_message("%s", by_six);
	g_assert_null(strstr(by_six, ANSWER));
	g_assert_cmpuint(host.hits, ==, 0);
	/* a later passt may close these ways itself, so this is only told */
	pid_t bare = unfilter(&guest);
	g_autofree char *bare_loopback = try(&guest, "127.0.0.1", host.port);
	g_autofree char *bare_address = try(&guest, address, host.port);
	g_test_message("without the filter: %u connections reach the host",
		       host.hits);
	kill(bare, SIGKILL);
	g_spawn_close_pid(bare);
	listener_close(&host);
	guest_finish(&guest);
}

static void test_survival(void)
{
	if (!guest_available())
		return;
	if (net_kind() != ENGINE_NET_STREAM) {
		g_test_skip("passt does not run here");
		return;
	}
	struct guest guest;
	guest_init(&guest, "survive");
	g_autoptr(GError) error = NULL;
	guest_start(&guest, GUEST_BOOT, &error);
	g_assert_no_error(error);
	bring_up(&guest);
	/* passt dies: started again by the helper, the machine goes on */
	pid_t helper = helper_of(&guest), passt = child_of(helper);
	g_assert_cmpint(passt, >, 1);
	g_assert_cmpint(kill(passt, SIGKILL), ==, 0);
	guest_spin(500);
	pid_t next = child_of(helper);
	g_assert_cmpint(next, >, 1);
	g_assert_cmpint(next, !=, passt);
	bring_up(&guest);
	g_autofree char *log_path = g_build_filename(guest.folder, "log", NULL);
	g_autofree char *log = NULL;
	g_assert_true(g_file_get_contents(log_path, &log, NULL, NULL));
	g_assert_nonnull(strstr(log, "passt ended"));
	/* the helper dies: started again by the engine, and told */
	g_assert_cmpint(kill(helper, SIGKILL), ==, 0);
	g_assert_true(guest_wait(&guest, "running;", 5000));
	g_assert_nonnull(strstr(guest.why, "network helper"));
	g_assert_cmpint(helper_of(&guest), !=, helper);
	bring_up(&guest);
	/* both end with their machine */
	helper = helper_of(&guest);
	passt = child_of(helper);
	guest_do(&guest, engine_machine_kill_async, NULL);
	gint64 end = g_get_monotonic_time() + 3 * G_USEC_PER_SEC;
	while ((kill(helper, 0) == 0 || kill(passt, 0) == 0) &&
	       g_get_monotonic_time() < end)
		guest_spin(20);
	g_assert_cmpint(kill(helper, 0), !=, 0);
	g_assert_cmpint(kill(passt, 0), !=, 0);
	guest_finish(&guest);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/engine-net/isolation", test_isolation);
	g_test_add_func("/engine-net/survival", test_survival);
	return g_test_run();
}
