/* table.h - aligned columns for people. */
#pragma once

#include <glib.h>
#include <jansson.h>

struct table;

/* Titles end with NULL; they are strings of static lifetime. */
struct table *table_create(const char *title, ...) G_GNUC_NULL_TERMINATED;
/* As many cells as titles; NULL and "" print "-". Foreign text is made
 * harmless to the terminal. */
void table_row(struct table *table, ...);
/* Prints to stdout and frees. `empty` is said where there are no rows. */
void table_print(struct table *table, const char *empty);

/* Who waits for a desktop, since when and why: `waiting` of GET /status. */
void table_waiting(json_t *waiting);

/* "name: value" lines, aligned. */
void table_fact(const char *name, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Members as text; "" where absent or null. The string is valid until the
 * json is gone; numbers rotate through a few static buffers. */
const char *text_of(json_t *object, const char *key);
/* "3 min ago", "12 Mar 14:02" for Unix seconds; rotating static buffers. */
const char *text_ago(json_t *object, const char *key);
/* Printable copy of foreign text; new string. */
char *text_safe(const char *text);
