#include "server/host/findings.h"

#include <errno.h>
#include <gio/gio.h>
#include <sched.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/host/space.h"

/* an image, its build and a few desktops */
#define DISK_BAD_MIB    3072
#define DISK_WARN_MIB   10240
#define MEMORY_WARN_MIB 2048

G_GNUC_PRINTF(4, 5)
static struct engine_finding *add(GPtrArray *findings, const char *name,
				  int level, const char *found, ...)
{
	struct engine_finding *finding = g_new0(struct engine_finding, 1);
	va_list args;
	va_start(args, found);
	finding->name = g_strdup(name);
	finding->level = level;
	finding->found = g_strdup_vprintf(found, args);
	va_end(args);
	g_ptr_array_add(findings, finding);
	return finding;
}

static gboolean have(GPtrArray *findings, const char *name)
{
	for (guint i = 0; i < findings->len; i++) {
		struct engine_finding *finding = findings->pdata[i];
		if (strcmp(finding->name, name) == 0)
			return TRUE;
	}
	return FALSE;
}

/* ---- room ---- */

static void look_at_disk(GPtrArray *findings, const struct paths_root *root)
{
	/* the installation may not be there yet: the folder it will be in */
	g_autofree char *folder = g_strdup(root->lib);
	while (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
		char *above = g_path_get_dirname(folder);
		g_free(folder);
		folder = above;
	}
	guint64 mib = space_free_mib(folder);
	struct engine_finding *finding =
	    add(findings, "storage",
		mib < DISK_BAD_MIB    ? FINDING_BAD
		: mib < DISK_WARN_MIB ? FINDING_WARN
				      : FINDING_GOOD,
		"%.1f GiB free for images and desktops in %s",
		(double)mib / 1024, folder);
	if (finding->level != FINDING_GOOD)
		finding->remedy = g_strdup("Make room: an image takes 1 to 4 "
					   "GiB, a template as much as the "
					   "desktop has memory.");
}

static void look_at_memory(GPtrArray *findings)
{
	g_autofree char *text = NULL;
	guint64 mib = G_MAXUINT64;
	if (g_file_get_contents("/proc/meminfo", &text, NULL, NULL)) {
		const char *at = strstr(text, "MemAvailable:");
		if (at)
			mib = g_ascii_strtoull(at + 13, NULL, 10) >> 10;
	}
	if (mib == G_MAXUINT64 || have(findings, "memory"))
		return;
	struct engine_finding *finding =
	    add(findings, "memory",
		mib < MEMORY_WARN_MIB ? FINDING_WARN : FINDING_GOOD,
		"%.1f GiB available", (double)mib / 1024);
	if (finding->level != FINDING_GOOD)
		finding->remedy =
		    g_strdup("Every desktop needs 0.5 to 1 GiB of its own, "
			     "what clones share not counted.");
}

/* ---- programs ---- */

static void look_at_programs(GPtrArray *findings)
{
	static const struct {
		const char *name, *package, *what;
		gboolean needed;
	} programs[] = {
	    {"qemu-img", "qemu-utils", "makes disks", TRUE},
	    {"mmdebstrap", "mmdebstrap", "builds images", FALSE},
	    {"mkfs.ext4", "e2fsprogs", "builds images", FALSE},
	    {"passt", "passt", "connects desktops to the network", FALSE},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(programs); i++) {
		if (have(findings, programs[i].name))
			continue; /* an engine has said more of it */
		g_autofree char *path =
		    g_find_program_in_path(programs[i].name);
		g_autofree char *sbin =
		    g_build_filename("/usr/sbin", programs[i].name, NULL);
		if (!path && g_file_test(sbin, G_FILE_TEST_IS_EXECUTABLE))
			path = g_steal_pointer(&sbin);
		if (path) {
			add(findings, programs[i].name, FINDING_GOOD, "%s (%s)",
			    path, programs[i].what);
			continue;
		}
		struct engine_finding *finding =
		    add(findings, programs[i].name,
			programs[i].needed ? FINDING_BAD : FINDING_WARN,
			"not there (%s)", programs[i].what);
		finding->remedy =
		    g_strdup_printf("apt install %s", programs[i].package);
	}
	static const char *const ours[] = {"oriel-display",
					   "oriel-image-build"};
	for (gsize i = 0; i < G_N_ELEMENTS(ours); i++) {
		g_autofree char *path = paths_program(ours[i]);
		if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE)) {
			add(findings, ours[i], FINDING_GOOD, "%s", path);
			continue;
		}
		struct engine_finding *finding =
		    add(findings, ours[i], FINDING_BAD, "not at %s", path);
		finding->remedy = g_strdup("Run make, or make install.");
	}
}

/* ---- isolation ---- */

/* Tried, since what sysctls and policies say together is hard to tell. */
static gboolean user_namespaces(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
	int status = 1;
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return pid > 0 && status == 0;
}

static void look_at_isolation(GPtrArray *findings,
			      const struct paths_root *root)
{
	struct engine_finding *finding;
	if (user_namespaces()) {
		add(findings, "user-namespaces", FINDING_GOOD,
		    "can be made without privileges");
	} else {
		finding = add(findings, "user-namespaces",
			      geteuid() == 0 ? FINDING_GOOD : FINDING_WARN,
			      "cannot be made without privileges");
		finding->chosen =
		    g_strdup("images are built as root or not at all");
		finding->remedy =
		    g_strdup("sysctl kernel.unprivileged_userns_clone=1");
	}
	if (!root->rootless)
		return;
	finding = add(findings, "isolation", FINDING_WARN,
		      "--root: everything runs as user %s", g_get_user_name());
	finding->chosen = g_strdup(
	    "a guest that broke out of its virtual machine would be that "
	    "user; folders are closed to others (mode 0700), guests reach "
	    "the outside only");
	finding->remedy = g_strdup("For more than trying out, install the "
				   "services: make install.");
}

/* ---- time ---- */

static void look_at_time(GPtrArray *findings)
{
	struct timex now = {0};
	int state = adjtimex(&now);
	if (state < 0)
		return; /* not ours to know in this container */
	if (state != TIME_ERROR && !(now.status & STA_UNSYNC)) {
		add(findings, "time", FINDING_GOOD,
		    "the clock is synchronised");
		return;
	}
	struct engine_finding *finding =
	    add(findings, "time", FINDING_WARN,
		"the kernel does not know the clock to be synchronised");
	finding->chosen = g_strdup("desktops get the time of this machine");
	finding->remedy = g_strdup("apt install systemd-timesyncd");
}

/* ---- what other roles need ---- */

static void look_at_tls(GPtrArray *findings)
{
	if (g_tls_backend_supports_tls(g_tls_backend_get_default())) {
		add(findings, "tls", FINDING_GOOD, "glib-networking is there");
		return;
	}
	add(findings, "tls", FINDING_BAD,
	    "glib-networking is absent: nothing can connect")
	    ->remedy = g_strdup("apt install glib-networking");
}

/* ---- all ---- */

GPtrArray *findings_new(const struct paths_root *root)
{
	GPtrArray *findings =
	    g_ptr_array_new_with_free_func((GDestroyNotify)engine_finding_free);
	g_autofree char *cache = paths_cache();
	engine_probe(cache, findings);
	look_at_disk(findings, root);
	look_at_memory(findings);
	look_at_programs(findings);
	look_at_isolation(findings, root);
	look_at_time(findings);
	return findings;
}

GPtrArray *findings_all(const struct paths_root *root)
{
	GPtrArray *findings = findings_new(root);
	look_at_tls(findings);
	return findings;
}

json_t *findings_json(GPtrArray *findings)
{
	static const char *const levels[] = {[FINDING_GOOD] = "good",
					     [FINDING_WARN] = "warn",
					     [FINDING_BAD] = "bad"};
	json_t *out = json_array();
	for (guint i = 0; i < findings->len; i++) {
		struct engine_finding *finding = findings->pdata[i];
		json_array_append_new(
		    out,
		    json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "name",
			      finding->name, "level", levels[finding->level],
			      "found", finding->found, "chosen",
			      finding->chosen, "remedy", finding->remedy));
	}
	return out;
}

int findings_level(GPtrArray *findings)
{
	int worst = FINDING_GOOD;
	for (guint i = 0; i < findings->len; i++) {
		struct engine_finding *finding = findings->pdata[i];
		worst = MAX(worst, (int)finding->level);
	}
	return worst;
}
