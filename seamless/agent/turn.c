#include "seamless/agent/turn.h"

bool turn_ask(struct turn *self, const struct turn_ask *ask)
{
	self->last = ask->serial;
	if (self->waiting) {
		self->queued = true;
		self->next = *ask;
		return false;
	}
	self->waiting = true;
	self->now = *ask;
	return true;
}

uint32_t turn_commit(struct turn *self, uint32_t width, uint32_t height,
		     bool drawn, bool *refused)
{
	*refused = false;
	if (!self->waiting)
		return 0;
	if (self->now.area.width != width || self->now.area.height != height) {
		if (!drawn)
			return 0;
		*refused = true;
	}
	self->waiting = false;
	return self->now.serial;
}

bool turn_skip(struct turn *self, struct turn_ask *ask)
{
	if (!self->queued)
		return false;
	self->queued = false;
	self->now = *ask = self->next;
	return true;
}

bool turn_next(struct turn *self, struct turn_ask *ask)
{
	if (self->waiting || !self->queued)
		return false;
	self->queued = false;
	self->waiting = true;
	self->now = *ask = self->next;
	return true;
}
