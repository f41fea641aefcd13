#include "server/broker/store-tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/broker/schema.h"

#define HOPELESS 2

char *store_place(const struct paths_root *root, const char *where)
{
	return where ? g_strdup(where)
		     : g_build_filename(root->lib, "store.db", NULL);
}

/* Two brokers on one store would each believe to be the only writer. The lock
 * goes with the process, however that ends. */
int store_lock(const struct paths_root *root, GError **error)
{
	g_autofree char *path =
	    g_build_filename(root->lib, "broker.lock", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	int err = errno;
	if (fd >= 0)
		close(fd);
	if (err == EWOULDBLOCK)
		fault_set(error, FAULT_CONFLICT,
			  "Use that one, or stop it first ('oriel status' "
			  "shows it).",
			  "Another broker serves '%s' already.", root->lib);
	else
		fault_set(error, FAULT_STORAGE,
			  "Give the folder to the account that runs the "
			  "broker, and make room on its disk.",
			  "'%s' cannot be locked: %s.", path, g_strerror(err));
	return -1;
}

/* ---- backup ---- */

static gboolean backup(const struct paths_root *root, const char *where,
		       const char *path, GError **error)
{
	g_autofree char *file = store_place(root, NULL);
	g_autofree char *place = store_place(root, where);
	if (g_file_test(path, G_FILE_TEST_EXISTS)) {
		fault_set(error, FAULT_CONFLICT, "Name another file.",
			  "'%s' exists already.", path);
		return FALSE;
	}
	g_autoptr(store_handle) store =
	    store_open(place, file, &schema, STORE_READER, error);
	if (!store || !store_backup(store, path, error))
		return FALSE;
	printf("The store was written to %s (format %" G_GINT64_FORMAT ").\n",
	       path, store_format(store));
	return TRUE;
}

/* ---- restore ---- */

/* What the store holds is kept beside it first. New string, or NULL. */
static char *keep(const struct paths_root *root, struct store *store,
		  GError **error)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *stamp = g_date_time_format(now, "%Y%m%dT%H%M%S");
	g_autofree char *base = store_place(root, NULL);
	g_autofree char *path =
	    g_strdup_printf("%s.before-restore-%s-%06d", base, stamp,
			    g_date_time_get_microsecond(now));
	return store_backup(store, path, error) ? g_steal_pointer(&path) : NULL;
}

static gboolean is_empty(struct store *store, GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    store, error,
	    "SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM"
	    " images) + (SELECT COUNT(*) FROM pools)",
	    NULL);
	return rows && store_rows_int(rows, 0, 0) == 0;
}

/* The backup brought to this program's format, in a file of its own: the
 * backup stays as it is. */
static struct store *open_backup(const char *path, const char *scratch,
				 GError **error)
{
	g_autoptr(store_handle) given =
	    store_open(path, path, &schema, STORE_READER, error);
	if (!given || !store_backup(given, scratch, error))
		return NULL;
	return store_open(scratch, scratch, &schema, STORE_OWNER, error);
}

static void remove_scratch(const char *scratch)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".part"};
	for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
		g_autofree char *path = g_strconcat(scratch, ends[i], NULL);
		unlink(path);
	}
	g_autofree char *folder = g_path_get_dirname(scratch);
	g_autofree char *base = g_path_get_basename(scratch);
	g_autofree char *prefix = g_strconcat(base, ".before-", NULL);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		if (g_str_has_prefix(name, prefix))
			unlink(path);
	}
}

static gboolean fill(const struct paths_root *root, struct store *from,
		     struct store *to, gboolean replace, GError **error)
{
	g_autofree char *kept = NULL;
	gint64 rows;
	g_autoptr(GError) why = NULL;
	gboolean empty = is_empty(to, &why);
	if (why) {
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
	if (!empty && !replace) {
		fault_set(error, FAULT_CONFLICT,
			  "Say --replace; what it holds is kept in a file "
			  "beside it.",
			  "The store is not empty.");
		return FALSE;
	}
	if (!empty && !(kept = keep(root, to, error)))
		return FALSE;
	/* two steps: between them the store is empty, and kept tells where
	 * its contents are */
	if (!store_wipe(to, error) || !store_copy(from, to, &rows, error))
		return FALSE;
	if (kept)
		printf("What the store held is in %s.\n", kept);
	printf("%" G_GINT64_FORMAT " rows were restored.\n", rows);
	return TRUE;
}

static gboolean restore(const struct paths_root *root, const char *where,
			const char *path, gboolean replace, GError **error)
{
	g_autofree char *file = store_place(root, NULL);
	g_autofree char *place = store_place(root, where);
	g_autofree char *scratch =
	    g_strdup_printf("%s.restoring-%d", file, getpid());
	struct store *from = open_backup(path, scratch, error);
	struct store *to =
	    from ? store_open(place, file, &schema, STORE_OWNER, error) : NULL;
	gboolean ok = to && fill(root, from, to, replace, error);
	store_close(to);
	store_close(from);
	remove_scratch(scratch);
	return ok;
}

/* ---- migrate ---- */

static gboolean migrate(const struct paths_root *root, const char *where,
			const char *target, GError **error)
{
	g_autofree char *file = store_place(root, NULL);
	g_autofree char *place = store_place(root, where);
	gint64 rows;
	if (strcmp(place, target) == 0) {
		fault_set(error, FAULT_CONFLICT, NULL,
			  "The store is there already.");
		return FALSE;
	}
	g_autoptr(store_handle) from =
	    store_open(place, file, &schema, STORE_OWNER, error);
	g_autoptr(store_handle) to =
	    from ? store_open(target, file, &schema, STORE_OWNER, error) : NULL;
	if (!to || !store_copy(from, to, &rows, error))
		return FALSE;
	printf("%" G_GINT64_FORMAT " rows were copied; the old store stays as "
	       "it is.\n",
	       rows);
	if (store_is_server(target))
		printf("To use the new one, write into %s/oriel.conf:\n"
		       "  [broker]\n  store = %s\n",
		       root->etc, target);
	else
		printf("To use the new one, move it to %s and take 'store' "
		       "out of [broker] in %s/oriel.conf.\n",
		       file, root->etc);
	return TRUE;
}

/* ---- choosing ---- */

static gboolean locked(const struct paths_root *root, const char *where,
		       char **words, gboolean replace, GError **error)
{
	int lock = store_lock(root, error);
	if (lock < 0)
		return FALSE;
	gboolean ok = strcmp(words[0], "restore") == 0
			  ? restore(root, where, words[1], replace, error)
			  : migrate(root, where, words[1], error);
	close(lock);
	return ok;
}

int store_tool(const struct paths_root *root, const char *where, char **words,
	       gboolean replace, GError **error)
{
	gboolean ok = FALSE;
	gboolean complete = words[0] && words[1] && !words[2];
	if (complete && strcmp(words[0], "backup") == 0)
		ok = backup(root, where, words[1], error);
	else if (complete && (strcmp(words[0], "restore") == 0 ||
			      strcmp(words[0], "migrate") == 0))
		ok = locked(root, where, words, replace, error);
	else
		fault_set(error, FAULT_INVALID, NULL,
			  "Usage: orield [--root DIR] store backup FILE | "
			  "restore [--replace] FILE | migrate WHERE");
	return ok ? 0 : HOPELESS;
}
