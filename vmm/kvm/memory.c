#include "vmm/kvm/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/fault.h"

#define LARGE_PAGE (2ull << 20)

static void add_region(struct guest_mem *mem, uint64_t base, uint64_t offset,
		       uint64_t size)
{
	mem->regions[mem->count++] = (struct guest_region){
	    .base = base,
	    .size = size,
	    .offset = offset,
	    .host = mem->map + offset,
	};
}

/* Begins at a large page's boundary, as guest addresses do: only then can the
 * second stage of the guest's page tables map large pages, too. */
static uint8_t *map_aligned(uint64_t bytes)
{
	uint64_t before, after;
	uint8_t *map = mmap(NULL, bytes + LARGE_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return map;
	before = -(uintptr_t)map & (LARGE_PAGE - 1);
	after = LARGE_PAGE - before;
	if (before)
		munmap(map, before);
	munmap(map + before + bytes, after);
	return map + before;
}

struct guest_mem *guest_mem_new(uint64_t bytes, GError **error)
{
	struct guest_mem *mem = g_new0(struct guest_mem, 1);

	mem->bytes = bytes;
	mem->map = map_aligned(bytes);
	if (mem->map == MAP_FAILED)
		goto failed;
	madvise(mem->map, bytes, MADV_HUGEPAGE);
	/* A core dump of the monitor must not hold a person's desktop, nor
	 * have its helpers a copy of it. */
	madvise(mem->map, bytes, MADV_DONTDUMP);
	madvise(mem->map, bytes, MADV_DONTFORK);
	add_region(mem, 0, 0, MIN(bytes, RAM_HOLE));
	if (bytes > RAM_HOLE_END)
		add_region(mem, RAM_HOLE_END, RAM_HOLE_END,
			   MIN(bytes, LOW_RAM_END) - RAM_HOLE_END);
	if (bytes > LOW_RAM_END)
		add_region(mem, HIGH_RAM, LOW_RAM_END, bytes - LOW_RAM_END);
	return mem;
failed:
	fault_set(error, FAULT_STORAGE,
		  "Give the machine less memory, or free some on the host.",
		  "No %" G_GUINT64_FORMAT " MiB of memory for the guest: %s",
		  bytes >> 20, g_strerror(errno));
	guest_mem_free(mem);
	return NULL;
}

struct guest_mem *guest_mem_fake(uint64_t base, void *buffer, uint64_t bytes)
{
	struct guest_mem *mem = g_new0(struct guest_mem, 1);

	mem->map = MAP_FAILED;
	mem->bytes = bytes;
	mem->regions[mem->count++] =
	    (struct guest_region){.base = base, .size = bytes, .host = buffer};
	return mem;
}

void guest_mem_free(struct guest_mem *mem)
{
	if (!mem)
		return;
	if (mem->map != MAP_FAILED)
		munmap(mem->map, mem->bytes);
	g_free(mem);
}

void *guest_ptr(const struct guest_mem *mem, gpa_t at, uint64_t bytes)
{
	for (unsigned i = 0; i < mem->count; i++) {
		const struct guest_region *r = &mem->regions[i];

		if (at.at < r->base || at.at - r->base > r->size)
			continue;
		if (bytes <= r->size - (at.at - r->base))
			return r->host + (at.at - r->base);
	}
	return NULL;
}

bool guest_read(const struct guest_mem *mem, gpa_t at, void *to, size_t bytes)
{
	const void *from = guest_ptr(mem, at, bytes);

	if (!from)
		return false;
	memcpy(to, from, bytes);
	return true;
}

bool guest_write(const struct guest_mem *mem, gpa_t at, const void *from,
		 size_t bytes)
{
	void *to = guest_ptr(mem, at, bytes);

	if (!to)
		return false;
	memcpy(to, from, bytes);
	return true;
}

uint64_t guest_low_end(const struct guest_mem *mem)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < mem->count; i++)
		if (mem->regions[i].base < HIGH_RAM)
			end = mem->regions[i].base + mem->regions[i].size;
	return end;
}

uint64_t guest_high_end(const struct guest_mem *mem)
{
	uint64_t end = HIGH_RAM;

	for (unsigned i = 0; i < mem->count; i++)
		if (mem->regions[i].base >= HIGH_RAM)
			end = mem->regions[i].base + mem->regions[i].size;
	return end;
}
