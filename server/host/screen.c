/* The process is ours twice: a pidfd tells of its end, the control channel
 * of what it sees. The channel comes up some milliseconds after the process,
 * so it is tried in short steps until then, and again if it ever breaks
 * while the process lives. */
#include "server/host/screen.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "common/paths.h"
#include "server/host/proc.h"
#include "server/host/recordings.h"

#define DIAL_FIRST_MS 15
#define DIAL_AGAIN_MS 1000
/* a display process that serves nothing for so long never will */
#define DIAL_PATIENCE_US (15 * G_USEC_PER_SEC)
#define CALL_MS          10000
#define QUIT_MS          2000

/* Ref-counted inside: a handler may free the screen that calls it. */
struct screen {
	int refs;
	char *id, *name, *log, *address, *spice_address, *windows_address,
	    *view_address;
	char *pid_file, *rfb, *view, *spice, *windows, *control;
	const struct screen_handlers *handlers;
	void *data;
	pid_t pid;
	struct proc_watch *watch;
	struct jsonline *channel;
	guint dial_timer;
	gint64 dial_until_us;
	gboolean greeted; /* the channel was up once: dial slower */
	gboolean framed;  /* first_frame has been told */
};

struct screen *screen_new(const char *id, const char *name, const char *run_dir,
			  const char *log,
			  const struct screen_handlers *handlers, void *data)
{
	struct screen *self = g_new0(struct screen, 1);
	self->refs = 1;
	self->id = g_strdup(id);
	self->name = g_strdup(name);
	self->log = g_strdup(log);
	self->rfb = g_build_filename(run_dir, "rfb.sock", NULL);
	self->control = g_build_filename(run_dir, "control.sock", NULL);
	self->pid_file = g_build_filename(run_dir, "display.pid", NULL);
	self->address = g_strconcat("unix:", self->rfb, NULL);
	self->view = g_build_filename(run_dir, "view.sock", NULL);
	self->view_address = g_strconcat("unix:", self->view, NULL);
	self->spice = g_build_filename(run_dir, "spice.sock", NULL);
	self->spice_address = g_strconcat("unix:", self->spice, NULL);
	self->windows = g_build_filename(run_dir, "windows.sock", NULL);
	self->windows_address = g_strconcat("unix:", self->windows, NULL);
	self->handlers = handlers;
	self->data = data;
	return self;
}

static void hang_up(struct screen *self)
{
	if (self->dial_timer)
		g_source_remove(self->dial_timer);
	self->dial_timer = 0;
	if (self->channel) {
		struct jsonline *channel = g_steal_pointer(&self->channel);
		jsonline_close(channel);
		jsonline_unref(channel);
	}
}

static void release(struct screen *self)
{
	if (--self->refs > 0)
		return;
	g_free(self->id);
	g_free(self->name);
	g_free(self->log);
	g_free(self->address);
	g_free(self->spice_address);
	g_free(self->windows_address);
	g_free(self->view_address);
	g_free(self->view);
	g_free(self->spice);
	g_free(self->windows);
	g_free(self->rfb);
	g_free(self->control);
	g_free(self->pid_file);
	g_free(self);
}

static const struct screen_handlers deaf;

void screen_free(struct screen *self)
{
	if (!self)
		return;
	self->handlers = &deaf;
	hang_up(self);
	g_clear_pointer(&self->watch, proc_watch_free);
	release(self);
}

static void tell(struct screen *self, void (*handler)(void *data))
{
	if (handler)
		handler(self->data);
}

static void tell_viewers(struct screen *self, guint64 count)
{
	if (self->handlers->viewers)
		self->handlers->viewers((unsigned)MIN(count, 1000000),
					self->data);
}

gboolean screen_alive(const struct screen *self)
{
	return self->pid > 0;
}

const char *screen_address(const struct screen *self)
{
	return self->address;
}

const char *screen_view(const struct screen *self)
{
	return self->view_address;
}

const char *screen_spice(const struct screen *self)
{
	return self->spice_address;
}

const char *screen_windows(const struct screen *self)
{
	return self->windows_address;
}

/* ---- the channel ---- */

static void told_frame(struct screen *self)
{
	if (self->framed)
		return;
	self->framed = TRUE;
	tell(self, self->handlers->first_frame);
}

static void tell_input(struct screen *self, gint64 ago_ms)
{
	if (self->handlers->input)
		self->handlers->input(ago_ms, self->data);
}

static void on_event(struct jsonline *channel, const char *event,
		     json_t *message, int fd, void *data)
{
	struct screen *self = data;
	if (fd >= 0)
		close(fd);
	self->refs++;
	if (strcmp(event, "first-frame") == 0) {
		told_frame(self);
	} else if (strcmp(event, "viewer") == 0) {
		json_int_t count =
		    json_integer_value(json_object_get(message, "viewers"));
		tell_viewers(self, (guint64)MAX(count, 0));
	} else if (strcmp(event, "input") == 0) {
		tell_input(self, 0);
	} else if (strcmp(event, "recording") == 0) {
		if (self->handlers->recording)
			self->handlers->recording(message, self->data);
	} else if (strcmp(event, "picture") == 0) {
		tell(self, self->handlers->picture);
	} else if (strcmp(event, "source") == 0) {
		const char *state =
		    json_string_value(json_object_get(message, "state"));
		if (g_strcmp0(state, "lost") == 0)
			tell(self, self->handlers->source_lost);
	}
	release(self);
}

static gboolean dial(void *data);

static void dial_later(struct screen *self, unsigned after_ms)
{
	if (!self->dial_timer)
		self->dial_timer = g_timeout_add(after_ms, dial, self);
}

static void on_closed(struct jsonline *channel, const GError *why, void *data)
{
	struct screen *self = data;
	if (why)
		log_fault(&(struct log_about){.vm = self->id}, why);
	g_clear_pointer(&self->channel, jsonline_unref);
	/* its end, if that is why, arrives by the pidfd */
	self->dial_until_us = G_MAXINT64;
	dial_later(self, DIAL_AGAIN_MS);
}

static const struct jsonline_handlers channel_handlers = {.event = on_event,
							  .closed = on_closed};

/* What happened before the channel was up. */
static void on_status(struct jsonline *channel, json_t *reply,
		      const GError *error, void *data)
{
	struct screen *self = data;
	if (error || !self->channel)
		return; /* on_closed deals with it */
	json_t *viewers = json_object_get(reply, "viewers");
	const char *source =
	    json_string_value(json_object_get(reply, "source"));
	self->refs++;
	if (json_is_array(viewers))
		tell_viewers(self, json_array_size(viewers));
	json_t *idle = json_object_get(reply, "idle_ms");
	if (json_is_integer(idle))
		tell_input(self, MAX(0, json_integer_value(idle)));
	if (json_is_integer(json_object_get(reply, "first_frame_us")))
		told_frame(self);
	json_t *recording = json_object_get(reply, "recording");
	if (self->handlers->recording_found)
		self->handlers->recording_found(
		    json_string_value(json_object_get(recording, "recording")),
		    self->data);
	if (g_strcmp0(source, "lost") == 0)
		tell(self, self->handlers->source_lost);
	release(self);
}

static gboolean dial(void *data)
{
	struct screen *self = data;
	self->dial_timer = 0;
	g_autoptr(GError) error = NULL;
	int fd = paths_unix_connect(self->control, &error);
	if (fd < 0) {
		if (g_get_monotonic_time() < self->dial_until_us) {
			dial_later(self, self->greeted ? DIAL_AGAIN_MS
						       : DIAL_FIRST_MS);
			return G_SOURCE_REMOVE;
		}
		/* alive and serving nothing: end it, `ended` follows */
		log_fault(&(struct log_about){.vm = self->id}, error);
		proc_watch_signal(self->watch, SIGKILL);
		return G_SOURCE_REMOVE;
	}
	self->greeted = TRUE;
	self->channel = jsonline_new(fd, &channel_handlers, self);
	jsonline_call(self->channel, json_pack("{s:s}", "op", "status"), -1,
		      CALL_MS, on_status, self);
	return G_SOURCE_REMOVE;
}

/* ---- the process ---- */

static void on_process_end(pid_t pid, int status, void *data)
{
	struct screen *self = data;
	g_clear_pointer(&self->watch, proc_watch_free);
	self->pid = 0;
	hang_up(self);
	unlink(self->pid_file);
	g_autofree char *how = proc_status_text(status);
	g_autofree char *tail = proc_log_tail(self->log, 3);
	g_autoptr(GError) why =
	    fault_new(FAULT_UNAVAILABLE, NULL, "The display process %s.%s%s",
		      how, tail ? " Its log ends with " : "", tail ? tail : "");
	if (self->handlers->ended)
		self->handlers->ended(why, self->data);
}

static gboolean watch(struct screen *self, pid_t pid)
{
	self->watch = proc_watch_new(pid, on_process_end, self);
	if (!self->watch)
		return FALSE;
	self->pid = pid;
	self->framed = self->greeted = FALSE;
	self->dial_until_us = g_get_monotonic_time() + DIAL_PATIENCE_US;
	return TRUE;
}

gboolean screen_start(struct screen *self, int fd, GError **error)
{
	/* stale sockets would be dialled before the new ones are there */
	unlink(self->control);
	unlink(self->rfb);
	unlink(self->view);
	unlink(self->spice);
	unlink(self->windows);
	g_autofree char *program = paths_program("oriel-display");
	g_autofree char *control = g_strconcat("unix:", self->control, NULL);
	const char *const argv[] = {program,
				    "--display1-fd",
				    "3",
				    "--rfb",
				    self->address,
				    "--view",
				    self->view_address,
				    "--spice",
				    self->spice_address,
				    "--windows",
				    self->windows_address,
				    "--control",
				    control,
				    "--closed",
				    "--vm",
				    self->id,
				    "--name",
				    self->name,
				    NULL};
	pid_t pid = proc_spawn(argv, fd, self->log, PROC_STAYS, error);
	close(fd);
	if (pid < 0)
		return FALSE;
	/* an unrecorded one runs well; only a restart would not find it */
	g_autoptr(GError) unrecorded = NULL;
	if (!proc_record(self->pid_file, pid, &unrecorded))
		log_fault(&(struct log_about){.vm = self->id}, unrecorded);
	if (!watch(self, pid)) {
		fault_set(error, FAULT_UNAVAILABLE, NULL,
			  "The display process cannot be watched: %s.",
			  g_strerror(errno));
		kill(pid, SIGKILL);
		return FALSE;
	}
	dial_later(self, DIAL_FIRST_MS);
	return TRUE;
}

gboolean screen_adopt(struct screen *self)
{
	pid_t pid = proc_recall(self->pid_file);
	if (!pid || !watch(self, pid))
		return FALSE;
	dial_later(self, 0);
	return TRUE;
}

/* ---- requests ---- */

struct request {
	screen_answered answered;
	void *data;
};

static void on_answer(struct jsonline *channel, json_t *reply,
		      const GError *error, void *data)
{
	g_autofree struct request *request = data;
	if (request->answered)
		request->answered(reply, error, request->data);
}

static void ask(struct screen *self, json_t *message, int fd,
		screen_answered answered, void *data)
{
	if (!self->channel) {
		json_decref(message);
		g_autoptr(GError) error = fault_new(
		    FAULT_UNAVAILABLE, "Try again in a moment.",
		    "The desktop's display process is just starting.");
		if (answered)
			answered(NULL, error, data);
		return;
	}
	struct request *request = g_new0(struct request, 1);
	request->answered = answered;
	request->data = data;
	jsonline_call(self->channel, message, fd, CALL_MS, on_answer, request);
}

void screen_picture(struct screen *self, unsigned width, unsigned head,
		    screen_answered answered, void *data)
{
	ask(self,
	    json_pack("{s:s, s:i, s:i}", "op", "picture", "width", (int)width,
		      "head", (int)head),
	    -1, answered, data);
}

void screen_disconnect(struct screen *self, screen_answered answered,
		       void *data)
{
	ask(self, json_pack("{s:s}", "op", "disconnect"), -1, answered, data);
}

void screen_policy(struct screen *self, json_t *policy,
		   screen_answered answered, void *data)
{
	json_t *message = json_copy(policy);
	json_object_set_new(message, "op", json_string("policy"));
	ask(self, message, -1, answered, data);
}

void screen_record(struct screen *self, gboolean on, const char *id,
		   const char *title, int fd, screen_answered answered,
		   void *data)
{
	json_t *message =
	    json_pack("{s:s, s:b, s:s*, s:s*, s:I}", "op", "record", "on", on,
		      "recording", id, "title", title, "min_free_bytes",
		      (json_int_t)RECORDINGS_SPARE_MIB << 20);
	ask(self, message, fd, answered, data);
	if (fd >= 0)
		close(fd);
}

static void on_source(json_t *reply, const GError *error, void *data)
{
	if (error)
		log_fault(NULL, error);
}

void screen_source(struct screen *self, int fd)
{
	ask(self, json_pack("{s:s}", "op", "source"), fd, on_source, NULL);
	close(fd);
}

/* ---- stopping ---- */

struct farewell {
	struct proc_watch *watch;
	guint timer;
};

static void on_gone(pid_t pid, int status, void *data)
{
	struct farewell *farewell = data;
	if (farewell->timer)
		g_source_remove(farewell->timer);
	proc_watch_free(farewell->watch);
	g_free(farewell);
}

static gboolean on_late(void *data)
{
	struct farewell *farewell = data;
	farewell->timer = 0;
	proc_watch_signal(farewell->watch, SIGKILL);
	return G_SOURCE_REMOVE;
}

void screen_stop(struct screen *self)
{
	if (!self)
		return;
	if (self->pid > 0) {
		struct farewell *farewell = g_new0(struct farewell, 1);
		farewell->watch = proc_watch_new(self->pid, on_gone, farewell);
		if (farewell->watch) {
			proc_watch_signal(farewell->watch, SIGTERM);
			farewell->timer =
			    g_timeout_add(QUIT_MS, on_late, farewell);
		} else {
			g_free(farewell);
		}
	}
	unlink(self->pid_file);
	unlink(self->control);
	unlink(self->rfb);
	unlink(self->view);
	unlink(self->spice);
	unlink(self->windows);
	screen_free(self);
}
