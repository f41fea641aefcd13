#include "server/broker/hub.h"

struct hub_wait {
	struct hub *hub;
	char *key;
	hub_woken woken;
	void *data;
	guint timer;
};

struct hub {
	gint64 serial;
	GHashTable *waiters; /* key -> GPtrArray of struct hub_wait */
	GHashTable *changed; /* keys to wake */
	guint idle;
};

struct hub *hub_create(gint64 first_serial)
{
	struct hub *self = g_new0(struct hub, 1);
	self->serial = first_serial;
	self->waiters = g_hash_table_new_full(
	    g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
	self->changed =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return self;
}

void hub_destroy(struct hub *self)
{
	if (!self)
		return;
	if (self->idle)
		g_source_remove(self->idle);
	g_hash_table_unref(self->waiters);
	g_hash_table_unref(self->changed);
	g_free(self);
}

gint64 hub_serial(struct hub *self)
{
	return ++self->serial;
}

static void forget(struct hub_wait *wait)
{
	GPtrArray *list = g_hash_table_lookup(wait->hub->waiters, wait->key);
	if (list && g_ptr_array_remove_fast(list, wait) && !list->len)
		g_hash_table_remove(wait->hub->waiters, wait->key);
	if (wait->timer)
		g_source_remove(wait->timer);
	wait->timer = 0;
}

static void wake(struct hub_wait *wait, gboolean changed)
{
	hub_woken woken = wait->woken;
	void *data = wait->data;
	forget(wait);
	g_free(wait->key);
	g_free(wait);
	woken(changed, data);
}

static gboolean on_timeout(void *data)
{
	struct hub_wait *wait = data;
	wait->timer = 0;
	wake(wait, FALSE);
	return G_SOURCE_REMOVE;
}

static void wake_key(struct hub *self, const char *key)
{
	GPtrArray *list = g_hash_table_lookup(self->waiters, key);
	/* only those that wait now: one that waits again waits for the next
	 * change. Waiters may cancel each other, so the list is read anew. */
	for (guint left = list ? list->len : 0; left; left--) {
		list = g_hash_table_lookup(self->waiters, key);
		if (!list || !list->len)
			return;
		wake(list->pdata[0], TRUE);
	}
}

static gboolean on_idle(void *data)
{
	struct hub *self = data;
	self->idle = 0;
	g_autoptr(GHashTable) changed = g_steal_pointer(&self->changed);
	self->changed =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTableIter iter;
	void *key;
	g_hash_table_iter_init(&iter, changed);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		wake_key(self, key);
	return G_SOURCE_REMOVE;
}

void hub_changed(struct hub *self, const char *key)
{
	if (!g_hash_table_contains(self->waiters, key))
		return;
	g_hash_table_add(self->changed, g_strdup(key));
	if (!self->idle)
		self->idle = g_idle_add(on_idle, self);
}

struct hub_wait *hub_wait(struct hub *self, const char *key,
			  unsigned timeout_ms, hub_woken woken, void *data)
{
	struct hub_wait *wait = g_new0(struct hub_wait, 1);
	wait->hub = self;
	wait->key = g_strdup(key);
	wait->woken = woken;
	wait->data = data;
	wait->timer = g_timeout_add(timeout_ms, on_timeout, wait);
	GPtrArray *list = g_hash_table_lookup(self->waiters, key);
	if (!list) {
		list = g_ptr_array_new();
		g_hash_table_insert(self->waiters, g_strdup(key), list);
	}
	g_ptr_array_add(list, wait);
	return wait;
}

void hub_cancel(struct hub_wait *wait)
{
	if (!wait)
		return;
	forget(wait);
	g_free(wait->key);
	g_free(wait);
}
