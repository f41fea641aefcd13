/* virtio-gpu.c - graphics, 2D. Virtio 1.2, 5.7.
 *
 * A resource lives in a memfd of its own. What the guest transfers is copied
 * there once; a flush only announces rectangles, and the memfd itself is what
 * a listener maps. The damage announced is the flushed rectangle cut down to
 * what was transferred since the last flush: a driver that flushes the whole
 * screen after a small transfer costs what the transfer was worth.
 *
 * Everything is done on the GPU's loop. Bounds: resources, their bytes, their
 * sides and the entries of their backing; every rectangle is checked against
 * its resource by subtraction. */
#include <endian.h>
#include <string.h>

#include "common/fault.h"
#include "vmm/kvm/console.h"
#include "vmm/kvm/edid.h"
#include "vmm/kvm/opts.h"
#include "vmm/kvm/virtio.h"

#define RESOURCES_MAX 1024u
#define SIDE_MAX      16384u
#define BACKING_MAX   16384u /* entries: 64 MiB in single pages */
#define TRANSFERS     16u    /* remembered apart between flushes */

enum {
	GET_DISPLAY_INFO = 0x100,
	RESOURCE_CREATE_2D,
	RESOURCE_UNREF,
	SET_SCANOUT,
	RESOURCE_FLUSH,
	TRANSFER_TO_HOST_2D,
	ATTACH_BACKING,
	DETACH_BACKING,
	GET_EDID = 0x10a,
	UPDATE_CURSOR = 0x300,
	MOVE_CURSOR,
	OK_NODATA = 0x1100,
	OK_DISPLAY_INFO,
	OK_EDID = 0x1104,
	ERR_UNSPEC = 0x1200,
	ERR_OUT_OF_MEMORY,
	ERR_SCANOUT,
	ERR_RESOURCE,
	ERR_CONTEXT,
	ERR_PARAMETER,
};
#define FLAG_FENCE 1u
#define F_EDID     1u
/* in the configuration: sizes changed */
#define EVENT_DISPLAY 1u

struct header {
	uint32_t type, flags;
	uint64_t fence;
	uint32_t context, padding;
};
struct wire_rect {
	uint32_t x, y, width, height;
};

struct entry {
	uint8_t *host;
	uint64_t start; /* sum of the lengths before */
	uint64_t bytes;
};

struct resource {
	uint32_t id, format;
	unsigned width, height;
	struct pixels *pixels;
	struct entry *backing;
	unsigned backing_count;
	uint64_t backing_bytes;
	struct rect fresh[TRANSFERS]; /* transferred, not yet flushed */
	unsigned fresh_count;
};

struct head {
	bool enabled;
	unsigned width, height, width_mm, height_mm;
	uint32_t resource; /* shown; 0 = none */
	struct rect source;
};

struct gpu {
	struct virtio v;
	GHashTable *resources; /* id -> struct resource */
	uint64_t bytes, bytes_max;
	struct head heads[VM_HEADS_MAX];
	unsigned head_count;
	uint32_t events;
	/* not read since it changed: sizes and places, EDIDs by head */
	bool info_stale, told_again;
	uint32_t edid_stale;
	struct virtqueue_request request;
};

static uint64_t gpu_features(struct virtio *v)
{
	return 1u << F_EDID;
}

static struct console *console_of(struct gpu *gpu, unsigned head)
{
	return console_get(gpu->v.device.vm->consoles, head);
}

/* ---- resources ---- */

static uint32_t pixman_of(uint32_t format)
{
	switch (format) {
	case 1: /* B8G8R8A8, bytes in memory */
		return PIXMAN_A8R8G8B8;
	case 2:
		return PIXMAN_X8R8G8B8;
	case 3:
		return 0x20088888; /* b8g8r8a8 */
	case 4:
		return 0x20080888; /* b8g8r8x8 */
	case 67:
		return 0x20038888; /* a8b8g8r8 */
	case 68:
		return 0x20090888; /* r8g8b8x8 */
	case 121:
		return 0x20098888; /* r8g8b8a8 */
	case 134:
		return 0x20030888; /* x8b8g8r8 */
	}
	return 0;
}

static void resource_free(void *data)
{
	struct resource *r = data;

	pixels_unref(r->pixels);
	g_free(r->backing);
	g_free(r);
}

static struct resource *find(struct gpu *gpu, uint32_t id)
{
	return g_hash_table_lookup(gpu->resources, GUINT_TO_POINTER(id));
}

static unsigned stride_of(const struct resource *r)
{
	return r->width * 4;
}

static uint32_t create(struct gpu *gpu, const uint32_t *w)
{
	uint32_t id = w[0], format = w[1], width = w[2], height = w[3];
	struct resource *r;
	uint64_t bytes;

	if (id == 0 || find(gpu, id))
		return ERR_RESOURCE;
	if (!pixman_of(format) || width == 0 || height == 0 ||
	    width > SIDE_MAX || height > SIDE_MAX)
		return ERR_PARAMETER;
	bytes = 4ull * width * height;
	if (bytes > gpu->bytes_max - gpu->bytes ||
	    g_hash_table_size(gpu->resources) >= RESOURCES_MAX)
		return ERR_OUT_OF_MEMORY;
	r = g_new0(struct resource, 1);
	*r = (struct resource){
	    .id = id, .format = format, .width = width, .height = height};
	r->pixels = pixels_new(bytes);
	if (!r->pixels) {
		g_free(r);
		return ERR_OUT_OF_MEMORY;
	}
	gpu->bytes += bytes;
	g_hash_table_insert(gpu->resources, GUINT_TO_POINTER(id), r);
	return OK_NODATA;
}

static void hide(struct gpu *gpu, unsigned head)
{
	if (!gpu->heads[head].resource)
		return;
	gpu->heads[head].resource = 0;
	console_show(console_of(gpu, head), NULL);
}

static uint32_t unref(struct gpu *gpu, uint32_t id)
{
	struct resource *r = find(gpu, id);

	if (!r)
		return ERR_RESOURCE;
	for (unsigned i = 0; i < gpu->head_count; i++)
		if (gpu->heads[i].resource == id)
			hide(gpu, i);
	gpu->bytes -= r->pixels->bytes;
	g_hash_table_remove(gpu->resources, GUINT_TO_POINTER(id));
	return OK_NODATA;
}

static uint32_t attach(struct gpu *gpu, const struct virtqueue_request *q,
		       uint32_t id, uint32_t count)
{
	struct resource *r = find(gpu, id);
	struct {
		uint64_t at;
		uint32_t bytes, padding;
	} wire;
	uint64_t start = 0;

	if (!r || r->backing)
		return ERR_RESOURCE;
	if (count == 0 || count > BACKING_MAX ||
	    q->out_bytes - sizeof(struct header) - 8 < count * sizeof wire)
		return ERR_PARAMETER;
	r->backing = g_try_new(struct entry, count);
	if (!r->backing)
		return ERR_OUT_OF_MEMORY;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t bytes;

		request_read(q, sizeof(struct header) + 8 + i * sizeof wire,
			     &wire, sizeof wire);
		bytes = le32toh(wire.bytes);
		r->backing[i] =
		    (struct entry){guest_ptr(gpu->v.device.vm->mem,
					     gpa(le64toh(wire.at)), bytes),
				   start, bytes};
		if (!r->backing[i].host || bytes == 0) {
			g_clear_pointer(&r->backing, g_free);
			return ERR_PARAMETER;
		}
		start += bytes;
	}
	r->backing_count = count;
	r->backing_bytes = start;
	return OK_NODATA;
}

static uint32_t detach(struct gpu *gpu, uint32_t id)
{
	struct resource *r = find(gpu, id);

	if (!r || !r->backing)
		return ERR_RESOURCE;
	g_clear_pointer(&r->backing, g_free);
	r->backing_count = 0;
	r->backing_bytes = 0;
	return OK_NODATA;
}

/* ---- pixels ---- */

static bool inside(const struct wire_rect *rect, unsigned width,
		   unsigned height)
{
	return rect->width && rect->height && rect->x < width &&
	       rect->y < height && rect->width <= width - rect->x &&
	       rect->height <= height - rect->y;
}

/* from `at` bytes into the backing; the range was checked */
static void copy_from_backing(const struct resource *r, uint64_t at,
			      uint8_t *to, uint64_t bytes)
{
	unsigned low = 0, high = r->backing_count - 1;

	while (low < high) {
		unsigned middle = (low + high + 1) / 2;

		if (r->backing[middle].start <= at)
			low = middle;
		else
			high = middle - 1;
	}
	for (unsigned i = low; bytes; i++) {
		uint64_t skip = at - r->backing[i].start;
		uint64_t step = MIN(r->backing[i].bytes - skip, bytes);

		memcpy(to, r->backing[i].host + skip, step);
		to += step;
		at += step;
		bytes -= step;
	}
}

static void remember(struct resource *r, const struct wire_rect *rect)
{
	struct rect fresh = {(int)rect->x, (int)rect->y, (int)rect->width,
			     (int)rect->height};

	if (r->fresh_count < TRANSFERS) {
		r->fresh[r->fresh_count++] = fresh;
		return;
	}
	/* too many to keep apart: one box for all */
	for (unsigned i = 0; i < r->fresh_count; i++) {
		int right = MAX(fresh.x + fresh.width,
				r->fresh[i].x + r->fresh[i].width);
		int bottom = MAX(fresh.y + fresh.height,
				 r->fresh[i].y + r->fresh[i].height);

		fresh.x = MIN(fresh.x, r->fresh[i].x);
		fresh.y = MIN(fresh.y, r->fresh[i].y);
		fresh.width = right - fresh.x;
		fresh.height = bottom - fresh.y;
	}
	r->fresh[0] = fresh;
	r->fresh_count = 1;
}

static uint32_t transfer(struct gpu *gpu, const struct wire_rect *rect,
			 uint64_t offset, uint32_t id)
{
	struct resource *r = find(gpu, id);
	uint64_t stride, need;

	if (!r || !r->backing)
		return ERR_RESOURCE;
	if (!inside(rect, r->width, r->height))
		return ERR_PARAMETER;
	stride = stride_of(r);
	need = (rect->height - 1) * stride + rect->width * 4ull;
	if (offset > r->backing_bytes || need > r->backing_bytes - offset)
		return ERR_PARAMETER;
	if (rect->width == r->width) {
		copy_from_backing(r, offset, r->pixels->map + rect->y * stride,
				  rect->height * stride);
	} else {
		for (uint32_t i = 0; i < rect->height; i++)
			copy_from_backing(r, offset + i * stride,
					  r->pixels->map +
					      (rect->y + i) * stride +
					      rect->x * 4ull,
					  rect->width * 4ull);
	}
	remember(r, rect);
	return OK_NODATA;
}

static bool intersect(const struct rect *a, const struct rect *b,
		      struct rect *common)
{
	int x = MAX(a->x, b->x), y = MAX(a->y, b->y);
	int right = MIN(a->x + a->width, b->x + b->width);
	int bottom = MIN(a->y + a->height, b->y + b->height);

	*common = (struct rect){x, y, right - x, bottom - y};
	return right > x && bottom > y;
}

static uint32_t flush(struct gpu *gpu, const struct wire_rect *wire,
		      uint32_t id)
{
	struct resource *r = find(gpu, id);
	struct rect flushed, part, shown;

	if (!r)
		return ERR_RESOURCE;
	if (!inside(wire, r->width, r->height))
		return ERR_PARAMETER;
	flushed = (struct rect){(int)wire->x, (int)wire->y, (int)wire->width,
				(int)wire->height};
	for (unsigned i = 0; i < gpu->head_count; i++) {
		struct head *head = &gpu->heads[i];

		if (head->resource != id)
			continue;
		for (unsigned f = 0; f < r->fresh_count; f++) {
			if (!intersect(&flushed, &r->fresh[f], &part) ||
			    !intersect(&part, &head->source, &shown))
				continue;
			shown.x -= head->source.x;
			shown.y -= head->source.y;
			console_damage(console_of(gpu, i), &shown);
		}
	}
	/* what lies outside the flushed rectangle is flushed another time */
	for (unsigned f = 0, kept = 0, count = r->fresh_count; f < count; f++) {
		struct rect fresh = r->fresh[f];
		bool whole = intersect(&flushed, &fresh, &part) &&
			     part.width == fresh.width &&
			     part.height == fresh.height;

		if (!whole)
			r->fresh[kept++] = fresh;
		if (f == count - 1)
			r->fresh_count = kept;
	}
	return OK_NODATA;
}

static uint32_t set_scanout(struct gpu *gpu, const struct wire_rect *rect,
			    uint32_t head, uint32_t id)
{
	struct scanout *scanout;
	struct resource *r;

	if (head >= gpu->head_count)
		return ERR_SCANOUT;
	if (id == 0) {
		hide(gpu, head);
		return OK_NODATA;
	}
	r = find(gpu, id);
	if (!r)
		return ERR_RESOURCE;
	if (!inside(rect, r->width, r->height) || rect->width < 16 ||
	    rect->height < 16)
		return ERR_PARAMETER;
	gpu->heads[head].resource = id;
	gpu->heads[head].source = (struct rect){
	    (int)rect->x, (int)rect->y, (int)rect->width, (int)rect->height};
	scanout = scanout_new(
	    r->pixels, (uint64_t)rect->y * stride_of(r) + rect->x * 4,
	    rect->width, rect->height, stride_of(r), pixman_of(r->format));
	console_show(console_of(gpu, head), scanout);
	scanout_unref(scanout);
	return OK_NODATA;
}

static void cursor(struct gpu *gpu, uint32_t type, const uint32_t *w)
{
	static const uint32_t blank[16 * 16];
	uint32_t head = w[0], x = w[1], y = w[2], id = w[4];
	struct resource *r;

	if (head >= gpu->head_count)
		return;
	if (type == UPDATE_CURSOR) {
		r = id ? find(gpu, id) : NULL;
		if (r && r->width <= CONSOLE_CURSOR &&
		    r->height <= CONSOLE_CURSOR)
			console_cursor_shape(console_of(gpu, head), r->width,
					     r->height, MIN(w[5], r->width - 1),
					     MIN(w[6], r->height - 1),
					     (uint32_t *)r->pixels->map);
		else if (id == 0)
			console_cursor_shape(console_of(gpu, head), 16, 16, 0,
					     0, blank);
	}
	console_cursor_move(console_of(gpu, head), (int)MIN(x, SIDE_MAX),
			    (int)MIN(y, SIDE_MAX), id != 0);
}

/* ---- commands ---- */

static size_t display_info(struct gpu *gpu, const struct header *reply)
{
	struct {
		struct header header;
		struct {
			struct wire_rect rect;
			uint32_t enabled, flags;
		} modes[16];
	} wire = {.header = *reply};

	for (unsigned i = 0; i < gpu->head_count; i++) {
		const struct head *head = &gpu->heads[i];
		uint32_t x = 0;

		for (unsigned left = 0; left < i; left++)
			if (gpu->heads[left].enabled)
				x += gpu->heads[left].width;
		wire.modes[i].rect.x = htole32(x);
		wire.modes[i].rect.width = htole32(head->width);
		wire.modes[i].rect.height = htole32(head->height);
		wire.modes[i].enabled = htole32(head->enabled);
	}
	gpu->info_stale = false;
	return request_write(&gpu->request, 0, &wire, sizeof wire);
}

static size_t edid(struct gpu *gpu, const struct header *reply, uint32_t head)
{
	struct {
		struct header header;
		uint32_t size, padding;
		uint8_t edid[1024];
	} wire = {.header = *reply, .size = htole32(EDID_BYTES)};
	const struct head *h = &gpu->heads[head];

	edid_make(wire.edid, head, h->width, h->height, h->width_mm,
		  h->height_mm);
	gpu->edid_stale &= ~(1u << head);
	return request_write(&gpu->request, 0, &wire, sizeof wire);
}

static size_t obey(struct gpu *gpu)
{
	struct {
		struct header header;
		uint32_t words[8]; /* longest fixed part: transfer, cursor */
	} untrusted = {0};
	const struct virtqueue_request *q = &gpu->request;
	size_t got = request_read(q, 0, &untrusted, sizeof untrusted);
	/* bytes each command must have behind its header */
	static const uint8_t needs[] = {0, 16, 8, 24, 24, 32, 8, 8};
	struct header reply = {0};
	struct wire_rect rect;
	uint32_t type, result = ERR_UNSPEC, w[8];
	unsigned need = 0;

	if (got < sizeof untrusted.header)
		return 0; /* not even a header: used with length 0 */
	type = le32toh(untrusted.header.type);
	for (unsigned i = 0; i < 8; i++)
		w[i] = le32toh(untrusted.words[i]);
	rect = (struct wire_rect){w[0], w[1], w[2], w[3]};
	if (le32toh(untrusted.header.flags) & FLAG_FENCE) {
		reply.flags = htole32(FLAG_FENCE);
		reply.fence = untrusted.header.fence;
		reply.context = untrusted.header.context;
	}
	if (type >= GET_DISPLAY_INFO && type <= DETACH_BACKING)
		need = needs[type - GET_DISPLAY_INFO];
	else if (type == GET_EDID)
		need = 8;
	if (got - sizeof untrusted.header < need) {
		type = 0;
		result = ERR_PARAMETER;
	}
	switch (type) {
	case GET_DISPLAY_INFO:
		reply.type = htole32(OK_DISPLAY_INFO);
		return display_info(gpu, &reply);
	case GET_EDID:
		if (w[0] >= gpu->head_count) {
			result = ERR_SCANOUT;
			break;
		}
		reply.type = htole32(OK_EDID);
		return edid(gpu, &reply, w[0]);
	case RESOURCE_CREATE_2D:
		result = create(gpu, w);
		break;
	case RESOURCE_UNREF:
		result = unref(gpu, w[0]);
		break;
	case SET_SCANOUT:
		result = set_scanout(gpu, &rect, w[4], w[5]);
		break;
	case RESOURCE_FLUSH:
		result = flush(gpu, &rect, w[4]);
		break;
	case TRANSFER_TO_HOST_2D:
		result =
		    transfer(gpu, &rect, w[4] | (uint64_t)w[5] << 32, w[6]);
		break;
	case ATTACH_BACKING:
		result = attach(gpu, q, w[0], w[1]);
		break;
	case DETACH_BACKING:
		result = detach(gpu, w[0]);
		break;
	case UPDATE_CURSOR:
	case MOVE_CURSOR:
		cursor(gpu, type, w);
		result = OK_NODATA;
		break;
	}
	reply.type = htole32(result);
	return request_write(q, 0, &reply, sizeof reply);
}

static void gpu_notify(struct virtio *v, unsigned queue)
{
	struct gpu *gpu = (struct gpu *)v;
	struct virtqueue *q = &v->queues[queue];
	bool pushed = false;
	int got;

	while ((got = virtqueue_pop(q, &gpu->request)) > 0) {
		size_t written = obey(gpu);

		virtqueue_push(q, gpu->request.head, (uint32_t)written);
		pushed = true;
	}
	if (got < 0)
		virtio_fail(v, virtqueue_fault_text(q->fault));
	else if (pushed)
		virtio_interrupt(v, queue);
}

/* ---- life ---- */

static void gpu_config_read(struct virtio *v)
{
	struct gpu *gpu = (struct gpu *)v;
	uint32_t words[4] = {htole32(gpu->events), 0, htole32(gpu->head_count),
			     0};

	memcpy(v->config, words, sizeof words);
}

static void gpu_config_written(struct virtio *v, unsigned at, unsigned size)
{
	struct gpu *gpu = (struct gpu *)v;
	uint32_t clear;

	memcpy(&clear, v->config + 4, 4);
	clear = le32toh(clear);
	gpu->events &= ~clear;
	/* A change between a driver's questions and its clearing of the event
	 * would never reach it: Linux clears last. It is told once more. */
	if (clear & EVENT_DISPLAY && !gpu->told_again &&
	    (gpu->info_stale ||
	     (v->features & 1ull << F_EDID && gpu->edid_stale))) {
		gpu->told_again = true;
		gpu->events |= EVENT_DISPLAY;
		virtio_config_changed(v);
	}
}

static void gpu_reset(struct virtio *v)
{
	struct gpu *gpu = (struct gpu *)v;

	for (unsigned i = 0; i < gpu->head_count; i++)
		hide(gpu, i);
	g_hash_table_remove_all(gpu->resources);
	gpu->bytes = 0;
}

/* A viewer wants another size; main loop. */
static void resize(void *data, unsigned head, unsigned width, unsigned height,
		   unsigned width_mm, unsigned height_mm)
{
	struct gpu *gpu = data;
	struct head *h = &gpu->heads[head];

	pthread_mutex_lock(&gpu->v.lock);
	if (head < gpu->head_count && width <= SIDE_MAX && height <= SIDE_MAX) {
		h->enabled = width >= 16 && height >= 16;
		if (h->enabled) {
			h->width = width;
			h->height = height;
		}
		h->width_mm = width_mm;
		h->height_mm = height_mm;
		gpu->events |= EVENT_DISPLAY;
		gpu->info_stale = true;
		gpu->edid_stale |= 1u << head;
		gpu->told_again = false;
		virtio_config_changed(&gpu->v);
	}
	pthread_mutex_unlock(&gpu->v.lock);
}

static void gpu_destroy(struct virtio *v)
{
	struct gpu *gpu = (struct gpu *)v;

	console_set_sink(v->device.vm->consoles, &(struct console_sink){0});
	virtio_finish(v);
	gpu_reset(v);
	g_hash_table_unref(gpu->resources);
	g_free(gpu);
}

static const struct virtio_ops gpu_ops = {
    .id = 16,
    .pci_class = 0x038000,
    .features = gpu_features,
    .reset = gpu_reset,
    .notify = gpu_notify,
    .config_read = gpu_config_read,
    .config_written = gpu_config_written,
    .destroy = gpu_destroy,
};

static struct device *gpu_create(struct vm *vm, struct opts *opts,
				 GError **error)
{
	uint64_t width, height, limit;
	struct gpu *gpu;

	if (!opts_number(opts, "width", 64, 4096, 1280, &width, error) ||
	    !opts_number(opts, "height", 64, 4096, 800, &height, error) ||
	    !opts_number(opts, "memory", 16, 4096, 256, &limit, error))
		return NULL;
	gpu = g_new0(struct gpu, 1);
	gpu->bytes_max = limit << 20;
	gpu->head_count = console_count(vm->consoles);
	gpu->resources = g_hash_table_new_full(NULL, NULL, NULL, resource_free);
	for (unsigned i = 0; i < gpu->head_count; i++)
		gpu->heads[i] = (struct head){.enabled = i == 0,
					      .width = (unsigned)width,
					      .height = (unsigned)height};
	if (!virtio_init(&gpu->v, vm, &gpu_ops, vm->gpu_io, 2, 256, 16,
			 error)) {
		gpu_destroy(&gpu->v);
		return NULL;
	}
	virtio_config_writable(&gpu->v, 4, 4);
	console_set_sink(vm->consoles,
			 &(struct console_sink){.resize = resize, .data = gpu});
	return &gpu->v.device;
}

const struct device_type virtio_gpu_type = {
    .name = "virtio-gpu",
    .about = "graphics: width=N,height=N (of the first screen), memory=MIB",
    .create = gpu_create,
};
