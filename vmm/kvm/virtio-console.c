/* virtio-console.c - console device with named ports. Virtio 1.2, 5.3.
 *
 * Port 0 is the console (hvc0); the others carry the guest's agents. Bytes
 * for a port nobody holds on the host are thrown away, as a serial line would;
 * bytes from the host wait in their socket until the guest has opened the
 * port and offers buffers. */
#include <endian.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/fault.h"
#include "vmm/kvm/chardev.h"
#include "vmm/kvm/opts.h"
#include "vmm/kvm/virtio.h"

#define PORTS   16u
#define PENDING 64u /* control messages that wait for a buffer */

enum { F_MULTIPORT = 1 };
enum {
	C_DEVICE_READY,
	C_DEVICE_ADD,
	C_DEVICE_REMOVE,
	C_PORT_READY,
	C_CONSOLE_PORT,
	C_RESIZE,
	C_PORT_OPEN,
	C_PORT_NAME,
};

struct control {
	uint32_t id;
	uint16_t event, value;
};

struct console_device;

struct port {
	struct console_device *owner;
	unsigned id;
	char *name;
	struct chardev *chardev;
	bool guest_open, host_open, ready;
	/* a request the peer took only in part */
	bool holding;
	uint64_t done;
	struct virtqueue_request out;
};

struct console_device {
	struct virtio v;
	unsigned port_count;
	struct port *ports[PORTS];
	struct control pending[PENDING];
	unsigned pending_count;
	struct virtqueue_request request;
};

static unsigned rx_queue(unsigned port)
{
	return port ? 2 + 2 * port : 0;
}

static unsigned tx_queue(unsigned port)
{
	return rx_queue(port) + 1;
}

static uint64_t console_features(struct virtio *v)
{
	return 1u << F_MULTIPORT;
}

/* ---- control messages ---- */

static void send_control(struct console_device *c)
{
	struct virtqueue *q = &c->v.queues[2];
	struct virtqueue_request *r = &c->request;
	unsigned sent = 0;
	int got = 0;

	while (sent < c->pending_count && (got = virtqueue_pop(q, r)) > 0) {
		const struct control *m = &c->pending[sent++];
		struct control wire = {htole32(m->id), htole16(m->event),
				       htole16(m->value)};
		size_t bytes = request_write(r, 0, &wire, sizeof wire);

		if (m->event == C_PORT_NAME)
			bytes +=
			    request_write(r, sizeof wire, c->ports[m->id]->name,
					  strlen(c->ports[m->id]->name));
		virtqueue_push(q, r->head, (uint32_t)bytes);
	}
	if (got < 0)
		virtio_fail(&c->v, virtqueue_fault_text(q->fault));
	c->pending_count -= sent;
	memmove(c->pending, c->pending + sent,
		c->pending_count * sizeof c->pending[0]);
	if (sent)
		virtio_interrupt(&c->v, 2);
}

static void say(struct console_device *c, unsigned port, unsigned event,
		unsigned value)
{
	if (!c->v.running || c->pending_count == PENDING)
		return;
	c->pending[c->pending_count++] =
	    (struct control){port, (uint16_t)event, (uint16_t)value};
	send_control(c);
}

static void obey(struct console_device *c, const struct control *untrusted)
{
	unsigned id = le32toh(untrusted->id);
	unsigned value = le16toh(untrusted->value);
	struct port *port;

	switch (le16toh(untrusted->event)) {
	case C_DEVICE_READY:
		for (unsigned i = 0; value == 1 && i < c->port_count; i++)
			say(c, i, C_DEVICE_ADD, 1);
		return;
	case C_PORT_READY:
		if (id >= c->port_count || value != 1)
			return;
		port = c->ports[id];
		port->ready = true;
		if (id == 0)
			say(c, id, C_CONSOLE_PORT, 1);
		if (port->name)
			say(c, id, C_PORT_NAME, 1);
		if (port->host_open)
			say(c, id, C_PORT_OPEN, 1);
		return;
	case C_PORT_OPEN:
		if (id >= c->port_count)
			return;
		port = c->ports[id];
		port->guest_open = value;
		chardev_set_front_open(port->chardev, value);
		chardev_want_read(port->chardev, value);
		return;
	}
}

static void take_control(struct console_device *c)
{
	struct virtqueue *q = &c->v.queues[3];
	struct control untrusted;
	int got;

	while ((got = virtqueue_pop(q, &c->request)) > 0) {
		uint16_t head = c->request.head;
		bool whole = request_read(&c->request, 0, &untrusted,
					  sizeof untrusted) == sizeof untrusted;

		if (whole)
			obey(c, &untrusted);
		virtqueue_push(q, head, 0);
	}
	if (got < 0)
		virtio_fail(&c->v, virtqueue_fault_text(q->fault));
	virtio_interrupt(&c->v, 3);
}

/* ---- data ---- */

/* true when all of the held request is gone */
static bool put_out(struct port *port)
{
	struct virtqueue_request *r = &port->out;

	while (port->done < r->out_bytes && chardev_is_open(port->chardev)) {
		uint64_t skip = port->done;
		unsigned i = 0;
		size_t put;

		while (skip >= r->parts[i].iov_len)
			skip -= r->parts[i++].iov_len;
		put = chardev_put(port->chardev,
				  (char *)r->parts[i].iov_base + skip,
				  r->parts[i].iov_len - skip);
		if (put == 0 && chardev_is_open(port->chardev)) {
			chardev_want_write(port->chardev, true);
			return false;
		}
		port->done += put;
	}
	return true;
}

static void serve_out(struct port *port)
{
	struct virtio *v = &port->owner->v;
	struct virtqueue *q = &v->queues[tx_queue(port->id)];
	bool pushed = false;
	int got = 0;

	for (;;) {
		if (!port->holding) {
			got = virtqueue_pop(q, &port->out);
			if (got <= 0)
				break;
			port->holding = true;
			port->done = 0;
		}
		if (!put_out(port))
			break;
		port->holding = false;
		virtqueue_push(q, port->out.head, 0);
		pushed = true;
	}
	if (got < 0)
		virtio_fail(v, virtqueue_fault_text(q->fault));
	else if (pushed)
		virtio_interrupt(v, tx_queue(port->id));
}

static void serve_in(struct port *port)
{
	struct console_device *c = port->owner;
	struct virtqueue *q = &c->v.queues[rx_queue(port->id)];
	struct virtqueue_request *r = &c->request;
	bool pushed = false;
	int got = 0;

	while (c->v.running && !c->v.paused && port->guest_open) {
		uint8_t bytes[4096];
		size_t count;

		got = virtqueue_pop(q, r);
		if (got < 0) {
			virtio_fail(&c->v, virtqueue_fault_text(q->fault));
			return;
		}
		if (got == 0 || r->in_bytes == 0) {
			if (got)
				virtqueue_push(q, r->head, 0);
			else /* until the driver rings with a buffer */
				chardev_want_read(port->chardev, false);
			break;
		}
		count = chardev_get(port->chardev, bytes,
				    MIN(r->in_bytes, sizeof bytes));
		if (count == 0) {
			virtqueue_unpop(q);
			break;
		}
		request_write(r, 0, bytes, count);
		virtqueue_push(q, r->head, (uint32_t)count);
		pushed = true;
	}
	if (pushed)
		virtio_interrupt(&c->v, rx_queue(port->id));
}

static void console_notify(struct virtio *v, unsigned queue)
{
	struct console_device *c = (struct console_device *)v;
	unsigned id = queue < 2 ? 0 : queue / 2 - 1;

	if (queue == 2) {
		send_control(c);
	} else if (queue == 3) {
		take_control(c);
	} else if (id < c->port_count) {
		struct port *port = c->ports[id];

		if (queue % 2) {
			serve_out(port);
		} else {
			chardev_want_read(port->chardev, port->guest_open);
			serve_in(port);
		}
	}
}

static void readable(void *data)
{
	struct port *port = data;
	struct virtio *v = &port->owner->v;

	pthread_mutex_lock(&v->lock);
	if (v->running && !v->paused && port->guest_open)
		serve_in(port);
	else
		chardev_want_read(port->chardev, false);
	pthread_mutex_unlock(&v->lock);
}

static void writable(void *data)
{
	struct port *port = data;
	struct virtio *v = &port->owner->v;

	pthread_mutex_lock(&v->lock);
	chardev_want_write(port->chardev, false);
	if (v->running && port->holding)
		serve_out(port);
	pthread_mutex_unlock(&v->lock);
}

/* Called by readable() too, when the peer has gone: then the lock is held by
 * this very thread, which is why it is recursive. */
static void changed(void *data, bool open)
{
	struct port *port = data;
	struct virtio *v = &port->owner->v;

	pthread_mutex_lock(&v->lock);
	if (port->host_open != open) {
		port->host_open = open;
		if (port->ready)
			say(port->owner, port->id, C_PORT_OPEN, open);
		if (!open && v->running && port->holding)
			serve_out(port);
	}
	pthread_mutex_unlock(&v->lock);
}

static const struct chardev_handlers handlers = {
    .readable = readable,
    .writable = writable,
    .changed = changed,
};

/* ---- life ---- */

static void console_reset(struct virtio *v)
{
	struct console_device *c = (struct console_device *)v;

	c->pending_count = 0;
	for (unsigned i = 0; i < c->port_count; i++) {
		struct port *port = c->ports[i];

		port->ready = port->guest_open = port->holding = false;
		chardev_set_front_open(port->chardev, false);
		chardev_want_write(port->chardev, false);
	}
}

static void console_start(struct virtio *v)
{
	struct console_device *c = (struct console_device *)v;

	/* a driver without MULTIPORT knows port 0 only, always open */
	if (!(v->features & 1u << F_MULTIPORT) && c->port_count) {
		c->ports[0]->guest_open = true;
		chardev_want_read(c->ports[0]->chardev, true);
	}
}

static void console_destroy(struct virtio *v)
{
	struct console_device *c = (struct console_device *)v;

	for (unsigned i = 0; i < c->port_count; i++)
		chardev_free(c->ports[i]->chardev);
	virtio_finish(v);
	for (unsigned i = 0; i < c->port_count; i++) {
		g_free(c->ports[i]->name);
		g_free(c->ports[i]);
	}
	g_free(c);
}

static const struct virtio_ops console_ops = {
    .id = 3,
    .pci_class = 0x078000,
    .features = console_features,
    .start = console_start,
    .reset = console_reset,
    .notify = console_notify,
    .destroy = console_destroy,
};

static bool add_port(struct console_device *c, struct vm *vm, const char *spec,
		     const char *name, GError **error)
{
	struct port *port = g_new0(struct port, 1);

	port->owner = c;
	port->id = c->port_count;
	port->chardev = chardev_new(vm, spec, error);
	if (!port->chardev) {
		g_free(port);
		return false;
	}
	port->name = g_strdup(name);
	c->ports[c->port_count++] = port;
	return true;
}

static struct device *console_create(struct vm *vm, struct opts *opts,
				     GError **error)
{
	const char *console = opts_string(opts, "console");
	struct console_device *c = g_new0(struct console_device, 1);
	bool good = add_port(c, vm, console ? console : "null", NULL, error);
	uint32_t ports;

	for (unsigned i = 1; good && i < PORTS; i++) {
		char port_key[8], name_key[8];
		const char *spec, *name;

		g_snprintf(port_key, sizeof port_key, "port%u", i);
		g_snprintf(name_key, sizeof name_key, "name%u", i);
		spec = opts_string(opts, port_key);
		name = opts_string(opts, name_key);
		if (!spec)
			break;
		if (!name || strlen(name) > 128) {
			fault_set(error, FAULT_INVALID, NULL,
				  "Port %u of virtio-console needs a name of "
				  "at most 128 bytes (name%u=)",
				  i, i);
			good = false;
			break;
		}
		good = add_port(c, vm, spec, name, error);
	}
	if (!good) {
		for (unsigned i = 0; i < c->port_count; i++) {
			chardev_free(c->ports[i]->chardev);
			g_free(c->ports[i]->name);
			g_free(c->ports[i]);
		}
		g_free(c);
		return NULL;
	}
	if (!virtio_init(&c->v, vm, &console_ops, vm->io,
			 2 + 2 * MAX(c->port_count, 1u), 64, 12, error)) {
		console_destroy(&c->v);
		return NULL;
	}
	ports = htole32(c->port_count);
	memcpy(c->v.config + 4, &ports, 4);
	for (unsigned i = 0; i < c->port_count; i++) {
		chardev_want_read(c->ports[i]->chardev, false);
		chardev_attach(c->ports[i]->chardev, vm->io, &handlers,
			       c->ports[i]);
	}
	return &c->v.device;
}

const struct device_type virtio_console_type = {
    .name = "virtio-console",
    .about = "console and named ports: console=WHERE,"
	     "port1=WHERE,name1=NAME,... (WHERE as --serial)",
    .create = console_create,
};
