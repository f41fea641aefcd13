#include "server/host/hub-private.h"

#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/host/files.h"
#include "server/host/findings.h"
#include "vmm/engine.h"

/* a role that is told to end waits so long for its template machines */
#define SHUTDOWN_MS      8000
#define SHUTDOWN_LOOK_MS 50

static void machine_put(void *machine)
{
	machine_unref(machine);
}

/* To the broker; and what a machine does may be the end of an installation. */
static void on_tell(json_t *message, void *data)
{
	struct hub *self = data;
	const char *event =
	    json_string_value(json_object_get(message, "event"));
	if (g_strcmp0(event, "machine") == 0)
		installs_poke(self->installs);
	self->tell(message, self->tell_data);
}

struct hub *hub_new(const struct paths_root *root,
		    void (*tell)(json_t *message, void *data), void *data)
{
	struct hub *self = g_new0(struct hub, 1);
	self->root = root;
	self->tell = tell;
	self->tell_data = data;
	self->world = (struct world){.root = root,
				     .templates = templates_new(root),
				     .tell = on_tell,
				     .data = self};
	self->builds = builds_new(root, tell, data);
	self->machines =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, machine_put);
	self->installs =
	    installs_new(root, self->builds, self->machines, tell, data);
	self->findings = findings_new(root);
	return self;
}

void hub_free(struct hub *self)
{
	if (!self)
		return;
	if (self->done_timer)
		g_source_remove(self->done_timer);
	g_hash_table_unref(self->machines);
	installs_free(self->installs);
	builds_free(self->builds);
	templates_free(self->world.templates);
	g_ptr_array_unref(self->findings);
	g_free(self);
}

/* ---- templates and images in use ---- */

const char *hub_word(json_t *message, const char *key, GError **error)
{
	const char *text = jsonline_string(message, key, error);
	if (!text || conf_word_valid(text))
		return text;
	fault_set(error, FAULT_INVALID, NULL,
		  "Member '%s' must be letters, digits, '.', '_' and '-', at "
		  "most 64, beginning with a letter or digit.",
		  key);
	return NULL;
}

void hub_collect(struct hub *self)
{
	g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);
	gboolean known = TRUE;
	GHashTableIter iter;
	void *machine;
	g_hash_table_iter_init(&iter, self->machines);
	while (g_hash_table_iter_next(&iter, NULL, &machine)) {
		const struct conf *conf = machine_conf(machine);
		if (!conf)
			known = FALSE;
		else if (conf->disk_template)
			g_hash_table_add(used, conf->disk_template);
	}
	templates_collect(self->world.templates, known ? used : NULL);
}

const char *hub_image_user(struct hub *self, const char *image,
			   const char *version)
{
	GHashTableIter iter;
	void *machine;
	g_hash_table_iter_init(&iter, self->machines);
	while (g_hash_table_iter_next(&iter, NULL, &machine)) {
		const struct conf *conf = machine_conf(machine);
		if (!conf || (strcmp(conf->image, image) == 0 &&
			      strcmp(conf->version, version) == 0))
			return machine_id(machine);
	}
	return NULL;
}

/* ---- coming up ---- */

static void loaded_one(void *data)
{
	struct hub *self = data;
	if (--self->loading > 0)
		return;
	/* only now is it known which templates stand under a disk */
	hub_collect(self);
	self->ready(self->ready_data);
}

/* A template machine that an earlier role was making has no use any more. */
static void on_leftover_ended(GObject *source, GAsyncResult *result, void *data)
{
	struct engine_machine *vm = data;
	engine_machine_act_finish(vm, result, NULL);
	engine_machine_unref(vm);
}

struct leftover {
	struct hub *hub;
	char *run_dir;
};

static void on_leftover(GObject *source, GAsyncResult *result, void *data)
{
	struct leftover *leftover = data;
	g_autoptr(GError) error = NULL;
	struct engine_machine *vm = engine_start_finish(result, &error);
	if (vm)
		engine_machine_kill_async(vm, on_leftover_ended, vm);
	else if (fault_code(error) != FAULT_NOT_FOUND)
		log_fault(NULL, error);
	loaded_one(leftover->hub);
	g_free(leftover->run_dir);
	g_free(leftover);
}

static void end_leftovers(struct hub *self)
{
	g_autofree char *run =
	    g_build_filename(self->root->run, "templates", NULL);
	g_autoptr(GPtrArray) names = files_list(run);
	const struct engine *engine = engine_choose("auto", NULL);
	for (guint i = 0; engine && i < names->len; i++) {
		struct leftover *leftover = g_new0(struct leftover, 1);
		leftover->hub = self;
		leftover->run_dir =
		    g_build_filename(run, names->pdata[i], NULL);
		struct engine_spec spec = {.id = "template",
					   .name = "Template",
					   .folder = leftover->run_dir,
					   .run_dir = leftover->run_dir,
					   .disk = leftover->run_dir,
					   .cpus = 1,
					   .memory_mib = 512,
					   .heads = 1};
		self->loading++;
		engine_adopt_async(engine, &spec, NULL, on_leftover, leftover);
	}
}

void hub_load(struct hub *self, void (*ready)(void *data), void *data)
{
	self->ready = ready;
	self->ready_data = data;
	self->loading = 1; /* ours, until all are begun */
	builds_tidy(self->builds);
	end_leftovers(self);
	g_autofree char *folder =
	    g_build_filename(self->root->lib, "desktops", NULL);
	g_autoptr(GPtrArray) names = files_list(folder);
	for (guint i = 0; i < names->len; i++) {
		const char *id = names->pdata[i];
		if (!conf_id_valid(id))
			continue; /* not ours: left alone */
		struct machine *machine = machine_load(&self->world, id);
		g_hash_table_insert(self->machines, (char *)machine_id(machine),
				    machine);
		self->loading++;
		machine_adopt(machine, loaded_one, self);
	}
	loaded_one(self);
}

/* ---- going down ---- */

static gboolean look(void *data)
{
	struct hub *self = data;
	if (!templates_idle(self->world.templates) &&
	    g_get_monotonic_time() < self->deadline_us)
		return G_SOURCE_CONTINUE;
	self->done_timer = 0;
	self->done(self->done_data);
	return G_SOURCE_REMOVE;
}

void hub_shutdown(struct hub *self, void (*done)(void *data), void *data)
{
	self->done = done;
	self->done_data = data;
	self->deadline_us = g_get_monotonic_time() + SHUTDOWN_MS * 1000;
	templates_shutdown(self->world.templates);
	self->done_timer = g_timeout_add(SHUTDOWN_LOOK_MS, look, self);
}

/* ---- hello ---- */

static char *boot_id(void)
{
	char *text = NULL;
	if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL,
				 NULL))
		return g_strdup("unknown");
	return g_strstrip(text);
}

json_t *hub_hello(struct hub *self)
{
	json_t *tasks = builds_describe(self->builds);
	installs_describe(self->installs, tasks);
	g_autofree char *boot = boot_id();
	const struct engine *engine = engine_choose("auto", NULL);
	json_t *machines = json_array();
	GHashTableIter iter;
	void *machine;
	g_hash_table_iter_init(&iter, self->machines);
	while (g_hash_table_iter_next(&iter, NULL, &machine))
		json_array_append_new(machines, machine_describe(machine));
	json_t *hello = json_pack(
	    "{s:s, s:i, s:s, s:s, s:i, s:I, s:o, s:o, s:o}", "event", "hello",
	    "version", 1, "host", g_get_host_name(), "boot_id", boot, "cpus",
	    (int)g_get_num_processors(), "memory_mib",
	    (json_int_t)((guint64)sysconf(_SC_PHYS_PAGES) *
			     (guint64)sysconf(_SC_PAGESIZE) >>
			 20),
	    "findings", findings_json(self->findings), "machines", machines,
	    "tasks", tasks);
	if (engine) {
		json_object_set_new(hello, "engine",
				    json_string(engine_name(engine)));
		json_object_set_new(hello, "accelerator",
				    json_string(engine_accelerator(engine)));
	}
	return hello;
}
