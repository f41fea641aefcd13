#include "seamless/win32/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static unsigned put_character(uint32_t c, char *to)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 63));
		to[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 63));
	to[2] = (char)(0x80 | (c >> 6 & 63));
	to[3] = (char)(0x80 | (c & 63));
	return 4;
}

size_t text_to_utf8(const WCHAR *from, char *to, size_t room)
{
	size_t used = 0;
	for (size_t i = 0; from && from[i]; i++) {
		uint32_t c = from[i];
		if (c >= 0xd800 && c < 0xdc00 && from[i + 1] >= 0xdc00 &&
		    from[i + 1] < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) +
			    (from[i + 1] - 0xdc00u);
			i++;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = 0xfffd; /* half of a pair */
		} else if (c < 0x20 || c == 0x7f) {
			c = ' ';
		}
		char bytes[4];
		unsigned n = put_character(c, bytes);
		if (used + n >= room)
			break;
		memcpy(to + used, bytes, n);
		used += n;
	}
	to[used] = 0;
	return used;
}

char *text_dup_utf8(const WCHAR *from)
{
	size_t room = (from ? wcslen(from) : 0) * 3 + 4;
	char *to = malloc(room);
	if (to)
		text_to_utf8(from, to, room);
	return to;
}

WCHAR *text_dup_wide(const char *from, size_t size)
{
	WCHAR *to = calloc(size + 1, sizeof *to);
	if (to && size)
		MultiByteToWideChar(CP_UTF8, 0, from, (int)size, to, (int)size);
	return to;
}

WCHAR *text_copy(const WCHAR *from)
{
	return text_join(from ? from : L"", NULL);
}

WCHAR *text_join(const WCHAR *first, ...)
{
	va_list list;
	size_t size = 1;
	va_start(list, first);
	for (const WCHAR *t = first; t; t = va_arg(list, const WCHAR *))
		size += wcslen(t);
	va_end(list);
	WCHAR *to = malloc(size * sizeof *to);
	if (!to)
		return NULL;
	to[0] = 0;
	va_start(list, first);
	for (const WCHAR *t = first; t; t = va_arg(list, const WCHAR *))
		wcscat(to, t);
	va_end(list);
	return to;
}

bool text_same(const WCHAR *a, const WCHAR *b)
{
	return a && b && CompareStringOrdinal(a, -1, b, -1, TRUE) == CSTR_EQUAL;
}

bool text_ends(const WCHAR *text, const WCHAR *end)
{
	size_t n = wcslen(text), m = wcslen(end);
	return n >= m && text_same(text + n - m, end);
}

void text_file_name(const WCHAR *path, bool stem, WCHAR *to, size_t room)
{
	const WCHAR *name = path;
	for (const WCHAR *p = path; *p; p++)
		if (*p == '\\' || *p == '/')
			name = p + 1;
	size_t n = wcslen(name);
	const WCHAR *dot = wcsrchr(name, '.');
	if (stem && dot && dot != name)
		n = (size_t)(dot - name);
	if (n >= room)
		n = room - 1;
	memcpy(to, name, n * sizeof *to);
	to[n] = 0;
}

void text_to_id(const WCHAR *from, char *to, size_t room)
{
	size_t used = 0;
	for (; *from && used + 1 < room; from++) {
		WCHAR c = *from;
		if (c >= 'A' && c <= 'Z')
			c = (WCHAR)(c - 'A' + 'a');
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!plain && c != '_' && c != '-' && !(c == '.' && used))
			c = '-';
		to[used++] = (char)c;
	}
	to[used] = 0;
}

void text_remove_folder(const WCHAR *folder)
{
	WIN32_FIND_DATAW data;
	WCHAR *pattern = text_join(folder, L"\\*", NULL);
	HANDLE found =
	    pattern ? FindFirstFileW(pattern, &data) : INVALID_HANDLE_VALUE;
	free(pattern);
	if (found != INVALID_HANDLE_VALUE) {
		do {
			WCHAR *path =
			    text_join(folder, L"\\", data.cFileName, NULL);
			if (path)
				DeleteFileW(path);
			free(path);
		} while (FindNextFileW(found, &data));
		FindClose(found);
	}
	RemoveDirectoryW(folder);
}
