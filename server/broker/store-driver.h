/* store-driver.h - what a database has to offer to be a store.
 *
 * Rows are collected by store_rows_add(), cell by cell, so that no handle of
 * the database outlives the call. A driver waits for its database with a
 * deadline: one that hangs is a fault like one that is gone. */
#pragma once

#include "server/broker/store.h"

struct store_value {
	gboolean is_text;
	const char *text; /* NULL is SQL's NULL */
	gint64 integer;
};

struct store_driver {
	const char *identity; /* DDL of a key that counts up by itself */
	const char *tables;   /* SQL: names of all tables of ours */
	/* Opens and checks. NULL and a fault; see store_open(). back(data) is
	 * called on the main context when the database can be used again after
	 * it was gone; a driver whose database cannot go has no use for it. */
	void *(*open)(const char *where, enum store_use use,
		      void (*back)(void *data), void *data, GError **error);
	void (*close)(void *handle);
	/* rows and changed may be NULL. */
	gboolean (*run)(void *handle, const char *sql,
			const struct store_value *values, unsigned count,
			struct store_rows *rows, gint64 *changed,
			GError **error);
	/* Statements without parameters or answers, separated by ";". */
	gboolean (*script)(void *handle, const char *sql, GError **error);
	/* brief: see store_begin_brief() */
	gboolean (*begin)(void *handle, gboolean brief, GError **error);
	gboolean (*commit)(void *handle, GError **error);
	void (*rollback)(void *handle);
	/* See store.h; all NULL where a commit waits for the disk. */
	guint64 (*mark)(void *handle);
	void (*when_kept)(void *handle, guint64 since, store_kept kept,
			  void *data);
	void (*settle)(void *handle);
	/* A copy in a file; NULL where only store_copy() can make one. */
	gboolean (*snapshot)(void *handle, const char *path, GError **error);
	/* Inside a transaction, after rows with keys were put into a table
	 * that counts up; may be NULL. */
	gboolean (*recount)(void *handle, const char *table, GError **error);
	/* The database's clock; FALSE where it does not answer. */
	gboolean (*clock_ms)(void *handle, gint64 *unix_ms);
	gboolean (*usable)(void *handle);
};
extern const struct store_driver store_sqlite, store_pgsql;

void store_rows_begin_row(struct store_rows *rows, unsigned columns);
void store_rows_add(struct store_rows *rows, const char *text);
/* The columns' names, in order, once for each answer. */
void store_rows_name(struct store_rows *rows, const char *name);
