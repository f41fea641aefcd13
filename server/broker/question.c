#include "server/broker/question.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/jsonline.h"

/* Each is a process that waits for another server, perhaps. */
#define QUESTIONS_MAX 16u
#define ANSWER_MS     30000

struct helper {
	const struct paths_root *root;
	char *socket, *program, *silence;
	char **args;
	GPtrArray *questions;
};

struct question {
	struct helper *owner;
	struct jsonline *channel;
	helper_answered answered;
	void *data;
	guint late; /* ends it from the loop */
	GError *error;
};

struct helper *helper_create(const struct paths_root *root, const char *socket,
			     const char *program, const char *const *args,
			     const char *silence)
{
	struct helper *self = g_new0(struct helper, 1);
	self->root = root;
	self->socket = g_strdup(socket);
	self->program = g_strdup(program);
	self->args = g_strdupv((char **)args);
	self->silence = g_strdup(silence);
	self->questions = g_ptr_array_new();
	return self;
}

static void question_end(struct question *question, json_t *reply,
			 const GError *error)
{
	g_ptr_array_remove_fast(question->owner->questions, question);
	if (question->late)
		g_source_remove(question->late);
	if (question->channel) {
		jsonline_close(question->channel); /* the process ends too */
		jsonline_unref(question->channel);
	}
	question->answered(reply, error, question->data);
	g_clear_error(&question->error);
	g_free(question);
}

static void on_answer(struct jsonline *channel, json_t *reply,
		      const GError *error, void *data)
{
	struct question *question = data;
	g_autoptr(GError) gone = NULL;
	/* one that was taken along by what it called has not said no */
	if (error && fault_code(error) != FAULT_DENIED &&
	    fault_code(error) != FAULT_UNAVAILABLE)
		error = gone = fault_new(FAULT_UNAVAILABLE,
					 "Try again; look at the journal.",
					 "%s", question->owner->silence);
	question_end(question, error ? NULL : reply, error);
}

static const struct jsonline_handlers handlers = {0};

static void enter_helper(void *data)
{
	if (dup2(GPOINTER_TO_INT(data), STDIN_FILENO) < 0)
		_exit(127);
}

static int spawn(struct helper *self, GError **error)
{
	int pair[2];
	g_autofree char *program = paths_program(self->program);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		fault_set(error, FAULT_UNAVAILABLE, NULL,
			  "'%s' cannot be asked: %s.", program,
			  g_strerror(errno));
		return -1;
	}
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_ptr_array_add(argv, program);
	for (char **arg = self->args; *arg; arg++)
		g_ptr_array_add(argv, *arg);
	g_ptr_array_add(argv, NULL);
	char *envp[] = {NULL};
	g_autoptr(GError) why = NULL;
	gboolean ok = g_spawn_async(
	    "/", (char **)argv->pdata, envp,
	    G_SPAWN_CHILD_INHERITS_STDIN | G_SPAWN_STDOUT_TO_DEV_NULL,
	    enter_helper, GINT_TO_POINTER(pair[1]), NULL, &why);
	close(pair[1]);
	if (ok)
		return pair[0];
	close(pair[0]);
	fault_set(error, FAULT_UNAVAILABLE,
		  "Install Oriel's programs again, all of them.",
		  "'%s' cannot be started: %s.", program, why->message);
	return -1;
}

static gboolean on_late(void *data)
{
	struct question *question = data;
	question->late = 0;
	question_end(question, NULL, question->error);
	return G_SOURCE_REMOVE;
}

void helper_ask(struct helper *self, json_t *message, helper_answered answered,
		void *data)
{
	struct question *question = g_new0(struct question, 1);
	question->owner = self;
	question->answered = answered;
	question->data = data;
	gboolean full = self->questions->len >= QUESTIONS_MAX;
	g_ptr_array_add(self->questions, question);
	g_autofree char *socket =
	    g_build_filename(self->root->run, self->socket, NULL);
	int fd = -1;
	if (full)
		question->error =
		    fault_new(FAULT_BUSY, "Try again in a few seconds.",
			      "Too many people are signing in at this moment.");
	else if (g_file_test(socket, G_FILE_TEST_EXISTS))
		fd = paths_unix_connect(socket, &question->error);
	else
		fd = spawn(self, &question->error);
	if (fd < 0) {
		json_decref(message);
		question->late = g_idle_add(on_late, question);
		return;
	}
	question->channel = jsonline_new(fd, &handlers, question);
	jsonline_call(question->channel, message, -1, ANSWER_MS, on_answer,
		      question);
}

void helper_destroy(struct helper *self)
{
	if (!self)
		return;
	g_autoptr(GError) error =
	    fault_new(FAULT_UNAVAILABLE, NULL, "The broker is ending.");
	while (self->questions->len)
		question_end(self->questions->pdata[0], NULL, error);
	g_ptr_array_unref(self->questions);
	g_free(self->socket);
	g_free(self->program);
	g_free(self->silence);
	g_strfreev(self->args);
	g_free(self);
}
