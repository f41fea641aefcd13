#include "server/host/image.h"

#include <string.h>

#include "common/fault.h"
#include "server/host/files.h"

char *image_folder(const struct paths_root *root, const char *name,
		   const char *version)
{
	return g_build_filename(root->lib, "images", name, version, NULL);
}

void image_free(struct image *self)
{
	if (!self)
		return;
	g_free(self->name);
	g_free(self->version);
	g_free(self->folder);
	g_free(self->disk);
	g_free(self->kernel);
	g_free(self->initrd);
	g_free(self->cmdline);
	g_free(self->profile);
	g_free(self->digest);
	g_free(self);
}

/* The text of a small file of the image. */
static char *read_part(const struct image *self, const char *part,
		       GError **error)
{
	g_autofree char *path = g_build_filename(self->folder, part, NULL);
	char *text;
	gsize length;
	g_autoptr(GError) why = NULL;
	if (g_file_get_contents(path, &text, &length, &why))
		return text;
	fault_set(error, FAULT_STORAGE, "Remove the image and build it again.",
		  "Image '%s' version '%s' is damaged: %s.", self->name,
		  self->version, why->message);
	return NULL;
}

/* Whether the image was a disk of its own before, and how it boots then. */
static gboolean take_import(struct image *self, const char *manifest)
{
	json_t *root = json_loads(manifest, 0, NULL);
	const char *kind = json_string_value(json_object_get(root, "kind"));
	const char *firmware =
	    json_string_value(json_object_get(root, "firmware"));
	gboolean own = g_strcmp0(kind, "import") == 0;
	self->uefi = own && g_strcmp0(firmware, "uefi") == 0;
	self->plain =
	    own && json_is_true(json_object_get(root, "plain_hardware"));
	self->profile =
	    own ? g_strdup(json_string_value(json_object_get(root, "profile")))
		: NULL;
	json_decref(root);
	return own;
}

struct image *image_open(const struct paths_root *root, const char *name,
			 const char *version, GError **error)
{
	g_autoptr(image_auto) self = g_new0(struct image, 1);
	self->name = g_strdup(name);
	self->version = g_strdup(version);
	self->folder = image_folder(root, name, version);
	if (!g_file_test(self->folder, G_FILE_TEST_IS_DIR)) {
		fault_set(error, FAULT_NOT_FOUND,
			  "Build it: oriel image build RECIPE.",
			  "Image '%s' has no version '%s' on this host.", name,
			  version);
		return NULL;
	}
	struct {
		const char *name;
		char **path;
	} const parts[] = {{"disk.qcow2", &self->disk},
			   {"vmlinuz", &self->kernel},
			   {"initrd.img", &self->initrd}};
	g_autofree char *manifest = read_part(self, "manifest.json", error);
	if (!manifest)
		return NULL;
	gboolean own = take_import(self, manifest);
	for (gsize i = 0; i < (own ? 1 : G_N_ELEMENTS(parts)); i++) {
		*parts[i].path =
		    g_build_filename(self->folder, parts[i].name, NULL);
		if (g_file_test(*parts[i].path, G_FILE_TEST_IS_REGULAR))
			continue;
		fault_set(error, FAULT_STORAGE,
			  "Remove the image and build it again.",
			  "Image '%s' version '%s' is damaged: %s is missing.",
			  name, version, parts[i].name);
		return NULL;
	}
	if (!own && !(self->cmdline = read_part(self, "cmdline", error)))
		return NULL;
	if (!own)
		g_strstrip(self->cmdline);
	self->digest =
	    g_compute_checksum_for_string(G_CHECKSUM_SHA256, manifest, -1);
	return g_steal_pointer(&self);
}

json_t *image_manifest(const struct image *self, GError **error)
{
	g_autofree char *text = read_part(self, "manifest.json", error);
	json_t *manifest = text ? json_loads(text, 0, NULL) : NULL;
	if (text && !json_is_object(manifest)) {
		g_clear_pointer(&manifest, json_decref);
		fault_set(error, FAULT_STORAGE,
			  "Remove the image and build it again.",
			  "Image '%s' version '%s' is damaged: its manifest is "
			  "no JSON object.",
			  self->name, self->version);
	}
	return manifest;
}
