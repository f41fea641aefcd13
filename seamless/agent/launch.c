/* Starts an application that the client asks for, with files if it names
 * any. */
#include "seamless/agent/agent.h"

#include <gio/gdesktopappinfo.h>
#include <stdlib.h>
#include <string.h>

#include "common/fault.h"
#include "common/log.h"

#define FILES_MAX 256

static void answer(struct agent *agent, uint32_t token, const GError *error)
{
	struct seam_message message = {.type = SEAM_LAUNCH_RESULT};
	message.launch_result.token = token;
	message.launch_result.failed = error != NULL;
	message.launch_result.text =
	    seam_text_of(error ? error->message : "", 1024);
	agent_send(agent, &message);
}

/* NULL and an error when one of the files is not there. */
static GList *files_of(struct seam_text text, GError **error)
{
	g_autofree char *all = g_strndup(text.bytes, text.size);
	g_auto(GStrv) lines = g_strsplit(all, "\n", FILES_MAX + 1);
	GList *files = NULL;
	for (size_t i = 0; lines[i]; i++) {
		if (!*lines[i])
			continue;
		if (i == FILES_MAX || !g_path_is_absolute(lines[i]) ||
		    !g_file_test(lines[i], G_FILE_TEST_EXISTS)) {
			g_autofree char *quoted =
			    log_quote(lines[i], strlen(lines[i]));
			fault_set(error, FAULT_NOT_FOUND,
				  "Open a file that exists inside the machine.",
				  "There is no file %s in the machine.",
				  i == FILES_MAX ? "beyond the 256th" : quoted);
			g_list_free_full(files, g_object_unref);
			return NULL;
		}
		files = g_list_prepend(files, g_file_new_for_path(lines[i]));
	}
	return g_list_reverse(files);
}

void launch_app(struct agent *agent, const struct seam_launch *launch)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *id = g_strndup(launch->app.bytes, launch->app.size);
	g_autofree char *desktop_id = g_strconcat(id, ".desktop", NULL);
	g_autoptr(GDesktopAppInfo) app =
	    strchr(id, '/') ? NULL : g_desktop_app_info_new(desktop_id);
	if (!app) {
		g_autofree char *quoted = log_quote(id, strlen(id));
		fault_set(&error, FAULT_NOT_FOUND,
			  "Refresh the list of applications.",
			  "The machine has no application %s.", quoted);
		answer(agent, launch->token, error);
		return;
	}
	GList *files = files_of(launch->files, &error);
	if (error) {
		answer(agent, launch->token, error);
		return;
	}
	g_autoptr(GAppLaunchContext) context = g_app_launch_context_new();
	g_autofree char *startup = g_strdup_printf(
	    "oriel-%u_TIME%lu", launch->token, agent_time(agent));
	g_app_launch_context_setenv(context, "DISPLAY",
				    DisplayString(agent->display));
	g_app_launch_context_setenv(context, "DESKTOP_STARTUP_ID", startup);
	scale_environment(agent, context);
	/* the applications' windows are X windows, whatever else is there */
	g_app_launch_context_unsetenv(context, "WAYLAND_DISPLAY");
	g_app_info_launch(G_APP_INFO(app), files, context, &error);
	g_list_free_full(files, g_object_unref);
	answer(agent, launch->token, error);
}
