/* boot.c - see boot.h. Low memory while the guest starts:
 *
 *   0x00500  GDT
 *   0x06000  PVH start info, memory map and module list
 *   0x07000  Linux boot_params
 *   0x09000  page tables that map the first 4 GiB onto themselves
 *   0x20000  command line
 *   0xe0000  ACPI tables, reserved in the memory map
 *
 * Sources: Linux Documentation/arch/x86/boot.rst and zero-page.rst; Xen
 * docs/misc/pvh.pandoc; ELF-64 1.5. */
#include "vmm/kvm/boot.h"

#include <elf.h>
#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "vmm/kvm/acpi.h"
#include "vmm/kvm/pci.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/kvm/vm.h"

#define AT_GDT      0x500u
#define AT_PVH      0x6000u
#define AT_PARAMS   0x7000u
#define AT_PAGES    0x9000u
#define AT_CMDLINE  0x20000u
#define AT_ACPI     0xe0000u
#define CMDLINE_MAX 2047u /* COMMAND_LINE_SIZE of x86 less the NUL */

/* offsets in boot_params, "setup header" and around */
enum {
	ZP_RSDP = 0x70,
	ZP_E820_COUNT = 0x1e8,
	HDR_SECTORS = 0x1f1,
	HDR_MAGIC = 0x202,
	HDR_VERSION = 0x206,
	HDR_LOADER = 0x210,
	HDR_FLAGS = 0x211,
	HDR_INITRD = 0x218,
	HDR_HEAP_END = 0x224,
	HDR_CMDLINE = 0x228,
	HDR_INITRD_MAX = 0x22c,
	HDR_RELOCATABLE = 0x234,
	HDR_XLOADFLAGS = 0x236,
	HDR_PREFERRED = 0x258,
	HDR_INIT_SIZE = 0x260,
	ZP_E820 = 0x2d0,
};

struct machine_image {
	const struct vm_config *config;
	GMappedFile *kernel, *initrd;
	bool is_elf;
};

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, 4);
	return value;
}

static GMappedFile *open_file(const char *path, const char *what,
			      GError **error)
{
	g_autoptr(GError) why = NULL;
	GMappedFile *file = g_mapped_file_new(path, FALSE, &why);

	if (!file)
		fault_set(error, FAULT_NOT_FOUND, NULL,
			  "The %s cannot be read: %s", what, why->message);
	return file;
}

struct machine_image *boot_image_open(const struct vm_config *config,
				      GError **error)
{
	struct machine_image *image = g_new0(struct machine_image, 1);
	const struct log_about about = {.vm = config->name};
	const guint8 *bytes;
	gsize size;

	image->config = config;
	if (!config->kernel) {
		fault_set(error, FAULT_INVALID, "Give --kernel FILE.",
			  "There is nothing to boot: this version starts "
			  "kernels, not firmware");
		goto failed;
	}
	image->kernel = open_file(config->kernel, "kernel", error);
	if (!image->kernel)
		goto failed;
	if (config->initrd) {
		image->initrd = open_file(config->initrd, "initrd", error);
		if (!image->initrd)
			goto failed;
	}
	if (config->cmdline && strlen(config->cmdline) > CMDLINE_MAX) {
		fault_set(error, FAULT_INVALID, "Shorten it.",
			  "The kernel's command line is longer than %u bytes",
			  CMDLINE_MAX);
		goto failed;
	}
	bytes = (const guint8 *)g_mapped_file_get_contents(image->kernel);
	size = g_mapped_file_get_length(image->kernel);
	if (size > sizeof(Elf64_Ehdr) && !memcmp(bytes, ELFMAG, SELFMAG)) {
		image->is_elf = true;
	} else if (size > 0x1000 && !memcmp(bytes + HDR_MAGIC, "HdrS", 4)) {
		GMappedFile *vmlinux =
		    boot_unpack(config->kernel, bytes, size, config->cache);

		if (vmlinux) {
			g_mapped_file_unref(image->kernel);
			image->kernel = vmlinux;
			image->is_elf = true;
		} else if (config->cache) {
			log_info(&about, "the kernel could not be unpacked "
					 "(is xz installed?); the guest does "
					 "it itself, which takes longer");
		}
	} else {
		fault_set(error, FAULT_INVALID,
			  "Give a bzImage, or an ELF file with a PVH note.",
			  "'%s' is no kernel", config->kernel);
		goto failed;
	}
	return image;
failed:
	boot_image_free(image);
	return NULL;
}

void boot_image_free(struct machine_image *image)
{
	if (!image)
		return;
	g_clear_pointer(&image->kernel, g_mapped_file_unref);
	g_clear_pointer(&image->initrd, g_mapped_file_unref);
	g_free(image);
}

/* ---- what every start needs ---- */

struct memory_entry {
	uint64_t at, size;
	uint32_t type; /* 1 RAM, 2 reserved */
};

static unsigned memory_map(const struct vm *vm, struct memory_entry map[8])
{
	uint64_t low = guest_low_end(vm->mem), high = guest_high_end(vm->mem);
	unsigned n = 0;

	map[n++] = (struct memory_entry){0, 0x9fc00, 1};
	map[n++] = (struct memory_entry){0x9fc00, 0x400, 2};
	map[n++] = (struct memory_entry){AT_ACPI, 0x20000, 2};
	if (low > 0x100000)
		map[n++] = (struct memory_entry){0x100000, low - 0x100000, 1};
	map[n++] = (struct memory_entry){PCI_ECAM_BASE, PCI_ECAM_BYTES, 2};
	if (high > HIGH_RAM)
		map[n++] = (struct memory_entry){HIGH_RAM, high - HIGH_RAM, 1};
	return n;
}

static bool write_basics(struct vm *vm, const char *cmdline)
{
	static const uint64_t gdt[] = {
	    0,
	    0,
	    0x00af9b000000ffff, /* 0x10: code; L or D set by the CPU's
				   own copy, see vcpu_set_entry() */
	    0x00cf93000000ffff, /* 0x18: data */
	    0x008f8b000000ffff, /* 0x20: task */
	    0,
	};
	GByteArray *tables = acpi_build(vm, AT_ACPI);
	bool good;

	good =
	    guest_write(vm->mem, gpa(AT_GDT), gdt, sizeof gdt) &&
	    tables->len <= 0x10000 &&
	    guest_write(vm->mem, gpa(AT_ACPI), tables->data, tables->len) &&
	    guest_write(vm->mem, gpa(AT_CMDLINE), cmdline, strlen(cmdline) + 1);
	g_byte_array_unref(tables);
	return good;
}

static bool write_page_tables(struct vm *vm)
{
	uint64_t *pages = guest_ptr(vm->mem, gpa(AT_PAGES), 6 * 4096);

	if (!pages)
		return false;
	memset(pages, 0, 6 * 4096);
	pages[0] = (AT_PAGES + 0x1000) | 3;
	for (unsigned i = 0; i < 4; i++)
		pages[512 + i] = (AT_PAGES + 0x2000 + i * 0x1000) | 3;
	for (uint64_t i = 0; i < 2048; i++)
		pages[1024 + i] = i << 21 | 0x83;
	return true;
}

/* As high as it fits below `limit`. 0 when it does not. */
static uint64_t place_initrd(struct vm *vm, GMappedFile *initrd, uint64_t limit,
			     uint64_t kernel_end)
{
	uint64_t size = g_mapped_file_get_length(initrd);
	uint64_t end = MIN(guest_low_end(vm->mem), limit), at;

	if (size > end || end - size < kernel_end)
		return 0;
	at = (end - size) & ~0xfffull;
	if (at < kernel_end ||
	    !guest_write(vm->mem, gpa(at), g_mapped_file_get_contents(initrd),
			 size))
		return 0;
	return at;
}

static bool too_small(GError **error)
{
	fault_set(error, FAULT_INVALID, "Give the machine more memory.",
		  "Kernel and initrd do not fit into the guest's memory");
	return false;
}

/* ---- ELF with PVH entry ---- */

static bool find_pvh(const uint8_t *bytes, gsize size, uint32_t *entry)
{
	const Elf64_Ehdr *eh = (const void *)bytes;
	const Elf64_Phdr *ph;

	if (eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_phentsize != sizeof *ph || eh->e_phoff > size ||
	    eh->e_phnum > (size - eh->e_phoff) / sizeof *ph || eh->e_phoff % 8)
		return false;
	ph = (const void *)(bytes + eh->e_phoff);
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		uint64_t at = ph[i].p_offset, end;

		if (ph[i].p_type != PT_NOTE || at > size ||
		    ph[i].p_filesz > size - at)
			continue;
		end = at + ph[i].p_filesz;
		while (end - at >= 12) {
			uint64_t name = get32(bytes + at);
			uint64_t desc = get32(bytes + at + 4);
			uint32_t type = get32(bytes + at + 8);
			uint64_t name_at = at + 12;
			uint64_t desc_at = name_at + ((name + 3) & ~3ull);

			if (desc_at > end || desc > end - desc_at)
				break;
			if (type == 18 && name == 4 && desc >= 4 &&
			    !memcmp(bytes + name_at, "Xen", 4)) {
				*entry = get32(bytes + desc_at);
				return true;
			}
			at = desc_at + ((desc + 3) & ~3ull);
			if (at > end)
				break;
		}
	}
	return false;
}

static bool load_segments(struct vm *vm, const uint8_t *bytes, gsize size,
			  uint64_t *end)
{
	const Elf64_Ehdr *eh = (const void *)bytes;
	const Elf64_Phdr *ph = (const void *)(bytes + eh->e_phoff);

	*end = 0x100000;
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		uint8_t *to;

		if (ph[i].p_type != PT_LOAD || !ph[i].p_memsz)
			continue;
		if (ph[i].p_offset > size ||
		    ph[i].p_filesz > size - ph[i].p_offset ||
		    ph[i].p_filesz > ph[i].p_memsz)
			return false;
		to = guest_ptr(vm->mem, gpa(ph[i].p_paddr), ph[i].p_memsz);
		if (!to)
			return false;
		memcpy(to, bytes + ph[i].p_offset, ph[i].p_filesz);
		memset(to + ph[i].p_filesz, 0, ph[i].p_memsz - ph[i].p_filesz);
		*end = MAX(*end, ph[i].p_paddr + ph[i].p_memsz);
	}
	return true;
}

struct pvh_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp, memory_map;
	uint32_t memory_entries, reserved;
};
struct pvh_module {
	uint64_t at, size, cmdline, reserved;
};
struct pvh_memory {
	uint64_t at, size;
	uint32_t type, reserved;
};

static bool load_elf(struct vm *vm, const struct machine_image *image,
		     GError **error)
{
	const uint8_t *bytes =
	    (const uint8_t *)g_mapped_file_get_contents(image->kernel);
	gsize size = g_mapped_file_get_length(image->kernel);
	struct {
		struct pvh_info info;
		struct pvh_module module;
		struct pvh_memory memory[8];
	} start = {
	    .info = {.magic = 0x336ec578,
		     .version = 1,
		     .module_list = AT_PVH + sizeof start.info,
		     .cmdline = AT_CMDLINE,
		     .rsdp = AT_ACPI,
		     .memory_map =
			 AT_PVH + sizeof start.info + sizeof start.module},
	};
	struct vcpu_entry entry = {
	    .mode = ENTRY_PROTECTED, .rbx = AT_PVH, .gdt = AT_GDT};
	struct memory_entry map[8];
	uint32_t at;
	uint64_t end;

	if (!find_pvh(bytes, size, &at)) {
		fault_set(error, FAULT_INVALID,
			  "Give its bzImage, or a kernel with CONFIG_PVH.",
			  "'%s' has no PVH entry", image->config->kernel);
		return false;
	}
	if (!load_segments(vm, bytes, size, &end))
		return too_small(error);
	if (image->initrd) {
		start.module.size = g_mapped_file_get_length(image->initrd);
		start.module.at =
		    place_initrd(vm, image->initrd, 0x80000000, end);
		if (!start.module.at)
			return too_small(error);
		start.info.modules = 1;
	}
	start.info.memory_entries = memory_map(vm, map);
	for (unsigned i = 0; i < start.info.memory_entries; i++)
		start.memory[i] =
		    (struct pvh_memory){map[i].at, map[i].size, map[i].type, 0};
	entry.rip = at;
	return guest_write(vm->mem, gpa(AT_PVH), &start, sizeof start) &&
	       vcpu_set_entry(vm->vcpus[0], &entry);
}

/* ---- bzImage ---- */

static bool load_bzimage(struct vm *vm, const struct machine_image *image,
			 GError **error)
{
	const uint8_t *bytes =
	    (const uint8_t *)g_mapped_file_get_contents(image->kernel);
	gsize size = g_mapped_file_get_length(image->kernel);
	gsize setup =
	    ((bytes[HDR_SECTORS] ? bytes[HDR_SECTORS] : 4) + 1) * 512u;
	unsigned version = bytes[HDR_VERSION] | bytes[HDR_VERSION + 1] << 8;
	struct vcpu_entry entry = {.rsi = AT_PARAMS,
				   .rbx = 0,
				   .rsp = AT_PARAMS,
				   .gdt = AT_GDT,
				   .page_table = AT_PAGES};
	struct memory_entry map[8];
	uint64_t load = 0x100000, need, limit = 0x37ffffff, value;
	uint8_t *zero;
	unsigned count;

	if (version < 0x203 || !(bytes[HDR_FLAGS] & 1) || setup >= size) {
		fault_set(error, FAULT_INVALID, "Use a kernel of this century.",
			  "'%s' speaks boot protocol %#x, which is too old",
			  image->config->kernel, version);
		return false;
	}
	need = size - setup;
	if (version >= 0x20a) {
		if (bytes[HDR_RELOCATABLE]) {
			memcpy(&value, bytes + HDR_PREFERRED, 8);
			load = value;
		}
		need = MAX(need, get32(bytes + HDR_INIT_SIZE));
	}
	limit = get32(bytes + HDR_INITRD_MAX);
	if (!guest_ptr(vm->mem, gpa(load), need) ||
	    !guest_write(vm->mem, gpa(load), bytes + setup, size - setup))
		return too_small(error);
	zero = guest_ptr(vm->mem, gpa(AT_PARAMS), 4096);
	if (!zero)
		return too_small(error);
	memset(zero, 0, 4096);
	/* the header ends where the byte at 0x201 says */
	memcpy(zero + HDR_SECTORS, bytes + HDR_SECTORS,
	       MIN(0x202u + bytes[0x201], 0x290u) - HDR_SECTORS);
	zero[HDR_LOADER] = 0xff;
	zero[HDR_FLAGS] |= 0x80;
	zero[HDR_HEAP_END] = 0;
	zero[HDR_HEAP_END + 1] = 0xde;
	value = AT_CMDLINE;
	memcpy(zero + HDR_CMDLINE, &value, 4);
	value = AT_ACPI;
	memcpy(zero + ZP_RSDP, &value, 8);
	if (image->initrd) {
		value = place_initrd(vm, image->initrd, (uint64_t)limit + 1,
				     load + need);
		if (!value)
			return too_small(error);
		memcpy(zero + HDR_INITRD, &value, 4);
		value = g_mapped_file_get_length(image->initrd);
		memcpy(zero + HDR_INITRD + 4, &value, 4);
	}
	count = memory_map(vm, map);
	for (unsigned i = 0; i < count; i++) {
		memcpy(zero + ZP_E820 + 20 * i, &map[i].at, 8);
		memcpy(zero + ZP_E820 + 20 * i + 8, &map[i].size, 8);
		memcpy(zero + ZP_E820 + 20 * i + 16, &map[i].type, 4);
	}
	zero[ZP_E820_COUNT] = (uint8_t)count;
	if (version >= 0x20c && bytes[HDR_XLOADFLAGS] & 1) {
		entry.mode = ENTRY_LONG;
		entry.rip = load + 0x200;
		if (!write_page_tables(vm))
			return too_small(error);
	} else {
		entry.mode = ENTRY_PROTECTED;
		entry.rip = load;
	}
	return vcpu_set_entry(vm->vcpus[0], &entry);
}

bool boot_load(struct vm *vm, const struct machine_image *image, GError **error)
{
	const char *cmdline = image->config->cmdline;

	pci_bus_assign(vm->pci);
	if (!write_basics(vm, cmdline ? cmdline : ""))
		return too_small(error);
	return image->is_elf ? load_elf(vm, image, error)
			     : load_bzimage(vm, image, error);
}
