/* late.h - what only some Windows have, asked for at run time.
 *
 * NULL where this one lacks it. Filled by late_open(), constant after. */
#pragma once

#include "seamless/win32/win.h"

struct late {
	/* Windows 10 */
	BOOL(WINAPI *set_dpi_context)(HANDLE context);
	UINT(WINAPI *dpi_for_window)(HWND window);
	/* Windows 8.1 */
	HRESULT(WINAPI *set_dpi_awareness)(int awareness);
	/* undocumented, but the one that does not lie */
	LONG(WINAPI *get_version)(OSVERSIONINFOEXW *version);
	/* Wine alone */
	const char *(CDECL *wine_version)(void);
};

extern struct late late;
/* A function of one of Windows' own DLLs; NULL where there is none. Any time,
 * any thread. */
void *late_address(const WCHAR *dll, const char *name);
void late_open(void);
/* "Windows 10.0.19045" or "Wine 8.0 as Windows 10.0.19043". */
const char *late_system(void);
bool late_at_least(DWORD major, DWORD minor, DWORD build);
