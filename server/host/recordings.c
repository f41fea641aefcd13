#include "server/host/recordings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/host/files.h"
#include "server/host/space.h"

/* A line of a channel holds 4 MiB; base64 makes four of three. */
#define PART_BYTES (1u << 20)
/* What is read of a note: it has a few hundred bytes. */
#define NOTE_MAX 65536

static char *folder_of(const struct paths_root *root)
{
	return g_build_filename(root->lib, "recordings", NULL);
}

static char *path_of(const struct paths_root *root, const char *id,
		     const char *ending)
{
	g_autofree char *name = g_strconcat(id, ending, NULL);
	return g_build_filename(root->lib, "recordings", name, NULL);
}

/* As made below; nothing else becomes part of a path. */
static gboolean id_valid(const char *id)
{
	gsize length = strlen(id);
	return length > 0 && length <= 40 &&
	       strspn(id, "0123456789abcdef-") == length;
}

/* ---- notes ---- */

static gboolean note_write(const struct paths_root *root, const char *id,
			   json_t *note, GError **error)
{
	g_autofree char *path = path_of(root, id, ".json");
	char *text = json_dumps(note, JSON_INDENT(1));
	gboolean ok = g_file_set_contents_full(
	    path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
	free(text);
	return ok;
}

/* New reference; NULL where it cannot be read. */
static json_t *note_read(const struct paths_root *root, const char *id)
{
	g_autofree char *path = path_of(root, id, ".json");
	struct stat status;
	if (stat(path, &status) < 0 || status.st_size > NOTE_MAX)
		return NULL;
	json_t *note = json_load_file(path, 0, NULL);
	if (json_is_object(note))
		return note;
	json_decref(note);
	return NULL;
}

static gint64 size_of(const struct paths_root *root, const char *id)
{
	g_autofree char *path = path_of(root, id, ".webm");
	struct stat status;
	return stat(path, &status) == 0 ? status.st_size : 0;
}

/* Ids of all, in order of time. */
static GPtrArray *ids(const struct paths_root *root)
{
	g_autofree char *folder = folder_of(root);
	g_autoptr(GPtrArray) names = files_list(folder);
	GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < names->len; i++) {
		char *name = names->pdata[i];
		if (!g_str_has_suffix(name, ".json"))
			continue;
		name[strlen(name) - strlen(".json")] = 0;
		if (id_valid(name))
			g_ptr_array_add(out, g_strdup(name));
	}
	return out;
}

/* ---- one's life ---- */

int recordings_begin(const struct paths_root *root,
		     const struct recording_about *about, char **id,
		     GError **error)
{
	g_autofree char *folder = folder_of(root);
	if (!files_make_folder(folder, error) ||
	    !space_check(folder, RECORDINGS_SPARE_MIB, "record a desktop",
			 error))
		return -1;
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *time = g_date_time_format(now, "%Y%m%d-%H%M%S");
	g_autofree char *own = g_strdup_printf("%s-%08x", time, g_random_int());
	g_autofree char *path = path_of(root, own, ".webm");
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		int code = errno;
		fault_set(error, FAULT_STORAGE, "Look at that folder.",
			  "The recording '%s' cannot be made: %s.", path,
			  g_strerror(code));
		return -1;
	}
	json_t *note = json_pack(
	    "{s:s, s:s, s:s, s:s?, s:s, s:I, s:n, s:n, s:n}", "id", own,
	    "machine", about->machine, "desktop", about->desktop, "user",
	    about->user, "by", about->by, "began",
	    (json_int_t)g_date_time_to_unix(now), "ended", "length_ms", "why");
	gboolean ok = note_write(root, own, note, error);
	json_decref(note);
	if (!ok) {
		close(fd);
		unlink(path);
		return -1;
	}
	*id = g_steal_pointer(&own);
	return fd;
}

void recordings_end(const struct paths_root *root, const char *id,
		    gint64 length_ms, const char *why)
{
	g_autoptr(GError) error = NULL;
	json_t *note = note_read(root, id);
	if (!note)
		return; /* removed by hand */
	json_object_set_new(note, "ended",
			    json_integer(g_get_real_time() / G_USEC_PER_SEC));
	json_object_set_new(note, "length_ms",
			    length_ms < 0 ? json_null()
					  : json_integer(length_ms));
	json_object_set_new(note, "why", json_string(why));
	if (!note_write(root, id, note, &error))
		log_fault(NULL, error);
	json_decref(note);
}

void recordings_end_lost(const struct paths_root *root, const char *machine,
			 const char *except)
{
	g_autoptr(GPtrArray) all = ids(root);
	for (guint i = 0; i < all->len; i++) {
		const char *id = all->pdata[i];
		json_t *note = note_read(root, id);
		const char *of =
		    json_string_value(json_object_get(note, "machine"));
		if (json_is_null(json_object_get(note, "ended")) &&
		    g_strcmp0(of, machine) == 0 && g_strcmp0(id, except) != 0)
			recordings_end(root, id, -1, "lost");
		json_decref(note);
	}
}

char *recordings_by(const struct paths_root *root, const char *id)
{
	json_t *note = id_valid(id) ? note_read(root, id) : NULL;
	const char *by = json_string_value(json_object_get(note, "by"));
	char *out = g_strdup(by ? by : "policy");
	json_decref(note);
	return out;
}

/* ---- for the broker ---- */

json_t *recordings_list(const struct paths_root *root)
{
	g_autoptr(GPtrArray) all = ids(root);
	json_t *list = json_array();
	for (guint i = 0; i < all->len; i++) {
		json_t *note = note_read(root, all->pdata[i]);
		if (!note)
			continue;
		json_object_set_new(note, "bytes",
				    json_integer(size_of(root, all->pdata[i])));
		json_array_append_new(list, note);
	}
	return json_pack("{s:o}", "recordings", list);
}

static gboolean find(const struct paths_root *root, const char *id,
		     GError **error)
{
	g_autofree char *path =
	    id_valid(id) ? path_of(root, id, ".webm") : NULL;
	if (path && g_file_test(path, G_FILE_TEST_IS_REGULAR))
		return TRUE;
	fault_set(error, FAULT_NOT_FOUND,
		  "'oriel recording list' shows what there is.",
		  "There is no such recording.");
	return FALSE;
}

json_t *recordings_read(const struct paths_root *root, const char *id,
			gint64 offset, GError **error)
{
	if (!find(root, id, error))
		return NULL;
	g_autofree char *path = path_of(root, id, ".webm");
	g_autofree guint8 *bytes = g_malloc(PART_BYTES);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = fd < 0 ? -1 : pread(fd, bytes, PART_BYTES, offset);
	int code = errno;
	if (fd >= 0)
		close(fd);
	if (got < 0) {
		fault_set(error, FAULT_STORAGE, "Look at the host's disk.",
			  "The recording cannot be read: %s.",
			  g_strerror(code));
		return NULL;
	}
	g_autofree char *text = g_base64_encode(bytes, got);
	return json_pack("{s:s, s:I}", "data", text, "size",
			 (json_int_t)size_of(root, id));
}

gboolean recordings_remove(const struct paths_root *root, const char *id,
			   GError **error)
{
	if (!find(root, id, error))
		return FALSE;
	json_t *note = note_read(root, id);
	gboolean under_way =
	    note && json_is_null(json_object_get(note, "ended"));
	json_decref(note);
	if (under_way) {
		fault_set(error, FAULT_CONFLICT, "End it first.",
			  "It is still being recorded.");
		return FALSE;
	}
	g_autofree char *path = path_of(root, id, ".webm");
	g_autofree char *beside = path_of(root, id, ".json");
	if (unlink(path) < 0) {
		int code = errno;
		fault_set(error, FAULT_STORAGE, "Remove it by hand.",
			  "'%s' cannot be removed: %s.", path,
			  g_strerror(code));
		return FALSE;
	}
	unlink(beside);
	return TRUE;
}
