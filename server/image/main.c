/* oriel-image-build - makes a desktop image from a recipe.
 * Run by the host role, or by hand; docs/machine.md and docs/recipes.md. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/image/build.h"
#include "server/image/child.h"
#include "server/image/inputs.h"
#include "server/image/recipe.h"

static gboolean drawing;

static void warn(const char *text)
{
	if (drawing)
		fprintf(stderr, "\r\033[K");
	log_warn(NULL, "%s", text);
}

static int list_inputs(const char *path, GError **error)
{
	struct recipe *recipe = recipe_load(path, error);
	struct inputs inputs;
	if (!recipe)
		return 1;
	gboolean good = inputs_collect(&inputs, recipe, error);
	if (good) {
		printf("key %s\n", inputs.key);
		for (guint i = 0; i < inputs.files->len; i++)
			printf("%s\n", (char *)inputs.files->pdata[i]);
		inputs_clear(&inputs);
	}
	recipe_free(recipe);
	return good ? 0 : 1;
}

static gboolean good_fd(int fd)
{
	if (fd < 0 || fcntl(fd, F_GETFD) >= 0)
		return TRUE;
	fprintf(stderr,
		"oriel-image-build: Descriptor %d is not open.\nGive the "
		"number of an open pipe with --progress-fd.\n",
		fd);
	return FALSE;
}

int main(int argc, char **argv)
{
	g_autofree char *recipe = NULL, *output = NULL, *cache = NULL;
	int progress_fd = -1;
	gboolean list = FALSE;
	const GOptionEntry entries[] = {
	    {"recipe", 0, 0, G_OPTION_ARG_FILENAME, &recipe, "What to build",
	     "FILE"},
	    {"output", 0, 0, G_OPTION_ARG_FILENAME, &output,
	     "Folder to make; must not be there yet", "DIR"},
	    {"cache", 0, 0, G_OPTION_ARG_FILENAME, &cache,
	     "Where finished images are kept by content", "DIR"},
	    {"progress-fd", 0, 0, G_OPTION_ARG_INT, &progress_fd,
	     "Tell progress there, one JSON object a line", "N"},
	    {"list-inputs", 0, 0, G_OPTION_ARG_NONE, &list,
	     "Only print the key and the files it is made from", NULL},
	    {NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	setlocale(LC_ALL, "");
	log_open("oriel-image-build", FALSE);
	g_autoptr(GOptionContext) options =
	    g_option_context_new("- make a desktop image from a recipe");
	g_option_context_add_main_entries(options, entries, NULL);
	g_autoptr(GError) error = NULL;
	if (!g_option_context_parse(options, &argc, &argv, &error) ||
	    argc > 1 || !recipe || (!output && !list)) {
		fprintf(stderr, "oriel-image-build: %s\nSee --help.\n",
			error ? error->message
			      : "--recipe FILE and --output DIR are needed.");
		return 2;
	}
	if (!good_fd(progress_fd))
		return 2;
	if (progress_fd >= 0)
		fcntl(progress_fd, F_SETFD, FD_CLOEXEC);
	if (list) {
		int status = list_inputs(recipe, &error);
		if (error)
			fault_print("oriel-image-build", error);
		return status;
	}
	/* folders and files of the package tree have the modes they ask for */
	umask(022);
	child_setup(progress_fd);
	drawing = progress_fd < 0 && isatty(STDERR_FILENO);
	struct progress *progress = progress_new(progress_fd, drawing);
	const struct build_request request = {
	    .recipe = recipe, .output = output, .cache = cache};
	json_t *manifest = build_image(&request, progress, warn, &error);
	if (manifest)
		progress_done(progress, manifest);
	else
		progress_failed(progress, error);
	if (error)
		fault_print("oriel-image-build", error);
	json_decref(manifest);
	progress_free(progress);
	return manifest ? 0 : 1;
}
