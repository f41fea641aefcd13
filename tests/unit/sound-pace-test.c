/* How long sound waits: a clock that plays, and pieces that come as a line and
 * a computer let them. Everything is simulated; no time passes. */
#include <string.h>

#include "client/sound-pace.h"

#define PIECE_US 5000
#define SINK_US  5000
#define SECOND   G_USEC_PER_SEC

struct player {
	struct sound_pace pace;
	gint64 now_us, end_us; /* what has come is heard until then */
	gint64 played_us;
	unsigned dry, left_out, changed;
	gint64 change_most_us;
};

static void player_open(struct player *self)
{
	memset(self, 0, sizeof *self);
	self->now_us = 5 * SECOND;
	sound_pace_init(&self->pace);
	sound_pace_start(&self->pace, self->now_us);
	self->end_us = self->now_us + SINK_US + 10000;
}

/* A piece comes at that time, if the player is not further already. */
static void comes(struct player *self, gint64 at_us, gboolean quiet)
{
	self->now_us = MAX(self->now_us, at_us);
	/* the sink takes its part ahead: less than that is nothing */
	if (self->end_us < self->now_us + SINK_US) {
		gint64 since = MAX(self->end_us - SINK_US, 0);
		sound_pace_dry(&self->pace, since);
		self->dry++;
		sound_pace_grown(&self->pace, self->now_us);
		self->end_us = self->now_us + SINK_US + self->pace.margin_us;
	}
	gint64 out = sound_pace_arrived(&self->pace, self->now_us,
					self->end_us - self->now_us, SINK_US,
					PIECE_US, quiet);
	g_assert_cmpint(out, <=, PIECE_US);
	g_assert_cmpint(out, >=, -PIECE_US);
	self->end_us += PIECE_US - out;
	self->left_out += out == PIECE_US;
	self->changed += out != 0;
	if (out != PIECE_US)
		self->change_most_us = MAX(self->change_most_us, ABS(out));
}

/* Seconds of pieces, each late by up to jitter_us; skew: of a million. */
static void plays(struct player *self, GRand *random, unsigned seconds,
		  gint64 jitter_us, int skew, gboolean quiet)
{
	gint64 began = self->now_us;
	gint64 pieces = (gint64)seconds * SECOND / PIECE_US;
	for (gint64 i = 1; i <= pieces; i++) {
		gint64 at =
		    began + i * PIECE_US + i * PIECE_US * skew / 1000000;
		gint64 late =
		    jitter_us ? g_rand_int_range(random, 0, (gint32)jitter_us)
			      : 0;
		comes(self, at + late, quiet);
	}
}

static gint64 delay(const struct player *self)
{
	return self->end_us - self->now_us;
}

static void test_steady(void)
{
	struct player player;
	player_open(&player);
	plays(&player, NULL, 60, 0, 0, FALSE);
	g_assert_cmpuint(player.dry, ==, 0);
	g_assert_cmpint(delay(&player), <=, 20000);
	unsigned changed = player.changed;
	plays(&player, NULL, 600, 0, 0, FALSE);
	g_assert_cmpuint(player.changed, ==, changed);
}

/* What has piled up goes, without a gap that anybody hears. */
static void test_surplus(void)
{
	struct player player;
	player_open(&player);
	player.end_us += 60000;
	plays(&player, NULL, 10, 0, 0, FALSE);
	g_assert_cmpint(delay(&player), <=, 20000);
	g_assert_cmpuint(player.left_out, ==, 0);
	g_assert_cmpuint(player.dry, ==, 0);
	g_assert_cmpint(player.change_most_us, <=, PIECE_US / 50);

	/* in silence at once */
	player_open(&player);
	player.end_us += 60000;
	plays(&player, NULL, 1, 0, 0, TRUE);
	g_assert_cmpint(delay(&player), <=, 20000);

	/* gravely late: nothing is played until it is not */
	player_open(&player);
	player.end_us += 2 * SECOND;
	plays(&player, NULL, 2, 0, 0, FALSE);
	g_assert_cmpint(delay(&player), <, 150000);
	g_assert_cmpuint(player.left_out, >, 300);
}

/* Clocks that run apart by more than any do. */
static void test_drift(void)
{
	for (int skew = -400; skew <= 400; skew += 800) {
		struct player player;
		player_open(&player);
		plays(&player, NULL, 600, 0, skew, FALSE);
		g_assert_cmpuint(player.dry, ==, 0);
		g_assert_cmpint(delay(&player), <=, 25000);
		g_assert_cmpint(player.change_most_us, <=, PIECE_US / 50);
	}
}

/* The margin grows to what a line needs, and goes when it needs it no more. */
static void test_jitter(void)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(4);
	struct player player;
	player_open(&player);
	plays(&player, random, 60, 40000, 0, FALSE);
	g_assert_cmpuint(player.dry, <=, 12);
	player.dry = 0;
	plays(&player, random, 120, 40000, 0, FALSE);
	g_assert_cmpuint(player.dry, <=, 3);
	g_assert_cmpint(delay(&player), <=, 100000);
	plays(&player, random, 900, 0, 0, FALSE);
	g_assert_cmpint(delay(&player), <=, 20000);
	g_assert_cmpint(player.pace.margin_us, ==, SOUND_MARGIN_US);
}

/* Who has paused was not late. */
static void test_pause(void)
{
	struct player player;
	player_open(&player);
	for (unsigned i = 0; i < 20; i++) {
		plays(&player, NULL, 2, 0, 0, FALSE);
		player.now_us += SECOND;
	}
	g_assert_cmpuint(player.dry, ==, 19);
	g_assert_cmpint(player.pace.margin_us, ==, SOUND_MARGIN_US);
}

static void test_fit(void)
{
	gint16 in[240 * 2], out[300 * 2];
	for (int i = 0; i < 240; i++) {
		in[2 * i] = (gint16)(i * 100);
		in[2 * i + 1] = (gint16)(-i * 100);
	}
	for (unsigned frames = 2; frames <= 300; frames++) {
		out[2 * frames - 1] = 1;
		sound_pace_fit(in, 240, 2, out, frames);
		g_assert_cmpint(out[0], ==, 0);
		g_assert_cmpint(out[2 * frames - 2], ==, 23900);
		g_assert_cmpint(out[2 * frames - 1], ==, -23900);
		for (unsigned i = 1; i < frames; i++) {
			g_assert_cmpint(out[2 * i], >, out[2 * i - 2]);
			g_assert_cmpint(ABS(out[2 * i] + out[2 * i + 1]), <=,
					1);
		}
	}
	sound_pace_fit(in, 240, 2, out, 240);
	g_assert_cmpmem(in, sizeof in, out, sizeof in);
	const gint16 full[] = {G_MAXINT16, G_MININT16};
	sound_pace_fit(full, 2, 1, out, 50);
	g_assert_cmpint(out[0], ==, G_MAXINT16);
	g_assert_cmpint(out[49], ==, G_MININT16);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sound-pace/steady", test_steady);
	g_test_add_func("/sound-pace/surplus", test_surplus);
	g_test_add_func("/sound-pace/drift", test_drift);
	g_test_add_func("/sound-pace/jitter", test_jitter);
	g_test_add_func("/sound-pace/pause", test_pause);
	g_test_add_func("/sound-pace/fit", test_fit);
	return g_test_run();
}
