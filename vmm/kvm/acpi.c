/* acpi.c - RSDP, XSDT, FADT, FACS, DSDT, MADT, MCFG.
 *
 * The DSDT is nearly constant: host bridge with its windows and interrupt
 * routing, slots whose cards may come and go (hotplug.c), the legacy devices,
 * S5. Source: ACPI 6.4. */
#include "vmm/kvm/acpi.h"

#include <string.h>

#include "vmm/kvm/aml.h"
#include "vmm/kvm/chips.h"
#include "vmm/kvm/hotplug.h"
#include "vmm/kvm/pci.h"
#include "vmm/kvm/vm.h"

/* There are no bridges. With 255 here Linux reads the first register of every
 * slot of every bus, twice an exit each: 16,000 before it is up. */
#define LAST_BUS 0

static void put(GByteArray *to, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++, value >>= 8) {
		uint8_t byte = (uint8_t)value;

		g_byte_array_append(to, &byte, 1);
	}
}

static GByteArray *table(const char *signature, unsigned revision)
{
	GByteArray *t = g_byte_array_new();

	g_byte_array_append(t, (const uint8_t *)signature, 4);
	put(t, 0, 4); /* length */
	put(t, revision, 1);
	put(t, 0, 1); /* checksum */
	g_byte_array_append(t, (const uint8_t *)"ORIEL ORIELVMM", 14);
	put(t, 1, 4);
	g_byte_array_append(t, (const uint8_t *)"ORIL", 4);
	put(t, 1, 4);
	return t;
}

static uint8_t checksum(const uint8_t *bytes, unsigned count)
{
	uint8_t sum = 0;

	while (count--)
		sum = (uint8_t)(sum + *bytes++);
	return (uint8_t)-sum;
}

static void seal(GByteArray *t)
{
	memcpy(t->data + 4, &t->len, 4);
	t->data[9] = 0;
	t->data[9] = checksum(t->data, t->len);
}

/* ---- DSDT ---- */

static void isa_device(aml *a, const char *name, const char *id, unsigned port,
		       unsigned length, unsigned port2, int irq)
{
	struct aml_mark device = aml_device(a, name), crs;

	aml_name(a, "_HID");
	aml_eisa_id(a, id);
	crs = aml_resources(a, "_CRS");
	if (port)
		aml_io(a, port, length);
	if (port2)
		aml_io(a, port2, 1);
	if (irq >= 0)
		aml_irq(a, (unsigned)irq);
	aml_resources_end(a, crs);
	aml_close(a, device);
}

static void routing(aml *a)
{
	struct aml_mark prt, entry;

	aml_name(a, "_PRT");
	prt = aml_package(a, PCI_SLOTS);
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		entry = aml_package(a, 4);
		aml_integer(a, slot << 16 | 0xffff);
		aml_integer(a, 0); /* pin A */
		aml_integer(a, 0);
		aml_integer(a, PCI_INTX_GSI(slot));
		aml_close(a, entry);
	}
	aml_close(a, prt);
}

/* Slots 1 to 30; 0 and 31 are the chipset's. */
#define SLOT_FIRST 1u
#define SLOT_LAST  30u

static const char *slot_name(unsigned slot, char name[8])
{
	g_snprintf(name, 8, "SL%02u", slot);
	return name;
}

static void slots(aml *a)
{
	static const char *const fields[] = {"PCUP", "PCDN", "PCEJ"};
	char name[8];

	aml_io_fields(a, "PCHP", HOTPLUG_PORT, fields, 3);
	for (unsigned slot = SLOT_FIRST; slot <= SLOT_LAST; slot++) {
		struct aml_mark device = aml_device(a, slot_name(slot, name));
		struct aml_mark eject;

		aml_name_integer(a, "_ADR", slot << 16);
		aml_name_integer(a, "_SUN", slot);
		eject = aml_method(a, "_EJ0", 1);
		aml_store_integer(a, 1ull << slot, "PCEJ");
		aml_close(a, eject);
		aml_close(a, device);
	}
}

/* _GPE._E01: who came, who shall go */
static void slot_events(aml *a)
{
	struct aml_mark scope = aml_scope(a, "\\_GPE"), method, branch;

	method = aml_method(a, "_E01", 0);
	aml_store_to_local(a, "\\_SB_.PCI0.PCUP", 0);
	aml_store_to_local(a, "\\_SB_.PCI0.PCDN", 1);
	for (unsigned slot = SLOT_FIRST; slot <= SLOT_LAST; slot++)
		for (unsigned local = 0; local < 2; local++) {
			char name[8];
			g_autofree char *path = g_strconcat(
			    "\\_SB_.PCI0.", slot_name(slot, name), NULL);

			branch = aml_if_bit(a, local, slot);
			aml_notify(a, path, local ? 3 : 1);
			aml_close(a, branch);
		}
	aml_close(a, method);
	aml_close(a, scope);
}

static void host_bridge(aml *a, const struct vm *vm)
{
	struct aml_mark device = aml_device(a, "PCI0"), crs, child;
	uint64_t high = guest_high_end(vm->mem);

	aml_name(a, "_HID");
	aml_eisa_id(a, "PNP0A08");
	aml_name(a, "_CID");
	aml_eisa_id(a, "PNP0A03");
	aml_name_integer(a, "_SEG", 0);
	aml_name_integer(a, "_BBN", 0);
	aml_name_integer(a, "_UID", 0);
	crs = aml_resources(a, "_CRS");
	aml_window(a, AML_BUS, 0, LAST_BUS);
	aml_window(a, AML_IO, 0, 0xcf7);
	aml_io(a, 0xcf8, 8);
	aml_window(a, AML_IO, 0xd00, 0xffff);
	aml_window(a, AML_MEMORY, 0xa0000, 0xbffff);
	aml_window(a, AML_MEMORY, PCI_MMIO_BASE, PCI_MMIO_END);
	/* 64 GiB for large BARs, above all RAM */
	high = (high + 0xfffffffff) & ~0xfffffffffull;
	aml_window(a, AML_MEMORY, high, high + 0xfffffffff);
	aml_resources_end(a, crs);
	routing(a);
	slots(a);

	child = aml_device(a, "LPC_");
	aml_name_integer(a, "_ADR", 0x1f0000);
	isa_device(a, "KBD_", "PNP0303", 0x60, 1, 0x64, 1);
	isa_device(a, "MOU_", "PNP0F13", 0, 0, 0, 12);
	isa_device(a, "COM1", "PNP0501", 0x3f8, 8, 0, 4);
	isa_device(a, "RTC_", "PNP0B00", 0x70, 2, 0, 8);
	aml_close(a, child);
	aml_close(a, device);
}

static GByteArray *dsdt(const struct vm *vm)
{
	GByteArray *a = table("DSDT", 2);
	struct aml_mark scope, device, crs, package;

	scope = aml_scope(a, "\\_SB_");
	host_bridge(a, vm);
	/* what MCFG names must also be claimed as a motherboard resource */
	device = aml_device(a, "MRES");
	aml_name(a, "_HID");
	aml_eisa_id(a, "PNP0C02");
	crs = aml_resources(a, "_CRS");
	aml_fixed_memory(a, (uint32_t)PCI_ECAM_BASE, (uint32_t)PCI_ECAM_BYTES);
	aml_io(a, PM_BASE, 0x80);
	aml_resources_end(a, crs);
	aml_close(a, device);

	device = aml_device(a, "PEVT");
	aml_name(a, "_HID");
	aml_string(a, "QEMU0001");
	aml_name_integer(a, "_STA", 0xf);
	crs = aml_resources(a, "_CRS");
	aml_io(a, PVPANIC_PORT, 1);
	aml_resources_end(a, crs);
	aml_close(a, device);
	aml_close(a, scope);
	slot_events(a);

	aml_name(a, "\\_S5_");
	package = aml_package(a, 4);
	for (unsigned i = 0; i < 4; i++)
		aml_integer(a, 0);
	aml_close(a, package);
	return a;
}

/* ---- fixed tables ---- */

static void address(GByteArray *t, unsigned space, unsigned bits, uint64_t at)
{
	put(t, space, 1);
	put(t, bits, 1);
	put(t, 0, 1);
	put(t, bits == 8 ? 1 : bits == 16 ? 2 : 3, 1);
	put(t, at, 8);
}

#define IO_SPACE 1

static GByteArray *fadt(uint64_t facs, uint64_t dsdt_at)
{
	GByteArray *t = table("FACP", 5);

	put(t, facs, 4);
	put(t, dsdt_at, 4);
	put(t, 0, 1);
	put(t, 1, 1); /* preferred profile: desktop */
	put(t, PM_SCI, 2);
	put(t, 0, 4); /* SMI_CMD: none, ACPI is always on */
	put(t, 0, 4); /* ACPI_ENABLE .. PSTATE_CNT */
	put(t, PM_BASE, 4);
	put(t, 0, 4);
	put(t, PM_BASE + 4, 4);
	put(t, 0, 4);
	put(t, 0, 4);
	put(t, PM_TIMER, 4);
	put(t, PM_GPE0, 4);
	put(t, 0, 4);
	put(t, 4, 1); /* lengths: PM1_EVT, PM1_CNT, PM2, timer, GPE0, GPE1 */
	put(t, 2, 1);
	put(t, 0, 1);
	put(t, 4, 1);
	put(t, PM_GPE0_SIZE, 1);
	put(t, 0, 1);
	put(t, 0, 1);
	put(t, 0, 1);     /* CST_CNT */
	put(t, 0xfff, 2); /* no C2 */
	put(t, 0xfff, 2); /* no C3 */
	put(t, 0, 4);     /* flush size, stride */
	put(t, 0, 2);     /* duty cycle */
	put(t, 0, 2);     /* alarm day, month */
	put(t, 0x32, 1);  /* century */
	put(t, 3, 2);     /* boot flags: legacy devices, 8042 */
	put(t, 0, 1);
	/* WBINVD, PROC_C1, SLP_BUTTON absent, RTC not a wake source, reset
	 * register */
	put(t, 1 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 10, 4);
	address(t, IO_SPACE, 8, 0xcf9);
	put(t, 6, 1); /* value that resets */
	put(t, 0, 3);
	put(t, facs, 8);
	put(t, dsdt_at, 8);
	address(t, IO_SPACE, 32, PM_BASE);
	address(t, 0, 0, 0);
	address(t, IO_SPACE, 16, PM_BASE + 4);
	address(t, 0, 0, 0);
	address(t, 0, 0, 0);
	address(t, IO_SPACE, 32, PM_TIMER);
	address(t, IO_SPACE, 8, PM_GPE0);
	t->data[t->len - 11] = PM_GPE0_SIZE * 8;
	address(t, 0, 0, 0);
	address(t, 0, 0, 0); /* sleep control and status: only when reduced */
	address(t, 0, 0, 0);
	return t;
}

static GByteArray *madt(const struct vm *vm)
{
	GByteArray *t = table("APIC", 3);

	put(t, 0xfee00000, 4);
	put(t, 1, 4); /* a PIC is there too */
	for (unsigned i = 0; i < vm->config.cpus; i++) {
		put(t, 0, 1);
		put(t, 8, 1);
		put(t, i, 1);
		put(t, i, 1);
		put(t, 1, 4);
	}
	put(t, 1, 1); /* IOAPIC */
	put(t, 12, 1);
	put(t, 0, 2); /* id, reserved */
	put(t, 0xfec00000, 4);
	put(t, 0, 4);
	put(t, 2, 1); /* the timer arrives at pin 2 */
	put(t, 10, 1);
	put(t, 0, 2);
	put(t, 2, 4);
	put(t, 0, 2);
	put(t, 2, 1); /* the SCI is level, active high */
	put(t, 10, 1);
	put(t, 0, 1);
	put(t, PM_SCI, 1);
	put(t, PM_SCI, 4);
	put(t, 0xd, 2);
	put(t, 4, 1); /* NMI on LINT1 of every CPU */
	put(t, 6, 1);
	put(t, 0xff, 1);
	put(t, 0, 2);
	put(t, 1, 1);
	return t;
}

static GByteArray *mcfg(const struct vm *vm)
{
	GByteArray *t = table("MCFG", 1);
	uint64_t ecam = pci_bus_ecam(vm->pci);

	put(t, 0, 8);
	put(t, ecam ? ecam : PCI_ECAM_BASE, 8);
	put(t, 0, 2); /* segment */
	put(t, 0, 1);
	put(t, LAST_BUS, 1);
	put(t, 0, 4);
	return t;
}

static uint64_t place(GByteArray *blob, uint64_t base, GByteArray *t,
		      unsigned align)
{
	uint64_t at;

	while ((base + blob->len) % align)
		put(blob, 0, 1);
	at = base + blob->len;
	g_byte_array_append(blob, t->data, t->len);
	g_byte_array_unref(t);
	return at;
}

static uint64_t place_sealed(GByteArray *blob, uint64_t base, GByteArray *t)
{
	seal(t);
	return place(blob, base, t, 16);
}

GByteArray *acpi_build(const struct vm *vm, uint64_t base)
{
	GByteArray *blob = g_byte_array_new(), *t;
	uint64_t dsdt_at, facs_at, tables[3], xsdt_at;
	uint8_t rsdp[36] = "RSD PTR \0ORIEL \2";
	uint32_t length = sizeof rsdp;

	g_byte_array_append(blob, rsdp, sizeof rsdp); /* filled in below */
	t = g_byte_array_new();
	g_byte_array_append(t, (const uint8_t *)"FACS", 4);
	put(t, 64, 4);
	put(t, 0, 56);
	t->data[32] = 2;
	facs_at = place(blob, base, t, 64);
	dsdt_at = place_sealed(blob, base, dsdt(vm));
	tables[0] = place_sealed(blob, base, fadt(facs_at, dsdt_at));
	tables[1] = place_sealed(blob, base, madt(vm));
	tables[2] = place_sealed(blob, base, mcfg(vm));
	t = table("XSDT", 1);
	for (unsigned i = 0; i < 3; i++)
		put(t, tables[i], 8);
	xsdt_at = place_sealed(blob, base, t);
	memcpy(rsdp + 20, &length, 4);
	memcpy(rsdp + 24, &xsdt_at, 8);
	rsdp[8] = checksum(rsdp, 20);
	rsdp[32] = checksum(rsdp, sizeof rsdp);
	memcpy(blob->data, rsdp, sizeof rsdp);
	return blob;
}
