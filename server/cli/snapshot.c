#include <stdio.h>
#include <string.h>

#include "common/fault.h"
#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/table.h"

#define DEPTH_MAX 16 /* as many as a desktop may have */

static void row(struct table *table, json_t *list, json_t *each,
		const char *stands_on, unsigned depth)
{
	const char *name = text_of(each, "snapshot");
	gboolean here = strcmp(name, stands_on) == 0;
	gboolean ready = strcmp(text_of(each, "state"), "ready") == 0;
	g_autofree char *indented =
	    g_strdup_printf("%*s%s", (int)depth * 2, "", name);
	table_row(table, indented, text_of(each, "state"),
		  text_ago(each, "created"),
		  !ready ? text_of(each, "cause")
		  : here ? "the desktop stands on it"
			 : "");
	gsize i;
	json_t *child;
	if (depth < DEPTH_MAX)
		json_array_foreach(
		    list, i,
		    child) if (strcmp(text_of(child, "parent"), name) == 0)
		    row(table, list, child, stands_on, depth + 1);
}

static void show(const char *desktop, json_t *answer)
{
	json_t *list = json_object_get(answer, "snapshots");
	struct table *table =
	    table_create("SNAPSHOT", "STATE", "TAKEN", "REMARK", NULL);
	gsize i;
	json_t *each;
	json_array_foreach(list, i, each) if (!*text_of(each, "parent"))
	    row(table, list, each, text_of(answer, "stands_on"), 0);
	g_autofree char *none =
	    g_strdup_printf("Desktop %s has no snapshot.", desktop);
	table_print(table, none);
}

static gboolean call(struct cli *cli, const char *method, const char *rest,
		     json_t *body, gboolean tell, GError **error)
{
	g_autofree char *id = cli_desktop(cli, cli->argv[0], error);
	if (!id) {
		json_decref(body);
		return FALSE;
	}
	g_autofree char *path =
	    g_strdup_printf("/desktops/%s/snapshots%s", id, rest);
	json_t *answer = client_call(cli->client, method, path, body, error);
	if (answer && tell && !cli_printed(cli, answer))
		show(cli->argv[0], answer);
	json_decref(answer);
	return answer != NULL;
}

static gboolean list(struct cli *cli, GError **error)
{
	return call(cli, "GET", "", NULL, TRUE, error);
}

static gboolean take(struct cli *cli, GError **error)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *name = cli->argc > 1
				    ? g_strdup(cli->argv[1])
				    : g_date_time_format(now, "%Y%m%d-%H%M%S");
	return call(cli, "POST", "", json_pack("{s:s}", "name", name), TRUE,
		    error);
}

static gboolean back(struct cli *cli, GError **error)
{
	g_autofree char *part = client_part(cli->argv[1]);
	g_autofree char *rest = g_strdup_printf("/%s/revert", part);
	return call(cli, "POST", rest, NULL, TRUE, error);
}

static gboolean remove_snapshot(struct cli *cli, GError **error)
{
	g_autofree char *part = client_part(cli->argv[1]);
	g_autofree char *rest = g_strconcat("/", part, NULL);
	if (!call(cli, "DELETE", rest, NULL, FALSE, error))
		return FALSE;
	cli_say(cli, "Snapshot %s was removed.", cli->argv[1]);
	return TRUE;
}

const struct verb snapshot_verbs[] = {
    {"snapshot", "list", "DESKTOP", 1, 1,
     "A desktop's snapshots, as the tree they are",
     "  oriel snapshot list office/ada\n", NULL, list, FALSE},
    {"snapshot", "take", "DESKTOP [NAME]", 1, 2,
     "Keep the disk as it is now, to come back to",
     "  oriel snapshot take office/ada before-upgrade\n"
     "Of a desktop that runs, its file systems are brought to rest first; what "
     "is only in its memory is not kept.\n",
     NULL, take, FALSE},
    {"snapshot", "back", "DESKTOP SNAPSHOT", 2, 2,
     "Make the disk what it was then; what came after is lost",
     "  oriel snapshot back office/ada before-upgrade\n"
     "The desktop must be off.\n",
     NULL, back, FALSE},
    {"snapshot", "remove", "DESKTOP SNAPSHOT", 2, 2, "Remove a snapshot",
     "  oriel snapshot remove office/ada before-upgrade\n", NULL,
     remove_snapshot, FALSE},
    {0},
};
