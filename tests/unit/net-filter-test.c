/* vmm/net-filter.h: each frame is one sentence about what may leave a guest. */
#include "vmm/net-filter.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

static struct net_filter filter;

static void set_up(void)
{
	memset(&filter, 0, sizeof filter);
	inet_pton(AF_INET, "192.0.2.2", filter.own4[filter.count4++]);
	inet_pton(AF_INET, "10.1.0.1", filter.own4[filter.count4++]);
	inet_pton(AF_INET6, "fd00::2", filter.own6[filter.count6++]);
	inet_pton(AF_INET6, "fe80::1", filter.own6[filter.count6++]);
}

/* A frame with this destination; port is that of TCP or UDP. */
static size_t make(uint8_t *frame, const char *to, unsigned protocol,
		   unsigned port)
{
	gboolean six = strchr(to, ':') != NULL;
	size_t header = six ? 40 : 20;
	memset(frame, 0, 14 + header + 20);
	frame[12] = six ? 0x86 : 0x08;
	frame[13] = six ? 0xdd : 0x00;
	uint8_t *packet = frame + 14;
	packet[0] = six ? 0x60 : 0x45;
	packet[six ? 6 : 9] = (uint8_t)protocol;
	if (six)
		packet[7] = 255;
	inet_pton(six ? AF_INET6 : AF_INET, to, packet + (six ? 24 : 16));
	packet[header + 2] = (uint8_t)(port >> 8);
	packet[header + 3] = (uint8_t)port;
	return 14 + header + 20;
}

#define TCP    6
#define UDP    17
#define ICMPV6 58

static const struct {
	const char *to;
	unsigned protocol, port;
	gboolean allowed;
} frames[] = {
    {"203.0.113.5", TCP, 443, TRUE},
    {"192.0.2.1", TCP, 80, TRUE},
    {"192.0.2.3", UDP, 53, TRUE},
    {"255.255.255.255", UDP, 67, TRUE}, /* DHCP */
    {"255.255.255.255", UDP, 9, FALSE},
    {"255.255.255.255", TCP, 67, FALSE},
    {"192.0.2.2", TCP, 22, FALSE}, /* this host */
    {"192.0.2.2", UDP, 67, FALSE},
    {"10.1.0.1", TCP, 22, FALSE},
    {"10.1.0.2", TCP, 22, TRUE},
    {"127.0.0.1", TCP, 22, FALSE},
    {"127.255.255.254", UDP, 53, FALSE},
    {"0.0.0.0", TCP, 22, FALSE}, /* Linux takes it for loopback */
    {"0.1.2.3", TCP, 22, FALSE},
    {"169.254.169.254", TCP, 80, FALSE}, /* a cloud's metadata */
    {"224.0.0.251", UDP, 5353, FALSE},
    {"2001:db8::5", TCP, 443, TRUE},
    {"fd00::1", UDP, 53, TRUE},
    {"fd00::2", TCP, 22, FALSE},  /* this host */
    {"fd00::2", ICMPV6, 0, TRUE}, /* neighbour discovery */
    {"fe80::1", TCP, 22, FALSE},
    {"fe80::1", ICMPV6, 0, TRUE},
    {"fe80::1", UDP, 547, TRUE}, /* DHCPv6 */
    {"fe80::1", UDP, 53, FALSE},
    {"ff02::2", ICMPV6, 0, TRUE}, /* router solicitation */
    {"ff02::1:2", UDP, 547, TRUE},
    {"ff02::fb", UDP, 5353, FALSE},
    {"::1", TCP, 22, FALSE},
    {"::1", ICMPV6, 0, FALSE},
    {"::", TCP, 22, FALSE},
    {"::ffff:127.0.0.1", TCP, 22, FALSE},
    {"::ffff:203.0.113.5", TCP, 22, FALSE},
    {"::127.0.0.1", TCP, 22, FALSE},
};

static void test_frames(void)
{
	uint8_t frame[128];
	for (gsize i = 0; i < G_N_ELEMENTS(frames); i++) {
		size_t length = make(frame, frames[i].to, frames[i].protocol,
				     frames[i].port);
		if (net_filter_allows(&filter, frame, length) !=
		    frames[i].allowed)
			g_error("%s protocol %u port %u: wrong", frames[i].to,
				frames[i].protocol, frames[i].port);
	}
}

/* Cut anywhere, a frame is dropped as soon as its destination is cut, and
 * never read beyond its end (which the sanitizer watches). */
static void test_cut(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(frames); i++) {
		uint8_t whole[128];
		size_t length = make(whole, frames[i].to, frames[i].protocol,
				     frames[i].port);
		for (size_t cut = 0; cut <= length; cut++) {
			uint8_t *frame = g_memdup2(whole, cut);
			bool allowed = net_filter_allows(&filter, frame, cut);
			g_assert_false(allowed && !frames[i].allowed);
			g_assert_false(allowed && cut < 14 + 20);
			g_free(frame);
		}
	}
}

static void test_other_protocols(void)
{
	uint8_t frame[128];
	size_t length = make(frame, "203.0.113.5", TCP, 443);
	frame[13] = 0x06; /* ARP */
	g_assert_true(net_filter_allows(&filter, frame, length));
	frame[12] = 0x81; /* a VLAN tag before something */
	frame[13] = 0x00;
	g_assert_false(net_filter_allows(&filter, frame, length));
	/* an IPv6 packet that calls itself IPv4, and odd header lengths */
	length = make(frame, "203.0.113.5", TCP, 443);
	frame[14] = 0x65;
	g_assert_false(net_filter_allows(&filter, frame, length));
	frame[14] = 0x44;
	g_assert_false(net_filter_allows(&filter, frame, length));
	frame[14] = 0x4f;
	g_assert_false(net_filter_allows(&filter, frame, length));
}

static void test_load(void)
{
	struct net_filter own;
	g_assert_true(net_filter_load(&own));
	g_assert_cmpuint(own.count4, >=, 1); /* loopback's at least */
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	set_up();
	g_test_add_func("/net-filter/frames", test_frames);
	g_test_add_func("/net-filter/cut", test_cut);
	g_test_add_func("/net-filter/other-protocols", test_other_protocols);
	g_test_add_func("/net-filter/load", test_load);
	return g_test_run();
}
