#include "server/image/recipe.h"

#include <string.h>

#include "common/fault.h"

/* Where a line stands, for messages. */
struct place {
	const char *label;
	unsigned line;
};

struct parser {
	struct place at;
	const char *folder;
	char *include;
	unsigned values;
	struct recipe *recipe;
};

static gboolean complain(const struct place *at, GError **error,
			 const char *remedy, const char *cause, ...)
    G_GNUC_PRINTF(4, 5);
static gboolean complain(const struct place *at, GError **error,
			 const char *remedy, const char *cause, ...)
{
	va_list args;
	va_start(args, cause);
	g_autofree char *text = g_strdup_vprintf(cause, args);
	va_end(args);
	fault_set(error, FAULT_INVALID, remedy, "%s:%u: %s", at->label,
		  at->line, text);
	return FALSE;
}

static void program_free(void *data)
{
	struct recipe_program *program = data;
	g_free(program->name);
	g_free(program->target);
	g_free(program);
}

static struct recipe *recipe_new(void)
{
	struct recipe *self = g_new0(struct recipe, 1);
	self->files = g_ptr_array_new_with_free_func(g_free);
	self->packages = g_ptr_array_new_with_free_func(g_free);
	self->excludes = g_ptr_array_new_with_free_func(g_free);
	self->overlays = g_ptr_array_new_with_free_func(g_free);
	self->programs = g_ptr_array_new_with_free_func(program_free);
	self->commands = g_ptr_array_new_with_free_func(g_free);
	return self;
}

void recipe_free(struct recipe *self)
{
	if (!self)
		return;
	g_free(self->name);
	g_free(self->title);
	g_free(self->description);
	g_free(self->suite);
	g_free(self->cmdline);
	g_ptr_array_unref(self->files);
	g_ptr_array_unref(self->packages);
	g_ptr_array_unref(self->excludes);
	g_ptr_array_unref(self->overlays);
	g_ptr_array_unref(self->programs);
	g_ptr_array_unref(self->commands);
	g_free(self);
}

/* ---- checks of single values ---- */

static gboolean only(const char *text, const char *also)
{
	for (; *text; text++)
		if (!g_ascii_isalnum(*text) && !strchr(also, *text))
			return FALSE;
	return TRUE;
}

/* A relative name that stays inside its folder. */
static gboolean stays_inside(const char *name)
{
	if (!*name || *name == '/' || !only(name, "/._+-"))
		return FALSE;
	g_auto(GStrv) parts = g_strsplit(name, "/", -1);
	for (gsize i = 0; parts[i]; i++)
		if (!*parts[i] || strcmp(parts[i], "..") == 0)
			return FALSE;
	return TRUE;
}

/* ---- one reader per key ---- */

static gboolean set_text(struct parser *self, char **field, const char *value,
			 GError **error)
{
	if (strlen(value) > 200)
		return complain(&self->at, error, "Shorten it.",
				"the text has more than 200 bytes.");
	g_free(*field);
	*field = g_strdup(value);
	return TRUE;
}

static gboolean set_title(struct parser *self, const char *value,
			  GError **error)
{
	return set_text(self, &self->recipe->title, value, error);
}

static gboolean set_description(struct parser *self, const char *value,
				GError **error)
{
	return set_text(self, &self->recipe->description, value, error);
}

static gboolean set_include(struct parser *self, const char *value,
			    GError **error)
{
	if (self->include)
		return complain(&self->at, error,
				"Let one recipe include the other.",
				"a recipe includes at most one other.");
	if (!stays_inside(value) || strchr(value, '/'))
		return complain(&self->at, error,
				"Name a recipe of the same folder, such as "
				"debian-base.recipe.",
				"'%s' cannot be included.", value);
	self->include = g_strdup(value);
	return TRUE;
}

static gboolean set_suite(struct parser *self, const char *value,
			  GError **error)
{
	if (!g_ascii_islower(*value) || !only(value, "-") || strlen(value) > 32)
		return complain(&self->at, error,
				"Write a code name, such as bookworm.",
				"'%s' is no Debian suite.", value);
	g_free(self->recipe->suite);
	self->recipe->suite = g_strdup(value);
	return TRUE;
}

static gboolean set_abstract(struct parser *self, const char *value,
			     GError **error)
{
	gboolean yes = strcmp(value, "yes") == 0;
	if (!yes && strcmp(value, "no") != 0)
		return complain(&self->at, error, "Write yes or no.",
				"'%s' is neither yes nor no.", value);
	self->recipe->abstract = yes;
	return TRUE;
}

static gboolean set_disk(struct parser *self, const char *value, GError **error)
{
	guint64 gib;
	if (!g_ascii_string_to_unsigned(value, 10, 2, RECIPE_DISK_MAX_GIB, &gib,
					NULL))
		return complain(&self->at, error,
				"Write a number from 2 to 2048.",
				"'%s' is no disk size in GiB.", value);
	self->recipe->disk_gib = (unsigned)gib;
	return TRUE;
}

static gboolean has(const GPtrArray *array, const char *text)
{
	return g_ptr_array_find_with_equal_func((GPtrArray *)array, text,
						g_str_equal, NULL);
}

static gboolean add_packages(struct parser *self, const char *value,
			     GError **error)
{
	g_auto(GStrv) names = g_strsplit_set(value, " \t", -1);
	for (gsize i = 0; names[i]; i++) {
		if (!*names[i])
			continue;
		if (!g_ascii_isalnum(*names[i]) || !only(names[i], "+.-:") ||
		    strlen(names[i]) > 100)
			return complain(&self->at, error,
					"Write names of Debian packages, "
					"separated by blanks.",
					"'%s' is no package name.", names[i]);
		if (++self->values > RECIPE_VALUES_MAX)
			return complain(&self->at, error,
					"Leave out what others depend on.",
					"there are more than %u values.",
					RECIPE_VALUES_MAX);
		if (!has(self->recipe->packages, names[i]))
			g_ptr_array_add(self->recipe->packages,
					g_strdup(names[i]));
	}
	return TRUE;
}

static gboolean add_exclude(struct parser *self, const char *value,
			    GError **error)
{
	if (*value != '/' || !only(value, "/._+-*?@") || strlen(value) > 400)
		return complain(&self->at, error,
				"Write a pattern such as /usr/share/man/*.",
				"'%s' is no absolute path pattern.", value);
	g_ptr_array_add(self->recipe->excludes, g_strdup(value));
	return TRUE;
}

static gboolean add_overlay(struct parser *self, const char *value,
			    GError **error)
{
	if (!stays_inside(value))
		return complain(&self->at, error,
				"Name a folder below the recipe's own.",
				"'%s' is no folder beside the recipe.", value);
	g_ptr_array_add(self->recipe->overlays,
			g_build_filename(self->folder, value, NULL));
	return TRUE;
}

static gboolean add_program(struct parser *self, const char *value,
			    GError **error)
{
	g_auto(GStrv) words = g_strsplit(value, " ", 2);
	char *target = words[1] ? g_strstrip(words[1]) : NULL;
	if (!target || !only(words[0], "-.") || !*words[0] ||
	    *words[0] == '.' || *target != '/' || !stays_inside(target + 1))
		return complain(&self->at, error,
				"Write: program = NAME /PATH/IN/THE/GUEST",
				"'%s' is no program and path.", value);
	struct recipe_program *program = g_new(struct recipe_program, 1);
	program->name = g_strdup(words[0]);
	program->target = g_strdup(target);
	g_ptr_array_add(self->recipe->programs, program);
	return TRUE;
}

static gboolean add_command(struct parser *self, const char *value,
			    GError **error)
{
	g_ptr_array_add(self->recipe->commands, g_strdup(value));
	return TRUE;
}

static gboolean add_cmdline(struct parser *self, const char *value,
			    GError **error)
{
	char *old = self->recipe->cmdline;
	char *joined =
	    old ? g_strconcat(old, " ", value, NULL) : g_strdup(value);
	g_free(old);
	self->recipe->cmdline = joined;
	/* the kernel's own limit on x86 is 2048 with the final zero */
	if (strlen(joined) > 1900)
		return complain(&self->at, error, "Shorten it.",
				"the kernel's command line has more than 1900 "
				"bytes.");
	return TRUE;
}

static const struct key {
	const char *section, *name;
	gboolean (*read)(struct parser *self, const char *value,
			 GError **error);
} KEYS[] = {
    {"image", "title", set_title},
    {"image", "description", set_description},
    {"image", "include", set_include},
    {"image", "suite", set_suite},
    {"image", "abstract", set_abstract},
    {"image", "disk_gib", set_disk},
    {"packages", "install", add_packages},
    {"exclude", "path", add_exclude},
    {"files", "overlay", add_overlay},
    {"files", "program", add_program},
    {"commands", "run", add_command},
    {"boot", "cmdline", add_cmdline},
};

/* ---- lines ---- */

static gboolean read_section(struct parser *self, char *line,
			     const char **section, GError **error)
{
	gsize length = strlen(line);
	if (length > 2 && line[length - 1] == ']') {
		line[length - 1] = 0;
		for (gsize i = 0; i < G_N_ELEMENTS(KEYS); i++)
			if (strcmp(KEYS[i].section, line + 1) == 0) {
				*section = KEYS[i].section;
				return TRUE;
			}
		line[length - 1] = ']';
	}
	return complain(&self->at, error,
			"There are [image], [packages], [exclude], [files], "
			"[commands] and [boot].",
			"'%s' is no section.", line);
}

static gboolean read_value(struct parser *self, char *line, const char *section,
			   GError **error)
{
	char *equals = strchr(line, '=');
	if (!equals)
		return complain(&self->at, error,
				"Write: key = value, or begin a comment line "
				"with #.",
				"'%s' is no key and value.", line);
	*equals = 0;
	const char *name = g_strstrip(line);
	const char *value = g_strstrip(equals + 1);
	if (!section)
		return complain(&self->at, error,
				"Write [image] above the first key.",
				"key '%s' stands in no section.", name);
	if (!*value)
		return complain(&self->at, error,
				"Write a value, or remove the line.",
				"key '%s' has no value.", name);
	if (++self->values > RECIPE_VALUES_MAX)
		return complain(&self->at, error, "Make it smaller.",
				"there are more than %u values.",
				RECIPE_VALUES_MAX);
	for (gsize i = 0; i < G_N_ELEMENTS(KEYS); i++)
		if (KEYS[i].section == section &&
		    strcmp(KEYS[i].name, name) == 0)
			return KEYS[i].read(self, value, error);
	g_autoptr(GString) known = g_string_new("Known there: ");
	for (gsize i = 0; i < G_N_ELEMENTS(KEYS); i++)
		if (KEYS[i].section == section)
			g_string_append_printf(known, "%s ", KEYS[i].name);
	known->str[known->len - 1] = '.';
	return complain(&self->at, error, known->str,
			"section [%s] has no key '%s'.", section, name);
}

static gboolean parse_into(struct parser *self, const char *text, gsize length,
			   GError **error)
{
	if (length > RECIPE_BYTES_MAX) {
		fault_set(error, FAULT_INVALID, "Make it smaller.",
			  "%s: the recipe has more than %u KiB.",
			  self->at.label, RECIPE_BYTES_MAX >> 10);
		return FALSE;
	}
	const char *bad;
	if (!g_utf8_validate_len(text, length, &bad)) {
		for (const char *at = text; at < bad; at++)
			self->at.line += *at == '\n';
		self->at.line++;
		return complain(&self->at, error, "Save it as UTF-8 text.",
				"the line is not text.");
	}
	g_autofree char *copy = g_strndup(text, length);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
	const char *section = NULL;
	for (gsize i = 0; lines[i]; i++) {
		self->at.line = (unsigned)i + 1;
		char *line = g_strstrip(lines[i]);
		if (!*line || *line == '#')
			continue;
		if (*line == '[' ? !read_section(self, line, &section, error)
				 : !read_value(self, line, section, error))
			return FALSE;
	}
	return TRUE;
}

struct recipe *recipe_parse(const char *text, gsize length, const char *label,
			    const char *folder, char **include, GError **error)
{
	g_autoptr(recipe_autoptr) recipe = recipe_new();
	struct parser parser = {
	    .at = {.label = label}, .folder = folder, .recipe = recipe};
	gboolean good = parse_into(&parser, text, length, error);
	if (good && include)
		*include = g_steal_pointer(&parser.include);
	g_free(parser.include);
	return good ? g_steal_pointer(&recipe) : NULL;
}

/* ---- files and includes ---- */

static gboolean load_into(struct recipe *recipe, const char *path,
			  const char *from, GError **error)
{
	if (has(recipe->files, path)) {
		fault_set(error, FAULT_INVALID,
			  "Remove one of the include lines.",
			  "%s: including '%s' again goes round in a circle.",
			  from, path);
		return FALSE;
	}
	if (recipe->files->len >= RECIPE_INCLUDES_MAX) {
		fault_set(error, FAULT_INVALID, "Flatten some of them.",
			  "%s: more than %u recipes include one another.", from,
			  RECIPE_INCLUDES_MAX);
		return FALSE;
	}
	g_ptr_array_add(recipe->files, g_strdup(path));
	g_autofree char *text = NULL;
	gsize length;
	g_autoptr(GError) io = NULL;
	if (!g_file_get_contents(path, &text, &length, &io)) {
		g_autofree char *by =
		    from ? g_strdup_printf(", which %s includes,", from)
			 : g_strdup("");
		fault_set(error, FAULT_NOT_FOUND,
			  "Name an existing recipe; Oriel's own are in "
			  "data/images.",
			  "Recipe '%s'%s cannot be read: %s.", path, by,
			  io->message);
		return FALSE;
	}
	g_autofree char *label = g_path_get_basename(path);
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *include = NULL;
	/* first for the include line alone: it comes before our own lines */
	struct recipe *own =
	    recipe_parse(text, length, label, folder, &include, error);
	if (!own)
		return FALSE;
	recipe_free(own);
	if (include) {
		g_autofree char *other =
		    g_build_filename(folder, include, NULL);
		if (!load_into(recipe, other, label, error))
			return FALSE;
	}
	recipe->abstract = FALSE; /* not inherited */
	g_clear_pointer(&recipe->title, g_free);
	g_clear_pointer(&recipe->description, g_free);
	struct parser parser = {
	    .at = {.label = label}, .folder = folder, .recipe = recipe};
	gboolean good = parse_into(&parser, text, length, error);
	g_free(parser.include);
	return good;
}

static gboolean check_whole(struct recipe *self, const char *path,
			    GError **error)
{
	const char *missing = !self->title           ? "title"
			      : !self->suite         ? "suite"
			      : !self->disk_gib      ? "disk_gib"
			      : !self->packages->len ? "install"
						     : NULL;
	if (missing) {
		fault_set(error, FAULT_INVALID,
			  "Add the line, or include debian-base.recipe.",
			  "%s: key '%s' is missing.", path, missing);
		return FALSE;
	}
	for (guint i = 0; i < self->overlays->len; i++) {
		const char *folder = self->overlays->pdata[i];
		if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
			fault_set(
			    error, FAULT_NOT_FOUND,
			    "Make the folder, or remove the overlay line.",
			    "%s: overlay folder '%s' is not there.", path,
			    folder);
			return FALSE;
		}
	}
	return TRUE;
}

struct recipe *recipe_load(const char *path, GError **error)
{
	g_autofree char *full = g_canonicalize_filename(path, NULL);
	g_autoptr(recipe_autoptr) recipe = recipe_new();
	if (!load_into(recipe, full, NULL, error) ||
	    !check_whole(recipe, full, error))
		return NULL;
	g_autofree char *base = g_path_get_basename(full);
	recipe->name = g_str_has_suffix(base, ".recipe")
			   ? g_strndup(base, strlen(base) - 7)
			   : g_strdup(base);
	return g_steal_pointer(&recipe);
}
