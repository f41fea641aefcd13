#include "vmm/net-filter.h"

#include <ifaddrs.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#define ETHERNET_HEADER 14u
#define IPV4_HEADER     20u
#define IPV6_HEADER     40u
#define DHCP_SERVER     67u
#define DHCPV6_SERVER   547u

static unsigned be16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

bool net_filter_load(struct net_filter *self)
{
	struct ifaddrs *list;
	self->count4 = self->count6 = 0;
	if (getifaddrs(&list) < 0)
		return false;
	bool all = true;
	for (struct ifaddrs *at = list; at; at = at->ifa_next) {
		if (!at->ifa_addr)
			continue;
		if (at->ifa_addr->sa_family == AF_INET) {
			if (self->count4 == NET_FILTER_OWN) {
				all = false;
				continue;
			}
			memcpy(self->own4[self->count4++],
			       &((struct sockaddr_in *)at->ifa_addr)->sin_addr,
			       4);
		} else if (at->ifa_addr->sa_family == AF_INET6) {
			if (self->count6 == NET_FILTER_OWN) {
				all = false;
				continue;
			}
			memcpy(
			    self->own6[self->count6++],
			    &((struct sockaddr_in6 *)at->ifa_addr)->sin6_addr,
			    16);
		}
	}
	freeifaddrs(list);
	return all;
}

/* Is it a UDP datagram to this port? rest: what follows the IP header. */
static bool is_udp_to(uint8_t protocol, const uint8_t *rest, size_t length,
		      unsigned port)
{
	return protocol == IPPROTO_UDP && length >= 8 && be16(rest + 2) == port;
}

static bool allows4(const struct net_filter *self, const uint8_t *packet,
		    size_t length)
{
	if (length < IPV4_HEADER || packet[0] >> 4 != 4)
		return false;
	size_t header = (size_t)(packet[0] & 15) * 4;
	if (header < IPV4_HEADER || header > length)
		return false;
	const uint8_t *to = packet + 16;
	static const uint8_t everyone[4] = {255, 255, 255, 255};
	if (memcmp(to, everyone, 4) == 0)
		return is_udp_to(packet[9], packet + header, length - header,
				 DHCP_SERVER);
	if (to[0] == 0 || to[0] == 127 || to[0] >= 224 ||
	    (to[0] == 169 && to[1] == 254))
		return false;
	for (unsigned i = 0; i < self->count4; i++)
		if (memcmp(to, self->own4[i], 4) == 0)
			return false;
	return true;
}

static bool allows6(const struct net_filter *self, const uint8_t *packet,
		    size_t length)
{
	if (length < IPV6_HEADER || packet[0] >> 4 != 6)
		return false;
	const uint8_t *to = packet + 24;
	bool local = to[0] == 0xff || (to[0] == 0xfe && (to[1] & 0xc0) == 0x80);
	/* passt answers neighbour discovery and DHCPv6 on the link itself,
	 * with the host's own link-local address */
	if (local)
		return packet[6] == IPPROTO_ICMPV6 ||
		       is_udp_to(packet[6], packet + IPV6_HEADER,
				 length - IPV6_HEADER, DHCPV6_SERVER);
	/* ::/80 holds ::, ::1, and IPv4 addresses in their old and mapped
	 * forms, which sockets treat as IPv4 */
	static const uint8_t zeroes[10];
	if (memcmp(to, zeroes, sizeof zeroes) == 0)
		return false;
	/* neighbour discovery asks about an address at that very address
	 * when it makes sure of it again; passt answers */
	bool discovery = packet[6] == IPPROTO_ICMPV6 && packet[7] == 255;
	for (unsigned i = 0; i < self->count6 && !discovery; i++)
		if (memcmp(to, self->own6[i], 16) == 0)
			return false;
	return true;
}

bool net_filter_allows(const struct net_filter *self, const uint8_t *frame,
		       size_t length)
{
	if (length < ETHERNET_HEADER)
		return false;
	const uint8_t *packet = frame + ETHERNET_HEADER;
	length -= ETHERNET_HEADER;
	switch (be16(frame + 12)) {
	case ETHERTYPE_ARP:
		return true;
	case ETHERTYPE_IP:
		return allows4(self, packet, length);
	case ETHERTYPE_IPV6:
		return allows6(self, packet, length);
	default:
		return false;
	}
}
