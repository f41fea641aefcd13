#include "display/spice/draw.h"

/* Bytes of DRAW_COPY before the image it points to. */
#define COPY_PREFIX 57u

void spice_draw_create(struct spice_channel *self, uint32_t surface,
		       unsigned width, unsigned height)
{
	GByteArray *out =
	    spice_channel_begin(self, SPICE_MSG_DISPLAY_SURFACE_CREATE);
	put32(out, surface);
	put32(out, width);
	put32(out, height);
	put32(out, SPICE_SURFACE_FMT_32_xRGB);
	put32(out,
	      surface == SPICE_SURFACE_SHOWN ? SPICE_SURFACE_FLAGS_PRIMARY : 0);
	spice_channel_end(self);
}

void spice_draw_destroy(struct spice_channel *self, uint32_t surface)
{
	put32(spice_channel_begin(self, SPICE_MSG_DISPLAY_SURFACE_DESTROY),
	      surface);
	spice_channel_end(self);
}

void spice_draw_mark(struct spice_channel *self)
{
	spice_channel_begin(self, SPICE_MSG_DISPLAY_MARK);
	spice_channel_end(self);
}

void spice_draw_monitors(struct spice_channel *self)
{
	struct display *display = spice_server_display(self->server);
	const struct desktop *desktop = display_desktop(display);
	struct desktop_head heads[DESKTOP_HEADS_MAX];
	unsigned count = desktop_heads(desktop, heads);
	if (!spice_channel_can(self, SPICE_DISPLAY_CAP_MONITORS_CONFIG))
		return;
	if (!count) /* before the first picture */
		heads[count++] = (struct desktop_head){
		    0, {0, 0, desktop_width(desktop), desktop_height(desktop)}};
	GByteArray *out =
	    spice_channel_begin(self, SPICE_MSG_DISPLAY_MONITORS_CONFIG);
	put16(out, count);
	put16(out, MAX(display_heads_most(display), count));
	for (unsigned i = 0; i < count; i++) {
		put32(out, heads[i].number);
		put32(out, SPICE_SURFACE_SHOWN);
		put32(out, heads[i].at.w);
		put32(out, heads[i].at.h);
		put32(out, heads[i].at.x);
		put32(out, heads[i].at.y);
		put32(out, 0);
	}
	spice_channel_end(self);
}

/* ---- drawing ---- */

static void put_base(GByteArray *out, uint32_t surface, const struct rect *rect)
{
	put32(out, surface);
	put_rect(out, rect);
	put8(out, SPICE_CLIP_TYPE_NONE);
}

static void put_no_mask(GByteArray *out)
{
	put8(out, 0);
	put64(out, 0);
	put32(out, 0);
}

static void draw_fill(struct spice_channel *self, uint32_t surface,
		      const struct rect *rect, const uint8_t colour[4])
{
	GByteArray *out =
	    spice_channel_begin(self, SPICE_MSG_DISPLAY_DRAW_FILL);
	put_base(out, surface, rect);
	put8(out, SPICE_BRUSH_TYPE_SOLID);
	g_byte_array_append(out, colour, 4);
	put16(out, SPICE_ROPD_OP_PUT);
	put_no_mask(out);
	spice_channel_end(self);
}

/* A DRAW_COPY up to its image's descriptor; what is in it follows. */
static GByteArray *begin_copy(struct spice_channel *self, uint32_t surface,
			      const struct rect *rect, unsigned type)
{
	const struct rect whole = {0, 0, rect->w, rect->h};
	GByteArray *out =
	    spice_channel_begin(self, SPICE_MSG_DISPLAY_DRAW_COPY);
	put_base(out, surface, rect);
	put32(out, COPY_PREFIX);
	put_rect(out, &whole);
	put16(out, SPICE_ROPD_OP_PUT);
	put8(out, SPICE_IMAGE_SCALE_MODE_NEAREST);
	put_no_mask(out);
	put64(out, 0); /* the image's id: it is not kept */
	put8(out, type);
	put8(out, 0);
	put32(out, rect->w);
	put32(out, rect->h);
	return out;
}

void spice_draw_image(struct spice_channel *self, uint32_t surface,
		      const struct rect *rect, uint32_t outcome,
		      const GByteArray *body)
{
	GByteArray *out;
	switch (outcome & 0xff) {
	case SPICE_IMAGE_FILL:
		draw_fill(self, surface, rect, body->data);
		return;
	case SPICE_IMAGE_LZ:
		out = begin_copy(self, surface, rect, SPICE_IMAGE_TYPE_LZ_RGB);
		break;
	case SPICE_IMAGE_LZ4:
		out = begin_copy(self, surface, rect, SPICE_IMAGE_TYPE_LZ4);
		break;
	default:
		out = begin_copy(self, surface, rect, SPICE_IMAGE_TYPE_JPEG);
		break;
	}
	put32(out, body->len);
	g_byte_array_append(out, body->data, body->len);
	spice_channel_end(self);
}

void spice_draw_move(struct spice_channel *self, uint32_t surface,
		     const struct move *move)
{
	struct rect from = move_from(move);
	GByteArray *out =
	    spice_channel_begin(self, SPICE_MSG_DISPLAY_COPY_BITS);
	put_base(out, surface, &move->to);
	put32(out, from.x);
	put32(out, from.y);
	spice_channel_end(self);
}

void spice_draw_show(struct spice_channel *self, unsigned width,
		     unsigned height)
{
	const struct rect whole = {0, 0, width, height};
	GByteArray *out = begin_copy(self, SPICE_SURFACE_SHOWN, &whole,
				     SPICE_IMAGE_TYPE_SURFACE);
	put32(out, SPICE_SURFACE_HIDDEN);
	spice_channel_end(self);
}
