/* selftest.h - says what works on this Windows, call by call, as text that an
 * administrator can send. Changes nothing; opens a window of its own for a
 * second or two. Returns 0 where the agent can do its work. */
#pragma once

int selftest_run(void);
