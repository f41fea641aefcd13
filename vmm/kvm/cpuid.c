#include "vmm/kvm/cpuid.h"

#include <glib.h>
#include <stdbool.h>

static unsigned id_bits(unsigned cpus)
{
	unsigned bits = 0;

	while (1u << bits < cpus)
		bits++;
	return bits;
}

/* leaves 0xb and 0x1f: level 0 is the thread, level 1 the core */
static void topology(struct kvm_cpuid_entry2 *e, unsigned index, unsigned cpus)
{
	e->edx = index;
	switch (e->index) {
	case 0:
		e->eax = 0;
		e->ebx = 1;
		e->ecx = 1 << 8;
		break;
	case 1:
		e->eax = id_bits(cpus);
		e->ebx = cpus;
		e->ecx = 2 << 8 | 1;
		break;
	default:
		e->eax = e->ebx = 0;
		e->ecx = e->index;
	}
}

static void describe(struct kvm_cpuid_entry2 *e, unsigned index, unsigned cpus)
{
	switch (e->function) {
	case 0x1:
		e->ebx = (e->ebx & 0xff00) | index << 24 |
			 (1u << id_bits(cpus)) << 16;
		e->ecx |= 1u << 31;   /* runs under a hypervisor */
		e->ecx |= 1u << 24;   /* TSC deadline: KVM's own LAPIC */
		e->ecx &= ~(1u << 3); /* MONITOR */
		e->ecx &= ~(1u << 5); /* VMX: no guests of guests, so far */
		e->edx = cpus > 1 ? e->edx | 1u << 28 : e->edx & ~(1u << 28);
		break;
	case 0x4:
	case 0x8000001d: {
		/* who shares this cache: a core has its own L1 and L2 */
		unsigned level = e->eax >> 5 & 7;
		unsigned shared = level >= 3 ? 1u << id_bits(cpus) : 1;

		if (!(e->eax & 0x1f))
			break;
		e->eax = (e->eax & 0x3fff) | (shared - 1) << 14;
		if (e->function == 0x4)
			e->eax |= ((1u << id_bits(cpus)) - 1) << 26;
		break;
	}
	case 0x6:
		e->ecx &= ~(1u << 3); /* no energy bias register */
		break;
	case 0xa: /* performance counters would need their MSRs */
		e->eax = e->ebx = e->ecx = e->edx = 0;
		break;
	case 0xb:
	case 0x1f:
		topology(e, index, cpus);
		break;
	case 0x80000001:
		e->ecx &= ~(1u << 2); /* SVM */
		e->ecx = cpus > 1 ? e->ecx | 2 : e->ecx & ~2u;
		/* topology extensions are described below only for zen */
		break;
	case 0x80000008:
		e->ecx = cpus > 1 ? id_bits(cpus) << 12 | (cpus - 1) : 0;
		break;
	case 0x8000000a:
		e->eax = e->ebx = e->ecx = e->edx = 0;
		break;
	case 0x8000001e:
		e->eax = index;
		e->ebx = index; /* one thread per core */
		e->ecx = 0;
		break;
	}
}

void cpuid_describe(struct kvm_cpuid2 *table, unsigned index, unsigned cpus)
{
	bool leaf_b[2] = {false, false};
	unsigned highest = 0;

	for (unsigned i = 0; i < table->nent; i++) {
		struct kvm_cpuid_entry2 *e = &table->entries[i];

		describe(e, index, cpus);
		if (e->function == 0xb && e->index < 2)
			leaf_b[e->index] = true;
		if (e->function == 0)
			highest = e->eax;
	}
	/* some hosts offer leaf 0xb with its first level only */
	for (unsigned level = 0; level < 2 && highest >= 0xb; level++) {
		struct kvm_cpuid_entry2 e = {
		    .function = 0xb,
		    .index = level,
		    .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		};

		if (leaf_b[level] || table->nent >= 256)
			continue;
		topology(&e, index, cpus);
		table->entries[table->nent++] = e;
	}
}
