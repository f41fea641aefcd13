/* Fuzz target: a disk comes from wherever its owner found it. */
#include <stdint.h>

#include "server/image/inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inspect_disk disk;
	struct inspect_system system;
	uint64_t sectors = 1u << 21;
	inspect_table(data, size, sectors, &disk);
	for (unsigned i = 0; i < disk.count; i++)
		if (disk.parts[i].first >= sectors ||
		    disk.parts[i].count > sectors - disk.parts[i].first)
			__builtin_trap();
	inspect_probe(data, size, &system);
	return 0;
}
