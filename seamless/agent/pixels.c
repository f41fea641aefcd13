/* Contents by the guest's port: for windows that find no room in the atlas,
 * or on machines whose heads carry none.
 *
 * What has changed is read from the window's pixmap and sent piece by piece
 * as the link has room; what is still to be sent stays in the window's damage,
 * so a client that does not read costs nothing. The COMMIT follows when all
 * of it is on its way. */
#include "seamless/agent/agent.h"

#include <X11/Xutil.h>
#include <string.h>
#include <zlib.h>

#define SIDE  112 /* a piece's raw pixels fit a message */
#define BYTES (SIDE * SIDE * 4)

struct pixels {
	z_stream deflate;
	uint8_t raw[BYTES], packed[BYTES];
};

static struct pixels *buffers(void)
{
	static struct pixels *self;
	if (self)
		return self;
	self = g_new0(struct pixels, 1);
	/* fast: the bytes go through shared memory, then to a program that
	 * passes them on */
	if (deflateInit(&self->deflate, 1) != Z_OK)
		g_clear_pointer(&self, g_free);
	return self;
}

/* The area's pixels as B, G, R, 0; whether all are the same. */
static bool gather(struct pixels *self, XImage *image, int width, int height)
{
	uint32_t first = 0, differ = 0;
	uint8_t *to = self->raw;
	for (int y = 0; y < height; y++) {
		const char *row =
		    image->data + (size_t)y * (size_t)image->bytes_per_line;
		for (int x = 0; x < width; x++, to += 4) {
			uint32_t pixel;
			memcpy(&pixel, row + (size_t)x * 4, 4);
			pixel = GUINT32_TO_LE(pixel) & 0xffffff;
			if (to == self->raw)
				first = pixel;
			differ |= pixel ^ first;
			memcpy(to, &pixel, 4);
		}
	}
	return !differ;
}

static void encode(struct pixels *self, bool flat, struct seam_pixels *out)
{
	uint32_t size = out->area.width * out->area.height * 4;
	out->encoding = SEAM_RAW_BGRX;
	out->data = (struct seam_blob){self->raw, size};
	if (flat) {
		out->encoding = SEAM_FLAT_BGRX;
		out->data.size = 4;
		return;
	}
	z_stream *z = &self->deflate;
	deflateReset(z);
	z->next_in = self->raw;
	z->avail_in = size;
	z->next_out = self->packed;
	z->avail_out = size; /* no room: it would become no smaller */
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		return;
	out->encoding = SEAM_ZLIB_BGRX;
	out->data =
	    (struct seam_blob){self->packed, size - (uint32_t)z->avail_out};
}

/* A part of the window as an image of 32 bits a pixel, or NULL. */
static XImage *read_part(struct window *self, const XRectangle *r)
{
	struct agent *agent = self->agent;
	Display *display = agent->display;
	XImage *image;
	if (!self->picture) {
		image = XGetImage(display, self->pixmap, r->x, r->y, r->width,
				  r->height, AllPlanes, ZPixmap);
	} else { /* of another depth: drawn as the atlas would have it */
		Pixmap plain = XCreatePixmap(
		    display, agent->root, r->width, r->height,
		    (unsigned)DefaultDepth(display, agent->screen));
		XRenderPictFormat *format = XRenderFindVisualFormat(
		    display, DefaultVisual(display, agent->screen));
		Picture picture =
		    XRenderCreatePicture(display, plain, format, 0, NULL);
		XRenderComposite(display, PictOpSrc, self->picture, None,
				 picture, r->x, r->y, 0, 0, 0, 0, r->width,
				 r->height);
		image = XGetImage(display, plain, 0, 0, r->width, r->height,
				  AllPlanes, ZPixmap);
		XRenderFreePicture(display, picture);
		XFreePixmap(display, plain);
	}
	if (image &&
	    (image->bits_per_pixel != 32 || image->byte_order != LSBFirst)) {
		XDestroyImage(image);
		return NULL;
	}
	return image;
}

static void send_part(struct window *self, struct pixels *buffer,
		      const XRectangle *r)
{
	XImage *image = read_part(self, r);
	if (!image)
		return;
	struct seam_message message = {.type = SEAM_PIXELS,
				       .window = self->peer.id};
	message.pixels = (struct seam_pixels){
	    .generation = self->generation,
	    .frame = self->peer.frame + 1,
	    .width = self->drawn_width,
	    .height = self->drawn_height,
	    .area = {r->x, r->y, r->width, r->height},
	};
	encode(buffer, gather(buffer, image, r->width, r->height),
	       &message.pixels);
	agent_send(self->agent, &message);
	XDestroyImage(image);
}

bool pixels_send(struct window *self)
{
	struct pixels *buffer = buffers();
	while (buffer && self->n_rects) {
		XRectangle *r = &self->rects[self->n_rects - 1];
		/* the damage may be of a size that is no more */
		int right = MIN(r->x + r->width, (int)self->drawn_width);
		int bottom = MIN(r->y + r->height, (int)self->drawn_height);
		int band = MIN(bottom - r->y, SIDE);
		for (int x = r->x; x < right && band > 0; x += SIDE) {
			if (!link_has_room(self->agent->link))
				return false; /* the band again, then */
			send_part(
			    self, buffer,
			    &(XRectangle){(short)x, r->y,
					  (unsigned short)MIN(right - x, SIDE),
					  (unsigned short)band});
		}
		if (r->height <= SIDE) {
			self->n_rects--;
		} else {
			r->y = (short)(r->y + SIDE);
			r->height = (unsigned short)(r->height - SIDE);
		}
	}
	return true;
}
