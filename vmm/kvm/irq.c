#include "vmm/kvm/irq.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/fault.h"
#include "vmm/kvm/vm.h"

/* 16 lines go to both PIC and IOAPIC, 8 to the IOAPIC alone */
#define FIXED_ROUTES (16u + IRQ_LINES)

struct irqs {
	struct vm *vm;
	pthread_mutex_t lock;
	uint64_t users[IRQ_LINES];
	unsigned next_user[IRQ_LINES];
	bool used[IRQ_MESSAGES];
	struct irq_message *messages[IRQ_MESSAGES];
	struct kvm_irq_routing *table;
};

static void fixed_routes(struct kvm_irq_routing *table)
{
	for (unsigned i = 0; i < 16; i++)
		table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		    .gsi = i,
		    .type = KVM_IRQ_ROUTING_IRQCHIP,
		    .u.irqchip = {i < 8 ? KVM_IRQCHIP_PIC_MASTER
					: KVM_IRQCHIP_PIC_SLAVE,
				  i & 7},
		};
	for (unsigned i = 0; i < IRQ_LINES; i++) {
		/* IRQ 0 is wired to pin 2, as the MADT says; pin 2 of the
		 * PIC is the cascade and has no line */
		if (i == 2)
			continue;
		table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		    .gsi = i,
		    .type = KVM_IRQ_ROUTING_IRQCHIP,
		    .u.irqchip = {KVM_IRQCHIP_IOAPIC, i ? i : 2},
		};
	}
}

/* A machine without KVM, as fuzzers make them, has no one to interrupt. */
static int ask_kvm(struct irqs *irqs, unsigned long request, void *argument)
{
	return irqs->vm->fd < 0 ? 0 : ioctl(irqs->vm->fd, request, argument);
}

static bool commit(struct irqs *irqs)
{
	struct kvm_irq_routing *table = irqs->table;

	table->nr = 0;
	table->flags = 0;
	fixed_routes(table);
	for (unsigned i = 0; i < IRQ_MESSAGES; i++) {
		const struct irq_message *m = irqs->messages[i];

		if (!m || !m->routed)
			continue;
		table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		    .gsi = m->gsi,
		    .type = KVM_IRQ_ROUTING_MSI,
		    .u.msi = {.address_lo = (uint32_t)m->address,
			      .address_hi = (uint32_t)(m->address >> 32),
			      .data = m->data},
		};
	}
	return ask_kvm(irqs, KVM_SET_GSI_ROUTING, table) == 0;
}

struct irqs *irqs_new(struct vm *vm, GError **error)
{
	struct irqs *irqs = g_new0(struct irqs, 1);

	irqs->vm = vm;
	pthread_mutex_init(&irqs->lock, NULL);
	irqs->table =
	    g_malloc0(sizeof *irqs->table + (FIXED_ROUTES + IRQ_MESSAGES) *
						sizeof irqs->table->entries[0]);
	if (!commit(irqs)) {
		fault_set(error, FAULT_UNAVAILABLE, NULL,
			  "/dev/kvm refused the interrupt routing: %s",
			  g_strerror(errno));
		irqs_free(irqs);
		return NULL;
	}
	return irqs;
}

void irqs_free(struct irqs *irqs)
{
	if (!irqs)
		return;
	pthread_mutex_destroy(&irqs->lock);
	g_free(irqs->table);
	g_free(irqs);
}

void irqs_reset(struct irqs *irqs)
{
	for (unsigned i = 0; i < IRQ_LINES; i++)
		irqs->users[i] = 0;
}

unsigned irq_line_user(struct irqs *irqs, unsigned gsi)
{
	unsigned user;

	pthread_mutex_lock(&irqs->lock);
	user = irqs->next_user[gsi % IRQ_LINES]++ % 64;
	pthread_mutex_unlock(&irqs->lock);
	return user;
}

void irq_line(struct irqs *irqs, unsigned gsi, unsigned user, bool high)
{
	uint64_t before, after;

	pthread_mutex_lock(&irqs->lock);
	before = irqs->users[gsi];
	after = high ? before | 1ull << user : before & ~(1ull << user);
	irqs->users[gsi] = after;
	if (!before != !after) {
		struct kvm_irq_level level = {.irq = gsi, .level = !!after};

		ask_kvm(irqs, KVM_IRQ_LINE, &level);
	}
	pthread_mutex_unlock(&irqs->lock);
}

bool irq_message_open(struct irqs *irqs, struct irq_message *message)
{
	unsigned slot = 0;
	struct kvm_irqfd irqfd = {0};

	memset(message, 0, sizeof *message);
	message->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (message->fd < 0)
		return false;
	pthread_mutex_lock(&irqs->lock);
	while (slot < IRQ_MESSAGES && irqs->used[slot])
		slot++;
	if (slot < IRQ_MESSAGES)
		irqs->used[slot] = true;
	pthread_mutex_unlock(&irqs->lock);
	if (slot == IRQ_MESSAGES)
		goto failed;
	message->gsi = IRQ_LINES + slot;
	irqfd.fd = (uint32_t)message->fd;
	irqfd.gsi = message->gsi;
	if (ask_kvm(irqs, KVM_IRQFD, &irqfd) < 0) {
		irqs->used[slot] = false;
		goto failed;
	}
	pthread_mutex_lock(&irqs->lock);
	irqs->messages[slot] = message;
	pthread_mutex_unlock(&irqs->lock);
	return true;
failed:
	close(message->fd);
	message->fd = -1;
	return false;
}

void irq_message_close(struct irqs *irqs, struct irq_message *message)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)message->fd,
				  .gsi = message->gsi,
				  .flags = KVM_IRQFD_FLAG_DEASSIGN};

	if (message->fd < 0)
		return;
	ask_kvm(irqs, KVM_IRQFD, &irqfd);
	pthread_mutex_lock(&irqs->lock);
	irqs->messages[message->gsi - IRQ_LINES] = NULL;
	irqs->used[message->gsi - IRQ_LINES] = false;
	pthread_mutex_unlock(&irqs->lock);
	close(message->fd);
	message->fd = -1;
}

void irq_message_route(struct irqs *irqs, struct irq_message *message,
		       uint64_t address, uint32_t data)
{
	pthread_mutex_lock(&irqs->lock);
	if (!message->routed || message->address != address ||
	    message->data != data) {
		message->routed = true;
		message->address = address;
		message->data = data;
		/* A refused address (a hostile one) leaves the old table in
		 * force: that vector stays silent, nothing else changes. */
		if (!commit(irqs)) {
			message->routed = false;
			commit(irqs);
		}
	}
	pthread_mutex_unlock(&irqs->lock);
}
