#include "server/image/needs.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/image/cache.h"
#include "server/image/child.h"

/* The light desktop's tree, packages and raw disk take 1.9 GiB, its image
 * 0.8; a larger recipe that runs out later says so then. */
#define TEMP_NEEDS_MIB   2200u
#define OUTPUT_NEEDS_MIB 900u

const char *needs_mode(void)
{
	return geteuid() == 0 ? "root" : "unshare";
}

/* ---- tools ---- */

static char *find_tool(const char *name)
{
	/* mke2fs is in sbin, which is not in everybody's PATH */
	static const char *const SBIN[] = {"/usr/sbin", "/sbin"};
	char *found = g_find_program_in_path(name);
	for (gsize i = 0; !found && i < G_N_ELEMENTS(SBIN); i++) {
		g_autofree char *path = g_build_filename(SBIN[i], name, NULL);
		if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
			found = g_steal_pointer(&path);
	}
	return found;
}

static gboolean can_unshare(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
	int status;
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static gboolean has_subordinate(const char *file)
{
	g_autofree char *text = NULL;
	if (!g_file_get_contents(file, &text, NULL, NULL))
		return FALSE;
	const struct passwd *user = getpwuid(getuid());
	g_autofree char *uid = g_strdup_printf("%u", (unsigned)getuid());
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (gsize i = 0; lines[i]; i++) {
		g_auto(GStrv) part = g_strsplit(lines[i], ":", 3);
		if (g_strv_length(part) == 3 &&
		    g_ascii_strtoull(part[2], NULL, 10) >= 65536 &&
		    (strcmp(part[0], uid) == 0 ||
		     (user && strcmp(part[0], user->pw_name) == 0)))
			return TRUE;
	}
	return FALSE;
}

static gboolean needs_namespaces(GError **error)
{
	if (!can_unshare()) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Build as root, or let users make namespaces: "
			  "sysctl kernel.unprivileged_userns_clone=1 and "
			  "user.max_user_namespaces=10000.",
			  "This machine does not let ordinary users make user "
			  "namespaces, which building an image needs.");
		return FALSE;
	}
	if (!has_subordinate("/etc/subuid") ||
	    !has_subordinate("/etc/subgid")) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Build as root, or give yourself some: sudo usermod "
			  "--add-subuids 100000-165535 --add-subgids "
			  "100000-165535 USER",
			  "Your account has no 65536 subordinate ids in "
			  "/etc/subuid and /etc/subgid, which building an "
			  "image without root needs.");
		return FALSE;
	}
	return TRUE;
}

gboolean needs_tools(GError **error)
{
	static const struct {
		const char *program, *package;
		gboolean unshare;
	} TOOLS[] = {
	    {"mmdebstrap", "mmdebstrap", FALSE}, {"mke2fs", "e2fsprogs", FALSE},
	    {"qemu-img", "qemu-utils", FALSE},   {"tar", "tar", FALSE},
	    {"newuidmap", "uidmap", TRUE},
	};
	g_autoptr(GString) programs = g_string_new(NULL);
	g_autoptr(GString) packages = g_string_new(NULL);
	gboolean unshare_mode = strcmp(needs_mode(), "unshare") == 0;
	for (gsize i = 0; i < G_N_ELEMENTS(TOOLS); i++) {
		if (TOOLS[i].unshare && !unshare_mode)
			continue;
		g_autofree char *path = find_tool(TOOLS[i].program);
		if (path)
			continue;
		g_string_append_printf(programs, "%s%s",
				       programs->len ? ", " : "",
				       TOOLS[i].program);
		g_string_append_printf(packages, " %s", TOOLS[i].package);
	}
	if (programs->len) {
		g_autofree char *remedy = g_strdup_printf(
		    "Install them: apt-get install%s", packages->str);
		fault_set(error, FAULT_UNAVAILABLE, remedy,
			  "Building an image needs %s, not installed here.",
			  programs->str);
		return FALSE;
	}
	return !unshare_mode || needs_namespaces(error);
}

/* ---- folders ---- */

char *needs_temp_folder(GError **error)
{
	const char *base = g_getenv("TMPDIR");
	/* not /tmp: it may be memory, and a desktop does not fit */
	g_autofree char *path = g_build_filename(
	    base && *base ? base : "/var/tmp", "oriel-image-XXXXXX", NULL);
	if (g_mkdtemp_full(path, 0711)) {
		g_autofree char *tree = g_build_filename(path, "tree", NULL);
		g_autofree char *parent = g_path_get_dirname(path);
		needs_hold(path);
		needs_sweep(parent, "oriel-image-");
		if (chmod(path, 0711) == 0 && mkdir(tree, 0711) == 0 &&
		    chmod(tree, 0755) == 0)
			return g_steal_pointer(&path);
	}
	int err = errno;
	fault_set(error, FAULT_STORAGE,
		  "Set TMPDIR to a folder you may write, with some GiB free.",
		  "'%s' cannot be made: %s.", path, g_strerror(err));
	return NULL;
}

void needs_remove_temp(const char *path)
{
	remove_tree(path);
	if (!g_file_test(path, G_FILE_TEST_EXISTS) ||
	    strcmp(needs_mode(), "unshare") != 0)
		return;
	/* what mmdebstrap left when it was killed is the namespace's */
	const char *const argv[] = {
	    "mmdebstrap", "--unshare-helper", "rm", "-rf", "--", path, NULL};
	g_spawn_sync(NULL, (char **)argv, NULL,
		     G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
			 G_SPAWN_STDERR_TO_DEV_NULL,
		     NULL, NULL, NULL, NULL, NULL, NULL);
	remove_tree(path);
}

void needs_hold(const char *path)
{
	/* never closed: the lock is the mark, and goes with the process */
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		flock(fd, LOCK_EX | LOCK_NB);
}

void needs_sweep(const char *parent, const char *prefix)
{
	g_autoptr(GDir) dir = g_dir_open(parent, 0, NULL);
	const char *name;
	while (dir && (name = g_dir_read_name(dir))) {
		if (!g_str_has_prefix(name, prefix))
			continue;
		g_autofree char *path = g_build_filename(parent, name, NULL);
		int fd =
		    open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;
		/* a minute: another builder may just be about to mark its own
		 */
		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == getuid() &&
		    time(NULL) - st.st_mtime > 60 &&
		    flock(fd, LOCK_EX | LOCK_NB) == 0)
			needs_remove_temp(path);
		if (fd >= 0)
			close(fd);
	}
}

static gboolean room_in(const char *path, guint64 mib, GError **error)
{
	struct statvfs fs;
	if (statvfs(path, &fs) < 0)
		return TRUE; /* writing will tell */
	guint64 free_mib = (guint64)fs.f_bavail * fs.f_frsize >> 20;
	if (free_mib >= mib)
		return TRUE;
	fault_set(error, FAULT_STORAGE,
		  "Free some room, or choose other folders with --output and "
		  "TMPDIR.",
		  "Building an image needs %" G_GUINT64_FORMAT
		  " MiB in '%s'; %" G_GUINT64_FORMAT " MiB are free.",
		  mib, path, free_mib);
	return FALSE;
}

gboolean needs_room(const char *temp, const char *output, GError **error)
{
	struct stat a, b;
	if (stat(temp, &a) == 0 && stat(output, &b) == 0 &&
	    a.st_dev == b.st_dev)
		return room_in(output, TEMP_NEEDS_MIB + OUTPUT_NEEDS_MIB,
			       error);
	return room_in(temp, TEMP_NEEDS_MIB, error) &&
	       room_in(output, OUTPUT_NEEDS_MIB, error);
}

/* ---- what tools say ---- */

/* The last line that holds `word`, as a new string. */
static char *line_with(const char *output, const char *word)
{
	const char *found = g_strrstr(output, word);
	if (!found)
		return NULL;
	const char *from = found;
	while (from > output && from[-1] != '\n' && from[-1] != '\r')
		from--;
	char *line = g_strndup(from, strcspn(from, "\r\n"));
	char *valid = g_utf8_make_valid(g_strstrip(line), -1);
	g_free(line);
	return valid;
}

gboolean needs_explain(const char *output, const char *suite, GError **error)
{
	static const struct {
		const char *word;
		enum fault_code code;
		const char *cause, *remedy;
	} KNOWN[] = {
	    {"No space left on device", FAULT_STORAGE, "The disk is full",
	     "Free some room and build again."},
	    {"Could not allocate block", FAULT_STORAGE,
	     "The packages do not fit on the image's disk",
	     "Raise disk_gib in the recipe."},
	    {"Unable to locate package", FAULT_INVALID,
	     "The recipe names a package that is not there",
	     "Correct the name in the recipe."},
	    {"has no installation candidate", FAULT_INVALID,
	     "The recipe names a package that is not there",
	     "Correct the name in the recipe."},
	    {"have unmet dependencies", FAULT_INVALID,
	     "The recipe's packages do not go together",
	     "Look at build.log's reasons and change the recipe."},
	    {"NO_PUBKEY", FAULT_UNAVAILABLE,
	     "The package mirror's signature cannot be checked",
	     "Install debian-archive-keyring."},
	    {"Failed to fetch", FAULT_UNAVAILABLE, "Packages cannot be fetched",
	     "Check the network (and proxy) until `apt-get update` works, "
	     "then build again."},
	    {"Could not resolve", FAULT_UNAVAILABLE,
	     "Packages cannot be fetched",
	     "Check the network (and proxy) until `apt-get update` works, "
	     "then build again."},
	};
	if (!*error || fault_code(*error) == FAULT_CANCELLED ||
	    fault_code(*error) == FAULT_UNAVAILABLE)
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(KNOWN); i++) {
		g_autofree char *line = line_with(output, KNOWN[i].word);
		if (!line)
			continue;
		g_clear_error(error);
		fault_set(error, KNOWN[i].code, KNOWN[i].remedy,
			  "%s (Debian %s): %s", KNOWN[i].cause, suite, line);
		return FALSE;
	}
	return FALSE;
}
