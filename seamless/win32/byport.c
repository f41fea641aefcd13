/* Contents by the port, for windows that find no room in the atlas: as
 * seamless/agent/pixels.c, but from a picture in memory, and without zlib,
 * which Windows has not. What the client has of a window is kept here; what a
 * full link holds back differs from it still, so the next turn finds it. */
#include <string.h>

#include "seamless/win32/agent.h"

#define SIDE 112 /* a piece's pixels fit a message */

bool byport_begin(struct window *self, int width, int height)
{
	if (self->own.width != width || self->own.height != height) {
		canvas_destroy(&self->own);
		if (!canvas_create(&self->own, width, height))
			return false;
	}
	self->by_port = true;
	return true;
}

void byport_end(struct window *self)
{
	canvas_destroy(&self->own);
	self->by_port = false;
}

/* Unlike it in every pixel: so all of it is to be sent. */
void byport_forget(struct window *self, int width, int height)
{
	const struct canvas *now = &self->agent->scratch;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			self->own.pixels[y * self->own.stride + x] =
			    ~now->pixels[y * now->stride + x];
}

/* Copies a piece to what the client has, and into `piece`; whether it is of
 * one colour. */
static bool gather(struct window *self, const struct seam_rect *r,
		   uint32_t *piece)
{
	const struct canvas *now = &self->agent->scratch;
	uint32_t differ = 0, *to = piece;
	for (int y = r->y; y < r->y + (int)r->height; y++) {
		const uint32_t *row = now->pixels + y * now->stride + r->x;
		memcpy(self->own.pixels + y * self->own.stride + r->x, row,
		       r->width * 4);
		for (uint32_t x = 0; x < r->width; x++, to++) {
			*to = row[x] & 0xffffff;
			differ |= *to ^ *piece;
		}
	}
	return !differ;
}

static void send_piece(struct window *self, const struct seam_rect *r)
{
	static uint32_t piece[SIDE * SIDE];
	bool flat = gather(self, r, piece);
	struct seam_message message = {.type = SEAM_PIXELS,
				       .window = self->peer.id};
	message.pixels = (struct seam_pixels){
	    .generation = self->generation,
	    .frame = self->peer.frame + 1,
	    .width = self->drawn_width,
	    .height = self->drawn_height,
	    .area = *r,
	    .encoding = flat ? SEAM_FLAT_BGRX : SEAM_RAW_BGRX,
	    /* little-endian, as all of Windows is */
	    .data = {(const uint8_t *)piece,
		     flat ? 4 : r->width * r->height * 4},
	};
	agent_send(self->agent, &message);
}

bool byport_send(struct window *self)
{
	for (unsigned i = 0; i < self->n_rects; i++) {
		const struct seam_rect *r = &self->rects[i];
		int right = r->x + (int)r->width, end = r->y + (int)r->height;
		for (int y = r->y; y < end; y += SIDE)
			for (int x = r->x; x < right; x += SIDE) {
				if (!link_has_room(self->agent->link))
					return false;
				send_piece(self,
					   &(struct seam_rect){
					       x, y,
					       (uint32_t)least(SIDE, right - x),
					       (uint32_t)least(SIDE, end - y)});
			}
	}
	return true;
}
