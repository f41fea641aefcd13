/* kernel.h - takes the ELF kernel out of a bzImage.
 *
 * A bzImage unpacks itself, which under emulation costs seconds at every
 * start. Its payload is a complete ELF file with a PVH entry note that QEMU
 * and oriel-vmm start directly. Formats: Linux, Documentation/arch/x86/
 * boot.rst (payload_offset, payload_length); xz as Debian compresses.
 * Threads: any. */
#pragma once

#include <glib.h>

#define KERNEL_MAX (256u << 20)

/* NULL (and no error, since the bzImage itself works as well) when it is no
 * bzImage, or its payload is not xz, not an ELF file or has no PVH entry. */
GBytes *kernel_unpack(const guint8 *image, gsize length);
