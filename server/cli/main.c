/* oriel - `oriel NOUN VERB`: finds the verb, reads its options, runs it. */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "server/cli/cli.h"
#include "server/cli/client.h"

static const struct verb *const nouns[] = {
    image_verbs,   desktop_verbs,  user_verbs,  pool_verbs,      task_verbs,
    store_verbs,   group_verbs,    quota_verbs, plan_verbs,      server_verbs,
    session_verbs, snapshot_verbs, home_verbs,  recording_verbs,
};

/* The place in the list is the exit status, less 1; oriel(1) has it too. */
static const enum fault_code statuses[] = {
    FAULT_INTERNAL,  FAULT_INVALID, FAULT_DENIED,      FAULT_NOT_FOUND,
    FAULT_CONFLICT,  FAULT_BUSY,    FAULT_UNAVAILABLE, FAULT_TIMEOUT,
    FAULT_CANCELLED, FAULT_STORAGE,
};

int cli_status(const GError *error)
{
	enum fault_code code = fault_code(error);
	for (gsize i = 0; i < G_N_ELEMENTS(statuses); i++)
		if (statuses[i] == code)
			return (int)i + 1;
	return 1;
}

gboolean cli_printed(const struct cli *cli, json_t *answer)
{
	if (cli->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	return cli->json;
}

void cli_say(const struct cli *cli, const char *format, ...)
{
	if (cli->json)
		return;
	va_list args;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* ---- help ---- */

static char *usage_of(const struct verb *verb)
{
	return g_strdup_printf(
	    "oriel %s%s%s%s%s", verb->noun, verb->verb ? " " : "",
	    verb->verb ? verb->verb : "", verb->arguments ? " " : "",
	    verb->arguments ? verb->arguments : "");
}

/* wanted NULL: all */
static void print_verbs(const char *wanted)
{
	for (gsize n = 0; n < G_N_ELEMENTS(nouns); n++) {
		for (const struct verb *verb = nouns[n]; verb->noun; verb++) {
			if (wanted && strcmp(wanted, verb->noun) != 0)
				continue;
			g_autofree char *usage = usage_of(verb);
			printf("  %-38s %s\n", usage, verb->summary);
		}
	}
}

static int print_help(void)
{
	printf("oriel - hosts desktops: images, desktops, users, pools\n\n");
	print_verbs(NULL);
	printf("\nEverywhere:\n"
	       "  --root DIR   the installation under DIR (or in "
	       "ORIEL_ROOT_DIR); else the system's\n"
	       "  --json       what the server said, for programs\n"
	       "  --help       of any verb: its options, with examples\n\n"
	       "To begin with:\n"
	       "  oriel image build debian-lite\n"
	       "  oriel pool create office --image debian-lite\n"
	       "  oriel user add ada\n"
	       "  oriel desktop open office\n");
	return 0;
}

/* For completion: "noun verb option option..." a line. */
static int print_words(void)
{
	for (gsize n = 0; n < G_N_ELEMENTS(nouns); n++) {
		for (const struct verb *verb = nouns[n]; verb->noun; verb++) {
			printf("%s %s", verb->noun,
			       verb->verb ? verb->verb : "-");
			const GOptionEntry *option = verb->options;
			for (; option && option->long_name; option++)
				printf(" --%s", option->long_name);
			printf("\n");
		}
	}
	return 0;
}

/* ---- finding the verb ---- */

static const struct verb *find_verb(const char *noun, const char *name)
{
	for (gsize n = 0; n < G_N_ELEMENTS(nouns); n++)
		for (const struct verb *verb = nouns[n]; verb->noun; verb++)
			if (strcmp(verb->noun, noun) == 0 &&
			    (!verb->verb ||
			     (name && strcmp(verb->verb, name) == 0)))
				return verb;
	return NULL;
}

static gboolean noun_exists(const char *noun)
{
	for (gsize n = 0; n < G_N_ELEMENTS(nouns); n++)
		for (const struct verb *verb = nouns[n]; verb->noun; verb++)
			if (strcmp(verb->noun, noun) == 0)
				return TRUE;
	return FALSE;
}

/* ---- options ---- */

static char *opt_root;
static gboolean opt_json;
static const GOptionEntry common_options[] = {
    {"root", 0, 0, G_OPTION_ARG_FILENAME, &opt_root,
     "The installation under DIR", "DIR"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &opt_json,
     "What the server said, for programs", NULL},
    {0},
};

static gboolean parse(const struct verb *verb, int *argc, char ***argv,
		      GError **error)
{
	g_autofree char *usage = usage_of(verb);
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autofree char *examples = g_strconcat(
	    "Examples:\n", verb->examples ? verb->examples : usage, NULL);
	g_autofree char *summary =
	    g_strdup_printf("%s\n\n  %s", verb->summary, usage);
	g_option_context_set_summary(context, summary);
	g_option_context_set_description(context, examples);
	if (verb->options)
		g_option_context_add_main_entries(context, verb->options, NULL);
	g_option_context_add_main_entries(context, common_options, NULL);
	/* exec's program has options of its own */
	g_option_context_set_strict_posix(context, verb->most < 0);
	g_autoptr(GError) wrong = NULL;
	if (!g_option_context_parse(context, argc, argv, &wrong)) {
		g_autofree char *remedy = g_strdup_printf(
		    "'oriel %s%s%s --help' lists the options.", verb->noun,
		    verb->verb ? " " : "", verb->verb ? verb->verb : "");
		fault_set(error, FAULT_INVALID, remedy, "%s.", wrong->message);
		return FALSE;
	}
	return TRUE;
}

/* What stands between the program's name and the verb goes behind it, so that
 * "oriel --json image list" works as well. */
static char **reorder(int argc, char **argv, char **noun, char **name, int *out)
{
	GPtrArray *rest = g_ptr_array_new();
	g_ptr_array_add(rest, argv[0]);
	*noun = *name = NULL;
	for (int i = 1; i < argc; i++) {
		gboolean takes_value = strcmp(argv[i], "--root") == 0;
		if (*argv[i] == '-' && !*name) {
			g_ptr_array_add(rest, argv[i]);
			if (takes_value && i + 1 < argc)
				g_ptr_array_add(rest, argv[++i]);
		} else if (!*noun) {
			*noun = argv[i];
			const struct verb *verb = find_verb(*noun, NULL);
			if (verb && !verb->verb)
				*name = argv[i]; /* there is none to come */
		} else if (!*name) {
			*name = argv[i];
		} else {
			g_ptr_array_add(rest, argv[i]);
		}
	}
	*out = (int)rest->len;
	g_ptr_array_add(rest, NULL);
	return (char **)g_ptr_array_free(rest, FALSE);
}

static char *run_folder(const char *root)
{
	if (!root)
		return g_strdup("/run/oriel");
	g_autofree char *full = g_canonicalize_filename(root, NULL);
	return g_build_filename(full, "run", NULL);
}

static gboolean run(struct cli *cli, const struct verb *verb, int argc,
		    char **argv, GError **error)
{
	if (!parse(verb, &argc, &argv, error))
		return FALSE;
	if (argc > 1 && strcmp(argv[1], "--") == 0) {
		argv++;
		argc--;
	}
	const char *environment = g_getenv("ORIEL_ROOT_DIR");
	cli->json = opt_json;
	cli->root = opt_root                      ? g_strdup(opt_root)
		    : environment && *environment ? g_strdup(environment)
						  : NULL;
	cli->run_dir = run_folder(cli->root);
	cli->argc = argc - 1;
	cli->argv = argv + 1;
	if (cli->argc < verb->least ||
	    (verb->most >= 0 && cli->argc > verb->most)) {
		g_autofree char *usage = usage_of(verb);
		fault_set(error, FAULT_INVALID, NULL, "Usage: %s", usage);
		return FALSE;
	}
	if (!verb->offline)
		cli->client = client_create(cli->run_dir);
	gboolean ok = verb->run(cli, error);
	client_destroy(cli->client);
	return ok;
}

static int fail(gboolean json, const GError *error)
{
	fflush(stdout);
	if (json) {
		json_t *object =
		    json_pack("{s:o}", "error", jsonline_from_error(error));
		json_dumpf(object, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(object);
	} else {
		fault_print("oriel", error);
	}
	return cli_status(error);
}

static int unknown(const char *noun, const char *name)
{
	if (noun && !noun_exists(noun))
		fprintf(stderr, "oriel: There is no '%s'.\n", noun);
	else if (name)
		fprintf(stderr, "oriel: '%s' has no verb '%s'.\n", noun, name);
	if (noun && noun_exists(noun)) {
		fflush(stderr);
		print_verbs(noun);
	} else {
		fprintf(stderr, "       'oriel --help' lists everything.\n");
	}
	return 2;
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	char *noun, *name;
	int count;
	g_autofree char **rest = reorder(argc, argv, &noun, &name, &count);
	gboolean help = argc < 2;
	for (int i = 1; i < count; i++)
		help = help || strcmp(rest[i], "--help") == 0 ||
		       strcmp(rest[i], "-h") == 0;
	if (!noun && count > 1 && strcmp(rest[1], "--version") == 0) {
		printf("oriel %s\n", ORIEL_VERSION);
		return 0;
	}
	if (noun && strcmp(noun, "help") == 0)
		return count > 1 && strcmp(rest[1], "--words") == 0
			   ? print_words()
			   : print_help();
	if (!noun)
		return help ? print_help() : unknown(NULL, NULL);
	const struct verb *verb = find_verb(noun, name);
	if (!verb) {
		if (help && !name && noun_exists(noun)) {
			print_verbs(noun);
			return 0;
		}
		return unknown(noun, name);
	}
	g_autoptr(GError) error = NULL;
	struct cli cli = {0};
	int status = run(&cli, verb, count, rest, &error)
			 ? cli.status
			 : fail(opt_json, error);
	g_free(cli.root);
	g_free(cli.run_dir);
	return status;
}
