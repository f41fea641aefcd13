/* Starts an application that the client asks for, with files if it names any,
 * and follows it until its first window: which that is, or that the program
 * has ended without one, is what the user waits for.
 *
 * A window is a launch's by its startup id, else its process, else its
 * application. A program that hands over to one that runs already ends by
 * itself, with status 0; only the client can tell whether that was enough. */
#include "seamless/agent/agent.h"

#include <gio/gdesktopappinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/fault.h"
#include "common/log.h"

#define FILES_MAX    256
#define LAUNCHES_MAX 64 /* that are followed; older ones are forgotten */

struct launched {
	struct agent *agent; /* NULL: nobody waits, it is only reaped */
	uint32_t token;
	GPid pid; /* 0: has ended, or was never ours */
	char *app_id, *name, *startup_id;
};

static void launched_free(struct launched *self)
{
	g_free(self->app_id);
	g_free(self->name);
	g_free(self->startup_id);
	g_free(self);
}

/* Nobody waits for it any more. */
static void forget(struct launched *self)
{
	if (!self->agent)
		return;
	g_queue_remove(&self->agent->launches, self);
	self->agent = NULL;
	if (!self->pid)
		launched_free(self);
}

static char *ending_text(const struct launched *self, int status)
{
	if (WIFSIGNALED(status))
		return g_strdup_printf("%s was ended by signal %d (%s).",
				       self->name, WTERMSIG(status),
				       g_strsignal(WTERMSIG(status)));
	return g_strdup_printf("%s ended with status %d.", self->name,
			       WEXITSTATUS(status));
}

static void on_ended(GPid pid, gint status, gpointer data)
{
	struct launched *self = data;
	g_spawn_close_pid(pid);
	self->pid = 0;
	if (!self->agent) {
		launched_free(self);
		return;
	}
	g_autofree char *text = ending_text(self, status);
	struct seam_message message = {.type = SEAM_LAUNCH_OVER};
	message.launch_over.token = self->token;
	message.launch_over.failed = status != 0;
	message.launch_over.text = seam_text_of(text, 1024);
	agent_send(self->agent, &message);
	/* one that handed over to another may still be seen by that */
	if (status)
		forget(self);
}

static void on_pid(GDesktopAppInfo *info, GPid pid, gpointer data)
{
	struct launched *self = data;
	if (self->pid)
		return; /* one call a file: the first one stands for all */
	self->pid = pid;
	g_child_watch_add(pid, on_ended, self);
}

static bool is_its(const struct launched *self, const struct window *window)
{
	if (window->startup_id &&
	    g_str_has_prefix(window->startup_id, "oriel-"))
		return strcmp(window->startup_id, self->startup_id) == 0;
	return (self->pid && window->pid == (uint32_t)self->pid) ||
	       g_strcmp0(window->app_id, self->app_id) == 0;
}

void launch_window(struct window *window)
{
	for (GList *l = window->agent->launches.head; l; l = l->next) {
		struct launched *self = l->data;
		if (!is_its(self, window))
			continue;
		struct seam_message message = {.type = SEAM_LAUNCH_WINDOW,
					       .window = window->peer.id};
		message.launch_window.token = self->token;
		agent_send(window->agent, &message);
		forget(self);
		return;
	}
}

void launch_cancel(struct agent *agent, uint32_t token)
{
	for (GList *l = agent->launches.head; l; l = l->next) {
		struct launched *self = l->data;
		if (self->token != token)
			continue;
		if (self->pid)
			kill(self->pid, SIGTERM);
		forget(self);
		return;
	}
}

void launch_forget_peer(struct agent *agent)
{
	while (agent->launches.head)
		forget(agent->launches.head->data);
}

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
static GList *uris_of(struct seam_text text, GError **error)
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
			g_list_free_full(files, g_free);
			return NULL;
		}
		files = g_list_prepend(files,
				       g_filename_to_uri(lines[i], NULL, NULL));
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
	GList *uris = uris_of(launch->files, &error);
	if (error) {
		answer(agent, launch->token, error);
		return;
	}
	struct launched *self = g_new0(struct launched, 1);
	self->token = launch->token;
	self->app_id = g_steal_pointer(&id);
	self->name = g_strdup(g_app_info_get_display_name(G_APP_INFO(app)));
	self->startup_id = g_strdup_printf("oriel-%u_TIME%lu", launch->token,
					   agent_time(agent));
	g_autoptr(GAppLaunchContext) context = g_app_launch_context_new();
	g_app_launch_context_setenv(context, "DISPLAY",
				    DisplayString(agent->display));
	g_app_launch_context_setenv(context, "DESKTOP_STARTUP_ID",
				    self->startup_id);
	scale_environment(agent, context);
	/* the applications' windows are X windows, whatever else is there */
	g_app_launch_context_unsetenv(context, "WAYLAND_DISPLAY");
	gboolean begun = g_desktop_app_info_launch_uris_as_manager(
	    app, uris, context, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
	    NULL, NULL, on_pid, self, &error);
	g_list_free_full(uris, g_free);
	answer(agent, launch->token, error);
	if (begun) {
		self->agent = agent;
		g_queue_push_tail(&agent->launches, self);
		if (agent->launches.length > LAUNCHES_MAX)
			forget(agent->launches.head->data);
	} else if (!self->pid) {
		launched_free(self);
	}
}
