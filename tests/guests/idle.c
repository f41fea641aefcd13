/* idle.c - waits for what the host does to it: counts timer interrupts on the
 * debug port's behalf, powers off on the power button, and does on request
 * (first word of the command line) what guests do wrong. */
#include "guest.h"

static bool asked(const char *word)
{
	const char *line = command_line();

	while (*word && *word == *line) {
		word++;
		line++;
	}
	return !*word;
}

void main(void)
{
	interrupts_on();
	MMIO32(0xfec00000) = 0x10 + 2 * 9;
	MMIO32(0xfec00010) = 0x8050;
	MMIO32(0xfec00000) = 0x11 + 2 * 9;
	MMIO32(0xfec00010) = 0;
	print("started\n");
	if (asked("triple")) {
		static const struct {
			uint16_t limit;
			uint64_t base;
		} __attribute__((packed)) none = {0, 0};

		__asm__ volatile("lidt %0; mov %1, (%2)"
				 :
				 : "m"(none), "r"(0), "r"(0x7ffff0000000ull));
	}
	if (asked("cf9"))
		outb(0xcf9, 6);
	if (asked("kbc"))
		outb(0x64, 0xfe);
	if (asked("panic"))
		outb(0x505, 1);
	if (asked("spin"))
		for (;;)
			inb(0x80);
	outw(0x602, 0x100);
	while (!(inw(0x600) & 0x100))
		__asm__ volatile("sti; hlt");
	if (asked("late")) /* a panic, when somebody is there to see it */
		outb(0x505, 1);
	print(interrupts[0x50] ? "pressed by interrupt\n" : "pressed\n");
}
