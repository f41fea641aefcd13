/* limits.h - how many connections, over all and from one address.
 *
 * Beyond a limit a client is told so by a process of its own, which costs
 * something too; so only REFUSALS_MAX of those exist at a time, and whoever
 * comes then is dropped without a word. An IPv6 address counts by its /64,
 * since that is what one household has.
 *
 * Threads: main. Pure bookkeeping; never fails. */
#pragma once

#include <glib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define LIMITS_REFUSALS_MAX 32

enum limits_verdict {
	LIMITS_ADMIT,
	LIMITS_REFUSE_ADDRESS, /* too many from this one */
	LIMITS_REFUSE_TOTAL,
	LIMITS_DROP,
};

/* An address as the limits see it. */
struct limits_key {
	guint64 high, low;
};
struct limits_key limits_key(const struct sockaddr *address);

struct limits;
struct limits *limits_new(unsigned total, unsigned per_address);
void limits_free(struct limits *limits);

/* Every verdict but DROP has to be given back with limits_leave(). */
enum limits_verdict limits_enter(struct limits *limits, struct limits_key key);
void limits_leave(struct limits *limits, struct limits_key key,
		  enum limits_verdict verdict);
