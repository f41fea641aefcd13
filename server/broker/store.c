#include "server/broker/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/broker/store-clock.h"
#include "server/broker/store-driver.h"

/* 32: the widest table that is copied has 24 columns */
#define PARAMETERS_MAX 32

struct store {
	const struct store_driver *driver;
	void *handle;
	char *aside;
	char *where; /* for people: no passwords */
	const struct store_schema *schema;
	struct store_clock clock;
	void (*back)(void *data);
	void *back_data;
};

struct store_rows {
	unsigned columns;
	gsize count;
	GPtrArray *cells; /* char *, row by row */
	GPtrArray *names; /* char *, of the columns */
};

/* ---- rows ---- */

static struct store_rows *rows_new(void)
{
	struct store_rows *rows = g_new0(struct store_rows, 1);
	rows->cells = g_ptr_array_new_with_free_func(g_free);
	rows->names = g_ptr_array_new_with_free_func(g_free);
	return rows;
}

void store_rows_begin_row(struct store_rows *rows, unsigned columns)
{
	rows->columns = columns;
	rows->count++;
}

void store_rows_add(struct store_rows *rows, const char *text)
{
	g_ptr_array_add(rows->cells, g_strdup(text));
}

void store_rows_name(struct store_rows *rows, const char *name)
{
	g_ptr_array_add(rows->names, g_strdup(name));
}

gsize store_rows_count(const struct store_rows *rows)
{
	return rows->count;
}

const char *store_rows_text(const struct store_rows *rows, gsize row,
			    unsigned column)
{
	if (row >= rows->count || column >= rows->columns)
		return NULL;
	return rows->cells->pdata[row * rows->columns + column];
}

gint64 store_rows_int(const struct store_rows *rows, gsize row, unsigned column)
{
	const char *text = store_rows_text(rows, row, column);
	return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

void store_rows_free(struct store_rows *rows)
{
	if (!rows)
		return;
	g_ptr_array_unref(rows->cells);
	g_ptr_array_unref(rows->names);
	g_free(rows);
}

/* ---- statements ---- */

static gboolean run(struct store *store, const char *sql, const char *types,
		    va_list args, struct store_rows *rows, gint64 *changed,
		    GError **error)
{
	struct store_value values[PARAMETERS_MAX] = {0};
	unsigned count = 0;
	for (; types && types[count]; count++) {
		g_return_val_if_fail(count < PARAMETERS_MAX, FALSE);
		values[count].is_text = types[count] == 's';
		if (values[count].is_text)
			values[count].text = va_arg(args, const char *);
		else
			values[count].integer = va_arg(args, gint64);
	}
	return store->driver->run(store->handle, sql, values, count, rows,
				  changed, error);
}

gboolean store_run(struct store *store, gint64 *changed, GError **error,
		   const char *sql, const char *types, ...)
{
	va_list args;
	va_start(args, types);
	gboolean ok = run(store, sql, types, args, NULL, changed, error);
	va_end(args);
	return ok;
}

struct store_rows *store_query(struct store *store, GError **error,
			       const char *sql, const char *types, ...)
{
	g_autoptr(store_rows) rows = rows_new();
	va_list args;
	va_start(args, types);
	gboolean ok = run(store, sql, types, args, rows, NULL, error);
	va_end(args);
	return ok ? g_steal_pointer(&rows) : NULL;
}

gboolean store_begin(struct store *store, GError **error)
{
	return store->driver->begin(store->handle, FALSE, error);
}

gboolean store_begin_brief(struct store *store, GError **error)
{
	return store->driver->begin(store->handle, TRUE, error);
}

guint64 store_mark(struct store *store)
{
	return store->driver->mark ? store->driver->mark(store->handle) : 1;
}

void store_when_kept(struct store *store, guint64 since, store_kept kept,
		     void *data)
{
	if (store->driver->when_kept)
		store->driver->when_kept(store->handle, since, kept, data);
	else
		kept(NULL, data);
}

void store_settle(struct store *store)
{
	if (store && store->driver->settle)
		store->driver->settle(store->handle);
}

gboolean store_end(struct store *store, gboolean ok, GError **error)
{
	if (ok && store->driver->commit(store->handle, error))
		return TRUE;
	store->driver->rollback(store->handle);
	return FALSE;
}

/* ---- the clock ---- */

static gint64 boot_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now); /* goes on while suspended */
	return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

gint64 store_now(struct store *store)
{
	gint64 now_us = boot_us(), theirs_ms = 0;
	if (store_clock_wants_look(&store->clock, now_us)) {
		gboolean known =
		    store->driver->clock_ms(store->handle, &theirs_ms);
		store_clock_look(&store->clock, known, theirs_ms, now_us);
	}
	return store_clock_ms(&store->clock, now_us) / 1000;
}

/* ---- opening ---- */

static gboolean read_format(struct store *store, gint64 *number, GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    store, error, "SELECT COALESCE(MAX(number), 0) FROM migrations",
	    NULL);
	*number = rows ? store_rows_int(rows, 0, 0) : 0;
	return rows != NULL;
}

gint64 store_format(struct store *store)
{
	gint64 number;
	return read_format(store, &number, NULL) ? number : 0;
}

static gboolean apply(struct store *store, const struct store_migration *step,
		      GError **error)
{
	g_auto(GStrv) parts = g_strsplit(step->sql, "@IDENTITY@", -1);
	g_autofree char *sql = g_strjoinv(store->driver->identity, parts);
	return store_begin(store, error) &&
	       store_end(store,
			 store->driver->script(store->handle, sql, error) &&
			     store_run(store, NULL, error,
				       "INSERT INTO migrations VALUES"
				       "($1, $2, $3)",
				       "isi", (gint64)step->number, step->title,
				       store_now(store)),
			 error);
}

static gboolean newer(struct store *store, gint64 at, GError **error)
{
	if (at <= (gint64)store->schema->count)
		return FALSE;
	fault_set(error, FAULT_STORAGE,
		  "Run the newer Oriel, or restore the snapshot that was made "
		  "before its migration.",
		  "Store '%s' has format %" G_GINT64_FORMAT
		  ", made by a newer Oriel; this one knows %" G_GSIZE_FORMAT
		  ".",
		  store->where, at, store->schema->count);
	return TRUE;
}

static gboolean migrate(struct store *store, GError **error)
{
	const struct store_schema *schema = store->schema;
	gint64 at;
	if (!store->driver->script(
		store->handle,
		"CREATE TABLE IF NOT EXISTS migrations("
		"number BIGINT PRIMARY KEY, title TEXT NOT NULL,"
		"applied BIGINT NOT NULL)",
		error) ||
	    !read_format(store, &at, error) || newer(store, at, error))
		return FALSE;
	if (at > 0 && at < (gint64)schema->count) {
		g_autofree char *path = g_strdup_printf(
		    "%s.before-%" G_GINT64_FORMAT, store->aside, at + 1);
		/* one from an attempt that failed before is the older, better
		 * one */
		if (!g_file_test(path, G_FILE_TEST_EXISTS) &&
		    !store_backup(store, path, error))
			return FALSE;
	}
	for (gsize i = (gsize)at; i < schema->count; i++)
		if (!apply(store, &schema->migrations[i], error))
			return FALSE;
	return TRUE;
}

static gboolean check_reader(struct store *store, GError **error)
{
	gint64 at;
	return read_format(store, &at, error) && !newer(store, at, error);
}

gboolean store_is_server(const char *where)
{
	return g_str_has_prefix(where, "postgresql:") ||
	       g_str_has_prefix(where, "postgres:");
}

static void on_back(void *data)
{
	struct store *self = data;
	if (self->back)
		self->back(self->back_data);
}

struct store *store_open(const char *where, const char *aside,
			 const struct store_schema *schema, enum store_use use,
			 GError **error)
{
	gboolean server = store_is_server(where);
	g_autoptr(store_handle) self = g_new0(struct store, 1);
	self->driver = server ? &store_pgsql : &store_sqlite;
	self->aside = g_strdup(aside);
	self->where = g_strdup(server ? "PostgreSQL" : where);
	self->schema = schema;
	self->handle = self->driver->open(where, use, on_back, self, error);
	if (!self->handle)
		return NULL;
	gboolean ok = use == STORE_OWNER ? migrate(self, error)
					 : check_reader(self, error);
	return ok ? g_steal_pointer(&self) : NULL;
}

gboolean store_usable(struct store *store)
{
	return store->driver->usable(store->handle);
}

void store_on_back(struct store *store, void (*back)(void *data), void *data)
{
	store->back = back;
	store->back_data = data;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store->driver->close(store->handle);
	g_free(store->aside);
	g_free(store->where);
	g_free(store);
}

/* ---- copies ---- */

static gboolean holds(store_rows *names, const char *name)
{
	for (gsize i = 0; i < store_rows_count(names); i++)
		if (strcmp(store_rows_text(names, i, 0), name) == 0)
			return TRUE;
	return FALSE;
}

static gboolean must_be_empty(struct store *to, const char *table,
			      GError **error)
{
	g_autofree char *sql =
	    g_strdup_printf("SELECT 1 FROM %s LIMIT 1", table);
	g_autoptr(store_rows) rows = store_query(to, error, sql, NULL);
	if (rows && store_rows_count(rows))
		fault_set(error, FAULT_CONFLICT,
			  "Name an empty one, so that nothing is mixed up.",
			  "The store '%s' is not empty.", to->where);
	return rows && !store_rows_count(rows);
}

static char *insert_sql(const char *table, store_rows *rows)
{
	GString *sql = g_string_new("INSERT INTO ");
	g_string_append_printf(sql, "%s(", table);
	for (guint i = 0; i < rows->names->len; i++)
		g_string_append_printf(sql, "%s%s", i ? ", " : "",
				       (char *)rows->names->pdata[i]);
	g_string_append(sql, ") VALUES(");
	for (guint i = 0; i < rows->names->len; i++)
		g_string_append_printf(sql, "%s$%u", i ? ", " : "", i + 1);
	g_string_append(sql, ")");
	return g_string_free(sql, FALSE);
}

static gboolean copy_table(struct store *from, struct store *to,
			   const char *table, gint64 *count, GError **error)
{
	g_autofree char *all = g_strdup_printf("SELECT * FROM %s", table);
	g_autoptr(store_rows) rows = store_query(from, error, all, NULL);
	if (!rows || !must_be_empty(to, table, error))
		return FALSE;
	g_autofree char *sql = insert_sql(table, rows);
	for (gsize row = 0; row < rows->count; row++) {
		struct store_value values[PARAMETERS_MAX] = {0};
		for (unsigned i = 0; i < rows->columns; i++) {
			values[i].is_text = TRUE;
			values[i].text = store_rows_text(rows, row, i);
		}
		if (!to->driver->run(to->handle, sql, values, rows->columns,
				     NULL, NULL, error))
			return FALSE;
	}
	*count += (gint64)rows->count;
	return !to->driver->recount ||
	       to->driver->recount(to->handle, table, error);
}

static gboolean copy_tables(struct store *from, struct store *to, gint64 *count,
			    GError **error)
{
	g_autoptr(store_rows) names =
	    store_query(from, error, from->driver->tables, NULL);
	if (!names)
		return FALSE;
	for (const char *const *table = from->schema->tables; *table; table++)
		/* a store of an older format has not all of them */
		if (holds(names, *table) &&
		    !copy_table(from, to, *table, count, error))
			return FALSE;
	return TRUE;
}

gboolean store_copy(struct store *from, struct store *to, gint64 *rows_out,
		    GError **error)
{
	gint64 count = 0;
	/* both in a transaction: what is read belongs together */
	if (!store_begin(from, error))
		return FALSE;
	gboolean ok = store_begin(to, error);
	if (ok)
		ok = store_end(to, copy_tables(from, to, &count, error), error);
	store_end(from, FALSE, NULL);
	if (rows_out)
		*rows_out = count;
	return ok;
}

gboolean store_wipe(struct store *store, GError **error)
{
	const char *const *tables = store->schema->tables;
	if (!store_begin(store, error))
		return FALSE;
	g_autoptr(store_rows) names =
	    store_query(store, error, store->driver->tables, NULL);
	gboolean ok = names != NULL;
	for (gsize i = g_strv_length((GStrv)tables); ok && i-- > 0;) {
		if (!holds(names, tables[i]))
			continue;
		g_autofree char *sql =
		    g_strdup_printf("DELETE FROM %s", tables[i]);
		ok = store_run(store, NULL, error, sql, NULL);
	}
	return store_end(store, ok, error);
}

/* Through a file that is complete when it gets its name. */
static gboolean copy_to_file(struct store *store, const char *path,
			     GError **error)
{
	g_autofree char *part = g_strconcat(path, ".part", NULL);
	struct store_schema format = *store->schema;
	format.count = (gsize)store_format(store);
	unlink(part);
	struct store *to = store_open(part, part, &format, STORE_OWNER, error);
	gboolean ok = to && store_copy(store, to, NULL, error);
	store_close(to); /* the last one to close leaves no -wal behind */
	if (ok && rename(part, path) < 0) {
		fault_set(error, FAULT_STORAGE, NULL,
			  "'%s' cannot be written: %s.", path,
			  g_strerror(errno));
		ok = FALSE;
	}
	if (!ok)
		unlink(part);
	return ok;
}

gboolean store_backup(struct store *store, const char *path, GError **error)
{
	return store->driver->snapshot
		   ? store->driver->snapshot(store->handle, path, error)
		   : copy_to_file(store, path, error);
}
