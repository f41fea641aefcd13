/* shape.h - what a JSON object of the API looks like, said once.
 *
 * A shape is a table of fields. Requests are checked against it (unknown
 * members refused, wrong types and sizes named), and the API's description is
 * made from it, so that the two cannot differ. Threads: any. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* Deepest nesting of a request: real ones have 3. */
#define SHAPE_DEPTH_MAX 16

enum shape_type {
	SHAPE_STRING,
	SHAPE_BASE64,
	SHAPE_INTEGER,
	SHAPE_NUMBER,
	SHAPE_BOOLEAN,
	SHAPE_STRINGS, /* array of strings */
	SHAPE_OBJECT,  /* of shape `of`; any object where that is NULL */
	SHAPE_OBJECTS, /* array of those */
};

struct shape;
struct shape_field {
	const char *name; /* NULL ends the table */
	const char *about;
	enum shape_type type;
	gboolean required; /* of a request; answers have all their members */
	gboolean nullable;
	gint64 low, high; /* value, or length in bytes, or both of items */
	const char *const *choices; /* strings allowed, or NULL */
	const char *pattern;        /* for names: letters, digits, "._-" */
	const struct shape *of;
};

struct shape {
	const char *name;
	const char *about;
	const struct shape_field *fields;
};

/* Names of users, pools, images and recipes: they become file names, URLs
 * and parts of "user/pool". */
#define SHAPE_NAME_PATTERN "^[a-z0-9][a-z0-9._-]*$"
gboolean shape_is_name(const char *text, gsize longest);

/* Parses one request body. NULL and FAULT_INVALID. An absent body is {}. */
json_t *shape_parse(const char *text, gsize size, GError **error);
gboolean shape_check(const struct shape *shape, json_t *object, GError **error);
/* JSON Schema, as OpenAPI 3.0 has it. */
json_t *shape_describe(const struct shape *shape, gboolean request);
