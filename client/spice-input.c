/* Keys, pointer and cursor of a SPICE session. */
#include "client/spice-session.h"

#include <string.h>

#include "client/keymap.h"

/* The server acknowledges every fourth position. */
#define POSITIONS_PER_ACK 4

static const struct {
	unsigned bit; /* of a session's buttons */
	int button, mask;
} buttons_map[] = {
    {1u << 0, SPICE_MOUSE_BUTTON_LEFT, SPICE_MOUSE_BUTTON_MASK_LEFT},
    {1u << 1, SPICE_MOUSE_BUTTON_MIDDLE, SPICE_MOUSE_BUTTON_MASK_MIDDLE},
    {1u << 2, SPICE_MOUSE_BUTTON_RIGHT, SPICE_MOUSE_BUTTON_MASK_RIGHT},
    {1u << 3, SPICE_MOUSE_BUTTON_UP, 0},
    {1u << 4, SPICE_MOUSE_BUTTON_DOWN, 0},
    /* SPICE has no wheel to the sides */
    {1u << 7, SPICE_MOUSE_BUTTON_SIDE, SPICE_MOUSE_BUTTON_MASK_SIDE},
    {1u << 8, SPICE_MOUSE_BUTTON_EXTRA, SPICE_MOUSE_BUTTON_MASK_EXTRA},
};

static int mask_of(unsigned buttons)
{
	int mask = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(buttons_map); i++)
		if (buttons & buttons_map[i].bit)
			mask |= buttons_map[i].mask;
	return mask;
}

void spice_input_key(struct session *session, unsigned keysym, unsigned qnum,
		     gboolean down)
{
	struct spice_session *self = (struct spice_session *)session;
	if (!qnum)
		qnum = keymap_qnum_of_keysym(keysym);
	if (!self->inputs || !qnum)
		return;
	guint scancode = qnum & 0x80 ? 0x100 | (qnum & 0x7f) : qnum;
	if (down)
		spice_inputs_channel_key_press(self->inputs, scancode);
	else
		spice_inputs_channel_key_release(self->inputs, scancode);
}

void spice_input_pointer(struct session *session, int head, int x, int y,
			 unsigned buttons)
{
	struct spice_session *self = (struct spice_session *)session;
	if (!self->inputs)
		return;
	int mask = mask_of(self->buttons);
	if (self->mouse_mode == SPICE_MOUSE_MODE_CLIENT)
		spice_inputs_channel_position(self->inputs, x, y, head, mask);
	else if (x != self->x || y != self->y)
		spice_inputs_channel_motion(self->inputs, x - self->x,
					    y - self->y, mask);
	self->x = x;
	self->y = y;
	self->head = head;
	self->pointed = TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(buttons_map); i++) {
		unsigned bit = buttons_map[i].bit;
		if ((buttons ^ self->buttons) & bit) {
			if (buttons & bit)
				spice_inputs_channel_button_press(
				    self->inputs, buttons_map[i].button, mask);
			else
				spice_inputs_channel_button_release(
				    self->inputs, buttons_map[i].button, mask);
			self->buttons ^= bit;
			mask = mask_of(self->buttons);
		}
	}
	self->buttons = buttons;
}

gboolean spice_input_can_probe(const struct spice_session *self)
{
	return self->inputs && self->pointed &&
	       self->mouse_mode == SPICE_MOUSE_MODE_CLIENT;
}

void spice_input_probe(struct session *session)
{
	struct spice_session *self = (struct spice_session *)session;
	if (!spice_input_can_probe(self))
		return;
	for (int i = 0; i < POSITIONS_PER_ACK; i++)
		spice_inputs_channel_position(self->inputs, self->x, self->y,
					      self->head,
					      mask_of(self->buttons));
}

static void on_modifiers(SpiceChannel *channel, struct spice_session *self)
{
	int modifiers = 0;
	g_object_get(channel, "key-modifiers", &modifiers, NULL);
	unsigned leds = 0;
	if (modifiers & SPICE_INPUTS_SCROLL_LOCK)
		leds |= SESSION_LED_SCROLL;
	if (modifiers & SPICE_INPUTS_NUM_LOCK)
		leds |= SESSION_LED_NUM;
	if (modifiers & SPICE_INPUTS_CAPS_LOCK)
		leds |= SESSION_LED_CAPS;
	self->handlers->leds(leds, self->data);
}

void spice_input_add(struct spice_session *self, SpiceChannel *channel)
{
	g_signal_connect(channel, "inputs-modifiers", G_CALLBACK(on_modifiers),
			 self);
}

void spice_input_mouse_mode(struct spice_session *self)
{
	g_object_get(self->main, "mouse-mode", &self->mouse_mode, NULL);
	if (self->mouse_mode != SPICE_MOUSE_MODE_CLIENT)
		spice_main_channel_request_mouse_mode(self->main,
						      SPICE_MOUSE_MODE_CLIENT);
}

/* --- cursor --------------------------------------------------------- */

static void tell_cursor(struct spice_session *self, const guint8 *rgba,
			int width, int height, int hot_x, int hot_y)
{
	cairo_surface_t *image =
	    cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, height);
	if (cairo_surface_status(image) == CAIRO_STATUS_SUCCESS) {
		guint8 *to = cairo_image_surface_get_data(image);
		int stride = cairo_image_surface_get_stride(image);
		for (int y = 0; y < height; y++)
			for (int x = 0; x < width; x++) {
				const guint8 *in =
				    rgba +
				    4 * ((gsize)y * (gsize)width + (gsize)x);
				guint32 a = in[3];
				guint32 pixel =
				    a << 24 | in[0] * a / 255 << 16 |
				    in[1] * a / 255 << 8 | in[2] * a / 255;
				memcpy(to + (gsize)y * (gsize)stride +
					   4 * (gsize)x,
				       &pixel, sizeof pixel);
			}
		cairo_surface_mark_dirty(image);
		self->handlers->cursor(image, CLAMP(hot_x, 0, width - 1),
				       CLAMP(hot_y, 0, height - 1), self->data);
	}
	cairo_surface_destroy(image);
}

static void on_cursor(SpiceChannel *channel, GParamSpec *spec,
		      struct spice_session *self)
{
	SpiceCursorShape *shape = NULL;
	g_object_get(channel, "cursor", &shape, NULL);
	if (!shape)
		return;
	if (shape->data && shape->width && shape->height)
		tell_cursor(self, shape->data, shape->width, shape->height,
			    shape->hot_spot_x, shape->hot_spot_y);
	else
		self->handlers->cursor(NULL, 0, 0, self->data);
	g_boxed_free(SPICE_TYPE_CURSOR_SHAPE, shape);
}

static void on_hide(SpiceChannel *channel, struct spice_session *self)
{
	self->handlers->cursor(NULL, 0, 0, self->data);
}

void spice_cursor_add(struct spice_session *self, SpiceChannel *channel)
{
	g_signal_connect(channel, "notify::cursor", G_CALLBACK(on_cursor),
			 self);
	g_signal_connect(channel, "cursor-hide", G_CALLBACK(on_hide), self);
}
