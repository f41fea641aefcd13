/* One struct child per role, each with a watch on its end and one on its
 * ready pipe. Roles depend on nobody at start (each waits for the others by
 * itself), so they start all at once; they stop in reverse order, one after
 * the other: first nobody new comes in, then the host takes leave of the
 * broker, then the broker closes the store. */
#include "server/main/supervisor.h"

#include <errno.h>
#include <glib-unix.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/main/lock.h"
#include "server/main/notify.h"
#include "server/main/roles.h"

#define BACKOFF_FIRST_MS 200
#define BACKOFF_LAST_MS  10000
/* who ran this long is not failing at its start */
#define STEADY_US (30 * G_USEC_PER_SEC)
/* to end in order, before SIGKILL; under systemd's default of 90 s for three */
#define STOP_MS 15000

struct supervisor;

struct child {
	struct supervisor *owner;
	const struct role *role;
	pid_t pid; /* 0 while not running */
	int ready_fd;
	guint ready_watch, timer;
	unsigned delay_ms;
	gint64 started_us;
	gboolean ready;    /* this process serves */
	gboolean hopeless; /* asked not to be started again */
};

struct supervisor {
	const struct paths_root *root;
	const char *root_option;
	const struct role_options *options;
	GMainLoop *loop;
	int lock_fd, notify_fd;
	struct child *children;       /* roles_count */
	guint16 https_port, rfb_port; /* free ones stay ours for a restart */
	int spice_port;
	gboolean announced; /* all of them have served once */
	gboolean stopping;
	int status;
};

static void start(struct child *child);
static void stop_next(struct supervisor *self);

/* ---- what people and the service manager are told ---- */

static void announce(struct supervisor *self)
{
	g_autofree char *path =
	    g_build_filename(self->root->run, "gateway.json", NULL);
	json_t *facts = json_load_file(path, 0, NULL);
	const char *address = self->options->listen;
	if (strcmp(address, "::") == 0 || strcmp(address, "0.0.0.0") == 0)
		address = g_get_host_name();
	const char *open = strchr(address, ':') ? "[" : "";
	const char *close = *open ? "]" : "";
	int https = (int)json_integer_value(json_object_get(facts, "https"));
	int rfb = (int)json_integer_value(json_object_get(facts, "rfb"));
	const char *fingerprint =
	    json_string_value(json_object_get(facts, "fingerprint"));
	if (fingerprint) {
		self->https_port = (guint16)https;
		self->rfb_port = (guint16)rfb;
		json_t *spice = json_object_get(facts, "spice");
		if (json_is_integer(spice))
			self->spice_port = (int)json_integer_value(spice);
		log_info(NULL,
			 "Serving https://%s%s%s:%d, and VNC viewers on port "
			 "%d.",
			 open, address, close, https, rfb);
		log_info(NULL, "The certificate's fingerprint is %s.",
			 fingerprint);
	}
	log_info(NULL, "Add a user with: oriel %s%s%suser add NAME",
		 self->root_option ? "--root " : "",
		 self->root_option ? self->root_option : "",
		 self->root_option ? " " : "");
	g_autofree char *words =
	    g_strdup_printf("READY=1\nSTATUS=Serving https://%s%s%s:%d\n", open,
			    address, close, https);
	notify_send(self->notify_fd, words);
	json_decref(facts);
}

static void check_all_ready(struct supervisor *self)
{
	for (unsigned i = 0; i < roles_count; i++)
		if (!self->children[i].ready)
			return;
	if (self->announced) {
		notify_send(self->notify_fd, "STATUS=All roles serve\n");
		return;
	}
	self->announced = TRUE;
	announce(self);
}

/* ---- one role ---- */

static void forget_ready(struct child *child)
{
	if (child->ready_watch)
		g_source_remove(child->ready_watch);
	child->ready_watch = 0;
	if (child->ready_fd >= 0)
		close(child->ready_fd);
	child->ready_fd = -1;
}

static gboolean on_ready(int fd, GIOCondition condition, void *data)
{
	struct child *child = data;
	char words[64];
	ssize_t got = read(fd, words, sizeof words - 1);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	child->ready_watch = 0;
	forget_ready(child);
	if (got > 0 && !child->owner->stopping) {
		child->ready = TRUE;
		if (child->owner->announced)
			log_info(NULL, "Role %s serves again.",
				 child->role->name);
		check_all_ready(child->owner);
	}
	return G_SOURCE_REMOVE;
}

static gboolean on_restart(void *data)
{
	struct child *child = data;
	child->timer = 0;
	start(child);
	return G_SOURCE_REMOVE;
}

/* A role that cannot work ends orield while it starts, when somebody looks;
 * later the others go on, since desktops are worth more than order. */
static void give_up(struct child *child)
{
	struct supervisor *self = child->owner;
	child->hopeless = TRUE;
	if (self->announced) {
		log_error(NULL,
			  "Role %s stays off, for the reason above; the rest "
			  "goes on. Mend it, then restart orield.",
			  child->role->name);
		notify_send(self->notify_fd, "STATUS=Degraded: see the log\n");
		return;
	}
	log_error(NULL, "Role %s cannot start, for the reason above.",
		  child->role->name);
	self->status = ROLE_HOPELESS;
	self->stopping = TRUE;
	stop_next(self);
}

static void retry(struct child *child, const char *what, int number)
{
	gboolean steady =
	    g_get_monotonic_time() - child->started_us > STEADY_US;
	if (steady || !child->delay_ms)
		child->delay_ms = BACKOFF_FIRST_MS;
	else
		child->delay_ms = MIN(child->delay_ms * 2, BACKOFF_LAST_MS);
	log_warn(NULL, "Role %s ended with %s %d; starting it again in %.1f s.",
		 child->role->name, what, number, child->delay_ms / 1000.0);
	child->timer = g_timeout_add(child->delay_ms, on_restart, child);
}

static void on_end(GPid pid, int status, void *data)
{
	struct child *child = data;
	struct supervisor *self = child->owner;
	g_spawn_close_pid(pid);
	child->pid = 0;
	child->ready = FALSE;
	forget_ready(child);
	if (child->timer)
		g_source_remove(child->timer);
	child->timer = 0;
	if (self->stopping) {
		if (WIFSIGNALED(status))
			log_warn(NULL, "Role %s ended with signal %d.",
				 child->role->name, WTERMSIG(status));
		stop_next(self);
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == ROLE_HOPELESS) {
		give_up(child);
	} else if (WIFEXITED(status)) {
		retry(child, "status", WEXITSTATUS(status));
	} else {
		retry(child, "signal", WTERMSIG(status));
	}
}

/* In the new process, before exec(). */
static void in_child(void *data)
{
	/* without us nobody would start it again or stop it */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != *(pid_t *)data)
		_exit(1);
}

enum { READY_FD = 3, LOCK_FD = 4 }; /* as the role sees them */

static GStrv command_line(struct supervisor *self, const struct role *role)
{
	const struct role_options *o = self->options;
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
	g_autofree char *program = paths_program("orield");
	g_autofree char *https = g_strdup_printf("%u", self->https_port);
	g_autofree char *rfb = g_strdup_printf("%u", self->rfb_port);
	g_autofree char *spice = g_strdup_printf("%d", self->spice_port);
	g_autofree char *ready = g_strdup_printf("%d", READY_FD);
	g_autofree char *lock = g_strdup_printf("%d", LOCK_FD);
	g_strv_builder_add_many(argv, program, "--role", role->name, "--listen",
				o->listen, "--https-port", https, "--rfb-port",
				rfb, "--ready-fd", ready, "--lock-fd", lock,
				NULL);
	if (self->spice_port >= 0)
		g_strv_builder_add_many(argv, "--spice-port", spice, NULL);
	if (self->root_option)
		g_strv_builder_add_many(argv, "--root", self->root_option,
					NULL);
	if (o->verbose)
		g_strv_builder_add(argv, "--verbose");
	return g_strv_builder_end(argv);
}

static void start(struct child *child)
{
	struct supervisor *self = child->owner;
	g_auto(GStrv) argv = command_line(self, child->role);
	g_autoptr(GError) error = NULL;
	int pipe_fds[2];
	pid_t pid, parent = getpid();
	child->started_us = g_get_monotonic_time();
	if (!g_unix_open_pipe(pipe_fds, FD_CLOEXEC, &error)) {
		log_fault(NULL, error);
		retry(child, "no process, errno", errno);
		return;
	}
	const int from[] = {pipe_fds[1], self->lock_fd};
	const int to[] = {READY_FD, LOCK_FD};
	gboolean spawned = g_spawn_async_with_pipes_and_fds(
	    NULL, (const char *const *)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
	    in_child, &parent, -1, -1, -1, from, to, G_N_ELEMENTS(from), &pid,
	    NULL, NULL, NULL, &error);
	close(pipe_fds[1]);
	if (!spawned) {
		close(pipe_fds[0]);
		log_fault(NULL, error);
		retry(child, "no process, error", error->code);
		return;
	}
	child->pid = pid;
	child->ready_fd = pipe_fds[0];
	g_unix_set_fd_nonblocking(child->ready_fd, TRUE, NULL);
	child->ready_watch =
	    g_unix_fd_add(child->ready_fd, G_IO_IN | G_IO_HUP, on_ready, child);
	g_child_watch_add(pid, on_end, child);
	log_debug(NULL, "Role %s is process %d.", child->role->name, (int)pid);
}

/* ---- the end ---- */

static gboolean on_patience_over(void *data)
{
	struct child *child = data;
	child->timer = 0;
	log_warn(NULL, "Role %s did not end within %d s; it is killed.",
		 child->role->name, STOP_MS / 1000);
	kill(child->pid, SIGKILL);
	return G_SOURCE_REMOVE;
}

static void stop_next(struct supervisor *self)
{
	for (unsigned i = roles_count; i-- > 0;) {
		struct child *child = &self->children[i];
		if (child->timer)
			g_source_remove(child->timer);
		child->timer = 0;
		if (!child->pid)
			continue;
		kill(child->pid, SIGTERM);
		child->timer = g_timeout_add(STOP_MS, on_patience_over, child);
		return;
	}
	g_main_loop_quit(self->loop);
}

static gboolean on_stop(void *data)
{
	struct supervisor *self = data;
	if (!self->stopping) {
		self->stopping = TRUE;
		log_info(NULL, "Stopping; desktops run on.");
		notify_send(self->notify_fd, "STOPPING=1\n");
		stop_next(self);
	}
	return G_SOURCE_CONTINUE;
}

/* New certificate files: only the gateway reads something anew. */
static gboolean on_reload(void *data)
{
	struct supervisor *self = data;
	for (unsigned i = 0; i < roles_count; i++)
		if (self->children[i].ready &&
		    strcmp(roles[i].name, "gateway") == 0)
			kill(self->children[i].pid, SIGHUP);
	return G_SOURCE_CONTINUE;
}

static gboolean on_watchdog(void *data)
{
	struct supervisor *self = data;
	notify_send(self->notify_fd, "WATCHDOG=1\n");
	return G_SOURCE_CONTINUE;
}

int supervisor_main(const struct paths_root *root, const char *root_option,
		    const struct role_options *options)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *full =
	    root_option ? g_canonicalize_filename(root_option, NULL) : NULL;
	int lock_fd = lock_take(root, &error);
	if (lock_fd < 0) {
		fault_print("orield", error);
		return ROLE_HOPELESS;
	}
	struct supervisor self = {.root = root,
				  .root_option = full,
				  .options = options,
				  .https_port = options->https_port,
				  .rfb_port = options->rfb_port,
				  .spice_port = options->spice_port,
				  .lock_fd = lock_fd,
				  .notify_fd = notify_socket()};
	unsigned watchdog_ms = notify_watchdog_ms();
	self.loop = g_main_loop_new(NULL, FALSE);
	self.children = g_new0(struct child, roles_count);
	guint sources[] = {
	    g_unix_signal_add(SIGTERM, on_stop, &self),
	    g_unix_signal_add(SIGINT, on_stop, &self),
	    g_unix_signal_add(SIGHUP, on_reload, &self),
	    watchdog_ms ? g_timeout_add(watchdog_ms, on_watchdog, &self) : 0};
	for (unsigned i = 0; i < roles_count; i++) {
		self.children[i] = (struct child){
		    .owner = &self, .role = &roles[i], .ready_fd = -1};
		start(&self.children[i]);
	}
	g_main_loop_run(self.loop);
	for (gsize i = 0; i < G_N_ELEMENTS(sources); i++)
		if (sources[i])
			g_source_remove(sources[i]);
	g_main_loop_unref(self.loop);
	g_free(self.children);
	if (self.notify_fd >= 0)
		close(self.notify_fd);
	close(lock_fd);
	return self.status;
}
