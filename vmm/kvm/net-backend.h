/* net-backend.h - the host's end of a network card.
 *
 *   tap:NAME      an existing tap interface (needs its rights)
 *   passt:PATH    a stream socket that passt serves; no privileges
 *   listen:PATH   the same, served by us: who connects next replaces who was
 *                 there, and frames vanish while nobody is
 *   fd:N          the same, as a connected descriptor the parent opened
 *   none          a card without a cable
 *
 * Threads: create and free on the main loop, frames on the I/O loop.
 * Frames are Ethernet, at most NET_FRAME_MAX bytes. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#define NET_FRAME_MAX 65562u /* 64 KiB of IP, Ethernet, VLAN */

struct net_backend;
struct ioloop;

struct net_handlers {
	/* A frame may be had with net_receive(). */
	void (*readable)(void *data);
	/* A send that was refused may be tried again. */
	void (*writable)(void *data);
	/* The helper died and cannot come back; once. */
	void (*lost)(void *data);
};

struct net_backend *net_open(const char *spec, struct ioloop *loop,
			     const struct net_handlers *handlers, void *data,
			     GError **error);
void net_free(struct net_backend *net);
/* Bytes of the frame now in `frame` (NET_FRAME_MAX), 0 when there is none. */
size_t net_receive(struct net_backend *net, void *frame);
/* Takes the frame, and hands it on at the latest with net_flush(). false:
 * later (writable will tell). A dead helper swallows frames. */
bool net_send(struct net_backend *net, const struct iovec *parts,
	      unsigned count, size_t bytes);
void net_flush(struct net_backend *net);
void net_want_read(struct net_backend *net, bool want);
