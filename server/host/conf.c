#include "server/host/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "vmm/engine.h"
#include "vmm/profile.h"

/* machine.conf is some 2 KB; more is not ours */
#define CONF_MAX (64 * 1024)

/* ---- names ---- */

gboolean conf_id_valid(const char *id)
{
	gsize length = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return length >= 1 && length <= 32 && id[length] == '\0';
}

static gboolean word_within(const char *word, gsize limit)
{
	gsize length = 0;
	if (!g_ascii_isalnum(word[0]))
		return FALSE;
	while (g_ascii_isalnum(word[length]) ||
	       (word[length] && strchr("._-", word[length])))
		length++;
	return length <= limit && word[length] == '\0';
}

gboolean conf_word_valid(const char *word)
{
	return word_within(word, 64);
}

gboolean conf_file_valid(const char *name)
{
	return word_within(name, 200);
}

/* IMAGE-VERSION-HASH */
static gboolean template_valid(const char *word)
{
	return word_within(word, 64 + 1 + 64 + 1 + 32);
}

static gboolean name_valid(const char *name)
{
	gsize length = strlen(name);
	if (length < 1 || length > 64 || !g_utf8_validate(name, -1, NULL))
		return FALSE;
	for (const char *at = name; *at; at++)
		if (g_ascii_iscntrl(*at))
			return FALSE;
	return TRUE;
}

char *conf_hostname(const struct conf *self)
{
	GString *out = g_string_new(NULL);
	for (const char *at = self->name; *at && out->len < 63; at++) {
		if (g_ascii_isalnum(*at))
			g_string_append_c(out, g_ascii_tolower(*at));
		else if (out->len && out->str[out->len - 1] != '-')
			g_string_append_c(out, '-');
	}
	while (out->len && out->str[out->len - 1] == '-')
		g_string_truncate(out, out->len - 1);
	if (!out->len) /* a name with no ASCII letter at all */
		g_string_append(out, self->id);
	return g_string_free(out, FALSE);
}

static gboolean mac_valid(const char *mac)
{
	unsigned byte;
	char end;
	if (strlen(mac) != 17 || !g_str_has_prefix(mac, "52:54:00:"))
		return FALSE;
	for (int i = 9; i < 17; i += 3)
		if (!g_ascii_isxdigit(mac[i]) || !g_ascii_isxdigit(mac[i + 1]))
			return FALSE;
	return sscanf(mac + 9, "%2x:%2x:%2x%c", &byte, &byte, &byte, &end) == 3;
}

static gboolean machine_id_valid(const char *id)
{
	return strspn(id, "0123456789abcdef") == 32 && id[32] == '\0';
}

/* ---- the keys: one table for reading, checking and writing ---- */

enum kind { TEXT, NUMBER, FLAG };

struct key {
	const char *group, *name;
	enum kind kind;
	gsize offset;
	unsigned low, high, fallback; /* of NUMBER; fallback 0: required */
	gboolean (*valid)(const char *text);
	gboolean optional;
	const char *expects; /* completes "must be ..." */
	const char *comment;
};

static gboolean engine_valid(const char *text)
{
	return g_strv_contains(
	    (const char *const[]){"auto", "qemu", "kvm", NULL}, text);
}

static gboolean profile_valid(const char *text)
{
	return engine_profile_find(text) != NULL;
}

#define AT(member) offsetof(struct conf, member)
static const struct key keys[] = {
    {"machine", "id", TEXT, AT(id), .valid = conf_id_valid,
     .expects = "1 to 32 of a-z, 0-9 and '-'",
     .comment = "The machine's id; the same as its folder's name."},
    {"machine", "name", TEXT, AT(name), .valid = name_valid,
     .expects = "1 to 64 bytes of text",
     .comment = "Its name for people. The guest's host name is made from "
		"it."},
    {"machine", "image", TEXT, AT(image), .valid = conf_word_valid,
     .expects = "the name of an image",
     .comment = "The image that the disk began with, and its version."},
    {"machine", "version", TEXT, AT(version), .valid = conf_word_valid,
     .expects = "a version of the image"},
    {"machine", "cpus", NUMBER, AT(cpus), 1, 16,
     .comment = "Processors, 1 to 16."},
    {"machine", "memory_mib", NUMBER, AT(memory_mib), 128, 65536,
     .comment = "Memory in MiB, 128 to 65536."},
    {"machine", "heads", NUMBER, AT(heads), 1, ENGINE_HEADS_MAX,
     .comment = "Screens, 1 to 4."},
    {"machine", "engine", TEXT, AT(engine), .valid = engine_valid,
     .expects = "auto, qemu or kvm",
     .comment = "What runs it: qemu, kvm, or auto to let the host choose."},
    {"machine", "shutdown_grace_s", NUMBER, AT(shutdown_grace_s), 1, 3600, 60,
     .comment = "Seconds that the guest may take to shut down before it "
		"is switched off."},
    {"identity", "mac", TEXT, AT(mac), .valid = mac_valid,
     .expects = "an address 52:54:00:xx:xx:xx",
     .comment = "Address of the network card, made with the machine."},
    {"identity", "machine_id", TEXT, AT(machine_id), .valid = machine_id_valid,
     .expects = "32 digits 0-9 and a-f",
     .comment = "/etc/machine-id inside the guest, made with the machine."},
    {"disk", "template", TEXT, AT(disk_template), .valid = template_valid,
     .optional = TRUE, .expects = "a folder in templates/",
     .comment = "What disk.qcow2 stands on, besides the image. Written by "
		"the host service; do not change it."},
    {"disk", "owned", FLAG, AT(owned), .optional = TRUE,
     .comment = "Whether the disk is somebody's desktop by now. Written by "
		"the host service; do not change it."},
    {"install", "iso", TEXT, AT(iso), .valid = conf_file_valid,
     .optional = TRUE, .expects = "the name of a file in import/",
     .comment = "The medium that a system is installed from; what it makes of "
		"the disk becomes the image above."},
    {"install", "answers", TEXT, AT(answers), .valid = conf_file_valid,
     .optional = TRUE, .expects = "the name of a file in import/",
     .comment = "A further medium, with answers to what setup asks."},
    {"install", "drivers", TEXT, AT(drivers), .valid = conf_file_valid,
     .optional = TRUE, .expects = "the name of a file in import/",
     .comment = "A further medium, with drivers for virtio."},
    {"install", "profile", TEXT, AT(profile), .valid = profile_valid,
     .optional = TRUE, .expects = "a profile of machines",
     .comment = "What kind of machine it is."},
    {"install", "disk_gib", NUMBER, AT(disk_gib), 1, 4096, .optional = TRUE,
     .comment = "Size of the disk in GiB, 1 to 4096."},
    {"install", "installed", FLAG, AT(installed), .optional = TRUE,
     .comment = "Whether that is over. Written by the host service; do not "
		"change it."},
};

static char **text_at(const struct conf *self, const struct key *key)
{
	return (char **)((char *)self + key->offset);
}

static unsigned *number_at(const struct conf *self, const struct key *key)
{
	return (unsigned *)((char *)self + key->offset);
}

static gboolean *flag_at(const struct conf *self, const struct key *key)
{
	return (gboolean *)((char *)self + key->offset);
}

void conf_free(struct conf *self)
{
	if (!self)
		return;
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		if (keys[i].kind == TEXT)
			g_free(*text_at(self, &keys[i]));
	g_free(self);
}

/* ---- reading ---- */

/* GKeyFile knows no lines, so the place of a fault is found by reading the
 * text again: the first line that is neither blank, comment, group nor pair
 * (group NULL), or the line of a key, or of its group, or the last line. */
static unsigned line_of(const char *text, const char *group, const char *name)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	gboolean inside = FALSE;
	unsigned at_group = 0, i;
	for (i = 0; lines[i]; i++) {
		char *line = g_strstrip(lines[i]);
		char *equals = strchr(line, '=');
		if (line[0] == '[') {
			char *end = strchr(line, ']');
			if (!group && !end)
				return i + 1;
			if (end)
				*end = '\0';
			inside = group && strcmp(line + 1, group) == 0;
			if (inside)
				at_group = i + 1;
		} else if (line[0] == '\0' || line[0] == '#') {
			continue;
		} else if (!group) {
			if (!equals || equals == line)
				return i + 1;
		} else if (inside && equals) {
			*equals = '\0';
			if (name && strcmp(g_strstrip(line), name) == 0)
				return i + 1;
		}
	}
	return at_group ? at_group : MAX(i, 1u);
}

static void refuse(GError **error, const char *path, unsigned line,
		   const char *format, ...) G_GNUC_PRINTF(4, 5);
static void refuse(GError **error, const char *path, unsigned line,
		   const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	fault_set(error, FAULT_INVALID,
		  "Mend that line (docs/machine.md lists the keys), or remove "
		  "the desktop.",
		  "%s:%u: %s.", path, line, what);
}

static gboolean parse_number(const char *text, const struct key *key,
			     unsigned *value)
{
	guint64 number;
	if (!g_ascii_string_to_unsigned(text, 10, key->low, key->high, &number,
					NULL))
		return FALSE;
	*value = (unsigned)number;
	return TRUE;
}

static gboolean read_key(struct conf *self, GKeyFile *file,
			 const struct key *key, const char *path,
			 const char *text, GError **error)
{
	g_autofree char *value =
	    g_key_file_get_string(file, key->group, key->name, NULL);
	if (!value && key->kind == NUMBER && key->fallback) {
		*number_at(self, key) = key->fallback;
		return TRUE;
	}
	if (!value && key->optional)
		return TRUE;
	if (!value) {
		refuse(error, path, line_of(text, key->group, key->name),
		       "key '%s' of group [%s] is absent or no text", key->name,
		       key->group);
		return FALSE;
	}
	if (key->kind == NUMBER) {
		if (parse_number(value, key, number_at(self, key)))
			return TRUE;
		refuse(error, path, line_of(text, key->group, key->name),
		       "%s must be a whole number from %u to %u", key->name,
		       key->low, key->high);
		return FALSE;
	}
	if (key->kind == FLAG) {
		*flag_at(self, key) = strcmp(value, "true") == 0;
		if (*flag_at(self, key) || strcmp(value, "false") == 0)
			return TRUE;
		refuse(error, path, line_of(text, key->group, key->name),
		       "%s must be true or false", key->name);
		return FALSE;
	}
	if (!key->valid(value)) {
		refuse(error, path, line_of(text, key->group, key->name),
		       "%s must be %s", key->name, key->expects);
		return FALSE;
	}
	*text_at(self, key) = g_steal_pointer(&value);
	return TRUE;
}

static gboolean known(const char *group, const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		if (strcmp(keys[i].group, group) == 0 &&
		    (!name || strcmp(keys[i].name, name) == 0))
			return TRUE;
	return FALSE;
}

static gboolean only_known(GKeyFile *file, const char *path, const char *text,
			   GError **error)
{
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	for (char **group = groups; *group; group++) {
		if (!known(*group, NULL)) {
			refuse(error, path, line_of(text, *group, NULL),
			       "unknown group [%s]", *group);
			return FALSE;
		}
		g_auto(GStrv) names =
		    g_key_file_get_keys(file, *group, NULL, NULL);
		for (char **name = names; name && *name; name++)
			if (!known(*group, *name)) {
				refuse(error, path,
				       line_of(text, *group, *name),
				       "unknown key '%s'", *name);
				return FALSE;
			}
	}
	return TRUE;
}

static gboolean load_text(const char *path, char **text, gsize *length,
			  GError **error)
{
	g_autoptr(GError) why = NULL;
	if (!g_file_get_contents(path, text, length, &why)) {
		gboolean absent =
		    g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT);
		fault_set(error, absent ? FAULT_NOT_FOUND : FAULT_STORAGE,
			  "Restore the file from a backup, or remove the "
			  "desktop.",
			  "%s", why->message);
		return FALSE;
	}
	return TRUE;
}

struct conf *conf_load(const char *path, GError **error)
{
	g_autofree char *text = NULL;
	gsize length;
	if (!load_text(path, &text, &length, error))
		return NULL;
	return conf_parse(text, length, path, error);
}

struct conf *conf_parse(const char *text, gsize length, const char *path,
			GError **error)
{
	if (length > CONF_MAX || memchr(text, '\0', length)) {
		refuse(error, path, 1, "this is no configuration file");
		return NULL;
	}
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) why = NULL;
	if (!g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE,
				       &why)) {
		refuse(error, path, line_of(text, NULL, NULL),
		       "neither [group], key=value nor # comment");
		return NULL;
	}
	g_autoptr(conf_auto) self = g_new0(struct conf, 1);
	if (!only_known(file, path, text, error))
		return NULL;
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		if (!read_key(self, file, &keys[i], path, text, error))
			return NULL;
	if (self->iso && (!self->profile || !self->disk_gib)) {
		refuse(error, path, line_of(text, "install", "iso"),
		       "group [install] needs profile and disk_gib as well");
		return NULL;
	}
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *id = g_path_get_basename(folder);
	if (strcmp(id, self->id) != 0) {
		refuse(error, path, line_of(text, "machine", "id"),
		       "id '%s' differs from the folder's name", self->id);
		return NULL;
	}
	return g_steal_pointer(&self);
}

/* ---- writing ---- */

gboolean conf_save(const struct conf *self, const char *path, GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		const struct key *key = &keys[i];
		if (!self->iso && strcmp(key->group, "install") == 0)
			continue;
		if (key->kind == NUMBER)
			g_key_file_set_integer(file, key->group, key->name,
					       (int)*number_at(self, key));
		else if (key->kind == FLAG)
			g_key_file_set_boolean(file, key->group, key->name,
					       *flag_at(self, key));
		else if (*text_at(self, key))
			g_key_file_set_string(file, key->group, key->name,
					      *text_at(self, key));
		else
			continue;
		if (key->comment) {
			g_autofree char *comment =
			    g_strconcat(" ", key->comment, NULL);
			g_key_file_set_comment(file, key->group, key->name,
					       comment, NULL);
		}
	}
	gsize length;
	g_autofree char *text = g_key_file_to_data(file, &length, NULL);
	g_autoptr(GError) why = NULL;
	if (g_file_set_contents_full(path, text, (gssize)length,
				     G_FILE_SET_CONTENTS_CONSISTENT |
					 G_FILE_SET_CONTENTS_DURABLE,
				     0600, &why))
		return TRUE;
	fault_set(error, FAULT_STORAGE,
		  "Make room on that disk, or make the folder writable.", "%s",
		  why->message);
	return FALSE;
}

/* ---- from the broker ---- */

static void make_identity(struct conf *self)
{
	guint8 bytes[19];
	/* cannot fail: under 256 bytes, and the pool is ready long ago */
	while (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		continue;
	self->mac = g_strdup_printf("52:54:00:%02x:%02x:%02x", bytes[0],
				    bytes[1], bytes[2]);
	/* marked as a random UUID, as machine-id(5) asks */
	bytes[3 + 6] = (bytes[3 + 6] & 0x0f) | 0x40;
	bytes[3 + 8] = (bytes[3 + 8] & 0x3f) | 0x80;
	GString *id = g_string_new(NULL);
	for (int i = 3; i < 19; i++)
		g_string_append_printf(id, "%02x", bytes[i]);
	self->machine_id = g_string_free(id, FALSE);
}

/* Member `install`, where a system is to be installed on it. */
static gboolean take_install(struct conf *self, json_t *install, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		const struct key *key = &keys[i];
		gint64 size;
		if (strcmp(key->group, "install") != 0 || key->kind == FLAG)
			continue;
		if (key->kind == NUMBER) {
			if (!jsonline_integer(install, key->name, key->low,
					      key->high, &size, error))
				return FALSE;
			*number_at(self, key) = (unsigned)size;
			continue;
		}
		gboolean needed = text_at(self, key) == &self->iso ||
				  text_at(self, key) == &self->profile;
		if (!needed && !json_object_get(install, key->name))
			continue;
		const char *text = jsonline_string(install, key->name, error);
		if (!text)
			return FALSE;
		if (!key->valid(text)) {
			fault_set(error, FAULT_INVALID, NULL,
				  "Member '%s' must be %s.", key->name,
				  key->expects);
			return FALSE;
		}
		*text_at(self, key) = g_strdup(text);
	}
	return TRUE;
}

struct conf *conf_from_message(json_t *machine, GError **error)
{
	if (!json_is_object(machine)) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Member 'machine' must be an object.");
		return NULL;
	}
	g_autoptr(conf_auto) self = g_new0(struct conf, 1);
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		const struct key *key = &keys[i];
		if (strcmp(key->group, "machine") != 0)
			continue;
		if (key->kind == NUMBER && key->fallback) {
			*number_at(self, key) = key->fallback;
		} else if (key->kind == NUMBER) {
			gint64 value;
			if (!jsonline_integer(machine, key->name, key->low,
					      key->high, &value, error))
				return NULL;
			*number_at(self, key) = (unsigned)value;
		} else {
			const char *text =
			    jsonline_string(machine, key->name, error);
			if (!text)
				return NULL;
			if (!key->valid(text)) {
				fault_set(error, FAULT_INVALID, NULL,
					  "Member '%s' must be %s.", key->name,
					  key->expects);
				return NULL;
			}
			*text_at(self, key) = g_strdup(text);
		}
	}
	json_t *install = json_object_get(machine, "install");
	if (install && !take_install(self, install, error))
		return NULL;
	make_identity(self);
	return g_steal_pointer(&self);
}

gboolean conf_same(const struct conf *self, const struct conf *other)
{
	return strcmp(self->id, other->id) == 0 &&
	       strcmp(self->image, other->image) == 0 &&
	       strcmp(self->version, other->version) == 0;
}
