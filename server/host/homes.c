#include "server/host/homes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/host/files.h"
#include "server/host/space.h"

/* a new file system's own */
#define ROOM_MIB 64

static char *home_path(const struct paths_root *root, const char *home,
		       const char *rest)
{
	return g_build_filename(root->lib, "homes", home, rest, NULL);
}

static char *backup_path(const struct paths_root *root, const char *home,
			 const char *name)
{
	g_autofree char *file = g_strconcat(name, ".qcow2", NULL);
	return g_build_filename(root->lib, "homes", home, "backups", file,
				NULL);
}

/* ---- the lease ---- */

void home_lease_clear(struct home_lease *lease)
{
	g_clear_pointer(&lease->machine, g_free);
	lease->epoch = 0;
}

gboolean home_lease_load(const struct paths_root *root, const char *home,
			 struct home_lease *lease, GError **error)
{
	*lease = (struct home_lease){0};
	g_autofree char *path = home_path(root, home, "lease");
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return TRUE;
	json_t *json = json_load_file(path, 0, NULL);
	const char *machine;
	json_int_t epoch;
	gboolean valid = json && json_unpack(json, "{s:s, s:I}", "machine",
					     &machine, "epoch", &epoch) == 0;
	if (valid) {
		lease->machine = *machine ? g_strdup(machine) : NULL;
		lease->epoch = epoch;
	} else {
		/* nobody knows who has it: it stays where it is */
		fault_set(error, FAULT_STORAGE,
			  "See that no desktop of that person runs, then "
			  "remove the file.",
			  "'%s' cannot be read.", path);
	}
	json_decref(json);
	return valid;
}

static gboolean lease_save(const struct paths_root *root, const char *home,
			   const char *machine, gint64 epoch, GError **error)
{
	g_autofree char *path = home_path(root, home, "lease");
	json_t *json =
	    json_pack("{s:s, s:I}", "machine", machine ? machine : "", "epoch",
		      (json_int_t)epoch);
	char *text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	g_autoptr(GError) why = NULL;
	gboolean saved = g_file_set_contents_full(
	    path, text, -1,
	    G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600,
	    &why);
	free(text);
	if (!saved)
		fault_set(error, FAULT_STORAGE, "Make room on that disk.", "%s",
			  why->message);
	return saved;
}

char *homes_of(const struct paths_root *root, const char *machine)
{
	g_autofree char *folder = g_build_filename(root->lib, "homes", NULL);
	g_autoptr(GPtrArray) names = files_list(folder);
	for (guint i = 0; i < names->len; i++) {
		struct home_lease lease;
		const char *name = names->pdata[i];
		gboolean same = home_lease_load(root, name, &lease, NULL) &&
				g_strcmp0(lease.machine, machine) == 0;
		home_lease_clear(&lease);
		if (same)
			return g_strdup(name);
	}
	return NULL;
}

void home_lease_release(const struct paths_root *root, const char *machine)
{
	g_autofree char *home = homes_of(root, machine);
	g_autoptr(GError) error = NULL;
	struct home_lease lease = {0};
	if (home && (!home_lease_load(root, home, &lease, &error) ||
		     !lease_save(root, home, NULL, lease.epoch, &error)))
		log_fault(&(struct log_about){.vm = machine}, error);
	home_lease_clear(&lease);
}

/* ---- a new disk ---- */

static GHashTable *working; /* homes that a tool is at; by id */

gboolean homes_at_work(const char *home, GError **error)
{
	if (!working || !g_hash_table_contains(working, home))
		return FALSE;
	fault_set(error, FAULT_CONFLICT, "Try again in a moment.",
		  "Home '%s' is being made, copied or restored.", home);
	return TRUE;
}

struct tool { /* a program that makes a file, which gets its name at the end */
	char *home;
	char *part, *path;
	const char *what;
	machine_answered answered;
	void *data;
};

static void tool_end(struct tool *tool, const GError *error)
{
	if (error)
		unlink(tool->part);
	g_hash_table_remove(working, tool->home);
	tool->answered(error ? NULL : json_object(), error, tool->data);
	g_free(tool->home);
	g_free(tool->part);
	g_free(tool->path);
	g_free(tool);
}

static gboolean put_in_place(const struct tool *tool, GError **error)
{
	int fd = open(tool->part, O_RDONLY | O_CLOEXEC);
	gboolean ok = fd >= 0 && fchmod(fd, 0600) == 0 && fsync(fd) == 0 &&
		      rename(tool->part, tool->path) == 0;
	if (!ok)
		fault_set(error, FAULT_STORAGE, "Make room on that disk.",
			  "'%s' cannot be written: %s.", tool->path,
			  g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

static void on_tool(GObject *source, GAsyncResult *result, void *data)
{
	struct tool *tool = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) why = NULL;
	g_autofree char *err = NULL;
	GSubprocess *process = G_SUBPROCESS(source);
	if (!g_subprocess_communicate_utf8_finish(process, result, NULL, &err,
						  &why)) {
		fault_set(&error, FAULT_UNAVAILABLE, NULL, "%s: %s.",
			  tool->what, why->message);
	} else if (!g_subprocess_get_successful(process)) {
		g_strstrip(err);
		g_autofree char *said = log_quote(err, MIN(strlen(err), 500));
		fault_set(&error, FAULT_STORAGE,
			  strstr(err, "No space left")
			      ? "Make room on the host's disk."
			      : NULL,
			  "%s failed: %s.", tool->what, said);
	} else {
		put_in_place(tool, &error);
	}
	tool_end(tool, error);
}

static void tool_run(struct tool *tool, const char *const *argv)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(GSubprocess) process = g_subprocess_newv(
	    argv,
	    G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE,
	    &why);
	if (process) {
		g_subprocess_communicate_utf8_async(process, NULL, NULL,
						    on_tool, tool);
		return;
	}
	g_autoptr(GError) error =
	    fault_new(FAULT_UNAVAILABLE,
		      "Install it: apt-get install e2fsprogs qemu-utils.",
		      "%s cannot be started: %s.", argv[0], why->message);
	tool_end(tool, error);
}

static struct tool *tool_new(const char *home, char *path, const char *what,
			     machine_answered answered, void *data)
{
	struct tool *tool = g_new0(struct tool, 1);
	if (!working)
		working = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						NULL);
	g_hash_table_add(working, g_strdup(home));
	tool->home = g_strdup(home);
	tool->path = path;
	tool->part = g_strconcat(path, ".part", NULL);
	tool->what = what;
	tool->answered = answered;
	tool->data = data;
	unlink(tool->part);
	return tool;
}

/* Sparse: what is free in it takes no room. The guest's account is 1000. */
static void make_disk(const struct paths_root *root, const char *home,
		      gint64 size_mib, machine_answered answered, void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *folder = home_path(root, home, NULL);
	if (!space_check(folder, ROOM_MIB, "make a home", &error)) {
		answered(NULL, error, data);
		return;
	}
	struct tool *tool =
	    tool_new(home, home_path(root, home, "home.img"),
		     "Making the home's file system", answered, data);
	int fd =
	    open(tool->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size_mib << 20) < 0)
		fault_set(&error, FAULT_STORAGE, "Make room on that disk.",
			  "'%s' cannot be made: %s.", tool->part,
			  g_strerror(errno));
	if (fd >= 0)
		close(fd);
	if (error) {
		tool_end(tool, error);
		return;
	}
	/* mke2fs is in sbin, which is not in everybody's PATH */
	g_autofree char *found = g_find_program_in_path("mke2fs");
	const char *argv[] = {found ? found : "/usr/sbin/mke2fs",
			      "-q",
			      "-F",
			      "-t",
			      "ext4",
			      "-m",
			      "0",
			      "-L",
			      "oriel-home",
			      "-E",
			      "lazy_itable_init=1,lazy_journal_init=1",
			      tool->part,
			      NULL};
	tool_run(tool, argv);
}

/* ---- attaching ---- */

struct attach {
	struct machine *machine;
	char *home, *disk;
	machine_answered answered;
	void *data;
};

static void attach_end(struct attach *attach, const GError *error)
{
	attach->answered(error ? NULL : json_object(), error, attach->data);
	machine_unref(attach->machine);
	g_free(attach->home);
	g_free(attach->disk);
	g_free(attach);
}

static void on_entered(const GError *error, void *data)
{
	attach_end(data, error);
}

static void on_disk(json_t *fields, const GError *error, void *data)
{
	struct attach *attach = data;
	json_decref(fields);
	if (error)
		attach_end(attach, error);
	else
		machine_home_enter(attach->machine, attach->disk, on_entered,
				   attach);
}

static gboolean take(const struct paths_root *root, const char *machine,
		     const struct home_grant *grant, GError **error)
{
	struct home_lease lease;
	g_autofree char *folder = home_path(root, grant->home, NULL);
	if (!files_make_folder(folder, error) ||
	    !home_lease_load(root, grant->home, &lease, error))
		return FALSE;
	gboolean old = grant->epoch < lease.epoch;
	gboolean same = grant->epoch == lease.epoch &&
			g_strcmp0(lease.machine, machine) == 0;
	if (old)
		fault_set(error, FAULT_CONFLICT, "Open the desktop again.",
			  "Home '%s' has been given to another desktop "
			  "meanwhile.",
			  grant->home);
	home_lease_clear(&lease);
	return !old && (same || lease_save(root, grant->home, machine,
					   grant->epoch, error));
}

void homes_attach(struct machine *machine, const struct home_grant *grant,
		  machine_answered answered, void *data)
{
	const struct paths_root *root = machine_root(machine);
	g_autoptr(GError) error = NULL;
	g_autofree char *disk = home_path(root, grant->home, "home.img");
	gboolean there = access(disk, F_OK) == 0;
	if (!there && !grant->fresh)
		fault_set(&error, FAULT_STORAGE,
			  "Restore it from a backup ('oriel home restore'), or "
			  "remove the home.",
			  "The disk of home '%s' is missing: %s.", grant->home,
			  disk);
	if (error || !take(root, machine_id(machine), grant, &error)) {
		answered(NULL, error, data);
		return;
	}
	struct attach *attach = g_new0(struct attach, 1);
	attach->machine = machine_ref(machine);
	attach->home = g_strdup(grant->home);
	attach->disk = g_strdup(disk);
	attach->answered = answered;
	attach->data = data;
	if (there)
		on_disk(NULL, NULL, attach);
	else
		make_disk(root, grant->home, grant->size_mib, on_disk, attach);
}

/* ---- at rest ---- */

static gboolean must_exist(const char *path, const char *what, const char *name,
			   GError **error)
{
	if (access(path, F_OK) == 0)
		return TRUE;
	fault_set(error, FAULT_NOT_FOUND,
		  "'oriel home show' tells what there is.",
		  "There is no %s '%s' on this host.", what, name);
	return FALSE;
}

static json_t *backup_json(const char *folder, const char *file)
{
	struct stat st;
	g_autofree char *path = g_build_filename(folder, file, NULL);
	if (!g_str_has_suffix(file, ".qcow2") || stat(path, &st) < 0)
		return NULL;
	g_autofree char *name = g_strndup(file, strlen(file) - 6);
	return json_pack("{s:s, s:I, s:I}", "name", name, "bytes",
			 (json_int_t)st.st_blocks * 512, "at",
			 (json_int_t)st.st_mtime);
}

json_t *homes_describe(const struct paths_root *root, const char *home,
		       GError **error)
{
	g_autofree char *folder = home_path(root, home, NULL);
	g_autofree char *disk = home_path(root, home, "home.img");
	g_autofree char *backups = home_path(root, home, "backups");
	struct stat st = {0};
	if (!must_exist(folder, "home", home, error))
		return NULL;
	if (stat(disk, &st) < 0)
		st.st_size = st.st_blocks = 0;
	g_autoptr(GPtrArray) names = files_list(backups);
	json_t *list = json_array();
	for (guint i = 0; i < names->len; i++) {
		json_t *each = backup_json(backups, names->pdata[i]);
		if (each)
			json_array_append_new(list, each);
	}
	return json_pack("{s:I, s:I, s:o}", "bytes", (json_int_t)st.st_size,
			 "used_bytes", (json_int_t)st.st_blocks * 512,
			 "backups", list);
}

gboolean homes_remove(const struct paths_root *root, const char *home,
		      GError **error)
{
	g_autofree char *folder = home_path(root, home, NULL);
	return must_exist(folder, "home", home, error) &&
	       files_remove_tree(folder, error);
}

gboolean homes_backup_remove(const struct paths_root *root, const char *home,
			     const char *name, GError **error)
{
	g_autofree char *path = backup_path(root, home, name);
	return must_exist(path, "backup", name, error) &&
	       files_remove_tree(path, error);
}

void homes_copy(const struct paths_root *root, const char *home,
		const char *name, gboolean back, machine_answered answered,
		void *data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *disk = home_path(root, home, "home.img");
	g_autofree char *backup = backup_path(root, home, name);
	g_autofree char *folder = home_path(root, home, "backups");
	if (!must_exist(back ? backup : disk, back ? "backup" : "home",
			back ? name : home, &error) ||
	    !files_make_folder(folder, &error)) {
		answered(NULL, error, data);
		return;
	}
	if (!back && access(backup, F_OK) == 0) {
		error = fault_new(FAULT_CONFLICT, "Choose another name.",
				  "Home '%s' has a backup '%s' already.", home,
				  name);
		answered(NULL, error, data);
		return;
	}
	struct tool *tool = tool_new(
	    home, g_strdup(back ? disk : backup),
	    back ? "Restoring the home" : "Copying the home", answered, data);
	/* neither is what a guest calls it: the format is said */
	const char *argv[] = {"qemu-img",
			      "convert",
			      "-f",
			      back ? "qcow2" : "raw",
			      "-O",
			      back ? "raw" : "qcow2",
			      back ? backup : disk,
			      tool->part,
			      NULL};
	tool_run(tool, argv);
}
