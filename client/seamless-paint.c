/* Contents live on the X server: each rectangle goes there once, a COMMIT
 * and every exposure are copies within the server. A new size is drawn into
 * a pixmap of its own and takes the old one's place at its COMMIT, so that
 * nothing half-drawn is ever seen. */
#include <string.h>
#include <zlib.h>

#include "client/seamless-private.h"

#define RECT_BYTES_MAX (16u << 20)

static void free_contents(struct seamless *desk, struct contents *contents)
{
	if (contents->pixmap)
		XFreePixmap(desk->x11->display, contents->pixmap);
	desk->pixels -= (uint64_t)contents->width * contents->height;
	*contents = (struct contents){0};
}

void window_drop_contents(struct seamless_window *window)
{
	free_contents(window->desk, &window->shown);
	free_contents(window->desk, &window->next);
}

static void no_damage(struct seamless_window *window)
{
	window->damage_x0 = window->damage_y0 = INT32_MAX;
	window->damage_x1 = window->damage_y1 = 0;
}

static gboolean begin_contents(struct seamless_window *window,
			       const struct seam_pixels *pixels,
			       const char **why)
{
	struct seamless *desk = window->desk;
	free_contents(desk, &window->next);
	uint64_t size = (uint64_t)pixels->width * pixels->height;
	if (desk->pixels + size > SEAM_PIXELS_MAX) {
		*why = "all windows together have too many pixels";
		return FALSE;
	}
	desk->pixels += size;
	window->next = (struct contents){
	    .pixmap = XCreatePixmap(desk->x11->display, desk->x11->root,
				    pixels->width, pixels->height,
				    (unsigned)desk->x11->depth),
	    .generation = pixels->generation,
	    .width = pixels->width,
	    .height = pixels->height,
	};
	XFillRectangle(desk->x11->display, window->next.pixmap, desk->x11->fill,
		       0, 0, pixels->width, pixels->height);
	return TRUE;
}

/* ---- decoding ---- */

static gboolean inflate_rect(struct seamless *desk,
			     const struct seam_blob *data, gsize size)
{
	z_stream *z = desk->inflate;
	if (inflateReset(z) != Z_OK)
		return FALSE;
	z->next_in = (Bytef *)data->bytes;
	z->avail_in = data->size;
	z->next_out = desk->pixel_bytes;
	z->avail_out = (uInt)size;
	return inflate(z, Z_FINISH) == Z_STREAM_END && z->avail_out == 0;
}

/* The area's pixels as bytes B, G, R, x; NULL where they make no sense. */
static const uint8_t *decode(struct seamless *desk,
			     const struct seam_pixels *pixels)
{
	gsize size = (gsize)pixels->area.width * pixels->area.height * 4;
	if (size > RECT_BYTES_MAX)
		return NULL;
	if (pixels->encoding == SEAM_RAW_BGRX)
		return pixels->data.size == size ? pixels->data.bytes : NULL;
	if (size > desk->pixel_room) {
		desk->pixel_bytes = g_realloc(desk->pixel_bytes, size);
		desk->pixel_room = size;
	}
	if (pixels->encoding == SEAM_ZLIB_BGRX &&
	    inflate_rect(desk, &pixels->data, size))
		return desk->pixel_bytes;
	return NULL;
}

static void fill_flat(struct seamless *desk, Pixmap pixmap,
		      const struct seam_rect *area, const uint8_t *bgrx)
{
	XGCValues colour = {.foreground = (unsigned long)bgrx[2] << 16 |
					  (unsigned long)bgrx[1] << 8 |
					  bgrx[0]};
	GC gc = XCreateGC(desk->x11->display, pixmap, GCForeground, &colour);
	XFillRectangle(desk->x11->display, pixmap, gc, area->x, area->y,
		       area->width, area->height);
	XFreeGC(desk->x11->display, gc);
}

gboolean window_take_pixels(struct seamless_window *window,
			    const struct seam_pixels *pixels, const char **why)
{
	struct seamless *desk = window->desk;
	const struct seam_rect *area = &pixels->area;
	if (area->x < 0 || area->y < 0 || area->width > pixels->width ||
	    (uint32_t)area->x > pixels->width - area->width ||
	    area->height > pixels->height ||
	    (uint32_t)area->y > pixels->height - area->height) {
		*why = "pixels outside of their window";
		return FALSE;
	}
	struct contents *into = &window->shown;
	if (!into->pixmap || into->generation != pixels->generation)
		into = &window->next;
	if ((!into->pixmap || into->generation != pixels->generation) &&
	    !begin_contents(window, pixels, why))
		return FALSE;
	if (into->width != pixels->width || into->height != pixels->height) {
		*why = "one generation of contents with two sizes";
		return FALSE;
	}
	if (pixels->encoding == SEAM_FLAT_BGRX && pixels->data.size == 4) {
		fill_flat(desk, into->pixmap, area, pixels->data.bytes);
	} else {
		const uint8_t *bytes = decode(desk, pixels);
		if (!bytes) {
			*why = "pixels that cannot be decoded";
			return FALSE;
		}
		XImage image = {.width = (int)area->width,
				.height = (int)area->height,
				.format = ZPixmap,
				.data = (char *)bytes,
				.byte_order = LSBFirst,
				.bitmap_unit = 32,
				.bitmap_bit_order = LSBFirst,
				.bitmap_pad = 32,
				.depth = desk->x11->depth,
				.bytes_per_line = (int)area->width * 4,
				.bits_per_pixel = 32,
				.red_mask = 0xff0000,
				.green_mask = 0xff00,
				.blue_mask = 0xff};
		XInitImage(&image);
		XPutImage(desk->x11->display, into->pixmap, desk->x11->copy,
			  &image, 0, 0, area->x, area->y, area->width,
			  area->height);
	}
	if (into == &window->shown) {
		window->damage_x0 = MIN(window->damage_x0, area->x);
		window->damage_y0 = MIN(window->damage_y0, area->y);
		window->damage_x1 =
		    MAX(window->damage_x1, area->x + (int)area->width);
		window->damage_y1 =
		    MAX(window->damage_y1, area->y + (int)area->height);
	}
	return TRUE;
}

gboolean window_take_commit(struct seamless_window *window,
			    const struct seam_commit *commit)
{
	if (window->next.pixmap &&
	    window->next.generation == commit->generation) {
		free_contents(window->desk, &window->shown);
		window->shown = window->next;
		window->next = (struct contents){0};
		no_damage(window);
		window_paint_all(window);
		return TRUE;
	}
	if (!window->shown.pixmap ||
	    window->shown.generation != commit->generation)
		return FALSE;
	if (window->damage_x1 > window->damage_x0) {
		int inset = (int)window->desk->inset;
		window_paint(window, window->damage_x0 + inset,
			     window->damage_y0 + inset,
			     window->damage_x1 - window->damage_x0,
			     window->damage_y1 - window->damage_y0);
	}
	no_damage(window);
	return TRUE;
}

/* ---- showing ---- */

/* A part of the local window: contents, what they do not cover, border. */
void window_paint(struct seamless_window *window, int x, int y, int width,
		  int height)
{
	struct seamless *desk = window->desk;
	struct x11 *x11 = desk->x11;
	int inset = (int)desk->inset;
	int right = MIN(x + width, (int)window->shown.width + inset);
	int bottom = MIN(y + height, (int)window->shown.height + inset);
	int left = MAX(x, inset), top = MAX(y, inset);
	bool whole =
	    left == x && top == y && right == x + width && bottom == y + height;
	if (!whole) /* the background: border or what is yet to come */
		XClearArea(x11->display, window->xid, x, y, (unsigned)width,
			   (unsigned)height, False);
	if (!window->shown.pixmap || right <= left || bottom <= top)
		return;
	XCopyArea(x11->display, window->shown.pixmap, window->xid, x11->copy,
		  left - inset, top - inset, (unsigned)(right - left),
		  (unsigned)(bottom - top), left, top);
	if (!desk->stream) /* cut off: still there to be seen, no more */
		XFillRectangle(x11->display, window->xid, x11->dim, left, top,
			       (unsigned)(right - left),
			       (unsigned)(bottom - top));
}

void window_paint_all(struct seamless_window *window)
{
	unsigned inset = 2 * window->desk->inset;
	window_paint(
	    window, 0, 0,
	    (int)MAX(window->at.width, window->shown.width) + (int)inset,
	    (int)MAX(window->at.height, window->shown.height) + (int)inset);
}
