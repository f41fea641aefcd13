/* The verbs about the server as a whole: status, events, doctor. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/table.h"

static gboolean opt_follow;
static int opt_last = 30;
static const GOptionEntry events_options[] = {
    {"follow", 'f', 0, G_OPTION_ARG_NONE, &opt_follow,
     "Go on with what happens next", NULL},
    {"last", 'n', 0, G_OPTION_ARG_INT, &opt_last, "Begin with the last N (30)",
     "N"},
    {0},
};

/* ---- findings ---- */

static void print_findings(json_t *findings)
{
	static const struct {
		const char *level, *mark;
	} marks[] = {{"good", "ok"}, {"warn", "warn"}, {"bad", "BAD"}};
	gsize i;
	json_t *finding;
	json_array_foreach(findings, i, finding)
	{
		const char *level = text_of(finding, "level");
		const char *mark = "?";
		for (gsize k = 0; k < G_N_ELEMENTS(marks); k++)
			if (strcmp(level, marks[k].level) == 0)
				mark = marks[k].mark;
		g_autofree char *name = text_safe(text_of(finding, "name"));
		g_autofree char *found = text_safe(text_of(finding, "found"));
		g_autofree char *chosen = text_safe(text_of(finding, "chosen"));
		g_autofree char *remedy = text_safe(text_of(finding, "remedy"));
		printf("%-4s  %-12s %s\n", mark, name, found);
		if (*chosen)
			printf("%-18s -> %s\n", "", chosen);
		if (*remedy)
			printf("%-18s remedy: %s\n", "", remedy);
	}
}

/* ---- status ---- */

static void print_hosts(json_t *hosts)
{
	gsize i;
	json_t *host;
	struct table *table = table_create("HOST", "CONNECTED", "CPUS", "MIB",
					   "ENGINE", "ACCELERATOR", NULL);
	json_array_foreach(hosts, i, host)
	    table_row(table, text_of(host, "name"), text_ago(host, "since"),
		      text_of(host, "cpus"), text_of(host, "memory_mib"),
		      text_of(host, "engine"), text_of(host, "accelerator"));
	table_print(table, "No host is connected: no desktop can be started. "
			   "Look at orield's log.");
}

static gboolean status(struct cli *cli, GError **error)
{
	json_t *answer =
	    client_call(cli->client, "GET", "/status", NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		json_t *counts = json_object_get(answer, "counts");
		table_fact("Oriel", "%s, started %s",
			   text_of(answer, "version"),
			   text_ago(answer, "started"));
		table_fact(
		    "Desktops",
		    "%s running, %s starting, %s failed, "
		    "of %s",
		    text_of(counts, "running"), text_of(counts, "starting"),
		    text_of(counts, "failed"), text_of(counts, "desktops"));
		table_fact("Connections", "%s", text_of(counts, "tunnels"));
		table_fact("Tasks", "%s under way", text_of(counts, "tasks"));
		table_fact("Has", "%s users, %s pools, %s images",
			   text_of(counts, "users"), text_of(counts, "pools"),
			   text_of(counts, "images"));
		printf("\n");
		json_t *waiting = json_object_get(answer, "waiting");
		if (json_array_size(waiting)) {
			table_waiting(waiting);
			printf("\n");
		}
		print_hosts(json_object_get(answer, "hosts"));
	}
	json_decref(answer);
	return TRUE;
}

/* ---- events ---- */

static void print_event(json_t *event)
{
	json_int_t at = json_integer_value(json_object_get(event, "at"));
	g_autoptr(GDateTime) when = g_date_time_new_from_unix_local(at);
	g_autofree char *date =
	    when ? g_date_time_format(when, "%Y-%m-%d %H:%M:%S")
		 : g_strdup("?");
	g_autofree char *text = text_safe(text_of(event, "text"));
	const char *user = text_of(event, "user");
	printf("%s  %s%s%s%s\n", date, text, *user ? " (" : "", user,
	       *user ? ")" : "");
}

static gboolean events(struct cli *cli, GError **error)
{
	g_autofree char *path =
	    g_strdup_printf("/events?limit=%d", CLAMP(opt_last, 1, 1000));
	for (;;) {
		json_t *answer =
		    client_call(cli->client, "GET", path, NULL, error);
		if (!answer)
			return FALSE;
		gsize i;
		json_t *event;
		if (!cli_printed(cli, answer)) {
			json_array_foreach(json_object_get(answer, "events"), i,
					   event) print_event(event);
			fflush(stdout);
		}
		g_free(path);
		path = g_strdup_printf("/events?wait=1&after=%s",
				       text_of(answer, "last"));
		json_decref(answer);
		if (!opt_follow)
			return TRUE;
	}
}

/* ---- doctor ---- */

/* orield examines the machine; its findings are read here. */
static char *ask_orield(struct cli *cli, int *status_out, GError **error)
{
	g_autofree char *program = paths_program("orield");
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_ptr_array_add(argv, program);
	if (cli->root) {
		g_ptr_array_add(argv, (char *)"--root");
		g_ptr_array_add(argv, cli->root);
	}
	g_ptr_array_add(argv, (char *)"doctor");
	g_ptr_array_add(argv, (char *)"--json");
	g_ptr_array_add(argv, NULL);
	char *out = NULL;
	g_autoptr(GError) why = NULL;
	if (g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT,
			 NULL, NULL, &out, NULL, status_out, &why))
		return out;
	fault_set(error, FAULT_UNAVAILABLE, "Install all of Oriel's programs.",
		  "'%s' cannot be started: %s.", program, why->message);
	return NULL;
}

static gboolean doctor(struct cli *cli, GError **error)
{
	int wait_status;
	g_autofree char *text = ask_orield(cli, &wait_status, error);
	if (!text)
		return FALSE;
	json_t *answer = json_loads(text, 0, NULL);
	json_t *findings = json_is_array(answer)
			       ? answer
			       : json_object_get(answer, "findings");
	if (!json_is_array(findings)) {
		json_decref(answer);
		fault_set(error, FAULT_UNAVAILABLE,
			  "Its words above may tell why.",
			  "'orield doctor' ended without findings.");
		return FALSE;
	}
	if (!cli_printed(cli, answer))
		print_findings(findings);
	gsize i;
	json_t *finding;
	json_array_foreach(
	    findings, i,
	    finding) if (strcmp(text_of(finding, "level"), "bad") == 0)
	    cli->status = 7; /* unavailable: desktops cannot run */
	json_decref(answer);
	return TRUE;
}

/* ---- the store ---- */

static gboolean opt_replace;
static char *opt_to;
static const GOptionEntry restore_options[] = {
    {"replace", 0, 0, G_OPTION_ARG_NONE, &opt_replace,
     "Also where the store is not empty; what it holds is kept in a file",
     NULL},
    {0},
};
static const GOptionEntry migrate_options[] = {
    {"to", 0, 0, G_OPTION_ARG_STRING, &opt_to,
     "postgresql://HOST/DATABASE, or a file of SQLite's", "WHERE"},
    {0},
};

/* The store is orield's; with the broker stopped there is no API to ask. */
static gboolean run_store(struct cli *cli, const char *what, const char *word,
			  GError **error)
{
	g_autofree char *program = paths_program("orield");
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_ptr_array_add(argv, program);
	if (cli->root) {
		g_ptr_array_add(argv, (char *)"--root");
		g_ptr_array_add(argv, cli->root);
	}
	if (opt_replace)
		g_ptr_array_add(argv, (char *)"--replace");
	g_ptr_array_add(argv, (char *)"store");
	g_ptr_array_add(argv, (char *)what);
	g_ptr_array_add(argv, (char *)word);
	g_ptr_array_add(argv, NULL);
	fflush(stdout);
	int status;
	g_autoptr(GError) why = NULL;
	if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL,
			  G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL,
			  &status, &why)) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Install all of Oriel's programs.",
			  "'%s' cannot be started: %s.", program, why->message);
		return FALSE;
	}
	cli->status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	return TRUE; /* it has said what there is to say */
}

static gboolean store_backup(struct cli *cli, GError **error)
{
	return run_store(cli, "backup", cli->argv[0], error);
}

static gboolean store_restore(struct cli *cli, GError **error)
{
	return run_store(cli, "restore", cli->argv[0], error);
}

static gboolean store_migrate(struct cli *cli, GError **error)
{
	if (opt_to)
		return run_store(cli, "migrate", opt_to, error);
	fault_set(error, FAULT_INVALID, "Name it with --to WHERE.",
		  "Where shall the store go?");
	return FALSE;
}

const struct verb store_verbs[] = {
    {"store", "backup", "FILE", 1, 1,
     "Write the whole store into one file, also while Oriel runs",
     "  oriel store backup /var/backups/oriel.db\n", NULL, store_backup, TRUE},
    {"store", "restore", "FILE", 1, 1,
     "Fill the store from a backup, while Oriel is stopped",
     "  oriel store restore /var/backups/oriel.db\n"
     "  oriel store restore --replace /var/backups/oriel.db\n",
     restore_options, store_restore, TRUE},
    {"store", "migrate", NULL, 0, 0,
     "Copy the store to another database, while Oriel is stopped",
     "  oriel store migrate --to 'postgresql://db.example/oriel'\n",
     migrate_options, store_migrate, TRUE},
    {0},
};

const struct verb server_verbs[] = {
    {"status", NULL, NULL, 0, 0, "How everything is", "  oriel status\n", NULL,
     status, FALSE},
    {"events", NULL, NULL, 0, 0, "What happened",
     "  oriel events\n  oriel events --follow\n  oriel events --last 200\n",
     events_options, events, FALSE},
    {"doctor", NULL, NULL, 0, 0,
     "What this machine can do for desktops, and what would help",
     "  oriel doctor\n  oriel doctor --json\n", NULL, doctor, TRUE},
    {0},
};
