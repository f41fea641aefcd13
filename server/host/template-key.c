#include "server/host/template-key.h"

#include <string.h>

#include "common/fault.h"
#include "server/host/files.h"

char *template_key(const char *image, const char *version, const char *digest,
		   const char *fingerprint)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	/* the terminators keep the parts apart */
	g_checksum_update(sum, (const guchar *)digest,
			  (gssize)strlen(digest) + 1);
	g_checksum_update(sum, (const guchar *)fingerprint,
			  (gssize)strlen(fingerprint) + 1);
	return g_strdup_printf("%s-%s-%.16s", image, version,
			       g_checksum_get_string(sum));
}

gboolean template_complete(const char *folder, const char *fingerprint)
{
	static const char *const parts[] = {TEMPLATE_MEMORY, TEMPLATE_STATE,
					    TEMPLATE_DISK, TEMPLATE_ABOUT};
	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
		if (!files_exist(folder, parts[i]))
			return FALSE;
	g_autofree char *path = g_build_filename(folder, TEMPLATE_FITS, NULL);
	json_t *has = json_load_file(path, 0, NULL);
	json_t *wants = json_loads(fingerprint, 0, NULL);
	gboolean fits = has && wants && json_equal(has, wants);
	json_decref(has);
	json_decref(wants);
	return fits;
}

void template_about_clear(struct template_about *about)
{
	g_clear_pointer(&about->image, g_free);
	g_clear_pointer(&about->version, g_free);
	g_clear_pointer(&about->engine, g_free);
}

gboolean template_about_same(const struct template_about *about,
			     const struct template_about *other)
{
	return strcmp(about->image, other->image) == 0 &&
	       strcmp(about->version, other->version) == 0 &&
	       strcmp(about->engine, other->engine) == 0 &&
	       about->cpus == other->cpus &&
	       about->memory_mib == other->memory_mib &&
	       about->heads == other->heads;
}

gboolean template_about_load(struct template_about *about, const char *folder,
			     GError **error)
{
	*about = (struct template_about){0};
	g_autofree char *path = g_build_filename(folder, TEMPLATE_ABOUT, NULL);
	json_error_t where;
	json_t *root = json_load_file(path, 0, &where);
	const char *image, *version, *engine;
	int cpus, memory, heads;
	json_int_t made = 0;
	gboolean valid =
	    root &&
	    json_unpack(root, "{s:s,s:s,s:s,s:i,s:i,s:i,s?I}", "image", &image,
			"version", &version, "engine", &engine, "cpus", &cpus,
			"memory_mib", &memory, "heads", &heads, "made_ms",
			&made) == 0 &&
	    conf_word_valid(image) && conf_word_valid(version) && cpus > 0 &&
	    memory > 0 && heads > 0;
	if (valid) {
		about->image = g_strdup(image);
		about->version = g_strdup(version);
		about->engine = g_strdup(engine);
		about->cpus = (unsigned)cpus;
		about->memory_mib = (unsigned)memory;
		about->heads = (unsigned)heads;
		about->made_ms = made;
	} else {
		fault_set(error, FAULT_STORAGE, NULL,
			  "'%s' does not say what the template is for.", path);
	}
	json_decref(root);
	return valid;
}

gboolean template_about_save(const struct template_about *about,
			     const char *folder, GError **error)
{
	g_autofree char *path = g_build_filename(folder, TEMPLATE_ABOUT, NULL);
	json_t *root = json_pack(
	    "{s:s,s:s,s:s,s:i,s:i,s:i,s:I}", "image", about->image, "version",
	    about->version, "engine", about->engine, "cpus", (int)about->cpus,
	    "memory_mib", (int)about->memory_mib, "heads", (int)about->heads,
	    "made_ms", (json_int_t)about->made_ms);
	int failed = json_dump_file(root, path, JSON_INDENT(1));
	json_decref(root);
	if (failed)
		fault_set(error, FAULT_STORAGE, "Make room on that disk.",
			  "'%s' cannot be written.", path);
	return !failed;
}
