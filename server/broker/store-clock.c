#include "server/broker/store-clock.h"

#define LOOK_US   (60 * G_USEC_PER_SEC)
#define FOLLOW_MS 2000
#define DOUBT_US  (600 * G_USEC_PER_SEC)

gint64 store_clock_ms(const struct store_clock *self, gint64 now_us)
{
	return self->unix_ms + (now_us - self->at_us) / 1000;
}

gboolean store_clock_wants_look(const struct store_clock *self, gint64 now_us)
{
	return !self->at_us || now_us - self->looked_us > LOOK_US;
}

static void set(struct store_clock *self, gint64 unix_ms, gint64 now_us)
{
	self->unix_ms = unix_ms;
	self->at_us = now_us;
	self->off_ms = 0;
}

void store_clock_look(struct store_clock *self, gboolean known,
		      gint64 theirs_ms, gint64 now_us)
{
	self->looked_us = now_us;
	if (!known)
		return;
	gint64 off = theirs_ms - store_clock_ms(self, now_us);
	if (!self->at_us || ABS(off) <= FOLLOW_MS) {
		set(self, theirs_ms, now_us);
	} else if (!self->off_ms || ABS(off - self->off_ms) > FOLLOW_MS) {
		self->off_ms = off;
		self->off_since_us = now_us;
	} else if (now_us - self->off_since_us > DOUBT_US) {
		set(self, theirs_ms, now_us);
	}
}
