#include "client/seamless-geometry.h"

#include <string.h>

static bool same(struct seam_rect a, struct seam_rect b)
{
	return a.x == b.x && a.y == b.y && a.width == b.width &&
	       a.height == b.height;
}

void geometry_local(struct geometry *self, struct seam_rect area,
		    uint32_t states)
{
	self->area = area;
	self->states = states;
	self->known = true;
}

bool geometry_due(const struct geometry *self, int64_t now_us)
{
	if (!self->known)
		return false;
	if (self->last && !self->again && same(self->area, self->said_area) &&
	    self->states == self->said_states)
		return false;
	return !self->flying || now_us - self->sent_us >= GEOMETRY_PACE_US;
}

void geometry_sent(struct geometry *self, uint32_t serial, int64_t now_us)
{
	self->flying = self->last = serial;
	self->sent_us = now_us;
	self->again = false;
	self->said_area = self->area;
	self->said_states = self->states;
}

void geometry_answered(struct geometry *self, uint32_t configure)
{
	if (configure && configure == self->flying)
		self->flying = 0;
}

bool geometry_may_ask(const struct geometry *self, uint32_t based_on)
{
	/* with a newer wish of the user's own waiting, it is old already */
	return based_on == self->last &&
	       (!self->last || (same(self->area, self->said_area) &&
				self->states == self->said_states));
}

void geometry_forget(struct geometry *self)
{
	self->flying = self->last = 0;
}

void geometry_repeat(struct geometry *self)
{
	self->again = true;
}
