#include "server/cli/follow.h"

#include <glib-unix.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "server/cli/client.h"
#include "server/cli/table.h"

#define BAR_CELLS 24

struct follow {
	struct cli *cli;
	const char *task; /* NULL: a desktop */
	gboolean terminal;
	gboolean drawn;
	char *told;      /* the last plain line */
	gint64 start_us; /* when `from` was seen */
	double from;
	unsigned interrupts;
	guint signals;
};

static gboolean on_interrupt(void *data)
{
	struct follow *self = data;
	self->interrupts++;
	client_interrupt(self->cli->client);
	return G_SOURCE_CONTINUE;
}

static void follow_init(struct follow *self, struct cli *cli, const char *task)
{
	*self = (struct follow){.cli = cli, .task = task, .from = -1};
	self->terminal = !cli->json && isatty(STDERR_FILENO);
	self->signals = g_unix_signal_add(SIGINT, on_interrupt, self);
}

static void wipe(struct follow *self)
{
	if (self->drawn)
		fputs("\r\033[K", stderr);
	self->drawn = FALSE;
}

static void follow_finish(struct follow *self)
{
	wipe(self);
	g_source_remove(self->signals);
	g_free(self->told);
}

static unsigned terminal_width(void)
{
	struct winsize size;
	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col
		   ? size.ws_col
		   : 80;
}

/* From the speed so far; "" until that says something. */
static char *remaining(struct follow *self, double fraction)
{
	gint64 now_us = g_get_monotonic_time();
	if (self->from < 0 || fraction < self->from) {
		self->from = fraction;
		self->start_us = now_us;
	}
	double done = fraction - self->from;
	double spent_s = (double)(now_us - self->start_us) / 1e6;
	if (done < 0.02 || spent_s < 2)
		return g_strdup("");
	double left_s = ceil(spent_s * (1 - fraction) / done);
	return left_s < 90 ? g_strdup_printf("  %.0f s left", left_s)
			   : g_strdup_printf("  %.0f min left", left_s / 60);
}

static void draw_bar(struct follow *self, double fraction, const char *stage)
{
	static const char marks[] = "########################";
	static const char dots[] = "........................";
	int full = (int)(CLAMP(fraction, 0, 1) * BAR_CELLS);
	g_autofree char *left = remaining(self, fraction);
	g_autofree char *line = g_strdup_printf(
	    "[%.*s%.*s] %3.0f%%%s  %s", full, marks, BAR_CELLS - full, dots,
	    fraction * 100, left, stage);
	glong width = MAX(20, (glong)terminal_width() - 1);
	g_autofree char *cut =
	    g_utf8_substring(line, 0, MIN(width, g_utf8_strlen(line, -1)));
	fprintf(stderr, "\r\033[K%s", cut);
	fflush(stderr);
	self->drawn = TRUE;
}

static void show(struct follow *self, double fraction, const char *stage)
{
	g_autofree char *safe = text_safe(stage);
	if (self->cli->json)
		return;
	if (self->terminal) {
		draw_bar(self, fraction, safe);
	} else if (*safe && g_strcmp0(self->told, safe) != 0) {
		fprintf(stderr, "%s\n", safe);
		g_free(self->told);
		self->told = g_strdup(safe);
	}
}

static gboolean is(json_t *object, const char *key, const char *value)
{
	return strcmp(text_of(object, key), value) == 0;
}

/* ---- tasks ---- */

static gboolean ask_cancel(struct follow *self, GError **error)
{
	g_autofree char *path = g_strconcat("/tasks/", self->task, NULL);
	wipe(self);
	fprintf(stderr, "Cancelling; again to leave it alone.\n");
	g_autoptr(GError) why = NULL;
	json_t *task =
	    client_call(self->cli->client, "DELETE", path, NULL, &why);
	json_decref(task);
	if (task || g_error_matches(why, FAULT, FAULT_CONFLICT))
		return TRUE; /* ended meanwhile: follow to its end */
	g_propagate_error(error, g_steal_pointer(&why));
	return FALSE;
}

static json_t *poll_task(struct follow *self, json_int_t serial, GError **error)
{
	g_autofree char *path = g_strdup_printf(
	    "/tasks/%s?wait=%" JSON_INTEGER_FORMAT, self->task, serial);
	for (;;) {
		g_autoptr(GError) why = NULL;
		unsigned before = self->interrupts;
		json_t *task =
		    client_call(self->cli->client, "GET", path, NULL, &why);
		if (task)
			return task;
		if (self->interrupts == before ||
		    !g_error_matches(why, FAULT, FAULT_CANCELLED)) {
			g_propagate_error(error, g_steal_pointer(&why));
			return NULL;
		}
		if (self->interrupts > 1) {
			fault_set(error, FAULT_CANCELLED,
				  "Look after it with 'oriel task list'.",
				  "Left; task %s goes on.", self->task);
			return NULL;
		}
		if (!ask_cancel(self, error))
			return NULL;
	}
}

static gboolean task_ended(struct follow *self, json_t *task, GError **error)
{
	if (is(task, "state", "queued") || is(task, "state", "running"))
		return FALSE;
	json_t *why = json_object_get(task, "error");
	if (is(task, "state", "cancelled"))
		fault_set(error, FAULT_CANCELLED, NULL,
			  "Cancelled; nothing was left behind.");
	else if (is(task, "state", "failed"))
		g_propagate_error(error, json_is_object(why)
					     ? jsonline_to_error(why)
					     : fault_new(FAULT_INTERNAL, NULL,
							 "The task failed."));
	return TRUE;
}

static void show_task(struct follow *self, json_t *task)
{
	double done = json_number_value(json_object_get(task, "done"));
	double total = json_number_value(json_object_get(task, "total"));
	const char *stage = text_of(task, "stage");
	const char *message = text_of(task, "message");
	g_autofree char *both = self->terminal && *message
				    ? g_strdup_printf("%s: %s", stage, message)
				    : g_strdup(*stage ? stage : "Waiting");
	show(self, total > 0 ? done / total : 0, both);
}

json_t *follow_task(struct cli *cli, const char *id, GError **error)
{
	struct follow self;
	follow_init(&self, cli, id);
	json_int_t serial = 0;
	json_t *task = NULL;
	g_autoptr(GError) why = NULL;
	while ((task = poll_task(&self, serial, &why)) &&
	       !task_ended(&self, task, &why)) {
		show_task(&self, task);
		serial = json_integer_value(json_object_get(task, "serial"));
		json_decref(task);
	}
	follow_finish(&self);
	if (why) {
		json_decref(task);
		g_propagate_error(error, g_steal_pointer(&why));
		return NULL;
	}
	return task;
}

/* ---- desktops ---- */

static gboolean desktop_arrived(json_t *desktop, const char *state,
				GError **error)
{
	if (is(desktop, "state", state))
		return TRUE;
	json_t *why = json_object_get(desktop, "error");
	/* off on the way to running: somebody stopped it */
	if (is(desktop, "state", "failed") && json_is_object(why))
		g_propagate_error(error, jsonline_to_error(why));
	else if (is(desktop, "state", "failed") || is(desktop, "state", "off"))
		fault_set(error, FAULT_CONFLICT,
			  "'oriel events' tells what happened.",
			  "The desktop is %s.", text_of(desktop, "state"));
	return *error != NULL;
}

json_t *follow_desktop(struct cli *cli, const char *id, const char *state,
		       GError **error)
{
	struct follow self;
	json_int_t serial = 0;
	json_t *desktop = NULL;
	GError *why = NULL;
	follow_init(&self, cli, NULL);
	for (;;) {
		g_autofree char *path = g_strdup_printf(
		    "/desktops/%s?wait=%" JSON_INTEGER_FORMAT, id, serial);
		desktop = client_call(cli->client, "GET", path, NULL, &why);
		if (!desktop || desktop_arrived(desktop, state, &why))
			break;
		const char *stage = text_of(desktop, "stage");
		show(&self,
		     json_number_value(json_object_get(desktop, "fraction")),
		     *stage ? stage : text_of(desktop, "state"));
		serial = json_integer_value(json_object_get(desktop, "serial"));
		json_decref(desktop);
	}
	follow_finish(&self);
	if (!why)
		return desktop;
	json_decref(desktop);
	if (self.interrupts) {
		g_error_free(why);
		why = fault_new(FAULT_CANCELLED, NULL,
				"Left; the desktop goes on.");
	}
	g_propagate_error(error, why);
	return NULL;
}
