/* store-driver.h - what a database has to offer to be a store.
 *
 * Rows are collected by store_rows_add(), cell by cell, so that no handle of
 * the database outlives the call. */
#pragma once

#include "server/broker/store.h"

struct store_value {
	gboolean is_text;
	const char *text; /* NULL is SQL's NULL */
	gint64 integer;
};

struct store_driver {
	const char *identity; /* DDL of a key that counts up by itself */
	/* Opens and checks. NULL and a fault; see store_open(). */
	void *(*open)(const char *path, GError **error);
	void (*close)(void *handle);
	/* rows and changed may be NULL. */
	gboolean (*run)(void *handle, const char *sql,
			const struct store_value *values, unsigned count,
			struct store_rows *rows, gint64 *changed,
			GError **error);
	/* Statements without parameters or answers, separated by ";". */
	gboolean (*script)(void *handle, const char *sql, GError **error);
	gboolean (*begin)(void *handle, GError **error);
	gboolean (*commit)(void *handle, GError **error);
	void (*rollback)(void *handle);
	gboolean (*snapshot)(void *handle, const char *path, GError **error);
	gint64 (*now)(void *handle);
};
extern const struct store_driver store_sqlite;

void store_rows_begin_row(struct store_rows *rows, unsigned columns);
void store_rows_add(struct store_rows *rows, const char *text);
