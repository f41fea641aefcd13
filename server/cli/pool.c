#include <string.h>
#include <stdio.h>

#include "common/fault.h"
#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/table.h"

static char *opt_image, *opt_users;
static int opt_cpus = -1, opt_memory = -1, opt_heads = -1, opt_max = -1;

static const GOptionEntry options[] = {
	{"image", 'i', 0, G_OPTION_ARG_STRING, &opt_image,
	 "What new desktops are made from", "IMAGE"},
	{"cpus", 'c', 0, G_OPTION_ARG_INT, &opt_cpus,
	 "Processors of each desktop (2)", "N"},
	{"memory", 'm', 0, G_OPTION_ARG_INT, &opt_memory,
	 "Memory of each desktop (1024)", "MIB"},
	{"heads", 0, 0, G_OPTION_ARG_INT, &opt_heads,
	 "Screens of each desktop (1)", "N"},
	{"max", 0, 0, G_OPTION_ARG_INT, &opt_max,
	 "Desktops at most (10)", "N"},
	{"users", 'u', 0, G_OPTION_ARG_STRING, &opt_users,
	 "Who may use it: 'everyone' or names", "USER,USER..."},
	{0},
};

static json_t *wishes(void)
{
	json_t *body = json_object();
	const struct {
		const char *key;
		int value;
	} numbers[] = {{"cpus", opt_cpus},
		       {"memory_mib", opt_memory},
		       {"heads", opt_heads},
		       {"max", opt_max}};
	for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
		if (numbers[i].value >= 0)
			json_object_set_new(body, numbers[i].key,
					    json_integer(numbers[i].value));
	if (opt_image)
		json_object_set_new(body, "image", json_string(opt_image));
	if (!opt_users)
		return body;
	if (strcmp(opt_users, "everyone") == 0) {
		json_object_set_new(body, "users", json_null());
		return body;
	}
	json_t *list = json_array();
	g_auto(GStrv) names = g_strsplit(opt_users, ",", -1);
	for (char **name = names; *name; name++)
		if (*g_strstrip(*name))
			json_array_append_new(list, json_string(*name));
	json_object_set_new(body, "users", list);
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
	json_array_foreach(users, i, user)
		g_string_append_printf(text, "%s%s", i ? ", " : "",
				       json_string_value(user));
	if (!text->len)
		g_string_append(text, "nobody");
	return g_string_free(text, FALSE);
}

static void show_text(json_t *pool)
{
	g_autofree char *users = users_text(pool);
	table_fact("Pool", "%s", text_of(pool, "pool"));
	table_fact("Image", "%s", text_of(pool, "image"));
	table_fact("Each", "%s CPUs, %s MiB, %s screens",
		   text_of(pool, "cpus"), text_of(pool, "memory_mib"),
		   text_of(pool, "heads"));
	table_fact("Desktops", "%s of at most %s, %s running",
		   text_of(pool, "desktops"), text_of(pool, "max"),
		   text_of(pool, "running"));
	table_fact("Users", "%s", users);
}

static gboolean put(struct cli *cli, const char *what, GError **error)
{
	g_autofree char *path = path_of(cli);
	json_t *pool = client_call(cli->client, "PUT", path, wishes(), error);
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
	json_t *answer =
		client_call(cli->client, "GET", "/pools", NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		struct table *table =
			table_create("POOL", "IMAGE", "CPUS", "MIB", "RUNNING",
				     "DESKTOPS", "MAX", "USERS", NULL);
		gsize i;
		json_t *pool;
		json_array_foreach(json_object_get(answer, "pools"), i, pool)
		{
			g_autofree char *users = users_text(pool);
			table_row(table, text_of(pool, "pool"),
				  text_of(pool, "image"),
				  text_of(pool, "cpus"),
				  text_of(pool, "memory_mib"),
				  text_of(pool, "running"),
				  text_of(pool, "desktops"),
				  text_of(pool, "max"), users);
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

const struct verb pool_verbs[] = {
	{"pool", "create", "POOL", 1, 1, "Make a pool of desktops",
	 "  oriel pool create office --image debian-lite\n"
	 "  oriel pool create lab --image debian-xfce --memory 2048 "
	 "--users ada,bob\n",
	 options, create, FALSE},
	{"pool", "list", NULL, 0, 0, "What pools there are",
	 "  oriel pool list\n", NULL, list, FALSE},
	{"pool", "show", "POOL", 1, 1, "A pool", "  oriel pool show office\n",
	 NULL, show, FALSE},
	{"pool", "edit", "POOL", 1, 1, "Change what is given, keep the rest",
	 "  oriel pool edit office --max 20\n"
	 "  oriel pool edit office --users everyone\n",
	 options, edit, FALSE},
	{"pool", "remove", "POOL", 1, 1, "Remove a pool without desktops",
	 "  oriel pool remove office\n", NULL, remove_pool, FALSE},
	{0},
};
