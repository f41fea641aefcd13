/* input.h - keys, pointers and touches on their way to the guest.
 *
 * Each goes to a virtio device whose driver runs, else to PS/2. Threads: main
 * loop; a virtio input device registers itself on the main loop too. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct vm;
struct input_set;

enum input_kind { INPUT_KEYBOARD, INPUT_TABLET, INPUT_TOUCH, INPUT_KINDS };

struct input_event { /* evdev: type, code, value */
	uint16_t type, code;
	uint32_t value;
};

struct input_target {
	enum input_kind kind;
	unsigned head;       /* tablets and touch screens */
	atomic_uint fingers; /* slots that are down; a reset lifts them */
	bool (*ready)(void *device);
	/* All or nothing; a SYN_REPORT is added. */
	void (*send)(void *device, const struct input_event *events,
		     unsigned count);
	void *device;
	struct input_target *next;
};

struct input_set *input_set_new(struct vm *vm);
void input_set_free(struct input_set *set);
void input_add(struct input_set *set, struct input_target *target);
void input_remove(struct input_set *set, struct input_target *target);

/* Whether the machine has such a device at all, driven or not. */
bool input_has(const struct input_set *set, enum input_kind kind);
void input_key(struct input_set *set, unsigned qnum, bool down);
/* Buttons: 0 left, 1 middle, 2 right, 3 wheel up, 4 wheel down, 5 side,
 * 6 extra */
void input_button(struct input_set *set, unsigned head, unsigned button,
		  bool down);
void input_move_to(struct input_set *set, unsigned head, unsigned x, unsigned y,
		   unsigned width, unsigned height);
void input_move_by(struct input_set *set, int dx, int dy);
bool input_is_absolute(struct input_set *set, unsigned head);
/* kind: 0 begin, 1 update, 2 end, 3 cancel */
#define INPUT_TOUCH_SLOTS 10u
void input_touch(struct input_set *set, unsigned head, unsigned kind,
		 unsigned slot, double x, double y, unsigned width,
		 unsigned height);
/* keyboard lights as the guest set them: scroll, num, caps */
unsigned input_lights(struct input_set *set);
void input_set_lights(struct input_set *set, unsigned lights);
