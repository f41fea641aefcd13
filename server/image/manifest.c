#include "server/image/manifest.h"

#include <string.h>
#include <sys/stat.h>

#include "common/fault.h"
#include "server/image/cache.h"
#include "server/image/child.h"
#include "server/image/inputs.h"

#define MANIFEST_FORMAT 1

static void read_facts(const char *facts, json_t *manifest)
{
	json_t *packages = json_object();
	json_t *release = json_object();
	g_autofree char *codename = NULL;
	g_auto(GStrv) lines = g_strsplit(facts, "\n", -1);
	for (gsize i = 0; lines[i]; i++) {
		char *value = strstr(lines[i], ": ");
		if (!value)
			continue;
		*value = 0;
		value += 2;
		if (strcmp(lines[i], "Package") == 0) {
			char *version = strchr(value, ' ');
			if (version) {
				*version++ = 0;
				json_object_set_new(packages, value,
						    json_string(version));
			}
		} else if (strcmp(lines[i], "Kernel") == 0) {
			json_object_set_new(manifest, "kernel",
					    json_string(value));
		} else if (strcmp(lines[i], "Codename") == 0) {
			g_free(codename);
			codename = g_strdup(value);
		} else if (strcmp(lines[i], "Date") == 0 && codename) {
			json_object_set_new(release, codename,
					    json_string(value));
		}
	}
	json_object_set_new(manifest, "release", release);
	json_object_set_new(manifest, "packages", packages);
}

json_t *manifest_make(const struct recipe *recipe, const char *key,
		      const char *facts, const char *folder, double seconds,
		      GError **error)
{
	json_t *files = json_object();
	for (gsize i = 0; IMAGE_FILES[i]; i++) {
		if (strcmp(IMAGE_FILES[i], "manifest.json") == 0 ||
		    strcmp(IMAGE_FILES[i], "build.log") == 0)
			continue;
		g_autofree char *path =
		    g_build_filename(folder, IMAGE_FILES[i], NULL);
		g_autofree char *sum = inputs_sum_file(path, error);
		struct stat st;
		if (!sum || stat(path, &st) < 0 || child_cancelled(error)) {
			json_decref(files);
			return NULL;
		}
		json_object_set_new(files, IMAGE_FILES[i],
				    json_pack("{s:I, s:s}", "bytes",
					      (json_int_t)st.st_size, "sha256",
					      sum));
	}
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *built = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
	json_t *manifest = json_pack(
	    "{s:i, s:s, s:s, s:s*, s:s, s:s, s:s, s:s, s:s, s:f, s:i, s:o}",
	    "manifest", MANIFEST_FORMAT, "recipe", recipe->name, "title",
	    recipe->title, "description", recipe->description, "key", key,
	    "builder", "oriel " ORIEL_VERSION, "suite", recipe->suite,
	    "architecture", "amd64", "built", built, "seconds", seconds,
	    "disk_gib", (int)recipe->disk_gib, "files", files);
	read_facts(facts, manifest);
	return manifest;
}

gboolean manifest_write(json_t *manifest, const char *folder, GError **error)
{
	g_autofree char *path = g_build_filename(folder, "manifest.json", NULL);
	char *text = json_dumps(manifest, JSON_INDENT(1));
	g_autofree char *line = g_strconcat(text, "\n", NULL);
	free(text);
	g_autoptr(GError) io = NULL;
	if (g_file_set_contents_full(path, line, -1,
				     G_FILE_SET_CONTENTS_CONSISTENT, 0644, &io))
		return TRUE;
	fault_set(error, FAULT_STORAGE, "Free some room and build again.",
		  "'%s' cannot be written: %s.", path, io->message);
	return FALSE;
}

static gboolean sizes_fit(json_t *manifest, const char *folder)
{
	json_t *files = json_object_get(manifest, "files");
	for (gsize i = 0; IMAGE_FILES[i]; i++) {
		g_autofree char *path =
		    g_build_filename(folder, IMAGE_FILES[i], NULL);
		struct stat st;
		if (stat(path, &st) < 0)
			return FALSE;
		json_t *file = json_object_get(files, IMAGE_FILES[i]);
		if (file && json_integer_value(
				json_object_get(file, "bytes")) != st.st_size)
			return FALSE;
	}
	return json_object_get(files, "disk.qcow2") != NULL;
}

json_t *manifest_check(const char *folder, const char *key, GError **error)
{
	g_autofree char *path = g_build_filename(folder, "manifest.json", NULL);
	json_t *manifest = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	const char *has = json_string_value(json_object_get(manifest, "key"));
	if (has && (!key || strcmp(has, key) == 0) &&
	    sizes_fit(manifest, folder))
		return manifest;
	json_decref(manifest);
	fault_set(error, FAULT_STORAGE, "Remove it and build it again.",
		  "The image in '%s' is incomplete or damaged.", folder);
	return NULL;
}
