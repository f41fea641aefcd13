#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/shadow.h"
#include "server/cli/table.h"

static gboolean list(struct cli *cli, GError **error)
{
	json_t *answer =
	    client_call(cli->client, "GET", "/attaches", NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		struct table *table =
		    table_create("USER", "DESKTOP", "OVER", "FROM", "OPENED",
				 "REMARK", NULL);
		gsize i;
		json_t *each;
		json_array_foreach(json_object_get(answer, "attaches"), i, each)
		{
			gboolean here =
			    json_is_true(json_object_get(each, "connected"));
			table_row(
			    table, text_of(each, "user"),
			    text_of(each, "desktop"), text_of(each, "protocol"),
			    text_of(each, "peer"), text_ago(each, "created"),
			    here ? "connected" : "away, may come back");
		}
		table_print(table, "Nobody has a desktop open.");
	}
	json_decref(answer);
	return TRUE;
}

static gboolean sign_out(struct cli *cli, GError **error)
{
	g_autofree char *name = client_part(cli->argv[0]);
	g_autofree char *path = g_strdup_printf("/users/%s/sessions", name);
	json_t *answer = client_call(cli->client, "DELETE", path, NULL, error);
	if (answer)
		cli_say(cli, "User %s is signed out everywhere.", cli->argv[0]);
	json_decref(answer);
	return answer != NULL;
}

const struct verb session_verbs[] = {
    {"session", "list", NULL, 0, 0, "Who has which desktop open, from where",
     "  oriel session list\n", NULL, list, FALSE},
    {"session", "end", "USER", 1, 1,
     "Sign a user out everywhere; their desktops run on",
     "  oriel session end ada\n", NULL, sign_out, FALSE},
    {"session", "shadow", "DESKTOP", 1, 1,
     "Look on at somebody's desktop, if they permit it",
     "  oriel session shadow office/ada --as carol\n"
     "  oriel session shadow office/ada --as carol --control\n"
     "  oriel session shadow office/ada --end\n"
     "Its user is asked in Oriel's client, sees it as long as it lasts, and "
     "ends it when they like; who does not answer for a minute has said no.\n",
     shadow_options, shadow_run, FALSE},
    {0},
};
