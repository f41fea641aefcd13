#include "server/broker/broker.h"

#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/api.h"
#include "server/broker/attachments.h"
#include "server/broker/desktops.h"
#include "server/broker/hosts.h"
#include "server/broker/keeper.h"
#include "server/broker/internal.h"
#include "server/broker/oidc.h"
#include "server/broker/once.h"
#include "server/broker/pam.h"
#include "server/broker/passwords.h"
#include "server/broker/schema.h"
#include "server/broker/store-tool.h"
#include "server/broker/shadows.h"
#include "server/broker/tasks.h"
#include "server/broker/throttle.h"
#include "server/broker/tunnels.h"

/* Serials are greater than any that was told before: the store counts the
 * starts, and each has 2^31 of its own. JSON's numbers are exact to 2^53. */
static gboolean count_start(struct broker *broker, gint64 *first,
			    GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "INSERT INTO meta(name, value) VALUES('starts', 1)"
	    " ON CONFLICT(name) DO UPDATE SET value = meta.value + 1"
	    " RETURNING value",
	    NULL);
	if (rows)
		*first = (store_rows_int(rows, 0, 0) & 0x3fffff) << 31;
	return rows != NULL;
}

static gboolean open_store(struct broker *broker,
			   const struct role_options *options, GError **error)
{
	g_autofree char *path = store_place(broker->root, NULL);
	g_autofree char *where = store_place(broker->root, options->store);
	gint64 first;
	broker->store = store_open(where, path, &schema, STORE_OWNER, error);
	if (!broker->store || !count_start(broker, &first, error))
		return FALSE;
	broker->hub = hub_create(first);
	broker->started = store_now(broker->store);
	/* what expired while nobody looked */
	return once_tidy(broker, error) &&
	       store_run(broker->store, NULL, error,
			 "DELETE FROM sessions WHERE expires <= $1", "i",
			 broker->started) &&
	       store_run(broker->store, NULL, error,
			 "DELETE FROM tickets WHERE expires <= $1", "i",
			 broker->started);
}

static gboolean build(struct broker *broker, const struct role_options *options,
		      GError **error)
{
	broker->throttle = throttle_create();
	broker->passwords = passwords_create();
	if (options->pam)
		broker->pam =
		    pam_create(broker->root, options->pam, options->pam_folder);
	if (options->oidc->issuer &&
	    !(broker->oidc = oidc_create(broker->root, options->oidc, error)))
		return FALSE;
	return attachments_load(broker, error) &&
	       (broker->desktops = desktops_create(broker, error)) &&
	       (broker->tasks = tasks_create(broker, error)) &&
	       (broker->keeper = keeper_create(broker)) &&
	       (broker->hosts = hosts_create(broker, error)) &&
	       (broker->shadows = shadows_create(broker)) &&
	       (broker->tunnels = tunnels_create(broker, error)) &&
	       (broker->api = api_create(broker, error));
}

/* It was gone, and is there again. */
static void on_store_back(void *data)
{
	struct broker *broker = data;
	desktops_store_back(broker->desktops);
	tasks_store_back(broker->tasks);
	event_add(broker, "store", "store", NULL,
		  "The database answers again.");
}

static void tear_down(struct broker *broker)
{
	store_settle(broker->store); /* its waiters are whose end comes now */
	api_destroy(broker->api);
	tunnels_destroy(broker->tunnels);
	shadows_destroy(broker->shadows);
	g_clear_pointer(&broker->keeper, keeper_destroy);
	g_clear_pointer(&broker->hosts, hosts_destroy);
	oidc_destroy(broker->oidc);
	helper_destroy(broker->pam);
	passwords_destroy(broker->passwords);
	tasks_destroy(broker->tasks);
	desktops_destroy(broker->desktops);
	throttle_destroy(broker->throttle);
	hub_destroy(broker->hub);
	g_clear_pointer(&broker->attached, g_hash_table_unref);
	g_clear_pointer(&broker->taken, g_hash_table_unref);
	store_close(broker->store);
}

static gboolean on_signal(void *data)
{
	g_main_loop_quit(data);
	return G_SOURCE_CONTINUE;
}

/* As many connections as we are allowed: each is a descriptor. */
static void raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = MIN(limit.rlim_max, 16384);
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* libsoup and GLib warn about what outsiders send; an outsider must not fill
 * the log with it. */
static void on_library_log(const char *domain, GLogLevelFlags level,
			   const char *message, void *data)
{
	static struct log_limit limit = {.burst = 3};
	if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL |
		     G_LOG_LEVEL_WARNING) &&
	    log_allow(&limit, NULL))
		log_warn(NULL, "%s: %s", domain ? domain : "library", message);
}

int broker_main(const struct paths_root *root,
		const struct role_options *options)
{
	g_autoptr(GError) error = NULL;
	struct broker broker = {.root = root};
	log_open("oriel-broker", options->verbose);
	g_log_set_default_handler(on_library_log, NULL);
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors();
	int lock = store_lock(root, &error);
	if (lock < 0 || !open_store(&broker, options, &error) ||
	    !build(&broker, options, &error)) {
		log_fault(NULL, error);
		/* a full disk may be mended meanwhile; a damaged store, a
		 * foreign file, another broker not by trying again */
		tear_down(&broker);
		if (lock >= 0)
			close(lock);
		return 2;
	}
	store_on_back(broker.store, on_store_back, &broker);
	broker.loop = g_main_loop_new(NULL, FALSE);
	guint term = g_unix_signal_add(SIGTERM, on_signal, broker.loop);
	guint interrupt = g_unix_signal_add(SIGINT, on_signal, broker.loop);
	log_info(NULL, "serving %s", root->run);
	role_ready(options);
	g_main_loop_run(broker.loop);
	g_source_remove(term);
	g_source_remove(interrupt);
	tear_down(&broker);
	g_main_loop_unref(broker.loop);
	close(lock);
	return broker.status;
}
