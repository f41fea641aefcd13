#include <stdio.h>
#include <string.h>

#include "common/fault.h"
#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/table.h"

/* A home's id by its id or POOL/USER; new string. */
static char *find(struct cli *cli, const char *wanted, GError **error)
{
	json_t *answer = client_call(cli->client, "GET", "/homes", NULL, error);
	if (!answer)
		return NULL;
	char *found = NULL;
	gsize i;
	json_t *each;
	json_array_foreach(json_object_get(answer, "homes"), i, each)
	{
		g_autofree char *path = g_strdup_printf(
		    "%s/%s", text_of(each, "pool"), text_of(each, "user"));
		if (!found && (strcmp(path, wanted) == 0 ||
			       strcmp(text_of(each, "home"), wanted) == 0))
			found = g_strdup(text_of(each, "home"));
	}
	json_decref(answer);
	if (!found)
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel home list' shows what there is.",
			  "There is no home '%s'.", wanted);
	return found;
}

static gboolean list(struct cli *cli, GError **error)
{
	json_t *answer = client_call(cli->client, "GET", "/homes", NULL, error);
	if (answer && !cli_printed(cli, answer)) {
		struct table *table =
		    table_create("HOME", "POOL", "USER", "MIB", "HOST",
				 "IN DESKTOP", "SINCE", NULL);
		gsize i;
		json_t *each;
		json_array_foreach(json_object_get(answer, "homes"), i, each)
		    table_row(table, text_of(each, "home"),
			      text_of(each, "pool"), text_of(each, "user"),
			      text_of(each, "size_mib"), text_of(each, "host"),
			      text_of(each, "desktop"),
			      text_ago(each, "since"));
		table_print(table, "There is no home. Pools of floating "
				   "desktops give them with --home.");
	}
	json_decref(answer);
	return answer != NULL;
}

static void show_one(json_t *home)
{
	table_fact("Home", "%s", text_of(home, "home"));
	table_fact("Pool and user", "%s, %s", text_of(home, "pool"),
		   text_of(home, "user"));
	table_fact("Size", "%s MiB, %lld of them used",
		   text_of(home, "size_mib"),
		   (long long)json_integer_value(
		       json_object_get(home, "used_bytes")) >>
		       20);
	table_fact("Host", "%s", text_of(home, "host"));
	table_fact("In desktop", "%s",
		   *text_of(home, "desktop") ? text_of(home, "desktop")
					     : "none");
	gsize i;
	json_t *each;
	json_array_foreach(json_object_get(home, "backups"), i, each)
	    table_fact(
		i ? "" : "Backups", "%s, %lld MiB, %s", text_of(each, "name"),
		(long long)json_integer_value(json_object_get(each, "bytes")) >>
		    20,
		text_ago(each, "at"));
}

static gboolean call(struct cli *cli, const char *method, const char *rest,
		     json_t *body, gboolean tell, GError **error)
{
	g_autofree char *id = find(cli, cli->argv[0], error);
	if (!id) {
		json_decref(body);
		return FALSE;
	}
	g_autofree char *path = g_strdup_printf("/homes/%s%s", id, rest);
	json_t *answer = client_call(cli->client, method, path, body, error);
	if (answer && tell && !cli_printed(cli, answer))
		show_one(answer);
	json_decref(answer);
	return answer != NULL;
}

static gboolean show(struct cli *cli, GError **error)
{
	return call(cli, "GET", "", NULL, TRUE, error);
}

static gboolean delete (struct cli *cli, GError **error)
{
	if (!call(cli, "DELETE", "", NULL, FALSE, error))
		return FALSE;
	cli_say(cli, "Home %s was deleted.", cli->argv[0]);
	return TRUE;
}

static gboolean backup(struct cli *cli, GError **error)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *name = cli->argc > 1
				    ? g_strdup(cli->argv[1])
				    : g_date_time_format(now, "%Y%m%d-%H%M%S");
	return call(cli, "POST", "/backups", json_pack("{s:s}", "name", name),
		    TRUE, error);
}

static gboolean restore(struct cli *cli, GError **error)
{
	g_autofree char *part = client_part(cli->argv[1]);
	g_autofree char *rest = g_strdup_printf("/backups/%s/restore", part);
	return call(cli, "POST", rest, NULL, TRUE, error);
}

static gboolean delete_backup(struct cli *cli, GError **error)
{
	g_autofree char *part = client_part(cli->argv[1]);
	g_autofree char *rest = g_strdup_printf("/backups/%s", part);
	if (!call(cli, "DELETE", rest, NULL, FALSE, error))
		return FALSE;
	cli_say(cli, "Backup %s was deleted.", cli->argv[1]);
	return TRUE;
}

const struct verb home_verbs[] = {
    {"home", "list", NULL, 0, 0,
     "Homes that go with people from one floating desktop to the next",
     "  oriel home list\n"
     "A pool of floating desktops gives them with 'oriel pool edit POOL --home "
     "MIB'.\n",
     NULL, list, FALSE},
    {"home", "show", "HOME", 1, 1, "A home, its use and its backups",
     "  oriel home show office/ada\n", NULL, show, FALSE},
    {"home", "backup", "HOME [NAME]", 1, 2, "Keep a copy of a home",
     "  oriel home backup office/ada before-cleaning\n"
     "No desktop may have it meanwhile.\n",
     NULL, backup, FALSE},
    {"home", "restore", "HOME BACKUP", 2, 2,
     "Make a home what it was then; what came after is lost",
     "  oriel home restore office/ada before-cleaning\n", NULL, restore, FALSE},
    {"home", "delete-backup", "HOME BACKUP", 2, 2, "Delete a copy",
     "  oriel home delete-backup office/ada before-cleaning\n", NULL,
     delete_backup, FALSE},
    {"home", "delete", "HOME", 1, 1,
     "Delete a home with all that is in it, and its backups",
     "  oriel home delete office/ada\n", NULL, delete, FALSE},
    {0},
};
