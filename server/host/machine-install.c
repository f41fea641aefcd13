/* A machine that a system is installed on: an empty disk, media in its drives,
 * and the console for whoever answers what setup asks. Its disk becomes an
 * image once the guest has switched itself off; installs.c sees to that. */
#include "server/host/machine-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/host/builds.h"
#include "server/host/image.h"
#include "server/host/space.h"
#include "vmm/profile.h"

/* Windows' loader asks within the first 15 s (vmm/profile.h) */
#define KEYS 15
/* the picture that is kept is not older */
#define PICTURE_US (3 * G_USEC_PER_SEC)
/* ISO 9660 (ECMA-119, 8.1): volume descriptors begin at sector 16 of 2048 */
#define DESCRIPTOR_AT (16 * 2048)
/* What is installed takes some of the disk, and is copied once: of each GiB
 * so much has to be free. */
#define FREE_MIB_PER_GIB 256

static char *path_of(const struct machine *self, const char *name)
{
	return g_build_filename(self->world->root->lib, "import", name, NULL);
}

struct image *machine_install_image(const struct machine *self)
{
	const struct conf *conf = self->conf;
	const struct engine_profile *profile =
	    engine_profile_find(conf->profile);
	struct image *image = g_new0(struct image, 1);
	image->name = g_strdup(conf->image);
	image->version = g_strdup(conf->version);
	image->profile = g_strdup(conf->profile);
	image->uefi = profile->uefi;
	/* Windows has virtio's drivers from their own medium or not at all */
	image->plain = machine_install_plain(conf);
	return image;
}

gboolean machine_install_plain(const struct conf *conf)
{
	return strcmp(conf->profile, "linux") != 0 && !conf->drivers;
}

char **machine_media(const struct machine *self)
{
	const struct conf *conf = self->conf;
	if (!conf->iso || conf->installed)
		return NULL;
	const char *const names[] = {conf->iso, conf->answers, conf->drivers};
	GStrvBuilder *media = g_strv_builder_new();
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path =
		    names[i] ? path_of(self, names[i]) : NULL;
		if (path)
			g_strv_builder_add(media, path);
	}
	char **list = g_strv_builder_end(media);
	g_strv_builder_unref(media);
	return list;
}

/* ISO 9660 or UDF (ECMA-167, 2/9.1): an identifier in the first descriptor. */
static gboolean is_medium(const char *path, GError **error)
{
	char head[6] = "";
	struct stat st;
	/* never through a link: the folder is for media, not for ways out */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	gboolean there = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	gboolean read =
	    there && pread(fd, head, sizeof head, DESCRIPTOR_AT) == sizeof head;
	if (fd >= 0)
		close(fd);
	if (read && (memcmp(head + 1, "CD001", 5) == 0 ||
		     memcmp(head + 1, "BEA01", 5) == 0))
		return TRUE;
	if (there)
		fault_set(error, FAULT_INVALID,
			  "Look whether its download is whole, and give the "
			  "ISO file itself.",
			  "'%s' is no ISO image.", path);
	else
		fault_set(error, FAULT_NOT_FOUND,
			  "Put it there, or use 'oriel image create' on that "
			  "machine.",
			  "There is no file '%s' on this host.", path);
	return FALSE;
}

gboolean machine_check_media(const struct machine *self, GError **error)
{
	g_auto(GStrv) media = machine_media(self);
	for (gsize i = 0; media && media[i]; i++)
		if (!is_medium(media[i], error))
			return FALSE;
	/* of one that goes on, most is written already */
	return self->conf->owned ||
	       space_check(self->folder,
			   (guint64)self->conf->disk_gib * FREE_MIB_PER_GIB,
			   "install a system", error);
}

/* ---- the key that a medium asks for ---- */

static void on_key(GObject *source, GAsyncResult *result, void *data)
{
	struct engine_machine *vm = data;
	/* one too many is none too few */
	engine_machine_act_finish(vm, result, NULL);
	engine_machine_unref(vm);
}

static gboolean press(void *data)
{
	struct machine *self = data;
	engine_machine_key_async(self->vm, "ret", on_key,
				 engine_machine_ref(self->vm));
	if (--self->keys)
		return G_SOURCE_CONTINUE;
	self->key_timer = 0;
	return G_SOURCE_REMOVE;
}

void machine_press_boot_key(struct machine *self)
{
	if (!engine_profile_find(self->conf->profile)->boot_key ||
	    self->key_timer)
		return;
	self->keys = KEYS;
	self->key_timer = g_timeout_add_seconds(1, press, self);
}

/* ---- its picture ---- */

static void on_picture(json_t *reply, const GError *error, void *data)
{
	struct machine *self = data;
	const char *text = json_string_value(json_object_get(reply, "png"));
	gsize size;
	g_autofree guchar *png =
	    text && *text ? g_base64_decode(text, &size) : NULL;
	g_autofree char *path =
	    g_build_filename(self->folder, "screen.png", NULL);
	g_autoptr(GError) why = NULL;
	if (png && !g_file_set_contents_full(
		       path, (const char *)png, (gssize)size,
		       G_FILE_SET_CONTENTS_CONSISTENT, 0600, &why))
		log_fault(&self->about, why);
}

void machine_keep_picture(struct machine *self)
{
	gint64 now = g_get_monotonic_time();
	if (!self->screen ||
	    (self->kept_us && now - self->kept_us < PICTURE_US))
		return;
	self->kept_us = now;
	/* not answered once the screen is gone, and it goes before us */
	screen_picture(self->screen, 0, 0, on_picture, self);
}

/* ---- the end ---- */

void machine_set_installed(struct machine *self)
{
	g_autofree char *path = machine_conf_path(self);
	g_autoptr(GError) error = NULL;
	self->conf->installed = self->conf->owned = TRUE;
	/* holds in any case; unless we end, too */
	if (!conf_save(self->conf, path, &error))
		log_fault(&self->about, error);
}

gboolean machine_finish_install(struct machine *self, GError **error)
{
	if (!self->conf || !self->conf->iso || !self->conf->owned) {
		fault_set(error, FAULT_CONFLICT,
			  "Wait until its console shows something, or cancel "
			  "it ('oriel image cancel').",
			  "The installation has not begun.");
		return FALSE;
	}
	machine_set_installed(self);
	if (self->life == LIFE_OFF)
		return TRUE;
	return machine_stop(self, FALSE, error);
}

gboolean machine_is_installed(const struct machine *self)
{
	return self->life == LIFE_OFF && self->conf && self->conf->installed;
}

enum life machine_life(const struct machine *self)
{
	return self->life;
}

const GError *machine_failure(const struct machine *self)
{
	return self->error;
}

const char *machine_folder(const struct machine *self)
{
	return self->folder;
}

void machine_drop_copies(const struct paths_root *root, const char *iso,
			 const char *answers, const char *drivers)
{
	const char *const names[] = {iso, answers, drivers};
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		if (!names[i] || !conf_file_valid(names[i]) ||
		    !g_str_has_prefix(names[i], BUILDS_COPY))
			continue;
		g_autofree char *path =
		    g_build_filename(root->lib, "import", names[i], NULL);
		unlink(path);
	}
}

void machine_drop_media(const struct machine *self)
{
	const struct conf *conf = self->conf;
	if (conf && conf->iso)
		machine_drop_copies(self->world->root, conf->iso, conf->answers,
				    conf->drivers);
}
