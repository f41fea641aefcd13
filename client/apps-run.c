#include "client/apps-run.h"

#include <gtk/gtk.h>
#include <stdio.h>
#include <string.h>

#include "client/apps-ending.h"
#include "client/apps-files.h"
#include "client/apps-install.h"
#include "client/apps-launcher.h"
#include "client/apps-link.h"
#include "client/apps-list.h"
#include "client/apps-start.h"
#include "client/apps-trouble.h"
#include "client/events.h"
#include "client/seamless.h"
#include "common/fault.h"
#include "common/log.h"

/* Instead of an application, between calls: no id begins so. */
#define CHOOSE "--choose"

struct wish { /* an application to be launched */
	char *app;
	char **files;
	unsigned carried; /* how many of them are in the guest */
	unsigned start;   /* its number in apps-start.h */
};

struct runner {
	struct apps_options *options;
	GApplication *gtk;
	struct seamless *seamless;
	struct apps_link *link;
	struct apps_files *files;
	struct apps_launcher *launcher; /* NULL: not shown */
	gboolean choose;                /* it is to be */
	struct apps_starts *starts;
	GQueue wishes;
	unsigned launching; /* launches without an answer */
	unsigned windows;
	struct apps_troubles troubles;
	gboolean synced, failed, taken;
	gboolean limit_told;  /* that a window is not shown */
	gboolean ending_told; /* why all of them went; the dialog is open */
	gboolean told;        /* synced on this line */
	struct apps_ending ending;
};

static void wish_free(gpointer data)
{
	struct wish *wish = data;
	g_free(wish->app);
	g_strfreev(wish->files);
	g_free(wish);
}

static void fail(struct runner *runner, const GError *error)
{
	if (!runner->failed)
		fault_print("oriel-client", error);
	runner->failed = TRUE;
	g_application_quit(runner->gtk);
}

/* Who has lost windows to another place sees no terminal. */
static void fail_seen(struct runner *runner, const GError *error)
{
	g_autofree char *cause = fault_cause(error);
	g_autofree char *remedy = fault_remedy(error);
	if (!runner->failed)
		fault_print("oriel-client", error);
	runner->failed = runner->ending_told = TRUE;
	apps_trouble_show(&runner->troubles, cause, remedy);
}

/* ---- ending ---- */

static gboolean needed(void *data)
{
	struct runner *runner = data;
	return !runner->synced || runner->launching || runner->launcher ||
	       apps_starts_any(runner->starts) ||
	       seamless_count(runner->seamless) > 0 ||
	       apps_files_busy(runner->files) || runner->troubles.open ||
	       !g_queue_is_empty(&runner->wishes);
}

static void on_trouble_closed(void *data)
{
	struct runner *runner = data;
	if (runner->ending_told && !runner->troubles.open)
		g_application_quit(runner->gtk);
	apps_ending_consider(&runner->ending);
}

/* ---- what the machine says ---- */

static void launch_wishes(struct runner *runner)
{
	struct wish *wish;
	while (runner->told && (wish = g_queue_peek_head(&runner->wishes))) {
		if (!apps_files_carry(runner->files, wish->files,
				      &wish->carried))
			break; /* on_file_moved() goes on, or it has failed */
		g_queue_pop_head(&runner->wishes);
		unsigned token = seamless_launch(
		    runner->seamless, wish->app,
		    (const char *const *)wish->files,
		    apps_starts_startup_id(runner->starts, wish->start));
		runner->launching += token != 0;
		if (token)
			apps_starts_launched(runner->starts, wish->start,
					     token);
		else
			apps_starts_drop(runner->starts, wish->start);
		events_emit("launching", "{s:s}", "app", wish->app);
		wish_free(wish);
	}
	apps_ending_consider(&runner->ending);
}

/* `apps`: prints them, or makes them the user's own. */
static void list_apps(struct runner *runner)
{
	const GPtrArray *apps = seamless_apps(runner->seamless);
	g_autoptr(GError) error = NULL;
	if (!runner->options->install) {
		apps_list_print(apps);
		return;
	}
	g_autofree char *text =
	    apps_list_install(runner->options, apps, &error);
	if (text)
		printf("%s\n", text);
	else
		fail(runner, error);
}

/* ---- what is being started ---- */

/* As the guest calls them, where it has said so. */
static void name_starts(struct runner *runner)
{
	const GPtrArray *apps = seamless_apps(runner->seamless);
	for (GList *l = runner->wishes.head; l; l = l->next) {
		const struct wish *wish = l->data;
		for (guint i = 0; i < apps->len; i++) {
			const struct seamless_app *app = apps->pdata[i];
			if (strcmp(app->id, wish->app) == 0)
				apps_starts_name(runner->starts, wish->start,
						 app->name);
		}
	}
}

static void add_wish(struct runner *runner, const char *app, char **files,
		     const char *startup_id)
{
	struct wish *wish = g_new0(struct wish, 1);
	wish->app = g_strdup(app);
	wish->files = g_strdupv(files);
	wish->start = apps_starts_begin(runner->starts, app, startup_id);
	g_queue_push_tail(&runner->wishes, wish);
	if (runner->synced)
		name_starts(runner);
}

static void on_start_cancelled(unsigned number, unsigned token, void *data)
{
	struct runner *runner = data;
	if (token)
		seamless_launch_cancel(runner->seamless, token);
	for (GList *l = runner->wishes.head; l; l = l->next) {
		struct wish *wish = l->data;
		if (wish->start != number)
			continue;
		g_queue_delete_link(&runner->wishes, l);
		wish_free(wish);
		break;
	}
	/* nothing else is wanted: not the machine either */
	if (!runner->synced && !runner->choose &&
	    g_queue_is_empty(&runner->wishes))
		g_application_quit(runner->gtk);
}

static gboolean start_excused(void *data)
{
	struct runner *runner = data;
	return apps_link_asks(runner->link) || runner->troubles.open ||
	       apps_files_busy(runner->files);
}

static gboolean start_alone(void *data)
{
	return seamless_count(((struct runner *)data)->seamless) == 0;
}

static void on_start_trouble(const char *title, const char *text, void *data)
{
	apps_trouble_show(&((struct runner *)data)->troubles, title, text);
}

static void on_start_ended(void *data)
{
	apps_ending_consider(&((struct runner *)data)->ending);
}

static const struct apps_starts_handlers starts_handlers = {
    .cancelled = on_start_cancelled,
    .excused = start_excused,
    .alone = start_alone,
    .trouble = on_start_trouble,
    .ended = on_start_ended,
};

static void on_launch_shown(unsigned token, void *data)
{
	struct runner *runner = data;
	if (token)
		apps_starts_shown(runner->starts, token);
	else
		apps_starts_window(runner->starts);
}

static void on_launch_over(unsigned token, gboolean failed, const char *text,
			   void *data)
{
	apps_starts_over(((struct runner *)data)->starts, token, failed, text);
}

static void on_progress(const char *stage, double fraction, void *data)
{
	apps_starts_stage(((struct runner *)data)->starts, stage);
}

/* ---- choosing ---- */

static void on_choice(const char *app, void *data)
{
	add_wish(data, app, NULL, NULL);
	launch_wishes(data);
}

static void on_install(void *data)
{
	struct runner *runner = data;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = apps_list_install(
	    runner->options, seamless_apps(runner->seamless), &error);
	if (!text)
		text = fault_cause(error);
	apps_launcher_say(runner->launcher, text);
}

static void on_launcher_closed(void *data)
{
	struct runner *runner = data;
	runner->launcher = NULL;
	runner->choose = FALSE;
	apps_ending_consider(&runner->ending);
}

static void show_launcher(struct runner *runner)
{
	static const struct apps_launcher_handlers handlers = {
	    .launch = on_choice,
	    .install = on_install,
	    .closed = on_launcher_closed,
	};
	static const struct apps_launcher_handlers without_server = {
	    .launch = on_choice,
	    .closed = on_launcher_closed,
	};
	const char *pool = runner->options->server.pool;
	g_autofree char *title =
	    g_strdup_printf("Applications of %s", pool ? pool : "a desktop");
	if (!runner->launcher)
		runner->launcher = apps_launcher_new(
		    title, pool ? &handlers : &without_server, runner);
	apps_launcher_show(runner->launcher, seamless_apps(runner->seamless));
	events_emit("launcher", NULL);
}

static void on_synced(void *data)
{
	struct runner *runner = data;
	runner->synced = runner->told = TRUE;
	apps_files_cut(runner->files); /* begins anew, if one was going */
	events_emit("synced", "{s:i,s:i}", "windows",
		    (int)seamless_count(runner->seamless), "apps",
		    (int)seamless_apps(runner->seamless)->len);
	if (runner->options->list) {
		list_apps(runner);
		g_application_quit(runner->gtk);
		return;
	}
	if (runner->choose)
		show_launcher(runner);
	name_starts(runner);
	launch_wishes(runner);
}

static void on_windows(unsigned toplevels, void *data)
{
	struct runner *runner = data;
	events_emit("windows", "{s:i}", "count", (int)toplevels);
	if (toplevels > runner->windows && runner->launcher)
		apps_launcher_say(runner->launcher, "");
	if (toplevels > runner->windows)
		apps_starts_window(runner->starts);
	runner->windows = toplevels;
	apps_ending_consider(&runner->ending);
}

/* ---- files ---- */

static void on_file_moved(void *data)
{
	launch_wishes(data);
}

/* Nothing is launched without the file it was for. */
static void on_file_failed(const char *title, const char *text, void *data)
{
	struct runner *runner = data;
	struct wish *wish = g_queue_pop_head(&runner->wishes);
	if (wish) {
		apps_starts_drop(runner->starts, wish->start);
		wish_free(wish);
	}
	if (title)
		apps_trouble_show(&runner->troubles, title, text);
	launch_wishes(runner);
}

static const struct apps_files_handlers files_handlers = {
    .moved = on_file_moved,
    .failed = on_file_failed,
};

static void on_file_moves(double fraction, void *data)
{
	struct runner *runner = data;
	apps_files_progress(runner->files, fraction);
}

static void on_file_sent(const char *guest_path, const GError *error,
			 void *data)
{
	struct runner *runner = data;
	apps_files_sent(runner->files, guest_path, error);
}

static void on_file_saved(const char *path, const char *backup,
			  const GError *error, void *data)
{
	struct runner *runner = data;
	apps_files_saved(runner->files, path, backup, error);
	apps_ending_consider(&runner->ending);
}

static void on_launched(unsigned token, gboolean failed, const char *text,
			void *data)
{
	struct runner *runner = data;
	if (runner->launching)
		runner->launching--;
	events_emit("launched", "{s:b,s:s?}", "failed", failed, "text", text);
	if (failed) {
		apps_starts_refused(runner->starts, token);
		apps_trouble_show(&runner->troubles,
				  "The application did not start", text);
	}
	apps_ending_consider(&runner->ending);
}

static void on_trouble(unsigned fault, uint32_t window, const char *text,
		       void *data)
{
	struct runner *runner = data;
	events_emit("trouble", "{s:i,s:s}", "fault", (int)fault, "text", text);
	if (fault == SEAM_FAULT_TAKEN) {
		runner->taken = TRUE;
		apps_link_taken(runner->link);
	}
	/* once: who has so many windows has more to come */
	if (fault == SEAM_FAULT_LIMIT && window && !runner->limit_told &&
	    !runner->options->list) {
		runner->limit_told = TRUE;
		apps_trouble_show(&runner->troubles,
				  "Not every window of the desktop is shown",
				  text);
	}
}

static void on_notify(const char *app, const char *summary, const char *body,
		      unsigned urgency, void *data)
{
	struct runner *runner = data;
	g_autoptr(GNotification) note = g_notification_new(summary);
	g_notification_set_body(note, body);
	g_notification_set_priority(note, urgency > 1
					      ? G_NOTIFICATION_PRIORITY_HIGH
					      : G_NOTIFICATION_PRIORITY_NORMAL);
	g_application_send_notification(runner->gtk, NULL, note);
}

static void on_ended(const GError *error, void *data)
{
	struct runner *runner = data;
	g_autofree char *cause = error ? fault_cause(error) : NULL;
	events_emit("disconnected", "{s:s?}", "cause", cause);
	apps_files_cut(runner->files);
	runner->told = FALSE;
	apps_link_cut(runner->link, error);
}

static const struct seamless_handlers seamless_handlers = {
    .synced = on_synced,
    .windows = on_windows,
    .launched = on_launched,
    .launch_shown = on_launch_shown,
    .launch_over = on_launch_over,
    .trouble = on_trouble,
    .notify = on_notify,
    .file_moves = on_file_moves,
    .file_sent = on_file_sent,
    .file_saved = on_file_saved,
    .ended = on_ended,
};

/* ---- the way there ---- */

static void on_stream(int fd, struct tunnel *tunnel, void *data)
{
	struct runner *runner = data;
	events_emit("connected", NULL);
	apps_starts_stage(runner->starts, NULL);
	seamless_attach(runner->seamless, fd, tunnel);
}

static void on_given_up(const GError *error, void *data)
{
	struct runner *runner = data;
	if (runner->taken && !runner->options->list)
		fail_seen(runner, error);
	else
		fail(runner, error);
}

static const struct apps_link_handlers link_handlers = {
    .stream = on_stream,
    .progress = on_progress,
    .given_up = on_given_up,
};

static gboolean begin(struct runner *runner)
{
	struct apps_options *options = runner->options;
	g_autoptr(GError) error = NULL;
	g_autofree char *prefix = apps_class(options->server.pool, "");
	struct seamless_config config = {
	    .prefix = prefix,
	    .border = options->border,
	};
	runner->seamless =
	    seamless_new(&config, &seamless_handlers, runner, &error);
	if (runner->seamless) {
		runner->files =
		    apps_files_new(runner->seamless, &files_handlers, runner);
		runner->starts =
		    apps_starts_new(prefix, &starts_handlers, runner);
		runner->link = apps_link_new(options, &link_handlers, runner);
	}
	if (!runner->link) {
		fail(runner, error);
		return FALSE;
	}
	g_application_hold(runner->gtk);
	return TRUE;
}

/* This call's, and those of later calls in the same process' place: the id of
 * the click, what is to be started, its files. */
static int on_command_line(GApplication *gtk, GApplicationCommandLine *line,
			   struct runner *runner)
{
	int count;
	g_auto(GStrv) words =
	    g_application_command_line_get_arguments(line, &count);
	gboolean choose = count > 2 && strcmp(words[2], CHOOSE) == 0;
	if (choose) {
		runner->choose = TRUE;
		if (runner->synced)
			show_launcher(runner);
	}
	if (runner->ending_told) { /* started here again */
		runner->ending_told = runner->failed = runner->taken = FALSE;
		apps_link_free(runner->link);
		runner->link =
		    apps_link_new(runner->options, &link_handlers, runner);
	}
	if (!runner->seamless && !begin(runner))
		return 1;
	if (count > 2 && *words[2] && !choose)
		add_wish(runner, words[2], words + 3, words[1]);
	launch_wishes(runner);
	return 0;
}

int apps_run(struct apps_options *options)
{
	struct runner runner = {.options = options,
				.troubles.closed = on_trouble_closed};
	runner.troubles.data = &runner;
	runner.ending = (struct apps_ending){.needed = needed, .data = &runner};
	runner.gtk = G_APPLICATION(gtk_application_new(
	    options->instance,
	    G_APPLICATION_HANDLES_COMMAND_LINE |
		(options->list ? G_APPLICATION_NON_UNIQUE : 0)));
	runner.ending.gtk = runner.gtk;
	g_signal_connect(runner.gtk, "command-line",
			 G_CALLBACK(on_command_line), &runner);
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	g_ptr_array_add(words, "oriel-client");
	g_ptr_array_add(words, options->startup_id ? options->startup_id : "");
	g_ptr_array_add(words, options->choose ? CHOOSE
			       : options->app  ? (char *)options->app
					       : "");
	for (char **file = options->files; file && *file; file++)
		g_ptr_array_add(words, *file);
	int count = (int)words->len;
	g_ptr_array_add(words, NULL);
	int status =
	    g_application_run(runner.gtk, count, (char **)words->pdata);
	events_emit("exit", "{s:i}", "status", runner.failed || status);
	apps_ending_clear(&runner.ending);
	apps_launcher_free(runner.launcher);
	apps_starts_free(runner.starts);
	apps_link_free(runner.link);
	apps_files_free(runner.files);
	seamless_free(runner.seamless);
	g_queue_clear_full(&runner.wishes, wish_free);
	g_object_unref(runner.gtk);
	return runner.failed || status;
}
