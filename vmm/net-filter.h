/* net-filter.h - which of a guest's frames may leave it.
 *
 * passt turns a guest's packets into connections of the host's own, so a
 * packet to 127.0.0.1, or to an address of the host, would reach what listens
 * there (--no-map-gw only removes the gateway's address as a way in). What is
 * dropped: everything to this host by any of its addresses, unspecified,
 * loopback, link-local (a cloud's metadata service sits there) and multicast
 * addresses, and every protocol but ARP and IP; what DHCP and neighbour
 * discovery need stays. RFC 791 (IPv4), 8200 (IPv6), 4291 (addresses).
 * Threads: any. No allocation; the frame is read within its length only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More addresses than that on one host are not looked at one by one: then
 * only the first ones are known, and net_filter_load() says so. */
#define NET_FILTER_OWN 256u

struct net_filter {
	unsigned count4, count6;
	uint8_t own4[NET_FILTER_OWN][4];
	uint8_t own6[NET_FILTER_OWN][16];
};

/* The host's addresses of now. False when there were too many or none could
 * be read; the filter then holds what it could. */
bool net_filter_load(struct net_filter *filter);
bool net_filter_allows(const struct net_filter *filter, const uint8_t *frame,
		       size_t length);
