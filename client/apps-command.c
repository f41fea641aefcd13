#include "client/apps-command.h"

#include <gtk/gtk.h>
#include <stdio.h>
#include <string.h>

#include "client/apps-install.h"
#include "client/apps-run.h"
#include "client/events.h"
#include "client/password-file.h"
#include "client/trust.h"
#include "common/fault.h"
#include "common/log.h"

enum { EXIT_DONE = 0, EXIT_NO_START = 1, EXIT_USAGE = 2 };

gboolean apps_command_is(const char *word)
{
	return strcmp(word, "run") == 0 || strcmp(word, "apps") == 0;
}

static int usage(const struct apps_options *options, const char *text)
{
	fprintf(stderr, "oriel-client: %s\nSee oriel-client %s --help.\n", text,
		options->list ? "apps" : "run");
	return EXIT_USAGE;
}

/* A file is named to the guest as it is here; a relative name would be
 * looked for in another folder. */
static char *absolute(const char *file)
{
	return g_path_is_absolute(file) || strstr(file, "://")
		   ? g_strdup(file)
		   : g_canonicalize_filename(file, NULL);
}

/* SERVER/POOL, unless a stream is given, then APP and files. */
static int take_words(struct apps_options *options, int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	int at = 1;
	if (at < argc && strcmp(argv[at], "--") == 0)
		at++;
	if (!options->stream) {
		if (at >= argc)
			return usage(options,
				     "which server? https://HOST/POOL");
		if (!server_url_parse(argv[at++], &options->server, &error)) {
			fault_print("oriel-client", error);
			return EXIT_USAGE;
		}
		if (!options->server.pool)
			return usage(options, "which pool? https://HOST/POOL");
	}
	if (options->list && at < argc)
		return usage(options, "nothing is expected after the pool");
	if (at < argc)
		options->app = argv[at++];
	g_autoptr(GPtrArray) files = g_ptr_array_new();
	for (; at < argc; at++)
		g_ptr_array_add(files, absolute(argv[at]));
	g_ptr_array_add(files, NULL);
	options->files =
	    (char **)g_ptr_array_free(g_steal_pointer(&files), FALSE);
	return EXIT_DONE;
}

/* One process per machine. */
static char *instance_of(const struct apps_options *options)
{
	g_autofree char *key = options->stream
				   ? g_strdup(options->stream)
				   : server_url_key(&options->server);
	g_autofree char *all = g_strdup_printf(
	    "%s/%s/%s", key, options->server.pool ? options->server.pool : "",
	    options->user ? options->user : "");
	g_autofree char *digest =
	    g_compute_checksum_for_string(G_CHECKSUM_SHA256, all, -1);
	return g_strdup_printf("org.oriel.Client.Apps.m%.16s", digest);
}

static int run(struct apps_options *options)
{
	if (options->uninstall) {
		const struct apps_place place = {&options->server,
						 options->user, NULL};
		unsigned count;
		if (options->stream)
			return usage(options, "which pool? https://HOST/POOL");
		apps_uninstall(&place, &count, NULL);
		printf("%u applications are no longer among yours.\n", count);
		return EXIT_DONE;
	}
	if (!gtk_init_check(NULL, NULL)) {
		fprintf(stderr,
			"oriel-client: no display can be opened.\n"
			"Start it in a graphical session, or set DISPLAY.\n");
		return EXIT_NO_START;
	}
	g_autofree char *instance = instance_of(options);
	options->instance = instance;
	return apps_run(options);
}

int apps_command(int argc, char **argv)
{
	struct apps_options options = {.list = strcmp(argv[0], "apps") == 0};
	g_autofree char *user = NULL, *trust = NULL, *events = NULL,
			*stream = NULL, *border = NULL, *password = NULL,
			*session = NULL, *fingerprint = NULL;
	gboolean verbose = FALSE;
	const GOptionEntry common[] = {
	    {"user", 'u', 0, G_OPTION_ARG_STRING, &user, "Sign in as this user",
	     "NAME"},
	    {"password-file", 0, 0, G_OPTION_ARG_FILENAME, &password,
	     "Read the password from a file's first line ('-': standard "
	     "input)",
	     "FILE"},
	    {"session-file", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_FILENAME,
	     &session, "Read the secret of a sign-in from a file's first line",
	     "FILE"},
	    {"trust-fingerprint", 0, 0, G_OPTION_ARG_STRING, &trust,
	     "Trust only this certificate of the server", "SHA256:HEX"},
	    {"stream", 0, 0, G_OPTION_ARG_STRING, &stream,
	     "Take the windows of a display process on this machine, "
	     "without a server",
	     "unix:PATH"},
	    {"events", 0, 0, G_OPTION_ARG_STRING, &events,
	     "Write milestones as JSON lines", "FILE|FD"},
	    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Log more", NULL},
	    {0},
	};
	const GOptionEntry of_run[] = {
	    {"choose", 0, 0, G_OPTION_ARG_NONE, &options.choose,
	     "Show the desktop's applications to choose from", NULL},
	    {"border", 0, 0, G_OPTION_ARG_STRING, &border,
	     "Frame the windows of a machine that is not trusted", "#RRGGBB"},
	    {0},
	};
	const GOptionEntry of_apps[] = {
	    {"install", 0, 0, G_OPTION_ARG_NONE, &options.install,
	     "Put them among one's own, with icons and file types", NULL},
	    {"uninstall", 0, 0, G_OPTION_ARG_NONE, &options.uninstall,
	     "Take them away from there", NULL},
	    {0},
	};
	g_autoptr(GOptionContext) context = g_option_context_new(
	    options.list ? "SERVER/POOL" : "SERVER/POOL [APP [FILE…]]");
	g_autoptr(GError) error = NULL;
	g_option_context_set_summary(
	    context, options.list
			 ? "Lists the applications of a desktop."
			 : "Starts an application of a desktop, and shows its "
			   "windows as if they were local.");
	g_option_context_add_main_entries(context, common, NULL);
	g_option_context_add_main_entries(
	    context, options.list ? of_apps : of_run, NULL);
	/* GTK takes it out of the environment, for its own first window */
	options.startup_id = g_strdup(g_getenv("DESKTOP_STARTUP_ID"));
	g_option_context_add_group(context, gtk_get_option_group(FALSE));
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return usage(&options, error->message);
	log_open("oriel-client", verbose);
	fingerprint = trust ? trust_normalize(trust) : NULL;
	if (trust && !fingerprint)
		return usage(&options, "--trust-fingerprint takes SHA256: and "
				       "64 hex digits, as `oriel status` "
				       "shows them");
	options.stream = stream;
	options.user = user;
	options.border = border;
	options.fingerprint = fingerprint;
	int status = take_words(&options, argc, argv);
	if (status == EXIT_DONE &&
	    ((events && !events_open(events, &error)) ||
	     (password &&
	      !(options.password = password_file_read(password, &error))) ||
	     (session &&
	      !(options.session = password_file_read(session, &error))))) {
		fault_print("oriel-client", error);
		status = EXIT_NO_START;
	}
	if (status == EXIT_DONE)
		status = run(&options);
	server_url_clear(&options.server);
	g_strfreev(options.files);
	g_free(options.startup_id);
	events_close();
	return status;
}
