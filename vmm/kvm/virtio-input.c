/* virtio-input.c - keyboard, tablet and touch screen. Virtio 1.2, 5.8.
 *
 * Events are given to the driver in whole packets (closed by SYN_REPORT) or
 * not at all, so a slow guest loses a movement, never half a click. Key
 * releases are the exception one must not lose: a packet that does not fit is
 * kept in a short backlog until the driver offers buffers. */
#include <endian.h>
#include <linux/input-event-codes.h>
#include <string.h>

#include "common/fault.h"
#include "vmm/kvm/input.h"
#include "vmm/kvm/keymap.h"
#include "vmm/kvm/opts.h"
#include "vmm/kvm/virtio.h"

#define BACKLOG 128u

enum {
	CFG_UNSET = 0x00,
	CFG_NAME = 0x01,
	CFG_SERIAL = 0x02,
	CFG_IDS = 0x03,
	CFG_PROPERTIES = 0x10,
	CFG_EVENTS = 0x11,
	CFG_ABS = 0x12,
};

struct wire_event {
	uint16_t type, code;
	uint32_t value;
};

struct input_device {
	struct virtio v;
	struct input_target target;
	char name[64];
	uint16_t product;
	struct wire_event backlog[BACKLOG];
	unsigned backlog_count;
	struct virtqueue_request request;
};

static uint64_t input_features(struct virtio *v)
{
	return 0;
}

/* ---- configuration ---- */

static void set_bit(uint8_t *bits, unsigned bit, unsigned *bytes)
{
	bits[bit / 8] |= (uint8_t)(1u << bit % 8);
	*bytes = MAX(*bytes, bit / 8 + 1);
}

static unsigned events_of(const struct input_device *d, unsigned type,
			  uint8_t *bits)
{
	unsigned n = 0;

	switch (d->target.kind) {
	case INPUT_KEYBOARD:
		for (unsigned q = 1; type == EV_KEY && q < 256; q++)
			if (keymap_from_qnum(q))
				set_bit(bits, keymap_from_qnum(q), &n);
		for (unsigned led = 0; type == EV_LED && led < 3; led++)
			set_bit(bits, led, &n);
		if (type == EV_REP)
			set_bit(bits, REP_DELAY, &n);
		break;
	case INPUT_TABLET:
		for (unsigned b = BTN_LEFT; type == EV_KEY && b <= BTN_EXTRA;
		     b++)
			set_bit(bits, b, &n);
		if (type == EV_REL)
			set_bit(bits, REL_WHEEL, &n);
		if (type == EV_ABS) {
			set_bit(bits, ABS_X, &n);
			set_bit(bits, ABS_Y, &n);
		}
		break;
	default:
		if (type == EV_KEY)
			set_bit(bits, BTN_TOUCH, &n);
		if (type == EV_ABS) {
			set_bit(bits, ABS_MT_SLOT, &n);
			set_bit(bits, ABS_MT_TRACKING_ID, &n);
			set_bit(bits, ABS_MT_POSITION_X, &n);
			set_bit(bits, ABS_MT_POSITION_Y, &n);
		}
	}
	return n;
}

static unsigned abs_info(const struct input_device *d, unsigned axis,
			 uint8_t *to)
{
	uint32_t info[5] = {0};

	if (d->target.kind == INPUT_TABLET && (axis == ABS_X || axis == ABS_Y))
		info[1] = htole32(32767);
	else if (d->target.kind == INPUT_TOUCH &&
		 (axis == ABS_MT_POSITION_X || axis == ABS_MT_POSITION_Y))
		info[1] = htole32(32767);
	else if (d->target.kind == INPUT_TOUCH && axis == ABS_MT_SLOT)
		info[1] = htole32(INPUT_TOUCH_SLOTS - 1);
	else if (d->target.kind == INPUT_TOUCH && axis == ABS_MT_TRACKING_ID)
		info[1] = htole32(65535);
	else
		return 0;
	memcpy(to, info, sizeof info);
	return sizeof info;
}

static void input_config_written(struct virtio *v, unsigned at, unsigned size)
{
	struct input_device *d = (struct input_device *)v;
	unsigned select = v->config[0], sub = v->config[1], bytes = 0;
	uint8_t *to = v->config + 8;
	const uint16_t ids[4] = {htole16(6 /* BUS_VIRTUAL */), htole16(0x1af4),
				 htole16(d->product), htole16(1)};

	memset(to, 0, 128);
	switch (select) {
	case CFG_NAME:
		bytes = (unsigned)strlen(d->name);
		memcpy(to, d->name, bytes);
		break;
	case CFG_SERIAL:
		if (d->target.kind == INPUT_KEYBOARD)
			break;
		/* a helper in the guest maps it to its output by this */
		bytes = (unsigned)g_snprintf((char *)to, 64, "oriel-head-%u",
					     d->target.head);
		break;
	case CFG_IDS:
		bytes = sizeof ids;
		memcpy(to, ids, bytes);
		break;
	case CFG_PROPERTIES:
		if (d->target.kind == INPUT_TOUCH) {
			to[0] = 1 << INPUT_PROP_DIRECT;
			bytes = 1;
		}
		break;
	case CFG_EVENTS:
		bytes = events_of(d, sub, to);
		break;
	case CFG_ABS:
		bytes = abs_info(d, sub, to);
		break;
	}
	v->config[2] = (uint8_t)bytes;
}

/* ---- events ---- */

static void deliver(struct input_device *d)
{
	struct virtqueue *q = &d->v.queues[0];
	unsigned sent = 0;
	int got = 0;

	if (!d->v.running || d->v.paused)
		return;
	while (sent < d->backlog_count &&
	       (got = virtqueue_pop(q, &d->request)) > 0) {
		size_t bytes = request_write(&d->request, 0, &d->backlog[sent],
					     sizeof d->backlog[0]);

		virtqueue_push(q, d->request.head, (uint32_t)bytes);
		sent++;
	}
	if (got < 0)
		virtio_fail(&d->v, virtqueue_fault_text(q->fault));
	d->backlog_count -= sent;
	memmove(d->backlog, d->backlog + sent,
		d->backlog_count * sizeof d->backlog[0]);
	if (sent)
		virtio_interrupt(&d->v, 0);
}

static bool target_ready(void *device)
{
	struct input_device *d = device;

	return d->v.running;
}

static void target_send(void *device, const struct input_event *events,
			unsigned count)
{
	struct input_device *d = device;

	pthread_mutex_lock(&d->v.lock);
	if (d->backlog_count + count + 1 <= BACKLOG) {
		for (unsigned i = 0; i < count; i++)
			d->backlog[d->backlog_count++] = (struct wire_event){
			    htole16(events[i].type), htole16(events[i].code),
			    htole32(events[i].value)};
		d->backlog[d->backlog_count++] =
		    (struct wire_event){EV_SYN, SYN_REPORT, 0};
	}
	deliver(d);
	pthread_mutex_unlock(&d->v.lock);
}

static void take_status(struct input_device *d)
{
	struct virtqueue *q = &d->v.queues[1];
	struct input_set *set = d->v.device.vm->input;
	/* evdev's num, caps, scroll to Display1's scroll, num, caps */
	static const unsigned bits[3] = {2, 4, 1};
	struct wire_event event;
	int got;

	while ((got = virtqueue_pop(q, &d->request)) > 0) {
		if (request_read(&d->request, 0, &event, sizeof event) ==
			sizeof event &&
		    le16toh(event.type) == EV_LED && le16toh(event.code) < 3) {
			unsigned bit = bits[le16toh(event.code)];
			unsigned lights = input_lights(set);

			input_set_lights(set, event.value ? lights | bit
							  : lights & ~bit);
		}
		virtqueue_push(q, d->request.head, 0);
	}
	if (got < 0)
		virtio_fail(&d->v, virtqueue_fault_text(q->fault));
	virtio_interrupt(&d->v, 1);
}

static void input_notify(struct virtio *v, unsigned queue)
{
	struct input_device *d = (struct input_device *)v;

	if (queue == 0)
		deliver(d);
	else
		take_status(d);
}

static void input_reset(struct virtio *v)
{
	struct input_device *d = (struct input_device *)v;

	d->backlog_count = 0;
	atomic_store(&d->target.fingers, 0);
}

static void input_destroy(struct virtio *v)
{
	struct input_device *d = (struct input_device *)v;

	input_remove(v->device.vm->input, &d->target);
	virtio_finish(v);
	g_free(d);
}

static const struct virtio_ops input_ops = {
    .id = 18,
    .pci_class = 0x098000,
    .features = input_features,
    .reset = input_reset,
    .notify = input_notify,
    .config_written = input_config_written,
    .destroy = input_destroy,
};

static struct device *create(struct vm *vm, struct opts *opts,
			     enum input_kind kind, const char *name,
			     GError **error)
{
	struct input_device *d;
	uint64_t head;

	if (!opts_number(opts, "head", 0, VM_HEADS_MAX - 1, 0, &head, error))
		return NULL;
	d = g_new0(struct input_device, 1);
	d->target = (struct input_target){
	    .kind = kind,
	    .head = (unsigned)head,
	    .ready = target_ready,
	    .send = target_send,
	    .device = d,
	};
	d->product = (uint16_t)(1 + kind);
	if (kind == INPUT_KEYBOARD)
		g_strlcpy(d->name, name, sizeof d->name);
	else
		g_snprintf(d->name, sizeof d->name, "%s %u", name,
			   (unsigned)head);
	if (!virtio_init(&d->v, vm, &input_ops, vm->io, 2, 64, 136, error)) {
		input_destroy(&d->v);
		return NULL;
	}
	virtio_config_writable(&d->v, 0, 2);
	input_add(vm->input, &d->target);
	return &d->v.device;
}

static struct device *keyboard_create(struct vm *vm, struct opts *opts,
				      GError **error)
{
	return create(vm, opts, INPUT_KEYBOARD, "Oriel Keyboard", error);
}

static struct device *tablet_create(struct vm *vm, struct opts *opts,
				    GError **error)
{
	return create(vm, opts, INPUT_TABLET, "Oriel Tablet", error);
}

static struct device *touch_create(struct vm *vm, struct opts *opts,
				   GError **error)
{
	return create(vm, opts, INPUT_TOUCH, "Oriel Touch Screen", error);
}

const struct device_type virtio_keyboard_type = {
    .name = "virtio-keyboard",
    .about = "keyboard",
    .create = keyboard_create,
};
const struct device_type virtio_tablet_type = {
    .name = "virtio-tablet",
    .about = "absolute pointer of one screen: head=N",
    .create = tablet_create,
};
const struct device_type virtio_touch_type = {
    .name = "virtio-touch",
    .about = "touch screen with ten fingers: head=N",
    .create = touch_create,
};
