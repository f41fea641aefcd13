/* pci.h - bus 0 of the machine: configuration space, base addresses, MSI-X.
 *
 * Configuration is reached through ports 0xcf8/0xcfc and through ECAM at the
 * address in the host bridge's PCIEXBAR. A device names its writable bits;
 * everything else of its configuration space ignores writes.
 *
 * Threads: adding and freeing on the main loop; register handlers on vCPU
 * threads. Locks, in this order: the bus's, then a device's own. */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/kvm/bus.h"
#include "vmm/kvm/irq.h"

struct vm;

#define PCI_ECAM_BASE  0xb0000000ull
#define PCI_ECAM_BYTES 0x10000000ull
#define PCI_MMIO_BASE  0xc0000000ull
#define PCI_MMIO_END   0xfebfffffull
#define PCI_SLOTS      32u
#define PCI_MSIX_MAX   64u
/* Slots share four lines of the IOAPIC. */
#define PCI_INTX_GSI(slot) (16u + (slot) % 4u)

struct pci_bar {
	uint64_t size; /* power of two; 0: there is none */
	bool wide;     /* 64-bit; takes the next one too */
	const struct bus_ops *ops;
	void *device;
	pthread_mutex_t *lock;
	/* Told after it moved (base) or vanished (0). Optional. */
	void (*moved)(void *device, uint64_t base);
	uint64_t mapped;
};

struct pci_device {
	struct vm *vm;
	unsigned slot, function;
	uint8_t config[256];
	uint8_t writable[256]; /* bits the guest may set */
	uint8_t capability_end;
	struct pci_bar bars[6];
	/* Told after a write to [at, at + size). Optional. */
	void (*written)(struct pci_device *device, unsigned at, unsigned size);
	void *data;

	unsigned line_user;
	bool line_high;

	/* MSI-X; the table lives in a BAR of the device, which forwards */
	unsigned msix_count;
	uint8_t msix_cap;
	struct {
		uint32_t address_low, address_high, data, control;
		bool pending;
		struct irq_message message;
	} msix[PCI_MSIX_MAX];
};

struct pci_bus *pci_bus_new(struct vm *vm);
void pci_bus_free(struct pci_bus *bus);
/* Unmaps everything and clears what the guest has set. vCPUs are parked. */
void pci_bus_reset(struct pci_bus *bus);
/* Does what firmware would: addresses for all BARs, ECAM on, decoding on. */
void pci_bus_assign(struct pci_bus *bus);
uint64_t pci_bus_ecam(const struct pci_bus *bus);

/* Fills identity; class is class << 8 | subclass << 0 with interface. */
void pci_device_init(struct pci_device *device, struct vm *vm, uint16_t vendor,
		     uint16_t id, uint32_t class_interface, uint8_t revision,
		     uint16_t subsystem_vendor, uint16_t subsystem);
/* slot 0 takes the first free one. false and a fault when the bus is full. */
bool pci_device_add(struct pci_device *device, unsigned slot, GError **error);
/* Off the bus; vCPUs are parked or gone. */
void pci_device_remove(struct pci_device *device);
/* Room for a capability of `bytes`; returns its offset (id and next set). */
uint8_t pci_add_capability(struct pci_device *device, uint8_t id,
			   unsigned bytes);
void pci_add_bar(struct pci_device *device, unsigned index,
		 const struct pci_bar *bar);

/* Line interrupt of pin A; ignored while the guest has it disabled. */
void pci_line(struct pci_device *device, bool high);

/* false when vectors ran out; table and PBA offsets lie in BAR `bar`. */
bool pci_add_msix(struct pci_device *device, unsigned vectors, unsigned bar,
		  uint32_t table, uint32_t pba);
bool pci_msix_enabled(const struct pci_device *device);
/* Under the device's lock. */
void pci_msix_fire(struct pci_device *device, unsigned vector);
uint64_t pci_msix_table_read(struct pci_device *device, uint64_t offset,
			     unsigned size);
void pci_msix_table_write(struct pci_device *device, uint64_t offset,
			  unsigned size, uint64_t value);
uint64_t pci_msix_pba_read(struct pci_device *device, uint64_t offset,
			   unsigned size);
/* After the guest wrote the capability: fires what became possible. */
void pci_msix_written(struct pci_device *device);
void pci_msix_reset(struct pci_device *device);

/* Little-endian fields of a configuration space. */
static inline void pci_put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}
static inline void pci_put32(uint8_t *at, uint32_t value)
{
	pci_put16(at, (uint16_t)value);
	pci_put16(at + 2, (uint16_t)(value >> 16));
}
static inline uint16_t pci_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}
static inline uint32_t pci_get32(const uint8_t *at)
{
	return pci_get16(at) | (uint32_t)pci_get16(at + 2) << 16;
}
