#include "display/desktop.h"

#include <string.h>

#include "common/fault.h"
#include "display/pixels.h"

struct desktop {
	unsigned width, height;
	uint32_t *pixels;
	struct rect heads[DESKTOP_HEADS_MAX]; /* w = 0: off */
	struct desktop_head wanted[DESKTOP_HEADS_MAX];
	unsigned wanted_count;
	unsigned serial;
	struct damage changed;
	uint32_t *row; /* one converted row of a head */
};

struct desktop *desktop_new(void)
{
	struct desktop *self = g_new0(struct desktop, 1);
	self->width = DESKTOP_EMPTY_WIDTH;
	self->height = DESKTOP_EMPTY_HEIGHT;
	self->pixels = g_new0(uint32_t, self->width * self->height);
	self->row = g_new0(uint32_t, DESKTOP_SIDE_MAX);
	damage_init(&self->changed, self->width, self->height);
	return self;
}

void desktop_free(struct desktop *self)
{
	if (!self)
		return;
	damage_finish(&self->changed);
	g_free(self->pixels);
	g_free(self->row);
	g_free(self);
}

unsigned desktop_width(const struct desktop *self)
{
	return self->width;
}

unsigned desktop_height(const struct desktop *self)
{
	return self->height;
}

const uint32_t *desktop_pixels(const struct desktop *self)
{
	return self->pixels;
}

unsigned desktop_heads(const struct desktop *self,
		       struct desktop_head out[DESKTOP_HEADS_MAX])
{
	unsigned count = 0;
	for (unsigned i = 0; i < DESKTOP_HEADS_MAX; i++)
		if (self->heads[i].w)
			out[count++] = (struct desktop_head){i, self->heads[i]};
	return count;
}

bool desktop_head(const struct desktop *self, unsigned number, struct rect *at)
{
	if (number >= DESKTOP_HEADS_MAX || !self->heads[number].w)
		return false;
	*at = self->heads[number];
	return true;
}

unsigned desktop_layout_serial(const struct desktop *self)
{
	return self->serial;
}

void desktop_read(const struct desktop *self, const struct rect *rect,
		  uint32_t *out)
{
	struct rect in = *rect;
	if (!rect_clip(&in, self->width, self->height)) {
		memset(out, 0, (size_t)rect->w * rect->h * 4);
		return;
	}
	if (in.w < rect->w || in.h < rect->h)
		memset(out, 0, (size_t)rect->w * rect->h * 4);
	for (unsigned y = 0; y < in.h; y++)
		memcpy(out + (size_t)y * rect->w,
		       self->pixels + (size_t)(in.y + y) * self->width + in.x,
		       (size_t)in.w * 4);
}

/* The wanted places, if they fit the sizes that the heads have. */
static bool place_as_wanted(const struct desktop *self, struct rect *heads)
{
	for (unsigned i = 0; i < DESKTOP_HEADS_MAX; i++) {
		if (!heads[i].w)
			continue;
		const struct rect *place = NULL;
		for (unsigned k = 0; k < self->wanted_count; k++)
			if (self->wanted[k].number == i)
				place = &self->wanted[k].at;
		if (!place || place->w != heads[i].w || place->h != heads[i].h)
			return false;
	}
	for (unsigned k = 0; k < self->wanted_count; k++) {
		struct rect *head = &heads[self->wanted[k].number];
		if (head->w)
			*head = self->wanted[k].at;
	}
	return true;
}

/* Places heads of given sizes and moves the picture over. */
static bool lay_out(struct desktop *self,
		    const struct rect sizes[DESKTOP_HEADS_MAX], GError **error)
{
	struct rect heads[DESKTOP_HEADS_MAX];
	memcpy(heads, sizes, sizeof heads);
	if (!place_as_wanted(self, heads)) {
		unsigned x = 0;
		for (unsigned i = 0; i < DESKTOP_HEADS_MAX; i++) {
			heads[i].x = x;
			heads[i].y = 0;
			x += heads[i].w;
		}
	}
	uint64_t width = 0, height = 0;
	for (unsigned i = 0; i < DESKTOP_HEADS_MAX; i++) {
		if (!heads[i].w)
			continue;
		width = MAX(width, (uint64_t)heads[i].x + heads[i].w);
		height = MAX(height, (uint64_t)heads[i].y + heads[i].h);
	}
	if (!width) {
		width = DESKTOP_EMPTY_WIDTH;
		height = DESKTOP_EMPTY_HEIGHT;
	}
	if (memcmp(heads, self->heads, sizeof heads) == 0 &&
	    width == self->width && height == self->height)
		return true;
	uint32_t *pixels = NULL;
	/* 65535: coordinates of RFB */
	if (width <= 65535 && height <= 65535 &&
	    width * height <= DESKTOP_PIXELS_MAX)
		pixels = g_try_malloc0_n(width * height, 4);
	if (!pixels) {
		fault_set(error, FAULT_INVALID, "Choose smaller screens.",
			  "Screens of %" G_GUINT64_FORMAT
			  " x %" G_GUINT64_FORMAT
			  " pixels together are too large.",
			  width, height);
		return false;
	}
	for (unsigned i = 0; i < DESKTOP_HEADS_MAX; i++) {
		unsigned w = MIN(heads[i].w, self->heads[i].w);
		unsigned h = MIN(heads[i].h, self->heads[i].h);
		for (unsigned y = 0; y < h && w; y++)
			memcpy(pixels + (heads[i].y + y) * width + heads[i].x,
			       self->pixels +
				   (size_t)(self->heads[i].y + y) *
				       self->width +
				   self->heads[i].x,
			       (size_t)w * 4);
	}
	g_free(self->pixels);
	self->pixels = pixels;
	self->width = width;
	self->height = height;
	memcpy(self->heads, heads, sizeof heads);
	self->serial++;
	damage_init(&self->changed, width, height);
	damage_all(&self->changed);
	return true;
}

bool desktop_set_head(struct desktop *self, unsigned number, unsigned width,
		      unsigned height, GError **error)
{
	if (number >= DESKTOP_HEADS_MAX || width > DESKTOP_SIDE_MAX ||
	    height > DESKTOP_SIDE_MAX || !width != !height ||
	    (uint64_t)width * height > DESKTOP_HEAD_PIXELS_MAX) {
		fault_set(error, FAULT_INVALID,
			  "Choose a smaller mode in the guest.",
			  "Screen %u of %u x %u pixels cannot be shown.",
			  number, width, height);
		return false;
	}
	if (self->heads[number].w == width && self->heads[number].h == height)
		return true;
	struct rect sizes[DESKTOP_HEADS_MAX];
	memcpy(sizes, self->heads, sizeof sizes);
	sizes[number].w = width;
	sizes[number].h = height;
	return lay_out(self, sizes, error);
}

void desktop_arrange(struct desktop *self, const struct desktop_head *wanted,
		     unsigned count)
{
	self->wanted_count = 0;
	for (unsigned i = 0; i < count && i < DESKTOP_HEADS_MAX; i++)
		if (wanted[i].number < DESKTOP_HEADS_MAX)
			self->wanted[self->wanted_count++] = wanted[i];
	struct rect sizes[DESKTOP_HEADS_MAX];
	memcpy(sizes, self->heads, sizeof sizes);
	lay_out(self, sizes, NULL); /* too large: stays as it is */
}

/* Copies n pixels; whether any of them differed. The fixed inner count lets
 * the compiler use vectors. */
static bool renew(uint32_t *restrict to, const uint32_t *restrict from,
		  unsigned n)
{
	uint32_t differ = 0;
	if (n == DAMAGE_TILE) {
		for (unsigned i = 0; i < DAMAGE_TILE; i++) {
			differ |= to[i] ^ from[i];
			to[i] = from[i];
		}
		return differ;
	}
	for (unsigned i = 0; i < n; i++) {
		differ |= to[i] ^ from[i];
		to[i] = from[i];
	}
	return differ;
}

bool desktop_write(struct desktop *self, unsigned number,
		   const struct rect *part, uint32_t stride_bytes,
		   uint32_t format, const uint8_t *data, size_t length,
		   GError **error)
{
	unsigned bytes = pixels_bytes(format);
	if (!bytes) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Pixel format 0x%08x is not known.", format);
		return false;
	}
	if (number >= DESKTOP_HEADS_MAX || !self->heads[number].w) {
		fault_set(error, FAULT_INVALID, NULL,
			  "An update for screen %u, which is off.", number);
		return false;
	}
	const struct rect *head = &self->heads[number];
	if (!part->w || !part->h)
		return true;
	if (part->w > head->w || part->x > head->w - part->w ||
	    part->h > head->h || part->y > head->h - part->h) {
		fault_set(error, FAULT_INVALID, NULL,
			  "An update of %u x %u at %u, %u lies outside screen "
			  "%u of %u x %u.",
			  part->w, part->h, part->x, part->y, number, head->w,
			  head->h);
		return false;
	}
	uint64_t row_bytes = (uint64_t)part->w * bytes;
	if (stride_bytes < row_bytes ||
	    (uint64_t)stride_bytes * (part->h - 1) + row_bytes > length) {
		fault_set(error, FAULT_INVALID, NULL,
			  "An update of %u x %u came with %" G_GSIZE_FORMAT
			  " bytes in rows of %u.",
			  part->w, part->h, length, stride_bytes);
		return false;
	}
	unsigned left = head->x + part->x, right = left + part->w;
	for (unsigned y = 0; y < part->h; y++) {
		unsigned line = head->y + part->y + y;
		pixels_convert(format, data + (size_t)y * stride_bytes,
			       self->row, part->w);
		uint32_t *to = self->pixels + (size_t)line * self->width;
		for (unsigned x = left; x < right;) {
			unsigned column = x / DAMAGE_TILE;
			unsigned n = MIN((column + 1) * DAMAGE_TILE, right) - x;
			if (renew(to + x, self->row + (x - left), n))
				damage_add_tile(&self->changed, column,
						line / DAMAGE_TILE);
			x += n;
		}
	}
	return true;
}

const struct damage *desktop_changed(const struct desktop *self)
{
	return &self->changed;
}

void desktop_forget(struct desktop *self)
{
	damage_clear(&self->changed);
}
