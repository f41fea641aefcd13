#include "vmm/kvm/console.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/kvm/vm.h"

struct console_set {
	struct vm *vm;
	pthread_mutex_t lock;
	struct console consoles[VM_HEADS_MAX];
	unsigned count;
	struct console_sink sink;
	struct console_watch *watches;
};

struct pixels *pixels_new(uint64_t bytes)
{
	struct pixels *p = g_new0(struct pixels, 1);

	p->refs = 1;
	p->bytes = bytes;
	p->map = MAP_FAILED;
	p->fd = memfd_create("pixels", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (p->fd >= 0 && ftruncate(p->fd, (off_t)bytes) == 0)
		p->map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			      p->fd, 0);
	if (p->map == MAP_FAILED) {
		pixels_unref(p);
		return NULL;
	}
	/* who maps it can neither shrink it under us nor grow it */
	fcntl(p->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	return p;
}

struct pixels *pixels_ref(struct pixels *pixels)
{
	g_atomic_int_inc(&pixels->refs);
	return pixels;
}

void pixels_unref(struct pixels *pixels)
{
	if (!pixels || !g_atomic_int_dec_and_test(&pixels->refs))
		return;
	if (pixels->map != MAP_FAILED)
		munmap(pixels->map, pixels->bytes);
	if (pixels->fd >= 0)
		close(pixels->fd);
	g_free(pixels);
}

struct scanout *scanout_new(struct pixels *pixels, uint64_t offset,
			    unsigned width, unsigned height, unsigned stride,
			    uint32_t format)
{
	struct scanout *s = g_new0(struct scanout, 1);

	*s = (struct scanout){
	    1, pixels_ref(pixels), offset, width, height, stride, format};
	return s;
}

struct scanout *scanout_ref(struct scanout *scanout)
{
	g_atomic_int_inc(&scanout->refs);
	return scanout;
}

void scanout_unref(struct scanout *scanout)
{
	if (!scanout || !g_atomic_int_dec_and_test(&scanout->refs))
		return;
	pixels_unref(scanout->pixels);
	g_free(scanout);
}

struct console_set *console_set_new(struct vm *vm)
{
	struct console_set *set = g_new0(struct console_set, 1);

	set->vm = vm;
	set->count = CLAMP(vm->config.heads, 1, VM_HEADS_MAX);
	pthread_mutex_init(&set->lock, NULL);
	for (unsigned i = 0; i < set->count; i++) {
		set->consoles[i].set = set;
		set->consoles[i].head = i;
	}
	return set;
}

void console_set_free(struct console_set *set)
{
	if (!set)
		return;
	for (unsigned i = 0; i < set->count; i++)
		scanout_unref(set->consoles[i].scanout);
	pthread_mutex_destroy(&set->lock);
	g_free(set);
}

unsigned console_count(const struct console_set *set)
{
	return set->count;
}

struct console *console_get(struct console_set *set, unsigned head)
{
	return head < set->count ? &set->consoles[head] : NULL;
}

void console_show(struct console *c, struct scanout *scanout)
{
	struct scanout *before;

	pthread_mutex_lock(&c->set->lock);
	before = c->scanout;
	c->scanout = scanout ? scanout_ref(scanout) : NULL;
	c->scanout_serial++;
	c->damage_count = 0;
	pthread_mutex_unlock(&c->set->lock);
	scanout_unref(before);
	vm_ask(c->set->vm, VM_WISH_DISPLAY);
}

static bool holds(const struct rect *outer, const struct rect *inner)
{
	return inner->x >= outer->x && inner->y >= outer->y &&
	       inner->x + inner->width <= outer->x + outer->width &&
	       inner->y + inner->height <= outer->y + outer->height;
}

static void cover(struct rect *box, const struct rect *r)
{
	int right = MAX(box->x + box->width, r->x + r->width);
	int bottom = MAX(box->y + box->height, r->y + r->height);

	box->x = MIN(box->x, r->x);
	box->y = MIN(box->y, r->y);
	box->width = right - box->x;
	box->height = bottom - box->y;
}

void rect_add(struct rect *list, unsigned *count, const struct rect *rect)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < *count; i++)
		if (holds(&list[i], rect))
			return;
	for (unsigned i = 0; i < *count; i++)
		if (!holds(rect, &list[i]))
			list[kept++] = list[i];
	*count = kept;
	if (*count < CONSOLE_RECTS) {
		list[(*count)++] = *rect;
		return;
	}
	for (unsigned i = 1; i < *count; i++)
		cover(&list[0], &list[i]);
	cover(&list[0], rect);
	*count = 1;
}

void console_damage(struct console *c, const struct rect *rect)
{
	pthread_mutex_lock(&c->set->lock);
	rect_add(c->damage, &c->damage_count, rect);
	pthread_mutex_unlock(&c->set->lock);
	vm_ask(c->set->vm, VM_WISH_DISPLAY);
}

void console_cursor_shape(struct console *c, unsigned width, unsigned height,
			  unsigned hot_x, unsigned hot_y, const uint32_t *argb)
{
	pthread_mutex_lock(&c->set->lock);
	c->cursor.width = width;
	c->cursor.height = height;
	c->cursor.hot_x = hot_x;
	c->cursor.hot_y = hot_y;
	memcpy(c->cursor.pixels, argb, 4ull * width * height);
	c->cursor.serial++;
	c->cursor_serial++;
	pthread_mutex_unlock(&c->set->lock);
	vm_ask(c->set->vm, VM_WISH_DISPLAY);
}

void console_cursor_move(struct console *c, int x, int y, bool visible)
{
	pthread_mutex_lock(&c->set->lock);
	c->cursor.x = x;
	c->cursor.y = y;
	c->cursor.visible = visible;
	c->cursor_serial++;
	pthread_mutex_unlock(&c->set->lock);
	vm_ask(c->set->vm, VM_WISH_DISPLAY);
}

void console_set_sink(struct console_set *set, const struct console_sink *sink)
{
	set->sink = *sink;
}

void console_resize(struct console *c, unsigned width, unsigned height,
		    unsigned width_mm, unsigned height_mm)
{
	if (c->set->sink.resize)
		c->set->sink.resize(c->set->sink.data, c->head, width, height,
				    width_mm, height_mm);
}

void console_add_watch(struct console_set *set, struct console_watch *watch)
{
	watch->next = set->watches;
	set->watches = watch;
}

void console_remove_watch(struct console_set *set, struct console_watch *watch)
{
	for (struct console_watch **at = &set->watches; *at; at = &(*at)->next)
		if (*at == watch) {
			*at = watch->next;
			return;
		}
}

void console_look(struct console *c, struct console_view *view,
		  struct console_cursor *cursor)
{
	pthread_mutex_lock(&c->set->lock);
	view->scanout = c->scanout ? scanout_ref(c->scanout) : NULL;
	view->scanout_serial = c->scanout_serial;
	view->cursor_serial = c->cursor_serial;
	if (cursor)
		*cursor = c->cursor;
	pthread_mutex_unlock(&c->set->lock);
}

static unsigned take_damage(struct console *c, struct rect *rects)
{
	unsigned count;

	pthread_mutex_lock(&c->set->lock);
	count = c->damage_count;
	memcpy(rects, c->damage, count * sizeof *rects);
	c->damage_count = 0;
	for (unsigned i = 0; i < count; i++)
		c->damage_pixels +=
		    (uint64_t)rects[i].width * (uint64_t)rects[i].height;
	pthread_mutex_unlock(&c->set->lock);
	return count;
}

void console_set_serve(struct console_set *set)
{
	struct rect rects[CONSOLE_RECTS];

	for (unsigned i = 0; i < set->count; i++) {
		struct console *c = &set->consoles[i];
		unsigned count = take_damage(c, rects);

		for (struct console_watch *w = set->watches, *next; w;
		     w = next) {
			next = w->next;
			w->changed(w->data, c, rects, count);
		}
	}
}
