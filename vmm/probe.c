/* The lines of `oriel doctor` about machines: what is there, what was made of
 * it, what would make it better. */
#include "vmm/probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "vmm/net.h"
#include "vmm/qemu.h"

static struct kvm_probe kvm;
static gboolean kvm_probed;

const struct kvm_probe *kvm_probe_result(void)
{
	if (!kvm_probed)
		kvm_probe_run(NULL, &kvm);
	kvm_probed = TRUE;
	return &kvm;
}

void finding_add(GPtrArray *findings, const char *name, int level,
		 const char *chosen, const char *remedy, const char *found, ...)
{
	struct engine_finding *self = g_new0(struct engine_finding, 1);
	va_list args;
	va_start(args, found);
	self->found = g_strdup_vprintf(found, args);
	va_end(args);
	self->name = g_strdup(name);
	self->level = level;
	self->chosen = g_strdup(chosen);
	self->remedy = g_strdup(remedy);
	g_ptr_array_add(findings, self);
}

static void find_kvm(GPtrArray *findings)
{
	if (kvm.usable)
		finding_add(findings, "kvm", FINDING_GOOD,
			    "Machines run on the processor itself (KVM).", NULL,
			    "/dev/kvm runs %.0f million instructions a second.",
			    kvm.mips);
	else
		finding_add(findings, "kvm", FINDING_WARN,
			    "Machines are emulated (QEMU's TCG): they work, "
			    "but a good deal slower.",
			    kvm.remedy, "KVM is of no use here: %s.",
			    kvm.cause);
}

static void find_qemu(GPtrArray *findings)
{
	g_autoptr(GError) error = NULL;
	if (engine_qemu.ops->usable(&error)) {
		finding_add(findings, "qemu", FINDING_GOOD,
			    "Engine qemu runs the machines.", NULL, "QEMU %s.",
			    qemu_version());
		return;
	}
	const char *remedy = strchr(error->message, '\n');
	int length = (int)strcspn(error->message, "\n");
	finding_add(findings, "qemu", FINDING_BAD, "No machine can start.",
		    remedy ? remedy + 1 : NULL, "%.*s", length, error->message);
}

static void find_monitor(GPtrArray *findings)
{
	g_autoptr(GError) error = NULL;
	if (engine_kvm.ops->usable(&error)) {
		finding_add(findings, "oriel-vmm", FINDING_GOOD,
			    "Engine kvm runs desktops that start from a disk "
			    "of their own. Engine qemu runs those that are "
			    "cloned from a template, which kvm cannot do yet.",
			    NULL, "Oriel's own monitor can run machines here.");
		return;
	}
	/* nothing is lost: engine qemu runs the machines */
	finding_add(findings, "oriel-vmm", FINDING_GOOD,
		    "Engine qemu runs the machines.", NULL,
		    "Oriel's own monitor cannot run machines here: %.*s",
		    (int)strcspn(error->message, "\n"), error->message);
}

static void find_qemu_img(GPtrArray *findings)
{
	g_autofree char *path = g_find_program_in_path("qemu-img");
	if (path)
		finding_add(findings, "qemu-img", FINDING_GOOD, NULL, NULL,
			    "%s makes disks.", path);
	else
		finding_add(findings, "qemu-img", FINDING_BAD,
			    "No image can be built and no desktop made.",
			    "Install it: apt-get install qemu-utils.",
			    "There is no qemu-img in PATH.");
}

static void find_memory(GPtrArray *findings)
{
	g_autofree char *text = NULL;
	g_file_get_contents("/proc/meminfo", &text, NULL, NULL);
	const char *total = text ? strstr(text, "MemTotal:") : NULL;
	const char *free = text ? strstr(text, "MemAvailable:") : NULL;
	guint64 total_mib =
	    total ? g_ascii_strtoull(total + 9, NULL, 10) / 1024 : 0;
	guint64 free_mib =
	    free ? g_ascii_strtoull(free + 13, NULL, 10) / 1024 : 0;
	/* one desktop and the host's own needs */
	gboolean enough = free_mib >= 2048;
	finding_add(findings, "memory", enough ? FINDING_GOOD : FINDING_WARN,
		    enough ? NULL : "Desktops may fail to start.",
		    enough ? NULL
			   : "Have 2 GiB free for the first desktop; clones of "
			     "it need less.",
		    "%" G_GUINT64_FORMAT " MiB, of which %" G_GUINT64_FORMAT
		    " MiB are free.",
		    total_mib, free_mib);
}

static void find_disk(GPtrArray *findings, const char *folder)
{
	/* the nearest parent that is there */
	g_autofree char *path = g_strdup(folder);
	struct statvfs fs;
	while (statvfs(path, &fs) < 0 && strcmp(path, "/") != 0 &&
	       strcmp(path, ".") != 0) {
		char *up = g_path_get_dirname(path);
		g_free(path);
		path = up;
	}
	if (statvfs(path, &fs) < 0)
		return;
	guint64 free_mib = (guint64)fs.f_bavail * fs.f_frsize >> 20;
	gboolean enough = free_mib >= 8192;
	finding_add(findings, "disk", enough ? FINDING_GOOD : FINDING_WARN,
		    enough ? NULL
			   : "Images may not fit, and machines wait when the "
			     "disk is full.",
		    enough ? NULL : "Have 8 GiB free.",
		    "%" G_GUINT64_FORMAT " MiB are free at '%s'.", free_mib,
		    path);
}

static void find_cpus(GPtrArray *findings)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	finding_add(findings, "cpu", count > 1 ? FINDING_GOOD : FINDING_WARN,
		    NULL,
		    count > 1 ? NULL : "Two or more make desktops smooth.",
		    "%ld processor%s.", count, count == 1 ? "" : "s");
}

void engine_probe(const char *cache_dir, GPtrArray *findings)
{
	if (!kvm_probed)
		kvm_probe_run(cache_dir, &kvm);
	kvm_probed = TRUE;
	if (!findings)
		return;
	find_kvm(findings);
	find_qemu(findings);
	find_monitor(findings);
	net_findings(findings);
	find_qemu_img(findings);
	find_cpus(findings);
	find_memory(findings);
	find_disk(findings, cache_dir ? cache_dir : "/");
}
