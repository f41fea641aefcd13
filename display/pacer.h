/* pacer.h - how much may be on its way to a viewer.
 *
 * A picture that waits in a buffer grows old there, and what is typed waits
 * behind it. So a viewer is sent no more than its line carries in one round
 * trip and a little (PACER_QUEUE_US) beyond, which is measured: marks go out
 * among the bytes, and when a viewer has taken one in, that tells the round
 * trip and the bytes that arrived meanwhile. The rate is the best of lately,
 * as long as the line was kept full; the round trip is the shortest of
 * lately. The little beyond keeps the line busy, finds more room when there
 * is some, and is all that anything has to wait behind.
 *
 * That alone would starve a viewer that is slow to answer for other reasons
 * than a queue (a busy computer, a decoder): little on its way, little
 * arrives, little is allowed. So now and then a quarter more is sent for
 * two round trips: if more arrived, it was not the line that held it up, and
 * the window stays wider.
 *
 * It does not matter what lies between (a gateway, its buffers, a tunnel): a
 * mark is answered by the viewer's end.
 *
 * Threads: one at a time; pure, the caller tells the time. Units: bytes,
 * microseconds of any steady clock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACER_MARKS    64u
#define PACER_QUEUE_US 15000

struct pacer_mark {
	uint32_t number;
	uint64_t at;    /* bytes sent before it */
	uint64_t acked; /* bytes known to have arrived when it was sent */
	int64_t sent_us, acked_us;
};

struct pacer {
	uint64_t sent, acked;
	uint64_t full_until; /* what was sent up to here filled the window */
	int64_t acked_us;    /* when `acked` was learned, or sending resumed */
	struct pacer_mark marks[PACER_MARKS];
	unsigned first, count;
	uint32_t numbers;
	size_t window;
	bool starting; /* the line's rate is not known yet: doubling */
	uint64_t rate, rate_before; /* bytes a second: best of each period */
	uint64_t best; /* the same, forgotten slowly: what a pace slows down
			* cannot tell that the line is faster */
	int64_t period_us;
	int64_t rtt_us, rtt_min_us, rtt_min_at_us;
	int64_t narrow_until_us; /* looking for the true round trip */
	/* rounds: from a moment until what was sent by then has arrived */
	uint64_t round_end, round_acked;
	int64_t round_us;
	unsigned rounds; /* of this step */
	bool wide;       /* trying a wider window */
	size_t least;    /* window found to pay, above what is reckoned */
	uint64_t before; /* rate before it was widened */
	int64_t widened_us, pause_us;
};

void pacer_init(struct pacer *self);
void pacer_sent(struct pacer *self, size_t bytes, int64_t now_us);
/* A mark goes out behind what was sent; returns its number. While too many
 * are on their way (pacer_may_mark() tells) it is not counted. */
uint32_t pacer_mark(struct pacer *self, int64_t now_us);
bool pacer_may_mark(const struct pacer *self);
/* The mark of that number has come back, and with it all before it. Others
 * than are on their way are ignored. */
void pacer_arrived(struct pacer *self, uint32_t number, int64_t now_us);
/* All but the last `but` marks have, as other signs tell. */
void pacer_arrived_all(struct pacer *self, unsigned but, int64_t now_us);

/* Bytes that may be sent now; 0: wait for a mark. */
size_t pacer_room(const struct pacer *self, int64_t now_us);
/* There is more to send than room: what is on its way fills the line. */
void pacer_filled(struct pacer *self);
/* How long the last byte on its way will have waited behind others, beyond
 * the line's own time: what is on its way, at the line's rate, less its round
 * trip. */
int64_t pacer_queue_us(const struct pacer *self);
/* Bytes a second; 0 while not known. */
uint64_t pacer_rate(const struct pacer *self);
/* Bytes a second that a burst may leave at, or 0: what comes after a pause
 * would else arrive in a router's queue all at once, and what does not fit
 * there is lost. */
uint64_t pacer_pace(const struct pacer *self);
/* Shortest of lately, 0 while not known. */
int64_t pacer_rtt_us(const struct pacer *self);
