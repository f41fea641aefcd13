#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/follow.h"
#include "server/cli/table.h"
#include "server/cli/viewer.h"

static gboolean opt_no_wait, opt_force, opt_stdin;
static gboolean opt_viewer;
static char *opt_using, *opt_vv, *opt_protocol;
static int opt_width, opt_timeout_s;

static const GOptionEntry wait_options[] = {
    {"no-wait", 0, 0, G_OPTION_ARG_NONE, &opt_no_wait,
     "Do not wait until it is done", NULL},
    {0},
};
static const GOptionEntry remove_options[] = {
    {"force", 'f', 0, G_OPTION_ARG_NONE, &opt_force,
     "Switch it off first if it runs", NULL},
    {0},
};
static const GOptionEntry picture_options[] = {
    {"width", 'w', 0, G_OPTION_ARG_INT, &opt_width, "At most so wide (1024)",
     "PIXELS"},
    {0},
};
static const GOptionEntry exec_options[] = {
    {"timeout", 't', 0, G_OPTION_ARG_INT, &opt_timeout_s,
     "Give up after this time (60)", "SECONDS"},
    {"stdin", 'i', 0, G_OPTION_ARG_NONE, &opt_stdin,
     "Give the program what is piped in, up to 1 MiB", NULL},
    {0},
};

static const GOptionEntry open_options[] = {
    {"viewer", 0, 0, G_OPTION_ARG_NONE, &opt_viewer,
     "In a stock viewer, signed in by ticket", NULL},
    {"using", 0, 0, G_OPTION_ARG_STRING, &opt_using,
     "vncviewer, remote-viewer or remmina; the first installed", "VIEWER"},
    {"vv", 0, 0, G_OPTION_ARG_FILENAME, &opt_vv,
     "Write a file for remote-viewer instead (- prints it)", "FILE"},
    {"protocol", 0, 0, G_OPTION_ARG_STRING, &opt_protocol,
     "rfb or spice; rfb unless given", "PROTOCOL"},
    {0},
};

/* ---- which one ---- */

static gboolean answers_to(json_t *desktop, const char *wanted)
{
	g_autofree char *slashed = g_strdup_printf(
	    "%s/%s", text_of(desktop, "pool"), text_of(desktop, "user"));
	return strcmp(text_of(desktop, "id"), wanted) == 0 ||
	       strcmp(text_of(desktop, "name"), wanted) == 0 ||
	       strcmp(slashed, wanted) == 0;
}

/* By id, name or POOL/USER; new string. */
char *cli_desktop(struct cli *cli, const char *wanted, GError **error)
{
	json_t *answer =
	    client_call(cli->client, "GET", "/desktops?all=1", NULL, error);
	if (!answer)
		return NULL;
	g_autofree char *id = NULL;
	gboolean several = FALSE;
	gsize i;
	json_t *desktop;
	json_array_foreach(json_object_get(answer, "desktops"), i, desktop)
	{
		if (!answers_to(desktop, wanted))
			continue;
		several = several || id;
		g_free(id);
		id = g_strdup(text_of(desktop, "id"));
	}
	json_decref(answer);
	if (id && !several)
		return g_steal_pointer(&id);
	fault_set(error, several ? FAULT_CONFLICT : FAULT_NOT_FOUND,
		  several ? "Name it by its id ('oriel desktop list')."
			  : "'oriel desktop list' shows what there is; 'oriel "
			    "desktop create' makes one.",
		  several ? "There are several desktops '%s'."
			  : "There is no desktop '%s'.",
		  wanted);
	return NULL;
}

/* method on /desktops/ID + rest, for the desktop that argument 0 names. */
static json_t *call(struct cli *cli, const char *method, const char *rest,
		    json_t *body, char **id, GError **error)
{
	g_autofree char *found = cli_desktop(cli, cli->argv[0], error);
	if (!found) {
		json_decref(body);
		return NULL;
	}
	g_autofree char *path = g_strconcat("/desktops/", found, rest, NULL);
	json_t *answer = client_call(cli->client, method, path, body, error);
	if (id)
		*id = g_steal_pointer(&found);
	return answer;
}

/* ---- looking ---- */

static gboolean list(struct cli *cli, GError **error)
{
	json_t *answer =
	    client_call(cli->client, "GET", "/desktops?all=1", NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		struct table *table =
		    table_create("ID", "NAME", "USER", "STATE", "SINCE",
				 "VIEWERS", "IMAGE", "REMARK", NULL);
		gsize i;
		json_t *desktop;
		json_array_foreach(json_object_get(answer, "desktops"), i,
				   desktop)
		{
			const char *remark =
			    text_of(json_object_get(desktop, "error"), "cause");
			if (!*remark)
				remark =
				    text_of(json_object_get(desktop, "warning"),
					    "cause");
			if (!*remark)
				remark = text_of(desktop, "stage");
			if (!*remark)
				remark = text_of(desktop, "cause");
			g_autofree char *image =
			    g_strdup_printf("%s:%s", text_of(desktop, "image"),
					    text_of(desktop, "version"));
			table_row(table, text_of(desktop, "id"),
				  text_of(desktop, "name"),
				  text_of(desktop, "user"),
				  text_of(desktop, "state"),
				  text_ago(desktop, "since"),
				  text_of(desktop, "viewers"), image, remark);
		}
		table_print(table, "There is no desktop yet; one is made when "
				   "somebody opens a pool.");
		json_t *status =
		    client_call(cli->client, "GET", "/status", NULL, error);
		json_t *waiting = json_object_get(status, "waiting");
		if (json_array_size(waiting)) {
			printf("\n");
			table_waiting(waiting);
		}
		json_decref(status);
		if (!status) {
			json_decref(answer);
			return FALSE;
		}
	}
	json_decref(answer);
	return TRUE;
}

static void show_fault(const char *title, json_t *fault)
{
	if (!json_is_object(fault))
		return;
	table_fact(title, "%s", text_of(fault, "cause"));
	table_fact("", "%s", text_of(fault, "remedy"));
}

static gboolean show(struct cli *cli, GError **error)
{
	json_t *desktop = call(cli, "GET", "", NULL, NULL, error);
	if (desktop && !cli_printed(cli, desktop)) {
		table_fact("Desktop", "%s", text_of(desktop, "id"));
		table_fact("Name", "%s", text_of(desktop, "name"));
		table_fact("Pool", "%s", text_of(desktop, "pool"));
		table_fact("User", "%s", text_of(desktop, "user"));
		table_fact("State", "%s: %s", text_of(desktop, "state"),
			   text_of(desktop, "cause"));
		table_fact("Since", "%s", text_ago(desktop, "since"));
		table_fact("Stage", "%s", text_of(desktop, "stage"));
		table_fact("Image", "%s version %s", text_of(desktop, "image"),
			   text_of(desktop, "version"));
		table_fact("Host", "%s (%s)", text_of(desktop, "host"),
			   text_of(desktop, "accelerator"));
		table_fact("Viewers", "%s", text_of(desktop, "viewers"));
		if (*text_of(desktop, "idle"))
			table_fact("Idle", "%s s", text_of(desktop, "idle"));
		show_fault("Error", json_object_get(desktop, "error"));
		show_fault("Warning", json_object_get(desktop, "warning"));
	}
	json_decref(desktop);
	return desktop != NULL;
}

/* ---- state ---- */

static gboolean settle(struct cli *cli, const char *rest, const char *state,
		       GError **error)
{
	g_autofree char *id = NULL;
	json_t *desktop = call(cli, "POST", rest, NULL, &id, error);
	if (desktop && state && !opt_no_wait) {
		json_decref(desktop);
		desktop = follow_desktop(cli, id, state, error);
	}
	if (desktop && !cli_printed(cli, desktop))
		printf("Desktop %s is %s.\n", text_of(desktop, "name"),
		       text_of(desktop, "state"));
	json_decref(desktop);
	return desktop != NULL;
}

static gboolean create_for(struct cli *cli, const char *pool, const char *user,
			   GError **error);

/* POOL/USER starts also what does not exist yet. */
static gboolean start(struct cli *cli, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(cli->argv[0], "/", 2);
	if (parts[0] && parts[1])
		return create_for(cli, parts[0], parts[1], error);
	return settle(cli, "/start", "running", error);
}

/* A floating one is gone afterwards, so nothing can be waited for. */
static gboolean logoff(struct cli *cli, GError **error)
{
	json_t *answer = call(cli, "POST", "/logoff", NULL, NULL, error);
	if (answer && !cli_printed(cli, answer))
		printf("Desktop %s is being left.\n", cli->argv[0]);
	json_decref(answer);
	return answer != NULL;
}

static gboolean shutdown_guest(struct cli *cli, GError **error)
{
	return settle(cli, "/shutdown", "off", error);
}

static gboolean off(struct cli *cli, GError **error)
{
	return settle(cli, "/off", "off", error);
}

static gboolean reset(struct cli *cli, GError **error)
{
	return settle(cli, "/reset", NULL, error);
}

static gboolean disconnect(struct cli *cli, GError **error)
{
	return settle(cli, "/disconnect", NULL, error);
}

static gboolean message(struct cli *cli, GError **error)
{
	g_autofree char *text = g_strjoinv(" ", cli->argv + 1);
	json_t *answer = call(cli, "POST", "/message",
			      json_pack("{s:s}", "text", text), NULL, error);
	if (answer && !cli_printed(cli, answer)) {
		if (json_is_true(json_object_get(answer, "guest")))
			printf("Desktop %s shows it.\n", cli->argv[0]);
		else
			printf(
			    "Clients that know of messages show it; the "
			    "guest does not: %s\n",
			    text_of(json_object_get(answer, "error"), "cause"));
	}
	json_decref(answer);
	return answer != NULL;
}

static gboolean create_for(struct cli *cli, const char *pool, const char *user,
			   GError **error)
{
	g_autofree char *part = client_part(pool);
	g_autofree char *path = g_strdup_printf("/pools/%s/desktop", part);
	json_t *desktop = client_call(cli->client, "POST", path,
				      json_pack("{s:s}", "user", user), error);
	if (desktop && !opt_no_wait) {
		g_autofree char *id = g_strdup(text_of(desktop, "id"));
		json_decref(desktop);
		desktop = follow_desktop(cli, id, "running", error);
	}
	if (desktop && !cli_printed(cli, desktop))
		printf("Desktop %s (%s) is %s.\n", text_of(desktop, "name"),
		       text_of(desktop, "id"), text_of(desktop, "state"));
	json_decref(desktop);
	return desktop != NULL;
}

static gboolean create(struct cli *cli, GError **error)
{
	return create_for(cli, cli->argv[0], cli->argv[1], error);
}

static gboolean remove_desktop(struct cli *cli, GError **error)
{
	g_autofree char *id = cli_desktop(cli, cli->argv[0], error);
	if (!id)
		return FALSE;
	g_autofree char *path = g_strconcat("/desktops/", id, NULL);
	if (opt_force) {
		g_autofree char *stop = g_strconcat(path, "/off", NULL);
		json_t *answer =
		    client_call(cli->client, "POST", stop, NULL, error);
		json_t *stopped =
		    answer ? follow_desktop(cli, id, "off", error) : NULL;
		json_decref(answer);
		json_decref(stopped);
		if (!stopped)
			return FALSE;
	}
	json_t *answer = client_call(cli->client, "DELETE", path, NULL, error);
	if (answer)
		cli_say(cli, "Desktop %s was removed.", cli->argv[0]);
	json_decref(answer);
	return answer != NULL;
}

/* ---- inside ---- */

static gboolean picture(struct cli *cli, GError **error)
{
	g_autofree char *id = cli_desktop(cli, cli->argv[0], error);
	if (!id)
		return FALSE;
	g_autofree char *path = g_strdup_printf(
	    "/desktops/%s/picture?width=%d", id, opt_width ? opt_width : 1024);
	g_autoptr(GBytes) png = client_fetch(cli->client, path, error);
	if (!png)
		return FALSE;
	gsize size;
	const char *data = g_bytes_get_data(png, &size);
	if (strcmp(cli->argv[1], "-") == 0)
		return fwrite(data, 1, size, stdout) == size;
	g_autoptr(GError) why = NULL;
	if (!g_file_set_contents(cli->argv[1], data, (gssize)size, &why)) {
		fault_set(error, FAULT_STORAGE, "Choose another file.",
			  "The picture cannot be written: %s.", why->message);
		return FALSE;
	}
	cli_say(cli, "Wrote %s.", cli->argv[1]);
	return TRUE;
}

/* What is piped in, as base64; NULL without input. */
static char *read_input(GError **error)
{
	g_autoptr(GByteArray) all = g_byte_array_new();
	guint8 buffer[65536];
	ssize_t got;
	while ((got = read(STDIN_FILENO, buffer, sizeof buffer)) > 0) {
		g_byte_array_append(all, buffer, (guint)got);
		if (all->len <= 1u << 20)
			continue;
		fault_set(error, FAULT_INVALID, "Copy it in pieces.",
			  "The input is larger than 1 MiB.");
		return NULL;
	}
	return all->len ? g_base64_encode(all->data, all->len) : NULL;
}

static void print_base64(json_t *answer, const char *key, FILE *to)
{
	gsize size;
	const char *text = text_of(answer, key);
	g_autofree guchar *data = *text ? g_base64_decode(text, &size) : NULL;
	if (data)
		fwrite(data, 1, size, to);
}

static gboolean exec(struct cli *cli, GError **error)
{
	json_t *argv = json_array();
	int from = cli->argc > 1 && strcmp(cli->argv[1], "--") == 0 ? 2 : 1;
	for (int i = from; i < cli->argc; i++)
		json_array_append_new(argv, json_string(cli->argv[i]));
	json_t *body = json_pack("{s:o, s:i}", "argv", argv, "timeout_ms",
				 (opt_timeout_s ? opt_timeout_s : 60) * 1000);
	g_autoptr(GError) why = NULL;
	g_autofree char *input = opt_stdin ? read_input(&why) : NULL;
	if (why) {
		json_decref(body);
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
	if (input)
		json_object_set_new(body, "input", json_string(input));
	json_t *answer = call(cli, "POST", "/exec", body, NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		print_base64(answer, "out", stdout);
		fflush(stdout);
		print_base64(answer, "err", stderr);
	}
	cli->status = (int)json_integer_value(json_object_get(answer, "exit"));
	json_decref(answer);
	return TRUE;
}

/* ---- opening ---- */

static json_t *gateway(struct cli *cli, GError **error)
{
	g_autofree char *path =
	    g_build_filename(cli->run_dir, "gateway.json", NULL);
	json_t *known = json_load_file(path, 0, NULL);
	if (!json_is_object(known)) {
		json_decref(known);
		fault_set(error, FAULT_UNAVAILABLE,
			  "Start it with the other roles ('orield'), and look "
			  "at its log.",
			  "The gateway is not serving ('%s' is not there).",
			  path);
		return NULL;
	}
	return known;
}

/* A certain desktop, for a program that is not ours. */
static gboolean open_viewer(struct cli *cli, GError **error)
{
	if (!cli->argc) {
		fault_set(error, FAULT_INVALID,
			  "'oriel desktop list' shows what there is.",
			  "Name the desktop that the viewer shall open.");
		return FALSE;
	}
	cli->client = client_create(cli->run_dir);
	json_t *body =
	    opt_protocol ? json_pack("{s:s}", "protocol", opt_protocol) : NULL;
	json_t *answer = call(cli, "POST", "/viewer", body, NULL, error);
	gboolean fine =
	    answer && (opt_vv ? viewer_save(cli, answer, opt_vv, error)
			      : viewer_start(cli, answer, opt_using, error));
	json_decref(answer);
	return fine;
}

static gboolean open_desktop(struct cli *cli, GError **error)
{
	if (opt_viewer || opt_using || opt_vv || opt_protocol)
		return open_viewer(cli, error);
	json_t *known = gateway(cli, error);
	if (!known)
		return FALSE;
	g_autofree char *pool = client_part(cli->argc ? cli->argv[0] : "");
	g_autofree char *url = g_strdup_printf("https://localhost:%s/%s",
					       text_of(known, "https"), pool);
	g_autofree char *program = paths_program("oriel-client");
	gboolean shown = (g_getenv("DISPLAY") || g_getenv("WAYLAND_DISPLAY")) &&
			 g_file_test(program, G_FILE_TEST_IS_EXECUTABLE);
	if (cli->json) {
		json_object_set_new(known, "url", json_string(url));
		cli_printed(cli, known);
	} else {
		table_fact("Client", "oriel-client %s", url);
		table_fact("VNC viewer",
			   "vncviewer -SecurityTypes X509Plain localhost::%s",
			   text_of(known, "rfb"));
		table_fact("", "user name: USER or USER/POOL");
		table_fact("Certificate", "%s", text_of(known, "fingerprint"));
	}
	json_decref(known);
	if (!shown || cli->json)
		return TRUE;
	fflush(stdout);
	execl(program, "oriel-client", url, (char *)NULL);
	fault_set(error, FAULT_UNAVAILABLE, NULL, "'%s' cannot be started: %s.",
		  program, g_strerror(errno));
	return FALSE;
}

#define D "desktop"
const struct verb desktop_verbs[] = {
    {D, "list", NULL, 0, 0,
     "What desktops there are, who waits for one and why",
     "  oriel desktop list\n", NULL, list, FALSE},
    {D, "show", "DESKTOP", 1, 1, "A desktop, its state and why",
     "  oriel desktop show office-ada\n  oriel desktop show office/ada\n"
     "A DESKTOP is named by its id, its name, or POOL/USER.\n",
     NULL, show, FALSE},
    {D, "create", "POOL USER", 2, 2,
     "Make and start a user's desktop before they open it",
     "  oriel desktop create office ada\n", wait_options, create, FALSE},
    {D, "start", "DESKTOP", 1, 1, "Start a desktop",
     "  oriel desktop start office-ada\n  oriel desktop start office/ada\n",
     wait_options, start, FALSE},
    {D, "shutdown", "DESKTOP", 1, 1, "Ask its system to shut down",
     "  oriel desktop shutdown office-ada\n", wait_options, shutdown_guest,
     FALSE},
    {D, "logoff", "DESKTOP", 1, 1,
     "End its user's work: a floating one is thrown away, a dedicated one "
     "shuts down",
     "  oriel desktop logoff office/ada\n", NULL, logoff, FALSE},
    {D, "off", "DESKTOP", 1, 1, "Switch it off at once",
     "  oriel desktop off office-ada\n", wait_options, off, FALSE},
    {D, "reset", "DESKTOP", 1, 1, "Press its reset button",
     "  oriel desktop reset office-ada\n", NULL, reset, FALSE},
    {D, "disconnect", "DESKTOP", 1, 1, "End everybody's connection to it",
     "  oriel desktop disconnect office-ada\n", NULL, disconnect, FALSE},
    {D, "message", "DESKTOP TEXT...", 2, -1, "Show its user a message",
     "  oriel desktop message office/ada The server restarts at 18:00.\n", NULL,
     message, FALSE},
    {D, "remove", "DESKTOP", 1, 1, "Remove it with its disk",
     "  oriel desktop remove office-ada\n"
     "  oriel desktop remove office-ada --force\n",
     remove_options, remove_desktop, FALSE},
    {D, "exec", "DESKTOP PROGRAM [ARGUMENT...]", 2, -1,
     "Run a program in it, as its root",
     "  oriel desktop exec office-ada uname -a\n"
     "  oriel desktop exec --stdin office-ada tee /root/file < file\n"
     "Ends with the program's own status.\n",
     exec_options, exec, FALSE},
    {D, "picture", "DESKTOP FILE", 2, 2, "Save what it shows, as PNG",
     "  oriel desktop picture office-ada screen.png\n", picture_options,
     picture, FALSE},
    {D, "open", "[POOL | DESKTOP]", 0, 1,
     "How to reach it; opens the client where there is a display",
     "  oriel desktop open office\n"
     "  oriel desktop open office-ada --viewer\n"
     "  oriel desktop open office/ada --vv ada.vv\n"
     "A pool for the client; a desktop for a stock viewer.\n",
     open_options, open_desktop, TRUE},
    {0},
};
