#include "server/broker/images.h"

#include <string.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/broker/desktops.h"
#include "server/broker/hosts.h"
#include "server/broker/states.h"
#include "server/broker/tasks.h"

/* a host deletes a folder of some GiB */
#define REMOVE_MS 120000

/* ---- telling ---- */

static json_t *versions_json(struct broker *broker, const char *name,
			     GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT v.version, v.state, v.recipe, v.created, v.cause, v.since,"
	    " t.id FROM image_versions v LEFT JOIN tasks t"
	    " ON t.image = v.image AND t.version = v.version"
	    " AND t.state IN ('queued', 'running')"
	    " WHERE v.image = $1 ORDER BY v.version DESC",
	    "s", name);
	if (!rows)
		return NULL;
	json_t *list = json_array();
	for (gsize i = 0; i < store_rows_count(rows); i++) {
		gint64 version = store_rows_int(rows, i, 0);
		json_array_append_new(
		    list,
		    json_pack("{s:I, s:s, s:s, s:I, s:i, s:o, s:I, s:o}",
			      "version", (json_int_t)version, "state",
			      store_rows_text(rows, i, 1), "recipe",
			      store_rows_text(rows, i, 2), "created",
			      (json_int_t)store_rows_int(rows, i, 3),
			      "desktops",
			      (int)desktops_count(broker->desktops, NULL, name,
						  version, NULL),
			      "cause",
			      json_text(image_cause_text(
				  store_rows_text(rows, i, 4))),
			      "since", (json_int_t)store_rows_int(rows, i, 5),
			      "task", json_text(store_rows_text(rows, i, 6))));
	}
	return list;
}

static json_t *image_json(struct broker *broker, const char *name,
			  GError **error)
{
	json_t *versions = versions_json(broker, name, error);
	if (!versions)
		return NULL;
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT version, recipe, created, manifest FROM image_versions"
	    " WHERE image = $1 AND state = 'ready'"
	    " ORDER BY version DESC LIMIT 1",
	    "s", name);
	g_autoptr(store_rows) task =
	    store_query(broker->store, error,
			"SELECT id FROM tasks WHERE image = $1"
			" AND state IN ('queued', 'running') LIMIT 1",
			"s", name);
	if (!rows || !task) {
		json_decref(versions);
		return NULL;
	}
	gboolean ready = store_rows_count(rows) > 0;
	const char *text = store_rows_text(rows, 0, 3);
	json_t *manifest = text ? json_loads(text, 0, NULL) : NULL;
	return json_pack(
	    "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "image", name, "state",
	    ready                    ? "ready"
	    : store_rows_count(task) ? "building"
				     : "none",
	    "version",
	    ready ? json_integer(store_rows_int(rows, 0, 0)) : json_null(),
	    "recipe", json_text(store_rows_text(rows, 0, 1)), "created",
	    ready ? json_integer(store_rows_int(rows, 0, 2)) : json_null(),
	    "task", json_text(store_rows_text(task, 0, 0)), "manifest",
	    manifest ? manifest : json_null(), "versions", versions);
}

static GError *no_such_image(const char *name)
{
	return fault_new(FAULT_NOT_FOUND,
			 "'oriel image list' shows what is there; 'oriel image "
			 "build' makes one.",
			 "There is no image '%s'.", name);
}

json_t *images_json(struct broker *broker, const char *name, GError **error)
{
	/* an image without versions is only a number that is kept */
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT name FROM images WHERE ($1 = '' OR name = $1)"
			" AND EXISTS(SELECT 1 FROM image_versions"
			" WHERE image = images.name) ORDER BY name",
			"s", name ? name : "");
	if (!rows)
		return NULL;
	if (name) {
		if (store_rows_count(rows))
			return image_json(broker, name, error);
		g_propagate_error(error, no_such_image(name));
		return NULL;
	}
	json_t *list = json_array();
	for (gsize i = 0; i < store_rows_count(rows); i++) {
		json_t *image =
		    image_json(broker, store_rows_text(rows, i, 0), error);
		if (!image) {
			json_decref(list);
			return NULL;
		}
		/* long, and wanted one at a time */
		json_object_set_new(image, "manifest", json_null());
		json_array_append_new(list, image);
	}
	return json_pack("{s:o}", "images", list);
}

gint64 images_current(struct broker *broker, const char *name, GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT state, version FROM image_versions WHERE image = $1"
	    " ORDER BY CASE state WHEN 'ready' THEN 0 ELSE 1 END,"
	    " version DESC LIMIT 1",
	    "s", name);
	if (!rows)
		return 0;
	if (!store_rows_count(rows)) {
		g_propagate_error(error, no_such_image(name));
		return 0;
	}
	enum image_state state;
	if (image_state_parse(store_rows_text(rows, 0, 0), &state) &&
	    state == IMAGE_READY)
		return store_rows_int(rows, 0, 1);
	fault_set(error, FAULT_CONFLICT,
		  "Wait until it is built ('oriel task list').",
		  "Image '%s' has no version that is ready.", name);
	return 0;
}

gboolean images_has(struct broker *broker, const char *name, gint64 version,
		    GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT 1 FROM image_versions WHERE image = $1"
			" AND version = $2 AND state = 'ready'",
			"si", name, version);
	return rows && store_rows_count(rows);
}

/* ---- building ---- */

/* TRUE and build filled when nothing has to be made. */
static gboolean exists_already(struct broker *broker, const char *name,
			       const char *recipe, const char *hash,
			       gboolean again, struct image_build *build,
			       gboolean *done, GError **error)
{
	*done = FALSE;
	g_autoptr(store_rows) task =
	    store_query(broker->store, error,
			"SELECT id, version FROM tasks WHERE image = $1"
			" AND state IN ('queued', 'running') LIMIT 1",
			"s", name);
	g_autoptr(store_rows) ready = store_query(
	    broker->store, error,
	    "SELECT version, recipe, recipe_hash FROM image_versions"
	    " WHERE image = $1 AND state = 'ready'"
	    " ORDER BY version DESC LIMIT 1",
	    "s", name);
	if (!task || !ready)
		return FALSE;
	if (store_rows_count(task)) {
		build->task = g_strdup(store_rows_text(task, 0, 0));
		build->version = store_rows_int(task, 0, 1);
		*done = TRUE;
	} else if (!again && store_rows_count(ready) &&
		   strcmp(store_rows_text(ready, 0, 1), recipe) == 0 &&
		   g_strcmp0(store_rows_text(ready, 0, 2), hash) == 0) {
		build->version = store_rows_int(ready, 0, 0);
		*done = TRUE;
	}
	return TRUE;
}

gint64 images_new_version(struct broker *broker, const char *name,
			  const char *recipe, const char *hash,
			  const char *host, GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"INSERT INTO images(name, last_version) VALUES($1, 1)"
			" ON CONFLICT(name) DO UPDATE"
			" SET last_version = images.last_version + 1"
			" RETURNING last_version",
			"s", name);
	gint64 version = rows ? store_rows_int(rows, 0, 0) : 0;
	if (!rows ||
	    !store_run(broker->store, NULL, error,
		       "INSERT INTO image_versions(image, version, recipe,"
		       " recipe_hash, state, host, created, since, cause)"
		       " VALUES($1, $2, $3, $4, 'building', $5, $6, $6, $7)",
		       "sisssis", name, version, recipe, hash, host,
		       store_now(broker->store), image_cause_name(IMAGE_ASKED)))
		return 0;
	return version;
}

static gboolean start_task(struct broker *broker, const char *name,
			   const char *kind, const char *recipe,
			   const char *hash, json_t *args, const char *how,
			   const char *who, struct image_build *build,
			   GError **error)
{
	/* no host: the task waits for the first that connects */
	g_autofree char *host = g_strdup(hosts_pick(broker->hosts, NULL));
	if (!store_begin(broker->store, error))
		return FALSE;
	build->version =
	    images_new_version(broker, name, recipe, hash, host, error);
	if (build->version)
		build->task =
		    tasks_make(broker->tasks, kind, name, build->version, args,
			       how, host, who, error);
	if (store_end(broker->store, build->task != NULL, error)) {
		tasks_send(broker->tasks, build->task);
		return TRUE;
	}
	if (build->task)
		tasks_forget(broker->tasks, build->task);
	g_clear_pointer(&build->task, g_free);
	return FALSE;
}

gboolean images_build(struct broker *broker, const char *name,
		      const char *recipe, gboolean again, const char *who,
		      struct image_build *build, GError **error)
{
	gboolean done;
	*build = (struct image_build){0};
	g_autofree char *hash = recipe_hash(recipe, error);
	if (!hash || !exists_already(broker, name, recipe, hash, again, build,
				     &done, error))
		return FALSE;
	if (done)
		return TRUE;
	json_t *args = json_pack("{s:s}", "recipe", recipe);
	g_autofree char *how = g_strdup_printf("from recipe %s", recipe);
	gboolean ok = start_task(broker, name, "image.build", recipe, hash,
				 args, how, who, build, error);
	json_decref(args);
	return ok;
}

gboolean images_import(struct broker *broker, const char *name,
		       const char *file, const char *who,
		       struct image_build *build, GError **error)
{
	*build = (struct image_build){0};
	g_autoptr(store_rows) task =
	    store_query(broker->store, error,
			"SELECT id FROM tasks WHERE image = $1"
			" AND state IN ('queued', 'running') LIMIT 1",
			"s", name);
	if (!task)
		return FALSE;
	if (store_rows_count(task)) {
		fault_set(error, FAULT_CONFLICT,
			  "Wait for it, or cancel it ('oriel task list').",
			  "Another version of image '%s' is being made, task "
			  "%s.",
			  name, store_rows_text(task, 0, 0));
		return FALSE;
	}
	json_t *args = json_pack("{s:s}", "file", file);
	g_autofree char *how = g_strdup_printf("from file %s", file);
	gboolean ok = start_task(broker, name, "image.import", "(imported)",
				 NULL, args, how, who, build, error);
	json_decref(args);
	return ok;
}

/* One transition of one version; *changed says whether it was possible. */
static gboolean version_change(struct broker *broker, const char *name,
			       gint64 version, enum image_cause cause,
			       gboolean *changed, GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT state FROM image_versions WHERE image = $1"
			" AND version = $2",
			"si", name, version);
	enum image_state state = IMAGE_NONE, to;
	if (!rows)
		return FALSE;
	image_state_parse(store_rows_text(rows, 0, 0), &state);
	gboolean may =
	    store_rows_count(rows) && image_state_after(state, cause, &to);
	if (changed)
		*changed = may;
	if (!may)
		return TRUE;
	if (to == IMAGE_NONE)
		return store_run(broker->store, NULL, error,
				 "DELETE FROM image_versions WHERE image = $1"
				 " AND version = $2",
				 "si", name, version);
	return store_run(broker->store, NULL, error,
			 "UPDATE image_versions SET state = $1, cause = $2,"
			 " since = $3 WHERE image = $4 AND version = $5",
			 "ssisi", image_state_name(to), image_cause_name(cause),
			 store_now(broker->store), name, version);
}

gboolean images_built(struct broker *broker, const char *name, gint64 version,
		      json_t *manifest, GError **error)
{
	char *text = json_is_object(manifest)
			 ? json_dumps(manifest, JSON_COMPACT)
			 : NULL;
	gboolean changed;
	gboolean ok =
	    version_change(broker, name, version, IMAGE_BUILT, &changed,
			   error) &&
	    (!changed ||
	     store_run(broker->store, NULL, error,
		       "UPDATE image_versions SET manifest = $1,"
		       " created = $2"
		       " WHERE image = $3 AND version = $4",
		       "sisi", text, store_now(broker->store), name, version));
	free(text);
	return ok;
}

gboolean images_not_built(struct broker *broker, const char *name,
			  gint64 version, GError **error)
{
	return version_change(broker, name, version, IMAGE_NOT_BUILT, NULL,
			      error);
}

/* ---- removing ---- */

struct removal {
	struct broker *broker;
	char *name;
	GArray *versions; /* gint64, still to go */
	GPtrArray *hosts; /* of each */
	image_removed removed;
	void *data;
};

static void removal_end(struct removal *removal, const GError *error)
{
	removal->removed(error, removal->data);
	g_array_unref(removal->versions);
	g_ptr_array_unref(removal->hosts);
	g_free(removal->name);
	g_free(removal);
}

static void on_removed(struct jsonline *channel, json_t *reply,
		       const GError *error, void *data);

static void remove_next(struct removal *removal)
{
	if (!removal->versions->len) {
		removal_end(removal, NULL);
		return;
	}
	g_autofree char *version = g_strdup_printf(
	    "%" G_GINT64_FORMAT, g_array_index(removal->versions, gint64, 0));
	hosts_call(removal->broker->hosts, removal->hosts->pdata[0],
		   json_pack("{s:s, s:s, s:s}", "op", "image.remove", "image",
			     removal->name, "version", version),
		   REMOVE_MS, on_removed, removal);
}

static void on_removed(struct jsonline *channel, json_t *reply,
		       const GError *error, void *data)
{
	struct removal *removal = data;
	struct broker *broker = removal->broker;
	gint64 version = g_array_index(removal->versions, gint64, 0);
	g_autoptr(GError) failure = NULL;
	if (!error || fault_code(error) == FAULT_NOT_FOUND) {
		if (version_change(broker, removal->name, version,
				   IMAGE_REMOVED, NULL, &failure))
			event_add(broker, "image", removal->name, NULL,
				  "Image %s version %" G_GINT64_FORMAT
				  " was removed.",
				  removal->name, version);
		error = failure;
	} else if (channel && jsonline_is_open(channel)) {
		/* refused: it is there still, and may be used. Without an
		 * answer it stays "removing" and can be removed again. */
		version_change(broker, removal->name, version,
			       IMAGE_REMOVE_REFUSED, NULL, NULL);
	}
	if (error) {
		removal_end(removal, error);
		return;
	}
	g_array_remove_index(removal->versions, 0);
	g_ptr_array_remove_index(removal->hosts, 0);
	remove_next(removal);
}

static gboolean may_remove(struct broker *broker, const char *name,
			   gint64 version, store_rows *rows, GError **error)
{
	gsize count = store_rows_count(rows);
	if (!count) {
		g_propagate_error(error, no_such_image(name));
		return FALSE;
	}
	for (gsize i = 0; i < count; i++) {
		enum image_state state = IMAGE_NONE, to;
		image_state_parse(store_rows_text(rows, i, 1), &state);
		if (image_state_after(state, IMAGE_ASKED_REMOVE, &to))
			continue;
		fault_set(error, FAULT_CONFLICT,
			  "Cancel the task first ('oriel task list').",
			  "Image '%s' is being built.", name);
		return FALSE;
	}
	unsigned used =
	    desktops_count(broker->desktops, NULL, name, version, NULL);
	if (used) {
		fault_set(error, FAULT_CONFLICT,
			  "Remove those desktops first ('oriel desktop "
			  "list').",
			  "Image '%s' is the base of %u desktop%s.", name, used,
			  used == 1 ? "" : "s");
		return FALSE;
	}
	g_autoptr(store_rows) pools =
	    store_query(broker->store, error,
			"SELECT p.name FROM pools p WHERE p.image = $1"
			" AND ((p.version <> 0 AND p.version = $2)"
			" OR NOT EXISTS(SELECT 1 FROM image_versions v"
			" WHERE v.image = $1 AND v.state = 'ready'"
			" AND $2 <> 0 AND v.version <> $2)) LIMIT 1",
			"si", name, version);
	if (pools && store_rows_count(pools))
		fault_set(error, FAULT_CONFLICT,
			  "Remove the pool, or give it another image ('oriel "
			  "pool edit').",
			  "Pool '%s' needs image '%s'.",
			  store_rows_text(pools, 0, 0), name);
	return pools && !store_rows_count(pools);
}

/* All of them or none. */
static gboolean mark_removing(struct broker *broker, const char *name,
			      store_rows *rows, GError **error)
{
	if (!store_begin(broker->store, error))
		return FALSE;
	gboolean ok = TRUE;
	for (gsize i = 0; ok && i < store_rows_count(rows); i++)
		ok = version_change(broker, name, store_rows_int(rows, i, 0),
				    IMAGE_ASKED_REMOVE, NULL, error);
	return store_end(broker->store, ok, error);
}

void images_remove(struct broker *broker, const char *name, gint64 version,
		   const char *who, image_removed removed, void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(store_rows) rows =
	    store_query(broker->store, &error,
			"SELECT version, state, host FROM image_versions"
			" WHERE image = $1 AND ($2 = 0 OR version = $2)"
			" ORDER BY version",
			"si", name, version);
	if (!rows || !may_remove(broker, name, version, rows, &error) ||
	    !mark_removing(broker, name, rows, &error)) {
		removed(error, data);
		return;
	}
	struct removal *removal = g_new0(struct removal, 1);
	removal->broker = broker;
	removal->name = g_strdup(name);
	removal->removed = removed;
	removal->data = data;
	removal->versions = g_array_new(FALSE, FALSE, sizeof(gint64));
	removal->hosts = g_ptr_array_new_with_free_func(g_free);
	for (gsize i = 0; i < store_rows_count(rows); i++) {
		gint64 each = store_rows_int(rows, i, 0);
		g_array_append_val(removal->versions, each);
		g_ptr_array_add(removal->hosts,
				g_strdup(store_rows_text(rows, i, 2)));
	}
	event_add(broker, "image", name, who, "Image %s is being removed.",
		  name);
	remove_next(removal);
}
