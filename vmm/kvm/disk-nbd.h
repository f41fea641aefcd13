/* disk-nbd.h - a disk served by a qemu-nbd of our own; see disk-nbd.c.
 *
 * format is a static text ("qcow2"). Blocks for a moment: main loop. Ownership
 * and threads as in disk.h. */
#pragma once

#include "vmm/kvm/disk.h"

struct disk *disk_nbd_open(const char *path, const char *format, bool read_only,
			   struct ioloop *loop, GError **error);
