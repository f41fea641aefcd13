/* Images that are installed from a medium.
 *
 * The machine is a desktop like any other, in a pool that is made for it (kind
 * `install` in the store) and open to the one user who sits at its console:
 * so tickets, policies, quotas and viewers need to know nothing of this. The
 * image's task runs on the host until the guest has switched itself off. When
 * it has ended, whichever way, desktop and pool go: images_look_at_install()
 * is called again and again, and puts right whatever a broker that was killed
 * has left. */
#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/desktops.h"
#include "server/broker/hosts.h"
#include "server/broker/images.h"
#include "server/broker/keeper.h"
#include "server/broker/pools.h"
#include "server/broker/tasks.h"
#include "vmm/profile.h"

#define FINISH_MS   30000
#define DISK_GIB    40 /* unless given, and the profile wants no more */
#define CPUS        2
#define MEMORY_MIB  2048
#define POOL_PREFIX "install-"

/* ---- what is wished ---- */

static gboolean at_least(const char *what, const char *unit, gint64 given,
			 unsigned least, const struct engine_profile *profile,
			 GError **error)
{
	if (given >= least)
		return TRUE;
	fault_set(error, FAULT_INVALID, "Give it more, or another profile.",
		  "%s needs at least %u %s of %s; %" G_GINT64_FORMAT
		  " would be there.",
		  profile->title, least, unit, what, given);
	return FALSE;
}

/* Fills in what was left open. */
static gboolean complete(struct image_install *wish,
			 const struct engine_profile **profile, GError **error)
{
	*profile = engine_profile_find(wish->profile);
	if (!*profile) {
		fault_set(error, FAULT_INVALID,
			  "linux, windows-7, windows-10 or windows-11.",
			  "There is no profile of that name.");
		return FALSE;
	}
	const struct engine_profile *of = *profile;
	if (!wish->disk_gib)
		wish->disk_gib = MAX(DISK_GIB, (gint64)of->disk_gib_min);
	if (!wish->cpus)
		wish->cpus = MAX(CPUS, (gint64)of->cpus_min);
	if (!wish->memory_mib)
		wish->memory_mib = MAX(MEMORY_MIB, (gint64)of->memory_mib_min);
	/* what Linux needs is for whoever installs it to know */
	return strcmp(of->name, "linux") == 0 ||
	       (at_least("disk", "GiB", wish->disk_gib, of->disk_gib_min, of,
			 error) &&
		at_least("memory", "MiB", wish->memory_mib, of->memory_mib_min,
			 of, error) &&
		at_least("processors", "pieces", wish->cpus, of->cpus_min, of,
			 error));
}

static gboolean exists(struct broker *broker, const char *sql, const char *what,
		       gboolean *there, GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error, sql, "s", what);
	*there = rows && store_rows_count(rows);
	return rows != NULL;
}

static gboolean check_names(struct broker *broker,
			    const struct image_install *wish, const char *pool,
			    GError **error)
{
	gboolean image, taken, user;
	if (!exists(broker, "SELECT 1 FROM image_versions WHERE image = $1",
		    wish->name, &image, error) ||
	    !exists(broker, "SELECT 1 FROM pools WHERE name = $1", pool, &taken,
		    error) ||
	    !exists(broker, "SELECT 1 FROM users WHERE name = $1", wish->user,
		    &user, error))
		return FALSE;
	if (image)
		fault_set(error, FAULT_CONFLICT,
			  "Choose another name, or remove that image first.",
			  "There is an image '%s' already.", wish->name);
	else if (taken)
		fault_set(error, FAULT_CONFLICT,
			  "Choose another name; where an installation has just "
			  "ended, try again in a moment.",
			  "There is a pool '%s' already.", pool);
	else if (!user)
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel user list' shows who is there.",
			  "There is no user '%s'.", wish->user);
	return !image && !taken && user;
}

static json_t *arguments(const struct image_install *wish,
			 const struct engine_profile *profile)
{
	json_t *args =
	    json_pack("{s:s, s:s, s:I}", "iso", wish->iso, "profile",
		      profile->name, "disk_gib", (json_int_t)wish->disk_gib);
	if (wish->answers)
		json_object_set_new(args, "answers",
				    json_string(wish->answers));
	if (wish->drivers)
		json_object_set_new(args, "drivers",
				    json_string(wish->drivers));
	return args;
}

/* ---- beginning ---- */

/* Version, pool and task, in one transaction. */
static gboolean store_all(struct broker *broker,
			  const struct image_install *wish,
			  const struct engine_profile *profile,
			  const char *pool, const char *host, const char *who,
			  struct image_build *made, GError **error)
{
	if (!store_begin(broker->store, error))
		return FALSE;
	made->version = images_new_version(broker, wish->name, "(installed)",
					   NULL, host, error);
	gboolean ok =
	    made->version &&
	    store_run(broker->store, NULL, error,
		      "INSERT INTO pools(name, image, cpus, memory_mib, heads,"
		      " max_desktops, everyone, created, kind, version)"
		      " VALUES($1, $2, $3, $4, 1, 1, 0, $5, 'install', $6)",
		      "ssiiii", pool, wish->name, wish->cpus, wish->memory_mib,
		      store_now(broker->store), made->version) &&
	    store_run(broker->store, NULL, error,
		      "INSERT INTO pool_users(pool, user_name) VALUES($1, $2)",
		      "ss", pool, wish->user);
	json_t *args = arguments(wish, profile);
	g_autofree char *how = g_strdup_printf("from medium %s", wish->iso);
	if (ok)
		made->task =
		    tasks_make(broker->tasks, "image.install", wish->name,
			       made->version, args, how, host, who, error);
	json_decref(args);
	if (store_end(broker->store, made->task != NULL, error))
		return TRUE;
	if (made->task)
		tasks_forget(broker->tasks, made->task);
	g_clear_pointer(&made->task, g_free);
	return FALSE;
}

static struct desktop *begin(struct broker *broker, const char *pool_name,
			     const struct image_install *wish, gint64 version,
			     const char *host, const char *who, GError **error)
{
	g_autoptr(pool_settings) pool = pool_load(broker, pool_name, error);
	struct desktop *desktop =
	    pool ? desktops_make(broker->desktops, wish->user, pool, version,
				 error)
		 : NULL;
	if (!desktop)
		return NULL;
	/* where its task is */
	desktop->host = g_strdup(host);
	return desktop_start(broker->desktops, desktop, who, error) ? desktop
								    : NULL;
}

gboolean images_install(struct broker *broker, struct image_install *wish,
			const char *who, struct image_build *made,
			char **desktop, GError **error)
{
	const struct engine_profile *profile;
	g_autofree char *pool = g_strconcat(POOL_PREFIX, wish->name, NULL);
	g_autofree char *host = g_strdup(hosts_pick(broker->hosts, NULL));
	*made = (struct image_build){0};
	if (!complete(wish, &profile, error) ||
	    !check_names(broker, wish, pool, error))
		return FALSE;
	if (!host) {
		g_propagate_error(error, hosts_absent(NULL));
		return FALSE;
	}
	if (!store_all(broker, wish, profile, pool, host, who, made, error))
		return FALSE;
	g_autoptr(GError) why = NULL;
	struct desktop *begun =
	    begin(broker, pool, wish, made->version, host, who, &why);
	if (begun) {
		*desktop = g_strdup(begun->id);
		/* after the machine, which it waits for */
		tasks_send(broker->tasks, made->task);
		return TRUE;
	}
	tasks_refuse(broker->tasks, made->task, why);
	g_clear_pointer(&made->task, g_free);
	g_propagate_error(error, g_steal_pointer(&why));
	return FALSE;
}

/* ---- finishing ---- */

struct finishing {
	image_removed done;
	void *data;
};

static void on_finished(struct jsonline *channel, json_t *reply,
			const GError *error, void *data)
{
	g_autofree struct finishing *finishing = data;
	finishing->done(error, finishing->data);
}

void images_finish_install(struct broker *broker, const char *name,
			   const char *who, image_removed done, void *data)
{
	const char *host = NULL;
	const char *task =
	    tasks_of_install(broker->tasks, name, 0, &host, NULL);
	if (!task) {
		g_autoptr(GError) error = fault_new(
		    FAULT_CONFLICT, "'oriel task list' shows what is.",
		    "Image '%s' is not being installed.", name);
		done(error, data);
		return;
	}
	event_add(broker, "image", name, who,
		  "The installation of image %s was said to be done.", name);
	struct finishing *finishing = g_new0(struct finishing, 1);
	finishing->done = done;
	finishing->data = data;
	hosts_call(broker->hosts, host,
		   json_pack("{s:s, s:s}", "op", "task.finish", "task", task),
		   FINISH_MS, on_finished, finishing);
}

/* ---- the end ---- */

static void on_discarded(const GError *error, void *data)
{
	if (error)
		log_fault(NULL, error);
}

void images_look_at_install(struct broker *broker, const struct pool *pool)
{
	gboolean left = FALSE;
	if (tasks_of_install(broker->tasks, pool->image, pool->version, NULL,
			     NULL))
		return;
	g_autoptr(GList) all = desktops_all(broker->desktops);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (strcmp(desktop->pool, pool->name) != 0)
			continue;
		left = TRUE;
		if (!desktop->removing)
			desktop_discard(broker->desktops, desktop,
					"its installation is over",
					on_discarded, NULL);
	}
	g_autoptr(GError) error = NULL;
	if (!left &&
	    !store_run(broker->store, NULL, &error,
		       "DELETE FROM pools WHERE name = $1", "s", pool->name))
		log_fault(NULL, error);
}
