/* devices.c - every kind of device there is. To add one, write its file and
 * put its line into the list. */
#include <string.h>

#include "vmm/kvm/vm.h"

#define DEVICE_TYPES(X)                                                        \
	X(hda_type)                                                            \
	X(virtio_balloon_type)                                                 \
	X(virtio_blk_type)                                                     \
	X(virtio_console_type)                                                 \
	X(virtio_gpu_type)                                                     \
	X(virtio_keyboard_type)                                                \
	X(virtio_net_type)                                                     \
	X(virtio_rng_type)                                                     \
	X(virtio_tablet_type)                                                  \
	X(virtio_touch_type)                                                   \
	X(virtio_vsock_type)

#define DECLARE(type) extern const struct device_type type;
#define LIST(type)    &type,

DEVICE_TYPES(DECLARE)

const struct device_type *const device_types[] = {DEVICE_TYPES(LIST) NULL};

const struct device_type *device_type_find(const char *name)
{
	for (unsigned i = 0; device_types[i]; i++)
		if (!strcmp(device_types[i]->name, name))
			return device_types[i];
	return NULL;
}
