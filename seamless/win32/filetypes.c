#include "seamless/win32/filetypes.h"

#include <shlwapi.h>
#include <stdlib.h>
#include <string.h>

#include "seamless/win32/text.h"

#define PAIRS_MAX 2000

/* Of those extensions that are opened by a program: which one. */
static struct pair {
	WCHAR extension[16];
	WCHAR program[MAX_PATH];
} * pairs;
static unsigned n_pairs;

static const struct {
	const WCHAR *extension;
	const char *type;
} usual[] = {
    {L".txt", "text/plain"},
    {L".log", "text/plain"},
    {L".rtf", "application/rtf"},
    {L".doc", "application/msword"},
    {L".docx", "application/vnd.openxmlformats-officedocument."
	       "wordprocessingml.document"},
    {L".xls", "application/vnd.ms-excel"},
    {L".xlsx",
     "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {L".ppt", "application/vnd.ms-powerpoint"},
    {L".pptx", "application/vnd.openxmlformats-officedocument."
	       "presentationml.presentation"},
    {L".odt", "application/vnd.oasis.opendocument.text"},
    {L".ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {L".csv", "text/csv"},
    {L".pdf", "application/pdf"},
    {L".htm", "text/html"},
    {L".html", "text/html"},
    {L".xml", "application/xml"},
    {L".png", "image/png"},
    {L".jpg", "image/jpeg"},
    {L".jpeg", "image/jpeg"},
    {L".gif", "image/gif"},
    {L".bmp", "image/bmp"},
    {L".tif", "image/tiff"},
    {L".tiff", "image/tiff"},
    {L".mp3", "audio/mpeg"},
    {L".wav", "audio/x-wav"},
    {L".mp4", "video/mp4"},
    {L".zip", "application/zip"},
    {L".vsd", "application/vnd.visio"},
    {L".vsdx", "application/vnd.ms-visio.drawing.main+xml"},
    {L".mpp", "application/vnd.ms-project"},
    {L".dwg", "image/vnd.dwg"},
    {L".dxf", "image/vnd.dxf"},
};

/* The program in a command line: the first word, or what is in quotes. */
static bool program_of(const WCHAR *command, WCHAR *program)
{
	WCHAR full[1024];
	if (!ExpandEnvironmentStringsW(command, full, ARRAY_SIZE(full)))
		return false;
	PathRemoveArgsW(full);
	PathUnquoteSpacesW(full);
	lstrcpynW(program, full, MAX_PATH);
	return program[0] != 0;
}

static bool default_value(const WCHAR *key, WCHAR *value, DWORD count)
{
	DWORD size = count * sizeof *value;
	return RegGetValueW(HKEY_CLASSES_ROOT, key, NULL,
			    RRF_RT_REG_SZ | RRF_RT_REG_EXPAND_SZ | RRF_NOEXPAND,
			    NULL, value, &size) == ERROR_SUCCESS &&
	       value[0];
}

void filetypes_read(void)
{
	WCHAR extension[64], class[128], command[1024];
	if (!pairs)
		pairs = calloc(PAIRS_MAX, sizeof *pairs);
	n_pairs = 0;
	for (DWORD i = 0; pairs && n_pairs < PAIRS_MAX; i++) {
		DWORD n = ARRAY_SIZE(extension);
		LONG result = RegEnumKeyExW(HKEY_CLASSES_ROOT, i, extension, &n,
					    NULL, NULL, NULL, NULL);
		if (result == ERROR_MORE_DATA)
			continue;
		if (result != ERROR_SUCCESS)
			break;
		/* they come sorted, and a dot before every letter */
		if (extension[0] != '.') {
			if (extension[0] > '.' && extension[0] != '*')
				break;
			continue;
		}
		if (n >= ARRAY_SIZE(pairs->extension) ||
		    !default_value(extension, class, ARRAY_SIZE(class)))
			continue;
		WCHAR *key = text_join(class, L"\\shell\\open\\command", NULL);
		struct pair *p = &pairs[n_pairs];
		if (key && default_value(key, command, ARRAY_SIZE(command)) &&
		    program_of(command, p->program)) {
			lstrcpynW(p->extension, extension,
				  ARRAY_SIZE(p->extension));
			n_pairs++;
		}
		free(key);
	}
}

static void add_type(const WCHAR *extension, char *types, size_t room)
{
	char type[128] = "";
	WCHAR wide[128];
	DWORD size = sizeof wide;
	for (size_t i = 0; i < ARRAY_SIZE(usual) && !type[0]; i++)
		if (text_same(usual[i].extension, extension))
			strcpy(type, usual[i].type);
	if (!type[0] &&
	    RegGetValueW(HKEY_CLASSES_ROOT, extension, L"Content Type",
			 RRF_RT_REG_SZ, NULL, wide, &size) == ERROR_SUCCESS)
		text_to_utf8(wide, type, sizeof type - 1);
	if (!type[0] || !strchr(type, '/') || strchr(type, ';'))
		return;
	strcat(type, ";");
	if (strstr(types, type) || strlen(types) + strlen(type) >= room)
		return;
	strcat(types, type);
}

void filetypes_of_program(const WCHAR *path, char *types, size_t room)
{
	WCHAR name[MAX_PATH];
	HKEY key;
	types[0] = 0;
	for (unsigned i = 0; i < n_pairs; i++)
		if (text_same(pairs[i].program, path))
			add_type(pairs[i].extension, types, room);
	text_file_name(path, false, name, ARRAY_SIZE(name));
	WCHAR *supported =
	    text_join(L"Applications\\", name, L"\\SupportedTypes", NULL);
	if (supported && RegOpenKeyExW(HKEY_CLASSES_ROOT, supported, 0,
				       KEY_READ, &key) == ERROR_SUCCESS) {
		for (DWORD i = 0; i < 256; i++) {
			WCHAR extension[32];
			DWORD n = ARRAY_SIZE(extension);
			if (RegEnumValueW(key, i, extension, &n, NULL, NULL,
					  NULL, NULL) != ERROR_SUCCESS)
				break;
			add_type(extension, types, room);
		}
		RegCloseKey(key);
	}
	free(supported);
}
