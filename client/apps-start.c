#include "client/apps-start.h"

#include <gdk/gdkx.h>
#include <string.h>
#include <unistd.h>

#include "client/events.h"

#define TICK_MS 250
/* Sooner than that a window that says "starting" would only flicker. */
#define DIALOG_US (3 * G_USEC_PER_SEC)
/* From the launch: what has shown nothing by then is worth a remark. */
#define PATIENCE_US (15 * G_USEC_PER_SEC)
/* Nobody waits for longer: a large application on a machine without hardware
 * acceleration takes most of it. */
#define END_US (120 * G_USEC_PER_SEC)
/* A program that has ended well may have handed over to another one. */
#define HANDED_US (5 * G_USEC_PER_SEC)
/* An agent that says whose a window is does so at once. */
#define GUESS_US (1 * G_USEC_PER_SEC)

struct apps_start {
	unsigned number, token;
	char *app, *name, *startup_id;
	gboolean announced; /* the desktop shows that it is being started */
	gint64 since_us;    /* nothing else has excused us */
	gint64 launched_us; /* or 0 */
	gint64 ended_us;    /* its program, well; or 0 */
	GtkWidget *dialog, *label, *bar;
};

struct apps_starts {
	const struct apps_starts_handlers *handlers;
	void *data;
	char *class_prefix, *stage;
	GList *list; /* struct apps_start, the eldest first */
	unsigned number;
	guint tick;
	gint64 window_us; /* when one came that may be the eldest's; or 0 */
	gboolean told;    /* the guest says whose windows are */
};

/* ---- the desktop's side ---- */

static GdkDisplay *x_display(void)
{
	GdkDisplay *display = gdk_display_get_default();
	return GDK_IS_X11_DISPLAY(display) ? display : NULL;
}

static void announce(struct apps_starts *starts, struct apps_start *start)
{
	GdkDisplay *display = x_display();
	g_autofree char *class =
	    g_strconcat(starts->class_prefix, start->app, NULL);
	if (!display)
		return;
	start->announced = TRUE;
	gdk_x11_display_broadcast_startup_message(
	    display, "new", "ID", start->startup_id, "NAME", start->name,
	    "SCREEN", "0", "WMCLASS", class, "SILENT", "0", NULL);
}

static void unannounce(struct apps_start *start)
{
	GdkDisplay *display = x_display();
	if (!display || !start->announced)
		return;
	start->announced = FALSE;
	gdk_x11_display_broadcast_startup_message(display, "remove", "ID",
						  start->startup_id, NULL);
}

/* ---- one of them ---- */

static struct apps_start *find(const struct apps_starts *starts,
			       unsigned number)
{
	for (GList *l = starts->list; l; l = l->next) {
		struct apps_start *start = l->data;
		if (start->number == number)
			return start;
	}
	return NULL;
}

static struct apps_start *find_token(const struct apps_starts *starts,
				     unsigned token)
{
	for (GList *l = starts->list; token && l; l = l->next) {
		struct apps_start *start = l->data;
		if (start->token == token)
			return start;
	}
	return NULL;
}

static void start_free(gpointer data)
{
	struct apps_start *start = data;
	unannounce(start);
	if (start->dialog)
		gtk_widget_destroy(start->dialog);
	g_free(start->app);
	g_free(start->name);
	g_free(start->startup_id);
	g_free(start);
}

static void end(struct apps_starts *starts, struct apps_start *start,
		const char *how)
{
	events_emit("start-ended", "{s:s,s:s}", "app", start->app, "how", how);
	starts->list = g_list_remove(starts->list, start);
	start_free(start);
	if (!starts->list) {
		g_clear_handle_id(&starts->tick, g_source_remove);
		starts->window_us = 0;
	}
	starts->handlers->ended(starts->data);
}

static void on_cancel(GtkDialog *dialog, int response, gpointer data)
{
	struct apps_starts *starts = data;
	for (GList *l = starts->list; l; l = l->next) {
		struct apps_start *start = l->data;
		if (start->dialog != GTK_WIDGET(dialog))
			continue;
		unsigned number = start->number, token = start->token;
		starts->handlers->cancelled(number, token, starts->data);
		start = find(starts, number);
		if (start)
			end(starts, start, "cancelled");
		return;
	}
}

static const char *state_text(const struct apps_starts *starts,
			      const struct apps_start *start, gint64 now)
{
	if (start->launched_us && now - start->launched_us > PATIENCE_US)
		return "It has not shown a window yet.";
	if (start->launched_us)
		return "Waiting for its window…";
	return starts->stage ? starts->stage : "Connecting to the desktop…";
}

static void show_dialog(struct apps_starts *starts, struct apps_start *start)
{
	g_autofree char *title = g_strdup_printf("Starting %s", start->name);
	start->dialog = gtk_dialog_new_with_buttons(title, NULL, 0, "_Cancel",
						    GTK_RESPONSE_CANCEL, NULL);
	GtkWidget *box = gtk_dialog_get_content_area(GTK_DIALOG(start->dialog));
	start->label = gtk_label_new("");
	start->bar = gtk_progress_bar_new();
	gtk_label_set_max_width_chars(GTK_LABEL(start->label), 50);
	gtk_label_set_ellipsize(GTK_LABEL(start->label), PANGO_ELLIPSIZE_END);
	gtk_label_set_xalign(GTK_LABEL(start->label), 0);
	gtk_widget_set_size_request(start->bar, 280, -1);
	g_object_set(box, "margin", 12, "spacing", 12, NULL);
	gtk_container_add(GTK_CONTAINER(box), start->label);
	gtk_container_add(GTK_CONTAINER(box), start->bar);
	gtk_window_set_position(GTK_WINDOW(start->dialog), GTK_WIN_POS_CENTER);
	/* it comes by itself: what the user types meanwhile is not for it */
	gtk_window_set_focus_on_map(GTK_WINDOW(start->dialog), FALSE);
	g_signal_connect(start->dialog, "response", G_CALLBACK(on_cancel),
			 starts);
	gtk_widget_show_all(start->dialog);
	events_emit("start-shown", "{s:s}", "app", start->app);
}

/* FALSE: it has ended. */
static gboolean tick_one(struct apps_starts *starts, struct apps_start *start,
			 gboolean excused, gint64 now)
{
	gboolean alone = starts->handlers->alone(starts->data);
	g_autofree char *name = g_strdup(start->name);
	if (start->ended_us && now - start->ended_us > HANDED_US) {
		g_autofree char *title =
		    g_strdup_printf("%s ended without a window", name);
		end(starts, start, "nothing");
		if (alone)
			starts->handlers->trouble(
			    title,
			    "It may have nothing to show, or hand over to "
			    "something that does not run. Start it again, or "
			    "look at the whole desktop.",
			    starts->data);
		return FALSE;
	}
	if (start->launched_us && now - start->launched_us > END_US) {
		g_autofree char *title =
		    g_strdup_printf("%s shows no window", name);
		end(starts, start, "late");
		if (alone)
			starts->handlers->trouble(
			    title,
			    "It was started two minutes ago. Start it again, "
			    "or look at the whole desktop.",
			    starts->data);
		return FALSE;
	}
	if (excused) { /* a sign-in, say: the desktop need not show us busy */
		start->since_us = now;
		unannounce(start);
		if (start->dialog)
			gtk_widget_hide(start->dialog);
		return TRUE;
	}
	if (now - start->since_us < DIALOG_US)
		return TRUE;
	if (!start->dialog)
		show_dialog(starts, start);
	gtk_widget_show(start->dialog);
	gtk_label_set_text(GTK_LABEL(start->label),
			   state_text(starts, start, now));
	gtk_progress_bar_pulse(GTK_PROGRESS_BAR(start->bar));
	return TRUE;
}

static gboolean on_tick(gpointer data)
{
	struct apps_starts *starts = data;
	gint64 now = g_get_monotonic_time();
	gboolean excused = starts->handlers->excused(starts->data);
	for (GList *l = starts->list; l;) {
		struct apps_start *start = l->data;
		gboolean guess = start->launched_us && starts->window_us &&
				 now - starts->window_us > GUESS_US;
		l = l->next;
		if (guess) {
			starts->window_us = 0;
			end(starts, start, "window");
		} else {
			tick_one(starts, start, excused, now);
		}
	}
	return starts->list ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* ---- from outside ---- */

unsigned apps_starts_begin(struct apps_starts *starts, const char *app,
			   const char *startup_id)
{
	struct apps_start *start = g_new0(struct apps_start, 1);
	start->number = ++starts->number;
	start->app = g_strdup(app);
	start->name = g_strdup(app);
	start->since_us = g_get_monotonic_time();
	if (startup_id && *startup_id) {
		start->startup_id = g_strdup(startup_id);
		start->announced = TRUE; /* by who made the id */
	} else {
		/* without an act of the user's there is no time to tell */
		guint32 time = gtk_get_current_event_time();
		g_autofree char *when =
		    time ? g_strdup_printf("_TIME%u", time) : g_strdup("");
		start->startup_id =
		    g_strdup_printf("oriel-client-%d-%s-%u%s", (int)getpid(),
				    g_get_host_name(), start->number, when);
		announce(starts, start);
	}
	starts->list = g_list_append(starts->list, start);
	if (!starts->tick)
		starts->tick = g_timeout_add(TICK_MS, on_tick, starts);
	events_emit("start", "{s:s,s:s}", "app", app, "id", start->startup_id);
	return start->number;
}

const char *apps_starts_startup_id(struct apps_starts *starts, unsigned number)
{
	struct apps_start *start = find(starts, number);
	return start ? start->startup_id : NULL;
}

void apps_starts_name(struct apps_starts *starts, unsigned number,
		      const char *name)
{
	struct apps_start *start = find(starts, number);
	if (!start || strcmp(start->name, name) == 0)
		return;
	g_free(start->name);
	start->name = g_strdup(name);
	if (start->dialog) {
		g_autofree char *title = g_strdup_printf("Starting %s", name);
		gtk_window_set_title(GTK_WINDOW(start->dialog), title);
	}
}

void apps_starts_stage(struct apps_starts *starts, const char *stage)
{
	g_free(starts->stage);
	starts->stage = stage && *stage ? g_strdup(stage) : NULL;
}

void apps_starts_launched(struct apps_starts *starts, unsigned number,
			  unsigned token)
{
	struct apps_start *start = find(starts, number);
	if (!start)
		return;
	start->token = token;
	start->launched_us = g_get_monotonic_time();
}

static void end_if(struct apps_starts *starts, struct apps_start *start,
		   const char *how)
{
	if (start)
		end(starts, start, how);
}

void apps_starts_drop(struct apps_starts *starts, unsigned number)
{
	end_if(starts, find(starts, number), "dropped");
}

void apps_starts_refused(struct apps_starts *starts, unsigned token)
{
	end_if(starts, find_token(starts, token), "refused");
}

void apps_starts_shown(struct apps_starts *starts, unsigned token)
{
	starts->told = TRUE;
	starts->window_us = 0;
	end_if(starts, find_token(starts, token), "window");
}

void apps_starts_over(struct apps_starts *starts, unsigned token,
		      gboolean failed, const char *text)
{
	struct apps_start *start = find_token(starts, token);
	if (!start)
		return;
	if (!failed) {
		start->ended_us = g_get_monotonic_time();
		return;
	}
	g_autofree char *title =
	    g_strdup_printf("%s ended at once", start->name);
	end(starts, start, "failed");
	starts->handlers->trouble(title, text, starts->data);
}

void apps_starts_window(struct apps_starts *starts)
{
	if (starts->list && !starts->told && !starts->window_us)
		starts->window_us = g_get_monotonic_time();
}

gboolean apps_starts_any(const struct apps_starts *starts)
{
	return starts->list != NULL;
}

struct apps_starts *apps_starts_new(const char *class_prefix,
				    const struct apps_starts_handlers *handlers,
				    void *data)
{
	struct apps_starts *starts = g_new0(struct apps_starts, 1);
	starts->class_prefix = g_strdup(class_prefix);
	starts->handlers = handlers;
	starts->data = data;
	/* a dialog of ours is not what the user waits for */
	gtk_window_set_auto_startup_notification(FALSE);
	return starts;
}

void apps_starts_free(struct apps_starts *starts)
{
	if (!starts)
		return;
	g_clear_handle_id(&starts->tick, g_source_remove);
	g_list_free_full(starts->list, start_free);
	g_free(starts->class_prefix);
	g_free(starts->stage);
	g_free(starts);
}
