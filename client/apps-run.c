#include "client/apps-run.h"

#include <gtk/gtk.h>
#include <stdio.h>
#include <string.h>

#include "client/apps-files.h"
#include "client/apps-install.h"
#include "client/apps-launcher.h"
#include "client/apps-link.h"
#include "client/events.h"
#include "client/seamless.h"
#include "common/fault.h"
#include "common/log.h"

/* After the last window: an application that opens its next one only when
 * the first is closed (a splash, a sign-in) gets the time for it. */
#define GRACE_MS 3000
/* From an application's start to its first window: a large one on a machine
 * without hardware acceleration takes most of it. */
#define EXPECT_MS (120 * 1000)

/* Instead of an application, between calls: no id begins so. */
#define CHOOSE "--choose"

struct wish { /* an application to be launched */
	char *app;
	char **files;
	unsigned carried; /* how many of them are in the guest */
};

struct runner {
	struct apps_options *options;
	GApplication *gtk;
	struct seamless *seamless;
	struct apps_link *link;
	struct apps_files *files;
	struct apps_launcher *launcher; /* NULL: not shown */
	gboolean choose;                /* it is to be */
	GQueue wishes;
	unsigned launching; /* launches without an answer */
	unsigned windows;
	unsigned troubles; /* dialogs that nobody has closed yet */
	gboolean synced, failed;
	gboolean told; /* synced on this line */
	guint grace;
	guint expecting; /* runs while a window is to come; 0: none is */
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

/* ---- ending ---- */

static gboolean on_grace_over(gpointer data)
{
	struct runner *runner = data;
	runner->grace = 0;
	g_application_quit(runner->gtk);
	return G_SOURCE_REMOVE;
}

static void consider_ending(struct runner *runner)
{
	gboolean needed = !runner->synced || runner->launching ||
			  runner->expecting || runner->launcher ||
			  seamless_count(runner->seamless) > 0 ||
			  apps_files_busy(runner->files) || runner->troubles ||
			  !g_queue_is_empty(&runner->wishes);
	if (needed)
		g_clear_handle_id(&runner->grace, g_source_remove);
	else if (!runner->grace)
		runner->grace = g_timeout_add(GRACE_MS, on_grace_over, runner);
}

static gboolean on_nothing_came(gpointer data)
{
	struct runner *runner = data;
	runner->expecting = 0;
	consider_ending(runner);
	return G_SOURCE_REMOVE;
}

static void expect_window(struct runner *runner)
{
	g_clear_handle_id(&runner->expecting, g_source_remove);
	runner->expecting = g_timeout_add(EXPECT_MS, on_nothing_came, runner);
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
		if (seamless_launch(runner->seamless, wish->app,
				    (const char *const *)wish->files))
			runner->launching++;
		events_emit("launching", "{s:s}", "app", wish->app);
		wish_free(wish);
	}
	consider_ending(runner);
}

static int by_name(gconstpointer a, gconstpointer b)
{
	const struct seamless_app *one = *(struct seamless_app *const *)a;
	const struct seamless_app *two = *(struct seamless_app *const *)b;
	return g_utf8_collate(one->name, two->name);
}

/* `apps`: prints them, or makes them the user's own. */
static void list_apps(struct runner *runner)
{
	struct apps_options *options = runner->options;
	const GPtrArray *apps = seamless_apps(runner->seamless);
	g_autoptr(GError) error = NULL;
	if (options->install) {
		const struct apps_place place = {
		    &options->server, options->user, options->fingerprint};
		unsigned count;
		if (!apps_install(&place, apps, &count, &error)) {
			fail(runner, error);
			return;
		}
		printf("%u applications are among yours now.\n", count);
		return;
	}
	g_autoptr(GPtrArray) sorted =
	    g_ptr_array_copy((GPtrArray *)apps, NULL, NULL);
	g_ptr_array_set_free_func(sorted, NULL); /* they are not its own */
	g_ptr_array_sort(sorted, by_name);
	for (guint i = 0; i < sorted->len; i++) {
		const struct seamless_app *app = sorted->pdata[i];
		printf("%-32s %s\n", app->id, app->name);
	}
	fflush(stdout);
}

/* ---- choosing ---- */

static void on_choice(const char *app, void *data)
{
	struct runner *runner = data;
	struct wish *wish = g_new0(struct wish, 1);
	wish->app = g_strdup(app);
	g_queue_push_tail(&runner->wishes, wish);
	launch_wishes(runner);
}

static void on_install(void *data)
{
	struct runner *runner = data;
	struct apps_options *options = runner->options;
	const struct apps_place place = {&options->server, options->user,
					 options->fingerprint};
	g_autoptr(GError) error = NULL;
	unsigned count;
	g_autofree char *text = NULL;
	if (apps_install(&place, seamless_apps(runner->seamless), &count,
			 &error))
		text = g_strdup_printf("%u applications are among yours now.",
				       count);
	else
		text = fault_cause(error);
	apps_launcher_say(runner->launcher, text);
}

static void on_launcher_closed(void *data)
{
	struct runner *runner = data;
	runner->launcher = NULL;
	runner->choose = FALSE;
	consider_ending(runner);
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
	launch_wishes(runner);
}

static void on_windows(unsigned toplevels, void *data)
{
	struct runner *runner = data;
	events_emit("windows", "{s:i}", "count", (int)toplevels);
	if (toplevels > runner->windows && runner->launcher)
		apps_launcher_say(runner->launcher, "");
	if (toplevels > runner->windows)
		g_clear_handle_id(&runner->expecting, g_source_remove);
	runner->windows = toplevels;
	consider_ending(runner);
}

static void on_trouble_closed(GtkWidget *dialog, struct runner *runner)
{
	runner->troubles--;
	consider_ending(runner);
}

static void show_trouble(struct runner *runner, const char *title,
			 const char *text)
{
	GtkWidget *dialog = gtk_message_dialog_new(
	    NULL, 0, GTK_MESSAGE_WARNING, GTK_BUTTONS_CLOSE, "%s", title);
	if (text && *text)
		gtk_message_dialog_format_secondary_text(
		    GTK_MESSAGE_DIALOG(dialog), "%s", text);
	g_signal_connect(dialog, "response", G_CALLBACK(gtk_widget_destroy),
			 NULL);
	/* it is to be read before all ends */
	runner->troubles++;
	g_signal_connect(dialog, "destroy", G_CALLBACK(on_trouble_closed),
			 runner);
	gtk_widget_show(dialog);
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
	if (wish)
		wish_free(wish);
	if (title)
		show_trouble(runner, title, text);
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
	consider_ending(runner);
}

static void on_launched(unsigned token, gboolean failed, const char *text,
			void *data)
{
	struct runner *runner = data;
	if (runner->launching)
		runner->launching--;
	events_emit("launched", "{s:b,s:s?}", "failed", failed, "text", text);
	if (failed)
		show_trouble(runner, "The application did not start", text);
	else if (!runner->windows) /* one that is there may be raised */
		expect_window(runner);
	consider_ending(runner);
}

static void on_trouble(unsigned fault, const char *text, void *data)
{
	struct runner *runner = data;
	events_emit("trouble", "{s:i,s:s}", "fault", (int)fault, "text", text);
	if (fault == SEAM_FAULT_TAKEN)
		apps_link_taken(runner->link);
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
	seamless_attach(runner->seamless, fd, tunnel);
}

static void on_given_up(const GError *error, void *data)
{
	fail(data, error);
}

static const struct apps_link_handlers link_handlers = {
    .stream = on_stream,
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
		runner->link = apps_link_new(options, &link_handlers, runner);
	}
	if (!runner->link) {
		fail(runner, error);
		return FALSE;
	}
	g_application_hold(runner->gtk);
	return TRUE;
}

/* This call's, and those of later calls in the same process' place. */
static int on_command_line(GApplication *gtk, GApplicationCommandLine *line,
			   struct runner *runner)
{
	int count;
	g_auto(GStrv) words =
	    g_application_command_line_get_arguments(line, &count);
	if (count > 1 && strcmp(words[1], CHOOSE) == 0) {
		runner->choose = TRUE;
		if (runner->synced)
			show_launcher(runner);
	} else if (count > 1 && *words[1]) {
		struct wish *wish = g_new0(struct wish, 1);
		wish->app = g_strdup(words[1]);
		wish->files = g_strdupv(words + 2);
		g_queue_push_tail(&runner->wishes, wish);
	}
	if (!runner->seamless && !begin(runner))
		return 1;
	launch_wishes(runner);
	return 0;
}

/* One process per machine. */
static char *application_id(const struct apps_options *options)
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

int apps_run(struct apps_options *options)
{
	struct runner runner = {.options = options};
	g_autofree char *id = application_id(options);
	runner.gtk = G_APPLICATION(gtk_application_new(
	    id, G_APPLICATION_HANDLES_COMMAND_LINE |
		    (options->list ? G_APPLICATION_NON_UNIQUE : 0)));
	g_signal_connect(runner.gtk, "command-line",
			 G_CALLBACK(on_command_line), &runner);
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	g_ptr_array_add(words, "oriel-client");
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
	g_clear_handle_id(&runner.grace, g_source_remove);
	g_clear_handle_id(&runner.expecting, g_source_remove);
	apps_launcher_free(runner.launcher);
	apps_link_free(runner.link);
	apps_files_free(runner.files);
	seamless_free(runner.seamless);
	g_queue_clear_full(&runner.wishes, wish_free);
	g_object_unref(runner.gtk);
	return runner.failed || status;
}
