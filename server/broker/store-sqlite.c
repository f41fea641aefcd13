/* SQLite in WAL mode; what was committed survives our own end at once, and the
 * power cord once store-sync.h says so. A statement is prepared once and
 * kept. The file is checked as a
 * whole before the first write, and until that check has passed nothing may
 * touch it: no checkpoint, no recovery of ours, no empty file in its place. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/broker/store-driver.h"
#include "server/broker/store-sync.h"

#define LOG_PAGES_MAX 12000 /* 48 MiB */

struct sqlite {
	sqlite3 *db;
	struct store_sync *sync; /* NULL of a reader */
	gboolean brief;          /* the transaction under way */
	GHashTable *statements;  /* SQL text -> sqlite3_stmt */
};

static const char full_remedy[] =
    "Make room on the disk that holds the store, or look at the system's "
    "log for its faults; nothing that was kept is lost.";

static void set_fault(sqlite3 *db, int code, GError **error)
{
	int primary = code & 0xff;
	const char *text = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
	switch (primary) {
	case SQLITE_CONSTRAINT:
		fault_set(error, FAULT_CONFLICT, NULL,
			  "It would break a rule of the store: %s.", text);
		break;
	case SQLITE_FULL:
		fault_set(error, FAULT_STORAGE, full_remedy,
			  "The disk that holds the store is full.");
		break;
	case SQLITE_IOERR:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_PERM:
		fault_set(error, FAULT_STORAGE, full_remedy,
			  "The store cannot be read or written: %s.", text);
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		fault_set(error, FAULT_STORAGE,
			  "End the other program that has the store open.",
			  "Another program holds the store locked.");
		break;
	default:
		fault_set(error, FAULT_INTERNAL, NULL, "The store said: %s.",
			  text);
	}
}

/* ---- statements ---- */

static sqlite3_stmt *prepare(struct sqlite *self, const char *sql,
			     GError **error)
{
	sqlite3_stmt *statement = g_hash_table_lookup(self->statements, sql);
	if (statement)
		return statement;
	int code = sqlite3_prepare_v3(
	    self->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
	if (code != SQLITE_OK) {
		set_fault(self->db, code, error);
		return NULL;
	}
	g_hash_table_insert(self->statements, g_strdup(sql), statement);
	return statement;
}

static int bind(sqlite3_stmt *statement, const struct store_value *values,
		unsigned count)
{
	int code = SQLITE_OK;
	for (unsigned i = 0; i < count && code == SQLITE_OK; i++) {
		char name[12];
		g_snprintf(name, sizeof name, "$%u", i + 1);
		int at = sqlite3_bind_parameter_index(statement, name);
		if (!at)
			return SQLITE_MISUSE;
		if (!values[i].is_text)
			code = sqlite3_bind_int64(statement, at,
						  values[i].integer);
		else if (values[i].text)
			code = sqlite3_bind_text(statement, at, values[i].text,
						 -1, SQLITE_TRANSIENT);
		else
			code = sqlite3_bind_null(statement, at);
	}
	return code;
}

static void take_row(sqlite3_stmt *statement, struct store_rows *rows)
{
	int columns = sqlite3_column_count(statement);
	store_rows_begin_row(rows, (unsigned)columns);
	for (int i = 0; i < columns; i++)
		store_rows_add(rows,
			       (const char *)sqlite3_column_text(statement, i));
}

static gboolean sqlite_run(void *handle, const char *sql,
			   const struct store_value *values, unsigned count,
			   struct store_rows *rows, gint64 *changed,
			   GError **error)
{
	struct sqlite *self = handle;
	sqlite3_stmt *statement = prepare(self, sql, error);
	if (!statement)
		return FALSE;
	int code = bind(statement, values, count);
	for (int i = 0; rows && i < sqlite3_column_count(statement); i++)
		store_rows_name(rows, sqlite3_column_name(statement, i));
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(statement);
		if (code == SQLITE_ROW && rows)
			take_row(statement, rows);
	}
	if (code != SQLITE_DONE)
		set_fault(self->db, code, error);
	else if (changed)
		*changed = sqlite3_changes64(self->db);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return code == SQLITE_DONE;
}

static gboolean sqlite_script(void *handle, const char *sql, GError **error)
{
	struct sqlite *self = handle;
	int code = sqlite3_exec(self->db, sql, NULL, NULL, NULL);
	if (code != SQLITE_OK)
		set_fault(self->db, code, error);
	return code == SQLITE_OK;
}

/* IMMEDIATE: the write lock is taken now, not in the middle of the work */
static gboolean sqlite_begin(void *handle, gboolean brief, GError **error)
{
	((struct sqlite *)handle)->brief = brief;
	return sqlite_run(handle, "BEGIN IMMEDIATE", NULL, 0, NULL, NULL,
			  error);
}

static gboolean sqlite_commit(void *handle, GError **error)
{
	struct sqlite *self = handle;
	if (sqlite3_get_autocommit(self->db)) {
		/* a statement whose failure was let pass has ended it */
		self->brief = FALSE;
		set_fault(NULL, SQLITE_FULL, error);
		return FALSE;
	}
	gboolean ok = sqlite_run(handle, "COMMIT", NULL, 0, NULL, NULL, error);
	self->brief = FALSE;
	return ok;
}

static int on_commit(void *data, sqlite3 *db, const char *name, int pages)
{
	struct sqlite *self = data;
	store_sync_committed(self->sync, self->brief, pages);
	/* without a pause in what is written the thread never copies all */
	if (pages >= LOG_PAGES_MAX)
		sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE,
					  NULL, NULL);
	return SQLITE_OK;
}

static guint64 sqlite_mark(void *handle)
{
	struct sqlite *self = handle;
	return self->sync ? store_sync_mark(self->sync) : 1;
}

static void sqlite_when_kept(void *handle, guint64 since, store_kept kept,
			     void *data)
{
	struct sqlite *self = handle;
	if (self->sync)
		store_sync_when(self->sync, since, kept, data);
	else
		kept(NULL, data);
}

static void sqlite_settle(void *handle)
{
	struct sqlite *self = handle;
	if (self->sync)
		store_sync_settle(self->sync);
}

static void sqlite_rollback(void *handle)
{
	struct sqlite *self = handle;
	self->brief = FALSE;
	/* a full disk may have rolled it back already */
	if (!sqlite3_get_autocommit(self->db))
		sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- files ---- */

static gboolean sqlite_snapshot(void *handle, const char *path, GError **error)
{
	struct sqlite *self = handle;
	g_autofree char *part = g_strconcat(path, ".part", NULL);
	unlink(part);
	struct store_value value = {.is_text = TRUE, .text = part};
	if (!sqlite_run(self, "VACUUM INTO $1", &value, 1, NULL, NULL, error))
		return FALSE;
	int fd = open(part, O_RDONLY | O_CLOEXEC);
	gboolean ok = fd >= 0 && fchmod(fd, 0600) == 0 && fsync(fd) == 0 &&
		      rename(part, path) == 0;
	int err = errno;
	if (fd >= 0)
		close(fd);
	if (!ok)
		fault_set(error, FAULT_STORAGE, full_remedy,
			  "Snapshot '%s' cannot be written: %s.", path,
			  g_strerror(err));
	return ok;
}

static gboolean sqlite_clock_ms(void *handle, gint64 *unix_ms)
{
	*unix_ms = g_get_real_time() / 1000;
	return TRUE;
}

static gboolean sqlite_usable(void *handle)
{
	return TRUE;
}

static void sqlite_close(void *handle)
{
	struct sqlite *self = handle;
	if (!self)
		return;
	store_sync_destroy(self->sync);
	g_hash_table_unref(self->statements);
	sqlite3_close(self->db);
	g_free(self);
}

static gboolean copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = in < 0
		      ? -1
		      : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	gboolean ok = out >= 0;
	char buffer[65536];
	ssize_t got = 0;
	while (ok && (got = read(in, buffer, sizeof buffer)) > 0)
		ok = write(out, buffer, (size_t)got) == got;
	ok = ok && got == 0 && fsync(out) == 0;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	if (out >= 0 && !ok)
		unlink(to); /* our own half copy, nothing else */
	return ok;
}

/* The original stays in its place, so that the next start refuses as well;
 * the copy is for whoever tries to mend the original. */
static void refuse_damaged(const char *path, const char *what, GError **error)
{
	struct stat st = {0};
	if (stat(path, &st) < 0)
		st.st_mtime = 0;
	g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(st.st_mtime);
	g_autofree char *stamp = g_date_time_format(when, "%Y%m%dT%H%M%SZ");
	g_autofree char *aside = g_strdup_printf("%s.damaged-%s", path, stamp);
	gboolean kept = g_file_test(aside, G_FILE_TEST_EXISTS);
	if (!kept) {
		g_autofree char *wal = g_strconcat(path, "-wal", NULL);
		g_autofree char *wal_aside = g_strconcat(aside, "-wal", NULL);
		kept = copy_file(path, aside);
		if (kept && g_file_test(wal, G_FILE_TEST_EXISTS))
			kept = copy_file(wal, wal_aside);
	}
	g_autofree char *remedy = g_strdup_printf(
	    "Put a backup in its place (snapshots are named "
	    "'%s.before-N'), or move it away to begin with an empty store: "
	    "desktops' disks and images are elsewhere and stay. %s%s%s",
	    path, kept ? "A copy is kept as '" : "No copy could be made",
	    kept ? aside : "", kept ? "'." : ".");
	fault_set(error, FAULT_STORAGE, remedy,
		  "Store '%s' is damaged (%s); it was not touched.", path,
		  what);
}

/* TRUE for a file that is absent, empty, or begins like a database. */
static gboolean check_head(const char *path, GError **error)
{
	static const char magic[16] = "SQLite format 3";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return TRUE;
	char head[sizeof magic] = "";
	ssize_t got = fd < 0 ? -1 : read(fd, head, sizeof head);
	int err = errno;
	if (fd >= 0)
		close(fd);
	if (got < 0) {
		fault_set(error, FAULT_STORAGE,
			  "Give it back to the account that runs the broker, "
			  "or look at the disk.",
			  "Store '%s' cannot be read: %s.", path,
			  g_strerror(err));
		return FALSE;
	}
	if (got == 0 ||
	    (got == sizeof head && memcmp(head, magic, sizeof magic) == 0))
		return TRUE;
	refuse_damaged(path, "it does not begin like a database", error);
	return FALSE;
}

static gboolean check_whole(sqlite3 *db, const char *path, GError **error)
{
	sqlite3_stmt *statement = NULL;
	g_autofree char *what = NULL;
	int code = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1,
				      &statement, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		const char *said =
		    (const char *)sqlite3_column_text(statement, 0);
		if (g_strcmp0(said, "ok") != 0)
			what = g_strdup(said ? said : "unreadable");
	} else {
		what = g_strdup(sqlite3_errmsg(db));
	}
	sqlite3_finalize(statement);
	if (!what)
		return TRUE;
	int primary = code & 0xff;
	if (code == SQLITE_ROW || primary == SQLITE_CORRUPT ||
	    primary == SQLITE_NOTADB)
		refuse_damaged(path, what, error);
	else
		set_fault(db, code, error);
	return FALSE;
}

static void finalize(void *statement)
{
	sqlite3_finalize(statement);
}

static void *sqlite_open(const char *path, enum store_use use,
			 void (*back)(void *data), void *data, GError **error)
{
	if (use == STORE_READER && !g_file_test(path, G_FILE_TEST_EXISTS)) {
		fault_set(error, FAULT_NOT_FOUND,
			  "Name another, or the right --root.",
			  "There is no store '%s'.", path);
		return NULL;
	}
	if (!check_head(path, error))
		return NULL;
	struct sqlite *self = g_new0(struct sqlite, 1);
	self->statements =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, finalize);
	mode_t mask = umask(0077); /* hashes of passwords are in there */
	int code =
	    sqlite3_open_v2(path, &self->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
				SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			    NULL);
	umask(mask);
	if (code != SQLITE_OK) {
		set_fault(self->db, code, error);
		sqlite_close(self);
		return NULL;
	}
	sqlite3_db_config(self->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(self->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_busy_timeout(self->db, 3000);
	if (!check_whole(self->db, path, error) ||
	    !sqlite_script(self,
			   "PRAGMA journal_mode=WAL;"
			   "PRAGMA synchronous=NORMAL;" /* store-sync.h */
			   "PRAGMA foreign_keys=ON;"
			   "PRAGMA cache_size=-1024;" /* KiB */
			   "PRAGMA temp_store=MEMORY;"
			   "PRAGMA journal_size_limit=33554432",
			   error)) {
		sqlite_close(self);
		return NULL;
	}
	sqlite3_db_config(self->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	if (use == STORE_OWNER) {
		self->sync = store_sync_create(path);
		sqlite3_wal_hook(self->db, on_commit, self);
	}
	return self;
}

const struct store_driver store_sqlite = {
    .identity = "INTEGER PRIMARY KEY AUTOINCREMENT",
    .tables = "SELECT name FROM sqlite_master WHERE type = 'table'",
    .open = sqlite_open,
    .close = sqlite_close,
    .run = sqlite_run,
    .script = sqlite_script,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .mark = sqlite_mark,
    .when_kept = sqlite_when_kept,
    .settle = sqlite_settle,
    .snapshot = sqlite_snapshot,
    .clock_ms = sqlite_clock_ms,
    .usable = sqlite_usable,
};
