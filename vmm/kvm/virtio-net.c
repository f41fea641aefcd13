/* virtio-net.c - network card. Virtio 1.2, 5.1.
 *
 * One pair of queues, mergeable receive buffers, no offloads so far. A frame
 * that finds no buffer waits in the host's socket: the card stops reading,
 * so nothing is queued here. */
#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "common/fault.h"
#include "common/log.h"
#include "vmm/kvm/net-backend.h"
#include "vmm/kvm/opts.h"
#include "vmm/kvm/virtio.h"

enum { F_MAC = 5, F_MRG_RXBUF = 15, F_STATUS = 16 };
enum { RX, TX };

struct net_header {
	uint8_t flags, gso_type;
	uint16_t header_bytes, gso_size, checksum_start, checksum_offset;
	uint16_t buffers;
};

struct net {
	struct virtio v;
	struct net_backend *backend;
	bool up;        /* as set_link wants it */
	bool reachable; /* the back end lives */
	struct virtqueue_request request;
	size_t held; /* bytes of a received frame that waits for buffers */
	uint8_t frame[NET_FRAME_MAX];
};

static uint64_t net_features(struct virtio *v)
{
	return 1u << F_MAC | 1u << F_MRG_RXBUF | 1u << F_STATUS;
}

static void show_link(struct net *net)
{
	uint16_t status = htole16(net->up && net->reachable);

	if (!memcmp(net->v.config + 6, &status, 2))
		return;
	memcpy(net->v.config + 6, &status, 2);
	virtio_config_changed(&net->v);
}

/* ---- host to guest ---- */

#define MERGE_MAX 64u

/* false: no room; the frame stays held */
static bool give(struct net *net)
{
	struct virtqueue *q = &net->v.queues[RX];
	struct virtqueue_request *r = &net->request;
	struct net_header header = {.buffers = htole16(1)};
	bool merge = net->v.features & 1u << F_MRG_RXBUF;
	struct virtqueue_used used[MERGE_MAX];
	unsigned count = 0;
	size_t done = 0;
	void *buffers = NULL;

	while (done < net->held) {
		size_t at = count ? 0 : sizeof header, step;
		int got = count < MERGE_MAX ? virtqueue_pop(q, r) : 0;

		if (got < 0) {
			virtio_fail(&net->v, virtqueue_fault_text(q->fault));
			return true;
		}
		if (got == 0) { /* give back what was taken, in order */
			while (count--)
				virtqueue_unpop(q);
			return false;
		}
		if (r->in_bytes <= at ||
		    (!merge && r->in_bytes - at < net->held)) {
			/* a buffer that can never hold it: drop the frame */
			virtqueue_push(q, r->head, 0);
			return true;
		}
		if (count == 0) {
			/* the count of buffers is known only at the end; it
			 * lies in the driver's own memory until then */
			request_write(r, 0, &header, sizeof header);
			buffers =
			    r->parts[r->out_count].iov_len >= sizeof header
				? (char *)r->parts[r->out_count].iov_base + 10
				: NULL;
		}
		step =
		    request_write(r, at, net->frame + done, net->held - done);
		done += step;
		used[count].head = r->head;
		used[count].written = (uint32_t)(at + step);
		count++;
		if (step == 0)
			break;
	}
	if (count > 1) {
		uint16_t n = htole16((uint16_t)count);

		if (!buffers) {
			virtio_fail(&net->v, "a receive buffer is shorter "
					     "than its header");
			return true;
		}
		memcpy(buffers, &n, 2);
	}
	virtqueue_push_all(q, used, count);
	return true;
}

static void receive(struct net *net)
{
	bool given = false;

	if (!net->v.running || net->v.paused || !net->v.queues[RX].started) {
		net_want_read(net->backend, false);
		return;
	}
	for (unsigned budget = 64; net->v.running; budget--) {
		if (budget == 0) {
			/* others have their turn; what is left may lie here
			 * and not in the socket, which would then be silent */
			eventfd_write(net->v.doorbells[RX].fd, 1);
			break;
		}
		if (!net->held)
			net->held = net_receive(net->backend, net->frame);
		if (!net->held)
			break;
		if (net->up && !give(net)) {
			net_want_read(net->backend, false);
			break;
		}
		net->held = 0;
		given = true;
	}
	if (given)
		virtio_interrupt(&net->v, RX);
}

static void readable(void *data)
{
	struct net *net = data;

	pthread_mutex_lock(&net->v.lock);
	receive(net);
	pthread_mutex_unlock(&net->v.lock);
}

/* ---- guest to host ---- */

#define TX_BUDGET 256u

static void transmit(struct net *net)
{
	struct virtqueue *q = &net->v.queues[TX];
	struct virtqueue_request *r = &net->request;
	bool pushed = false;
	int got = 0;

	for (unsigned budget = TX_BUDGET;; budget--) {
		struct iovec parts[64];
		unsigned count = 0;
		uint64_t skip = sizeof(struct net_header), bytes;

		if (budget == 0) { /* others have their turn */
			eventfd_write(net->v.doorbells[TX].fd, 1);
			break;
		}
		got = virtqueue_pop(q, r);
		if (got <= 0)
			break;
		bytes = r->out_bytes > skip ? r->out_bytes - skip : 0;
		for (unsigned i = 0; i < r->out_count && count < 64; i++) {
			uint64_t length = r->parts[i].iov_len;

			if (skip >= length) {
				skip -= length;
				continue;
			}
			parts[count++] = (struct iovec){
			    (char *)r->parts[i].iov_base + skip, length - skip};
			skip = 0;
		}
		/* more pieces than any driver makes: that frame is dropped */
		if (net->up && count < 64 &&
		    !net_send(net->backend, parts, count, bytes)) {
			virtqueue_unpop(q);
			break;
		}
		virtqueue_push(q, r->head, 0);
		pushed = true;
	}
	net_flush(net->backend);
	if (got < 0)
		virtio_fail(&net->v, virtqueue_fault_text(q->fault));
	else if (pushed)
		virtio_interrupt(&net->v, TX);
}

static void writable(void *data)
{
	struct net *net = data;

	pthread_mutex_lock(&net->v.lock);
	if (net->v.running && !net->v.paused)
		transmit(net);
	pthread_mutex_unlock(&net->v.lock);
}

static void lost(void *data)
{
	struct net *net = data;
	const struct log_about about = {.vm = net->v.device.vm->config.name,
					.device = net->v.device.id};

	pthread_mutex_lock(&net->v.lock);
	net->reachable = false;
	show_link(net);
	pthread_mutex_unlock(&net->v.lock);
	log_warn(&about, "the network helper has ended; the card's link is "
			 "down until the machine starts anew");
}

static const struct net_handlers handlers = {readable, writable, lost};

static void net_notify(struct virtio *v, unsigned queue)
{
	struct net *net = (struct net *)v;

	if (queue == TX) {
		transmit(net);
	} else {
		net_want_read(net->backend, true);
		receive(net);
	}
}

static void net_reset(struct virtio *v)
{
	((struct net *)v)->held = 0;
}

static bool net_set_link(struct virtio *v, bool up)
{
	struct net *net = (struct net *)v;

	pthread_mutex_lock(&v->lock);
	net->up = up;
	show_link(net);
	pthread_mutex_unlock(&v->lock);
	return true;
}

static void net_destroy(struct virtio *v)
{
	struct net *net = (struct net *)v;

	net_free(net->backend);
	virtio_finish(v);
	g_free(net);
}

static const struct virtio_ops net_ops = {
    .id = 1,
    .pci_class = 0x020000,
    .features = net_features,
    .reset = net_reset,
    .notify = net_notify,
    .set_link = net_set_link,
    .destroy = net_destroy,
};

static bool parse_mac(const char *text, uint8_t mac[6])
{
	unsigned b[6];
	char end;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2],
		   &b[3], &b[4], &b[5], &end) != 6 ||
	    b[0] & 1)
		return false;
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return true;
}

static struct device *net_create(struct vm *vm, struct opts *opts,
				 GError **error)
{
	const char *mac = opts_string(opts, "mac");
	const char *spec = opts_string(opts, "backend");
	struct net *net;
	uint8_t address[6];
	bool down;

	if (!mac || !parse_mac(mac, address)) {
		fault_set(error, FAULT_INVALID, "Add mac=52:54:00:XX:XX:XX.",
			  "virtio-net needs the address of one machine");
		return NULL;
	}
	if (!opts_flag(opts, "down", &down, error))
		return NULL;
	net = g_new0(struct net, 1);
	net->up = !down;
	net->reachable = spec && !g_str_equal(spec, "none");
	if (!virtio_init(&net->v, vm, &net_ops, vm->io, 2, 256, 8, error))
		goto failed;
	memcpy(net->v.config, address, 6);
	show_link(net);
	net->backend =
	    net_open(spec ? spec : "none", vm->io, &handlers, net, error);
	if (!net->backend)
		goto failed;
	return &net->v.device;
failed:
	net_destroy(&net->v);
	return NULL;
}

const struct device_type virtio_net_type = {
    .name = "virtio-net",
    .about = "network card: mac=ADDRESS,backend=tap:NAME|passt:PATH|"
	     "listen:PATH|fd:N|none,down=on|off",
    .create = net_create,
    .hotplug = true,
};
