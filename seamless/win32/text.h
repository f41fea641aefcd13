/* text.h - between Windows' UTF-16 and the wire's UTF-8.
 *
 * Windows hands out any 16-bit units; what leaves here is valid UTF-8 without
 * control characters, since the wire refuses anything else. Memory: the
 * caller's buffers or malloc; NULL where there is none. Threads: any. */
#pragma once

#include "seamless/win32/win.h"

/* Into a buffer of `room` bytes, cut at a character. Returns the bytes. */
size_t text_to_utf8(const WCHAR *from, char *to, size_t room);
char *text_dup_utf8(const WCHAR *from);
/* From `size` bytes of valid UTF-8. The caller frees it. */
WCHAR *text_dup_wide(const char *from, size_t size);
WCHAR *text_copy(const WCHAR *from);
/* Joins the texts up to a NULL. */
WCHAR *text_join(const WCHAR *first, ...);
bool text_same(const WCHAR *a, const WCHAR *b); /* case does not count */
bool text_ends(const WCHAR *text, const WCHAR *end);
/* The last part of a path, without its extension where `stem`. */
void text_file_name(const WCHAR *path, bool stem, WCHAR *to, size_t room);
/* A folder with the files in it, but no folders. */
void text_remove_folder(const WCHAR *folder);
/* Lower-case ASCII that any file system takes: letters, digits, . _ - */
void text_to_id(const WCHAR *from, char *to, size_t room);
