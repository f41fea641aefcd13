/* Layout, in sectors:
 *   16 primary descriptor, 17 Joliet's, 18 end of descriptors
 *   19, 20 path tables of the first (little and big endian), 21, 22 Joliet's
 *   then the folders of the first, those of Joliet, one sector each
 *   then files
 * Section numbers are ECMA-119's; Joliet is Microsoft's specification of 1995:
 * the same structures, names in big-endian UCS-2. Dates are left at zero, so
 * that the same contents give the same bytes. */
#include "server/image/iso.h"

#include <string.h>

#include "common/fault.h"

#define SECTOR      2048u
#define FIRST       16u
#define TABLES      19u
#define FOLDERS     23u
#define NAME_MAX_   64u
#define FOLDERS_MAX 16u
/* the longest record: 33 bytes, a Joliet name with its version, padding */
#define RECORD_MAX (33u + 2 * (NAME_MAX_ + 2) + 1)

struct entry {
	char *name;
	char *plain; /* for who knows no Joliet; 8.3, its own in the folder */
	GBytes *contents; /* NULL: folder */
	unsigned folder;  /* number of it, if it is one */
	guint32 at;       /* first sector of a file */
};

struct folder {
	char *name, *plain;
	GPtrArray *entries; /* by name */
};

struct iso {
	char label[12];
	struct folder folders[FOLDERS_MAX]; /* 0 the root */
	unsigned n_folders;
};

static void entry_free(void *data)
{
	struct entry *self = data;
	g_free(self->name);
	g_free(self->plain);
	if (self->contents)
		g_bytes_unref(self->contents);
	g_free(self);
}

struct iso *iso_create(const char *label)
{
	struct iso *self = g_new0(struct iso, 1);
	g_strlcpy(self->label, label, sizeof self->label);
	self->folders[0].entries = g_ptr_array_new_with_free_func(entry_free);
	self->n_folders = 1;
	return self;
}

void iso_free(struct iso *self)
{
	if (!self)
		return;
	for (unsigned i = 0; i < self->n_folders; i++) {
		g_free(self->folders[i].name);
		g_free(self->folders[i].plain);
		g_ptr_array_unref(self->folders[i].entries);
	}
	g_free(self);
}

/* ---- contents ---- */

static gboolean name_valid(const char *name)
{
	gsize length = strlen(name);
	return length >= 1 && length <= NAME_MAX_ && *name != '.' &&
	       strspn(name,
		      "abcdefghijklmnopqrstuvwxyz"
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length;
}

static struct entry *find(const struct folder *folder, const char *name)
{
	for (guint i = 0; i < folder->entries->len; i++) {
		struct entry *entry = folder->entries->pdata[i];
		if (g_ascii_strcasecmp(entry->name, name) == 0)
			return entry;
	}
	return NULL;
}

/* d-characters, eight before the point and three behind (7.5.1, level 1);
 * the position in the folder makes it unlike any other. */
static char *plain_name(const struct folder *folder, const char *name,
			gboolean is_folder)
{
	char stem[9] = "", kind[4] = "";
	const char *point = is_folder ? NULL : strrchr(name, '.');
	gsize n = 0;
	for (const char *at = name; *at && at != point && n < 5; at++)
		if (g_ascii_isalnum(*at))
			stem[n++] = g_ascii_toupper(*at);
	g_snprintf(stem + n, 4, "_%02u", folder->entries->len);
	n = 0;
	for (const char *at = point ? point + 1 : ""; *at && n < 3; at++)
		if (g_ascii_isalnum(*at))
			kind[n++] = g_ascii_toupper(*at);
	return is_folder ? g_strdup(stem)
			 : g_strconcat(stem, ".", kind, ";1", NULL);
}

static int by_name(const void *a, const void *b)
{
	const struct entry *const *one = a, *const *other = b;
	return strcmp((*one)->name, (*other)->name);
}

static gboolean add_entry(struct folder *folder, struct entry *entry,
			  GError **error)
{
	/* its own record, its parent's, and these */
	if ((folder->entries->len + 3) * RECORD_MAX > SECTOR) {
		fault_set(error, FAULT_INVALID, NULL,
			  "A folder of the CD image has no room for '%s'.",
			  entry->name);
		entry_free(entry);
		return FALSE;
	}
	g_ptr_array_add(folder->entries, entry);
	g_ptr_array_sort(folder->entries, by_name);
	return TRUE;
}

static struct folder *make_folder(struct iso *self, const char *name,
				  GError **error)
{
	struct entry *there = find(&self->folders[0], name);
	if (there && !there->contents)
		return &self->folders[there->folder];
	if (there || self->n_folders == FOLDERS_MAX) {
		fault_set(error, FAULT_INVALID, NULL,
			  "The CD image cannot have a folder '%s'.", name);
		return NULL;
	}
	struct entry *entry = g_new0(struct entry, 1);
	entry->name = g_strdup(name);
	entry->plain = plain_name(&self->folders[0], name, TRUE);
	entry->folder = self->n_folders;
	struct folder *folder = &self->folders[self->n_folders];
	folder->name = g_strdup(name);
	folder->plain = g_strdup(entry->plain);
	folder->entries = g_ptr_array_new_with_free_func(entry_free);
	self->n_folders++;
	return add_entry(&self->folders[0], entry, error) ? folder : NULL;
}

gboolean iso_add(struct iso *self, const char *path, GBytes *contents,
		 GError **error)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	guint n = g_strv_length(parts);
	gboolean valid = n == 1 || n == 2;
	for (guint i = 0; i < n; i++)
		valid = valid && name_valid(parts[i]);
	if (!valid) {
		fault_set(error, FAULT_INVALID, NULL,
			  "'%s' is no name of a file on a CD image.", path);
		return FALSE;
	}
	struct folder *folder =
	    n == 2 ? make_folder(self, parts[0], error) : &self->folders[0];
	if (!folder)
		return FALSE;
	const char *name = parts[n - 1];
	if (find(folder, name)) {
		fault_set(error, FAULT_INVALID, NULL,
			  "The CD image has '%s' already.", path);
		return FALSE;
	}
	struct entry *entry = g_new0(struct entry, 1);
	entry->name = g_strdup(name);
	entry->plain = plain_name(folder, name, FALSE);
	entry->contents = g_bytes_ref(contents);
	return add_entry(folder, entry, error);
}

/* ---- numbers (7.2, 7.3) ---- */

static void put16(guint8 *at, guint16 value, gboolean big)
{
	at[0] = (guint8)(big ? value >> 8 : value);
	at[1] = (guint8)(big ? value : value >> 8);
}

static void put32(guint8 *at, guint32 value, gboolean big)
{
	for (int i = 0; i < 4; i++)
		at[i] = (guint8)(value >> 8 * (big ? 3 - i : i));
}

static void both16(guint8 *at, guint16 value)
{
	put16(at, value, FALSE);
	put16(at + 2, value, TRUE);
}

static void both32(guint8 *at, guint32 value)
{
	put32(at, value, FALSE);
	put32(at + 4, value, TRUE);
}

/* ---- structures ---- */

struct tree { /* one of the two views of the same files */
	const struct iso *iso;
	guint8 *image;
	gboolean joliet;
	guint32 folders, tables; /* first sectors */
};

/* Bytes written. */
static gsize put_name(const struct tree *tree, guint8 *at, const char *name)
{
	gsize length = strlen(name);
	if (!tree->joliet) {
		memcpy(at, name, length);
		return length;
	}
	for (gsize i = 0; i < length; i++) {
		at[2 * i] = 0;
		at[2 * i + 1] = (guint8)name[i];
	}
	return 2 * length;
}

/* 9.1. name NULL: `self` (0) or the parent (1). Returns its length. */
static gsize put_record(const struct tree *tree, guint8 *at, const char *name,
			guint8 special, guint32 sector, guint32 bytes,
			gboolean folder)
{
	gsize name_bytes = 1;
	if (name)
		name_bytes = put_name(tree, at + 33, name);
	else
		at[33] = special;
	gsize length = 33 + name_bytes + (name_bytes % 2 == 0);
	at[0] = (guint8)length;
	both32(at + 2, sector);
	both32(at + 10, bytes);
	at[25] = folder ? 2 : 0;
	both16(at + 28, 1);
	at[32] = (guint8)name_bytes;
	return length;
}

static void put_folder(const struct tree *tree, unsigned number)
{
	const struct folder *folder = &tree->iso->folders[number];
	guint8 *at = tree->image + (tree->folders + number) * SECTOR;
	at +=
	    put_record(tree, at, NULL, 0, tree->folders + number, SECTOR, TRUE);
	at += put_record(tree, at, NULL, 1, tree->folders, SECTOR, TRUE);
	for (guint i = 0; i < folder->entries->len; i++) {
		const struct entry *entry = folder->entries->pdata[i];
		const char *name = tree->joliet ? entry->name : entry->plain;
		gboolean is_folder = !entry->contents;
		g_autofree char *full = tree->joliet && !is_folder
					    ? g_strconcat(name, ";1", NULL)
					    : g_strdup(name);
		at += put_record(
		    tree, at, full, 0,
		    is_folder ? tree->folders + entry->folder : entry->at,
		    is_folder ? SECTOR
			      : (guint32)g_bytes_get_size(entry->contents),
		    is_folder);
	}
}

/* 9.4. Returns the table's length. */
static guint32 put_table(const struct tree *tree, guint32 sector, gboolean big)
{
	guint8 *begin = tree->image + sector * SECTOR, *at = begin;
	for (unsigned i = 0; i < tree->iso->n_folders; i++) {
		const struct folder *folder = &tree->iso->folders[i];
		gsize n = 1;
		if (i > 0)
			n = put_name(tree, at + 8,
				     tree->joliet ? folder->name
						  : folder->plain);
		at[0] = (guint8)n;
		put32(at + 2, tree->folders + i, big);
		put16(at + 6, 1, big); /* the parent is always the root */
		at += 8 + n + n % 2;
	}
	return (guint32)(at - begin);
}

/* 8.4, 8.5 */
static void put_descriptor(const struct tree *tree, guint32 sector,
			   guint32 sectors)
{
	guint8 *at = tree->image + sector * SECTOR;
	at[0] = tree->joliet ? 2 : 1;
	memcpy(at + 1, "CD001\1", 6);
	/* blanks where text stands: names of volume, publisher and others */
	const struct {
		guint16 from, to;
	} texts[] = {{8, 72}, {190, 813}};
	for (gsize t = 0; t < G_N_ELEMENTS(texts); t++)
		for (guint16 i = texts[t].from; i < texts[t].to; i++)
			at[i] = tree->joliet && i % 2 == 0 ? 0 : ' ';
	put_name(tree, at + 40, tree->iso->label);
	both32(at + 80, sectors);
	if (tree->joliet)
		memcpy(at + 88, "%/E", 3); /* UCS-2, level 3 */
	both16(at + 120, 1);
	both16(at + 124, 1);
	both16(at + 128, SECTOR);
	guint32 length = put_table(tree, tree->tables, FALSE);
	put_table(tree, tree->tables + 1, TRUE);
	both32(at + 132, length);
	put32(at + 140, tree->tables, FALSE);
	put32(at + 148, tree->tables + 1, TRUE);
	put_record(tree, at + 156, NULL, 0, tree->folders, SECTOR, TRUE);
	/* 8.4.26.1: a date not given is sixteen digits 0 and a zero */
	for (int date = 0; date < 4; date++)
		memset(at + 813 + 17 * date, '0', 16);
	at[881] = 1;
}

GBytes *iso_finish(struct iso *self)
{
	guint32 next = FOLDERS + 2 * self->n_folders;
	for (unsigned f = 0; f < self->n_folders; f++)
		for (guint i = 0; i < self->folders[f].entries->len; i++) {
			struct entry *entry =
			    self->folders[f].entries->pdata[i];
			if (!entry->contents)
				continue;
			entry->at = next;
			next += (guint32)((g_bytes_get_size(entry->contents) +
					   SECTOR - 1) /
					  SECTOR);
		}
	guint8 *image = g_malloc0((gsize)next * SECTOR);
	for (int joliet = 0; joliet < 2; joliet++) {
		struct tree tree = {
		    .iso = self,
		    .image = image,
		    .joliet = joliet,
		    .folders = FOLDERS + (guint32)joliet * self->n_folders,
		    .tables = TABLES + 2 * (guint32)joliet,
		};
		put_descriptor(&tree, FIRST + (guint32)joliet, next);
		for (unsigned f = 0; f < self->n_folders; f++)
			put_folder(&tree, f);
	}
	image[(FIRST + 2) * SECTOR] = 255;
	memcpy(image + (FIRST + 2) * SECTOR + 1, "CD001\1", 6);
	for (unsigned f = 0; f < self->n_folders; f++)
		for (guint i = 0; i < self->folders[f].entries->len; i++) {
			const struct entry *entry =
			    self->folders[f].entries->pdata[i];
			gsize size;
			if (!entry->contents)
				continue;
			const void *data =
			    g_bytes_get_data(entry->contents, &size);
			if (size)
				memcpy(image + (gsize)entry->at * SECTOR, data,
				       size);
		}
	return g_bytes_new_take(image, (gsize)next * SECTOR);
}
