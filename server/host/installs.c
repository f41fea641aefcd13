#include "server/host/installs.h"

#include <string.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/host/image.h"
#include "vmm/profile.h"

struct installs {
	const struct paths_root *root;
	struct builds *builds;
	GHashTable *machines;
	void (*tell)(json_t *message, void *data);
	void *data;
	GHashTable *tasks; /* id -> struct install */
	guint idle;
};

struct install {
	char *task, *image, *version;
	const char *stage; /* as it was told last */
};

static void install_free(void *data)
{
	struct install *install = data;
	g_free(install->task);
	g_free(install->image);
	g_free(install->version);
	g_free(install);
}

struct installs *installs_new(const struct paths_root *root,
			      struct builds *builds, GHashTable *machines,
			      void (*tell)(json_t *message, void *data),
			      void *data)
{
	struct installs *self = g_new0(struct installs, 1);
	self->root = root;
	self->builds = builds;
	self->machines = machines;
	self->tell = tell;
	self->data = data;
	self->tasks =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, install_free);
	return self;
}

void installs_free(struct installs *self)
{
	if (!self)
		return;
	if (self->idle)
		g_source_remove(self->idle);
	g_hash_table_unref(self->tasks);
	g_free(self);
}

static json_t *describe(const struct install *install, const char *state)
{
	json_t *out =
	    json_pack("{s:s, s:s, s:s, s:i, s:i}", "event", "task", "task",
		      install->task, "state", state, "done", 0, "total", 0);
	if (install->stage)
		json_object_set_new(out, "stage", json_string(install->stage));
	return out;
}

void installs_describe(struct installs *self, json_t *list)
{
	GHashTableIter iter;
	void *install;
	g_hash_table_iter_init(&iter, self->tasks);
	while (g_hash_table_iter_next(&iter, NULL, &install))
		json_array_append_new(list, describe(install, "running"));
}

static struct machine *machine_of(struct installs *self, const char *image,
				  const char *version)
{
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, self->machines);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct conf *conf = machine_conf(value);
		if (conf && conf->iso && strcmp(conf->image, image) == 0 &&
		    strcmp(conf->version, version) == 0)
			return value;
	}
	return NULL;
}

/* Tells the end and forgets the task. */
static void end(struct installs *self, struct install *install,
		const char *state, const GError *error)
{
	json_t *message = describe(install, state);
	json_object_set_new(message, "error", jsonline_from_error(error));
	g_hash_table_remove(self->tasks, install->task);
	self->tell(message, self->data);
}

static gboolean take(struct installs *self, const char *task, const char *image,
		     const char *version, const struct machine *machine,
		     GError **error)
{
	const struct conf *conf = machine_conf(machine);
	struct builds_installed installed = {
	    .profile = conf->profile,
	    .uefi = engine_profile_find(conf->profile)->uefi,
	    .plain = machine_install_plain(conf),
	    .machine = machine_folder(machine)};
	g_autofree char *disk =
	    g_build_filename(machine_folder(machine), "disk.qcow2", NULL);
	return builds_take(self->builds, task, image, version, disk, &installed,
			   error);
}

/* ---- looking ---- */

static const char *stage_of(const struct machine *machine)
{
	switch (machine_life(machine)) {
	case LIFE_STARTING:
		return "Starting the machine";
	case LIFE_RUNNING:
		return "Installing; its console is a desktop of its own, and "
		       "it is done when its system switches off";
	case LIFE_STOPPING:
		return "Its machine is being switched off";
	case LIFE_OFF:
		return "Its machine is off, and setup has not ended: start "
		       "its desktop, or say that it is done ('oriel image "
		       "finish')";
	case LIFE_FAILED:
		return "Its machine has failed: start its desktop again, or "
		       "cancel ('oriel image cancel')";
	}
	return NULL;
}

/* Machines that never came up have nothing to go on with. */
static gboolean is_lost(const struct machine *machine)
{
	const struct conf *conf = machine_conf(machine);
	return machine_life(machine) == LIFE_FAILED &&
	       (!conf || (!conf->owned && !conf->installed));
}

static void give_up(struct installs *self, struct install *install,
		    const struct machine *machine, const GError *why)
{
	g_autofree char *kept =
	    machine ? builds_keep(self->builds, install->image,
				  install->version, machine_folder(machine))
		    : NULL;
	g_autoptr(GError) told =
	    kept ? builds_tell_kept(why, kept) : g_error_copy(why);
	log_fault(NULL, told);
	end(self, install, "failed", told);
}

static void look(struct installs *self, struct install *install)
{
	struct machine *machine =
	    machine_of(self, install->image, install->version);
	g_autoptr(GError) error = NULL;
	if (!machine) {
		error = fault_new(FAULT_CONFLICT, "Begin it again.",
				  "The desktop that it was installed on was "
				  "removed.");
		end(self, install, "failed", error);
	} else if (machine_is_installed(machine)) {
		g_autofree char *task = g_strdup(install->task);
		if (take(self, task, install->image, install->version, machine,
			 &error))
			g_hash_table_remove(self->tasks, task);
		else
			give_up(self, install, machine, error);
	} else if (is_lost(machine) && machine_failure(machine)) {
		/* nothing ran: its cause is all there is to know */
		log_fault(NULL, machine_failure(machine));
		end(self, install, "failed", machine_failure(machine));
	} else if (g_strcmp0(install->stage, stage_of(machine)) != 0) {
		install->stage = stage_of(machine);
		self->tell(describe(install, "running"), self->data);
	}
}

static gboolean on_idle(void *data)
{
	struct installs *self = data;
	self->idle = 0;
	g_autoptr(GList) all = g_hash_table_get_values(self->tasks);
	for (GList *each = all; each; each = each->next)
		look(self, each->data); /* ends no other one */
	return G_SOURCE_REMOVE;
}

void installs_poke(struct installs *self)
{
	if (!self->idle && g_hash_table_size(self->tasks))
		self->idle = g_idle_add(on_idle, self);
}

/* ---- what is asked ---- */

gboolean installs_begin(struct installs *self, const char *task,
			const char *image, const char *version, GError **error)
{
	if (g_hash_table_contains(self->tasks, task) ||
	    builds_has(self->builds, task))
		return TRUE;
	g_autofree char *folder = image_folder(self->root, image, version);
	/* it has come to its end without the broker */
	if (g_file_test(folder, G_FILE_TEST_EXISTS))
		return builds_take(self->builds, task, image, version, NULL,
				   NULL, error);
	if (!machine_of(self, image, version)) {
		fault_set(error, FAULT_NOT_FOUND, "Begin it again.",
			  "There is no machine that image '%s' is installed "
			  "on.",
			  image);
		return FALSE;
	}
	struct install *install = g_new0(struct install, 1);
	install->task = g_strdup(task);
	install->image = g_strdup(image);
	install->version = g_strdup(version);
	g_hash_table_insert(self->tasks, install->task, install);
	installs_poke(self);
	return TRUE;
}

gboolean installs_finish(struct installs *self, const char *task,
			 GError **error)
{
	struct install *install = g_hash_table_lookup(self->tasks, task);
	if (!install && builds_has(self->builds, task))
		return TRUE; /* its end has come */
	struct machine *machine =
	    install ? machine_of(self, install->image, install->version) : NULL;
	if (!machine) {
		fault_set(error, FAULT_NOT_FOUND, NULL,
			  "No installation '%s' is under way on this host.",
			  task);
		return FALSE;
	}
	installs_poke(self);
	return machine_finish_install(machine, error);
}

gboolean installs_cancel(struct installs *self, const char *task)
{
	struct install *install = g_hash_table_lookup(self->tasks, task);
	if (!install)
		return FALSE;
	g_autoptr(GError) error =
	    fault_new(FAULT_CANCELLED, NULL, "The installation was cancelled.");
	end(self, install, "cancelled", error);
	return TRUE;
}
