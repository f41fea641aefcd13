#include "vmm/net.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "vmm/probe.h"
#include "vmm/process.h"

#define DNS_MAX 4u
/* A passt that cannot work ends at once; one that has run this long works. */
#define TRIAL_MS     200
#define RESTARTS_MAX 5u
#define RESTART_MS   500u

struct net {
	char *run_dir, *log;
	struct process *process;
	net_changed changed;
	void *data;
	unsigned restarts; /* in a row */
	gint64 started_us;
	GSource *later;
};

/* ---- does passt work here? ---- */

static enum engine_net kind;
static gboolean kind_known;
static char *passt_path;
static GError *passt_trouble;

static void on_child_side(void *data)
{
	setsid();
}

/* Runs passt on a socket for a moment. NULL when it kept running, else what
 * it said last. New string. */
static char *try_passt(const char *path)
{
	int pair[2], words;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return g_strdup(g_strerror(errno));
	const char *const argv[] = {path,          "--foreground", "--stderr",
				    "--quiet",     "--fd",         "3",
				    "--no-map-gw", "--tcp-ports",  "none",
				    "--udp-ports", "none",         NULL};
	const int target = 3;
	GPid pid;
	g_autoptr(GError) error = NULL;
	gboolean started = g_spawn_async_with_pipes_and_fds(
	    "/", argv, NULL,
	    G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
	    on_child_side, NULL, -1, -1, -1, &pair[1], &target, 1, &pid, NULL,
	    NULL, &words, &error);
	close(pair[1]);
	if (!started) {
		close(pair[0]);
		return g_strdup(error->message);
	}
	/* it closes its end when it ends */
	struct pollfd end = {.fd = pair[0], .events = POLLIN};
	gboolean ended = poll(&end, 1, TRIAL_MS) > 0;
	if (!ended)
		kill(pid, SIGKILL);
	close(pair[0]);
	waitpid(pid, NULL, 0);
	char text[2048];
	ssize_t got = read(words, text, sizeof text - 1);
	close(words);
	if (!ended)
		return NULL;
	text[MAX(got, 0)] = 0;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	const char *last = "it ended at once";
	for (char **line = lines; *line; line++)
		if (**line && !strstr(*line, "to syslog"))
			last = *line;
	return g_utf8_make_valid(last, -1);
}

enum engine_net net_kind(void)
{
	if (kind_known)
		return kind;
	kind_known = TRUE;
	kind = ENGINE_NET_RESTRICTED;
	passt_path = g_find_program_in_path("passt");
	g_autofree char *helper = paths_program("oriel-net");
	g_autofree char *trouble = NULL;
	if (!passt_path)
		passt_trouble = fault_new(FAULT_UNAVAILABLE,
					  "Install it: apt-get install passt.",
					  "passt is not installed.");
	else if (!g_file_test(helper, G_FILE_TEST_IS_EXECUTABLE))
		passt_trouble =
		    fault_new(FAULT_UNAVAILABLE, "Install Oriel again.",
			      "Its helper '%s' is missing.", helper);
	else if ((trouble = try_passt(passt_path)))
		passt_trouble = fault_new(
		    FAULT_UNAVAILABLE,
		    "Give this host a network with a default route, and "
		    "its users user namespaces.",
		    "passt does not run here: %s.", trouble);
	else
		kind = ENGINE_NET_STREAM;
	return kind;
}

void net_findings(GPtrArray *findings)
{
	if (net_kind() == ENGINE_NET_STREAM) {
		finding_add(findings, "passt", FINDING_GOOD,
			    "Guests reach the network, and nothing of this "
			    "host.",
			    NULL, "%s runs.", passt_path);
		return;
	}
	g_autofree char *cause = fault_cause(passt_trouble);
	g_autofree char *remedy = fault_remedy(passt_trouble);
	finding_add(findings, "passt", FINDING_WARN,
		    "Guests have a network card that reaches nothing.", remedy,
		    "%s", cause);
}

/* ---- the helper ---- */

/* Name servers for passt where /etc/resolv.conf names only this host's own
 * (systemd-resolved), which a guest must not reach: those behind it. */
static void add_dns(GPtrArray *argv)
{
	g_autofree char *text = NULL;
	g_file_get_contents("/etc/resolv.conf", &text, NULL, NULL);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
	for (char **line = lines; *line; line++)
		if (g_str_has_prefix(*line, "nameserver ") &&
		    !g_str_has_prefix(*line, "nameserver 127.") &&
		    !g_str_has_prefix(*line, "nameserver ::1"))
			return; /* passt reads it itself */
	g_autofree char *behind = NULL;
	g_file_get_contents("/run/systemd/resolve/resolv.conf", &behind, NULL,
			    NULL);
	g_auto(GStrv) real = g_strsplit(behind ? behind : "", "\n", -1);
	unsigned count = 0;
	for (char **line = real; *line && count < DNS_MAX; line++) {
		const char *address = *line + strlen("nameserver ");
		if (g_str_has_prefix(*line, "nameserver ") &&
		    g_hostname_is_ip_address(address)) {
			g_ptr_array_add(argv, g_strdup(address));
			count++;
		}
	}
}

static void on_helper_gone(struct process *process, int status, void *data);

static gboolean start_helper(struct net *self, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(argv, paths_program("oriel-net"));
	g_ptr_array_add(argv, g_strdup(NET_SOCKET));
	g_ptr_array_add(argv, g_strdup(passt_path));
	add_dns(argv);
	g_ptr_array_add(argv, NULL);
	g_autofree char *pid_file =
	    g_build_filename(self->run_dir, NET_PID_FILE, NULL);
	self->process = process_start(
	    &(struct process_spec){
		.argv = (const char *const *)argv->pdata,
		.folder = self->run_dir,
		.log = self->log,
		.pid_file = pid_file,
	    },
	    error);
	self->started_us = g_get_monotonic_time();
	if (self->process)
		process_watch(self->process, on_helper_gone, self);
	return self->process != NULL;
}

static gboolean on_later(void *data)
{
	struct net *self = data;
	g_clear_pointer(&self->later, g_source_unref);
	g_autoptr(GError) error = NULL;
	if (start_helper(self, &error))
		error = fault_new(FAULT_UNAVAILABLE,
				  "Open connections of the guest were cut; "
				  "nothing else is needed.",
				  "The machine's network helper ended and was "
				  "started again.");
	self->changed(error, self->data);
	return G_SOURCE_REMOVE;
}

static void on_helper_gone(struct process *process, int status, void *data)
{
	struct net *self = data;
	/* Most often the machine has ended, and net_free() follows. */
	g_clear_pointer(&self->process, process_unref);
	if (g_get_monotonic_time() - self->started_us > 10 * G_USEC_PER_SEC)
		self->restarts = 0;
	if (self->restarts++ < RESTARTS_MAX) {
		self->later = g_timeout_source_new(RESTART_MS);
		g_source_set_callback(self->later, on_later, self, NULL);
		g_source_attach(self->later,
				g_main_context_get_thread_default());
		return;
	}
	g_autofree char *how = process_describe_end(status);
	g_autoptr(GError) why = fault_new(
	    FAULT_UNAVAILABLE,
	    "See the machine's log; restarting the machine tries again.",
	    "The machine has no network: its helper %s again and again.", how);
	self->changed(why, self->data);
}

struct net *net_open(const char *run_dir, const char *log, net_changed changed,
		     void *data, GError **error)
{
	struct net *self = g_new0(struct net, 1);
	self->run_dir = g_strdup(run_dir);
	self->log = g_strdup(log);
	self->changed = changed;
	self->data = data;
	g_autofree char *pid_file =
	    g_build_filename(run_dir, NET_PID_FILE, NULL);
	self->process = process_adopt(pid_file, NULL);
	if (self->process) {
		self->started_us = g_get_monotonic_time();
		process_watch(self->process, on_helper_gone, self);
	} else if (!start_helper(self, error)) {
		net_free(self);
		return NULL;
	}
	return self;
}

void net_free(struct net *self)
{
	if (!self)
		return;
	if (self->process)
		process_watch(self->process, NULL, NULL);
	process_unref(self->process);
	if (self->later) {
		g_source_destroy(self->later);
		g_source_unref(self->later);
	}
	g_free(self->run_dir);
	g_free(self->log);
	g_free(self);
}
