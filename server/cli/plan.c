/* The set-up as one file: export writes what there is, diff says what apply
 * would do, apply does it. A file names only what it cares about: a member
 * that is absent stays as it is, an object that is absent stays unless --prune
 * is given. Objects are made in the order of `kinds`, since later ones refer to
 * earlier ones, and removed in the reverse one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/fault.h"
#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/password.h"
#include "server/cli/table.h"

static const char *const quota_members[] = {"desktops", "cpus", "memory_mib",
					    NULL};
static const char *const user_members[] = {"role", "max_desktops", NULL};
static const char *const group_members[] = {"users", "policy", NULL};
static const char *const image_members[] = {"recipe", NULL};
static const char *const pool_members[] = {
    "image",    "kind",   "cpus",       "memory_mib",       "heads",
    "max",      "spares", "version",    "disconnect_after", "quota",
    "users",    "groups", "idle_after", "schedule",         "policy",
    "home_mib", NULL};

struct kind {
	const char *list, *key;
	const char *const *members;
};
static const struct kind kinds[] = {
    {"quotas", "quota", quota_members}, {"users", "user", user_members},
    {"groups", "group", group_members}, {"images", "image", image_members},
    {"pools", "pool", pool_members},
};

static char *opt_file;
static gboolean opt_prune;
static const GOptionEntry options[] = {
    {"file", 'f', 0, G_OPTION_ARG_FILENAME, &opt_file,
     "The set-up (- for standard input)", "FILE"},
    {"prune", 0, 0, G_OPTION_ARG_NONE, &opt_prune,
     "Remove what the file does not name, too", NULL},
    {0},
};

/* ---- what there is ---- */

static json_t *fetch(struct cli *cli, const struct kind *kind, GError **error)
{
	g_autofree char *path = g_strconcat("/", kind->list, NULL);
	json_t *answer = client_call(cli->client, "GET", path, NULL, error);
	if (!answer)
		return NULL;
	json_t *list = json_incref(json_object_get(answer, kind->list));
	json_decref(answer);
	/* what comes and goes with an installation is no set-up */
	for (gsize i = json_array_size(list); i-- > 0;)
		if (strcmp(text_of(json_array_get(list, i), "kind"),
			   "install") == 0)
			json_array_remove(list, i);
	return list;
}

static json_t *find(json_t *list, const struct kind *kind, const char *name)
{
	gsize i;
	json_t *each;
	json_array_foreach(list, i, each) if (strcmp(text_of(each, kind->key),
						     name) == 0) return each;
	return NULL;
}

static json_t *settings(const struct kind *kind, json_t *object)
{
	json_t *out = json_pack("{s:s}", kind->key, text_of(object, kind->key));
	for (gsize i = 0; kind->members[i]; i++) {
		json_t *value = json_object_get(object, kind->members[i]);
		if (value)
			json_object_set(out, kind->members[i], value);
	}
	return out;
}

static gboolean export(struct cli *cli, GError **error)
{
	json_t *all = json_object();
	for (gsize k = 0; k < G_N_ELEMENTS(kinds); k++) {
		json_t *list = fetch(cli, &kinds[k], error);
		json_t *out = json_array();
		gsize i;
		json_t *each;
		if (!list) {
			json_decref(out);
			json_decref(all);
			return FALSE;
		}
		json_array_foreach(list, i, each)
		    json_array_append_new(out, settings(&kinds[k], each));
		json_object_set_new(all, kinds[k].list, out);
		json_decref(list);
	}
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
	return TRUE;
}

/* ---- what is wanted ---- */

static gboolean knows(const struct kind *kind, const char *member)
{
	return strcmp(member, kind->key) == 0 ||
	       g_strv_contains(kind->members, member);
}

static gboolean check_object(const struct kind *kind, json_t *object,
			     gsize number, GError **error)
{
	const char *member;
	json_t *value;
	if (!json_is_object(object) || !*text_of(object, kind->key)) {
		fault_set(error, FAULT_INVALID, NULL,
			  "%s: number %" G_GSIZE_FORMAT
			  " has no name (member '%s').",
			  kind->list, number + 1, kind->key);
		return FALSE;
	}
	json_object_foreach(object, member, value)
	{
		if (knows(kind, member))
			continue;
		g_autofree char *known =
		    g_strjoinv(", ", (char **)(void *)kind->members);
		g_autofree char *remedy =
		    g_strdup_printf("Known are %s and %s.", kind->key, known);
		g_autofree char *quoted = text_safe(member);
		fault_set(error, FAULT_INVALID, remedy,
			  "%s '%s': there is no member '%s'.", kind->list,
			  text_of(object, kind->key), quoted);
		return FALSE;
	}
	return TRUE;
}

static gboolean check_file(json_t *wanted, GError **error)
{
	const char *name;
	json_t *list;
	json_object_foreach(wanted, name, list)
	{
		const struct kind *kind = NULL;
		for (gsize k = 0; k < G_N_ELEMENTS(kinds); k++)
			if (strcmp(kinds[k].list, name) == 0)
				kind = &kinds[k];
		if (!kind || !json_is_array(list)) {
			g_autofree char *quoted = text_safe(name);
			fault_set(error, FAULT_INVALID,
				  "Lists of quotas, users, groups, images and "
				  "pools, as 'oriel export' writes them.",
				  "'%s' is none of the lists of a set-up.",
				  quoted);
			return FALSE;
		}
		gsize i;
		json_t *each;
		json_array_foreach(
		    list, i,
		    each) if (!check_object(kind, each, i, error)) return FALSE;
	}
	return TRUE;
}

static json_t *read_file(GError **error)
{
	json_error_t where;
	if (!opt_file) {
		fault_set(error, FAULT_INVALID,
			  "Name it with -f FILE; 'oriel export' shows what "
			  "one looks like.",
			  "Which set-up?");
		return NULL;
	}
	json_t *wanted =
	    strcmp(opt_file, "-") == 0
		? json_loadf(stdin, JSON_REJECT_DUPLICATES, &where)
		: json_load_file(opt_file, JSON_REJECT_DUPLICATES, &where);
	if (!json_is_object(wanted)) {
		fault_set(error, FAULT_INVALID,
			  "'oriel export' shows what one looks like.",
			  "%s:%d: %s", opt_file, wanted ? 1 : where.line,
			  wanted ? "it is no JSON object" : where.text);
		json_decref(wanted);
		return NULL;
	}
	if (check_file(wanted, error))
		return wanted;
	json_decref(wanted);
	return NULL;
}

/* ---- the difference ---- */

static gboolean same_names(json_t *a, json_t *b)
{
	if (json_array_size(a) != json_array_size(b))
		return FALSE;
	gsize i, k;
	json_t *left, *right;
	json_array_foreach(a, i, left)
	{
		gboolean found = FALSE;
		json_array_foreach(b, k, right) found =
		    found || json_equal(left, right);
		if (!found)
			return FALSE;
	}
	return TRUE;
}

static gboolean same(json_t *is, json_t *wanted);

/* A part that the file does not name stays. */
static gboolean same_parts(json_t *is, json_t *wanted)
{
	const char *name;
	json_t *part;
	json_object_foreach(wanted, name, part)
	{
		json_t *has = json_object_get(is, name);
		if (!has || !same(has, part))
			return FALSE;
	}
	return TRUE;
}

static gboolean same(json_t *a, json_t *b)
{
	if (json_is_object(a) && json_is_object(b))
		return same_parts(a, b);
	return json_is_array(a) && json_is_array(b) ? same_names(a, b)
						    : json_equal(a, b);
}

static char *value_text(json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	char *copy = text_safe(text ? text : "null");
	free(text);
	return copy;
}

/* What of the object has to be set; empty where nothing has. Printed. */
static json_t *changes(const struct kind *kind, json_t *is, json_t *wanted,
		       gboolean quiet)
{
	json_t *out = json_object();
	for (gsize i = 0; kind->members[i]; i++) {
		const char *member = kind->members[i];
		json_t *new = json_object_get(wanted, member);
		json_t *old = json_object_get(is, member);
		if (!new || (is && same(old, new)))
			continue;
		json_object_set(out, member, new);
		if (!is || quiet)
			continue;
		g_autofree char *before = value_text(old);
		g_autofree char *after = value_text(new);
		g_autofree char *name = text_safe(text_of(wanted, kind->key));
		printf("~ %s %s: %s %s -> %s\n", kind->key, name, member,
		       before, after);
	}
	return out;
}

/* ---- doing it ---- */

static char *path_of(const struct kind *kind, const char *name)
{
	g_autofree char *part = client_part(name);
	return g_strdup_printf("/%s/%s", kind->list, part);
}

/* Somebody new gets a password that only this call tells. */
static gboolean add_user(struct cli *cli, const char *name, json_t *body,
			 GError **error)
{
	char *password = password_obtain(name, TRUE, NULL, error);
	if (!password)
		return FALSE;
	json_t *answer = client_call(
	    cli->client, "POST", "/users",
	    json_pack("{s:s, s:s}", "user", name, "password", password), error);
	if (answer)
		printf("  password of %s: %s\n", name, password);
	password_free(password);
	if (answer && json_object_size(body)) {
		g_autofree char *path = path_of(&kinds[1], name);
		json_decref(answer);
		answer = client_call(cli->client, "PUT", path,
				     json_incref(body), error);
	}
	json_decref(answer);
	return answer != NULL;
}

static gboolean set(struct cli *cli, const struct kind *kind, json_t *is,
		    const char *name, json_t *body, GError **error)
{
	if (!is && strcmp(kind->key, "user") == 0)
		return add_user(cli, name, body, error);
	json_t *answer;
	if (strcmp(kind->key, "image") == 0) {
		json_object_set_new(body, "name", json_string(name));
		answer = client_call(cli->client, "POST", "/images",
				     json_incref(body), error);
	} else {
		g_autofree char *path = path_of(kind, name);
		answer = client_call(cli->client, "PUT", path,
				     json_incref(body), error);
	}
	json_decref(answer);
	return answer != NULL;
}

static gboolean make(struct cli *cli, const struct kind *kind, json_t *list,
		     json_t *wanted, gboolean act, unsigned *count,
		     GError **error)
{
	gsize i;
	json_t *each;
	json_array_foreach(wanted, i, each)
	{
		const char *name = text_of(each, kind->key);
		json_t *is = find(list, kind, name);
		json_t *body = changes(kind, is, each, FALSE);
		gboolean differs = !is || json_object_size(body);
		if (!is) {
			g_autofree char *safe = text_safe(name);
			printf("+ %s %s\n", kind->key, safe);
		}
		*count += differs;
		gboolean ok =
		    !differs || !act || set(cli, kind, is, name, body, error);
		json_decref(body);
		if (!ok)
			return FALSE;
	}
	return TRUE;
}

static gboolean prune(struct cli *cli, const struct kind *kind, json_t *list,
		      json_t *wanted, gboolean act, unsigned *count,
		      GError **error)
{
	gsize i;
	json_t *each;
	json_array_foreach(list, i, each)
	{
		const char *name = text_of(each, kind->key);
		if (find(wanted, kind, name))
			continue;
		g_autofree char *path = path_of(kind, name);
		printf("- %s %s\n", kind->key, name);
		(*count)++;
		json_t *answer =
		    act ? client_call(cli->client, "DELETE", path, NULL, error)
			: json_null();
		json_decref(answer);
		if (!answer)
			return FALSE;
	}
	return TRUE;
}

static gboolean walk(struct cli *cli, json_t *wanted, gboolean act,
		     unsigned *count, GError **error)
{
	json_t *is[G_N_ELEMENTS(kinds)] = {0};
	gboolean ok = TRUE;
	for (gsize k = 0; ok && k < G_N_ELEMENTS(kinds); k++)
		ok = (is[k] = fetch(cli, &kinds[k], error)) != NULL;
	for (gsize k = 0; ok && k < G_N_ELEMENTS(kinds); k++)
		ok = make(cli, &kinds[k], is[k],
			  json_object_get(wanted, kinds[k].list), act, count,
			  error);
	for (gsize k = G_N_ELEMENTS(kinds); ok && opt_prune && k-- > 0;)
		/* a list that the file does not have is none of its business */
		if (json_object_get(wanted, kinds[k].list))
			ok = prune(cli, &kinds[k], is[k],
				   json_object_get(wanted, kinds[k].list), act,
				   count, error);
	for (gsize k = 0; k < G_N_ELEMENTS(kinds); k++)
		json_decref(is[k]);
	return ok;
}

static gboolean run(struct cli *cli, gboolean act, GError **error)
{
	unsigned count = 0;
	json_t *wanted = read_file(error);
	gboolean ok = wanted && walk(cli, wanted, act, &count, error);
	json_decref(wanted);
	if (ok && !count)
		printf("Everything is as the file says.\n");
	else if (ok)
		printf("%u change%s %s.\n", count, count == 1 ? "" : "s",
		       act ? "made" : "to be made");
	return ok;
}

static gboolean apply(struct cli *cli, GError **error)
{
	return run(cli, TRUE, error);
}

static gboolean diff(struct cli *cli, GError **error)
{
	return run(cli, FALSE, error);
}

const struct verb plan_verbs[] = {
    {"export", NULL, NULL, 0, 0,
     "The set-up (quotas, users, groups, images, pools) as one file",
     "  oriel export > set-up.json\n", NULL, export, FALSE},
    {"diff", NULL, NULL, 0, 0, "What apply would change",
     "  oriel diff -f set-up.json\n  oriel diff -f set-up.json --prune\n",
     options, diff, FALSE},
    {"apply", NULL, NULL, 0, 0, "Make the set-up what a file says",
     "  oriel apply -f set-up.json\n  oriel apply -f - < set-up.json\n",
     options, apply, FALSE},
    {0},
};
