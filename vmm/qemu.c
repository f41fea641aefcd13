/* Engine "qemu": qemu-system-x86_64 with KVM where it really runs guests, and
 * with emulation (TCG) where it does not. */
#include "vmm/qemu.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "common/fault.h"
#include "vmm/process.h"

/* Display1 over peer-to-peer D-Bus and -netdev stream came with it. */
#define OLDEST_MAJOR 7
#define OLDEST_MINOR 2
/* Telling it takes milliseconds; on a disk that has gone away, for ever. */
#define VERSION_MS 5000

struct qemu_program {
	char *path; /* NULL: not installed */
	char *version;
	unsigned major, minor;
	gint64 size, changed; /* of the file: notices an upgrade */
};

static void look(struct qemu_program *self)
{
	g_autofree char *path = g_find_program_in_path("qemu-system-x86_64");
	GStatBuf st = {0};
	if (path)
		(void)g_stat(path, &st);
	if (g_strcmp0(path, self->path) == 0 && st.st_size == self->size &&
	    st.st_mtime == self->changed)
		return;
	g_clear_pointer(&self->path, g_free);
	g_clear_pointer(&self->version, g_free);
	self->major = self->minor = 0;
	self->size = st.st_size;
	self->changed = st.st_mtime;
	self->path = g_steal_pointer(&path);
	if (!self->path)
		return;
	const char *const argv[] = {self->path, "--version", NULL};
	g_autofree char *out = process_output(argv, VERSION_MS);
	const char *at = out ? strstr(out, "version ") : NULL;
	if (at && sscanf(at, "version %u.%u", &self->major, &self->minor) == 2)
		self->version = g_strndup(at + 8, strcspn(at + 8, "\n"));
}

static const struct qemu_program *program(void)
{
	static struct qemu_program self;
	look(&self);
	return &self;
}

const char *qemu_path(void)
{
	return program()->path;
}

const char *qemu_version(void)
{
	return program()->version;
}

static gboolean qemu_usable(GError **error)
{
	const struct qemu_program *qemu = program();
	if (!qemu->path)
		fault_set(error, FAULT_UNAVAILABLE,
			  "Install it: apt-get install qemu-system-x86.",
			  "QEMU is not installed: there is no "
			  "qemu-system-x86_64 in PATH.");
	else if (!qemu->version)
		fault_set(error, FAULT_UNAVAILABLE,
			  "Install it again: apt-get install --reinstall "
			  "qemu-system-x86.",
			  "QEMU ('%s') does not run: it does not tell its "
			  "version.",
			  qemu->path);
	else if (qemu->major < OLDEST_MAJOR ||
		 (qemu->major == OLDEST_MAJOR && qemu->minor < OLDEST_MINOR))
		fault_set(error, FAULT_UNAVAILABLE,
			  "Install QEMU 7.2 or later.",
			  "QEMU %s is too old: it has no peer-to-peer display.",
			  qemu->version);
	else
		return TRUE;
	return FALSE;
}

static const char *qemu_accelerator(void)
{
	return kvm_probe_result()->usable ? "kvm" : "tcg";
}

/* The features of this processor, which show through with KVM. */
static char *host_features(void)
{
	g_autofree char *text = NULL;
	if (!g_file_get_contents("/proc/cpuinfo", &text, NULL, NULL))
		return g_strdup("");
	const char *model = strstr(text, "\nmodel name");
	const char *flags = strstr(text, "\nflags");
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	if (model)
		g_checksum_update(sum, (const guchar *)model + 1,
				  (gssize)strcspn(model + 1, "\n"));
	if (flags)
		g_checksum_update(sum, (const guchar *)flags + 1,
				  (gssize)strcspn(flags + 1, "\n"));
	return g_strdup(g_checksum_get_string(sum));
}

static void qemu_fingerprint(const struct engine_spec *spec, json_t *facts)
{
	const struct qemu_program *qemu = program();
	json_object_set_new(facts, "version",
			    json_string(qemu->version ? qemu->version : ""));
	json_object_set_new(facts, "program",
			    json_pack("[I,I]", (json_int_t)qemu->size,
				      (json_int_t)qemu->changed));
	json_object_set_new(facts, "accelerator",
			    json_string(qemu_accelerator()));
	json_object_set_new(facts, "machine", json_string(QEMU_MACHINE));
	json_object_set_new(facts, "layout", json_integer(QEMU_LAYOUT));
	if (kvm_probe_result()->usable) {
		g_autofree char *features = host_features();
		json_object_set_new(facts, "host-cpu", json_string(features));
	}
}

/* ---- what it says when it dies at start ---- */

static const struct {
	const char *says;
	enum fault_code code;
	const char *cause, *remedy;
} deaths[] = {
    {"Failed to get \"write\" lock", FAULT_CONFLICT,
     "Its disk is in use by another process.",
     "Switch off the machine, or end the program, that has it open."},
    {"Failed to get \"consistent read\" lock", FAULT_CONFLICT,
     "Its disk's base image is being written by another process.",
     "Wait until that has ended."},
    {"Could not access KVM kernel module: Permission denied", FAULT_DENIED,
     "It may not open /dev/kvm.",
     "Add the user that runs Oriel to the group kvm, or run oriel doctor."},
    {"failed to initialize kvm", FAULT_UNAVAILABLE, "KVM does not start.",
     "Run oriel doctor: it tells what is wrong with KVM."},
    {"No space left on device", FAULT_STORAGE, "A disk is full.",
     "Free some space."},
    {"Cannot allocate memory", FAULT_BUSY, "There is too little free memory.",
     "Switch off another machine, or give this one less memory."},
    {"Image is corrupt", FAULT_STORAGE, "Its disk is damaged.",
     "Restore it, or check it with qemu-img check."},
    {"Image is not in qcow2 format", FAULT_STORAGE, "Its disk is damaged.",
     "Restore it from a backup or make the machine anew."},
    {"could not load kernel", FAULT_STORAGE,
     "Its image's kernel cannot be loaded.", "Build the image anew."},
    {"Could not open", FAULT_STORAGE, "One of its files cannot be opened.",
     "See the end of its log for which one and why."},
};

static GError *qemu_explain(const struct engine_spec *spec, const char *log)
{
	for (gsize i = 0; i < G_N_ELEMENTS(deaths); i++)
		if (strstr(log, deaths[i].says))
			return fault_new(deaths[i].code, deaths[i].remedy,
					 "Machine '%s' did not start. %s",
					 spec->id, deaths[i].cause);
	return NULL;
}

static const struct engine_ops ops = {
    .name = "qemu",
    .clones = TRUE,
    .usable = qemu_usable,
    .accelerator = qemu_accelerator,
    .command = qemu_command,
    .fingerprint = qemu_fingerprint,
    .plug = qemu_plug,
    .explain = qemu_explain,
};

const struct engine engine_qemu = {.ops = &ops};
