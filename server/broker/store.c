#include "server/broker/store.h"

#include <stdarg.h>
#include <string.h>

#include "common/fault.h"
#include "server/broker/store-driver.h"

/* 16: the widest statement has 12 parameters */
#define PARAMETERS_MAX 16

struct store {
	const struct store_driver *driver;
	void *handle;
	char *path;
};

struct store_rows {
	unsigned columns;
	gsize count;
	GPtrArray *cells; /* char *, row by row */
};

/* ---- rows ---- */

static struct store_rows *rows_new(void)
{
	struct store_rows *rows = g_new0(struct store_rows, 1);
	rows->cells = g_ptr_array_new_with_free_func(g_free);
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

gint64 store_rows_int(const struct store_rows *rows, gsize row,
		      unsigned column)
{
	const char *text = store_rows_text(rows, row, column);
	return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

void store_rows_free(struct store_rows *rows)
{
	if (!rows)
		return;
	g_ptr_array_unref(rows->cells);
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
	return store->driver->begin(store->handle, error);
}

gboolean store_end(struct store *store, gboolean ok, GError **error)
{
	if (ok && store->driver->commit(store->handle, error))
		return TRUE;
	store->driver->rollback(store->handle);
	return FALSE;
}

gint64 store_now(struct store *store)
{
	return store->driver->now(store->handle);
}

/* ---- opening ---- */

static gboolean version(struct store *store, gint64 *number, GError **error)
{
	if (!store->driver->script(
		    store->handle,
		    "CREATE TABLE IF NOT EXISTS migrations("
		    "number BIGINT PRIMARY KEY, title TEXT NOT NULL,"
		    "applied BIGINT NOT NULL)",
		    error))
		return FALSE;
	g_autoptr(store_rows) rows = store_query(
		store, error, "SELECT COALESCE(MAX(number), 0) FROM migrations",
		NULL);
	*number = rows ? store_rows_int(rows, 0, 0) : 0;
	return rows != NULL;
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
					   "isi", (gint64)step->number,
					   step->title, store_now(store)),
			 error);
}

static gboolean migrate(struct store *store,
			const struct store_migration *migrations, gsize count,
			GError **error)
{
	gint64 at;
	if (!version(store, &at, error))
		return FALSE;
	if (at > (gint64)count) {
		fault_set(error, FAULT_STORAGE,
			  "Run the newer Oriel, or restore the snapshot that "
			  "was made before its migration.",
			  "Store '%s' has format %" G_GINT64_FORMAT
			  ", made by a newer Oriel; this one knows %" G_GSIZE_FORMAT
			  ".",
			  store->path, at, count);
		return FALSE;
	}
	if (at > 0 && at < (gint64)count) {
		g_autofree char *aside =
			g_strdup_printf("%s.before-%" G_GINT64_FORMAT,
					store->path, at + 1);
		if (!store->driver->snapshot(store->handle, aside, error))
			return FALSE;
	}
	for (gsize i = (gsize)at; i < count; i++)
		if (!apply(store, &migrations[i], error))
			return FALSE;
	return TRUE;
}

struct store *store_open(const char *path,
			 const struct store_migration *migrations, gsize count,
			 GError **error)
{
	void *handle = store_sqlite.open(path, error);
	if (!handle)
		return NULL;
	g_autoptr(store_handle) self = g_new0(struct store, 1);
	self->driver = &store_sqlite;
	self->handle = handle;
	self->path = g_strdup(path);
	return migrate(self, migrations, count, error) ? g_steal_pointer(&self)
						       : NULL;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store->driver->close(store->handle);
	g_free(store->path);
	g_free(store);
}
