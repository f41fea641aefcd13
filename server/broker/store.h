/* store.h - the database, in SQL that SQLite and PostgreSQL both read.
 *
 * Statements use $1, $2, ... and nothing of one dialect alone; what cannot be
 * said alike (identity columns, how a transaction begins, the clock, the
 * snapshot) is behind struct store_driver. Every answer leaves as text or
 * 64-bit integers.
 *
 * Time is the store's, in whole seconds of Unix time. It goes on with the
 * monotonic clock: a database or machine whose clock is set is followed at
 * once by up to two seconds, and by more only after it has stayed so for ten
 * minutes, so that a clock that jumps there and back ends nobody's session.
 *
 * Threads: the one that opened it; there is one writer by construction.
 * Errors: faults. FAULT_STORAGE where the disk or the database is at fault,
 * FAULT_UNAVAILABLE where the database does not answer (a call takes a few
 * seconds at most to find out, and those that follow fail at once until it
 * answers again), FAULT_CONFLICT for a uniqueness that a statement would
 * break. A statement that fails has changed nothing, and so has a
 * transaction, but for one case: a database that goes while it commits may
 * have done so. store_on_back() is the time to look.
 *
 * A transaction that has ended survives our own end. That it survives the
 * machine's, too, may take a moment longer: store_when_kept(). */
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

struct store_schema {
	const struct store_migration *migrations;
	gsize count;
	/* every table that any migration makes, those referred to before
	 * those that refer; NULL ends */
	const char *const *tables;
};

enum store_use {
	STORE_OWNER,  /* the only writer: refuses a second one */
	STORE_READER, /* beside the owner, changes nothing */
};

/* Opens or makes the store. where is a file of SQLite's, or
 * "postgresql://..." as libpq reads it. A damaged or unreadable file is left
 * as it is; a copy is kept under PATH.damaged-TIME (once), and the fault says
 * how to go on. Before migrating, a snapshot ASIDE.before-N, which is a file
 * of SQLite's in both cases. */
struct store *store_open(const char *where, const char *aside,
			 const struct store_schema *schema, enum store_use use,
			 GError **error);
void store_close(struct store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(store_handle, store_close)

gboolean store_is_server(const char *where);
/* FALSE while the database does not answer. */
gboolean store_usable(struct store *store);
/* back is called on the main context each time it answers again. */
void store_on_back(struct store *store, void (*back)(void *data), void *data);

gint64 store_now(struct store *store);

/* Copies every row of `from` into `to`, which has the same format and must be
 * empty (FAULT_CONFLICT); all or nothing. */
gboolean store_copy(struct store *from, struct store *to, gint64 *rows_out,
		    GError **error);
/* A copy in one file, complete and readable by store_open(). */
gboolean store_backup(struct store *store, const char *path, GError **error);
/* Empties it; the format stays. */
gboolean store_wipe(struct store *store, GError **error);
/* The number of its newest migration. */
gint64 store_format(struct store *store);

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
/* The same for what nobody misses after the machine's own end, such as a
 * ticket that is good for a minute: nobody waits for the disk. */
gboolean store_begin_brief(struct store *store, GError **error);
gboolean store_end(struct store *store, gboolean ok, GError **error);

/* Calls kept once all that has been committed so far (but for what is brief)
 * is on the disk: at once where it is or where nothing has been committed
 * since the mark, else later, in the order of the calls. error: the disk
 * refused. */
typedef void (*store_kept)(const GError *error, void *data);
guint64 store_mark(struct store *store); /* 0 is older than any */
void store_when_kept(struct store *store, guint64 since, store_kept kept,
		     void *data);
/* Waits for the disk, so that nobody waits any more. */
void store_settle(struct store *store);

gsize store_rows_count(const struct store_rows *rows);
/* NULL for SQL's NULL; valid as long as rows. Beyond the end: NULL, 0. */
const char *store_rows_text(const struct store_rows *rows, gsize row,
			    unsigned column);
gint64 store_rows_int(const struct store_rows *rows, gsize row,
		      unsigned column);
void store_rows_free(struct store_rows *rows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(store_rows, store_rows_free)
