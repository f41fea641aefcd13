#include <string.h>
#include <stdio.h>

#include "common/fault.h"
#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/policy.h"
#include "server/cli/table.h"

static char *opt_image, *opt_users, *opt_groups, *opt_kind, *opt_quota;
static int opt_cpus = -1, opt_memory = -1, opt_heads = -1, opt_max = -1;
static int opt_spares = -1, opt_disconnect = -1, opt_idle = -1, opt_home = -1,
	   opt_version;
static char *opt_policy, *opt_schedule;
static gboolean opt_now;

static const GOptionEntry options[] = {
    {"image", 'i', 0, G_OPTION_ARG_STRING, &opt_image,
     "What new desktops are made from", "IMAGE"},
    {"cpus", 'c', 0, G_OPTION_ARG_INT, &opt_cpus,
     "Processors of each desktop (2)", "N"},
    {"memory", 'm', 0, G_OPTION_ARG_INT, &opt_memory,
     "Memory of each desktop (1024)", "MIB"},
    {"heads", 0, 0, G_OPTION_ARG_INT, &opt_heads, "Screens of each desktop (1)",
     "N"},
    {"max", 0, 0, G_OPTION_ARG_INT, &opt_max, "Desktops at most (10)", "N"},
    {"users", 'u', 0, G_OPTION_ARG_STRING, &opt_users,
     "Who may use it: 'everyone' or names", "USER,USER..."},
    {"groups", 'g', 0, G_OPTION_ARG_STRING, &opt_groups,
     "Whose members may use it, too: 'none' or names", "GROUP,GROUP..."},
    {"kind", 'k', 0, G_OPTION_ARG_STRING, &opt_kind,
     "dedicated (each user's own, kept) or floating (anybody's, thrown "
     "away at log-off)",
     "KIND"},
    {"spares", 's', 0, G_OPTION_ARG_INT, &opt_spares,
     "Desktops kept running for whoever comes next (0)", "N"},
    {"disconnect-after", 0, 0, G_OPTION_ARG_INT, &opt_disconnect,
     "Seconds without a viewer until a desktop ends (0, never)", "SECONDS"},
    {"idle-after", 0, 0, G_OPTION_ARG_INT, &opt_idle,
     "Seconds without input until who is connected is disconnected (0, never)",
     "SECONDS"},
    {"schedule", 0, 0, G_OPTION_ARG_STRING, &opt_schedule,
     "Spares by weekday and time: 'mon-fri 07:30-18:00 5; sat 09:00-12:00 1', "
     "or 'none'",
     "SCHEDULE"},
    {"policy", 'p', 0, G_OPTION_ARG_STRING, &opt_policy,
     "What may be done: 'clipboard=out,usb=off,idle-lock=600', or 'default'",
     "POLICY"},
    {"home", 0, 0, G_OPTION_ARG_INT, &opt_home,
     "Size of each user's home, which stays when a floating desktop goes (0, "
     "none)",
     "MIB"},
    {"quota", 'q', 0, G_OPTION_ARG_STRING, &opt_quota,
     "What it shares with other pools: 'none' or a quota", "QUOTA"},
    {0},
};
static const GOptionEntry rollout_options[] = {
    {"version", 0, 0, G_OPTION_ARG_INT, &opt_version,
     "This one; else the newest, also in future", "N"},
    {"now", 0, 0, G_OPTION_ARG_NONE, &opt_now,
     "Also for those who work at this moment; their desktops end", NULL},
    {0},
};
static const GOptionEntry rollback_options[] = {
    {"now", 0, 0, G_OPTION_ARG_NONE, &opt_now,
     "Also for those who work at this moment; their desktops end", NULL},
    {0},
};

static json_t *names_of(const char *text)
{
	json_t *list = json_array();
	g_auto(GStrv) names = g_strsplit(text, ",", -1);
	for (char **name = names; *name; name++)
		if (*g_strstrip(*name))
			json_array_append_new(list, json_string(*name));
	return list;
}

static json_t *wishes(GError **error)
{
	json_t *body = json_object();
	const struct {
		const char *key;
		int value;
	} numbers[] = {
	    {"cpus", opt_cpus},       {"memory_mib", opt_memory},
	    {"heads", opt_heads},     {"max", opt_max},
	    {"spares", opt_spares},   {"disconnect_after", opt_disconnect},
	    {"idle_after", opt_idle}, {"home_mib", opt_home}};
	for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
		if (numbers[i].value >= 0)
			json_object_set_new(body, numbers[i].key,
					    json_integer(numbers[i].value));
	if (opt_image)
		json_object_set_new(body, "image", json_string(opt_image));
	if (opt_kind)
		json_object_set_new(body, "kind", json_string(opt_kind));
	if (opt_quota)
		json_object_set_new(body, "quota",
				    strcmp(opt_quota, "none") == 0
					? json_null()
					: json_string(opt_quota));
	if (opt_groups)
		json_object_set_new(body, "groups",
				    strcmp(opt_groups, "none") == 0
					? json_array()
					: names_of(opt_groups));
	json_t *policy = opt_policy ? policy_parse(opt_policy, error) : NULL;
	json_t *schedule = opt_schedule && (!opt_policy || policy)
			       ? schedule_parse(opt_schedule, error)
			       : NULL;
	if (policy)
		json_object_set_new(body, "policy", policy);
	if (schedule)
		json_object_set_new(body, "schedule", schedule);
	if ((opt_policy && !policy) || (opt_schedule && !schedule)) {
		json_decref(body);
		return NULL;
	}
	if (!opt_users)
		return body;
	if (strcmp(opt_users, "everyone") == 0) {
		json_object_set_new(body, "users", json_null());
		return body;
	}
	json_object_set_new(body, "users", names_of(opt_users));
	return body;
}

static char *path_of(struct cli *cli)
{
	g_autofree char *name = client_part(cli->argv[0]);
	return g_strconcat("/pools/", name, NULL);
}

static char *users_text(json_t *pool)
{
	json_t *users = json_object_get(pool, "users");
	if (json_is_null(users))
		return g_strdup("everyone");
	GString *text = g_string_new(NULL);
	gsize i;
	json_t *user;
	json_array_foreach(users, i, user) g_string_append_printf(
	    text, "%s%s", i ? ", " : "", json_string_value(user));
	json_t *group;
	json_array_foreach(json_object_get(pool, "groups"), i, group)
	    g_string_append_printf(text, "%s@%s", text->len ? ", " : "",
				   json_string_value(group));
	if (!text->len)
		g_string_append(text, "nobody");
	return g_string_free(text, FALSE);
}

static void show_text(json_t *pool)
{
	g_autofree char *users = users_text(pool);
	table_fact("Pool", "%s", text_of(pool, "pool"));
	table_fact("Kind", "%s", text_of(pool, "kind"));
	table_fact("Image", "%s, version %s", text_of(pool, "image"),
		   *text_of(pool, "version") ? text_of(pool, "version")
					     : "the newest");
	table_fact("Each", "%s CPUs, %s MiB, %s screens", text_of(pool, "cpus"),
		   text_of(pool, "memory_mib"), text_of(pool, "heads"));
	table_fact("Desktops", "%s of at most %s, %s running",
		   text_of(pool, "desktops"), text_of(pool, "max"),
		   text_of(pool, "running"));
	table_fact("Spares", "%s of %s ready", text_of(pool, "ready"),
		   text_of(pool, "wanted"));
	if (*text_of(pool, "problem"))
		table_fact("Problem", "%s", text_of(pool, "problem"));
	if (*text_of(pool, "quota"))
		table_fact("Quota", "%s", text_of(pool, "quota"));
	if (strcmp(text_of(pool, "disconnect_after"), "0") != 0)
		table_fact("Ends", "after %s s without a viewer",
			   text_of(pool, "disconnect_after"));
	if (strcmp(text_of(pool, "home_mib"), "0") != 0)
		table_fact("Home", "%s MiB for each user",
			   text_of(pool, "home_mib"));
	if (strcmp(text_of(pool, "idle_after"), "0") != 0)
		table_fact("Idle", "disconnected after %s s without input",
			   text_of(pool, "idle_after"));
	json_t *schedule = json_object_get(pool, "schedule");
	if (json_array_size(schedule)) {
		g_autofree char *text = schedule_text(schedule);
		table_fact("Schedule", "%s; else %s", text,
			   text_of(pool, "spares"));
	}
	g_autofree char *policy = policy_text(json_object_get(pool, "policy"));
	table_fact("Policy", "%s", policy);
	table_fact("Users", "%s", users);
}

static gboolean put(struct cli *cli, const char *what, GError **error)
{
	g_autofree char *path = path_of(cli);
	json_t *body = wishes(error);
	json_t *pool =
	    body ? client_call(cli->client, "PUT", path, body, error) : NULL;
	if (pool && !cli_printed(cli, pool)) {
		printf("Pool %s was %s.\n", cli->argv[0], what);
		show_text(pool);
	}
	json_decref(pool);
	return pool != NULL;
}

static gboolean create(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	g_autoptr(GError) why = NULL;
	json_t *there = client_call(cli->client, "GET", path, NULL, &why);
	json_decref(there);
	if (there) {
		fault_set(error, FAULT_CONFLICT,
			  "Change it with 'oriel pool edit'.",
			  "Pool '%s' exists already.", cli->argv[0]);
		return FALSE;
	}
	if (!g_error_matches(why, FAULT, FAULT_NOT_FOUND)) {
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
	if (!opt_image) {
		fault_set(error, FAULT_INVALID,
			  "Name one with --image ('oriel image list').",
			  "A pool needs an image.");
		return FALSE;
	}
	return put(cli, "made", error);
}

static gboolean edit(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	json_t *there = client_call(cli->client, "GET", path, NULL, error);
	json_decref(there);
	return there && put(cli, "changed", error);
}

static gboolean show(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	json_t *pool = client_call(cli->client, "GET", path, NULL, error);
	if (pool && !cli_printed(cli, pool))
		show_text(pool);
	json_decref(pool);
	return pool != NULL;
}

static gboolean list(struct cli *cli, GError **error)
{
	json_t *answer = client_call(cli->client, "GET", "/pools", NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		struct table *table = table_create(
		    "POOL", "KIND", "IMAGE", "CPUS", "MIB", "READY", "RUNNING",
		    "DESKTOPS", "MAX", "USERS", "REMARK", NULL);
		gsize i;
		json_t *pool;
		json_array_foreach(json_object_get(answer, "pools"), i, pool)
		{
			g_autofree char *users = users_text(pool);
			table_row(
			    table, text_of(pool, "pool"), text_of(pool, "kind"),
			    text_of(pool, "image"), text_of(pool, "cpus"),
			    text_of(pool, "memory_mib"), text_of(pool, "ready"),
			    text_of(pool, "running"), text_of(pool, "desktops"),
			    text_of(pool, "max"), users,
			    text_of(pool, "problem"));
		}
		table_print(table, "There is no pool yet; 'oriel pool create' "
				   "makes one.");
	}
	json_decref(answer);
	return TRUE;
}

static gboolean remove_pool(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	json_t *answer = client_call(cli->client, "DELETE", path, NULL, error);
	if (answer)
		cli_say(cli, "Pool %s was removed.", cli->argv[0]);
	json_decref(answer);
	return answer != NULL;
}

static gboolean roll(struct cli *cli, const char *rest, GError **error)
{
	g_autofree char *base = path_of(cli);
	g_autofree char *path = g_strconcat(base, rest, NULL);
	json_t *body = json_object();
	if (opt_version > 0)
		json_object_set_new(body, "version", json_integer(opt_version));
	if (opt_now)
		json_object_set_new(body, "when", json_string("now"));
	json_t *pool = client_call(cli->client, "POST", path, body, error);
	if (pool && !cli_printed(cli, pool)) {
		printf("Pool %s is on version %s of image %s.\n", cli->argv[0],
		       *text_of(pool, "version") ? text_of(pool, "version")
						 : "(the newest)",
		       text_of(pool, "image"));
		printf("Desktops in use follow %s.\n",
		       opt_now ? "now" : "at log-off");
	}
	json_decref(pool);
	return pool != NULL;
}

static gboolean rollout(struct cli *cli, GError **error)
{
	return roll(cli, "/rollout", error);
}

static gboolean rollback(struct cli *cli, GError **error)
{
	return roll(cli, "/rollback", error);
}

const struct verb pool_verbs[] = {
    {"pool", "create", "POOL", 1, 1, "Make a pool of desktops",
     "  oriel pool create office --image debian-lite\n"
     "  oriel pool create lab --image debian-xfce --memory 2048 "
     "--users ada,bob\n"
     "  oriel pool create class --image debian-lite --kind floating "
     "--spares 3 --max 20\n",
     options, create, FALSE},
    {"pool", "list", NULL, 0, 0, "What pools there are", "  oriel pool list\n",
     NULL, list, FALSE},
    {"pool", "show", "POOL", 1, 1, "A pool", "  oriel pool show office\n", NULL,
     show, FALSE},
    {"pool", "edit", "POOL", 1, 1, "Change what is given, keep the rest",
     "  oriel pool edit office --max 20\n"
     "  oriel pool edit office --users everyone\n"
     "  oriel pool edit office --policy clipboard=in,usb=off\n"
     "  oriel pool edit office --schedule 'mon-fri 07:30-18:00 5'\n",
     options, edit, FALSE},
    {"pool", "rollout", "POOL", 1, 1,
     "Put it on a version of its image, desktop by desktop",
     "  oriel pool rollout office\n"
     "  oriel pool rollout office --version 3 --now\n",
     rollout_options, rollout, FALSE},
    {"pool", "rollback", "POOL", 1, 1, "Put it back on the version before",
     "  oriel pool rollback office\n", rollback_options, rollback, FALSE},
    {"pool", "remove", "POOL", 1, 1, "Remove a pool without desktops",
     "  oriel pool remove office\n", NULL, remove_pool, FALSE},
    {0},
};
