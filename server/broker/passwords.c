#include "server/broker/passwords.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/paths.h"

#define HELPERS_MAX 2u
/* A hash takes some 50 ms; a helper that needs longer than this hangs. */
#define ANSWER_MS 20000
/* Idle helpers go, so that their memory does not stay. */
#define IDLE_S 15

struct job {
	json_t *message;
	passwords_checked checked; /* one of the two */
	passwords_hashed hashed;
	void *data;
};

struct helper {
	struct passwords *owner;
	struct jsonline *channel;
	struct job *job; /* in work, or NULL */
	guint idle_timer;
};

struct passwords {
	GPtrArray *helpers; /* struct helper; owned */
	GQueue waiting;     /* struct job */
	unsigned allowed;
	guint pump_idle;
};

static void pump(struct passwords *self);

static void job_end(struct job *job, json_t *reply, const GError *error)
{
	const char *hash = json_string_value(json_object_get(reply, "hash"));
	g_autoptr(GError) strange = NULL;
	if (!error && job->hashed && !hash)
		error = strange = fault_new(FAULT_INTERNAL, NULL,
					    "The password helper gave a "
					    "strange answer.");
	if (job->checked)
		job->checked(!error &&
				 json_is_true(json_object_get(reply, "match")),
			     error, job->data);
	else
		job->hashed(error ? NULL : hash, error, job->data);
	json_decref(job->message);
	g_free(job);
}

static void helper_free(struct helper *helper)
{
	if (helper->idle_timer)
		g_source_remove(helper->idle_timer);
	/* its end of the socket closes: the helper ends */
	jsonline_close(helper->channel);
	jsonline_unref(helper->channel);
	g_free(helper);
}

static gboolean on_idle(void *data)
{
	struct helper *helper = data;
	helper->idle_timer = 0;
	g_ptr_array_remove_fast(helper->owner->helpers, helper);
	helper_free(helper);
	return G_SOURCE_REMOVE;
}

static void on_closed(struct jsonline *channel, const GError *why, void *data)
{
	struct helper *helper = data;
	if (g_ptr_array_remove_fast(helper->owner->helpers, helper))
		helper_free(helper);
}

static const struct jsonline_handlers handlers = {.closed = on_closed};

static void enter_helper(void *data)
{
	int fd = GPOINTER_TO_INT(data);
	/* it lives on its standard input and has no other file; async-signal
	 * safe calls only between fork and exec */
	if (dup2(fd, STDIN_FILENO) < 0)
		_exit(127);
}

static struct helper *helper_start(struct passwords *self, GError **error)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		fault_set(error, FAULT_UNAVAILABLE, NULL,
			  "The password helper cannot be started: %s.",
			  g_strerror(errno));
		return NULL;
	}
	g_autofree char *program = paths_program("oriel-password");
	char *argv[] = {program, NULL};
	char *envp[] = {NULL};
	g_autoptr(GError) why = NULL;
	gboolean ok = g_spawn_async(
	    "/", argv, envp,
	    G_SPAWN_CHILD_INHERITS_STDIN | G_SPAWN_STDOUT_TO_DEV_NULL,
	    enter_helper, GINT_TO_POINTER(pair[1]), NULL, &why);
	close(pair[1]);
	if (!ok) {
		close(pair[0]);
		fault_set(error, FAULT_UNAVAILABLE,
			  "Install Oriel's programs again, all of them.",
			  "The password helper '%s' cannot be started: %s.",
			  program, why->message);
		return NULL;
	}
	struct helper *helper = g_new0(struct helper, 1);
	helper->owner = self;
	helper->channel = jsonline_new(pair[0], &handlers, helper);
	g_ptr_array_add(self->helpers, helper);
	return helper;
}

static void on_answer(struct jsonline *channel, json_t *reply,
		      const GError *error, void *data)
{
	struct helper *helper = data;
	struct job *job = g_steal_pointer(&helper->job);
	struct passwords *self = helper->owner;
	if (error && fault_code(error) == FAULT_TIMEOUT) {
		/* not to be trusted with another */
		g_ptr_array_remove_fast(self->helpers, helper);
		helper_free(helper);
	} else if (jsonline_is_open(channel)) {
		helper->idle_timer =
		    g_timeout_add_seconds(IDLE_S, on_idle, helper);
	}
	job_end(job, reply, error);
	pump(self);
}

static struct helper *free_helper(struct passwords *self)
{
	for (guint i = 0; i < self->helpers->len; i++) {
		struct helper *helper = self->helpers->pdata[i];
		if (!helper->job && jsonline_is_open(helper->channel))
			return helper;
	}
	return NULL;
}

static void pump(struct passwords *self)
{
	while (!g_queue_is_empty(&self->waiting)) {
		struct helper *helper = free_helper(self);
		g_autoptr(GError) error = NULL;
		if (!helper && self->helpers->len >= self->allowed)
			return;
		if (!helper)
			helper = helper_start(self, &error);
		struct job *job = g_queue_pop_head(&self->waiting);
		if (!helper) {
			job_end(job, NULL, error);
			continue;
		}
		if (helper->idle_timer)
			g_source_remove(helper->idle_timer);
		helper->idle_timer = 0;
		helper->job = job;
		jsonline_call(helper->channel, json_incref(job->message), -1,
			      ANSWER_MS, on_answer, helper);
	}
}

static gboolean on_pump(void *data)
{
	struct passwords *self = data;
	self->pump_idle = 0;
	pump(self);
	return G_SOURCE_REMOVE;
}

static void submit(struct passwords *self, struct job *job)
{
	if (!job->message ||
	    g_queue_get_length(&self->waiting) >= PASSWORDS_QUEUE) {
		g_autoptr(GError) error =
		    fault_new(FAULT_BUSY, "Try again in a few seconds.",
			      "Too many people are signing in at this moment.");
		job_end(job, NULL, error);
		return;
	}
	g_queue_push_tail(&self->waiting, job);
	/* from the loop: callbacks come after the call that asked */
	if (!self->pump_idle)
		self->pump_idle = g_idle_add(on_pump, self);
}

void passwords_check(struct passwords *self, const char *hash,
		     const char *password, passwords_checked checked,
		     void *data)
{
	struct job *job = g_new0(struct job, 1);
	job->message = json_pack("{s:s, s:s, s:s}", "op", "check", "hash",
				 hash ? hash : "", "password", password);
	job->checked = checked;
	job->data = data;
	submit(self, job);
}

void passwords_hash(struct passwords *self, const char *password,
		    passwords_hashed hashed, void *data)
{
	struct job *job = g_new0(struct job, 1);
	job->message =
	    json_pack("{s:s, s:s}", "op", "hash", "password", password);
	job->hashed = hashed;
	job->data = data;
	submit(self, job);
}

struct passwords *passwords_create(void)
{
	struct passwords *self = g_new0(struct passwords, 1);
	self->helpers = g_ptr_array_new();
	g_queue_init(&self->waiting);
	self->allowed = CLAMP(g_get_num_processors(), 1, HELPERS_MAX);
	return self;
}

void passwords_destroy(struct passwords *self)
{
	if (!self)
		return;
	if (self->pump_idle)
		g_source_remove(self->pump_idle);
	self->allowed = 0; /* answers to come start nothing new */
	while (self->helpers->len)
		helper_free(g_ptr_array_steal_index(self->helpers, 0));
	struct job *job;
	g_autoptr(GError) error =
	    fault_new(FAULT_UNAVAILABLE, NULL, "The broker is ending.");
	while ((job = g_queue_pop_head(&self->waiting)))
		job_end(job, NULL, error);
	g_ptr_array_unref(self->helpers);
	g_free(self);
}
