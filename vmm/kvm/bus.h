/* bus.h - who answers at which port or address.
 *
 * One bus for ports, one for memory-mapped registers. Ranges may be added and
 * removed while vCPUs run (PCI BARs move); a handler may do so itself, since
 * it is called after the look-up lock is released. A device must therefore
 * outlive the vCPU threads, or be gone from the bus while they are parked.
 *
 * Threads: any. A range's own lock, if it has one, is held around its
 * handlers. Units: bytes. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct bus_ops {
	/* offset + size lies inside the range; size is 1, 2, 4 or 8. Either
	 * may be NULL: reads give all ones, writes vanish. */
	uint64_t (*read)(void *device, uint64_t offset, unsigned size);
	void (*write)(void *device, uint64_t offset, unsigned size,
		      uint64_t value);
};

struct bus_range {
	uint64_t base, length;
	const struct bus_ops *ops;
	void *device;
	pthread_mutex_t *lock; /* NULL: the handlers need none */
};

#define BUS_RANGES_MAX 256u

struct bus {
	pthread_rwlock_t lock;
	struct bus_range ranges[BUS_RANGES_MAX]; /* sorted by base */
	unsigned count;
};

void bus_init(struct bus *bus);
void bus_finish(struct bus *bus);
/* False when full or when it would overlap another range: then nothing
 * changed. */
bool bus_add(struct bus *bus, const struct bus_range *range);
void bus_remove(struct bus *bus, uint64_t base, const void *device);
/* An access nobody answers reads as all ones. */
uint64_t bus_read(struct bus *bus, uint64_t at, unsigned size);
void bus_write(struct bus *bus, uint64_t at, unsigned size, uint64_t value);
