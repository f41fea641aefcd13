/* devices.c - every kind of device there is. To add one, write its file and
 * put its line here. */
#include <string.h>

#include "vmm/kvm/vm.h"

extern const struct device_type virtio_rng_type;

const struct device_type *const device_types[] = {
	&virtio_rng_type,
	NULL,
};

const struct device_type *device_type_find(const char *name)
{
	for (unsigned i = 0; device_types[i]; i++)
		if (!strcmp(device_types[i]->name, name))
			return device_types[i];
	return NULL;
}
