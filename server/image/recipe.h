/* recipe.h - what an image is made of, as a small INI file.
 *
 * Sections and keys are described in docs/recipes.md. A key may stand several
 * times; the values add up in order. `include` pulls another recipe of the
 * same folder in before this one's own lines, so that a recipe only says what
 * it adds.
 *
 * Untrusted: recipes come from people, so every value is bounded and checked,
 * and an error names file, line and remedy.
 * Threads: any. Ownership: recipe_free(); everything in it goes with it. */
#pragma once

#include <glib.h>

#define RECIPE_BYTES_MAX    (256u << 10)
#define RECIPE_VALUES_MAX   4096u
#define RECIPE_INCLUDES_MAX 8u
#define RECIPE_DISK_MAX_GIB 2048u

/* A program of ours and where in the guest it goes. */
struct recipe_program {
	char *name;
	char *target;
};

struct recipe {
	char *name;        /* file name without ".recipe" */
	char *title;       /* one line; never NULL once loaded */
	char *description; /* one line, or NULL */
	char *suite;       /* Debian's code name */
	gboolean abstract; /* only to be included */
	unsigned disk_gib;
	char *cmdline;       /* joined by blanks */
	GPtrArray *files;    /* char *: every recipe read, in order */
	GPtrArray *packages; /* char *: names, without repeats */
	GPtrArray *excludes; /* char *: dpkg path patterns */
	GPtrArray *overlays; /* char *: absolute folders */
	GPtrArray *programs; /* struct recipe_program * */
	GPtrArray *commands; /* char *: shell, run as root in the guest */
};

/* Reads path and what it includes, and checks the whole. */
struct recipe *recipe_load(const char *path, GError **error);

/* One text, without following includes or looking at folders: what the fuzz
 * target and the unit tests drive. `label` stands for the file in errors,
 * `folder` is what relative names begin from. */
struct recipe *recipe_parse(const char *text, gsize length, const char *label,
			    const char *folder, char **include, GError **error);

void recipe_free(struct recipe *recipe);
typedef struct recipe recipe_autoptr;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(recipe_autoptr, recipe_free)
