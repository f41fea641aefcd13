#include "vmm/kvm/bus.h"

#include <string.h>

void bus_init(struct bus *bus)
{
	memset(bus, 0, sizeof *bus);
	pthread_rwlock_init(&bus->lock, NULL);
}

void bus_finish(struct bus *bus)
{
	pthread_rwlock_destroy(&bus->lock);
}

/* Index of the last range that begins at or below `at`, or -1. */
static int find(const struct bus *bus, uint64_t at)
{
	int low = 0, high = (int)bus->count - 1, found = -1;

	while (low <= high) {
		int middle = (low + high) / 2;

		if (bus->ranges[middle].base <= at) {
			found = middle;
			low = middle + 1;
		} else {
			high = middle - 1;
		}
	}
	return found;
}

bool bus_add(struct bus *bus, const struct bus_range *range)
{
	bool fits = false;
	int before;

	if (range->length == 0 || range->base + range->length < range->base)
		return false;
	pthread_rwlock_wrlock(&bus->lock);
	before = find(bus, range->base);
	if (bus->count == BUS_RANGES_MAX)
		goto out;
	if (before >= 0 &&
	    range->base - bus->ranges[before].base < bus->ranges[before].length)
		goto out;
	if (before + 1 < (int)bus->count &&
	    bus->ranges[before + 1].base - range->base < range->length)
		goto out;
	memmove(&bus->ranges[before + 2], &bus->ranges[before + 1],
		(bus->count - (unsigned)(before + 1)) * sizeof *range);
	bus->ranges[before + 1] = *range;
	bus->count++;
	fits = true;
out:
	pthread_rwlock_unlock(&bus->lock);
	return fits;
}

void bus_remove(struct bus *bus, uint64_t base, const void *device)
{
	int at;

	pthread_rwlock_wrlock(&bus->lock);
	at = find(bus, base);
	if (at >= 0 && bus->ranges[at].base == base &&
	    bus->ranges[at].device == device) {
		bus->count--;
		memmove(&bus->ranges[at], &bus->ranges[at + 1],
			(bus->count - (unsigned)at) * sizeof bus->ranges[0]);
	}
	pthread_rwlock_unlock(&bus->lock);
}

static bool look_up(struct bus *bus, uint64_t at, unsigned size,
		    struct bus_range *range)
{
	bool found = false;
	int index;

	pthread_rwlock_rdlock(&bus->lock);
	index = find(bus, at);
	if (index >= 0) {
		*range = bus->ranges[index];
		found = range->length >= size &&
			at - range->base <= range->length - size;
	}
	pthread_rwlock_unlock(&bus->lock);
	return found;
}

static uint64_t all_ones(unsigned size)
{
	return size >= 8 ? ~0ull : (1ull << (size * 8)) - 1;
}

uint64_t bus_read(struct bus *bus, uint64_t at, unsigned size)
{
	struct bus_range range;
	uint64_t value;

	if (!look_up(bus, at, size, &range) || !range.ops->read)
		return all_ones(size);
	if (range.lock)
		pthread_mutex_lock(range.lock);
	value = range.ops->read(range.device, at - range.base, size);
	if (range.lock)
		pthread_mutex_unlock(range.lock);
	return value & all_ones(size);
}

void bus_write(struct bus *bus, uint64_t at, unsigned size, uint64_t value)
{
	struct bus_range range;

	if (!look_up(bus, at, size, &range) || !range.ops->write)
		return;
	if (range.lock)
		pthread_mutex_lock(range.lock);
	range.ops->write(range.device, at - range.base, size,
			 value & all_ones(size));
	if (range.lock)
		pthread_mutex_unlock(range.lock);
}
