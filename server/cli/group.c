#include <stdio.h>

#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/policy.h"
#include "server/cli/table.h"

static char *names_text(json_t *object, const char *key)
{
	GString *text = g_string_new(NULL);
	gsize i;
	json_t *name;
	json_array_foreach(json_object_get(object, key), i, name)
	    g_string_append_printf(text, "%s%s", i ? ", " : "",
				   json_string_value(name));
	return g_string_free(text, FALSE);
}

static char *path_of(struct cli *cli)
{
	g_autofree char *name = client_part(cli->argv[0]);
	return g_strconcat("/groups/", name, NULL);
}

static gboolean list(struct cli *cli, GError **error)
{
	json_t *answer =
	    client_call(cli->client, "GET", "/groups", NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		struct table *table =
		    table_create("GROUP", "USERS", "POOLS", "POLICY", NULL);
		gsize i;
		json_t *group;
		json_array_foreach(json_object_get(answer, "groups"), i, group)
		{
			g_autofree char *users = names_text(group, "users");
			g_autofree char *pools = names_text(group, "pools");
			g_autofree char *policy =
			    policy_text(json_object_get(group, "policy"));
			table_row(table, text_of(group, "group"), users, pools,
				  policy);
		}
		table_print(table, "There is no group; 'oriel group set' makes "
				   "one.");
	}
	json_decref(answer);
	return TRUE;
}

static gboolean set(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	json_t *users = json_array();
	for (int i = 1; i < cli->argc; i++)
		json_array_append_new(users, json_string(cli->argv[i]));
	json_t *answer = client_call(cli->client, "PUT", path,
				     json_pack("{s:o}", "users", users), error);
	if (answer && !cli_printed(cli, answer)) {
		g_autofree char *names = names_text(answer, "users");
		printf("Group %s has %s.\n", cli->argv[0],
		       *names ? names : "no members");
	}
	json_decref(answer);
	return answer != NULL;
}

static gboolean set_policy(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	/* PUT makes what is not there; this verb does not */
	json_t *there = client_call(cli->client, "GET", path, NULL, error);
	json_decref(there);
	json_t *policy = there ? policy_parse(cli->argv[1], error) : NULL;
	json_t *answer =
	    policy ? client_call(cli->client, "PUT", path,
				 json_pack("{s:o}", "policy", policy), error)
		   : NULL;
	if (answer && !cli_printed(cli, answer)) {
		g_autofree char *text =
		    policy_text(json_object_get(answer, "policy"));
		printf("For members of %s: %s.\n", cli->argv[0], text);
	}
	json_decref(answer);
	return answer != NULL;
}

static gboolean remove_group(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	json_t *answer = client_call(cli->client, "DELETE", path, NULL, error);
	if (answer)
		cli_say(cli, "Group %s was removed.", cli->argv[0]);
	json_decref(answer);
	return answer != NULL;
}

const struct verb group_verbs[] = {
    {"group", "list", NULL, 0, 0, "What groups there are",
     "  oriel group list\n", NULL, list, FALSE},
    {"group", "set", "GROUP [USER...]", 1, -1,
     "Make a group, or give it these members and no others",
     "  oriel group set class-a ada bob\n"
     "  oriel pool edit office --groups class-a\n",
     NULL, set, FALSE},
    {"group", "policy", "GROUP POLICY", 2, 2,
     "What its members may do with any desktop; the strictest holds",
     "  oriel group policy class-a clipboard=none,usb=off\n"
     "  oriel group policy class-a default\n"
     "Parts: clipboard, files (none, in, out, both), audio (none, play, both), "
     "usb, watermark (on, off), bandwidth-kbit, idle-lock (seconds).\n",
     NULL, set_policy, FALSE},
    {"group", "remove", "GROUP", 1, 1,
     "Remove a group; its users stay, its pools are closed to them",
     "  oriel group remove class-a\n", NULL, remove_group, FALSE},
    {0},
};
