/* store.h - the database, in SQL that SQLite and PostgreSQL both read.
 *
 * Statements use $1, $2, ... and nothing of one dialect alone; what cannot be
 * said alike (identity columns, how a transaction begins, the clock, the
 * snapshot) is behind struct store_driver. Every answer leaves as text or
 * 64-bit integers. Time is the store's, in whole seconds of Unix time.
 *
 * Threads: the one that opened it; there is one writer by construction.
 * Errors: faults. FAULT_STORAGE where the disk or the database is at fault,
 * FAULT_CONFLICT for a uniqueness that a statement would break. A statement
 * that fails has changed nothing. */
#pragma once

#include <glib.h>

typedef struct store store_handle;
typedef struct store_rows store_rows;

/* Applied in order of their numbers, 1..n without gaps, each in a transaction
 * of its own. "@IDENTITY@" stands for an integer key that counts up. */
struct store_migration {
	unsigned number;
	const char *title;
	const char *sql; /* statements, separated by ";\n" */
};

/* Opens or makes the database file. A damaged or unreadable one is left as it
 * is; of a damaged one a copy is kept under PATH.damaged-TIME (once), and the
 * fault says how to go on. Before migrating, a snapshot PATH.before-N. */
struct store *store_open(const char *path,
			 const struct store_migration *migrations, gsize count,
			 GError **error);
void store_close(struct store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(store_handle, store_close)

gint64 store_now(struct store *store);

/* types has one letter for each parameter: 's' text (NULL is SQL's NULL) or
 * 'i' gint64. run: *changed (or NULL) gets the number of rows changed.
 * query: never NULL unless it failed. */
gboolean store_run(struct store *store, gint64 *changed, GError **error,
		   const char *sql, const char *types, ...);
struct store_rows *store_query(struct store *store, GError **error,
			       const char *sql, const char *types, ...);

/* Transactions do not nest. The pair begin/end: end commits when ok and rolls
 * back otherwise; FALSE (with error, unless it is set already) if the work was
 * not kept. */
gboolean store_begin(struct store *store, GError **error);
gboolean store_end(struct store *store, gboolean ok, GError **error);

gsize store_rows_count(const struct store_rows *rows);
/* NULL for SQL's NULL; valid as long as rows. Beyond the end: NULL, 0. */
const char *store_rows_text(const struct store_rows *rows, gsize row,
			    unsigned column);
gint64 store_rows_int(const struct store_rows *rows, gsize row,
		      unsigned column);
void store_rows_free(struct store_rows *rows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(store_rows, store_rows_free)
