#include "server/broker/pam.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"

/* Each is a process that waits for a directory server, perhaps. */
#define CHECKS_MAX 16u
#define ANSWER_MS  30000

struct check {
	struct pam *owner;
	struct jsonline *channel;
	pam_checked checked;
	void *data;
	guint late; /* ends it from the loop */
	GError *error;
};

struct pam {
	const struct paths_root *root;
	char *service, *folder;
	GPtrArray *checks;
};

struct pam *pam_create(const struct paths_root *root, const char *service,
		       const char *folder)
{
	struct pam *self = g_new0(struct pam, 1);
	self->root = root;
	self->service = g_strdup(service);
	self->folder = g_strdup(folder);
	self->checks = g_ptr_array_new();
	return self;
}

static void check_end(struct check *check, gboolean match, json_t *groups,
		      const GError *error)
{
	g_ptr_array_remove_fast(check->owner->checks, check);
	if (check->late)
		g_source_remove(check->late);
	if (check->channel) {
		jsonline_close(check->channel); /* the helper ends with it */
		jsonline_unref(check->channel);
	}
	check->checked(match, groups, error, check->data);
	g_clear_error(&check->error);
	g_free(check);
}

static void on_answer(struct jsonline *channel, json_t *reply,
		      const GError *error, void *data)
{
	json_t *groups = json_object_get(reply, "groups");
	g_autoptr(GError) gone = NULL;
	/* a module that takes its process along has not said no */
	if (error && fault_code(error) != FAULT_DENIED &&
	    fault_code(error) != FAULT_UNAVAILABLE)
		error = gone = fault_new(
		    FAULT_UNAVAILABLE, "Try again; look at the journal (PAM).",
		    "Passwords cannot be checked at this moment.");
	check_end(data, !error && json_is_true(json_object_get(reply, "match")),
		  json_is_array(groups) ? groups : NULL, error);
}

static const struct jsonline_handlers handlers = {0};

static void enter_helper(void *data)
{
	if (dup2(GPOINTER_TO_INT(data), STDIN_FILENO) < 0)
		_exit(127);
}

static int spawn(struct pam *self, GError **error)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		fault_set(error, FAULT_UNAVAILABLE, NULL,
			  "PAM cannot be asked: %s.", g_strerror(errno));
		return -1;
	}
	g_autofree char *program = paths_program("oriel-pam");
	const char *argv[] = {program,    "--service",  self->service,
			      "--folder", self->folder, NULL};
	if (!self->folder)
		argv[3] = NULL;
	char *envp[] = {NULL};
	g_autoptr(GError) why = NULL;
	gboolean ok = g_spawn_async(
	    "/", (char **)argv, envp,
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
	struct check *check = data;
	check->late = 0;
	check_end(check, FALSE, NULL, check->error);
	return G_SOURCE_REMOVE;
}

void pam_check(struct pam *self, const char *user, const char *password,
	       const char *address, pam_checked checked, void *data)
{
	struct check *check = g_new0(struct check, 1);
	check->owner = self;
	check->checked = checked;
	check->data = data;
	gboolean full = self->checks->len >= CHECKS_MAX;
	g_ptr_array_add(self->checks, check);
	g_autofree char *socket =
	    g_build_filename(self->root->run, "pam.sock", NULL);
	int fd = -1;
	if (full)
		check->error =
		    fault_new(FAULT_BUSY, "Try again in a few seconds.",
			      "Too many people are signing in at this moment.");
	else if (g_file_test(socket, G_FILE_TEST_EXISTS))
		fd = paths_unix_connect(socket, &check->error);
	else
		fd = spawn(self, &check->error);
	if (fd < 0) {
		check->late = g_idle_add(on_late, check);
		return;
	}
	check->channel = jsonline_new(fd, &handlers, check);
	jsonline_call(check->channel,
		      json_pack("{s:s, s:s, s:s, s:s}", "op", "check", "user",
				user, "password", password, "address", address),
		      -1, ANSWER_MS, on_answer, check);
}

void pam_destroy(struct pam *self)
{
	if (!self)
		return;
	g_autoptr(GError) error =
	    fault_new(FAULT_UNAVAILABLE, NULL, "The broker is ending.");
	while (self->checks->len)
		check_end(self->checks->pdata[0], FALSE, NULL, error);
	g_ptr_array_unref(self->checks);
	g_free(self->service);
	g_free(self->folder);
	g_free(self);
}
