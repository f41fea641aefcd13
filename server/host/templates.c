/* The store of templates: who wants which, what may go. How one is made is
 * template-make.c's business. */
#include "server/host/templates.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/host/files.h"
#include "server/host/template-key.h"
#include "server/host/template-make.h"

struct templates {
	const struct paths_root *root;
	char *folder;     /* LIB/templates */
	GHashTable *jobs; /* base key -> struct job */
};

struct job {
	struct templates *templates;
	char *base; /* the key, before it is known to be free */
	char *key;
	char *image, *version;
	GPtrArray *wants; /* of GTask with struct want */
	GCancellable *cancellable;
	char *stage;
	double fraction;
};

struct want {
	struct job *job;
	templates_progress progress;
	void *progress_data;
	gulong cancel_handler;
	guint cancel_idle;
};

struct templates *templates_new(const struct paths_root *root)
{
	struct templates *self = g_new0(struct templates, 1);
	self->root = root;
	self->folder = g_build_filename(root->lib, "templates", NULL);
	self->jobs = g_hash_table_new(g_str_hash, g_str_equal);
	return self;
}

void templates_shutdown(struct templates *self)
{
	GHashTableIter iter;
	void *job;
	g_hash_table_iter_init(&iter, self->jobs);
	while (g_hash_table_iter_next(&iter, NULL, &job))
		g_cancellable_cancel(((struct job *)job)->cancellable);
}

gboolean templates_idle(const struct templates *self)
{
	return g_hash_table_size(self->jobs) == 0;
}

void templates_free(struct templates *self)
{
	if (!self)
		return;
	g_hash_table_unref(self->jobs);
	g_free(self->folder);
	g_free(self);
}

char *templates_folder(const struct templates *self, const char *key)
{
	return g_build_filename(self->folder, key, NULL);
}

/* ---- wanting ---- */

static void want_free(void *data)
{
	struct want *want = data;
	if (want->cancel_idle)
		g_source_remove(want->cancel_idle);
	g_free(want);
}

/* The task leaves its job; with the last one the making ends. */
static void leave(GTask *task)
{
	struct want *want = g_task_get_task_data(task);
	struct job *job = g_steal_pointer(&want->job);
	GCancellable *cancellable = g_task_get_cancellable(task);
	if (want->cancel_handler)
		g_signal_handler_disconnect(cancellable, want->cancel_handler);
	want->cancel_handler = 0;
	g_ptr_array_remove_fast(job->wants, task);
	if (job->wants->len == 0)
		g_cancellable_cancel(job->cancellable);
}

static gboolean cancelled_now(void *data)
{
	g_autoptr(GTask) task = g_object_ref(G_TASK(data));
	struct want *want = g_task_get_task_data(task);
	want->cancel_idle = 0;
	if (want->job) {
		leave(task);
		g_task_return_error_if_cancelled(task);
		g_object_unref(task); /* the job's reference */
	}
	return G_SOURCE_REMOVE;
}

/* Inside the signal its own handler cannot be disconnected. */
static void on_cancelled(GCancellable *cancellable, void *data)
{
	struct want *want = g_task_get_task_data(G_TASK(data));
	if (!want->cancel_idle)
		want->cancel_idle = g_idle_add(cancelled_now, data);
}

static void on_progress(const char *stage, double fraction, void *data)
{
	struct job *job = data;
	g_free(job->stage);
	job->stage = g_strdup(stage);
	job->fraction = fraction;
	for (guint i = 0; i < job->wants->len; i++) {
		struct want *want = g_task_get_task_data(job->wants->pdata[i]);
		want->progress(stage, fraction, want->progress_data);
	}
}

static void on_made(GObject *source, GAsyncResult *result, void *data)
{
	struct job *job = data;
	g_autoptr(GError) error = NULL;
	gboolean made = template_make_finish(result, &error);
	g_hash_table_remove(job->templates->jobs, job->base);
	if (!made && job->wants->len)
		log_fault(NULL, error);
	while (job->wants->len) {
		GTask *task = job->wants->pdata[0];
		leave(task);
		if (made)
			g_task_return_pointer(task, g_strdup(job->key), g_free);
		else
			g_task_return_error(task, g_error_copy(error));
		g_object_unref(task);
	}
	g_ptr_array_unref(job->wants);
	g_object_unref(job->cancellable);
	g_free(job->base);
	g_free(job->key);
	g_free(job->image);
	g_free(job->version);
	g_free(job->stage);
	g_free(job);
}

/* The disk of a template that is used up stays where overlays name it, so
 * its place is never taken again: the next one gets a number. TRUE when what
 * *key names is there and good, FALSE when it is free to be made. */
static gboolean find_place(const struct templates *self, const char *base,
			   const char *fingerprint, char **key)
{
	*key = g_strdup(base);
	for (unsigned i = 2;; i++) {
		g_autofree char *folder = templates_folder(self, *key);
		if (template_complete(folder, fingerprint))
			return TRUE;
		if (!g_file_test(folder, G_FILE_TEST_EXISTS))
			return FALSE;
		g_free(*key);
		*key = g_strdup_printf("%s-%u", base, i);
	}
}

static struct job *job_begin(struct templates *self, const char *base,
			     const char *key, const struct engine *engine,
			     const struct conf *conf, const struct image *image,
			     const char *fingerprint)
{
	struct job *job = g_new0(struct job, 1);
	job->templates = self;
	job->base = g_strdup(base);
	job->key = g_strdup(key);
	job->image = g_strdup(image->name);
	job->version = g_strdup(image->version);
	job->wants = g_ptr_array_new();
	job->cancellable = g_cancellable_new();
	g_hash_table_insert(self->jobs, job->base, job);
	template_make_async(self->root, key, engine, conf, image, fingerprint,
			    on_progress, job, job->cancellable, on_made, job);
	return job;
}

void templates_want_async(struct templates *self, const struct engine *engine,
			  const struct conf *conf, const struct image *image,
			  templates_progress progress, void *progress_data,
			  GCancellable *cancellable,
			  GAsyncReadyCallback callback, void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, cancellable, callback, data);
	struct engine_spec spec = {.cpus = conf->cpus,
				   .memory_mib = conf->memory_mib,
				   .heads = conf->heads};
	g_autofree char *fingerprint = engine_fingerprint(engine, &spec);
	g_autofree char *base = template_key(image->name, image->version,
					     image->digest, fingerprint);
	g_autofree char *key = NULL;
	if (g_task_return_error_if_cancelled(task))
		return;
	if (find_place(self, base, fingerprint, &key)) {
		g_task_return_pointer(task, g_steal_pointer(&key), g_free);
		return;
	}
	struct job *job = g_hash_table_lookup(self->jobs, base);
	if (job && g_cancellable_is_cancelled(job->cancellable)) {
		g_task_return_error(
		    task, fault_new(FAULT_BUSY, "Try again in a moment.",
				    "A template is just being put away."));
		return;
	}
	struct want *want = g_new0(struct want, 1);
	want->progress = progress;
	want->progress_data = progress_data;
	g_task_set_task_data(task, want, want_free);
	if (!job)
		job = job_begin(self, base, key, engine, conf, image,
				fingerprint);
	want->job = job;
	g_ptr_array_add(job->wants, g_object_ref(task));
	if (cancellable)
		want->cancel_handler = g_signal_connect(
		    cancellable, "cancelled", G_CALLBACK(on_cancelled), task);
	if (job->stage)
		progress(job->stage, job->fraction, progress_data);
}

char *templates_want_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

/* ---- tidying ---- */

/* Keeps the disk alone: nothing can be cloned from what is left. */
static void retire(const char *folder)
{
	static const char *const parts[] = {TEMPLATE_FITS, TEMPLATE_STATE,
					    TEMPLATE_MEMORY};
	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *path =
		    g_build_filename(folder, parts[i], NULL);
		unlink(path);
	}
}

void templates_discard(struct templates *self, const char *key)
{
	g_autofree char *folder = templates_folder(self, key);
	retire(folder);
}

/* What a template on disk is worth today. */
enum worth {
	WORTH_NOTHING, /* not whole, or its image is gone */
	WORTH_STALE,   /* of an engine that is different now, or cannot run;
			* it may be as it was before again, after an upgrade
			* that was taken back say */
	WORTH_CURRENT, /* would be cloned if somebody started now */
};

struct found {
	char *key, *folder;
	struct template_about about;
	enum worth worth;
};

static void found_free(void *data)
{
	struct found *found = data;
	template_about_clear(&found->about);
	g_free(found->key);
	g_free(found->folder);
	g_free(found);
}

static enum worth worth_of(const struct templates *self,
			   const struct found *found)
{
	const struct template_about *about = &found->about;
	g_autoptr(image_auto) image =
	    image_open(self->root, about->image, about->version, NULL);
	if (!image || !files_exist(found->folder, TEMPLATE_FITS))
		return WORTH_NOTHING;
	const struct engine *engine =
	    engine_choose_cloning(about->engine, NULL);
	if (!engine)
		return WORTH_STALE;
	struct engine_spec spec = {.cpus = about->cpus,
				   .memory_mib = about->memory_mib,
				   .heads = about->heads};
	g_autofree char *fingerprint = engine_fingerprint(engine, &spec);
	g_autofree char *base = template_key(about->image, about->version,
					     image->digest, fingerprint);
	gsize length = strlen(base);
	gboolean named =
	    strncmp(found->key, base, length) == 0 &&
	    (found->key[length] == '\0' || found->key[length] == '-');
	return named && template_complete(found->folder, fingerprint)
		   ? WORTH_CURRENT
		   : WORTH_STALE;
}

/* A stale one goes when the one that took its place is there. */
static gboolean replaced(GPtrArray *all, const struct found *old)
{
	for (guint i = 0; i < all->len; i++) {
		const struct found *other = all->pdata[i];
		if (other->worth == WORTH_CURRENT &&
		    template_about_same(&other->about, &old->about))
			return TRUE;
	}
	return FALSE;
}

static void drop(const char *folder)
{
	g_autoptr(GError) error = NULL;
	if (!files_remove_tree(folder, &error))
		log_fault(NULL, error);
}

static gboolean under_way(const struct templates *self, const char *key)
{
	GHashTableIter iter;
	void *job;
	g_hash_table_iter_init(&iter, self->jobs);
	while (g_hash_table_iter_next(&iter, NULL, &job))
		if (strcmp(((struct job *)job)->key, key) == 0)
			return TRUE;
	return FALSE;
}

void templates_collect(struct templates *self, GHashTable *used)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(found_free);
	g_autoptr(GPtrArray) keys = files_list(self->folder);
	for (guint i = 0; i < keys->len; i++) {
		const char *key = keys->pdata[i];
		g_autofree char *folder = templates_folder(self, key);
		if (g_str_has_prefix(key, TEMPLATE_MAKING)) {
			if (!under_way(self, key + strlen(TEMPLATE_MAKING)))
				drop(folder);
			continue;
		}
		struct found *found = g_new0(struct found, 1);
		found->key = g_strdup(key);
		found->folder = g_steal_pointer(&folder);
		if (template_about_load(&found->about, found->folder, NULL))
			found->worth = worth_of(self, found);
		g_ptr_array_add(all, found);
	}
	for (guint i = 0; i < all->len; i++) {
		struct found *found = all->pdata[i];
		if (found->worth == WORTH_CURRENT ||
		    (found->worth == WORTH_STALE && !replaced(all, found)))
			continue;
		if (!used || g_hash_table_contains(used, found->key))
			retire(found->folder);
		else
			drop(found->folder);
	}
}

gboolean templates_making(const struct templates *self, const char *image,
			  const char *version)
{
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, self->jobs);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct job *job = value;
		if (strcmp(job->image, image) == 0 &&
		    strcmp(job->version, version) == 0)
			return TRUE;
	}
	return FALSE;
}

void templates_forget_image(struct templates *self, const char *image,
			    const char *version)
{
	g_autofree char *prefix = g_strdup_printf("%s-%s-", image, version);
	g_autoptr(GPtrArray) keys = files_list(self->folder);
	for (guint i = 0; i < keys->len; i++) {
		const char *key = keys->pdata[i];
		/* the hash alone may follow: image "a" version "1-b" and image
		 * "a-1" version "b" share a prefix, and only about.json tells
		 */
		g_autofree char *folder = templates_folder(self, key);
		struct template_about about;
		if (!g_str_has_prefix(key, prefix) ||
		    !template_about_load(&about, folder, NULL))
			continue;
		if (strcmp(about.image, image) == 0 &&
		    strcmp(about.version, version) == 0)
			drop(folder);
		template_about_clear(&about);
	}
}
