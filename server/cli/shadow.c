#include "server/cli/shadow.h"

#include <string.h>

#include "common/fault.h"
#include "server/cli/client.h"
#include "server/cli/table.h"
#include "server/cli/viewer.h"

static char *opt_as, *opt_file, *opt_viewer;
static gboolean opt_control, opt_end;

const GOptionEntry shadow_options[] = {
    {"as", 0, 0, G_OPTION_ARG_STRING, &opt_as,
     "Who of the helpdesk looks on (their user name)", "HELPER"},
    {"control", 0, 0, G_OPTION_ARG_NONE, &opt_control,
     "Ask to take part, not only to look on", NULL},
    {"file", 0, 0, G_OPTION_ARG_FILENAME, &opt_file,
     "Write a file for remote-viewer instead of starting a viewer", "FILE"},
    {"viewer", 0, 0, G_OPTION_ARG_STRING, &opt_viewer,
     "Use this viewer; else the first that is installed", "NAME"},
    {"end", 0, 0, G_OPTION_ARG_NONE, &opt_end, "End it", NULL},
    {0},
};

/* The answer as it stands when it is one; takes asked. */
static json_t *wait_answer(struct cli *cli, json_t *asked, GError **error)
{
	while (asked && strcmp(text_of(asked, "state"), "asked") == 0) {
		g_autofree char *path = g_strdup_printf(
		    "/shadows/%s?wait=%" G_GINT64_FORMAT, text_of(asked, "id"),
		    (gint64)json_integer_value(
			json_object_get(asked, "serial")));
		json_decref(asked);
		asked = client_call(cli->client, "GET", path, NULL, error);
	}
	return asked;
}

static gboolean open_viewer(struct cli *cli, json_t *granted, GError **error)
{
	g_autofree char *path =
	    g_strdup_printf("/shadows/%s/viewer", text_of(granted, "id"));
	json_t *viewer = client_call(cli->client, "POST", path, NULL, error);
	gboolean ok = FALSE;
	if (viewer && cli_printed(cli, viewer))
		ok = TRUE;
	else if (viewer)
		ok = opt_file ? viewer_save(cli, viewer, opt_file, error)
			      : viewer_start(cli, viewer, opt_viewer, error);
	json_decref(viewer);
	return ok;
}

static gboolean end(struct cli *cli, const char *id, GError **error)
{
	g_autofree char *of = g_strdup_printf("/desktops/%s", id);
	json_t *desktop = client_call(cli->client, "GET", of, NULL, error);
	json_t *shadow = json_object_get(desktop, "shadow");
	g_autofree char *path =
	    g_strdup_printf("/shadows/%s", text_of(shadow, "id"));
	if (desktop && !json_is_object(shadow))
		fault_set(error, FAULT_NOT_FOUND, NULL,
			  "Nobody looks on there.");
	json_t *done =
	    json_is_object(shadow)
		? client_call(cli->client, "DELETE", path, NULL, error)
		: NULL;
	if (done)
		cli_say(cli, "It has ended.");
	json_decref(desktop);
	json_decref(done);
	return done != NULL;
}

gboolean shadow_run(struct cli *cli, GError **error)
{
	if (!opt_end && !opt_as) {
		fault_set(error, FAULT_INVALID,
			  "Say who of the helpdesk looks on: --as NAME.",
			  "Its user is to know who asks.");
		return FALSE;
	}
	g_autofree char *id = cli_desktop(cli, cli->argv[0], error);
	if (!id)
		return FALSE;
	if (opt_end)
		return end(cli, id, error);
	g_autofree char *path = g_strdup_printf("/desktops/%s/shadow", id);
	json_t *asked = client_call(
	    cli->client, "POST", path,
	    json_pack("{s:s, s:b}", "as", opt_as, "control", opt_control),
	    error);
	if (asked && !cli->json)
		cli_say(cli, "%s is being asked.", text_of(asked, "user"));
	json_t *answer = wait_answer(cli, asked, error);
	gboolean ok = FALSE;
	if (answer && strcmp(text_of(answer, "state"), "granted") == 0)
		ok = open_viewer(cli, answer, error);
	else if (answer)
		fault_set(error, FAULT_DENIED, NULL, "%s",
			  text_of(answer, "why"));
	json_decref(answer);
	return ok;
}
