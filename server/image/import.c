#include "server/image/import.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/image/child.h"
#include "server/image/inspect.h"
#include "server/image/needs.h"

#define CONVERT_FROM 100u
#define CONVERT_TO   900u
/* what a guest of somebody's is not larger than; a mistake is */
#define DISK_MAX_BYTES (G_GINT64_CONSTANT(4) << 40)

struct import {
	const struct import_request *request;
	import_told told;
	void *data;
	char *making, *temp; /* folders */
	char *file;          /* what qemu-img reads */
	const char *format;  /* its name there */
	gint64 bytes;
	GString *output;
};

static void tell(struct import *self, const char *stage, unsigned done)
{
	if (self->told)
		self->told(stage, done, self->data);
}

static gboolean storage(GError **error, const char *path)
{
	int err = errno;
	fault_set(error, FAULT_STORAGE, "Make room on that disk.",
		  "'%s' cannot be written: %s.", path, g_strerror(err));
	return FALSE;
}

/* ---- the file ---- */

static const struct {
	const char *suffix, *format;
} formats[] = {
    {".qcow2", "qcow2"}, {".raw", "raw"},   {".img", "raw"}, {".vmdk", "vmdk"},
    {".vhd", "vpc"},     {".vhdx", "vhdx"}, {".vdi", "vdi"},
};

static const char *format_of(const char *name)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);
	for (gsize i = 0; i < G_N_ELEMENTS(formats); i++)
		if (g_str_has_suffix(lower, formats[i].suffix))
			return formats[i].format;
	return NULL;
}

static gboolean run(struct import *self, const char *const *argv,
		    void (*line)(const char *line, void *data), GError **error)
{
	g_string_truncate(self->output, 0);
	struct child_spec spec = {.argv = argv,
				  .log_fd = -1,
				  .line = line,
				  .data = self,
				  .output = self->output};
	return child_run(&spec, error);
}

struct members {
	char *disk;
	unsigned disks;
};

static void on_member(const char *line, void *data)
{
	struct members *members = data;
	if (!format_of(line))
		return;
	members->disks++;
	if (!members->disk)
		members->disk = g_strdup(line);
}

/* An appliance is a tar; its first disk is taken out. */
static gboolean unpack(struct import *self, GError **error)
{
	struct members members = {0};
	const char *const list[] = {"tar", "-tf", self->request->file, NULL};
	g_string_truncate(self->output, 0);
	struct child_spec spec = {.argv = list,
				  .log_fd = -1,
				  .line = on_member,
				  .data = &members,
				  .output = self->output};
	if (!child_run(&spec, error)) {
		g_free(members.disk);
		return FALSE;
	}
	g_autofree char *disk = members.disk;
	if (!disk || members.disks > 1) {
		fault_set(error, FAULT_INVALID,
			  "Import the disk that the system boots from by "
			  "itself.",
			  "The appliance has %u disks; one is needed.",
			  members.disks);
		return FALSE;
	}
	tell(self, "Unpacking the appliance", 20);
	const char *base = strrchr(disk, '/');
	self->format = format_of(disk);
	self->file = g_strdup_printf("%s/disk%s", self->temp,
				     strrchr(base ? base : disk, '.'));
	/* one member, to a name of ours: what else is in it, and where it
	 * would like to be, does not matter */
	g_autofree char *quoted = g_shell_quote(self->file);
	g_autofree char *into = g_strconcat("--to-command=cat >", quoted, NULL);
	const char *const out[] = {
	    "tar", "-xf", self->request->file, into, "--", disk, NULL};
	return run(self, out, NULL, error);
}

static gboolean find_disk(struct import *self, GError **error)
{
	struct stat st;
	const char *file = self->request->file;
	if (stat(file, &st) < 0 || !S_ISREG(st.st_mode)) {
		fault_set(error, FAULT_NOT_FOUND, "Look at its name.",
			  "There is no file '%s'.", file);
		return FALSE;
	}
	g_autofree char *lower = g_ascii_strdown(file, -1);
	if (g_str_has_suffix(lower, ".ova"))
		return unpack(self, error);
	self->format = format_of(file);
	self->file = g_strdup(file);
	if (!self->format)
		fault_set(error, FAULT_INVALID,
			  "Name it by what it is: .qcow2 .raw .img .vmdk .vhd "
			  ".vhdx .vdi .ova.",
			  "'%s' does not say what kind of disk it is.", file);
	return self->format != NULL;
}

/* ---- its header ---- */

static gboolean refers(json_t *info, const char *file)
{
	json_t *special =
	    json_object_get(json_object_get(info, "format-specific"), "data");
	if (json_object_get(info, "backing-filename") ||
	    json_object_get(special, "data-file"))
		return TRUE;
	gsize i;
	json_t *extent;
	json_array_foreach(json_object_get(special, "extents"), i, extent)
	{
		const char *name =
		    json_string_value(json_object_get(extent, "filename"));
		if (name && strcmp(name, file) != 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean check_header(struct import *self, GError **error)
{
	const char *const argv[] = {"qemu-img", "info",       "--output=json",
				    "-f",       self->format, self->file,
				    NULL};
	if (!run(self, argv, NULL, error))
		return FALSE;
	json_t *info = json_loads(self->output->str, 0, NULL);
	self->bytes = json_integer_value(json_object_get(info, "virtual-size"));
	gboolean good = FALSE;
	if (!json_is_object(info))
		fault_set(error, FAULT_INVALID, "Is its name right?",
			  "The file is no disk of kind %s.", self->format);
	else if (refers(info, self->file))
		fault_set(error, FAULT_INVALID,
			  "Make one file of it first, where it comes from: "
			  "qemu-img convert -O qcow2.",
			  "The disk is spread over other files.");
	else if (self->bytes < 1 << 20 || self->bytes > DISK_MAX_BYTES)
		fault_set(error, FAULT_INVALID, NULL,
			  "The disk has %" G_GINT64_FORMAT
			  " bytes; 1 MiB to 4 TiB are possible.",
			  self->bytes);
	else
		good = TRUE;
	json_decref(info);
	return good;
}

/* ---- converting ---- */

static void on_convert(const char *line, void *data)
{
	const char *at = strchr(line, '('); /* "    (42.01/100%)" */
	double share = at ? g_ascii_strtod(at + 1, NULL) / 100 : 0;
	if (share > 0 && share <= 1)
		tell(data, "Converting the disk",
		     CONVERT_FROM +
			 (unsigned)(share * (CONVERT_TO - CONVERT_FROM)));
}

static char *disk_path(const struct import *self)
{
	return g_build_filename(self->making, "disk.qcow2", NULL);
}

static gboolean convert(struct import *self, GError **error)
{
	g_autofree char *disk = disk_path(self);
	const char *const argv[] = {
	    "qemu-img",          "convert",  "-p",    "-f",
	    self->format,        "-O",       "qcow2", "-o",
	    "lazy_refcounts=on", self->file, disk,    NULL};
	tell(self, "Converting the disk", CONVERT_FROM);
	return run(self, argv, on_convert, error);
}

/* ---- looking ---- */

/* A piece of the converted disk; NULL where it cannot be read. */
static GBytes *piece(struct import *self, guint64 sector, gsize bytes)
{
	g_autofree char *disk = disk_path(self);
	g_autofree char *to = g_build_filename(self->temp, "piece", NULL);
	g_autofree char *in = g_strconcat("if=", disk, NULL);
	g_autofree char *out = g_strconcat("of=", to, NULL);
	g_autofree char *skip =
	    g_strdup_printf("skip=%" G_GUINT64_FORMAT, sector);
	/* qemu-img counts from the disk's start, not from where it begins */
	g_autofree char *count =
	    g_strdup_printf("count=%" G_GUINT64_FORMAT, sector + bytes / 512);
	const char *const argv[] = {"qemu-img", "dd",  "-f",  "qcow2",
				    "-O",       "raw", in,    out,
				    "bs=512",   skip,  count, NULL};
	char *data = NULL;
	gsize size = 0;
	unlink(to);
	if (!run(self, argv, NULL, NULL) ||
	    !g_file_get_contents(to, &data, &size, NULL))
		return NULL;
	return g_bytes_new_take(data, MIN(size, bytes));
}

static json_t *describe_part(struct import *self,
			     const struct inspect_part *part)
{
	struct inspect_system system = {0};
	g_autoptr(GBytes) start = piece(self, part->first, INSPECT_PROBE_BYTES);
	if (start) {
		gsize size;
		const guint8 *data = g_bytes_get_data(start, &size);
		inspect_probe(data, size, &system);
	}
	json_t *out =
	    json_pack("{s:I, s:b}", "mib", (json_int_t)(part->count >> 11),
		      "efi", part->efi);
	if (system.kind)
		json_object_set_new(out, "file_system",
				    json_string(system.kind));
	if (*system.label)
		json_object_set_new(out, "label", json_string(system.label));
	if (*system.mounted)
		json_object_set_new(out, "mounted",
				    json_string(system.mounted));
	return out;
}

/* In a sentence or two, for whoever asks whether this will work. */
static char *report(const struct import *self, const struct inspect_disk *disk,
		    json_t *parts, gboolean windows, gboolean linux_,
		    gboolean uefi)
{
	GString *text = g_string_new(NULL);
	g_string_append_printf(text, "A disk of %.1f GiB (%s), %s.",
			       (double)self->bytes / (1 << 30), self->format,
			       disk->gpt     ? "with a GPT"
			       : disk->count ? "with an MBR"
					     : "without partitions");
	gsize i;
	json_t *part;
	json_array_foreach(parts, i, part)
	{
		const char *kind =
		    json_string_value(json_object_get(part, "file_system"));
		const char *label =
		    json_string_value(json_object_get(part, "label"));
		const char *mounted =
		    json_string_value(json_object_get(part, "mounted"));
		g_string_append_printf(
		    text, " Partition %d: %d MiB, %s%s%s%s%s%s.", (int)i + 1,
		    (int)json_integer_value(json_object_get(part, "mib")),
		    json_is_true(json_object_get(part, "efi"))
			? "EFI system partition, "
			: "",
		    kind ? kind : "nothing known", label ? " \"" : "",
		    label ? label : "", label ? "\"" : "",
		    mounted && strcmp(mounted, "/") == 0 ? ", the root of a "
							   "system"
							 : "");
	}
	if (uefi)
		g_string_append(text, " It boots by UEFI.");
	else if (disk->boot_code)
		g_string_append(text, " It boots by BIOS.");
	else
		g_string_append(text, " Nothing on it looks as if it boots.");
	if (windows)
		g_string_append(text, " It looks like Windows: it gets "
				      "hardware that Windows knows.");
	else if (linux_)
		g_string_append(text,
				" It looks like Linux. With qemu-guest-agent "
				"and spice-vdagent in it, host name, "
				"clipboard and orderly shutdown work.");
	return g_string_free(text, FALSE);
}

/* What it was installed on says more than what it looks like. */
static void take_profile(const struct import_request *request, json_t *manifest)
{
	if (!request->profile)
		return;
	json_object_set_new(manifest, "profile", json_string(request->profile));
	json_object_set_new(manifest, "firmware",
			    json_string(request->firmware));
	json_object_set_new(manifest, "plain_hardware",
			    json_boolean(request->plain));
}

static json_t *inspect(struct import *self, GError **error)
{
	struct inspect_disk disk = {0};
	gboolean windows = FALSE, linux_ = FALSE, uefi = FALSE;
	json_t *parts = json_array();
	tell(self, "Looking at what is on it", CONVERT_TO);
	g_autoptr(GBytes) head = piece(self, 0, INSPECT_HEAD_BYTES);
	if (head) {
		gsize size;
		const guint8 *data = g_bytes_get_data(head, &size);
		inspect_table(data, size, (guint64)self->bytes / 512, &disk);
	}
	/* bounded: each is a process */
	for (unsigned i = 0; i < MIN(disk.count, 16u); i++) {
		json_t *part = describe_part(self, &disk.parts[i]);
		const char *kind =
		    json_string_value(json_object_get(part, "file_system"));
		windows = windows || g_strcmp0(kind, "ntfs") == 0;
		linux_ = linux_ || g_strcmp0(kind, "ext4") == 0 ||
			 g_strcmp0(kind, "xfs") == 0 ||
			 g_strcmp0(kind, "btrfs") == 0 ||
			 g_strcmp0(kind, "lvm") == 0;
		uefi = uefi || disk.parts[i].efi;
		json_array_append_new(parts, part);
	}
	/* a disk for both is booted the way that needs no variables kept */
	uefi = uefi && !(disk.boot_code && !disk.gpt);
	if (self->request->profile && !uefi && !disk.boot_code) {
		json_decref(parts);
		fault_set(error, FAULT_INVALID,
			  "Install it again, to its end, and choose the disk "
			  "for what boots it.",
			  "Nothing on the disk boots: the system was not "
			  "installed.");
		return NULL;
	}
	g_autofree char *text =
	    report(self, &disk, parts, windows, linux_, uefi);
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *when = g_date_time_format_iso8601(now);
	const char *called = self->request->title;
	g_autofree char *name = called
				    ? g_strdup(called)
				    : g_path_get_basename(self->request->file);
	g_autofree char *title = g_utf8_make_valid(name, -1);
	json_t *manifest =
	    json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:s,"
		      " s:o}",
		      "manifest", 1, "kind", "import", "title", title, "built",
		      when, "format", self->format, "guest",
		      windows  ? "windows"
		      : linux_ ? "linux"
			       : "unknown",
		      "bytes", (json_int_t)self->bytes, "firmware",
		      uefi ? "uefi" : "bios", "plain_hardware", windows,
		      "report", text, "partitions", parts);
	take_profile(self->request, manifest);
	return manifest;
}

/* ---- the whole ---- */

static gboolean seal(struct import *self, json_t *manifest, GError **error)
{
	g_autofree char *path =
	    g_build_filename(self->making, "manifest.json", NULL);
	g_autofree char *disk = disk_path(self);
	if (json_dump_file(manifest, path, JSON_INDENT(2)) < 0)
		return storage(error, path);
	const char *const files[] = {path, disk};
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		int fd = open(files[i], O_RDONLY | O_CLOEXEC);
		gboolean good =
		    fd >= 0 && fchmod(fd, 0444) == 0 && fsync(fd) == 0;
		if (fd >= 0)
			close(fd);
		if (!good)
			return storage(error, files[i]);
	}
	if (chmod(self->making, 0755) == 0 &&
	    rename(self->making, self->request->output) == 0)
		return TRUE;
	return storage(error, self->request->output);
}

static void clear(struct import *self)
{
	static const char *const names[] = {"disk.qcow2", "manifest.json"};
	for (gsize i = 0; self->making && i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path =
		    g_build_filename(self->making, names[i], NULL);
		unlink(path);
	}
	if (self->making)
		rmdir(self->making);
	if (self->temp)
		needs_remove_temp(self->temp);
	g_free(self->making);
	g_free(self->temp);
	g_free(self->file);
	g_string_free(self->output, TRUE);
}

json_t *import_image(const struct import_request *request, import_told told,
		     void *data, GError **error)
{
	struct import self = {.request = request,
			      .told = told,
			      .data = data,
			      .output = g_string_new(NULL)};
	json_t *manifest = NULL;
	tell(&self, "Looking at the file", 0);
	self.temp = needs_temp_folder(error);
	self.making = g_strconcat(request->output, ".XXXXXX", NULL);
	if (self.temp && !g_mkdtemp_full(self.making, 0700)) {
		storage(error, self.making);
		g_clear_pointer(&self.making, g_free);
	}
	if (self.temp && self.making && find_disk(&self, error) &&
	    check_header(&self, error) && convert(&self, error))
		manifest = inspect(&self, error);
	if (manifest && !seal(&self, manifest, error))
		g_clear_pointer(&manifest, json_decref);
	if (manifest)
		tell(&self, "Done", 1000);
	clear(&self);
	return manifest;
}
