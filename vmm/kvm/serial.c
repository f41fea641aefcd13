/* serial.c - a 16550A UART (COM1).
 *
 * Output goes to the character device at once, so the transmitter is always
 * empty; what the peer does not take is lost, as on a real line without flow
 * control. Input waits in a small FIFO and the peer is not read while it is
 * full. Source: National PC16550D data sheet. */
#include <string.h>
#include <sys/epoll.h>

#include "vmm/kvm/chardev.h"
#include "vmm/kvm/chips.h"
#include "vmm/kvm/irq.h"
#include "vmm/kvm/vm.h"

#define FIFO 64u

struct serial {
	struct device device;
	struct chardev *chardev;
	pthread_mutex_t lock;
	unsigned irq, user;
	uint8_t ier, lcr, mcr, lsr_errors, scratch, fcr;
	uint8_t divisor[2];
	bool thr_pending; /* "transmitter empty" not yet seen */
	uint8_t fifo[FIFO];
	unsigned head, count;
};

static void update(struct serial *s)
{
	bool high = (s->ier & 1 && s->count) || (s->ier & 2 && s->thr_pending);

	irq_line(s->device.vm->irqs, s->irq, s->user, high);
}

static uint64_t serial_read(void *device, uint64_t offset, unsigned size)
{
	struct serial *s = device;
	uint8_t value = 0xff;

	switch (offset) {
	case 0:
		if (s->lcr & 0x80) {
			value = s->divisor[0];
			break;
		}
		value = 0;
		if (s->count) {
			value = s->fifo[s->head];
			s->head = (s->head + 1) % FIFO;
			s->count--;
			chardev_want_read(s->chardev, true);
			update(s);
		}
		break;
	case 1:
		value = s->lcr & 0x80 ? s->divisor[1] : s->ier;
		break;
	case 2:
		if (s->ier & 1 && s->count) {
			value = 4;
		} else if (s->ier & 2 && s->thr_pending) {
			value = 2;
			s->thr_pending = false;
			update(s);
		} else {
			value = 1;
		}
		value |= s->fcr & 1 ? 0xc0 : 0;
		break;
	case 3:
		value = s->lcr;
		break;
	case 4:
		value = s->mcr;
		break;
	case 5: /* transmitter empty, holding register empty, data ready */
		value = (uint8_t)(0x60 | (s->count ? 1 : 0));
		break;
	case 6: /* carrier, ready, clear to send; loopback mirrors MCR */
		if (s->mcr & 0x10)
			value =
			    (uint8_t)((s->mcr & 1) << 5 | (s->mcr & 2) << 3 |
				      (s->mcr & 0xc) << 4);
		else
			value = 0xb0;
		break;
	case 7:
		value = s->scratch;
		break;
	}
	return value;
}

static void take(struct serial *s, uint8_t byte)
{
	if (s->count == FIFO)
		return;
	s->fifo[(s->head + s->count) % FIFO] = byte;
	s->count++;
	if (s->count == FIFO)
		chardev_want_read(s->chardev, false);
}

static void serial_write(void *device, uint64_t offset, unsigned size,
			 uint64_t value)
{
	struct serial *s = device;
	uint8_t byte = (uint8_t)value;

	switch (offset) {
	case 0:
		if (s->lcr & 0x80) {
			s->divisor[0] = byte;
			break;
		}
		if (s->mcr & 0x10)
			take(s, byte);
		else
			chardev_put(s->chardev, &byte, 1);
		s->thr_pending = true;
		update(s);
		break;
	case 1:
		if (s->lcr & 0x80) {
			s->divisor[1] = byte;
			break;
		}
		if (byte & 2 && !(s->ier & 2))
			s->thr_pending = true;
		s->ier = byte & 0xf;
		update(s);
		break;
	case 2:
		s->fcr = byte;
		if (byte & 2) {
			s->head = s->count = 0;
			chardev_want_read(s->chardev, true);
			update(s);
		}
		break;
	case 3:
		s->lcr = byte;
		break;
	case 4:
		s->mcr = byte & 0x1f;
		break;
	case 7:
		s->scratch = byte;
		break;
	}
}

static const struct bus_ops serial_bus = {serial_read, serial_write};

static void readable(void *data)
{
	struct serial *s = data;
	uint8_t bytes[FIFO];
	size_t got;

	pthread_mutex_lock(&s->lock);
	got = chardev_get(s->chardev, bytes, FIFO - s->count);
	for (size_t i = 0; i < got; i++)
		take(s, bytes[i]);
	update(s);
	pthread_mutex_unlock(&s->lock);
}

static const struct chardev_handlers handlers = {.readable = readable};

static void serial_reset(struct device *device)
{
	struct serial *s = (struct serial *)device;

	pthread_mutex_lock(&s->lock);
	s->ier = s->lcr = s->mcr = s->fcr = s->scratch = 0;
	s->head = s->count = 0;
	s->thr_pending = false;
	s->divisor[0] = 12;
	s->divisor[1] = 0;
	chardev_want_read(s->chardev, true);
	update(s);
	pthread_mutex_unlock(&s->lock);
}

static void serial_destroy(struct device *device)
{
	struct serial *s = (struct serial *)device;

	chardev_free(s->chardev);
	pthread_mutex_destroy(&s->lock);
	g_free(s);
}

static const struct device_ops serial_ops = {
    .reset = serial_reset,
    .destroy = serial_destroy,
};

bool chip_serial_add(struct vm *vm, unsigned port, unsigned irq,
		     const char *chardev, GError **error)
{
	struct serial *s = g_new0(struct serial, 1);

	s->device.ops = &serial_ops;
	s->irq = irq;
	s->chardev = chardev_new(vm, chardev ? chardev : "null", error);
	if (!s->chardev) {
		g_free(s);
		return false;
	}
	pthread_mutex_init(&s->lock, NULL);
	s->user = irq_line_user(vm->irqs, irq);
	chip_register(vm, &s->device);
	serial_reset(&s->device);
	bus_add(&vm->pio, &(struct bus_range){.base = port,
					      .length = 8,
					      .ops = &serial_bus,
					      .device = s,
					      .lock = &s->lock});
	chardev_attach(s->chardev, vm->io, &handlers, s);
	return true;
}
