/* Recipes: what they may say, and the exact complaint for what they may not. */
#include <glib/gstdio.h>
#include <string.h>

#include "common/fault.h"
#include "server/image/recipe.h"

static char *folder;

static char *put(const char *name, const char *text)
{
	char *path = g_build_filename(folder, name, NULL);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	return path;
}

static struct recipe *load(const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	return recipe_load(path, error);
}

static void test_whole(void)
{
	g_autofree char *made = g_build_filename(folder, "files/a", NULL);
	g_mkdir_with_parents(made, 0755);
	g_free(put("base.recipe", "[image]\nsuite = bookworm\ndisk_gib = 4\n"
				  "title = Base\nabstract = yes\n"
				  "[packages]\ninstall = one two\n"
				  "[boot]\ncmdline = quiet\n"
				  "[commands]\nrun = first\n"));
	g_free(put("desk.recipe",
		   "# comment\n\n[image]\n  title = Desk top \n"
		   "include = base.recipe\n[packages]\ninstall = two three\n"
		   "install = four\n[files]\noverlay = files/a\n"
		   "program = oriel-heads /usr/lib/oriel/heads\n"
		   "[exclude]\npath = /usr/share/man/*\n"
		   "[commands]\nrun = echo a = b # not a comment\n"
		   "[boot]\ncmdline = ro\n"));
	g_autoptr(GError) error = NULL;
	g_autoptr(recipe_autoptr) recipe = load("desk.recipe", &error);
	g_assert_no_error(error);
	g_assert_cmpstr(recipe->name, ==, "desk");
	g_assert_cmpstr(recipe->title, ==, "Desk top");
	g_assert_cmpstr(recipe->suite, ==, "bookworm");
	g_assert_cmpuint(recipe->disk_gib, ==, 4);
	/* what is included may be abstract without its includer being so */
	g_assert_false(recipe->abstract);
	g_assert_cmpuint(recipe->packages->len, ==, 4);
	g_assert_cmpstr(recipe->packages->pdata[3], ==, "four");
	g_assert_cmpstr(recipe->cmdline, ==, "quiet ro");
	g_assert_cmpuint(recipe->commands->len, ==, 2);
	g_assert_cmpstr(recipe->commands->pdata[1], ==,
			"echo a = b # not a comment");
	const struct recipe_program *program = recipe->programs->pdata[0];
	g_assert_cmpstr(program->name, ==, "oriel-heads");
	g_assert_cmpstr(program->target, ==, "/usr/lib/oriel/heads");
	g_assert_true(g_str_has_suffix(recipe->overlays->pdata[0], "/files/a"));
}

static void test_complaints(void)
{
	static const struct {
		const char *text, *cause, *remedy;
	} CASES[] = {
	    {"title = x\n", "x.recipe:1: key 'title' stands in no section.",
	     "Write [image] above the first key."},
	    {"[image]\nnonsense\n",
	     "x.recipe:2: 'nonsense' is no key and value.", NULL},
	    {"[imag]\n", "x.recipe:1: '[imag]' is no section.", NULL},
	    {"[image\n", "x.recipe:1: '[image' is no section.", NULL},
	    {"[image]\ncolour = red\n",
	     "x.recipe:2: section [image] has no key 'colour'.",
	     "Known there: title description include suite abstract "
	     "disk_gib."},
	    {"[image]\ntitle =\n", "x.recipe:2: key 'title' has no value.",
	     NULL},
	    {"[image]\ndisk_gib = -3\n",
	     "x.recipe:2: '-3' is no disk size in GiB.",
	     "Write a number from 2 to 2048."},
	    {"[image]\nsuite = ../etc\n",
	     "x.recipe:2: '../etc' is no Debian suite.", NULL},
	    {"[image]\ninclude = /etc/passwd\n",
	     "x.recipe:2: '/etc/passwd' cannot be included.", NULL},
	    {"[image]\ninclude = a\ninclude = b\n",
	     "x.recipe:3: a recipe includes at most one other.", NULL},
	    {"[packages]\ninstall = good --bad\n",
	     "x.recipe:2: '--bad' is no package name.", NULL},
	    {"[packages]\ninstall = a,b\n",
	     "x.recipe:2: 'a,b' is no package name.", NULL},
	    {"[files]\noverlay = ../..\n",
	     "x.recipe:2: '../..' is no folder beside the recipe.", NULL},
	    {"[files]\nprogram = sh\n",
	     "x.recipe:2: 'sh' is no program and path.",
	     "Write: program = NAME /PATH/IN/THE/GUEST"},
	    {"[files]\nprogram = ../sh /bin/sh\n",
	     "x.recipe:2: '../sh /bin/sh' is no program and path.", NULL},
	    {"[files]\nprogram = oriel-heads /usr/../../x\n",
	     "x.recipe:2: 'oriel-heads /usr/../../x' is no program and "
	     "path.",
	     NULL},
	    {"[exclude]\npath = usr\n",
	     "x.recipe:2: 'usr' is no absolute path pattern.", NULL},
	    {"[image]\nabstract = maybe\n",
	     "x.recipe:2: 'maybe' is neither yes nor no.", "Write yes or no."},
	    {"[image]\ntitle = \xff\n", "x.recipe:2: the line is not text.",
	     "Save it as UTF-8 text."},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(CASES); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(recipe_parse(CASES[i].text, strlen(CASES[i].text),
					   "x.recipe", "/x", NULL, &error));
		g_assert_error(error, FAULT, FAULT_INVALID);
		g_autofree char *cause = fault_cause(error);
		g_autofree char *remedy = fault_remedy(error);
		g_assert_cmpstr(cause, ==, CASES[i].cause);
		g_assert_nonnull(remedy);
		if (CASES[i].remedy)
			g_assert_cmpstr(remedy, ==, CASES[i].remedy);
	}
}

static void expect(const char *name, enum fault_code code, const char *part)
{
	g_autoptr(GError) error = NULL;
	g_assert_null(load(name, &error));
	g_assert_error(error, FAULT, (int)code);
	if (!strstr(error->message, part))
		g_error("'%s' is not in: %s", part, error->message);
}

static void test_includes(void)
{
	g_free(put("a.recipe", "[image]\ninclude = b.recipe\n"));
	g_free(put("b.recipe", "[image]\ninclude = a.recipe\n"));
	g_free(put("self.recipe", "[image]\ninclude = self.recipe\n"));
	g_free(put("lost.recipe", "[image]\ninclude = nowhere.recipe\n"));
	g_free(put("c.recipe", "[image]\ninclude = wrong.recipe\n"));
	g_free(put("wrong.recipe", "[image]\n\n\ntitel = x\n"));
	expect("a.recipe", FAULT_INVALID, "goes round in a circle");
	expect("self.recipe", FAULT_INVALID, "goes round in a circle");
	expect("lost.recipe", FAULT_NOT_FOUND, "which lost.recipe includes");
	/* the file at fault is named, not the one that was asked for */
	expect("c.recipe", FAULT_INVALID, "wrong.recipe:4:");
	for (unsigned i = 0; i < 12; i++) {
		g_autofree char *name = g_strdup_printf("deep%u.recipe", i);
		g_autofree char *text = g_strdup_printf(
		    "[image]\ninclude = deep%u.recipe\n", i + 1);
		g_free(put(name, text));
	}
	expect("deep0.recipe", FAULT_INVALID, "include one another");
}

static void test_incomplete(void)
{
	g_free(put("empty.recipe", ""));
	g_free(put("nopack.recipe",
		   "[image]\ntitle = x\nsuite = sid\ndisk_gib = 2\n"));
	g_free(put("nofolder.recipe",
		   "[image]\ntitle = x\nsuite = sid\ndisk_gib = 2\n"
		   "[packages]\ninstall = a\n[files]\noverlay = gone\n"));
	expect("empty.recipe", FAULT_INVALID, "key 'title' is missing");
	expect("nopack.recipe", FAULT_INVALID, "key 'install' is missing");
	expect("nofolder.recipe", FAULT_NOT_FOUND, "is not there");
	expect("nothing.recipe", FAULT_NOT_FOUND, "cannot be read");
}

static void test_bounds(void)
{
	g_autofree char *huge = g_malloc(RECIPE_BYTES_MAX + 1);
	memset(huge, '#', RECIPE_BYTES_MAX + 1);
	g_autoptr(GError) error = NULL;
	g_assert_null(
	    recipe_parse(huge, RECIPE_BYTES_MAX + 1, "x", "/", NULL, &error));
	g_assert_error(error, FAULT, FAULT_INVALID);
	g_clear_error(&error);
	g_autoptr(GString) many = g_string_new("[commands]\n");
	for (unsigned i = 0; i <= RECIPE_VALUES_MAX; i++)
		g_string_append(many, "run = :\n");
	g_assert_null(
	    recipe_parse(many->str, many->len, "x", "/", NULL, &error));
	g_assert_error(error, FAULT, FAULT_INVALID);
}

/* Oriel's own recipes are good. */
static void test_own(void)
{
	static const char *const NAMES[] = {"debian-base", "debian-lite",
					    "debian-xfce"};
	for (gsize i = 0; i < G_N_ELEMENTS(NAMES); i++) {
		g_autofree char *name = g_strconcat(NAMES[i], ".recipe", NULL);
		g_autofree char *path = g_test_build_filename(
		    G_TEST_DIST, "data", "images", name, NULL);
		g_autoptr(GError) error = NULL;
		g_autoptr(recipe_autoptr) recipe = recipe_load(path, &error);
		g_assert_no_error(error);
		g_assert_cmpint(recipe->abstract, ==, i == 0);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("recipe-test-XXXXXX", NULL);
	g_test_add_func("/recipe/whole", test_whole);
	g_test_add_func("/recipe/complaints", test_complaints);
	g_test_add_func("/recipe/includes", test_includes);
	g_test_add_func("/recipe/incomplete", test_incomplete);
	g_test_add_func("/recipe/bounds", test_bounds);
	g_test_add_func("/recipe/own", test_own);
	int status = g_test_run();
	const char *const argv_rm[] = {"rm", "-rf", folder, NULL};
	g_spawn_sync(NULL, (char **)argv_rm, NULL, G_SPAWN_SEARCH_PATH, NULL,
		     NULL, NULL, NULL, NULL, NULL);
	g_free(folder);
	return status;
}
