#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/table.h"

/* ---- beginning and ending ---- */

static gboolean wish(struct cli *cli, const char *method, const char *words,
		     GError **error)
{
	g_autofree char *id = cli_desktop(cli, cli->argv[0], error);
	if (!id)
		return FALSE;
	g_autofree char *path = g_strdup_printf("/desktops/%s/recording", id);
	json_t *answer = client_call(cli->client, method, path, NULL, error);
	if (answer && !cli_printed(cli, answer))
		printf("Desktop %s %s.\n", text_of(answer, "name"), words);
	json_decref(answer);
	return answer != NULL;
}

static gboolean start(struct cli *cli, GError **error)
{
	return wish(cli, "POST", "is being recorded; its user is told", error);
}

static gboolean stop(struct cli *cli, GError **error)
{
	return wish(cli, "DELETE", "is no longer recorded", error);
}

/* ---- what there is ---- */

static char *length_of(json_t *recording)
{
	gint64 s =
	    json_integer_value(json_object_get(recording, "length_ms")) / 1000;
	if (!json_is_integer(json_object_get(recording, "length_ms")))
		return g_strdup("");
	return g_strdup_printf("%d:%02d:%02d", (int)(s / 3600),
			       (int)(s / 60 % 60), (int)(s % 60));
}

static const char *remark_of(json_t *recording)
{
	static const struct {
		const char *why, *words;
	} whys[] = {
	    {"size", "goes on in the next one"},
	    {"time", "goes on in the next one"},
	    {"disk", "ended for want of room"},
	    {"error", "ended by a fault"},
	    {"lost", "ended with its display process; it plays"},
	};
	if (json_is_null(json_object_get(recording, "ended")))
		return "under way";
	for (gsize i = 0; i < G_N_ELEMENTS(whys); i++)
		if (strcmp(whys[i].why, text_of(recording, "why")) == 0)
			return whys[i].words;
	return "";
}

static gboolean list(struct cli *cli, GError **error)
{
	json_t *answer =
	    client_call(cli->client, "GET", "/recordings", NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		struct table *table =
		    table_create("RECORDING", "DESKTOP", "USER", "BEGUN",
				 "LENGTH", "SIZE", "BY", "REMARK", NULL);
		gsize i;
		json_t *each;
		json_array_foreach(json_object_get(answer, "recordings"), i,
				   each)
		{
			g_autofree char *length = length_of(each);
			g_autofree char *size = g_format_size(
			    json_integer_value(json_object_get(each, "bytes")));
			table_row(table, text_of(each, "id"),
				  text_of(each, "desktop"),
				  text_of(each, "user"),
				  text_ago(each, "began"), length, size,
				  text_of(each, "by"), remark_of(each));
		}
		table_print(table, "Nothing was recorded.");
	}
	json_decref(answer);
	return TRUE;
}

/* ---- fetching ---- */

static gboolean write_all(int fd, GBytes *bytes, const char *path,
			  GError **error)
{
	gsize size;
	const char *at = g_bytes_get_data(bytes, &size);
	while (size) {
		ssize_t n = write(fd, at, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int code = n < 0 ? errno : ENOSPC;
			fault_set(error, FAULT_STORAGE, "Make room there.",
				  "'%s' cannot be written: %s.", path,
				  g_strerror(code));
			return FALSE;
		}
		at += n;
		size -= n;
	}
	return TRUE;
}

static gboolean fetch(struct cli *cli, int fd, const char *path, GError **error)
{
	g_autofree char *id = client_part(cli->argv[0]);
	for (gint64 offset = 0;;) {
		g_autofree char *call = g_strdup_printf(
		    "/recordings/%s?offset=%" G_GINT64_FORMAT, id, offset);
		g_autoptr(GBytes) part = client_fetch(cli->client, call, error);
		if (!part || !write_all(fd, part, path, error))
			return FALSE;
		if (!g_bytes_get_size(part))
			return TRUE;
		offset += g_bytes_get_size(part);
	}
}

static gboolean save(struct cli *cli, GError **error)
{
	g_autofree char *name = g_strconcat(cli->argv[0], ".webm", NULL);
	g_autofree char *own = g_path_get_basename(name);
	const char *path = cli->argc > 1 ? cli->argv[1] : own;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		int code = errno;
		fault_set(error, FAULT_INVALID, "Name another file.",
			  "'%s' cannot be made: %s.", path, g_strerror(code));
		return FALSE;
	}
	gboolean ok = fetch(cli, fd, path, error);
	if (close(fd) < 0 && ok) {
		fault_set(error, FAULT_STORAGE, "Make room there.",
			  "'%s' cannot be written.", path);
		ok = FALSE;
	}
	if (!ok)
		unlink(path); /* ours, and not whole */
	else
		cli_say(cli, "Recording %s is in %s.", cli->argv[0], path);
	return ok;
}

static gboolean remove_recording(struct cli *cli, GError **error)
{
	g_autofree char *id = client_part(cli->argv[0]);
	g_autofree char *path = g_strconcat("/recordings/", id, NULL);
	json_t *answer = client_call(cli->client, "DELETE", path, NULL, error);
	if (answer)
		cli_say(cli, "Recording %s was removed.", cli->argv[0]);
	json_decref(answer);
	return answer != NULL;
}

const struct verb recording_verbs[] = {
    {"recording", "list", NULL, 0, 0, "What was recorded, oldest first",
     "  oriel recording list\n", NULL, list, FALSE},
    {"recording", "start", "DESKTOP", 1, 1,
     "Record what a desktop shows and plays, until it ends",
     "  oriel recording start office/ada\n"
     "Its user is told. To record every session of a pool: oriel pool edit "
     "office --policy record=told\n",
     NULL, start, FALSE},
    {"recording", "stop", "DESKTOP", 1, 1,
     "End that; what a policy says goes on",
     "  oriel recording stop office/ada\n", NULL, stop, FALSE},
    {"recording", "save", "RECORDING [FILE]", 1, 2,
     "Copy one here, as a WebM file that every player plays",
     "  oriel recording save 20261123-073000-1234abcd lesson.webm\n", NULL,
     save, FALSE},
    {"recording", "remove", "RECORDING", 1, 1, "Remove one",
     "  oriel recording remove 20261123-073000-1234abcd\n", NULL,
     remove_recording, FALSE},
    {0},
};
