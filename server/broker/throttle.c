#include "server/broker/throttle.h"

#include <string.h>

#define FORGET_US (60 * G_USEC_PER_SEC)
/* 12288 entries of about 150 bytes are 2 MB, at the very worst */
#define ENTRIES_MAX 12288u

enum kind { BY_PAIR, BY_USER, BY_ADDRESS, KINDS };

static const struct {
	char letter;
	unsigned free;      /* failures without any wait */
	unsigned longest_s; /* of a wait */
} limits[KINDS] = {
    [BY_PAIR] = {'p', 5, 120},
    [BY_USER] = {'u', 20, 5},
    /* an address may be a whole office behind one router */
    [BY_ADDRESS] = {'a', 40, 60},
};

struct entry {
	char *key;
	unsigned failures;
	gint64 decayed_us; /* failures are true as of then */
	gint64 until_us;   /* no further try before */
	GList link;        /* in `quiet`, last used at the tail */
};

struct throttle {
	GHashTable *entries;
	GQueue quiet;
};

static void entry_free(void *data)
{
	struct entry *entry = data;
	g_free(entry->key);
	g_free(entry);
}

struct throttle *throttle_create(void)
{
	struct throttle *self = g_new0(struct throttle, 1);
	self->entries =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
	g_queue_init(&self->quiet);
	return self;
}

void throttle_destroy(struct throttle *self)
{
	if (!self)
		return;
	g_hash_table_unref(self->entries);
	g_free(self);
}

gsize throttle_entries(const struct throttle *self)
{
	return g_hash_table_size(self->entries);
}

static char *make_key(enum kind kind, const char *user, const char *address)
{
	/* names are bounded: what is longer exists nowhere */
	return g_strdup_printf("%c%.64s\n%.64s", limits[kind].letter,
			       kind == BY_ADDRESS ? "" : user,
			       kind == BY_USER ? "" : address);
}

static struct entry *find(struct throttle *self, enum kind kind,
			  const char *user, const char *address)
{
	g_autofree char *key = make_key(kind, user, address);
	return g_hash_table_lookup(self->entries, key);
}

static void drop(struct throttle *self, struct entry *entry)
{
	g_queue_unlink(&self->quiet, &entry->link);
	g_hash_table_remove(self->entries, entry->key);
}

static struct entry *obtain(struct throttle *self, enum kind kind,
			    const char *user, const char *address,
			    gint64 now_us)
{
	struct entry *entry = find(self, kind, user, address);
	if (entry) {
		g_queue_unlink(&self->quiet, &entry->link);
	} else {
		if (g_hash_table_size(self->entries) >= ENTRIES_MAX)
			drop(self, self->quiet.head->data);
		entry = g_new0(struct entry, 1);
		entry->key = make_key(kind, user, address);
		entry->decayed_us = now_us;
		entry->link.data = entry;
		g_hash_table_insert(self->entries, entry->key, entry);
	}
	g_queue_push_tail_link(&self->quiet, &entry->link);
	return entry;
}

static void decay(struct entry *entry, gint64 now_us)
{
	gint64 steps = (now_us - entry->decayed_us) / FORGET_US;
	if (steps <= 0)
		return;
	entry->failures -= (unsigned)MIN((gint64)entry->failures, steps);
	entry->decayed_us += steps * FORGET_US;
}

unsigned throttle_try(struct throttle *self, const char *user,
		      const char *address, gint64 now_us)
{
	gint64 until_us = 0;
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct entry *entry = find(self, kind, user, address);
		if (entry)
			until_us = MAX(until_us, entry->until_us);
	}
	if (until_us > now_us)
		return (unsigned)((until_us - now_us + G_USEC_PER_SEC - 1) /
				  G_USEC_PER_SEC);
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct entry *entry = obtain(self, kind, user, address, now_us);
		decay(entry, now_us);
		entry->failures++;
		if (entry->failures < limits[kind].free)
			continue;
		unsigned doublings =
		    MIN(entry->failures - limits[kind].free, 16u);
		unsigned wait_s = MIN(1u << doublings, limits[kind].longest_s);
		entry->until_us = now_us + wait_s * G_USEC_PER_SEC;
	}
	return 0;
}

void throttle_refund(struct throttle *self, const char *user,
		     const char *address, gboolean success)
{
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct entry *entry = find(self, kind, user, address);
		if (!entry)
			continue;
		if (entry->failures)
			entry->failures--;
		/* whoever knows the password may go on from there */
		if (success && kind == BY_PAIR)
			entry->failures = 0;
		if (entry->failures < limits[kind].free)
			entry->until_us = 0;
		if (!entry->failures)
			drop(self, entry);
	}
}
