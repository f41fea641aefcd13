/* Rectangles that carry no pixels: size and screens, cursor, name, LEDs, and
 * the answers that tell a client which extensions are there. */
#include <string.h>

#include "display/rfb/client.h"

static void put_header(struct rfb_client *self, unsigned x, unsigned y,
		       unsigned w, unsigned h, enum rfb_encoding encoding)
{
	uint8_t *p = rfb_grow(self->message, 12);
	rfb_put16(p, x);
	rfb_put16(p + 2, y);
	rfb_put16(p + 4, w);
	rfb_put16(p + 6, h);
	rfb_put32(p + 8, encoding);
}

unsigned rfb_pseudo_count(const struct rfb_client *self)
{
	return self->size_due + self->cursor_due + self->name_due +
	       self->leds_due + self->motion_due + self->key_due +
	       self->audio_due;
}

static void put_size(struct rfb_client *self)
{
	const struct desktop *desktop =
	    display_desktop(rfb_server_display(self->server));
	struct desktop_head heads[DESKTOP_HEADS_MAX];
	unsigned count = desktop_heads(desktop, heads);
	self->width = desktop_width(desktop);
	self->height = desktop_height(desktop);
	if (!self->can_resize_extended) {
		put_header(self, 0, 0, self->width, self->height,
			   RFB_ENC_DESKTOP_SIZE);
		return;
	}
	if (!count) /* before the first picture: one screen of that size */
		heads[count++] =
		    (struct desktop_head){0, {0, 0, self->width, self->height}};
	put_header(self, self->size_reason, self->size_status, self->width,
		   self->height, RFB_ENC_EXTENDED_DESKTOP_SIZE);
	uint8_t *p = rfb_grow(self->message, 4 + 16 * count);
	memset(p, 0, 4 + 16 * count);
	p[0] = count;
	p += 4;
	for (unsigned i = 0; i < count; i++, p += 16) {
		rfb_put32(p, heads[i].number);
		rfb_put16(p + 4, heads[i].at.x);
		rfb_put16(p + 6, heads[i].at.y);
		rfb_put16(p + 8, heads[i].at.w);
		rfb_put16(p + 10, heads[i].at.h);
	}
}

/* ---- cursor ---- */

/* The colour itself, out of a premultiplied pixel. */
static uint32_t plain_colour(uint32_t pixel)
{
	uint32_t alpha = pixel >> 24, colour = 0;
	if (!alpha)
		return 0;
	for (int shift = 16; shift >= 0; shift -= 8) {
		uint32_t value = (pixel >> shift & 0xff) * 255 / alpha;
		colour |= MIN(value, 255u) << shift;
	}
	return colour;
}

static bool is_light(uint32_t colour)
{
	return (colour >> 16 & 0xff) * 3 + (colour >> 8 & 0xff) * 6 +
		   (colour & 0xff) >
	       1275;
}

/* One bit a pixel, rows padded: opaque, or (light) also of a light colour. */
static void put_bits(struct rfb_client *self, const struct cursor *cursor,
		     bool light)
{
	unsigned row = (cursor->width + 7) / 8;
	uint8_t *p = rfb_grow(self->message, (size_t)row * cursor->height);
	memset(p, 0, (size_t)row * cursor->height);
	for (unsigned y = 0; y < cursor->height; y++)
		for (unsigned x = 0; x < cursor->width; x++) {
			uint32_t pixel = cursor->pixels[y * cursor->width + x];
			bool on = pixel >> 24 >= 128 &&
				  (!light || is_light(plain_colour(pixel)));
			p[y * row + x / 8] |= on << (7 - x % 8);
		}
}

static void put_alpha_pixels(struct rfb_client *self,
			     const struct cursor *cursor)
{
	size_t count = (size_t)cursor->width * cursor->height;
	uint8_t *p = rfb_grow(self->message, 4 + count * 4);
	rfb_put32(p, RFB_ENC_RAW);
	p += 4;
	for (size_t i = 0; i < count; i++, p += 4) {
		uint32_t pixel = cursor->pixels[i], alpha = pixel >> 24;
		p[0] = MIN(pixel >> 16 & 0xff, alpha);
		p[1] = MIN(pixel >> 8 & 0xff, alpha);
		p[2] = MIN(pixel & 0xff, alpha);
		p[3] = alpha;
	}
}

static void put_cursor(struct rfb_client *self)
{
	const struct cursor *cursor =
	    display_cursor(rfb_server_display(self->server));
	size_t count = (size_t)cursor->width * cursor->height;
	put_header(self, cursor->hot_x, cursor->hot_y, cursor->width,
		   cursor->height, self->cursor_encoding);
	if (self->cursor_encoding == RFB_ENC_CURSOR_ALPHA) {
		put_alpha_pixels(self, cursor);
	} else if (self->cursor_encoding == RFB_ENC_CURSOR) {
		uint8_t *p =
		    rfb_grow(self->message, count * self->format.bytes);
		for (size_t i = 0; i < count; i++) {
			uint32_t colour = plain_colour(cursor->pixels[i]);
			rfb_format_map(&self->format, &colour, &colour, 1);
			p = rfb_put_pixel(&self->format, colour, p);
		}
		put_bits(self, cursor, false);
	} else if (count) { /* XCursor: white on black */
		uint8_t *p = rfb_grow(self->message, 6);
		memset(p, 255, 3);
		memset(p + 3, 0, 3);
		put_bits(self, cursor, true);
		put_bits(self, cursor, false);
	}
}

/* ---- all ---- */

void rfb_pseudo_write(struct rfb_client *self)
{
	struct display *display = rfb_server_display(self->server);
	if (self->size_due)
		put_size(self);
	if (self->cursor_due)
		put_cursor(self);
	if (self->name_due) {
		const char *name = display_name(display);
		put_header(self, 0, 0, 0, 0, RFB_ENC_DESKTOP_NAME);
		rfb_put32(rfb_grow(self->message, 4), strlen(name));
		g_byte_array_append(self->message, (const guint8 *)name,
				    strlen(name));
	}
	if (self->leds_due) {
		put_header(self, 0, 0, 0, 0, RFB_ENC_LED_STATE);
		*rfb_grow(self->message, 1) = display_leds(display);
	}
	if (self->motion_due) /* x: positions are absolute */
		put_header(self, 1, 0, 0, 0, RFB_ENC_POINTER_MOTION);
	if (self->key_due)
		put_header(self, 0, 0, 0, 0, RFB_ENC_EXTENDED_KEY);
	if (self->audio_due)
		put_header(self, 0, 0, 0, 0, RFB_ENC_AUDIO);
	self->size_due = self->cursor_due = self->name_due = self->leds_due =
	    self->motion_due = self->key_due = self->audio_due = false;
	self->size_reason = self->size_status = 0;
}
