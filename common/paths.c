#include "common/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fault.h"

static char *own_folder(void)
{
	g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
	return exe ? g_path_get_dirname(exe) : g_strdup(".");
}

char *paths_program(const char *name)
{
	g_autofree char *folder = own_folder();
	/* beside us; from a test or fuzz target, in the tree's bin; between
	 * bin and libexec of one prefix, wherever that was moved to */
	const char *const places[] = {"", "../bin", "../libexec/oriel",
				      "../../bin"};
	for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autofree char *near =
		    g_build_filename(folder, places[i], name, NULL);
		if (g_file_test(near, G_FILE_TEST_IS_EXECUTABLE))
			return g_canonicalize_filename(near, NULL);
	}
	return g_build_filename(ORIEL_LIBEXECDIR, name, NULL);
}

char *paths_data(const char *relative)
{
	const char *given = g_getenv("ORIEL_DATADIR");
	if (given && *given)
		return g_build_filename(given, relative, NULL);
	g_autofree char *folder = own_folder();
	const char *const places[] = {"../../data", "../share/oriel",
				      "../../share/oriel"};
	for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autofree char *near =
		    g_build_filename(folder, places[i], relative, NULL);
		if (g_file_test(near, G_FILE_TEST_EXISTS))
			return g_canonicalize_filename(near, NULL);
	}
	return g_build_filename(ORIEL_PKGDATADIR, relative, NULL);
}

char *paths_cache(void)
{
	const char *given = g_getenv("ORIEL_CACHE");
	if (given && *given)
		return g_strdup(given);
	return g_build_filename(g_get_user_cache_dir(), "oriel", NULL);
}

static gboolean make_folder(const char *path, int mode, GError **error)
{
	if (g_mkdir_with_parents(path, mode) == 0)
		return TRUE;
	int err = errno;
	fault_set(
	    error, err == ENOSPC ? FAULT_STORAGE : FAULT_DENIED,
	    "Choose a folder you may write with --root DIR, or run as the "
	    "service's user.",
	    "Folder '%s' cannot be made: %s.", path, g_strerror(err));
	return FALSE;
}

gboolean paths_root_open(struct paths_root *self, const char *root,
			 GError **error)
{
	*self = (struct paths_root){0};
	if (root) {
		g_autofree char *full = g_canonicalize_filename(root, NULL);
		self->rootless = TRUE;
		self->etc = g_build_filename(full, "etc", NULL);
		self->lib = g_build_filename(full, "lib", NULL);
		self->run = g_build_filename(full, "run", NULL);
	} else {
		self->etc = g_strdup("/etc/oriel");
		self->lib = g_strdup("/var/lib/oriel");
		self->run = g_strdup("/run/oriel");
	}
	int mode = root ? 0700 : 0755;
	if (make_folder(self->lib, mode, error) &&
	    make_folder(self->run, mode, error))
		return TRUE;
	paths_root_clear(self);
	return FALSE;
}

void paths_root_clear(struct paths_root *self)
{
	g_clear_pointer(&self->etc, g_free);
	g_clear_pointer(&self->lib, g_free);
	g_clear_pointer(&self->run, g_free);
}

/* Fills addr for path; *folder_fd, if not -1, must stay open meanwhile. */
static gboolean unix_address(const char *path, struct sockaddr_un *addr,
			     int *folder_fd, GError **error)
{
	*folder_fd = -1;
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) < sizeof addr->sun_path) {
		g_strlcpy(addr->sun_path, path, sizeof addr->sun_path);
		return TRUE;
	}
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *name = g_path_get_basename(path);
	*folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int length = *folder_fd < 0
			 ? -1
			 : g_snprintf(addr->sun_path, sizeof addr->sun_path,
				      "/proc/self/fd/%d/%s", *folder_fd, name);
	if (length >= 0 && (gsize)length < sizeof addr->sun_path)
		return TRUE;
	fault_set(error, FAULT_INVALID, "Use a shorter path.",
		  "Socket path '%s' cannot be used: %s.", path,
		  *folder_fd < 0 ? g_strerror(errno) : "its name is too long");
	if (*folder_fd >= 0)
		close(*folder_fd);
	*folder_fd = -1;
	return FALSE;
}

int paths_unix_connect(const char *path, GError **error)
{
	struct sockaddr_un addr;
	int folder;
	if (!unix_address(path, &addr, &folder, error))
		return -1;
	/* connected while blocking: a unix socket answers at once or, with a
	 * full backlog, as soon as the server accepts */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err = 0;
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
		err = errno;
	if (folder >= 0)
		close(folder);
	if (!err) {
		fcntl(fd, F_SETFL, O_NONBLOCK);
		return fd;
	}
	if (fd >= 0)
		close(fd);
	fault_set(error, FAULT_UNAVAILABLE, NULL,
		  "Nothing answers at socket '%s': %s.", path, g_strerror(err));
	return -1;
}

int paths_unix_listen(const char *path, unsigned mode, GError **error)
{
	struct stat st;
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		int live = paths_unix_connect(path, NULL);
		if (live >= 0) {
			close(live);
			fault_set(error, FAULT_CONFLICT,
				  "Stop the process that serves it first.",
				  "Socket '%s' is in use.", path);
			return -1;
		}
		unlink(path);
	}
	struct sockaddr_un addr;
	int folder;
	if (!unix_address(path, &addr, &folder, error))
		return -1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = 0;
	/* the mode is set before listen(): nobody connects in between */
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 ||
	    chmod(addr.sun_path, mode) < 0 || listen(fd, SOMAXCONN) < 0)
		err = errno;
	if (folder >= 0)
		close(folder);
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	fault_set(error, FAULT_UNAVAILABLE, NULL,
		  "Socket '%s' cannot be served: %s.", path, g_strerror(err));
	return -1;
}

gboolean paths_share(const struct paths_root *root, const char *path,
		     const char *role, GError **error)
{
	if (root->rootless)
		return TRUE;
	g_autofree char *name = g_strconcat("oriel-", role, NULL);
	char space[4096];
	struct group group, *found = NULL;
	struct stat st;
	if (getgrnam_r(name, &group, space, sizeof space, &found) != 0 ||
	    !found)
		return TRUE;
	/* the group first: the other way round the wrong one gets the rights */
	if (lstat(path, &st) == 0 &&
	    lchown(path, (uid_t)-1, group.gr_gid) == 0 &&
	    chmod(path, (st.st_mode & 07777) |
			    (S_ISDIR(st.st_mode) ? 0010 : 0060)) == 0)
		return TRUE;
	int err = errno;
	fault_set(error, FAULT_DENIED,
		  "See that this service's user is in that group, as the "
		  "units in /usr/lib/systemd/system have it.",
		  "'%s' cannot be opened to group %s: %s.", path, name,
		  g_strerror(err));
	return FALSE;
}
