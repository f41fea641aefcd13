#include "client/apps-command.h"

#include <gtk/gtk.h>
#include <stdio.h>
#include <string.h>

#include "client/apps-run.h"
#include "client/events.h"
#include "client/trust.h"
#include "common/fault.h"
#include "common/log.h"

enum { EXIT_DONE = 0, EXIT_NO_START = 1, EXIT_USAGE = 2 };

gboolean apps_command_is(const char *word)
{
	return strcmp(word, "run") == 0;
}

static int usage(const char *text)
{
	fprintf(stderr, "oriel-client: %s\nSee oriel-client run --help.\n",
		text);
	return EXIT_USAGE;
}

/* SERVER/POOL, unless a stream is given, then APP and files. */
static int take_words(struct apps_options *options, int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	int at = 1;
	if (!options->stream) {
		if (at >= argc)
			return usage("which server? https://HOST/POOL");
		if (!server_url_parse(argv[at++], &options->server, &error)) {
			fault_print("oriel-client", error);
			return EXIT_USAGE;
		}
		if (!options->server.pool)
			return usage("which pool? https://HOST/POOL");
	}
	if (at < argc)
		options->app = argv[at++];
	g_autoptr(GPtrArray) files = g_ptr_array_new();
	for (; at < argc; at++)
		g_ptr_array_add(files, g_strdup(argv[at]));
	g_ptr_array_add(files, NULL);
	options->files = (char **)g_ptr_array_free(g_steal_pointer(&files),
						   FALSE);
	return EXIT_DONE;
}

int apps_command(int argc, char **argv)
{
	struct apps_options options = {0};
	g_autofree char *user = NULL, *trust = NULL, *events = NULL,
			*stream = NULL, *border = NULL;
	gboolean verbose = FALSE;
	const GOptionEntry entries[] = {
		{"user", 'u', 0, G_OPTION_ARG_STRING, &user,
		 "Sign in as this user", "NAME"},
		{"border", 0, 0, G_OPTION_ARG_STRING, &border,
		 "Frame the windows of a machine that is not trusted",
		 "#RRGGBB"},
		{"trust-fingerprint", 0, 0, G_OPTION_ARG_STRING, &trust,
		 "Trust only this certificate of the server", "SHA256:HEX"},
		{"stream", 0, 0, G_OPTION_ARG_STRING, &stream,
		 "Take the windows of a display process on this machine, "
		 "without a server",
		 "unix:PATH"},
		{"events", 0, 0, G_OPTION_ARG_STRING, &events,
		 "Write milestones as JSON lines", "FILE|FD"},
		{"verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Log more",
		 NULL},
		{0},
	};
	g_autoptr(GOptionContext) context =
		g_option_context_new("SERVER/POOL [APP [FILE…]]");
	g_autoptr(GError) error = NULL;
	g_option_context_set_summary(
		context, "Starts an application of a desktop, and shows its "
			 "windows as if they were local.");
	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_add_group(context, gtk_get_option_group(FALSE));
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return usage(error->message);
	log_open("oriel-client", verbose);
	options.stream = stream;
	options.user = user;
	options.border = border;
	int status = take_words(&options, argc, argv);
	if (status == EXIT_DONE && events && !events_open(events, &error)) {
		fault_print("oriel-client", error);
		status = EXIT_NO_START;
	}
	if (status == EXIT_DONE && !gtk_init_check(&argc, &argv)) {
		fprintf(stderr,
			"oriel-client: no display can be opened.\n"
			"Start it in a graphical session, or set DISPLAY.\n");
		status = EXIT_NO_START;
	}
	if (status == EXIT_DONE)
		status = apps_run(&options);
	server_url_clear(&options.server);
	g_strfreev(options.files);
	events_close();
	return status;
}
