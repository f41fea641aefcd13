/* oriel-client - signs in to an Oriel server and shows its desktops. */
#include <gtk/gtk.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "client/app.h"
#include "client/apps-command.h"
#include "client/events.h"
#include "client/kiosk.h"
#include "client/password-file.h"
#include "client/session.h"
#include "client/trust.h"
#include "common/fault.h"
#include "common/log.h"

/* Stable: docs/man/oriel-client.1 tells them. */
enum { EXIT_DONE = 0, EXIT_NO_START = 1, EXIT_USAGE = 2 };

static const char help_text[] =
    "SERVER is https://HOST:PORT or HOST, with /POOL to go straight to a "
    "desktop of\nthat pool.\n"
    "\n"
    "Examples:\n"
    "  oriel-client                                   asks for everything\n"
    "  oriel-client https://desk.example/linux        one pool's desktop\n"
    "  oriel-client desk.example --user ada --fullscreen\n"
    "  oriel-client run desk.example/linux writer     one application\n"
    "  oriel-client apps desk.example/linux --install  all of them, among "
    "one's own\n"
    "\n"
    "In a desktop: Ctrl+Alt+G sends all keys there or stops that, Shift+F11 "
    "is full\nscreen, Ctrl+Alt+M is the menu.\n"
    "\n"
    "Exit status: 0 ended as asked, 1 could not start, 2 wrong usage.";

static int run(struct app_options *options, const char *server,
	       const char *trust, const char *password_file, const char *events,
	       const char *kiosk_file)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) misconfigured = NULL;
	struct kiosk kiosk = {0};
	if (server && !server_url_parse(server, &options->server, &error)) {
		fault_print("oriel-client", error);
		return EXIT_USAGE;
	}
	g_autofree char *fingerprint = trust ? trust_normalize(trust) : NULL;
	if (trust && !fingerprint) {
		fprintf(stderr,
			"oriel-client: '%s' is not a fingerprint.\n"
			"`oriel status` on the server shows it: SHA256: and 64 "
			"hex digits.\n",
			trust);
		return EXIT_USAGE;
	}
	if ((password_file && !(options->password = password_file_read(
				    password_file, &error))) ||
	    (events && !events_open(events, &error))) {
		fault_print("oriel-client", error);
		return EXIT_NO_START;
	}
	options->fingerprint = fingerprint;
	if (!gtk_init_check(NULL, NULL)) {
		fprintf(stderr,
			"oriel-client: no display can be opened.\n"
			"Start it in a graphical session, or set DISPLAY.\n");
		return EXIT_NO_START;
	}
	/* a terminal has no other place to say what is wrong */
	if (options->kiosk &&
	    !kiosk_read(&kiosk, kiosk_file, options, &misconfigured))
		options->misconfigured = misconfigured;
	int status = app_run(options) == 0 ? EXIT_DONE : EXIT_NO_START;
	kiosk_clear(&kiosk);
	return status;
}

int main(int argc, char **argv)
{
	struct app_options options = {0};
	g_autofree char *user = NULL, *password_file = NULL, *trust = NULL,
			*events = NULL, *protocol = NULL, *kiosk_file = NULL;
	gboolean version = FALSE, verbose = FALSE;
	const GOptionEntry entries[] = {
	    {"user", 'u', 0, G_OPTION_ARG_STRING, &user, "Sign in as this user",
	     "NAME"},
	    {"password-file", 0, 0, G_OPTION_ARG_FILENAME, &password_file,
	     "Read the password from a file's first line ('-': standard "
	     "input) and sign in at once",
	     "FILE"},
	    {"fullscreen", 'f', 0, G_OPTION_ARG_NONE, &options.fullscreen,
	     "Open desktops in full screen", NULL},
	    {"kiosk", 0, 0, G_OPTION_ARG_NONE, &options.kiosk,
	     "Fill the screen and offer nothing else; settings come "
	     "from " KIOSK_FILE,
	     NULL},
	    {"kiosk-config", 0, 0, G_OPTION_ARG_FILENAME, &kiosk_file,
	     "Take them from this file instead", "FILE"},
	    {"protocol", 0, 0, G_OPTION_ARG_STRING, &protocol,
	     "Show desktops by this protocol: spice or rfb", "NAME"},
	    {"trust-fingerprint", 0, 0, G_OPTION_ARG_STRING, &trust,
	     "Trust only this certificate of the server, besides ones an "
	     "authority vouches for",
	     "SHA256:HEX"},
	    {"events", 0, 0, G_OPTION_ARG_STRING, &events,
	     "Write milestones as JSON lines", "FILE|FD"},
	    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Log more", NULL},
	    {"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version",
	     NULL},
	    {0},
	};
	setlocale(LC_ALL, "");
	g_set_prgname("oriel-client");
	g_set_application_name("Oriel");
	events_now_us();
	if (argc > 1 && apps_command_is(argv[1]))
		return apps_command(argc - 1, argv + 1);
	g_autoptr(GOptionContext) context = g_option_context_new("[SERVER]");
	g_autoptr(GError) error = NULL;
	g_option_context_set_summary(
	    context, "Signs in to an Oriel server and shows its desktops.");
	g_option_context_set_description(context, help_text);
	g_option_context_add_main_entries(context, entries, NULL);
	/* GTK's own options too, without opening the display yet */
	g_option_context_add_group(context, gtk_get_option_group(FALSE));
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		fprintf(stderr, "oriel-client: %s\nSee oriel-client --help.\n",
			error->message);
		return EXIT_USAGE;
	}
	if (version) {
		puts("oriel-client " ORIEL_VERSION);
		return EXIT_DONE;
	}
	log_open("oriel-client", verbose);
	if (argc > 2) {
		fprintf(stderr, "oriel-client: one server at most.\n"
				"See oriel-client --help.\n");
		return EXIT_USAGE;
	}
	if (protocol && !session_protocol(protocol)) {
		fprintf(stderr,
			"oriel-client: '%s' is no protocol; there are spice "
			"and rfb.\nSee oriel-client --help.\n",
			protocol);
		return EXIT_USAGE;
	}
	options.protocol = protocol;
	options.kiosk = options.kiosk || kiosk_file;
	options.user = user;
	int status = run(&options, argc == 2 ? argv[1] : NULL, trust,
			 password_file, events, kiosk_file);
	server_url_clear(&options.server);
	events_close();
	return status;
}
