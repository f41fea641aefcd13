/* events.h - how the agent hears that windows have changed.
 *
 * Three sources, of which the best that works here is used beside a look at
 * everything from time to time (the poll), which alone is enough, only later:
 *   winevents  SetWinEventHook, out of context: any Windows
 *   hook       a DLL in every program that posts to us: where WinEvents tell
 *              little (Wine), and only programs of our own word size
 *   poll       nothing but looking
 * A change that a look finds and no event had told is counted as missed, so
 * that the self-test shows which source can be relied on here.
 * Threads: the agent's; hints arrive while it takes its messages. */
#pragma once

#include "seamless/win32/win.h"

struct agent;

/* NULL: by itself. False: there is no such source. */
bool events_choose(const char *name);
void events_start(struct agent *agent);
void events_stop(void);
/* How long to rest between looks when nothing happens. */
int64_t events_rest_us(void);
/* windows_look() found something new; was there a hint? */
void events_found(int64_t now);

struct events_count {
	const char *name;
	unsigned long hints, found, missed;
};
struct events_count events_count(void);
