/* i8042.c - keyboard controller with a PS/2 keyboard and a PS/2 mouse.
 *
 * Serves firmware, boot menus and guests without virtio input. Keys arrive as
 * QEMU key numbers, which are scan code set 1 with bit 7 for the 0xe0 prefix;
 * that is what a translating controller delivers, and set 2 is made from it
 * when the guest switches translation off. The output buffer is one byte, fed
 * from a queue per device. Source: IBM PS/2 technical reference. */
#include <string.h>

#include "vmm/kvm/chips.h"
#include "vmm/kvm/irq.h"
#include "vmm/kvm/vm.h"

#define QUEUE 32u

enum {
	STATUS_FULL = 1,
	STATUS_SYSTEM = 4,
	STATUS_COMMAND = 8,
	STATUS_AUX = 0x20,
	MODE_KBD_IRQ = 1,
	MODE_AUX_IRQ = 2,
	MODE_SYSTEM = 4,
	MODE_KBD_OFF = 0x10,
	MODE_AUX_OFF = 0x20,
	MODE_TRANSLATE = 0x40,
};

struct queue {
	uint8_t bytes[QUEUE];
	unsigned head, count;
};

struct chip_i8042 {
	struct device device;
	pthread_mutex_t lock;
	unsigned user_kbd, user_aux;
	uint8_t mode, output, command; /* command: waits for its data byte */
	uint8_t ram[32];
	bool full, from_aux;
	struct queue kbd, aux;

	bool scanning;
	uint8_t kbd_command, set, leds;
	bool streaming;
	uint8_t aux_command, rate, resolution, rates[3], mouse_id;
	bool scale21;
	unsigned buttons;
};

static void put(struct queue *q, uint8_t byte)
{
	if (q->count < QUEUE)
		q->bytes[(q->head + q->count++) % QUEUE] = byte;
}

static uint8_t take(struct queue *q)
{
	uint8_t byte = q->bytes[q->head];

	q->head = (q->head + 1) % QUEUE;
	q->count--;
	return byte;
}

/* Set 1 codes 0x01..0x58 as set 2, by index. */
static const uint8_t set2[0x59] = {
    0,    0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45,
    0x4e, 0x55, 0x66, 0x0d, 0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43,
    0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b, 0x23, 0x2b, 0x34, 0x33,
    0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,
    0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05,
    0x06, 0x04, 0x0c, 0x03, 0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c,
    0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69, 0x72, 0x7a, 0x70, 0x71,
    0x7f, 0x60, 0x61, 0x78, 0x07,
};

static void update(struct chip_i8042 *c)
{
	if (!c->full && c->kbd.count && !(c->mode & MODE_KBD_OFF)) {
		c->output = take(&c->kbd);
		c->full = true;
		c->from_aux = false;
	} else if (!c->full && c->aux.count && !(c->mode & MODE_AUX_OFF)) {
		c->output = take(&c->aux);
		c->full = true;
		c->from_aux = true;
	}
	irq_line(c->device.vm->irqs, 1, c->user_kbd,
		 c->full && !c->from_aux && c->mode & MODE_KBD_IRQ);
	irq_line(c->device.vm->irqs, 12, c->user_aux,
		 c->full && c->from_aux && c->mode & MODE_AUX_IRQ);
}

/* answers of the controller itself overtake what devices sent */
static void answer(struct chip_i8042 *c, uint8_t byte, bool aux)
{
	c->output = byte;
	c->full = true;
	c->from_aux = aux;
}

static void kbd_defaults(struct chip_i8042 *c)
{
	c->scanning = true;
	c->set = 2;
	c->kbd_command = 0;
}

static void kbd_write(struct chip_i8042 *c, uint8_t byte)
{
	uint8_t command = c->kbd_command;

	c->kbd_command = 0;
	switch (command) {
	case 0xed:
		c->leds = byte & 7;
		put(&c->kbd, 0xfa);
		return;
	case 0xf0:
		put(&c->kbd, 0xfa);
		if (byte == 0)
			put(&c->kbd, c->set);
		else
			c->set = byte & 3;
		return;
	case 0xf3:
		put(&c->kbd, 0xfa);
		return;
	}
	switch (byte) {
	case 0xee:
		put(&c->kbd, 0xee);
		break;
	case 0xf2:
		put(&c->kbd, 0xfa);
		put(&c->kbd, 0xab);
		put(&c->kbd, c->mode & MODE_TRANSLATE ? 0x41 : 0x83);
		break;
	case 0xed:
	case 0xf0:
	case 0xf3:
		c->kbd_command = byte;
		put(&c->kbd, 0xfa);
		break;
	case 0xf4:
		c->scanning = true;
		put(&c->kbd, 0xfa);
		break;
	case 0xf5:
		kbd_defaults(c);
		c->scanning = false;
		put(&c->kbd, 0xfa);
		break;
	case 0xf6:
		kbd_defaults(c);
		put(&c->kbd, 0xfa);
		break;
	case 0xff:
		kbd_defaults(c);
		c->kbd.count = 0;
		put(&c->kbd, 0xfa);
		put(&c->kbd, 0xaa);
		break;
	default:
		put(&c->kbd, 0xfe);
	}
}

static void aux_defaults(struct chip_i8042 *c)
{
	c->streaming = false;
	c->aux_command = 0;
	c->rate = 100;
	c->resolution = 2;
	c->scale21 = false;
	c->mouse_id = 0;
}

static void aux_write(struct chip_i8042 *c, uint8_t byte)
{
	uint8_t command = c->aux_command;

	c->aux_command = 0;
	if (command == 0xe8) {
		c->resolution = byte & 3;
		put(&c->aux, 0xfa);
		return;
	}
	if (command == 0xf3) {
		c->rate = byte;
		c->rates[0] = c->rates[1];
		c->rates[1] = c->rates[2];
		c->rates[2] = byte;
		/* the knock that asks for a wheel */
		if (c->rates[0] == 200 && c->rates[1] == 100 && byte == 80)
			c->mouse_id = 3;
		put(&c->aux, 0xfa);
		return;
	}
	put(&c->aux, 0xfa);
	switch (byte) {
	case 0xe6:
	case 0xe7:
		c->scale21 = byte == 0xe7;
		break;
	case 0xe8:
	case 0xf3:
		c->aux_command = byte;
		break;
	case 0xe9:
		put(&c->aux, (uint8_t)((c->streaming ? 0x20 : 0) |
				       (c->scale21 ? 0x10 : 0) | c->buttons));
		put(&c->aux, c->resolution);
		put(&c->aux, c->rate);
		break;
	case 0xeb: /* nothing moved since */
		put(&c->aux, (uint8_t)(8 | c->buttons));
		put(&c->aux, 0);
		put(&c->aux, 0);
		if (c->mouse_id == 3)
			put(&c->aux, 0);
		break;
	case 0xf2:
		put(&c->aux, c->mouse_id);
		break;
	case 0xf4:
		c->streaming = true;
		break;
	case 0xf5:
		c->streaming = false;
		break;
	case 0xf6:
		aux_defaults(c);
		break;
	case 0xff:
		aux_defaults(c);
		c->aux.count = 0;
		put(&c->aux, 0xfa);
		put(&c->aux, 0xaa);
		put(&c->aux, 0x00);
		break;
	}
}

static uint64_t data_read(void *device, uint64_t offset, unsigned size)
{
	struct chip_i8042 *c = device;
	uint8_t byte = c->output;

	c->full = false;
	update(c);
	return byte;
}

static void data_write(void *device, uint64_t offset, unsigned size,
		       uint64_t value)
{
	struct chip_i8042 *c = device;
	uint8_t byte = (uint8_t)value, command = c->command;

	c->command = 0;
	if (command == 0x60)
		c->mode = byte & 0x7f;
	else if (command > 0x60 && command < 0x80)
		c->ram[command & 0x1f] = byte;
	else if (command == 0xd1 && !(byte & 1))
		vm_ask(c->device.vm, VM_WISH_RESET);
	else if (command == 0xd2 || command == 0xd3)
		answer(c, byte, command == 0xd3);
	else if (command == 0xd4)
		aux_write(c, byte);
	else if (command == 0)
		kbd_write(c, byte);
	update(c);
}

static uint64_t status_read(void *device, uint64_t offset, unsigned size)
{
	struct chip_i8042 *c = device;

	return (c->full ? STATUS_FULL : 0u) |
	       (c->full && c->from_aux ? STATUS_AUX : 0u) |
	       (c->mode & MODE_SYSTEM ? STATUS_SYSTEM : 0u) |
	       (c->command ? STATUS_COMMAND : 0u) | 0x10;
}

static void command_write(void *device, uint64_t offset, unsigned size,
			  uint64_t value)
{
	struct chip_i8042 *c = device;
	uint8_t byte = (uint8_t)value;

	c->command = 0;
	switch (byte) {
	case 0x20:
		answer(c, c->mode, false);
		break;
	case 0xa7:
		c->mode |= MODE_AUX_OFF;
		break;
	case 0xa8:
		c->mode &= (uint8_t)~MODE_AUX_OFF;
		break;
	case 0xa9: /* aux port test: good */
	case 0xab: /* keyboard port test: good */
		answer(c, 0, false);
		break;
	case 0xaa:
		c->mode |= MODE_SYSTEM;
		answer(c, 0x55, false);
		break;
	case 0xad:
		c->mode |= MODE_KBD_OFF;
		break;
	case 0xae:
		c->mode &= (uint8_t)~MODE_KBD_OFF;
		break;
	case 0xc0:
		answer(c, 0x80, false);
		break;
	case 0xd0:
		answer(c, 0xcf, false);
		break;
	case 0xd1:
	case 0xd2:
	case 0xd3:
	case 0xd4:
		c->command = byte;
		break;
	default:
		if (byte > 0x20 && byte < 0x40)
			answer(c, c->ram[byte & 0x1f], false);
		else if (byte >= 0x60 && byte < 0x80)
			c->command = byte;
		else if (byte >= 0xf0 && !(byte & 1)) /* pulse reset */
			vm_ask(c->device.vm, VM_WISH_RESET);
	}
	update(c);
}

static const struct bus_ops data_bus = {data_read, data_write};
static const struct bus_ops status_bus = {status_read, command_write};

void chip_i8042_key(struct chip_i8042 *c, unsigned qnum, bool down)
{
	unsigned code = qnum & 0x7f;

	pthread_mutex_lock(&c->lock);
	/* room for a whole sequence or none of it */
	if (!c->scanning || code == 0 || c->kbd.count + 3 > QUEUE)
		goto out;
	if (qnum & 0x80)
		put(&c->kbd, 0xe0);
	if (c->mode & MODE_TRANSLATE || c->set == 1) {
		put(&c->kbd, (uint8_t)(code | (down ? 0 : 0x80)));
	} else {
		if (!down)
			put(&c->kbd, 0xf0);
		put(&c->kbd, code < sizeof set2 ? set2[code] : 0);
	}
	update(c);
out:
	pthread_mutex_unlock(&c->lock);
}

void chip_i8042_mouse(struct chip_i8042 *c, int dx, int dy, int wheel,
		      unsigned buttons)
{
	pthread_mutex_lock(&c->lock);
	c->buttons = buttons & 7;
	dx = CLAMP(dx, -255, 255);
	dy = CLAMP(-dy, -255, 255); /* up is positive on this wire */
	if (c->streaming && c->aux.count + 4 <= QUEUE) {
		put(&c->aux, (uint8_t)(8 | c->buttons | (dx < 0 ? 0x10 : 0) |
				       (dy < 0 ? 0x20 : 0)));
		put(&c->aux, (uint8_t)dx);
		put(&c->aux, (uint8_t)dy);
		if (c->mouse_id == 3)
			put(&c->aux, (uint8_t)CLAMP(wheel, -8, 7));
		update(c);
	}
	pthread_mutex_unlock(&c->lock);
}

static void i8042_reset(struct device *device)
{
	struct chip_i8042 *c = (struct chip_i8042 *)device;

	pthread_mutex_lock(&c->lock);
	/* as firmware leaves it: translation and interrupts on */
	c->mode = MODE_TRANSLATE | MODE_SYSTEM | MODE_KBD_IRQ | MODE_AUX_IRQ;
	c->command = 0;
	c->full = false;
	c->kbd.count = c->aux.count = 0;
	kbd_defaults(c);
	aux_defaults(c);
	update(c);
	pthread_mutex_unlock(&c->lock);
}

static void i8042_destroy(struct device *device)
{
	struct chip_i8042 *c = (struct chip_i8042 *)device;

	pthread_mutex_destroy(&c->lock);
	g_free(c);
}

static const struct device_ops i8042_ops = {
    .reset = i8042_reset,
    .destroy = i8042_destroy,
};

bool chip_i8042_add(struct vm *vm, GError **error)
{
	struct chip_i8042 *c = g_new0(struct chip_i8042, 1);

	c->device.ops = &i8042_ops;
	pthread_mutex_init(&c->lock, NULL);
	c->user_kbd = irq_line_user(vm->irqs, 1);
	c->user_aux = irq_line_user(vm->irqs, 12);
	vm->i8042 = c;
	chip_register(vm, &c->device);
	i8042_reset(&c->device);
	bus_add(&vm->pio, &(struct bus_range){0x60, 1, &data_bus, c, &c->lock});
	bus_add(&vm->pio,
		&(struct bus_range){0x64, 1, &status_bus, c, &c->lock});
	return true;
}
