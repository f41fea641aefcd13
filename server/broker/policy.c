#include "server/broker/policy.h"

#include <stdlib.h>
#include <string.h>

const struct policy policy_open = {
    .clipboard = WAY_BOTH,
    .files = WAY_BOTH,
    .audio = SOUND_BOTH,
    .usb = TRUE,
    .shadow = TRUE,
};

static const char *const ways[] = {[WAY_NONE] = "none",
				   [WAY_IN] = "in",
				   [WAY_OUT] = "out",
				   [WAY_BOTH] = "both"};
static const char *const sounds[] = {
    [SOUND_NONE] = "none", [SOUND_PLAY] = "play", [SOUND_BOTH] = "both"};

static const char *const records[] = {
    [RECORD_NONE] = "none", [RECORD_QUIET] = "quiet", [RECORD_TOLD] = "told"};

static unsigned choice(json_t *json, const char *key, const char *const *names,
		       unsigned count, unsigned otherwise)
{
	const char *text = json_string_value(json_object_get(json, key));
	for (unsigned i = 0; text && i < count; i++)
		if (strcmp(names[i], text) == 0)
			return i;
	return otherwise;
}

static gboolean flag(json_t *json, const char *key, gboolean otherwise)
{
	json_t *value = json_object_get(json, key);
	return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static gint64 number(json_t *json, const char *key)
{
	return MAX(0, json_integer_value(json_object_get(json, key)));
}

struct policy policy_of_json(json_t *json)
{
	return (struct policy){
	    .clipboard = choice(json, "clipboard", ways, G_N_ELEMENTS(ways),
				policy_open.clipboard),
	    .files = choice(json, "files", ways, G_N_ELEMENTS(ways),
			    policy_open.files),
	    .audio = choice(json, "audio", sounds, G_N_ELEMENTS(sounds),
			    policy_open.audio),
	    .record = choice(json, "record", records, G_N_ELEMENTS(records),
			     policy_open.record),
	    .usb = flag(json, "usb", policy_open.usb),
	    .shadow = flag(json, "shadow", policy_open.shadow),
	    .watermark = flag(json, "watermark", policy_open.watermark),
	    .bandwidth_kbit = number(json, "bandwidth_kbit"),
	    .idle_lock_s = number(json, "idle_lock"),
	};
}

json_t *policy_json(const struct policy *policy)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:I, s:I}",
			 "clipboard", ways[policy->clipboard], "files",
			 ways[policy->files], "audio", sounds[policy->audio],
			 "record", records[policy->record], "usb", policy->usb,
			 "shadow", policy->shadow, "watermark",
			 policy->watermark, "bandwidth_kbit",
			 (json_int_t)policy->bandwidth_kbit, "idle_lock",
			 (json_int_t)policy->idle_lock_s);
}

struct policy policy_of_text(const char *text)
{
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;
	struct policy policy = policy_of_json(json);
	json_decref(json);
	return policy;
}

gboolean policy_same(const struct policy *a, const struct policy *b)
{
	return a->clipboard == b->clipboard && a->files == b->files &&
	       a->audio == b->audio && a->record == b->record &&
	       !a->usb == !b->usb && !a->shadow == !b->shadow &&
	       !a->watermark == !b->watermark &&
	       a->bandwidth_kbit == b->bandwidth_kbit &&
	       a->idle_lock_s == b->idle_lock_s;
}

/* 0 is no limit. */
static gint64 lower(gint64 a, gint64 b)
{
	return !a ? b : !b ? a : MIN(a, b);
}

void policy_narrow(struct policy *policy, const struct policy *by)
{
	policy->clipboard &= by->clipboard;
	policy->files &= by->files;
	policy->audio = MIN(policy->audio, by->audio);
	policy->record = MAX(policy->record, by->record);
	policy->usb = policy->usb && by->usb;
	policy->shadow = policy->shadow && by->shadow;
	policy->watermark = policy->watermark || by->watermark;
	policy->bandwidth_kbit =
	    lower(policy->bandwidth_kbit, by->bandwidth_kbit);
	policy->idle_lock_s = lower(policy->idle_lock_s, by->idle_lock_s);
}

gboolean policy_find(struct broker *broker, const char *pool, const char *user,
		     struct policy *policy, GError **error)
{
	*policy = policy_open;
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT policy FROM pools WHERE name = $1 AND policy IS NOT NULL"
	    " UNION ALL SELECT g.policy FROM groups g"
	    " JOIN group_users u ON u.group_name = g.name"
	    " WHERE u.user_name = $2 AND g.policy IS NOT NULL",
	    "ss", pool, user);
	for (gsize i = 0; rows && i < store_rows_count(rows); i++) {
		struct policy each =
		    policy_of_text(store_rows_text(rows, i, 0));
		policy_narrow(policy, &each);
	}
	return rows != NULL;
}

gboolean policy_store(struct broker *broker, const char *table,
		      const char *name, json_t *change, GError **error)
{
	g_autofree char *set =
	    g_strdup_printf("UPDATE %s SET policy = $1 WHERE name = $2", table);
	if (json_is_null(change))
		return store_run(broker->store, NULL, error, set, "ss", NULL,
				 name);
	g_autofree char *get =
	    g_strdup_printf("SELECT policy FROM %s WHERE name = $1", table);
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error, get, "s", name);
	if (!rows)
		return FALSE;
	const char *text = store_rows_text(rows, 0, 0);
	json_t *whole = text ? json_loads(text, 0, NULL) : NULL;
	if (!json_is_object(whole)) {
		json_decref(whole);
		whole = json_object();
	}
	json_object_update(whole, change);
	char *merged = json_dumps(whole, JSON_COMPACT | JSON_SORT_KEYS);
	gboolean ok =
	    store_run(broker->store, NULL, error, set, "ss", merged, name);
	free(merged);
	json_decref(whole);
	return ok;
}
