/* cli.h - the `oriel` command, from a verb's view.
 *
 * Every verb is a row of a noun's table; help, completion and the manual's
 * check come from these rows. A verb gets its arguments, asks the API, and
 * prints: for people, or with --json what the API said. It returns FALSE with
 * a fault, which main() prints and turns into the exit status.
 * Threads: one. */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

struct client;

struct cli {
	struct client *client;
	char *root;    /* --root as given, or NULL */
	char *run_dir; /* of the installation */
	gboolean json;
	int status; /* exit status of success; exec sets it */
	int argc;   /* arguments after noun, verb and options */
	char **argv;
};

struct verb {
	const char *noun, *verb; /* verb NULL: the noun alone */
	const char *arguments;   /* "IMAGE [VERSION]", or NULL */
	int least, most;         /* of arguments; most -1: any number */
	const char *summary;
	const char *examples; /* lines, each beginning with "oriel" */
	const GOptionEntry *options;
	gboolean (*run)(struct cli *cli, GError **error);
	gboolean offline; /* works without a server */
};

extern const struct verb image_verbs[], desktop_verbs[], user_verbs[],
    pool_verbs[], task_verbs[], store_verbs[], group_verbs[], quota_verbs[],
    plan_verbs[], server_verbs[], session_verbs[], snapshot_verbs[],
    home_verbs[], recording_verbs[];

/* A desktop's id by its id, name or POOL/USER; new string. desktop.c. */
char *cli_desktop(struct cli *cli, const char *wanted, GError **error);

/* Exit statuses, documented in oriel(1): 2 + the fault's place. */
int cli_status(const GError *error);

/* Prints answer as JSON if that was asked for, and says whether it did. */
gboolean cli_printed(const struct cli *cli, json_t *answer);
/* A line of confirmation for people; with --json nothing. */
void cli_say(const struct cli *cli, const char *format, ...)
    G_GNUC_PRINTF(2, 3);
