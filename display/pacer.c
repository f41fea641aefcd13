#include "display/pacer.h"

#include <string.h>

/* First flight: what TCP itself lets go in about three round trips. It is most
 * of the first picture, before which nobody types. */
#define WINDOW_FIRST (96u << 10)
/* 20 ms of a 5 Mb/s line; below it headers and latency would dominate. */
#define WINDOW_MIN (12u << 10)
/* On lines so slow that this is long, one packet is long, too. */
#define WINDOW_BEYOND 2048
/* So near a viewer is on a fast line or on this computer, where turns of the
 * scheduler are longer than the round trip. */
#define NEAR_US     2000
#define WINDOW_NEAR (192u << 10)
/* Of the line's rate: more finds out whether there is more, and a window that
 * leaves so fast makes a queue of a fifth of it. */
#define PACE_PERCENT 125u
/* Trying a wider window: this often at most, when it did not pay. */
#define PAUSE_FIRST_US 100000
#define PAUSE_MAX_US   1000000
/* A gigabit line with 60 ms. */
#define WINDOW_MAX (8u << 20)
/* Rates older than one to two of these are forgotten. */
#define PERIOD_US 1000000
/* The shortest round trip is looked for again after so long, since a queue of
 * our own making would hide it, and a route may have changed. */
#define RTT_LIFE_US 10000000

void pacer_init(struct pacer *self)
{
	memset(self, 0, sizeof *self);
	self->window = WINDOW_FIRST;
	self->starting = true;
}

static uint64_t in_flight(const struct pacer *self)
{
	return self->sent - self->acked;
}

void pacer_sent(struct pacer *self, size_t bytes, int64_t now_us)
{
	if (!in_flight(self))
		self->acked_us = now_us; /* idle time is no slowness */
	self->sent += bytes;
}

bool pacer_may_mark(const struct pacer *self)
{
	return self->count < PACER_MARKS;
}

uint32_t pacer_mark(struct pacer *self, int64_t now_us)
{
	uint32_t number = ++self->numbers;
	if (!pacer_may_mark(self))
		return number;
	unsigned at = (self->first + self->count++) % PACER_MARKS;
	self->marks[at] = (struct pacer_mark){
	    .number = number,
	    .at = self->sent,
	    .acked = self->acked,
	    .sent_us = now_us,
	    .acked_us = self->acked_us,
	};
	return number;
}

static void learn_rtt(struct pacer *self, int64_t rtt_us, int64_t now_us)
{
	if (rtt_us < 1)
		rtt_us = 1;
	self->rtt_us = rtt_us;
	bool old = now_us - self->rtt_min_at_us > RTT_LIFE_US;
	if (!self->rtt_min_us || rtt_us <= self->rtt_min_us) {
		self->rtt_min_us = rtt_us;
		self->rtt_min_at_us = now_us;
	} else if (old && !self->narrow_until_us) {
		self->narrow_until_us =
		    now_us + 2 * self->rtt_min_us + 2 * PACER_QUEUE_US;
	} else if (old && now_us >= self->narrow_until_us) {
		/* the line was emptied: this is how long it is */
		self->rtt_min_us = rtt_us;
		self->rtt_min_at_us = now_us;
		self->narrow_until_us = 0;
	}
	if (!old)
		self->narrow_until_us = 0;
}

static void learn_rate(struct pacer *self, const struct pacer_mark *mark,
		       int64_t now_us)
{
	int64_t took_us = now_us - mark->acked_us;
	uint64_t bytes = self->acked - mark->acked;
	if (!bytes)
		return;
	uint64_t rate =
	    bytes * 1000000u / (uint64_t)(took_us > 1 ? took_us : 1);
	bool full = mark->at <= self->full_until;
	if (full && now_us - self->period_us > PERIOD_US) {
		/* only a busy line can tell that it has become slower */
		self->rate_before = self->rate;
		self->rate = rate;
		self->period_us = now_us;
		self->best -= self->best / 8;
	} else if (rate > self->rate) {
		self->rate = rate;
	}
	if (self->rate > self->best)
		self->best = self->rate;
	if (self->starting && self->rtt_us > self->rtt_min_us +
						 self->rtt_min_us / 4 +
						 PACER_QUEUE_US)
		self->starting = false;
}

uint64_t pacer_rate(const struct pacer *self)
{
	return self->rate > self->rate_before ? self->rate : self->rate_before;
}

uint64_t pacer_pace(const struct pacer *self)
{
	if (self->starting || self->rtt_min_us < NEAR_US)
		return 0;
	return self->best * PACE_PERCENT / 100;
}

int64_t pacer_queue_us(const struct pacer *self)
{
	uint64_t rate = pacer_rate(self);
	if (!rate)
		return 0;
	int64_t takes_us = (int64_t)(in_flight(self) * 1000000u / rate);
	return takes_us > self->rtt_min_us ? takes_us - self->rtt_min_us : 0;
}

int64_t pacer_rtt_us(const struct pacer *self)
{
	return self->rtt_min_us;
}

static void set_window(struct pacer *self, uint64_t arrived)
{
	uint64_t wanted = pacer_rate(self) *
			      (uint64_t)(self->rtt_min_us + PACER_QUEUE_US) /
			      1000000u +
			  WINDOW_BEYOND;
	if (self->starting) {
		uint64_t grown = self->window;
		if (self->acked <= self->full_until)
			grown += arrived;
		if (wanted < grown)
			wanted = grown;
	}
	uint64_t least = self->least > WINDOW_MIN ? self->least : WINDOW_MIN;
	if (self->rtt_min_us < NEAR_US && least < WINDOW_NEAR)
		least = WINDOW_NEAR;
	if (wanted < least)
		wanted = least;
	if (self->wide)
		wanted += wanted / 4;
	self->window = wanted > WINDOW_MAX ? WINDOW_MAX : wanted;
}

/* At the end of two rounds of a busy line. */
static void judge_window(struct pacer *self, uint64_t rate, int64_t now_us)
{
	if (!self->wide) {
		self->before = rate;
		if (now_us - self->widened_us < self->pause_us)
			return;
		self->wide = true;
		self->widened_us = now_us;
		return;
	}
	self->wide = false;
	if (rate > self->before + self->before / 9) {
		self->least = self->window;
		self->pause_us = 0;
		return;
	}
	/* it did not: back to what is reckoned, in steps */
	self->least -= self->least / 8;
	self->pause_us = self->pause_us ? self->pause_us * 2 : PAUSE_FIRST_US;
	if (self->pause_us > PAUSE_MAX_US)
		self->pause_us = PAUSE_MAX_US;
}

static void end_round(struct pacer *self, int64_t now_us)
{
	if (self->acked < self->round_end)
		return;
	bool full = self->round_end && self->round_end <= self->full_until;
	self->rounds = full ? self->rounds + 1 : 0;
	if (self->rounds == 1 || !full) {
		self->round_acked = self->acked;
		self->round_us = now_us;
	} else if (self->rounds == 3 && now_us > self->round_us) {
		judge_window(self,
			     (self->acked - self->round_acked) * 1000000u /
				 (uint64_t)(now_us - self->round_us),
			     now_us);
		self->rounds = 0;
	}
	if (!full)
		self->wide = false;
	self->round_end = self->sent;
}

static void oldest_arrived(struct pacer *self, int64_t now_us)
{
	struct pacer_mark mark = self->marks[self->first];
	self->first = (self->first + 1) % PACER_MARKS;
	self->count--;
	uint64_t arrived = mark.at - self->acked;
	self->acked = mark.at;
	self->acked_us = now_us;
	learn_rtt(self, now_us - mark.sent_us, now_us);
	learn_rate(self, &mark, now_us);
	if (!self->starting)
		end_round(self, now_us);
	set_window(self, arrived);
}

void pacer_arrived(struct pacer *self, uint32_t number, int64_t now_us)
{
	unsigned last = 0; /* its place among those on their way, from 1 */
	for (unsigned i = 0; i < self->count; i++)
		if (self->marks[(self->first + i) % PACER_MARKS].number ==
		    number)
			last = i + 1;
	while (last--)
		oldest_arrived(self, now_us);
}

void pacer_arrived_all(struct pacer *self, unsigned but, int64_t now_us)
{
	while (self->count > but)
		oldest_arrived(self, now_us);
}

size_t pacer_room(const struct pacer *self, int64_t now_us)
{
	size_t window = self->window;
	if (self->narrow_until_us && now_us < self->narrow_until_us)
		window /= 4;
	uint64_t flying = in_flight(self);
	return flying < window ? window - (size_t)flying : 0;
}

void pacer_filled(struct pacer *self)
{
	self->full_until = self->sent;
}
