#include "server/gateway/limits.h"

#include <string.h>

struct limits {
	unsigned total, per_address;
	unsigned admitted, refusals;
	GHashTable *by_address; /* struct limits_key -> count */
};

static guint hash(gconstpointer data)
{
	const struct limits_key *key = data;
	return g_int64_hash(&key->high) * 31 + g_int64_hash(&key->low);
}

static gboolean equal(gconstpointer a, gconstpointer b)
{
	const struct limits_key *one = a, *other = b;
	return one->high == other->high && one->low == other->low;
}

struct limits_key limits_key(const struct sockaddr *address)
{
	struct limits_key key = {0, 0};
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *four = (const void *)address;
		key.low = 0xffff00000000 | ntohl(four->sin_addr.s_addr);
	} else if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const void *)address;
		guint64 half[2];
		memcpy(half, &six->sin6_addr, sizeof half);
		if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
			key.low = GUINT64_FROM_BE(half[1]);
		else
			key.high = GUINT64_FROM_BE(half[0]);
	}
	return key;
}

struct limits *limits_new(unsigned total, unsigned per_address)
{
	struct limits *limits = g_new0(struct limits, 1);
	limits->total = total;
	limits->per_address = per_address;
	limits->by_address = g_hash_table_new_full(hash, equal, g_free, NULL);
	return limits;
}

void limits_free(struct limits *limits)
{
	if (!limits)
		return;
	g_hash_table_unref(limits->by_address);
	g_free(limits);
}

enum limits_verdict limits_enter(struct limits *limits, struct limits_key key)
{
	unsigned count =
	    GPOINTER_TO_UINT(g_hash_table_lookup(limits->by_address, &key));
	gboolean full = limits->admitted >= limits->total;
	if (full || count >= limits->per_address) {
		if (limits->refusals >= LIMITS_REFUSALS_MAX)
			return LIMITS_DROP;
		limits->refusals++;
		return full ? LIMITS_REFUSE_TOTAL : LIMITS_REFUSE_ADDRESS;
	}
	limits->admitted++;
	g_hash_table_replace(limits->by_address, g_memdup2(&key, sizeof key),
			     GUINT_TO_POINTER(count + 1));
	return LIMITS_ADMIT;
}

void limits_leave(struct limits *limits, struct limits_key key,
		  enum limits_verdict verdict)
{
	if (verdict != LIMITS_ADMIT) {
		limits->refusals -= verdict != LIMITS_DROP;
		return;
	}
	unsigned count =
	    GPOINTER_TO_UINT(g_hash_table_lookup(limits->by_address, &key));
	limits->admitted--;
	if (count > 1)
		g_hash_table_replace(limits->by_address,
				     g_memdup2(&key, sizeof key),
				     GUINT_TO_POINTER(count - 1));
	else
		g_hash_table_remove(limits->by_address, &key);
}
