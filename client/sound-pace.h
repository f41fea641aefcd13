/* sound-pace.h - how long sound waits between its arrival and the ear.
 *
 * Pieces come when line and computer let them, and are played by a clock of
 * their own. What is left to play when the next piece comes is all that a late
 * one may be late: the least of it is watched, each half second. Beyond what
 * the loudspeaker's side needs and a margin it is delay for nothing, and pieces
 * are played a fiftieth faster until it has gone; where hardly any is left they
 * are played as much slower. So clocks that run apart meet, too. The margin
 * grows each time that nothing was left, and shrinks slowly while that does
 * not happen, the later the more often it did.
 *
 * Threads: one; pure, the caller tells the time. Units: microseconds of any
 * steady clock. */
#pragma once

#include <glib.h>

#define SOUND_MARGIN_US      5000
#define SOUND_MARGIN_STEP_US 5000
#define SOUND_MARGIN_MAX_US  100000
/* More than that beyond the margin is not played at all. */
#define SOUND_LATE_US 100000

#define SOUND_PACE_WINDOWS 4

struct sound_pace {
	gint64 margin_us;
	gint64 owed_us; /* to be played faster; below 0: slower */
	gint64 window_us;
	gint64 lows[SOUND_PACE_WINDOWS]; /* the newest first */
	unsigned windows;                /* that are whole */
	gint64 came_us, dry_us, calm_us, hold_us;
};

/* Nothing has been played yet; the margin is kept of what was before. */
void sound_pace_init(struct sound_pace *self);
void sound_pace_start(struct sound_pace *self, gint64 now_us);

/* A piece has come. left_us: until it would be heard; least_us: of that, what
 * the loudspeaker's side takes by itself. Returns what to take out of it: 0 to
 * piece_us, all of it: it is not played; below 0: what to add. */
gint64 sound_pace_arrived(struct sound_pace *self, gint64 now_us,
			  gint64 left_us, gint64 least_us, gint64 piece_us,
			  gboolean quiet);

/* Nothing was left. TRUE with the piece that comes then, if that was only
 * late: the margin has grown. */
void sound_pace_dry(struct sound_pace *self, gint64 now_us);
gboolean sound_pace_grown(struct sound_pace *self, gint64 now_us);

/* Interleaved samples, played in another number of frames (at least 2, as
 * frames): the first and the last stay what they are. */
void sound_pace_fit(const gint16 *in, gsize frames, unsigned channels,
		    gint16 *out, gsize out_frames);
