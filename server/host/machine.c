#include "server/host/machine-private.h"

#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "server/host/files.h"

/* stage and fraction reach the broker at most this often */
#define REPORT_US  100000
#define MESSAGE_MS 15000

struct machine *machine_ref(struct machine *self)
{
	self->refs++;
	return self;
}

void machine_unref(struct machine *self)
{
	if (!self || --self->refs > 0)
		return;
	machine_detach(self);
	if (self->report_timer)
		g_source_remove(self->report_timer);
	conf_free(self->conf);
	g_clear_error(&self->error);
	g_clear_error(&self->warning);
	json_decref(self->policy);
	machine_record_free(self->record);
	g_free(self->stage);
	g_free(self->folder);
	g_free(self->run_dir);
	g_free(self->id);
	g_free(self);
}

static struct machine *make(struct world *world, const char *id)
{
	struct machine *self = g_new0(struct machine, 1);
	self->refs = 1;
	self->world = world;
	self->id = g_strdup(id);
	self->folder = g_build_filename(world->root->lib, "desktops", id, NULL);
	self->run_dir =
	    g_build_filename(world->root->run, "desktops", id, NULL);
	self->about.vm = self->id;
	self->since = g_get_real_time() / G_USEC_PER_SEC;
	self->record = machine_record_new(self);
	return self;
}

const char *machine_id(const struct machine *self)
{
	return self->id;
}

const struct conf *machine_conf(const struct machine *self)
{
	return self->conf;
}

char *machine_conf_path(const struct machine *self)
{
	return g_build_filename(self->folder, CONF_FILE, NULL);
}

char *machine_disk_path(const struct machine *self)
{
	return g_build_filename(self->folder, "disk.qcow2", NULL);
}

gboolean machine_reload(struct machine *self, GError **error)
{
	g_autofree char *path = machine_conf_path(self);
	conf_free(self->conf);
	self->conf = conf_load(path, error);
	return self->conf != NULL;
}

struct machine *machine_create(struct world *world, struct conf *conf,
			       GError **error)
{
	struct machine *self = make(world, conf->id);
	self->conf = conf;
	g_autofree char *path = machine_conf_path(self);
	if (files_make_folder(self->folder, error) &&
	    conf_save(conf, path, error))
		return self;
	rmdir(self->folder); /* only if it is empty: nothing of it began */
	machine_unref(self);
	return NULL;
}

struct machine *machine_load(struct world *world, const char *id)
{
	struct machine *self = make(world, id);
	if (!machine_reload(self, &self->error)) {
		log_fault(&self->about, self->error);
		self->life = LIFE_FAILED;
	}
	return self;
}

/* ---- what the broker sees ---- */

json_t *machine_describe(struct machine *self)
{
	json_t *out = json_pack(
	    "{s:s, s:s, s:s, s:I, s:i}", "event", "machine", "machine",
	    self->id, "state", life_name(self->life), "since",
	    (json_int_t)self->since, "viewers", (int)self->viewers);
	if (self->stage &&
	    (self->life == LIFE_STARTING || self->life == LIFE_STOPPING)) {
		json_object_set_new(out, "stage", json_string(self->stage));
		json_object_set_new(out, "fraction", json_real(self->fraction));
	}
	if (self->error && self->life == LIFE_FAILED)
		json_object_set_new(out, "error",
				    jsonline_from_error(self->error));
	if (self->warning && self->life == LIFE_RUNNING)
		json_object_set_new(out, "warning",
				    jsonline_from_error(self->warning));
	if (self->life == LIFE_RUNNING && self->screen) {
		json_object_set_new(out, "rfb",
				    json_string(screen_address(self->screen)));
		json_object_set_new(out, "view",
				    json_string(screen_view(self->screen)));
		json_object_set_new(out, "spice",
				    json_string(screen_spice(self->screen)));
		json_object_set_new(out, "windows",
				    json_string(screen_windows(self->screen)));
	}
	if (self->life == LIFE_RUNNING && self->input_us)
		json_object_set_new(
		    out, "idle_s",
		    json_integer((g_get_monotonic_time() - self->input_us) /
				 G_USEC_PER_SEC));
	if (self->life == LIFE_RUNNING)
		json_object_set_new(out, "recording",
				    machine_record_json(self));
	if (self->engine)
		json_object_set_new(
		    out, "accelerator",
		    json_string(engine_accelerator(self->engine)));
	return out;
}

void machine_report(struct machine *self)
{
	if (self->report_timer)
		g_source_remove(self->report_timer);
	self->report_timer = 0;
	self->reported_us = g_get_monotonic_time();
	self->world->tell(machine_describe(self), self->world->data);
}

static gboolean report_now(void *data)
{
	struct machine *self = data;
	self->report_timer = 0;
	machine_report(self);
	return G_SOURCE_REMOVE;
}

void machine_report_soon(struct machine *self)
{
	gint64 wait = self->reported_us + REPORT_US - g_get_monotonic_time();
	if (!self->report_timer)
		self->report_timer = g_timeout_add(
		    wait > 0 ? (guint)(wait / 1000) + 1 : 0, report_now, self);
}

void machine_stage(struct machine *self, const char *stage, double fraction)
{
	gboolean other = g_strcmp0(stage, self->stage) != 0;
	if (other) {
		log_debug(&self->about, "%s.", stage);
		g_free(self->stage);
		self->stage = g_strdup(stage);
	}
	/* a step that is taken again shows no way back */
	fraction = CLAMP(fraction, self->fraction, 1);
	if (!other && fraction == self->fraction)
		return;
	self->fraction = fraction;
	machine_report_soon(self);
}

gboolean machine_step(struct machine *self, enum life_step step)
{
	if (!life_step(&self->life, step))
		return FALSE;
	self->since = g_get_real_time() / G_USEC_PER_SEC;
	if (self->life != LIFE_FAILED)
		g_clear_error(&self->error);
	if (self->life == LIFE_STARTING || self->life == LIFE_OFF)
		g_clear_error(&self->warning);
	if (self->life == LIFE_OFF || self->life == LIFE_FAILED) {
		self->viewers = 0;
		self->input_us = 0;
		self->leaving = FALSE;
		machine_record_over(self);
		g_clear_pointer(&self->policy, json_decref);
	}
	g_clear_pointer(&self->stage, g_free);
	self->fraction = 0;
	log_info(&self->about, "Desktop is %s.", life_name(self->life));
	machine_report(self);
	return TRUE;
}

void machine_fail(struct machine *self, GError *error)
{
	log_fault(&self->about, error);
	g_clear_error(&self->error);
	self->error = error;
	machine_step(self, LIFE_STEP_FAIL);
}

void machine_warn(struct machine *self, GError *warning)
{
	if (!warning && !self->warning)
		return;
	if (warning)
		log_fault(&self->about, warning);
	g_clear_error(&self->warning);
	self->warning = warning;
	if (self->life == LIFE_RUNNING)
		machine_report(self);
}

/* ---- RUN/desktops/ID/run.json ---- */

static char *note_path(const struct machine *self)
{
	return g_build_filename(self->run_dir, "run.json", NULL);
}

gboolean machine_note_save(const struct machine *self, gboolean ready,
			   int attempts, GError **error)
{
	g_autofree char *path = note_path(self);
	json_t *note =
	    json_pack("{s:s, s:b, s:I, s:i}", "engine",
		      engine_name(self->engine), "ready", ready, "since",
		      (json_int_t)self->since, "attempts", attempts);
	char *text = json_dumps(note, JSON_COMPACT);
	json_decref(note);
	g_autoptr(GError) why = NULL;
	gboolean saved = g_file_set_contents_full(
	    path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &why);
	free(text);
	if (!saved)
		fault_set(error, FAULT_STORAGE, "Make room on that disk.", "%s",
			  why->message);
	return saved;
}

gboolean machine_note_load(const struct machine *self, struct run_note *note)
{
	*note = (struct run_note){0};
	g_autofree char *path = note_path(self);
	json_t *root = json_load_file(path, 0, NULL);
	const char *engine;
	json_int_t since;
	gboolean valid =
	    root && json_unpack(root, "{s:s, s:b, s:I, s:i}", "engine", &engine,
				"ready", &note->ready, "since", &since,
				"attempts", &note->attempts) == 0;
	if (valid) {
		note->engine = g_strdup(engine);
		note->since = since;
	}
	json_decref(root);
	return valid;
}

void run_note_clear(struct run_note *note)
{
	g_clear_pointer(&note->engine, g_free);
}

/* ---- requests ---- */

/* TRUE and a fault while its disk is worked on. */
static gboolean is_busy(const struct machine *self, GError **error)
{
	if (self->busy)
		fault_set(error, FAULT_CONFLICT, "Try again in a moment.",
			  "A snapshot of this desktop is under way.");
	return self->busy;
}

gboolean machine_start(struct machine *self, GError **error)
{
	const char *name = self->conf ? self->conf->name : self->id;
	switch (life_request(self->life, LIFE_REQUEST_START, name, error)) {
	case LIFE_REFUSE:
		return FALSE;
	case LIFE_DONE:
		return TRUE;
	case LIFE_DO:
		break;
	}
	if (is_busy(self, error))
		return FALSE;
	if (self->conf && self->conf->installed) {
		fault_set(error, FAULT_CONFLICT,
			  "Wait for it, or cancel it ('oriel image cancel').",
			  "Desktop '%s' is being made into an image.", name);
		return FALSE;
	}
	GError *unusable = NULL;
	if (!machine_reload(self, &unusable)) {
		g_propagate_error(error, g_error_copy(unusable));
		machine_fail(self, unusable);
		return FALSE;
	}
	machine_start_begin(self, 0);
	return TRUE;
}

gboolean machine_stop(struct machine *self, gboolean shutdown, GError **error)
{
	enum life_answer answer = life_request(
	    self->life, shutdown ? LIFE_REQUEST_SHUTDOWN : LIFE_REQUEST_OFF,
	    self->id, error);
	if (answer == LIFE_REFUSE)
		return FALSE;
	if (answer == LIFE_DONE)
		return TRUE;
	if (self->life == LIFE_FAILED) {
		machine_end_lost(self);
		machine_detach(self);
		/* an unusable machine.conf stays a failure until it is mended
		 */
		if (self->conf || machine_reload(self, NULL))
			machine_step(self, LIFE_STEP_FORGET);
	} else if (self->start) {
		machine_step(self, LIFE_STEP_STOP);
		machine_start_abort(self, NULL);
	} else {
		machine_step(self, LIFE_STEP_STOP);
		machine_stop_begin(self, shutdown);
	}
	return TRUE;
}

gboolean machine_remove(struct machine *self, GError **error)
{
	const char *name = self->conf ? self->conf->name : self->id;
	if (life_request(self->life, LIFE_REQUEST_REMOVE, name, error) !=
	    LIFE_DO)
		return FALSE;
	if (is_busy(self, error))
		return FALSE;
	machine_drop_media(self);
	return files_remove_tree(self->run_dir, error) &&
	       files_remove_tree(self->folder, error);
}

/* ---- questions to a running one ---- */

struct question {
	struct machine *machine;
	struct engine_machine *vm; /* as it was asked; it may go meanwhile */
	struct qga *qga;
	machine_answered answered;
	void *data;
};

/* NULL when the machine does not run; the answer is given then. */
static struct question *ask(struct machine *self, machine_answered answered,
			    void *data)
{
	const char *name = self->conf ? self->conf->name : self->id;
	g_autoptr(GError) error = NULL;
	if (life_request(self->life, LIFE_REQUEST_USE, name, &error) !=
	    LIFE_DO) {
		answered(NULL, error, data);
		return NULL;
	}
	struct question *question = g_new0(struct question, 1);
	question->machine = machine_ref(self);
	question->vm = engine_machine_ref(self->vm);
	question->qga = qga_ref(self->qga);
	question->answered = answered;
	question->data = data;
	return question;
}

static void answer(struct question *question, json_t *reply,
		   const GError *error)
{
	question->answered(reply, error, question->data);
	machine_unref(question->machine);
	engine_machine_unref(question->vm);
	qga_unref(question->qga);
	g_free(question);
}

static void on_reset(GObject *source, GAsyncResult *result, void *data)
{
	struct question *question = data;
	g_autoptr(GError) error = NULL;
	gboolean done = engine_machine_act_finish(question->vm, result, &error);
	answer(question, done ? json_object() : NULL, error);
}

void machine_reset(struct machine *self, machine_answered answered, void *data)
{
	struct question *question = ask(self, answered, data);
	if (question)
		engine_machine_reset_async(self->vm, on_reset, question);
}

static void on_picture(json_t *reply, const GError *error, void *data)
{
	const char *png = json_string_value(json_object_get(reply, "png"));
	g_autoptr(GError) odd = NULL;
	if (!error && !png)
		odd = fault_new(FAULT_INTERNAL, NULL,
				"The display process sent no picture.");
	answer(data,
	       png ? json_pack("{s:s, s:i}", "png", png, "head", 0) : NULL,
	       error ? error : odd);
}

void machine_picture(struct machine *self, unsigned width,
		     machine_answered answered, void *data)
{
	struct question *question = ask(self, answered, data);
	if (question)
		screen_picture(self->screen, width, 0, on_picture, question);
}

static void on_disconnect(json_t *reply, const GError *error, void *data)
{
	answer(data, error ? NULL : json_object(), error);
}

void machine_disconnect(struct machine *self, machine_answered answered,
			void *data)
{
	struct question *question = ask(self, answered, data);
	if (question)
		screen_disconnect(self->screen, on_disconnect, question);
}

static void on_policy(json_t *reply, const GError *error, void *data)
{
	answer(data, error ? NULL : json_object(), error);
}

void machine_policy(struct machine *self, json_t *policy, const char *user,
		    machine_answered answered, void *data)
{
	struct question *question = ask(self, answered, data);
	if (!question)
		return;
	json_decref(self->policy);
	self->policy = json_deep_copy(policy);
	machine_record_policy(self, policy, user);
	screen_policy(self->screen, policy, on_policy, question);
}

void machine_record(struct machine *self, const char *by,
		    machine_answered answered, void *data)
{
	if (!by && self->life != LIFE_RUNNING) {
		answered(json_object(), NULL, data);
		return;
	}
	struct question *question = ask(self, answered, data);
	if (!question)
		return;
	machine_record_wish(self, by);
	answer(question, json_object(), NULL);
}

static void on_message(GObject *source, GAsyncResult *result, void *data)
{
	struct question *question = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) out = NULL, err = NULL;
	int status = 0;
	if (qga_exec_finish(question->qga, result, &status, &out, &err,
			    &error) &&
	    status != 0)
		fault_set(&error, FAULT_UNAVAILABLE,
			  "Build the image again, or let its "
			  "/usr/lib/oriel/message show what it reads "
			  "(docs/machine.md).",
			  "The desktop's image shows no messages.");
	answer(question, error ? NULL : json_object(), error);
}

void machine_message(struct machine *self, const char *text,
		     machine_answered answered, void *data)
{
	static const char *const argv[] = {
	    "/bin/sh", "-c",
	    "test -x /usr/lib/oriel/message && exec /usr/lib/oriel/message",
	    NULL};
	struct question *question = ask(self, answered, data);
	if (!question)
		return;
	g_autoptr(GBytes) input = g_bytes_new(text, strlen(text));
	qga_exec_async(self->qga, argv, input, MESSAGE_MS, NULL, on_message,
		       question);
}

static json_t *base64(GBytes *bytes)
{
	gsize size;
	const guchar *data = g_bytes_get_data(bytes, &size);
	g_autofree char *text = g_base64_encode(data, size);
	return json_string(text);
}

static void on_exec(GObject *source, GAsyncResult *result, void *data)
{
	struct question *question = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) out = NULL, err = NULL;
	int status;
	json_t *reply = NULL;
	if (qga_exec_finish(question->qga, result, &status, &out, &err,
			    &error)) {
		/* base64 of both within one line */
		if (g_bytes_get_size(out) + g_bytes_get_size(err) >
		    JSONLINE_MAX / 4 * 3 - 4096)
			fault_set(&error, FAULT_STORAGE,
				  "Let it write to a file, or print less.",
				  "The command printed more than %u MiB.",
				  JSONLINE_MAX / 4 * 3 >> 20);
		else
			reply =
			    json_pack("{s:i, s:o, s:o}", "exit", status, "out",
				      base64(out), "err", base64(err));
	}
	answer(question, reply, error);
}

void machine_exec(struct machine *self, const char *const *argv, GBytes *input,
		  unsigned timeout_ms, machine_answered answered, void *data)
{
	struct question *question = ask(self, answered, data);
	if (question)
		qga_exec_async(self->qga, argv, input, timeout_ms, NULL,
			       on_exec, question);
}
