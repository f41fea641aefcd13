#include "client/sound-pace.h"

#define WINDOW_US (G_USEC_PER_SEC / 2)
/* Faster or slower by a fiftieth: a third of a semitone. */
#define PART 50
/* What is beyond the margin and not worth a change. */
#define SPARE_US 2500
/* Beyond that one window is proof enough. */
#define MUCH_US 15000
/* Who sends nothing for so long has nothing to say. */
#define PAUSE_US 250000
/* Before the margin shrinks for the first time, and at most. */
#define HOLD_US     (10 * G_USEC_PER_SEC)
#define HOLD_MAX_US (160 * G_USEC_PER_SEC)
#define SHRINK_US   1000
/* From one step of the shrinking to the next. */
#define SHRINK_EACH_US (5 * G_USEC_PER_SEC)

void sound_pace_init(struct sound_pace *self)
{
	*self = (struct sound_pace){.margin_us = SOUND_MARGIN_US,
				    .hold_us = HOLD_US / 2};
}

static void forget(struct sound_pace *self, gint64 now_us)
{
	self->window_us = now_us;
	self->windows = 0;
	self->lows[0] = G_MAXINT64;
	self->owed_us = 0;
}

void sound_pace_start(struct sound_pace *self, gint64 now_us)
{
	forget(self, now_us);
	self->came_us = self->dry_us = 0;
	self->calm_us = now_us + self->hold_us;
}

/* A whole window is over. */
static void judge(struct sound_pace *self, gint64 least_us)
{
	gint64 low = G_MAXINT64;
	gint64 aim = least_us + self->margin_us;
	if (self->windows < SOUND_PACE_WINDOWS)
		self->windows++;
	for (unsigned i = 0; i < self->windows; i++)
		low = MIN(low, self->lows[i]);
	/* too little is mended at once, too much when it has lasted */
	if (self->lows[0] < aim - self->margin_us * 3 / 5)
		self->owed_us = self->lows[0] - aim;
	else if (low > aim + (self->windows == SOUND_PACE_WINDOWS ? SPARE_US
								  : MUCH_US))
		self->owed_us = low - aim;
	if (self->owed_us)
		self->windows = 0; /* of another delay */
	for (unsigned i = SOUND_PACE_WINDOWS - 1; i > 0; i--)
		self->lows[i] = self->lows[i - 1];
}

gint64 sound_pace_arrived(struct sound_pace *self, gint64 now_us,
			  gint64 left_us, gint64 least_us, gint64 piece_us,
			  gboolean quiet)
{
	self->came_us = now_us;
	if (now_us > self->calm_us && self->margin_us > SOUND_MARGIN_US) {
		self->margin_us =
		    MAX(self->margin_us - SHRINK_US, SOUND_MARGIN_US);
		self->calm_us = now_us + SHRINK_EACH_US;
	}
	if (left_us > least_us + self->margin_us + SOUND_LATE_US)
		return piece_us;
	if (!self->owed_us) {
		self->lows[0] = MIN(self->lows[0], left_us);
		if (now_us - self->window_us >= WINDOW_US) {
			judge(self, least_us);
			self->window_us = now_us;
			self->lows[0] = G_MAXINT64;
		}
	}
	if (!self->owed_us)
		return 0;
	gint64 change =
	    quiet && self->owed_us >= piece_us
		? piece_us
		: CLAMP(self->owed_us, -piece_us / PART, piece_us / PART);
	self->owed_us -= change;
	if (!self->owed_us)
		forget(self, now_us);
	return change;
}

void sound_pace_dry(struct sound_pace *self, gint64 now_us)
{
	self->dry_us = now_us;
}

gboolean sound_pace_grown(struct sound_pace *self, gint64 now_us)
{
	gint64 dry_us = self->dry_us;
	self->dry_us = 0;
	if (!dry_us)
		return FALSE;
	forget(self, now_us);
	if (now_us - self->came_us > PAUSE_US)
		return FALSE; /* it had ended */
	/* soon after it had shrunk: it shrinks later the next time */
	self->hold_us = now_us < self->calm_us + HOLD_MAX_US
			    ? MIN(self->hold_us * 2, HOLD_MAX_US)
			    : HOLD_US;
	self->calm_us = now_us + self->hold_us;
	self->margin_us =
	    MIN(self->margin_us + SOUND_MARGIN_STEP_US, SOUND_MARGIN_MAX_US);
	return TRUE;
}

void sound_pace_fit(const gint16 *in, gsize frames, unsigned channels,
		    gint16 *out, gsize out_frames)
{
	for (gsize j = 0; j < out_frames; j++) {
		guint64 at =
		    ((guint64)j * (frames - 1) << 16) / (out_frames - 1);
		gsize before = at >> 16;
		gsize after = MIN(before + 1, frames - 1);
		gint64 part = at & 0xffff;
		for (unsigned c = 0; c < channels; c++) {
			gint64 a = in[before * channels + c];
			gint64 b = in[after * channels + c];
			*out++ = (gint16)(a + (b - a) * part / 65536);
		}
	}
}
