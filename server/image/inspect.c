#include "server/image/inspect.h"

#include <string.h>

#define SECTOR 512u
/* C12A7328-F81F-11D2-BA4B-00A0C93EC93B, as it lies on the disk */
static const guint8 efi_guid[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8,
				    0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0,
				    0xc9, 0x3e, 0xc9, 0x3b};

static guint32 le32(const guint8 *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (guint32)at[3] << 24;
}

static guint64 le64(const guint8 *at)
{
	return le32(at) | (guint64)le32(at + 4) << 32;
}

static void add_part(struct inspect_disk *disk, guint64 first, guint64 count,
		     gboolean efi, guint64 sectors)
{
	if (disk->count >= INSPECT_PARTS_MAX || !first || !count ||
	    first >= sectors || count > sectors - first)
		return;
	disk->parts[disk->count++] =
	    (struct inspect_part){.first = first, .count = count, .efi = efi};
}

static gboolean read_gpt(const guint8 *head, gsize size, guint64 sectors,
			 struct inspect_disk *disk)
{
	const guint8 *gpt = head + SECTOR;
	if (size < 2 * SECTOR || memcmp(gpt, "EFI PART", 8) != 0)
		return FALSE;
	guint64 table = le64(gpt + 72);
	guint32 count = le32(gpt + 80), bytes = le32(gpt + 84);
	disk->gpt = TRUE;
	if (bytes < 128 || bytes > 4096 || table < 2 || table > size / SECTOR)
		return TRUE;
	gsize at = table * SECTOR;
	for (guint32 i = 0; i < MIN(count, INSPECT_PARTS_MAX); i++) {
		if (at > size || bytes > size - at)
			break;
		const guint8 *entry = head + at;
		static const guint8 none[16];
		guint64 first = le64(entry + 32), last = le64(entry + 40);
		if (memcmp(entry, none, 16) != 0 && last >= first)
			add_part(disk, first, last - first + 1,
				 memcmp(entry, efi_guid, 16) == 0, sectors);
		at += bytes;
	}
	return TRUE;
}

gboolean inspect_table(const guint8 *head, gsize size, guint64 sectors,
		       struct inspect_disk *disk)
{
	*disk = (struct inspect_disk){0};
	if (size < SECTOR || head[510] != 0x55 || head[511] != 0xaa)
		return FALSE;
	for (unsigned i = 0; i < 440; i++)
		disk->boot_code = disk->boot_code || head[i];
	if (read_gpt(head, size, sectors, disk))
		return TRUE;
	gboolean any = FALSE;
	for (unsigned i = 0; i < 4; i++) {
		const guint8 *entry = head + 446 + 16 * i;
		if (!entry[4] || (entry[0] & 0x7f))
			continue;
		any = TRUE;
		/* an extended one only holds others, which nobody boots */
		if (entry[4] != 5 && entry[4] != 0xf)
			add_part(disk, le32(entry + 8), le32(entry + 12),
				 entry[4] == 0xef, sectors);
	}
	return any;
}

/* ---- file systems ---- */

/* Up to a zero byte; what is not printable is a stranger's joke. */
static void take_text(char *to, gsize room, const guint8 *from, gsize length)
{
	gsize used = 0;
	for (gsize i = 0; i < length && from[i] && used + 1 < room; i++)
		to[used++] =
		    g_ascii_isprint((char)from[i]) ? (char)from[i] : '?';
	to[used] = 0;
	g_strchomp(to);
}

void inspect_probe(const guint8 *data, gsize size,
		   struct inspect_system *system)
{
	*system = (struct inspect_system){0};
	if (size < 2 * SECTOR)
		return;
	if (memcmp(data + 3, "NTFS    ", 8) == 0) {
		system->kind = "ntfs";
	} else if (memcmp(data + 82, "FAT32   ", 8) == 0) {
		system->kind = "fat";
		take_text(system->label, 12, data + 71, 11);
	} else if (memcmp(data + 54, "FAT1", 4) == 0) {
		system->kind = "fat";
		take_text(system->label, 12, data + 43, 11);
	} else if (memcmp(data, "XFSB", 4) == 0) {
		system->kind = "xfs";
		take_text(system->label, 13, data + 108, 12);
	} else if (memcmp(data, "LUKS\xba\xbe", 6) == 0) {
		system->kind = "luks";
	} else if (memcmp(data + SECTOR, "LABELONE", 8) == 0) {
		system->kind = "lvm";
	} else if (size >= 2048 && data[1024 + 56] == 0x53 &&
		   data[1024 + 57] == 0xef) {
		system->kind = "ext4";
		take_text(system->label, 17, data + 1024 + 120, 16);
		take_text(system->mounted, sizeof system->mounted,
			  data + 1024 + 136, 64);
	} else if (size >= 4096 && memcmp(data + 4086, "SWAPSPACE2", 10) == 0) {
		system->kind = "swap";
	} else if (size >= 65536 + 72 &&
		   memcmp(data + 65536 + 64, "_BHRfS_M", 8) == 0) {
		system->kind = "btrfs";
	}
}
