/* chips.c - the parts every PC has, as a data sheet would say them. */
#include "guest.h"

static void pm_timer(void)
{
	uint32_t a = inl(0x608), b;

	wait_us(1000);
	b = inl(0x608);
	report(((b - a) & 0xffffff) >= 3579, "PM timer: counts 3.58 MHz");
	report(b <= 0xffffff, "PM timer: is 24 bits wide");
}

static void serial(void)
{
	outb(0x3fb, 0x80);
	outb(0x3f8, 1);
	outb(0x3f9, 0);
	report(inb(0x3f8) == 1, "UART: the divisor is readable behind DLAB");
	outb(0x3fb, 3);
	outb(0x3fc, 0x10); /* loopback */
	outb(0x3f8, 0x5a);
	report(inb(0x3fd) & 1, "UART: loopback raises data ready");
	report(inb(0x3f8) == 0x5a, "UART: loopback returns the byte");
	report(!(inb(0x3fd) & 1), "UART: data ready falls once it is read");
	report((inb(0x3fd) & 0x60) == 0x60, "UART: the transmitter is empty");
	outb(0x3ff, 0xa5);
	report(inb(0x3ff) == 0xa5, "UART: the scratch register keeps a byte");
	outb(0x3fc, 0);
}

static uint8_t cmos(uint8_t index)
{
	outb(0x70, index);
	return inb(0x71);
}

static void rtc(void)
{
	uint8_t b = cmos(11), second = cmos(0);

	report((b & 2) && !(b & 4), "RTC: starts in 24-hour BCD mode");
	report((second & 15) < 10 && second < 0x60, "RTC: seconds are BCD");
	report(cmos(13) & 0x80, "RTC: the battery is good");
	report(!(cmos(10) & 0x80), "RTC: no update is in progress");
	outb(0x70, 0x40);
	outb(0x71, 0x77);
	report(cmos(0x40) == 0x77, "CMOS: a free byte is kept");
}

static bool kbc_ready(void)
{
	for (int i = 0; i < 100; i++)
		if (inb(0x64) & 1)
			return true;
	return false;
}

static void i8042(void)
{
	outb(0x64, 0xaa);
	report(kbc_ready() && inb(0x60) == 0x55, "8042: passes its self test");
	outb(0x64, 0x60);
	outb(0x60, 0x61);
	outb(0x64, 0x20);
	report(kbc_ready() && inb(0x60) == 0x61, "8042: the mode is kept");
	outb(0x60, 0xff);
	report(kbc_ready() && inb(0x60) == 0xfa && kbc_ready() &&
		   inb(0x60) == 0xaa,
	       "PS/2 keyboard: answers a reset with FA AA");
	outb(0x64, 0xa8);
	outb(0x64, 0xd4);
	outb(0x60, 0xff);
	report(kbc_ready() && inb(0x64) & 0x20 && inb(0x60) == 0xfa &&
		   inb(0x60) == 0xaa && inb(0x60) == 0,
	       "PS/2 mouse: answers a reset with FA AA 00");
}

static void pci(void)
{
	uint32_t id = MMIO32(CFG(0, 0));

	report(id == 0x29c08086, "PCI: 00.0 is a Q35 host bridge");
	report(MMIO32(CFG(31, 0)) == 0x29188086, "PCI: 1f.0 is an ICH9");
	report(MMIO32(CFG(0, 0x2c)) == 0x11001af4,
	       "PCI: the bridge's subsystem is 1af4:1100");
	outl(0xcf8, 0x80000000);
	report(inl(0xcfc) == id, "PCI: ports 0xcf8 and ECAM agree");
	outl(0xcf8, 0x80000000 | 30 << 11);
	report(inl(0xcfc) == 0xffffffff, "PCI: an empty slot reads all ones");
	report(MMIO32(CFG(0, 0x100)) == 0,
	       "PCI: there are no extended capabilities");
	MMIO32(CFG(0, 0)) = 0x12345678;
	report(MMIO32(CFG(0, 0)) == id, "PCI: identity is read-only");
}

static void nowhere(void)
{
	outl(0x5658, 0x12345678);
	report(inb(0x5658) == 0xff && inl(0x9000) == 0xffffffff,
	       "Bus: a port nobody has reads all ones");
	MMIO32(0xfd000000) = 1;
	report(MMIO32(0xfd000000) == 0xffffffff,
	       "Bus: an address nobody has reads all ones");
	report(MMIO64(0xfd000000) == ~0ull, "Bus: and so do eight bytes of it");
}

static bool find_rsdp(void)
{
	for (uint32_t at = 0xe0000; at < 0x100000; at += 16)
		if (MMIO64(at) == 0x2052545020445352ull) {
			uint8_t sum = 0;

			for (int i = 0; i < 36; i++)
				sum = (uint8_t)(sum + MMIO8(at + i));
			return sum == 0;
		}
	return false;
}

static void sci(void)
{
	/* IOAPIC pin 9, level, to vector 0x50 */
	MMIO32(0xfec00000) = 0x10 + 2 * 9;
	MMIO32(0xfec00010) = 0x8050;
	MMIO32(0xfec00000) = 0x11 + 2 * 9;
	MMIO32(0xfec00010) = 0;
	report(inw(0x604) & 1, "PM1: ACPI mode is on from the start");
	outw(0x602, 0x100);
	report(inw(0x602) == 0x100, "PM1: the enable register keeps bits");
	report(!(inw(0x600) & 0x100), "PM1: the power button is up");
	report(interrupts[0x50] == 0, "PM1: and no SCI has come");
}

static void tsc_deadline(void)
{
	uint32_t a, d;

	__asm__ volatile("cpuid"
			 : "=a"(a), "=c"(d)
			 : "a"(1), "c"(0)
			 : "ebx", "edx");
	report(d >> 31, "CPUID: says that it runs under a hypervisor");
	report(!(d & 1 << 5), "CPUID: offers no VMX");
	MMIO32(0xfee00320) = 0x51;
	MMIO32(0xfee003e0) = 0xb;
	MMIO32(0xfee00380) = 100000;
	report(wait_interrupt(0x51, 1), "LAPIC: a one-shot timer fires");
	if (!(d & 1 << 24)) {
		report(true, "LAPIC: there is no TSC deadline");
		return;
	}
	MMIO32(0xfee00320) = 2 << 17 | 0x53;
	__asm__ volatile("mfence; rdtsc; add $1000000, %%eax; adc $0, %%edx;"
			 "mov $0x6e0, %%ecx; wrmsr"
			 :
			 :
			 : "eax", "ecx", "edx", "memory");
	report(wait_interrupt(0x53, 1), "LAPIC: a TSC deadline fires");
	report(interrupts[0x53] == 1, "LAPIC: and only once");
	MMIO32(0xfee00320) = 0x10000;
}

static void pit(void)
{
	MMIO32(0xfec00000) = 0x10 + 2 * 2;
	MMIO32(0xfec00010) = 0x52;
	MMIO32(0xfec00000) = 0x11 + 2 * 2;
	MMIO32(0xfec00010) = 0;
	outb(0x43, 0x34);
	outb(0x40, 0x00);
	outb(0x40, 0x20);
	report(wait_interrupt(0x52, 2), "PIT: arrives at IOAPIC pin 2");
	MMIO32(0xfec00000) = 0x10 + 2 * 2;
	MMIO32(0xfec00010) = 0x10000;
}

void main(void)
{
	interrupts_on();
	report(true, "PVH: a guest starts");
	report(command_line()[0] == 'c', "PVH: the command line arrives");
	pm_timer();
	serial();
	rtc();
	i8042();
	pci();
	nowhere();
	report(find_rsdp(), "ACPI: a valid RSDP lies in the BIOS area");
	sci();
	tsc_deadline();
	pit();
	report_plan();
}
