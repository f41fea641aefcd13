#include <stdio.h>

#include "common/fault.h"
#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/table.h"

static int opt_desktops = -1, opt_cpus = -1, opt_memory = -1;
static const GOptionEntry set_options[] = {
    {"desktops", 'd', 0, G_OPTION_ARG_INT, &opt_desktops,
     "That may be on at a time (0, no limit)", "N"},
    {"cpus", 'c', 0, G_OPTION_ARG_INT, &opt_cpus,
     "Their processors together (0, no limit)", "N"},
    {"memory", 'm', 0, G_OPTION_ARG_INT, &opt_memory,
     "Their memory together (0, no limit)", "MIB"},
    {0},
};

static char *path_of(struct cli *cli)
{
	g_autofree char *name = client_part(cli->argv[0]);
	return g_strconcat("/quotas/", name, NULL);
}

/* "3 of 10", or "3" where there is no limit. */
static char *share(json_t *quota, const char *key)
{
	const char *used = text_of(json_object_get(quota, "used"), key);
	if (!json_integer_value(json_object_get(quota, key)))
		return g_strdup(used);
	return g_strdup_printf("%s of %s", used, text_of(quota, key));
}

static char *pools_text(json_t *quota)
{
	GString *text = g_string_new(NULL);
	gsize i;
	json_t *pool;
	json_array_foreach(json_object_get(quota, "pools"), i, pool)
	    g_string_append_printf(text, "%s%s", i ? ", " : "",
				   json_string_value(pool));
	return g_string_free(text, FALSE);
}

static gboolean list(struct cli *cli, GError **error)
{
	json_t *answer =
	    client_call(cli->client, "GET", "/quotas", NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		struct table *table = table_create(
		    "QUOTA", "DESKTOPS ON", "CPUS", "MIB", "POOLS", NULL);
		gsize i;
		json_t *quota;
		json_array_foreach(json_object_get(answer, "quotas"), i, quota)
		{
			g_autofree char *desktops = share(quota, "desktops");
			g_autofree char *cpus = share(quota, "cpus");
			g_autofree char *memory = share(quota, "memory_mib");
			g_autofree char *pools = pools_text(quota);
			table_row(table, text_of(quota, "quota"), desktops,
				  cpus, memory, pools);
		}
		table_print(table, "There is no quota; 'oriel quota set' makes "
				   "one.");
	}
	json_decref(answer);
	return TRUE;
}

static gboolean set(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	json_t *body = json_object();
	if (opt_desktops >= 0)
		json_object_set_new(body, "desktops",
				    json_integer(opt_desktops));
	if (opt_cpus >= 0)
		json_object_set_new(body, "cpus", json_integer(opt_cpus));
	if (opt_memory >= 0)
		json_object_set_new(body, "memory_mib",
				    json_integer(opt_memory));
	json_t *answer = client_call(cli->client, "PUT", path, body, error);
	if (answer && !cli_printed(cli, answer))
		printf("Quota %s was set.\n", cli->argv[0]);
	json_decref(answer);
	return answer != NULL;
}

static gboolean remove_quota(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	json_t *answer = client_call(cli->client, "DELETE", path, NULL, error);
	if (answer)
		cli_say(cli, "Quota %s was removed.", cli->argv[0]);
	json_decref(answer);
	return answer != NULL;
}

const struct verb quota_verbs[] = {
    {"quota", "list", NULL, 0, 0, "What quotas there are, and their use",
     "  oriel quota list\n", NULL, list, FALSE},
    {"quota", "set", "QUOTA", 1, 1,
     "Make or change what the desktops of some pools may use together",
     "  oriel quota set lab --desktops 10 --memory 16384\n"
     "  oriel pool edit office --quota lab\n",
     set_options, set, FALSE},
    {"quota", "remove", "QUOTA", 1, 1, "Remove a quota that no pool has",
     "  oriel quota remove lab\n", NULL, remove_quota, FALSE},
    {0},
};
