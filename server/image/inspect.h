/* inspect.h - what is on a disk that somebody brings along.
 *
 * Everything here was written by strangers: it is read within bounds, believed
 * only for telling a person what it looks like, and for choosing between BIOS
 * and UEFI. Partition tables: MBR, and GPT (UEFI 2.10, 5.3 "GPT Disk Layout").
 * Threads: any. Units: sectors of 512 bytes. */
#pragma once

#include <glib.h>
#include <jansson.h>

#define INSPECT_PARTS_MAX 128
/* From the start of the disk: MBR, GPT header and 128 entries. */
#define INSPECT_HEAD_BYTES (64u << 10)
/* From the start of a file system: superblocks of all kinds known. */
#define INSPECT_PROBE_BYTES (68u << 10)

struct inspect_part {
	guint64 first, count; /* count 0: unknown */
	gboolean efi;         /* an EFI system partition */
};

struct inspect_disk {
	gboolean gpt;
	gboolean boot_code; /* the first sector looks like it can be booted */
	unsigned count;
	struct inspect_part parts[INSPECT_PARTS_MAX];
};

/* FALSE where there is no partition table; boot_code may be set all the same.
 * sectors: of the whole disk; what lies beyond is left out. */
gboolean inspect_table(const guint8 *head, gsize size, guint64 sectors,
		       struct inspect_disk *disk);

struct inspect_system {
	const char *kind; /* "ext4", "xfs", "btrfs", "ntfs", "fat", "swap",
			   * "lvm", "luks"; NULL: not known */
	char label[64];   /* printable UTF-8; "" none */
	char mounted[64]; /* where it was last: "/"; "" not known */
};
void inspect_probe(const guint8 *data, gsize size,
		   struct inspect_system *system);
