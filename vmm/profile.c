/* The profiles, one table. Chipset, disk and screen of the Windows ones are
 * those of spec->plain and need no word here. */
#include "vmm/profile.h"

#include <string.h>

/* QEMU, docs/system/i386/hyperv.rst. Windows 7 knows the first five; it is
 * told no more than that, since leaves it does not know gain nothing. */
static const char *const hyperv_7[] = {
    "hv-relaxed", /* no watchdog on a virtual clock that stood still */
    "hv-vapic",
    "hv-spinlocks=0x1fff", /* tells the host of a lock that is not to be had */
    "hv-time",             /* the reference counter instead of the PM timer */
    "hv-reset",
    NULL,
};
static const char *const hyperv_10[] = {
    "hv-relaxed",
    "hv-vapic",
    "hv-spinlocks=0x1fff",
    "hv-time",
    "hv-reset",
    /* each of the next stands on the one before it */
    "hv-vpindex",
    "hv-synic",
    "hv-stimer",
    /* flushes and interrupts for several processors at once */
    "hv-runtime",
    "hv-frequencies",
    "hv-tlbflush",
    "hv-ipi",
    NULL,
};

static const struct engine_profile profiles[] = {
    {
	.name = "linux",
	.title = "Linux",
	.cpus_min = 1,
	.memory_mib_min = 512,
	.disk_gib_min = 4,
	.card = "virtio-net-pci",
    },
    {
	.name = "windows-7",
	.title = "Windows 7",
	.cpus_min = 1,
	.memory_mib_min = 2048,
	.disk_gib_min = 24,
	.boot_key = TRUE,
	/* its loader wants a VGA BIOS, which UEFI has not */
	.local_time = TRUE,
	.one_socket = TRUE,
	.old_usb = TRUE,
	.card = "e1000",
	.hyperv = hyperv_7,
    },
    {
	.name = "windows-10",
	.title = "Windows 10",
	.cpus_min = 1,
	.memory_mib_min = 2048,
	.disk_gib_min = 32,
	.boot_key = TRUE,
	.uefi = TRUE,
	.local_time = TRUE,
	.one_socket = TRUE,
	.card = "e1000e",
	.hyperv = hyperv_10,
    },
    {
	/* what its setup refuses to go on without */
	.name = "windows-11",
	.title = "Windows 11",
	.cpus_min = 2,
	.memory_mib_min = 4096,
	.disk_gib_min = 64,
	.boot_key = TRUE,
	.uefi = TRUE,
	.secure_boot = TRUE,
	.tpm = TRUE,
	.local_time = TRUE,
	.one_socket = TRUE,
	.card = "e1000e",
	.hyperv = hyperv_10,
    },
};

const struct engine_profile *engine_profile_find(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(profiles); i++)
		if (strcmp(name ? name : "linux", profiles[i].name) == 0)
			return &profiles[i];
	return NULL;
}

const char *const *engine_profile_names(void)
{
	static const char *names[G_N_ELEMENTS(profiles) + 1];
	static gsize done;
	if (g_once_init_enter(&done)) {
		for (gsize i = 0; i < G_N_ELEMENTS(profiles); i++)
			names[i] = profiles[i].name;
		g_once_init_leave(&done, 1);
	}
	return names;
}
