/* memory.h - guest physical memory, and the only way to reach it.
 *
 * Memory is a few regions ("slots"), each one piece of host memory. Devices
 * see it through bounded helpers: an access that is not wholly inside one
 * region fails, so no guest address ever becomes a stray host pointer. The
 * regions are fixed before the first vCPU runs; contents race with the guest,
 * therefore values are copied once and checked in the copy.
 *
 * Threads: building on the main loop, access from any.
 * Errors: bool; the caller turns false into its device's own error.
 * Units: bytes. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A guest physical address; a struct so it never passes for a pointer. */
typedef struct {
	uint64_t at;
} gpa_t;

static inline gpa_t gpa(uint64_t at)
{
	return (gpa_t){at};
}
static inline gpa_t gpa_add(gpa_t base, uint64_t offset)
{
	return (gpa_t){base.at + offset};
}

#define GUEST_REGIONS_MAX 8

struct guest_region {
	uint64_t base, size;
	uint64_t offset; /* in the map */
	uint8_t *host;
};

struct guest_mem {
	struct guest_region regions[GUEST_REGIONS_MAX];
	unsigned count;
	uint8_t *map; /* all of it; MAP_FAILED for a test's plain buffer */
	uint64_t bytes;
};

/* PC layout of `bytes` of RAM: below 640 KiB, from 768 KiB to at most
 * LOW_RAM_END, the rest from 4 GiB on. NULL and a fault when out of memory. */
#define LOW_RAM_END  0xb0000000ull
#define HIGH_RAM     0x100000000ull
#define RAM_HOLE     0xa0000ull /* VGA and option ROM window */
#define RAM_HOLE_END 0xc0000ull
struct guest_mem *guest_mem_new(uint64_t bytes, GError **error);
/* One region at base over the caller's buffer: unit tests and fuzzing. */
struct guest_mem *guest_mem_fake(uint64_t base, void *buffer, uint64_t bytes);
void guest_mem_free(struct guest_mem *mem);

/* Host address of [at, at + bytes), or NULL unless inside one region. */
void *guest_ptr(const struct guest_mem *mem, gpa_t at, uint64_t bytes);
bool guest_read(const struct guest_mem *mem, gpa_t at, void *to, size_t bytes);
bool guest_write(const struct guest_mem *mem, gpa_t at, const void *from,
		 size_t bytes);
/* End of RAM below 4 GiB, and above it (HIGH_RAM when there is none). */
uint64_t guest_low_end(const struct guest_mem *mem);
uint64_t guest_high_end(const struct guest_mem *mem);
