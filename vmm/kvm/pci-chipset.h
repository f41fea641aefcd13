/* pci-chipset.h - the two bridges of a Q35 board that software looks for.
 * For pci.c only. */
#pragma once

#include <stdint.h>

struct vm;
struct pci_bus;

void pci_chipset_add(struct vm *vm);
void pci_chipset_free(struct vm *vm);
void pci_chipset_reset(struct vm *vm);
void pci_chipset_enable_ecam(struct vm *vm);

/* Moves the window; 0 closes it. Under the bus's lock. */
void pci_bus_set_ecam(struct pci_bus *bus, uint64_t base);
