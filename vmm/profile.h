/* profile.h - what a guest system needs of the machine it runs on.
 *
 * "linux" is what the engines offer by themselves: virtio throughout. The
 * others are Windows: a machine that its installer runs on with the drivers
 * it brings along, what it asks of the firmware, the clock it expects, and
 * what it is told about being a guest. Engine qemu alone runs those.
 *
 * What is not in here is the same for all: guest ports, sound, memory.
 * Threads: any. Everything is static. */
#pragma once

#include <glib.h>

struct engine_profile {
	const char *name;
	const char *title; /* for people */

	/* the least it can be installed on */
	unsigned cpus_min, memory_mib_min, disk_gib_min;
	/* its medium asks for a key before it boots: press Enter by send-key
	 * for the first 15 s */
	gboolean boot_key;

	gboolean uefi;        /* else BIOS */
	gboolean secure_boot; /* with Microsoft's keys enrolled; needs SMM */
	gboolean tpm;         /* a TPM 2.0, kept in the machine's folder */
	gboolean local_time;  /* the clock on the board is not in UTC */
	gboolean one_socket;  /* its licence counts processors, not cores */
	gboolean old_usb;     /* it has no driver for xHCI */
	const char *card;     /* network device its own drivers know */
	/* what a hypervisor tells it; NULL: nothing */
	const char *const *hyperv;
};

/* NULL when there is none of this name; NULL means "linux". */
const struct engine_profile *engine_profile_find(const char *name);
/* Ends with NULL. */
const char *const *engine_profile_names(void);
