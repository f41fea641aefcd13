#include "vmm/kvm/opts.h"

#include "common/fault.h"

struct opts {
	char *type;
	GHashTable *values; /* key -> value */
	GHashTable *known;
};

struct opts *opts_parse(const char *text, GError **error)
{
	struct opts *opts = g_new0(struct opts, 1);
	g_autoptr(GString) word = g_string_new(NULL);

	opts->values =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	opts->known = g_hash_table_new(g_str_hash, g_str_equal);
	for (const char *at = text;; at++) {
		char *equals;

		if (at[0] == ',' && at[1] == ',') {
			g_string_append_c(word, ',');
			at++;
			continue;
		}
		if (*at && *at != ',') {
			g_string_append_c(word, *at);
			continue;
		}
		equals = strchr(word->str, '=');
		if (!opts->type && !equals && word->len) {
			opts->type = g_strdup(word->str);
		} else if (opts->type && equals && equals != word->str) {
			*equals = '\0';
			opts_set(opts, word->str, equals + 1);
		} else {
			fault_set(error, FAULT_INVALID,
				  "Write it as TYPE,KEY=VALUE,KEY=VALUE.",
				  "Device '%s' cannot be read", text);
			opts_free(opts);
			return NULL;
		}
		g_string_truncate(word, 0);
		if (!*at)
			return opts;
	}
}

void opts_free(struct opts *opts)
{
	if (!opts)
		return;
	g_free(opts->type);
	g_hash_table_unref(opts->values);
	g_hash_table_unref(opts->known);
	g_free(opts);
}

void opts_set(struct opts *opts, const char *key, const char *value)
{
	g_hash_table_replace(opts->values, g_strdup(key), g_strdup(value));
}

const char *opts_type(const struct opts *opts)
{
	return opts->type;
}

const char *opts_string(struct opts *opts, const char *key)
{
	g_hash_table_add(opts->known, (gpointer)g_intern_string(key));
	return g_hash_table_lookup(opts->values, key);
}

bool opts_number(struct opts *opts, const char *key, uint64_t low,
		 uint64_t high, uint64_t absent, uint64_t *value,
		 GError **error)
{
	const char *text = opts_string(opts, key);
	guint64 number;

	*value = absent;
	if (!text)
		return true;
	if (!g_ascii_string_to_unsigned(text, 10, low, high, &number, NULL)) {
		fault_set(error, FAULT_INVALID, NULL,
			  "%s of device '%s' is '%s', not a number from "
			  "%" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
			  key, opts->type, text, low, high);
		return false;
	}
	*value = number;
	return true;
}

bool opts_flag(struct opts *opts, const char *key, bool *value, GError **error)
{
	const char *text = opts_string(opts, key);

	*value = text && g_str_equal(text, "on");
	if (text && !*value && !g_str_equal(text, "off")) {
		fault_set(error, FAULT_INVALID, "Write on or off.",
			  "%s of device '%s' is '%s'", key, opts->type, text);
		return false;
	}
	return true;
}

bool opts_finish(struct opts *opts, GError **error)
{
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, opts->values);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		if (!g_hash_table_contains(opts->known, key)) {
			fault_set(error, FAULT_INVALID,
				  "docs/vmm.md lists the keys of each device.",
				  "Device '%s' has no key '%s'", opts->type,
				  (char *)key);
			return false;
		}
	return true;
}
