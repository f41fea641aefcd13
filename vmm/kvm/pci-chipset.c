/* pci-chipset.c - MCH (host bridge, 00.0) and ICH9 LPC bridge (1f.0).
 *
 * Their registers are plain storage, except PCIEXBAR, which moves ECAM. The
 * PAM registers are accepted and change nothing: RAM always lies behind
 * 0xC0000-0xFFFFF. PMBASE is fixed at 0x600, where pm.c is; SeaBIOS and OVMF
 * write that very value. Sources: Intel 3 Series Express (MCH), ICH9. */
#include "vmm/kvm/pci-chipset.h"

#include <glib.h>

#include "vmm/kvm/chips.h"
#include "vmm/kvm/pci.h"
#include "vmm/kvm/vm.h"

#define PCIEXBAR 0x60u
#define PAM0     0x90u
#define PMBASE   0x40u
#define PIRQ_A   0x60u
#define PIRQ_E   0x68u
#define RCBA     0xf0u

static void mch_written(struct pci_device *mch, unsigned at, unsigned size)
{
	uint32_t low = pci_get32(mch->config + PCIEXBAR);
	uint64_t base = (low & 0xf0000000) |
			(uint64_t)(mch->config[PCIEXBAR + 4] & 0xf) << 32;

	if (at < PCIEXBAR + 8 && at + size > PCIEXBAR)
		pci_bus_set_ecam(mch->vm->pci, low & 1 ? base : 0);
}

static struct pci_device *bridge(struct vm *vm, uint16_t id, uint32_t class)
{
	struct pci_device *d = g_new0(struct pci_device, 1);

	/* firmware knows virtual machines by this subsystem */
	pci_device_init(d, vm, 0x8086, id, class, 2, 0x1af4, 0x1100);
	return d;
}

struct chipset {
	struct pci_device *mch, *lpc;
};

/* One machine per process; the bridges live as long as the bus. */
static struct chipset board;

void pci_chipset_add(struct vm *vm)
{
	struct pci_device *mch = bridge(vm, 0x29c0, 0x060000);
	struct pci_device *lpc = bridge(vm, 0x2918, 0x060100);

	pci_put32(mch->writable + PCIEXBAR, 0xf0000007);
	pci_put32(mch->writable + PCIEXBAR + 4, 0xf);
	for (unsigned i = 0; i < 7; i++)
		mch->writable[PAM0 + i] = 0x33;
	for (unsigned i = 0x9d; i <= 0x9e; i++)
		mch->writable[i] = 0xff; /* SMRAM, ESMRAMC: no SMM behind */
	mch->written = mch_written;
	lpc->config[0x0e] = 0x80; /* several functions */
	for (unsigned i = 0; i < 4; i++) {
		lpc->writable[PIRQ_A + i] = 0x8f;
		lpc->writable[PIRQ_E + i] = 0x8f;
	}
	lpc->writable[0x44] = 0x87;
	pci_put32(lpc->writable + RCBA, 0xffffc001);
	pci_put16(lpc->writable + 0x82, 0x3f0f); /* LPC decode enables */
	pci_device_add(mch, 0, NULL);
	pci_device_add(lpc, 31, NULL);
	board = (struct chipset){mch, lpc};
	pci_chipset_reset(vm);
}

void pci_chipset_reset(struct vm *vm)
{
	pci_put32(board.lpc->config + PMBASE, PM_BASE | 1);
	for (unsigned i = 0; i < 4; i++)
		board.lpc->config[PIRQ_A + i] = board.lpc->config[PIRQ_E + i] =
		    0x80;
	pci_bus_set_ecam(vm->pci, 0);
}

void pci_chipset_enable_ecam(struct vm *vm)
{
	pci_put32(board.mch->config + PCIEXBAR, (uint32_t)PCI_ECAM_BASE | 1);
	pci_put32(board.mch->config + PCIEXBAR + 4, 0);
	pci_bus_set_ecam(vm->pci, PCI_ECAM_BASE);
}

void pci_chipset_free(struct vm *vm)
{
	g_free(board.mch);
	g_free(board.lpc);
	board = (struct chipset){0};
}
