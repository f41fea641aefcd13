/* win.h - Windows itself, for every file of the Windows agent.
 *
 * Compiled for Windows 7 (_WIN32_WINNT 0x0601), so that nothing newer is
 * linked by mistake; what newer ones have is asked for at run time (late.h).
 * Times are microseconds of a clock that never goes back. */
#pragma once

#ifndef UNICODE
#define UNICODE
#endif
#define WIN32_LEAN_AND_MEAN
#define COBJMACROS
#include <winsock2.h>

#include <windows.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof(array)[0])
#define TIME_NEVER        INT64_MAX

static inline int least(int a, int b)
{
	return a < b ? a : b;
}
static inline int most(int a, int b)
{
	return a > b ? a : b;
}
static inline int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t time_now(void);
