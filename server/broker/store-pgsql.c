/* PostgreSQL through libpq, with a deadline on everything: a statement is
 * sent, and its answer awaited for PATIENCE_MS. A server that does not answer
 * is given up with its connection, calls fail at once from then on, and a
 * thread of its own connects again (libpq looks names up with a blocking
 * call), until that succeeds. So the main loop is held for PATIENCE_MS once
 * in an outage, however long that is.
 *
 * One round trip for as much as may be: the connection is in libpq's pipeline
 * mode, and what a transaction does without asking for an answer (its begin,
 * and statements whose number of rows nobody wants) is only queued; the next
 * statement that wants one, or the commit, carries it along. What fails so is
 * that statement's failure, which in a transaction it would be anyway.
 *
 * One writer: the owner holds an advisory lock that goes with its connection.
 * Another broker that took it meanwhile keeps it, and this one stays without
 * its store and says so. */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/store-driver.h"

#define PARAMETERS_MAX 32
#define PATIENCE_MS    3000
/* a migration may rewrite a table */
#define SCRIPT_MS 600000
#define RETRY_MS  500
/* the server needs a moment to see that a killed owner is gone */
#define LOCK_TRIES    20
#define LOCK_PAUSE_US 100000
#define LOCK          "SELECT pg_try_advisory_lock(478560413036)" /* "oriel" */

/* server-side bounds a little above ours, so that a server which works on in
 * vain stops; UTC and plain answers whatever the database's defaults are */
static const char settings[] =
    "SET client_min_messages = warning;"
    "SET statement_timeout = 10000;"
    "SET lock_timeout = 2500;"
    "SET idle_in_transaction_session_timeout = 20000;"
    "SET client_encoding = 'UTF8';"
    "SET standard_conforming_strings = on";

struct pgsql {
	char *where;
	enum store_use use;
	void (*back)(void *data);
	void *back_data;
	PGconn *conn;         /* NULL while down */
	GHashTable *prepared; /* SQL text -> name; of this connection */
	GPtrArray *fresh;     /* SQL texts whose preparation is queued */
	unsigned names;       /* given so far, over all connections */
	unsigned queued;      /* commands without their answers */
	char *why;            /* it is down */
	gboolean in_transaction;
	struct revival *revival; /* under way, or NULL */
	guint retry;
};

struct revival {             /* shared with its thread */
	struct pgsql *owner; /* NULL once nobody wants it */
	char *where;
	enum store_use use;
	PGconn *conn;
	GError *error;
};

static GError *no_answer(const char *why)
{
	return fault_new(FAULT_UNAVAILABLE,
			 "Look at the PostgreSQL server and the way to it; "
			 "desktops that run go on meanwhile.",
			 "The database cannot be used: %s.", why);
}

/* libpq ends its sentences with a line break. */
static char *words_of(const char *text)
{
	g_autofree char *copy = g_strdelimit(g_strdup(text), "\r\n", ' ');
	g_strstrip(copy);
	return g_utf8_make_valid(*copy ? copy : "the connection was lost", -1);
}

/* ---- connecting; on any thread ---- */

static gboolean take_lock(PGconn *conn, GError **error)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		PGresult *result = PQexec(conn, LOCK);
		gboolean answered = PQresultStatus(result) == PGRES_TUPLES_OK;
		gboolean got = answered && *PQgetvalue(result, 0, 0) == 't';
		PQclear(result);
		if (got)
			return TRUE;
		if (!answered) {
			g_autofree char *why = words_of(PQerrorMessage(conn));
			g_propagate_error(error, no_answer(why));
			return FALSE;
		}
		g_usleep(LOCK_PAUSE_US);
	}
	fault_set(error, FAULT_CONFLICT,
		  "Use that one, or stop it first; brokers do not share a "
		  "database.",
		  "Another broker uses this database.");
	return FALSE;
}

static PGconn *connect_to(const char *where, enum store_use use, GError **error)
{
	/* what the address itself says wins over these */
	static const char *const keys[] = {
	    "application_name", "connect_timeout",
	    "keepalives_idle",  "keepalives_interval",
	    "keepalives_count", "tcp_user_timeout",
	    "dbname",           NULL};
	const char *const values[] = {"oriel", "5",     "10",  "5",
				      "3",     "10000", where, NULL};
	PGconn *conn = PQconnectdbParams(keys, values, 1);
	gboolean ok = PQstatus(conn) == CONNECTION_OK;
	if (ok) {
		PGresult *result = PQexec(conn, settings);
		ok = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
	}
	if (!ok) {
		g_autofree char *why = words_of(PQerrorMessage(conn));
		g_propagate_error(error, no_answer(why));
	}
	if (ok && use == STORE_OWNER)
		ok = take_lock(conn, error);
	if (ok && PQsetnonblocking(conn, 1) == 0 && PQenterPipelineMode(conn))
		return conn;
	PQfinish(conn);
	return NULL;
}

/* ---- being down ---- */

static gboolean on_retry(void *data);

static gboolean on_revived(void *data)
{
	struct revival *revival = data;
	struct pgsql *self = revival->owner;
	if (!self) {
		PQfinish(revival->conn);
	} else if (revival->conn) {
		self->conn = revival->conn;
		self->revival = NULL;
		log_info(NULL, "the database answers again");
		self->back(self->back_data);
	} else {
		g_autofree char *cause = fault_cause(revival->error);
		g_free(self->why);
		self->why = g_strdup(cause);
		self->revival = NULL;
		self->retry = g_timeout_add(RETRY_MS, on_retry, self);
	}
	g_clear_error(&revival->error);
	g_free(revival->where);
	g_free(revival);
	return G_SOURCE_REMOVE;
}

static void *revive(void *data)
{
	struct revival *revival = data;
	revival->conn =
	    connect_to(revival->where, revival->use, &revival->error);
	g_idle_add(on_revived, revival);
	return NULL;
}

static gboolean on_retry(void *data)
{
	struct pgsql *self = data;
	self->retry = 0;
	struct revival *revival = g_new0(struct revival, 1);
	revival->owner = self;
	revival->where = g_strdup(self->where);
	revival->use = self->use;
	self->revival = revival;
	g_thread_unref(g_thread_new("store-revive", revive, revival));
	return G_SOURCE_REMOVE;
}

static void go_down(struct pgsql *self, const char *why)
{
	if (!self->conn)
		return;
	log_warn(NULL, "the database is given up for now: %s", why);
	PQfinish(self->conn);
	self->conn = NULL;
	self->in_transaction = FALSE;
	self->queued = 0;
	g_ptr_array_set_size(self->fresh, 0);
	g_hash_table_remove_all(self->prepared);
	g_free(self->why);
	self->why = g_strdup(why);
	if (!self->retry && !self->revival)
		self->retry = g_timeout_add(RETRY_MS, on_retry, self);
}

static gboolean is_up(struct pgsql *self, GError **error)
{
	if (!self->conn)
		g_propagate_error(error, no_answer(self->why));
	return self->conn != NULL;
}

/* ---- one exchange ---- */

/* Until everything is sent and an answer is there, or FALSE. */
static gboolean await(PGconn *conn, gint64 deadline_us, const char **why)
{
	for (;;) {
		int unsent = PQflush(conn);
		if (unsent < 0 || !PQconsumeInput(conn))
			return FALSE;
		if (!unsent && !PQisBusy(conn))
			return TRUE;
		gint64 left_us = deadline_us - g_get_monotonic_time();
		struct pollfd poll_fd = {
		    .fd = PQsocket(conn),
		    .events = (short)(POLLIN | (unsent ? POLLOUT : 0))};
		if (left_us <= 0) {
			*why = "it does not answer";
			return FALSE;
		}
		poll(&poll_fd, 1, (int)(left_us / 1000) + 1);
	}
}

static void set_fault(const PGresult *result, GError **error)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *primary =
	    PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	g_autofree char *text = words_of(primary ? primary : "no reason");
	if (!state)
		state = "";
	if (g_str_has_prefix(state, "23"))
		fault_set(error, FAULT_CONFLICT, NULL,
			  "It would break a rule of the store: %s.", text);
	else if (g_str_has_prefix(state, "53") || g_str_has_prefix(state, "58"))
		fault_set(error, FAULT_STORAGE,
			  "Make room on the database server, or look at its "
			  "log for faults; nothing that was kept is lost.",
			  "The database cannot keep it: %s.", text);
	else if (g_str_has_prefix(state, "57") ||
		 g_str_has_prefix(state, "55") || g_str_has_prefix(state, "40"))
		fault_set(error, FAULT_UNAVAILABLE, "Try again.",
			  "The database did not finish: %s.", text);
	else if (g_str_has_prefix(state, "42501") ||
		 g_str_has_prefix(state, "25006"))
		fault_set(error, FAULT_STORAGE,
			  "Let the broker's account own the database, and use "
			  "the primary server.",
			  "The database may not be written: %s.", text);
	else
		fault_set(error, FAULT_INTERNAL, NULL,
			  "The store said: %s (%s).", text, state);
}

/* NULL: there is none, or (with why set or not) the connection is lost. */
static PGresult *next_result(PGconn *conn, gint64 deadline_us, gboolean *lost,
			     const char **why)
{
	if (!await(conn, deadline_us, why)) {
		*lost = TRUE;
		return NULL;
	}
	return PQgetResult(conn);
}

static void lose(struct pgsql *self, const char *why, GError **error)
{
	g_autofree char *words =
	    words_of(why ? why : PQerrorMessage(self->conn));
	go_down(self, words);
	g_propagate_error(error, no_answer(words));
}

/* The answers to all that is queued, each followed by a NULL, then that of
 * the synchronisation. The last one's; NULL where any failed, or down. */
static PGresult *collect(struct pgsql *self, gint64 deadline_us, GError **error)
{
	const char *why = NULL;
	gboolean lost = FALSE, failed = FALSE, over = FALSE;
	PGresult *last = NULL;
	while (!lost && !over) {
		PGresult *next =
		    next_result(self->conn, deadline_us, &lost, &why);
		ExecStatusType status =
		    next ? PQresultStatus(next) : PGRES_EMPTY_QUERY;
		if (!next) {
			lost = lost || PQstatus(self->conn) != CONNECTION_OK;
		} else if (status == PGRES_PIPELINE_SYNC) {
			over = TRUE;
			PQclear(next);
		} else if (status == PGRES_COMMAND_OK ||
			   status == PGRES_TUPLES_OK) {
			PQclear(last);
			last = next;
		} else {
			/* those after the first were not even tried */
			if (!failed && status != PGRES_PIPELINE_ABORTED)
				set_fault(next, error);
			failed = TRUE;
			PQclear(next);
		}
	}
	if (!lost && !failed && last)
		return last;
	PQclear(last);
	if (lost || !failed)
		lose(self, why, error);
	return NULL;
}

/* The answer to what was queued last, which sent tells of. NULL where that or
 * anything before it failed. */
static PGresult *finish(struct pgsql *self, int sent, unsigned patience_ms,
			GError **error)
{
	gint64 deadline_us =
	    g_get_monotonic_time() + (gint64)patience_ms * 1000;
	if (!sent || !PQpipelineSync(self->conn)) {
		lose(self, NULL, error);
		return NULL;
	}
	PGresult *result = collect(self, deadline_us, error);
	if (!self->conn)
		return NULL;
	/* which of them the server has is not told one by one */
	for (guint i = 0; !result && i < self->fresh->len; i++)
		g_hash_table_remove(self->prepared, self->fresh->pdata[i]);
	g_ptr_array_set_size(self->fresh, 0);
	self->queued = 0;
	return result;
}

static gboolean queue(struct pgsql *self, int sent, GError **error)
{
	if (sent)
		self->queued++;
	else
		lose(self, NULL, error);
	return sent != 0;
}

/* ---- statements ---- */

static const char *prepare(struct pgsql *self, const char *sql,
			   const struct store_value *values, unsigned count,
			   GError **error)
{
	enum { INT8 = 20, UNSAID = 0 }; /* of the catalogue pg_type */
	const char *known = g_hash_table_lookup(self->prepared, sql);
	if (known)
		return known;
	Oid types[PARAMETERS_MAX];
	for (unsigned i = 0; i < count; i++)
		types[i] = values[i].is_text ? UNSAID : INT8;
	char *name = g_strdup_printf("s%u", self->names++);
	char *text = g_strdup(sql);
	g_hash_table_insert(self->prepared, text, name);
	g_ptr_array_add(self->fresh, g_strdup(sql));
	return queue(self,
		     PQsendPrepare(self->conn, name, sql, (int)count, types),
		     error)
		   ? name
		   : NULL;
}

static void take_rows(const PGresult *result, struct store_rows *rows)
{
	int columns = PQnfields(result);
	for (int i = 0; i < columns; i++)
		store_rows_name(rows, PQfname(result, i));
	for (int row = 0; row < PQntuples(result); row++) {
		store_rows_begin_row(rows, (unsigned)columns);
		for (int i = 0; i < columns; i++)
			store_rows_add(rows, PQgetisnull(result, row, i)
						 ? NULL
						 : PQgetvalue(result, row, i));
	}
}

static gboolean pgsql_run(void *handle, const char *sql,
			  const struct store_value *values, unsigned count,
			  struct store_rows *rows, gint64 *changed,
			  GError **error)
{
	struct pgsql *self = handle;
	char numbers[PARAMETERS_MAX][24];
	const char *texts[PARAMETERS_MAX];
	g_return_val_if_fail(count <= G_N_ELEMENTS(texts), FALSE);
	const char *name = is_up(self, error)
			       ? prepare(self, sql, values, count, error)
			       : NULL;
	if (!name)
		return FALSE;
	for (unsigned i = 0; i < count; i++) {
		texts[i] = values[i].is_text ? values[i].text : numbers[i];
		if (!values[i].is_text)
			g_snprintf(numbers[i], sizeof numbers[i],
				   "%" G_GINT64_FORMAT, values[i].integer);
	}
	int sent = PQsendQueryPrepared(self->conn, name, (int)count, texts,
				       NULL, NULL, 0);
	if (self->in_transaction && !rows && !changed)
		return queue(self, sent, error);
	PGresult *result = finish(self, sent, PATIENCE_MS, error);
	if (result && rows)
		take_rows(result, rows);
	if (result && changed)
		*changed = g_ascii_strtoll(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	return result != NULL;
}

/* A command without parameters. */
static int send(struct pgsql *self, const char *sql)
{
	return PQsendQueryParams(self->conn, sql, 0, NULL, NULL, NULL, NULL, 0);
}

/* A pipeline takes statements one by one. */
static gboolean pgsql_script(void *handle, const char *sql, GError **error)
{
	struct pgsql *self = handle;
	if (!is_up(self, error))
		return FALSE;
	g_auto(GStrv) parts = g_strsplit(sql, ";\n", -1);
	gboolean alone = !self->in_transaction;
	gboolean ok = TRUE;
	if (!alone)
		ok = queue(self, send(self, "SET LOCAL statement_timeout = 0"),
			   error);
	for (char **part = parts; ok && *part; part++)
		if (*g_strstrip(*part))
			ok = queue(self, send(self, *part), error);
	PGresult *result =
	    ok ? finish(self, send(self, "SELECT 1"), SCRIPT_MS, error) : NULL;
	PQclear(result);
	return result != NULL;
}

static gboolean pgsql_begin(void *handle, gboolean brief, GError **error)
{
	struct pgsql *self = handle;
	if (!is_up(self, error))
		return FALSE;
	/* a reader's tables all as of one moment */
	self->in_transaction =
	    queue(self,
		  send(self, self->use == STORE_READER
				 ? "BEGIN ISOLATION LEVEL REPEATABLE READ"
				 : "BEGIN"),
		  error) &&
	    (!brief ||
	     queue(self, send(self, "SET LOCAL synchronous_commit = off"),
		   error));
	return self->in_transaction;
}

static gboolean pgsql_commit(void *handle, GError **error)
{
	struct pgsql *self = handle;
	if (!is_up(self, error))
		return FALSE;
	self->in_transaction = FALSE;
	PGresult *result =
	    finish(self, send(self, "COMMIT"), PATIENCE_MS, error);
	/* the commit of a transaction in which something failed rolls back,
	 * and only this word says so */
	gboolean ok = result && strcmp(PQcmdStatus(result), "COMMIT") == 0;
	if (result && !ok)
		fault_set(error, FAULT_STORAGE, NULL,
			  "The database took the change back.");
	PQclear(result);
	return ok;
}

static void pgsql_rollback(void *handle)
{
	struct pgsql *self = handle;
	self->in_transaction = FALSE;
	if (self->conn &&
	    (self->queued || PQtransactionStatus(self->conn) != PQTRANS_IDLE))
		PQclear(
		    finish(self, send(self, "ROLLBACK"), PATIENCE_MS, NULL));
}

static gboolean pgsql_recount(void *handle, const char *table, GError **error)
{
	struct store_value name = {.is_text = TRUE, .text = table};
	if (strcmp(table, "events") != 0) /* the one that counts */
		return TRUE;
	return pgsql_run(handle,
			 "SELECT setval(pg_get_serial_sequence($1, 'id'),"
			 " (SELECT COALESCE(MAX(id), 0) + 1 FROM events),"
			 " false)",
			 &name, 1, NULL, NULL, error);
}

static gboolean pgsql_clock_ms(void *handle, gint64 *unix_ms)
{
	struct pgsql *self = handle;
	if (!self->conn)
		return FALSE;
	PGresult *result =
	    finish(self,
		   send(self, "SELECT (EXTRACT(EPOCH FROM clock_timestamp())"
			      " * 1000)::bigint"),
		   PATIENCE_MS, NULL);
	if (result)
		*unix_ms = g_ascii_strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return result != NULL;
}

static gboolean pgsql_usable(void *handle)
{
	return ((struct pgsql *)handle)->conn != NULL;
}

/* ---- the handle ---- */

static void *pgsql_open(const char *where, enum store_use use,
			void (*back)(void *data), void *data, GError **error)
{
	PGconn *conn = connect_to(where, use, error);
	if (!conn)
		return NULL;
	struct pgsql *self = g_new0(struct pgsql, 1);
	self->where = g_strdup(where);
	self->use = use;
	self->back = back;
	self->back_data = data;
	self->conn = conn;
	self->prepared =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->fresh = g_ptr_array_new_with_free_func(g_free);
	return self;
}

static void pgsql_close(void *handle)
{
	struct pgsql *self = handle;
	if (!self)
		return;
	if (self->retry)
		g_source_remove(self->retry);
	if (self->revival)
		self->revival->owner = NULL;
	PQfinish(self->conn);
	g_hash_table_unref(self->prepared);
	g_ptr_array_unref(self->fresh);
	g_free(self->where);
	g_free(self->why);
	g_free(self);
}

const struct store_driver store_pgsql = {
    .identity = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    .tables = "SELECT table_name::text FROM information_schema.tables"
	      " WHERE table_schema = current_schema()",
    .open = pgsql_open,
    .close = pgsql_close,
    .run = pgsql_run,
    .script = pgsql_script,
    .begin = pgsql_begin,
    .commit = pgsql_commit,
    .rollback = pgsql_rollback,
    .recount = pgsql_recount,
    .clock_ms = pgsql_clock_ms,
    .usable = pgsql_usable,
};
