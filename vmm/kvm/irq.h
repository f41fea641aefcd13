/* irq.h - interrupt lines and messages into the kernel's irqchip.
 *
 * Lines (GSI 0..23) may be shared: each user has a bit, the line is high
 * while any bit is. Messages (MSI-X vectors) have a GSI and an eventfd of
 * their own, so back ends, vhost included, fire them with one write.
 *
 * Threads: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct vm;
struct irqs;

#define IRQ_LINES    24u
#define IRQ_MESSAGES 512u

struct irqs *irqs_new(struct vm *vm, GError **error);
void irqs_free(struct irqs *irqs);
void irqs_reset(struct irqs *irqs);

/* user: 0..63, one of those that share the line */
void irq_line(struct irqs *irqs, unsigned gsi, unsigned user, bool high);
/* A user number for a shared line; wraps after 64, which only means that two
 * users would share a bit. */
unsigned irq_line_user(struct irqs *irqs, unsigned gsi);

struct irq_message {
	int fd; /* eventfd: write 1 to fire */
	unsigned gsi;
	bool routed;
	uint64_t address;
	uint32_t data;
};
/* false when all GSIs or descriptors are used up */
bool irq_message_open(struct irqs *irqs, struct irq_message *message);
void irq_message_close(struct irqs *irqs, struct irq_message *message);
/* Where it goes from now on; the same again costs nothing. */
void irq_message_route(struct irqs *irqs, struct irq_message *message,
		       uint64_t address, uint32_t data);
