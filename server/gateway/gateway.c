/* The acceptor. It stays single-threaded and reads nothing that a stranger
 * wrote: connections are counted, given to a process each, and forgotten but
 * for their count. Workers end with it (PR_SET_PDEATHSIG), so that no
 * connection outlives its place in the count; clients come back with their
 * sessions. SIGHUP loads new certificate files for new connections. */
#include "server/gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/gateway/limits.h"
#include "server/gateway/listen.h"
#include "common/spice-key.h"
#include "server/gateway/worker.h"

#define HOPELESS 2
/* taken from one port before the other gets its turn */
#define BATCH 32
/* out of descriptors or processes: let some end first */
#define PAUSE_MS 100
#define STOP_MS  2000

struct client {
	struct limits_key key;
	enum limits_verdict verdict;
};

struct gateway {
	const struct paths_root *root;
	const struct role_options *options;
	int ports[WORKER_DOORS]; /* -1: none */
	guint16 https_port, rfb_port, spice_port;
	int signals;
	struct pki *pki;
	struct jail *jail;
	struct web_files *web;
	struct spice_key *spice_key;
	struct log_limit *noise; /* shared with the workers */
	struct log_limit own_noise;
	struct limits *limits;
	GHashTable *clients; /* pid -> struct client */
	gboolean pause;
	gboolean stopping;
};

static const char *refusal_of(enum limits_verdict verdict)
{
	switch (verdict) {
	case LIMITS_REFUSE_ADDRESS:
		return "There are too many connections from this address.";
	case LIMITS_REFUSE_TOTAL:
		return "The server has as many connections as it may.";
	default:
		return NULL;
	}
}

/* ---- one connection ---- */

/* In the new process; never returns. */
static void be_worker(struct gateway *self, enum worker_door door, int fd,
		      const char *refusal, pid_t parent)
{
	sigset_t none;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	for (int i = 0; i < WORKER_DOORS; i++)
		if (self->ports[i] >= 0)
			close(self->ports[i]);
	close(self->signals);
	if (self->options->lock_fd >= 0)
		close(self->options->lock_fd);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	const struct worker_world world = {.run_path = self->root->run,
					   .pki = self->pki,
					   .jail = self->jail,
					   .web = self->web,
					   .spice_key = self->spice_key,
					   .noise = self->noise};
	_exit(worker_run(&world, door, fd, refusal));
}

static void serve(struct gateway *self, enum worker_door door, int fd,
		  const struct sockaddr *address)
{
	struct limits_key key = limits_key(address);
	enum limits_verdict verdict = limits_enter(self->limits, key);
	if (verdict != LIMITS_ADMIT && log_allow(&self->own_noise, NULL))
		log_warn(NULL, "Refusing connections: %s",
			 verdict == LIMITS_REFUSE_ADDRESS
			     ? "too many from one address. The limit is "
			       "max_per_address in oriel.conf."
			     : "there are too many. The limit is "
			       "max_connections in oriel.conf.");
	if (verdict == LIMITS_DROP)
		return;
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0)
		be_worker(self, door, fd, refusal_of(verdict), parent);
	if (pid < 0) {
		if (log_allow(&self->own_noise, NULL))
			log_warn(NULL, "No process for a connection: %s.",
				 g_strerror(errno));
		limits_leave(self->limits, key, verdict);
		self->pause = TRUE;
		return;
	}
	struct client *client = g_new(struct client, 1);
	*client = (struct client){key, verdict};
	g_hash_table_insert(self->clients, GINT_TO_POINTER(pid), client);
}

static void accept_some(struct gateway *self, enum worker_door door)
{
	for (int i = 0; i < BATCH && !self->pause; i++) {
		struct sockaddr_storage address;
		socklen_t size = sizeof address;
		int fd = accept4(self->ports[door], (struct sockaddr *)&address,
				 &size, SOCK_CLOEXEC);
		if (fd >= 0) {
			serve(self, door, fd, (struct sockaddr *)&address);
			close(fd);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno == EMFILE || errno == ENFILE ||
			   errno == ENOBUFS || errno == ENOMEM) {
			if (log_allow(&self->own_noise, NULL))
				log_warn(NULL,
					 "A connection cannot be taken: %s.",
					 g_strerror(errno));
			self->pause = TRUE;
		} /* else: that client is gone already */
	}
}

static void reap(struct gateway *self)
{
	pid_t pid;
	int status;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct client *client =
		    g_hash_table_lookup(self->clients, GINT_TO_POINTER(pid));
		if (!client)
			continue;
		/* SIGTERM is ours, or an administrator's wish */
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM &&
		    log_allow(&self->own_noise, NULL))
			log_error(NULL,
				  "The process %d of a connection ended with "
				  "signal %d.",
				  (int)pid, WTERMSIG(status));
		limits_leave(self->limits, client->key, client->verdict);
		g_hash_table_remove(self->clients, GINT_TO_POINTER(pid));
	}
}

/* ---- start, reload, stop ---- */

static gboolean write_facts(struct gateway *self, GError **error)
{
	g_autofree char *path =
	    g_build_filename(self->root->run, "gateway.json", NULL);
	json_t *facts = json_pack(
	    "{s:i, s:i, s:s, s:s*}", "https", (int)self->https_port, "rfb",
	    (int)self->rfb_port, "fingerprint", self->pki->fingerprint,
	    "certificate", self->pki->certificate);
	if (self->ports[WORKER_SPICE] >= 0)
		json_object_set_new(facts, "spice",
				    json_integer(self->spice_port));
	char *text = json_dumps(facts, JSON_COMPACT);
	json_decref(facts);
	g_autoptr(GError) failure = NULL;
	gboolean done =
	    text && g_file_set_contents_full(path, text, -1,
					     G_FILE_SET_CONTENTS_CONSISTENT,
					     0644, &failure);
	free(text);
	if (!done)
		fault_set(error, FAULT_STORAGE,
			  "Make the folder writable and see that the disk is "
			  "not full.",
			  "'%s' cannot be written: %s", path,
			  failure ? failure->message : "no memory");
	return done;
}

/* A server without its page still serves every other client. */
static void load_web(struct gateway *self)
{
	g_autoptr(GError) error = NULL;
	struct web_files *fresh = web_files_load(&error);
	if (!fresh) {
		log_fault(NULL, error);
		return;
	}
	web_files_free(self->web);
	self->web = fresh;
	malloc_trim(0); /* compressing took more than what is kept */
	if (!fresh->novnc)
		log_warn(NULL, "The web page cannot show desktops: noVNC is "
			       "not installed. 'make web' fetches it.");
}

static void reload(struct gateway *self)
{
	g_autoptr(GError) error = NULL;
	load_web(self);
	struct pki *fresh = pki_open(self->root, &error);
	if (fresh) {
		pki_close(self->pki);
		self->pki = fresh;
		if (fresh->remark)
			log_warn(NULL, "%s", fresh->remark);
		if (write_facts(self, &error))
			log_info(NULL,
				 "Certificate loaded, fingerprint %s; open "
				 "connections keep theirs.",
				 fresh->fingerprint);
	}
	if (error) {
		log_fault(NULL, error);
		log_warn(NULL, "%s",
			 fresh ? "Reloaded all the same."
			       : "Going on with the certificate "
				 "loaded before.");
	}
}

static void on_signals(struct gateway *self)
{
	struct signalfd_siginfo info;
	while (read(self->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			reap(self);
		else if (info.ssi_signo == SIGHUP)
			reload(self);
		else
			self->stopping = TRUE;
	}
}

static void run(struct gateway *self)
{
	while (!self->stopping) {
		short in = self->pause ? 0 : POLLIN;
		struct pollfd watch[] = {
		    {.fd = self->signals, .events = POLLIN},
		    {.fd = self->ports[WORKER_HTTPS], .events = in},
		    {.fd = self->ports[WORKER_RFB], .events = in},
		    {.fd = self->ports[WORKER_SPICE], .events = in},
		};
		if (poll(watch, G_N_ELEMENTS(watch),
			 self->pause ? PAUSE_MS : -1) < 0)
			continue; /* EINTR; signals come by descriptor */
		self->pause = FALSE;
		if (watch[0].revents)
			on_signals(self);
		for (int i = 0; i < WORKER_DOORS; i++)
			if (watch[1 + i].revents && !self->stopping)
				accept_some(self, (enum worker_door)i);
	}
}

static void stop(struct gateway *self)
{
	gint64 until = g_get_monotonic_time() + STOP_MS * 1000;
	GHashTableIter iter;
	gpointer pid;
	g_hash_table_iter_init(&iter, self->clients);
	while (g_hash_table_iter_next(&iter, &pid, NULL))
		kill(GPOINTER_TO_INT(pid), SIGTERM);
	reap(self);
	while (g_hash_table_size(self->clients) &&
	       g_get_monotonic_time() < until) {
		struct pollfd watch = {.fd = self->signals, .events = POLLIN};
		poll(&watch, 1, 100);
		on_signals(self);
		reap(self);
	}
	g_autofree char *facts =
	    g_build_filename(self->root->run, "gateway.json", NULL);
	unlink(facts);
}

static gboolean open_signals(struct gateway *self, GError **error)
{
	sigset_t ours;
	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	self->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	if (self->signals >= 0)
		return TRUE;
	fault_set(error, FAULT_INTERNAL, NULL, "signalfd: %s.",
		  g_strerror(errno));
	return FALSE;
}

/* The third port, where it is wanted. */
static gboolean open_spice(struct gateway *self, GError **error)
{
	int wanted = self->options->spice_port;
	bool try = wanted == SPICE_PORT_TRY;
	g_autoptr(GError) taken = NULL;
	if (wanted < 0 && !try)
		return TRUE;
	self->spice_port = (guint16)(try ? SPICE_PORT_USUAL : wanted);
	self->ports[WORKER_SPICE] = listen_tcp(
	    self->options->listen, &self->spice_port, "--spice-port", &taken);
	if (self->ports[WORKER_SPICE] >= 0) {
		self->spice_key = spice_key_new(error);
		return self->spice_key != NULL;
	}
	if (!try || fault_code(taken) != FAULT_CONFLICT) {
		g_propagate_error(error, g_steal_pointer(&taken));
		return FALSE;
	}
	log_info(NULL,
		 "Port %d is taken: there is none for stock SPICE viewers. "
		 "Set spice_port in oriel.conf.",
		 SPICE_PORT_USUAL);
	return TRUE;
}

static gboolean open_all(struct gateway *self, GError **error)
{
	const struct role_options *options = self->options;
	g_autoptr(GError) unconfined = NULL;
	self->https_port = options->https_port;
	self->rfb_port = options->rfb_port;
	if (!open_signals(self, error) ||
	    !(self->pki = pki_open(self->root, error)))
		return FALSE;
	self->ports[WORKER_HTTPS] = listen_tcp(
	    options->listen, &self->https_port, "--https-port", error);
	if (self->ports[WORKER_HTTPS] < 0)
		return FALSE;
	self->ports[WORKER_RFB] =
	    listen_tcp(options->listen, &self->rfb_port, "--rfb-port", error);
	if (self->ports[WORKER_RFB] < 0 || !open_spice(self, error))
		return FALSE;
	load_web(self);
	self->jail = jail_new(&unconfined);
	if (!self->jail)
		log_fault(NULL, unconfined);
	if (self->pki->remark)
		log_warn(NULL, "%s", self->pki->remark);
	return write_facts(self, error);
}

int gateway_main(const struct paths_root *root,
		 const struct role_options *options)
{
	g_autoptr(GError) error = NULL;
	struct gateway self = {.root = root,
			       .options = options,
			       .ports = {-1, -1, -1},
			       .signals = -1,
			       .own_noise = {.burst = 5}};
	json_object_seed(0); /* here, where /dev/urandom can be opened */
	self.limits =
	    limits_new(options->max_connections, options->max_per_address);
	self.clients = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	self.noise = mmap(NULL, sizeof *self.noise, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = HOPELESS;
	if (self.noise == MAP_FAILED) {
		log_error(NULL, "No memory to start with.");
		status = 1;
	} else if (open_all(&self, &error)) {
		self.noise->burst = 5;
		role_ready(options);
		log_debug(NULL, "Serving ports %u and %u.", self.https_port,
			  self.rfb_port);
		run(&self);
		stop(&self);
		status = 0;
	} else {
		log_fault(NULL, error);
	}
	for (int i = 0; i < WORKER_DOORS; i++)
		if (self.ports[i] >= 0)
			close(self.ports[i]);
	if (self.signals >= 0)
		close(self.signals);
	if (self.noise != MAP_FAILED)
		munmap(self.noise, sizeof *self.noise);
	g_hash_table_unref(self.clients);
	limits_free(self.limits);
	jail_free(self.jail);
	web_files_free(self.web);
	spice_key_free(self.spice_key);
	pki_close(self.pki);
	return status;
}
