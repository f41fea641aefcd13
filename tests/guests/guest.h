/* guest.h - what bare-metal guests share: ports, report lines, PCI, virtio.
 *
 * A guest prints TAP on the debug port and powers itself off. It uses neither
 * x87 nor SSE, so it also runs where /dev/kvm interprets the kernel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}
static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}
static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}
#define MMIO8(at)  (*(volatile uint8_t *)(uintptr_t)(at))
#define MMIO16(at) (*(volatile uint16_t *)(uintptr_t)(at))
#define MMIO32(at) (*(volatile uint32_t *)(uintptr_t)(at))
#define MMIO64(at) (*(volatile uint64_t *)(uintptr_t)(at))

void *memset(void *to, int byte, size_t count);
void *memcpy(void *to, const void *from, size_t count);
int memcmp(const void *a, const void *b, size_t count);

/* ---- report ---- */
void print(const char *text);
void print_hex(uint64_t value);
void report(bool good, const char *text);
void report_plan(void);
void power_off(void) __attribute__((noreturn));
const char *command_line(void);

/* ---- interrupts ---- */
extern volatile uint32_t interrupts[256];
void interrupts_on(void); /* IDT and local APIC */
/* Until interrupts[vector] reaches count; false after a bounded wait. */
bool wait_interrupt(unsigned vector, uint32_t count);
/* About that many microseconds, by the PM timer. */
void wait_us(unsigned us);

/* ---- PCI ---- */
#define ECAM          0xb0000000u
#define CFG(slot, at) (ECAM + ((slot) << 15) + (at))
unsigned pci_find_virtio(unsigned id, unsigned nth); /* slot, 0 = none */
uint32_t pci_bar(unsigned slot, unsigned index);

/* ---- virtio, the driver's side ---- */
#define VQ_SIZE 16u
struct desc {
	uint64_t at;
	uint32_t bytes;
	uint16_t flags, next;
};
#define F_NEXT     1u
#define F_WRITE    2u
#define F_INDIRECT 4u
struct avail {
	volatile uint16_t flags, index, ring[VQ_SIZE], event;
};
struct used {
	volatile uint16_t flags, index;
	volatile struct {
		uint32_t id, bytes;
	} ring[VQ_SIZE];
	volatile uint16_t event;
};
struct queue {
	struct desc desc[VQ_SIZE];
	struct avail avail __attribute__((aligned(64)));
	struct used used __attribute__((aligned(64)));
	uint16_t seen;
	unsigned index;
	uint32_t bell;
} __attribute__((aligned(4096)));

struct vdev {
	unsigned slot;
	uint32_t common, notify, isr, device, msix;
	uint32_t notify_step;
};
enum {
	ACKNOWLEDGE = 1,
	DRIVER = 2,
	DRIVER_OK = 4,
	FEATURES_OK = 8,
	NEEDS_RESET = 0x40,
};

bool vdev_find(struct vdev *v, unsigned id, unsigned nth);
/* Reset, then up to FEATURES_OK with exactly these features (and VERSION_1). */
bool vdev_begin(struct vdev *v, uint64_t features);
uint64_t vdev_features(struct vdev *v);
void vdev_queue(struct vdev *v, unsigned index, struct queue *q);
/* As vdev_queue, but with values of one's own, to be refused. */
void vdev_queue_raw(struct vdev *v, unsigned index, unsigned size,
		    uint64_t desc, uint64_t avail, uint64_t used);
void vdev_ready(struct vdev *v);
/* MSI-X vector `entry` of the table to CPU 0's `vector`; maps queue. */
void vdev_msix(struct vdev *v, unsigned queue, unsigned entry, unsigned vector);
uint8_t vdev_status(struct vdev *v);
static inline struct desc part(const void *at, uint32_t bytes, unsigned flags,
			       unsigned next)
{
	return (struct desc){(uintptr_t)at, bytes, (uint16_t)flags,
			     (uint16_t)next};
}
/* Offers the chain that begins at head, and rings. */
void queue_offer(struct queue *q, unsigned head);
/* The next used element's length, -1 when none came in time. */
int queue_wait(struct queue *q);
/* NEEDS_RESET within a bounded wait. */
bool vdev_failed(struct vdev *v);
