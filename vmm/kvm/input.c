#include "vmm/kvm/input.h"

#include <glib.h>
#include <linux/input-event-codes.h>

#include "vmm/kvm/chips.h"
#include "vmm/kvm/keymap.h"
#include "vmm/kvm/vm.h"

struct input_set {
	struct vm *vm;
	struct input_target *targets;
	unsigned ps2_buttons, last_x, last_y;
	unsigned lights;
};

struct input_set *input_set_new(struct vm *vm)
{
	struct input_set *set = g_new0(struct input_set, 1);

	set->vm = vm;
	return set;
}

void input_set_free(struct input_set *set)
{
	g_free(set);
}

void input_add(struct input_set *set, struct input_target *target)
{
	target->next = set->targets;
	set->targets = target;
}

void input_remove(struct input_set *set, struct input_target *target)
{
	for (struct input_target **at = &set->targets; *at; at = &(*at)->next)
		if (*at == target) {
			*at = target->next;
			return;
		}
}

bool input_has(const struct input_set *set, enum input_kind kind)
{
	for (const struct input_target *t = set->targets; t; t = t->next)
		if (t->kind == kind)
			return true;
	return false;
}

/* The ready target of this head, or of head 0 where it has none. */
static struct input_target *target_of(struct input_set *set,
				      enum input_kind kind, unsigned head)
{
	struct input_target *found = NULL;

	for (struct input_target *t = set->targets; t; t = t->next) {
		if (t->kind != kind || !t->ready(t->device))
			continue;
		if (t->head == head)
			return t;
		if (t->head == 0)
			found = t;
	}
	return found;
}

void input_key(struct input_set *set, unsigned qnum, bool down)
{
	struct input_target *keyboard = target_of(set, INPUT_KEYBOARD, 0);
	uint16_t code = keymap_from_qnum(qnum);

	if (keyboard && code) {
		struct input_event event = {EV_KEY, code, down};

		keyboard->send(keyboard->device, &event, 1);
	} else if (!keyboard) {
		chip_i8042_key(set->vm->i8042, qnum, down);
	}
}

static const uint16_t buttons[] = {BTN_LEFT, BTN_MIDDLE, BTN_RIGHT, 0,
				   0,        BTN_SIDE,   BTN_EXTRA};

void input_button(struct input_set *set, unsigned head, unsigned button,
		  bool down)
{
	struct input_target *tablet = target_of(set, INPUT_TABLET, head);
	bool wheel = button == 3 || button == 4;
	struct input_event event;

	if (button >= G_N_ELEMENTS(buttons) || (wheel && !down))
		return;
	if (tablet) {
		event =
		    wheel ? (struct input_event){EV_REL, REL_WHEEL,
						 button == 3 ? 1u : ~0u}
			  : (struct input_event){EV_KEY, buttons[button], down};
		tablet->send(tablet->device, &event, 1);
		return;
	}
	/* PS/2 order: left, right, middle */
	if (button < 3) {
		unsigned bit = button == 0 ? 1 : button == 1 ? 4 : 2;

		set->ps2_buttons =
		    down ? set->ps2_buttons | bit : set->ps2_buttons & ~bit;
	}
	chip_i8042_mouse(set->vm->i8042, 0, 0,
			 button == 3   ? -1
			 : button == 4 ? 1
				       : 0,
			 set->ps2_buttons);
}

/* The middle of a pixel on an axis of 0 to 32767: a guest that rounds down
 * finds the pixel, whatever the size. */
static uint32_t scaled(unsigned at, unsigned size)
{
	if (size < 2)
		return 0;
	return (uint32_t)((2ull * MIN(at, size - 1) + 1) * 32768 / (2 * size));
}

void input_move_to(struct input_set *set, unsigned head, unsigned x, unsigned y,
		   unsigned width, unsigned height)
{
	struct input_target *tablet = target_of(set, INPUT_TABLET, head);
	struct input_event events[2] = {
	    {EV_ABS, ABS_X, scaled(x, width)},
	    {EV_ABS, ABS_Y, scaled(y, height)},
	};

	if (tablet)
		tablet->send(tablet->device, events, 2);
	else
		input_move_by(set, (int)x - (int)set->last_x,
			      (int)y - (int)set->last_y);
	set->last_x = x;
	set->last_y = y;
}

void input_move_by(struct input_set *set, int dx, int dy)
{
	chip_i8042_mouse(set->vm->i8042, dx, dy, 0, set->ps2_buttons);
}

bool input_is_absolute(struct input_set *set, unsigned head)
{
	return target_of(set, INPUT_TABLET, head) != NULL;
}

void input_touch(struct input_set *set, unsigned head, unsigned kind,
		 unsigned slot, double x, double y, unsigned width,
		 unsigned height)
{
	struct input_target *touch = target_of(set, INPUT_TOUCH, head);
	struct input_event events[5];
	unsigned n = 0;

	unsigned before, after;
	bool lifts = kind >= 2;

	if (!touch || slot >= INPUT_TOUCH_SLOTS || kind > 3)
		return;
	before = atomic_load(&touch->fingers);
	/* what is not down neither moves nor lifts; what is, begins no more */
	if ((kind == 0) == !!(before & 1u << slot))
		return;
	after = lifts ? before & ~(1u << slot) : before | 1u << slot;
	atomic_store(&touch->fingers, after);
	events[n++] = (struct input_event){EV_ABS, ABS_MT_SLOT, slot};
	if (kind != 1)
		events[n++] = (struct input_event){EV_ABS, ABS_MT_TRACKING_ID,
						   lifts ? ~0u : slot};
	if (!before != !after)
		events[n++] =
		    (struct input_event){EV_KEY, BTN_TOUCH, after != 0};
	if (!lifts) {
		unsigned px = x > 0 ? (unsigned)MIN(x, 65535.0) : 0;
		unsigned py = y > 0 ? (unsigned)MIN(y, 65535.0) : 0;

		events[n++] = (struct input_event){EV_ABS, ABS_MT_POSITION_X,
						   scaled(px, width)};
		events[n++] = (struct input_event){EV_ABS, ABS_MT_POSITION_Y,
						   scaled(py, height)};
	}
	touch->send(touch->device, events, n);
}

unsigned input_lights(struct input_set *set)
{
	return set->lights;
}

void input_set_lights(struct input_set *set, unsigned lights)
{
	set->lights = lights;
}
