#include "seamless/win32/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seamless/win32/text.h"

#define FILE_MAX (1 << 20)

static WCHAR log_path[MAX_PATH];
static char last_line[512];
static unsigned repeated;
static SRWLOCK lock = SRWLOCK_INIT;

void log_open(const WCHAR *path)
{
	lstrcpynW(log_path, path, ARRAY_SIZE(log_path));
}

static void append(const char *line)
{
	fputs(line, stderr);
	fflush(stderr);
	if (!log_path[0])
		return;
	HANDLE file = CreateFileW(log_path, FILE_APPEND_DATA,
				  FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
				  OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
	if (file == INVALID_HANDLE_VALUE)
		return;
	DWORD written, size = GetFileSize(file, NULL);
	WriteFile(file, line, (DWORD)strlen(line), &written, NULL);
	CloseHandle(file);
	if (size > FILE_MAX && size != INVALID_FILE_SIZE) {
		WCHAR *old = text_join(log_path, L".old", NULL);
		if (old)
			MoveFileExW(log_path, old, MOVEFILE_REPLACE_EXISTING);
		free(old);
	}
}

void log_line(const char *format, ...)
{
	char line[512], whole[640];
	SYSTEMTIME t;
	va_list list;
	va_start(list, format);
	vsnprintf(line, sizeof line, format, list);
	va_end(list);
	AcquireSRWLockExclusive(&lock);
	if (strcmp(line, last_line) == 0) {
		repeated++;
		ReleaseSRWLockExclusive(&lock);
		return;
	}
	GetLocalTime(&t);
	if (repeated) {
		snprintf(whole, sizeof whole, "the same %u times more\n",
			 repeated);
		append(whole);
		repeated = 0;
	}
	memcpy(last_line, line, sizeof last_line);
	snprintf(whole, sizeof whole,
		 "%04u-%02u-%02u %02u:%02u:%02u oriel-agent: %s\n", t.wYear,
		 t.wMonth, t.wDay, t.wHour, t.wMinute, t.wSecond, line);
	append(whole);
	ReleaseSRWLockExclusive(&lock);
}

const char *log_error(DWORD code)
{
	static _Thread_local char text[256];
	WCHAR wide[200];
	DWORD n = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM |
				     FORMAT_MESSAGE_IGNORE_INSERTS,
				 NULL, code, 0, wide, ARRAY_SIZE(wide), NULL);
	while (n && (wide[n - 1] <= ' ' || wide[n - 1] == '.'))
		n--;
	wide[n] = 0;
	if (n)
		text_to_utf8(wide, text, sizeof text);
	else
		snprintf(text, sizeof text, "error %lu", code);
	return text;
}
