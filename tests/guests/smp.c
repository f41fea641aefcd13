/* smp.c - as many CPUs as the command line says ("console 16"): what the
 * tables tell of them, that each starts, and that time goes on KVM's clock. */
#include "guest.h"

extern char ap_start[], ap_end[];

static struct {
	uint32_t version, pad0;
	uint64_t tsc, time;
	uint32_t scale;
	int8_t shift;
	uint8_t flags, pad[2];
} volatile clock __attribute__((aligned(64)));

static unsigned expected(void)
{
	const char *at = command_line() + 8;
	unsigned n = 0;

	while (*at >= '0' && *at <= '9')
		n = n * 10 + (unsigned)(*at++ - '0');
	return n;
}

static void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(sub));
}

static uint32_t find_madt(void)
{
	for (uint32_t at = 0xe0000; at < 0x100000; at += 4)
		if (MMIO32(at) == 0x43495041) /* "APIC" */
			return at;
	return 0;
}

/* CPUs of the MADT that are enabled; their APIC ids as bits */
static unsigned madt_cpus(uint64_t *ids)
{
	uint32_t madt = find_madt(), end = madt ? madt + MMIO32(madt + 4) : 0;
	unsigned count = 0;

	*ids = 0;
	for (uint32_t at = madt + 44; madt && at < end; at += MMIO8(at + 1))
		if (MMIO8(at) == 0 && MMIO32(at + 4) & 1) {
			*ids |= 1ull << MMIO8(at + 3);
			count++;
		}
	return count;
}

static void ipi(unsigned id, uint32_t command)
{
	MMIO32(0xfee00310) = id << 24;
	MMIO32(0xfee00300) = command;
	while (MMIO32(0xfee00300) & 1 << 12)
		;
}

static void start_all(unsigned count)
{
	MMIO32(0x8ff0) = 0;
	memcpy((void *)0x8000, ap_start, (size_t)(ap_end - ap_start));
	for (unsigned id = 1; id < count; id++) {
		ipi(id, 0x4500);
		wait_us(100);
		ipi(id, 0x4608);
	}
	for (int i = 0; i < 20000 && MMIO32(0x8ff0) < count - 1; i++)
		wait_us(500);
}

static void wrmsr(uint32_t index, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(index), "a"((uint32_t)value),
			   "d"((uint32_t)(value >> 32))
			 : "memory");
}

static void kvm_clock(void)
{
	uint32_t r[4];
	uint64_t before;

	cpuid(0x40000000, 0, r);
	report(r[1] == 0x4b4d564b && r[0] >= 0x40000001,
	       "CPUID: KVM says who it is");
	cpuid(0x40000001, 0, r);
	report(r[0] & 1 << 3, "CPUID: and that it has a clock");
	if (!(r[0] & 1 << 3))
		return;
	wrmsr(0x4b564d01, (uintptr_t)&clock | 1);
	wait_us(1000);
	report(clock.version && !(clock.version & 1) && clock.scale,
	       "KVM clock: is filled in when asked for");
	before = clock.tsc;
	wrmsr(0x4b564d01, (uintptr_t)&clock | 1);
	wait_us(1000);
	report(clock.tsc >= before && clock.time,
	       "KVM clock: and never goes back");
	wrmsr(0x4b564d01, 0);
}

void main(void)
{
	unsigned count = expected(), bits = 0;
	uint64_t ids;
	uint32_t r[4];

	interrupts_on();
	report(madt_cpus(&ids) == count, "MADT: names every CPU");
	report(ids == (count < 64 ? (1ull << count) - 1 : ~0ull),
	       "MADT: their APIC ids count from 0");
	cpuid(1, 0, r);
	report(r[1] >> 24 == 0, "CPUID: the first CPU is number 0");
	/* some hosts set the bit for one, too: then with a count of one */
	report(count == 1 ? (r[1] >> 16 & 0xff) == 1 : r[3] >> 28 & 1,
	       "CPUID: says whether there are several");
	while (1u << bits < count)
		bits++;
	cpuid(0, 0, r);
	if (r[0] >= 0xb) {
		cpuid(0xb, 1, r);
		report((r[1] & 0xffff) == count && (r[0] & 31) == bits,
		       "CPUID: leaf 0xb counts the cores");
	}
	start_all(count);
	report(MMIO32(0x8ff0) == count - 1, "SMP: each CPU starts, once");
	kvm_clock();
	report_plan();
}
