#include "server/broker/tasks.h"

#include <string.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/broker/hosts.h"
#include "server/broker/images.h"
#include "server/broker/keeper.h"
#include "server/broker/secrets.h"

#define ACCEPT_MS   30000
#define TEXT_MAX    1000
#define LISTED      100
#define ASKED_AGAIN 3
/* longest silence of a host that needs no words */
#define SILENT_S 60

struct task { /* one that has not ended; the rest of it is in the store */
	char *id, *kind, *host, *image;
	json_t *args; /* NULL where a store of before has none */
	gint64 version;
	enum task_state state;
	char *stage, *message;
	gint64 done, total;
	gint64 serial;
	gboolean cancelling;
	unsigned asked_again; /* of a host that came back without it */
	gint64 heard_us;
};

struct tasks {
	struct broker *broker;
	GHashTable *live;    /* struct task; owned */
	gint64 first_serial; /* of all that ended before */
	GHashTable *ended;   /* id -> serial (boxed) of those ended since */
};

static void task_free(void *data)
{
	struct task *task = data;
	g_free(task->id);
	g_free(task->host);
	g_free(task->image);
	g_free(task->kind);
	json_decref(task->args);
	g_free(task->stage);
	g_free(task->message);
	g_free(task);
}

/* Takes args. */
static struct task *live_add(struct tasks *self, const char *id,
			     const char *kind, const char *image,
			     gint64 version, json_t *args, const char *host,
			     enum task_state state)
{
	struct task *task = g_new0(struct task, 1);
	task->id = g_strdup(id);
	task->image = g_strdup(image);
	task->version = version;
	task->kind = g_strdup(kind);
	task->args = args;
	task->heard_us = g_get_monotonic_time();
	task->host = g_strdup(host);
	task->state = state;
	task->serial = hub_serial(self->broker->hub);
	g_hash_table_insert(self->live, task->id, task);
	return task;
}

/* Those of before the column have their recipe with the image. */
static json_t *args_of(const char *args, const char *recipe)
{
	json_t *parsed = args ? json_loads(args, 0, NULL) : NULL;
	if (json_is_object(parsed))
		return parsed;
	json_decref(parsed);
	return recipe ? json_pack("{s:s}", "recipe", recipe) : NULL;
}

static gboolean load(struct tasks *self, GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    self->broker->store, error,
	    "SELECT t.id, t.image, t.version, v.recipe, t.host, t.state,"
	    " t.kind, t.args FROM tasks t LEFT JOIN image_versions v"
	    " ON v.image = t.image AND v.version = t.version"
	    " WHERE t.state IN ('queued', 'running')",
	    NULL);
	for (gsize i = 0; rows && i < store_rows_count(rows); i++) {
		enum task_state state = TASK_RUNNING;
		if (g_hash_table_contains(self->live,
					  store_rows_text(rows, i, 0)))
			continue;
		task_state_parse(store_rows_text(rows, i, 5), &state);
		live_add(self, store_rows_text(rows, i, 0),
			 store_rows_text(rows, i, 6),
			 store_rows_text(rows, i, 1),
			 store_rows_int(rows, i, 2),
			 args_of(store_rows_text(rows, i, 7),
				 store_rows_text(rows, i, 3)),
			 store_rows_text(rows, i, 4), state);
	}
	return rows != NULL;
}

void tasks_store_back(struct tasks *self)
{
	g_autoptr(GError) error = NULL;
	if (!load(self, &error))
		log_fault(NULL, error);
}

struct tasks *tasks_create(struct broker *broker, GError **error)
{
	struct tasks *self = g_new0(struct tasks, 1);
	self->broker = broker;
	self->live =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, task_free);
	self->ended =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->first_serial = hub_serial(broker->hub);
	if (!load(self, error))
		g_clear_pointer(&self, tasks_destroy);
	return self;
}

void tasks_destroy(struct tasks *self)
{
	if (!self)
		return;
	g_hash_table_unref(self->live);
	g_hash_table_unref(self->ended);
	g_free(self);
}

/* ---- telling ---- */

static gint64 serial_of(struct tasks *self, const char *id)
{
	struct task *task = g_hash_table_lookup(self->live, id);
	gint64 *ended = g_hash_table_lookup(self->ended, id);
	return task ? task->serial : ended ? *ended : self->first_serial;
}

static json_t *row_json(struct tasks *self, store_rows *rows, gsize row)
{
	const char *id = store_rows_text(rows, row, 0);
	const char *error = store_rows_text(rows, row, 5);
	json_t *fault = error ? json_loads(error, 0, NULL) : NULL;
	struct task *task = g_hash_table_lookup(self->live, id);
	const char *stage = task ? task->stage : NULL;
	if (task && !task->host)
		stage = "Waiting for a host";
	else if (task && !hosts_connected(self->broker->hosts, task->host))
		stage = "Its host is not connected";
	else if (task && task->cancelling)
		stage = "Cancelling";
	gint64 silent_s =
	    task ? (g_get_monotonic_time() - task->heard_us) / G_USEC_PER_SEC
		 : 0;
	g_autofree char *silence =
	    silent_s >= SILENT_S
		? g_strdup_printf("%s%sits host has said nothing about it for "
				  "%d s",
				  stage ? stage : "", stage ? "; " : "",
				  (int)silent_s)
		: NULL;
	if (silence)
		stage = silence;
	return json_pack(
	    "{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:o, s:o, s:I, s:I,"
	    " s:I}",
	    "id", id, "kind", store_rows_text(rows, row, 1), "subject",
	    store_rows_text(rows, row, 2), "state",
	    store_rows_text(rows, row, 3), "cause",
	    json_text(task_cause_text(store_rows_text(rows, row, 8))), "stage",
	    json_text(stage), "done", (json_int_t)(task ? task->done : 0),
	    "total", (json_int_t)(task ? task->total : 0), "message",
	    json_text(task ? task->message : store_rows_text(rows, row, 4)),
	    "error", fault ? fault : json_null(), "since",
	    (json_int_t)store_rows_int(rows, row, 6), "created",
	    (json_int_t)store_rows_int(rows, row, 7), "serial",
	    (json_int_t)serial_of(self, id));
}

json_t *tasks_json(struct tasks *self, const char *id, GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    self->broker->store, error,
	    "SELECT id, kind, subject, state, message, error, since,"
	    " created, cause FROM tasks WHERE ($1 = '' OR id = $1)"
	    " ORDER BY created DESC, id LIMIT $2",
	    "si", id ? id : "", (gint64)LISTED);
	if (!rows)
		return NULL;
	if (id) {
		if (store_rows_count(rows))
			return row_json(self, rows, 0);
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel task list' shows what there is.",
			  "There is no such task.");
		return NULL;
	}
	json_t *list = json_array();
	for (gsize i = 0; i < store_rows_count(rows); i++)
		json_array_append_new(list, row_json(self, rows, i));
	return json_pack("{s:o}", "tasks", list);
}

static void touch(struct tasks *self, struct task *task)
{
	g_autofree char *key = g_strconcat(TASK_KEY, task->id, NULL);
	task->serial = hub_serial(self->broker->hub);
	hub_changed(self->broker->hub, key);
}

/* ---- changes ---- */

static gboolean is_install(const struct task *task)
{
	return strcmp(task->kind, "image.install") == 0;
}

static gboolean save_end(struct tasks *self, struct task *task,
			 enum task_state state, enum task_cause cause,
			 json_t *fault, json_t *manifest, GError **error)
{
	struct broker *broker = self->broker;
	char *text = fault ? json_dumps(fault, JSON_COMPACT) : NULL;
	const char *why = json_string_value(json_object_get(fault, "cause"));
	if (!store_begin(broker->store, error)) {
		free(text);
		return FALSE;
	}
	gboolean ok =
	    store_run(broker->store, NULL, error,
		      "UPDATE tasks SET state = $1, error = $2,"
		      " message = $3, since = $4, cause = $5 WHERE id = $6",
		      "sssiss", task_state_name(state), text, task->message,
		      store_now(broker->store), task_cause_name(cause),
		      task->id) &&
	    (state == TASK_DONE
		 ? images_built(broker, task->image, task->version, manifest,
				error)
		 : images_not_built(broker, task->image, task->version, error));
	if (ok)
		event_add(broker, "task", task->id, NULL,
			  "%s image %s version %" G_GINT64_FORMAT
			  " is %s: %s%s%s",
			  strcmp(task->kind, "image.import") == 0 ? "Importing"
			  : is_install(task)                      ? "Installing"
								  : "Building",
			  task->image, task->version, task_state_name(state),
			  task_cause_text(task_cause_name(cause)),
			  why ? ". " : ".", why ? why : "");
	free(text);
	return store_end(broker->store, ok, error);
}

/* A store that cannot take it now: the task stays as it was, and whatever
 * the host says next (or its next hello) brings the end again. */
static void end(struct tasks *self, struct task *task, enum task_cause cause,
		json_t *fault, json_t *manifest)
{
	g_autoptr(GError) error = NULL;
	enum task_state state;
	if (!task_state_after(task->state, cause, &state))
		return;
	if (!save_end(self, task, state, cause, fault, manifest, &error)) {
		log_fault(NULL, error);
		return;
	}
	log_info(NULL, "task %s (image %s) is %s", task->id, task->image,
		 task_state_name(state));
	touch(self, task);
	g_hash_table_insert(self->ended, g_strdup(task->id),
			    g_memdup2(&task->serial, sizeof task->serial));
	g_hash_table_remove(self->live, task->id);
	keeper_poke(self->broker->keeper);
}

const char *tasks_of_install(struct tasks *self, const char *image,
			     gint64 version, const char **host, json_t **args)
{
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, self->live);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct task *task = value;
		if (!is_install(task) || strcmp(task->image, image) != 0 ||
		    (version && task->version != version))
			continue;
		if (host)
			*host = task->host;
		if (args)
			*args = task->args;
		return task->id;
	}
	return NULL;
}

json_t *tasks_install_json(struct tasks *self, const char *image,
			   gint64 version)
{
	const char *id = tasks_of_install(self, image, version, NULL, NULL);
	struct task *task = id ? g_hash_table_lookup(self->live, id) : NULL;
	if (!task)
		return json_null();
	return json_pack(
	    "{s:s, s:s, s:o, s:o}", "image", image, "task", id, "stage",
	    json_text(task->cancelling ? "Cancelling" : task->stage),
	    "fraction",
	    task->total > 0
		? json_real(
		      CLAMP((double)task->done / (double)task->total, 0, 1))
		: json_null());
}

void tasks_refuse(struct tasks *self, const char *id, const GError *error)
{
	struct task *task = g_hash_table_lookup(self->live, id);
	json_t *fault = jsonline_from_error(error);
	if (task)
		end(self, task, TASK_REFUSED, fault, NULL);
	json_decref(fault);
}

static void running(struct tasks *self, struct task *task,
		    enum task_cause cause)
{
	enum task_state state;
	task->heard_us = g_get_monotonic_time();
	if (!task_state_after(task->state, cause, &state) ||
	    task->state == state)
		return;
	task->state = state;
	g_autoptr(GError) error = NULL;
	/* not lost if the store has no room: the next hello tells it again */
	if (!store_run(self->broker->store, NULL, &error,
		       "UPDATE tasks SET state = $1, since = $2, cause = $3"
		       " WHERE id = $4",
		       "siss", task_state_name(state),
		       store_now(self->broker->store), task_cause_name(cause),
		       task->id))
		log_fault(NULL, error);
	touch(self, task);
}

/* ---- asking ---- */

struct ask {
	struct tasks *owner;
	char *id;
};

static struct ask *ask_new(struct tasks *self, const char *id)
{
	struct ask *ask = g_new0(struct ask, 1);
	ask->owner = self;
	ask->id = g_strdup(id);
	return ask;
}

static void on_accepted(struct jsonline *channel, json_t *reply,
			const GError *error, void *data)
{
	struct ask *ask = data;
	struct task *task = g_hash_table_lookup(ask->owner->live, ask->id);
	if (task && !error) {
		running(ask->owner, task, TASK_ACCEPTED);
	} else if (task && channel && jsonline_is_open(channel)) {
		json_t *fault = jsonline_from_error(error);
		end(ask->owner, task, TASK_REFUSED, fault, NULL);
		json_decref(fault);
	} /* else the host went away: asked again when it is back */
	g_free(ask->id);
	g_free(ask);
}

void tasks_send(struct tasks *self, const char *id)
{
	struct task *task = g_hash_table_lookup(self->live, id);
	if (!task)
		return;
	g_autofree char *version =
	    g_strdup_printf("%" G_GINT64_FORMAT, task->version);
	json_t *message =
	    json_pack("{s:s, s:s, s:s, s:s}", "op", task->kind, "task",
		      task->id, "image", task->image, "version", version);
	json_object_update_missing(message, task->args);
	hosts_call(self->broker->hosts, task->host, message, ACCEPT_MS,
		   on_accepted, ask_new(self, task->id));
}

char *tasks_make(struct tasks *self, const char *kind, const char *image,
		 gint64 version, json_t *args, const char *how,
		 const char *host, const char *who, GError **error)
{
	struct broker *broker = self->broker;
	g_autofree char *random = secret_new(32);
	g_autofree char *id = g_strconcat("t", random, NULL);
	g_autofree char *subject =
	    g_strdup_printf("%s:%" G_GINT64_FORMAT, image, version);
	gint64 now = store_now(broker->store);
	char *text = json_dumps(args, JSON_COMPACT);
	gboolean ok = store_run(
	    broker->store, NULL, error,
	    "INSERT INTO tasks(id, kind, subject, state, image, version, host,"
	    " since, created, cause, args) VALUES"
	    "($1, $2, $3, 'queued', $4, $5, $6, $7, $7, $8, $9)",
	    "ssssisiss", id, kind, subject, image, version, host, now,
	    task_cause_name(TASK_ASKED), text);
	free(text);
	if (!ok)
		return NULL;
	event_add(broker, "task", id, who,
		  "Image %s version %" G_GINT64_FORMAT " is to be made %s.",
		  image, version, how);
	live_add(self, id, kind, image, version, json_incref(args), host,
		 TASK_QUEUED);
	return g_steal_pointer(&id);
}

void tasks_forget(struct tasks *self, const char *id)
{
	g_hash_table_remove(self->live, id);
}

static void on_cancelled(struct jsonline *channel, json_t *reply,
			 const GError *error, void *data)
{
	struct ask *ask = data;
	struct task *task = g_hash_table_lookup(ask->owner->live, ask->id);
	/* a host that knows no such task is done with it */
	if (task && error && fault_code(error) == FAULT_NOT_FOUND)
		end(ask->owner, task, TASK_NOT_THERE, NULL, NULL);
	else if (task && error)
		task->cancelling = FALSE;
	g_free(ask->id);
	g_free(ask);
}

gboolean tasks_cancel(struct tasks *self, const char *id, const char *who,
		      GError **error)
{
	struct broker *broker = self->broker;
	struct task *task = g_hash_table_lookup(self->live, id);
	if (!task) {
		json_t *known = tasks_json(self, id, error);
		if (known)
			fault_set(error, FAULT_CONFLICT, NULL,
				  "The task has ended already.");
		json_decref(known);
		return FALSE;
	}
	event_add(broker, "task", id, who, "Task %s is to be cancelled.", id);
	if (!hosts_connected(broker->hosts, task->host)) {
		/* when the host comes back with it, it is told to stop */
		end(self, task, TASK_DROPPED, NULL, NULL);
		return TRUE;
	}
	task->cancelling = TRUE;
	touch(self, task);
	hosts_call(broker->hosts, task->host,
		   json_pack("{s:s, s:s}", "op", "task.cancel", "task", id),
		   ACCEPT_MS, on_cancelled, ask_new(self, id));
	return TRUE;
}

/* ---- what hosts say ---- */

static void take_text(char **to, json_t *message, const char *key)
{
	const char *text = json_string_value(json_object_get(message, key));
	if (!text)
		return;
	g_autofree char *cut = g_strndup(text, TEXT_MAX);
	g_free(*to);
	*to = g_utf8_make_valid(cut, -1);
}

static void take_count(gint64 *to, json_t *message, const char *key)
{
	json_t *value = json_object_get(message, key);
	if (json_is_integer(value))
		*to = MAX(0, json_integer_value(value));
}

static struct task *find(struct tasks *self, const char *host, json_t *message)
{
	const char *id = json_string_value(json_object_get(message, "task"));
	struct task *task = id ? g_hash_table_lookup(self->live, id) : NULL;
	return task && g_strcmp0(task->host, host) == 0 ? task : NULL;
}

void tasks_host_event(struct tasks *self, const char *host, json_t *message)
{
	struct task *task = find(self, host, message);
	enum task_state state;
	if (!task ||
	    !task_state_parse(
		json_string_value(json_object_get(message, "state")), &state))
		return;
	task->heard_us = g_get_monotonic_time();
	take_text(&task->stage, message, "stage");
	take_text(&task->message, message, "message");
	take_count(&task->total, message, "total");
	take_count(&task->done, message, "done");
	if (state <= TASK_RUNNING) {
		running(self, task, TASK_SEEN_RUNNING);
		touch(self, task);
		return;
	}
	json_t *fault = NULL;
	json_t *given = json_object_get(message, "error");
	if (json_is_object(given)) {
		g_autoptr(GError) error = jsonline_to_error(given);
		fault = jsonline_from_error(error);
	}
	end(self, task,
	    state == TASK_DONE     ? TASK_SEEN_DONE
	    : state == TASK_FAILED ? TASK_SEEN_FAILED
				   : TASK_SEEN_CANCELLED,
	    fault, json_object_get(message, "manifest"));
	json_decref(fault);
}

static gboolean listed(json_t *list, const char *id)
{
	gsize i;
	json_t *item;
	json_array_foreach(
	    list, i,
	    item) if (g_strcmp0(json_string_value(json_object_get(item,
								  "task")),
				id) == 0) return TRUE;
	return FALSE;
}

static void stop_strangers(struct tasks *self, const char *host, json_t *list)
{
	gsize i;
	json_t *item;
	json_array_foreach(list, i, item)
	{
		const char *id =
		    json_string_value(json_object_get(item, "task"));
		if (!id || find(self, host, item))
			continue;
		hosts_call(
		    self->broker->hosts, host,
		    json_pack("{s:s, s:s}", "op", "task.cancel", "task", id),
		    ACCEPT_MS, NULL, NULL);
	}
}

/* Tasks that no host has yet become this one's. */
static void take_unplaced(struct tasks *self, const char *host)
{
	struct store *db = self->broker->store;
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, self->live);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct task *task = value;
		g_autoptr(GError) error = NULL;
		if (task->host)
			continue;
		gboolean ok = store_begin(db, &error) &&
			      store_end(db,
					store_run(db, NULL, &error,
						  "UPDATE tasks SET host = $1"
						  " WHERE id = $2",
						  "ss", host, task->id) &&
					    store_run(db, NULL, &error,
						      "UPDATE image_versions"
						      " SET host = $1"
						      " WHERE image = $2"
						      " AND version = $3",
						      "ssi", host, task->image,
						      task->version),
					&error);
		if (ok)
			task->host = g_strdup(host);
		else
			log_fault(NULL, error); /* the next hello tries again */
	}
}

void tasks_host_hello(struct tasks *self, const char *host, json_t *list)
{
	take_unplaced(self, host);
	g_autoptr(GList) all = g_hash_table_get_values(self->live);
	for (GList *each = all; each; each = each->next) {
		struct task *task = each->data;
		if (g_strcmp0(task->host, host) != 0 || listed(list, task->id))
			continue;
		/* The order was lost, or the host ended while it worked on it.
		 * A version that it has finished meanwhile is done at once. */
		if (is_install(task) || /* what it works on outlives it */
		    (task->args && task->asked_again++ < ASKED_AGAIN)) {
			tasks_send(self, task->id);
			continue;
		}
		g_autoptr(GError) error = fault_new(
		    FAULT_UNAVAILABLE, "Build or import the image again.",
		    "The host ended while it worked on this, again and "
		    "again.");
		json_t *fault = jsonline_from_error(error);
		end(self, task, TASK_ABANDONED, fault, NULL);
		json_decref(fault);
	}
	gsize i;
	json_t *item;
	json_array_foreach(list, i, item) tasks_host_event(self, host, item);
	stop_strangers(self, host, list);
}
