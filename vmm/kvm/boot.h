/* boot.h - direct boot of a Linux kernel, of what looks like one, or of an
 * ELF program with a PVH entry.
 *
 * A bzImage whose payload is a Linux vmlinux is unpacked once and kept in a
 * cache folder, since the guest's own XZ decompressor is the slowest part of
 * its boot; anything else starts at the bzImage's own entry. The image is
 * opened once and loaded again at every reset.
 *
 * Threads: main loop, vCPUs parked. Errors: faults that name the file. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct vm;
struct vm_config;
struct machine_image;

struct machine_image *boot_image_open(const struct vm_config *config,
				      GError **error);
void boot_image_free(struct machine_image *image);
bool boot_load(struct vm *vm, const struct machine_image *image,
	       GError **error);

/* A cached vmlinux for the bzImage in [bytes], or NULL when it cannot be had
 * (then the bzImage boots as it is). */
GMappedFile *boot_unpack(const char *path, const guint8 *bytes, gsize size,
			 const char *cache);
