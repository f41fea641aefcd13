/* Keys, pointer, lock lights. */
#include "display/spice/channel.h"

struct inputs {
	unsigned motions; /* since the last acknowledgement */
	unsigned buttons;
	/* scan codes that announce another byte */
	bool extended;
	unsigned pause; /* bytes of 0xe1's sequence still to come */
	bool pause_down;
	unsigned x, y; /* for motions: where the pointer is */
};

static void up(struct spice_channel *self)
{
	self->state = g_new0(struct inputs, 1);
	GByteArray *out = spice_channel_begin(self, SPICE_MSG_INPUTS_INIT);
	put16(out, display_leds(spice_server_display(self->server)));
	spice_channel_end(self);
}

void spice_inputs_leds(struct spice_channel *self)
{
	/* Display1's bits are SPICE's: scroll, num, caps */
	GByteArray *out =
	    spice_channel_begin(self, SPICE_MSG_INPUTS_KEY_MODIFIERS);
	put16(out, display_leds(spice_server_display(self->server)));
	spice_channel_end(self);
}

/* ---- keys ---- */

/* PC/AT set 1 as a keyboard sends it, byte by byte. */
static void scan_code(struct spice_channel *self, uint8_t byte)
{
	struct inputs *inputs = self->state;
	struct viewer *viewer = &self->client->viewer;
	if (inputs->pause) { /* 1d 45, or 9d c5 */
		inputs->pause_down = !(byte & 0x80);
		if (!--inputs->pause)
			display_key(viewer, 0xc6, inputs->pause_down);
	} else if (byte == 0xe1) {
		inputs->pause = 2;
	} else if (byte == 0xe0) {
		inputs->extended = true;
	} else {
		unsigned code = (byte & 0x7f) | (inputs->extended ? 0x80 : 0);
		inputs->extended = false;
		display_key(viewer, code, !(byte & 0x80));
	}
}

/* The bytes of a code, lowest first; zeros fill it up. */
static void key(struct spice_channel *self, uint32_t code)
{
	do
		scan_code(self, code & 0xff);
	while (code >>= 8);
}

/* The client's lock lights: the guest's follow, if it has any. */
static void set_locks(struct spice_channel *self, unsigned wanted)
{
	static const struct {
		unsigned led, code;
	} locks[] = {{SOURCE_LED_SCROLL, 0x46},
		     {SOURCE_LED_NUM, 0x45},
		     {SOURCE_LED_CAPS, 0x3a}};
	struct viewer *viewer = &self->client->viewer;
	unsigned have = display_leds(spice_server_display(self->server));
	for (guint i = 0; i < G_N_ELEMENTS(locks); i++) {
		if (!((have ^ wanted) & locks[i].led))
			continue;
		display_key(viewer, locks[i].code, true);
		display_key(viewer, locks[i].code, false);
	}
}

/* ---- pointer ---- */

static void point(struct spice_channel *self, unsigned x, unsigned y)
{
	struct inputs *inputs = self->state;
	inputs->x = x;
	inputs->y = y;
	display_pointer(&self->client->viewer, x, y, inputs->buttons);
}

/* Inside of a head, or of the desktop when there is no such head. */
static void point_in(struct spice_channel *self, uint32_t x, uint32_t y,
		     unsigned head)
{
	const struct desktop *desktop =
	    display_desktop(spice_server_display(self->server));
	struct rect at;
	if (!desktop_head(desktop, head, &at) || !at.w)
		at = (struct rect){0, 0, desktop_width(desktop),
				   desktop_height(desktop)};
	point(self, at.x + MIN(x, at.w - 1), at.y + MIN(y, at.h - 1));
}

static void move_by(struct spice_channel *self, int32_t dx, int32_t dy)
{
	struct inputs *inputs = self->state;
	const struct desktop *desktop =
	    display_desktop(spice_server_display(self->server));
	gint64 right = (gint64)desktop_width(desktop) - 1;
	gint64 bottom = (gint64)desktop_height(desktop) - 1;
	gint64 x = CLAMP((gint64)inputs->x + dx, 0, MAX(right, 0));
	gint64 y = CLAMP((gint64)inputs->y + dy, 0, MAX(bottom, 0));
	point(self, (unsigned)x, (unsigned)y);
}

/* A client stops sending motions when so many are unanswered. */
static void count_motion(struct spice_channel *self)
{
	struct inputs *inputs = self->state;
	if (++inputs->motions < SPICE_INPUT_MOTION_ACK_BUNCH)
		return;
	inputs->motions = 0;
	spice_channel_begin(self, SPICE_MSG_INPUTS_MOUSE_MOTION_ACK);
	spice_channel_end(self);
}

static void button(struct spice_channel *self, unsigned number, bool pressed)
{
	static const uint8_t known[] = {
	    [SPICE_MOUSE_BUTTON_LEFT] = SOURCE_LEFT,
	    [SPICE_MOUSE_BUTTON_MIDDLE] = SOURCE_MIDDLE,
	    [SPICE_MOUSE_BUTTON_RIGHT] = SOURCE_RIGHT,
	    [SPICE_MOUSE_BUTTON_UP] = SOURCE_WHEEL_UP,
	    [SPICE_MOUSE_BUTTON_DOWN] = SOURCE_WHEEL_DOWN,
	    [SPICE_MOUSE_BUTTON_SIDE] = SOURCE_SIDE,
	    [SPICE_MOUSE_BUTTON_EXTRA] = SOURCE_EXTRA,
	};
	struct inputs *inputs = self->state;
	if (!number || number >= G_N_ELEMENTS(known))
		return;
	if (pressed)
		inputs->buttons |= 1u << known[number];
	else
		inputs->buttons &= ~(1u << known[number]);
	point(self, inputs->x, inputs->y);
}

/* ---- messages ---- */

static void message(struct spice_channel *self, unsigned type,
		    struct reader *body)
{
	uint32_t a, b, mask, head;
	switch (type) {
	case SPICE_MSGC_INPUTS_KEY_DOWN:
	case SPICE_MSGC_INPUTS_KEY_UP:
		a = take32(body);
		if (!body->bad)
			key(self, a);
		break;
	case SPICE_MSGC_INPUTS_KEY_SCANCODE:
		while (body->left)
			scan_code(self, take8(body));
		break;
	case SPICE_MSGC_INPUTS_KEY_MODIFIERS:
		a = take16(body);
		if (!body->bad)
			set_locks(self, a);
		break;
	case SPICE_MSGC_INPUTS_MOUSE_MOTION:
		a = take32(body);
		b = take32(body);
		take16(body);
		if (body->bad)
			break;
		move_by(self, (int32_t)a, (int32_t)b);
		count_motion(self);
		break;
	case SPICE_MSGC_INPUTS_MOUSE_POSITION:
		a = take32(body);
		b = take32(body);
		mask = take16(body);
		head = take8(body);
		if (body->bad)
			break;
		(void)mask; /* presses and releases tell */
		point_in(self, a, b, head);
		count_motion(self);
		break;
	case SPICE_MSGC_INPUTS_MOUSE_PRESS:
	case SPICE_MSGC_INPUTS_MOUSE_RELEASE:
		a = take8(body);
		take16(body);
		if (!body->bad)
			button(self, a, type == SPICE_MSGC_INPUTS_MOUSE_PRESS);
		break;
	default:
		spice_channel_fail(self, "an unknown message");
		break;
	}
}

static bool full(struct spice_channel *self)
{
	return display_input_full(spice_server_display(self->server));
}

const struct spice_channel_ops spice_inputs_ops = {
    .type = SPICE_CHANNEL_INPUTS,
    .up = up,
    .message = message,
    .full = full,
    .release = g_free,
};
