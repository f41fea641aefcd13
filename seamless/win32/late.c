#include "seamless/win32/late.h"

#include <stdio.h>

struct late late;
static OSVERSIONINFOEXW version;

/* Through void *: a FARPROC cast to another signature is a warning. */
void *late_address(const WCHAR *dll, const char *name)
{
	HMODULE module = GetModuleHandleW(dll);
	if (!module)
		module =
		    LoadLibraryExW(dll, NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
	/* Windows 7 without an update of 2011 does not know the flag */
	if (!module && GetLastError() == ERROR_INVALID_PARAMETER)
		module = LoadLibraryW(dll);
	return module ? (void *)GetProcAddress(module, name) : NULL;
}

void late_open(void)
{
	late.set_dpi_context =
	    late_address(L"user32.dll", "SetProcessDpiAwarenessContext");
	late.dpi_for_window = late_address(L"user32.dll", "GetDpiForWindow");
	late.set_dpi_awareness =
	    late_address(L"shcore.dll", "SetProcessDpiAwareness");
	late.get_version = late_address(L"ntdll.dll", "RtlGetVersion");
	late.wine_version = late_address(L"ntdll.dll", "wine_get_version");
	version.dwOSVersionInfoSize = sizeof version;
	if (late.get_version)
		late.get_version(&version);
}

const char *late_system(void)
{
	static char text[96];
	snprintf(text, sizeof text, "%s%s%sWindows %lu.%lu.%lu",
		 late.wine_version ? "Wine " : "",
		 late.wine_version ? late.wine_version() : "",
		 late.wine_version ? " as " : "", version.dwMajorVersion,
		 version.dwMinorVersion, version.dwBuildNumber);
	return text;
}

bool late_at_least(DWORD major, DWORD minor, DWORD build)
{
	if (version.dwMajorVersion != major)
		return version.dwMajorVersion > major;
	if (version.dwMinorVersion != minor)
		return version.dwMinorVersion > minor;
	return version.dwBuildNumber >= build;
}
