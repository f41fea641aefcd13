/* oriel-image-import - makes an image of a disk from elsewhere. Run by the
 * host role, or by hand; docs/machine.md, "Image builder". */
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/image/child.h"
#include "server/image/import.h"

/* Takes message. */
static void say(int fd, json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	g_autofree char *line = g_strconcat(text ? text : "{}", "\n", NULL);
	free(text);
	/* a reader that is gone cancels us by child.h's watch */
	for (const char *at = line; *at;) {
		ssize_t put = write(fd, at, strlen(at));
		if (put <= 0)
			return;
		at += put;
	}
}

static void on_told(const char *stage, unsigned done, void *data)
{
	int fd = *(int *)data;
	if (fd >= 0)
		say(fd, json_pack("{s:s, s:i, s:i}", "stage", stage, "done",
				  (int)done, "total", 1000));
	else if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%3u %% %s", done / 10, stage);
}

int main(int argc, char **argv)
{
	g_autofree char *file = NULL, *output = NULL, *title = NULL;
	g_autofree char *profile = NULL, *firmware = NULL;
	gboolean plain = FALSE;
	int fd = -1;
	const GOptionEntry entries[] = {
	    {"file", 0, 0, G_OPTION_ARG_FILENAME, &file,
	     "Disk: qcow2 raw img vmdk vhd vhdx vdi ova, by its name", "FILE"},
	    {"output", 0, 0, G_OPTION_ARG_FILENAME, &output,
	     "Folder to make; must not be there yet", "DIR"},
	    {"profile", 0, 0, G_OPTION_ARG_STRING, &profile,
	     "It was installed on such a machine", "NAME"},
	    {"firmware", 0, 0, G_OPTION_ARG_STRING, &firmware,
	     "which had this, bios or uefi", "NAME"},
	    {"plain", 0, 0, G_OPTION_ARG_NONE, &plain, "and no virtio devices",
	     NULL},
	    {"title", 0, 0, G_OPTION_ARG_STRING, &title,
	     "What to call it, for people", "TEXT"},
	    {"progress-fd", 0, 0, G_OPTION_ARG_INT, &fd,
	     "Tell progress there, one JSON object a line", "N"},
	    {NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	setlocale(LC_ALL, "");
	log_open("oriel-image-import", FALSE);
	g_autoptr(GOptionContext) options =
	    g_option_context_new("- make an image of a disk from elsewhere");
	g_option_context_add_main_entries(options, entries, NULL);
	g_autoptr(GError) error = NULL;
	if (!g_option_context_parse(options, &argc, &argv, &error) ||
	    argc > 1 || !file || !output || (profile && !firmware) ||
	    (fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)) {
		fprintf(stderr, "oriel-image-import: %s\nSee --help.\n",
			error ? error->message
			      : "--file FILE and --output DIR are needed.");
		return 2;
	}
	umask(077);
	child_setup(fd);
	struct import_request request = {.file = file,
					 .output = output,
					 .profile = profile,
					 .firmware = firmware,
					 .plain = plain,
					 .title = title};
	json_t *manifest = import_image(&request, on_told, &fd, &error);
	if (fd < 0 && isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	if (fd >= 0 && manifest)
		say(fd, json_pack("{s:s, s:O}", "result", "done", "manifest",
				  manifest));
	else if (fd >= 0)
		say(fd,
		    json_pack("{s:o}", "error", jsonline_from_error(error)));
	else if (manifest)
		printf("%s\n",
		       json_string_value(json_object_get(manifest, "report")));
	if (error)
		fault_print("oriel-image-import", error);
	json_decref(manifest);
	return error ? 1 : 0;
}
