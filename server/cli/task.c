#include <stdio.h>

#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/follow.h"
#include "server/cli/table.h"

static gboolean opt_wait;
static const GOptionEntry show_options[] = {
    {"wait", 'w', 0, G_OPTION_ARG_NONE, &opt_wait, "Follow it to its end",
     NULL},
    {0},
};

static gboolean list(struct cli *cli, GError **error)
{
	json_t *answer = client_call(cli->client, "GET", "/tasks", NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		struct table *table =
		    table_create("TASK", "WHAT", "SUBJECT", "STATE", "SINCE",
				 "REMARK", NULL);
		gsize i;
		json_t *task;
		json_array_foreach(json_object_get(answer, "tasks"), i, task)
		{
			const char *remark =
			    text_of(json_object_get(task, "error"), "cause");
			table_row(
			    table, text_of(task, "id"), text_of(task, "kind"),
			    text_of(task, "subject"), text_of(task, "state"),
			    text_ago(task, "since"),
			    *remark                   ? remark
			    : *text_of(task, "stage") ? text_of(task, "stage")
						      : text_of(task, "cause"));
		}
		table_print(table, "There has been no task yet.");
	}
	json_decref(answer);
	return TRUE;
}

static char *path_of(struct cli *cli)
{
	g_autofree char *id = client_part(cli->argv[0]);
	return g_strconcat("/tasks/", id, NULL);
}

static gboolean show(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	json_t *task = opt_wait
			   ? follow_task(cli, cli->argv[0], error)
			   : client_call(cli->client, "GET", path, NULL, error);
	if (task && !cli_printed(cli, task)) {
		json_t *fault = json_object_get(task, "error");
		table_fact("Task", "%s", text_of(task, "id"));
		table_fact("What", "%s %s", text_of(task, "kind"),
			   text_of(task, "subject"));
		table_fact("State", "%s, %s: %s", text_of(task, "state"),
			   text_ago(task, "since"), text_of(task, "cause"));
		table_fact("Stage", "%s", text_of(task, "stage"));
		table_fact("Done", "%s of %s", text_of(task, "done"),
			   text_of(task, "total"));
		table_fact("Message", "%s", text_of(task, "message"));
		if (json_is_object(fault)) {
			table_fact("Error", "%s", text_of(fault, "cause"));
			table_fact("", "%s", text_of(fault, "remedy"));
		}
	}
	json_decref(task);
	return task != NULL;
}

static gboolean cancel(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	json_t *task = client_call(cli->client, "DELETE", path, NULL, error);
	if (task && !cli_printed(cli, task))
		printf("Task %s is being cancelled.\n", cli->argv[0]);
	json_decref(task);
	return task != NULL;
}

const struct verb task_verbs[] = {
    {"task", "list", NULL, 0, 0, "The newest tasks", "  oriel task list\n",
     NULL, list, FALSE},
    {"task", "show", "TASK", 1, 1, "How far a task is",
     "  oriel task show t0123abcd\n  oriel task show t0123abcd --wait\n",
     show_options, show, FALSE},
    {"task", "cancel", "TASK", 1, 1, "Cancel a task",
     "  oriel task cancel t0123abcd\n", NULL, cancel, FALSE},
    {0},
};
