/* The applications that the machine offers: the Start menu's links, and the
 * programs that say by "App Paths" how they are called. File types are those
 * that Windows opens with the program. Read anew when a client comes and when
 * a Start menu has changed. */
#include "seamless/win32/agent.h"

#include <shlobj.h>
#include <shlwapi.h>
#include <stdlib.h>
#include <string.h>

#include "seamless/win32/filetypes.h"
#include "seamless/win32/log.h"
#include "seamless/win32/text.h"

#define APPS_MAX  1000
#define DEPTH_MAX 6
#define PER_STEP  4 /* icons take milliseconds each to draw */
#define ICON_MOST 256
#define ICON_LESS 64
#define MENU_US   (500 * 1000) /* an installation touches many files */

struct app {
	char id[SEAM_APP_ID_MAX + 1];
	char name[257], comment[512], types[4096];
	WCHAR *target, *arguments, *folder, *icon;
	int icon_index;
	bool told;
};

struct apps {
	struct app *list[APPS_MAX];
	unsigned count;
	char gone[APPS_MAX][SEAM_APP_ID_MAX + 1];
	unsigned n_gone;
	HANDLE watched[2];
	int64_t changed_us; /* 0: nothing to read anew */
};

static void app_free(struct app *app)
{
	if (!app)
		return;
	free(app->target);
	free(app->arguments);
	free(app->folder);
	free(app->icon);
	free(app);
}

static struct app *find(const struct apps *self, const char *id)
{
	for (unsigned i = 0; i < self->count; i++)
		if (strcmp(self->list[i]->id, id) == 0)
			return self->list[i];
	return NULL;
}

/* ---- finding them ---- */

/* What is in Start menus and nobody starts from another desktop. */
static bool worth_it(const WCHAR *name, const WCHAR *target)
{
	static const WCHAR *const words[] = {L"uninstall",     L"readme",
					     L"release notes", L"help",
					     L"documentation", L"website"};
	WCHAR lower[MAX_PATH];
	lstrcpynW(lower, name, ARRAY_SIZE(lower));
	CharLowerW(lower);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (wcsstr(lower, words[i]))
			return false;
	return text_ends(target, L".exe") || text_ends(target, L".msc") ||
	       text_ends(target, L".bat") || text_ends(target, L".cmd");
}

/* By the program's name where that is enough to tell it from others, else by
 * the link's. */
static bool set_id(const struct apps *self, struct app *app, const WCHAR *name)
{
	WCHAR stem[MAX_PATH];
	text_file_name(app->target, true, stem, ARRAY_SIZE(stem));
	text_to_id(stem, app->id, sizeof app->id);
	if (app->id[0] && !(app->arguments && app->arguments[0]) &&
	    !find(self, app->id))
		return true;
	text_to_id(name, app->id, sizeof app->id - 4);
	if (!app->id[0] || app->id[0] == '.')
		return false;
	size_t length = strlen(app->id);
	for (int n = 2; find(self, app->id); n++) {
		if (n == 10)
			return false;
		app->id[length] = '-';
		app->id[length + 1] = (char)('0' + n);
		app->id[length + 2] = 0;
	}
	return true;
}

/* The same program with the same arguments: one of the two Start menus is
 * enough. */
static bool known(const struct apps *self, const WCHAR *target,
		  const WCHAR *arguments)
{
	for (unsigned i = 0; i < self->count; i++)
		if (text_same(self->list[i]->target, target) &&
		    text_same(self->list[i]->arguments, arguments))
			return true;
	return false;
}

/* Takes what it is given, or frees it. */
static void add(struct apps *self, struct app *app, const WCHAR *name)
{
	if (!app->target || !app->arguments || !app->folder || !app->icon ||
	    self->count == APPS_MAX || !worth_it(name, app->target) ||
	    known(self, app->target, app->arguments) ||
	    !set_id(self, app, name)) {
		app_free(app);
		return;
	}
	text_to_utf8(name, app->name, sizeof app->name);
	filetypes_of_program(app->target, app->types, sizeof app->types);
	self->list[self->count++] = app;
}

static void add_link(struct apps *self, const WCHAR *path)
{
	IShellLinkW *link = NULL;
	IPersistFile *file = NULL;
	struct app *app = calloc(1, sizeof *app);
	WCHAR text[2048], full[2048], name[MAX_PATH];
	if (!app)
		return;
	if (FAILED(CoCreateInstance(&CLSID_ShellLink, NULL,
				    CLSCTX_INPROC_SERVER, &IID_IShellLinkW,
				    (void **)&link)) ||
	    FAILED(IShellLinkW_QueryInterface(link, &IID_IPersistFile,
					      (void **)&file)) ||
	    FAILED(IPersistFile_Load(file, path, STGM_READ)))
		goto out;
	text[0] = 0;
	if (FAILED(IShellLinkW_GetPath(link, text, MAX_PATH, NULL, 0)) ||
	    !text[0])
		goto out; /* Store applications have no file */
	if (!ExpandEnvironmentStringsW(text, full, ARRAY_SIZE(full)))
		goto out;
	app->target = text_copy(full);
	text[0] = 0;
	IShellLinkW_GetArguments(link, text, ARRAY_SIZE(text));
	app->arguments = text_copy(text);
	text[0] = 0;
	IShellLinkW_GetWorkingDirectory(link, text, MAX_PATH);
	ExpandEnvironmentStringsW(text, full, ARRAY_SIZE(full));
	app->folder = text_copy(full);
	text[0] = 0;
	IShellLinkW_GetDescription(link, text, 400);
	text_to_utf8(text, app->comment, sizeof app->comment);
	text[0] = 0;
	IShellLinkW_GetIconLocation(link, text, MAX_PATH, &app->icon_index);
	ExpandEnvironmentStringsW(text, full, ARRAY_SIZE(full));
	app->icon = text_copy(full[0] ? full : app->target);
	text_file_name(path, true, name, ARRAY_SIZE(name));
	add(self, app, name);
	app = NULL;
out:
	if (file)
		IPersistFile_Release(file);
	if (link)
		IShellLinkW_Release(link);
	app_free(app);
}

static void add_folder(struct apps *self, const WCHAR *folder, int depth)
{
	WIN32_FIND_DATAW data;
	WCHAR *pattern = text_join(folder, L"\\*", NULL);
	HANDLE found =
	    pattern ? FindFirstFileW(pattern, &data) : INVALID_HANDLE_VALUE;
	free(pattern);
	if (found == INVALID_HANDLE_VALUE)
		return;
	do {
		if (data.cFileName[0] == '.')
			continue;
		WCHAR *path = text_join(folder, L"\\", data.cFileName, NULL);
		if (!path)
			break;
		if (!(data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)) {
			if (text_ends(path, L".lnk"))
				add_link(self, path);
		} else if (depth < DEPTH_MAX &&
			   !(data.dwFileAttributes &
			     FILE_ATTRIBUTE_REPARSE_POINT)) {
			add_folder(self, path, depth + 1);
		}
		free(path);
	} while (FindNextFileW(found, &data));
	FindClose(found);
}

/* The name that a program gives itself in its version, else its file's. */
static void program_name(const WCHAR *path, WCHAR *name, size_t room)
{
	static const WCHAR *const keys[] = {
	    L"\\StringFileInfo\\040904b0\\FileDescription",
	    L"\\StringFileInfo\\040904E4\\FileDescription",
	    L"\\StringFileInfo\\000004b0\\FileDescription"};
	DWORD handle, size = GetFileVersionInfoSizeW(path, &handle);
	void *data = size && size < (1 << 20) ? malloc(size) : NULL;
	text_file_name(path, true, name, room);
	if (name[0] >= 'a' && name[0] <= 'z')
		name[0] = (WCHAR)(name[0] - 'a' + 'A');
	if (data && GetFileVersionInfoW(path, 0, size, data))
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			WCHAR *text = NULL;
			UINT length = 0;
			if (VerQueryValueW(data, keys[i], (void **)&text,
					   &length) &&
			    length > 1 && text[0]) {
				lstrcpynW(name, text, (int)room);
				break;
			}
		}
	free(data);
}

static void add_registered(struct apps *self, HKEY root)
{
	HKEY paths;
	if (RegOpenKeyExW(root,
			  L"Software\\Microsoft\\Windows\\CurrentVersion\\App "
			  L"Paths",
			  0, KEY_READ, &paths) != ERROR_SUCCESS)
		return;
	for (DWORD i = 0; i < APPS_MAX; i++) {
		WCHAR key[128], value[MAX_PATH], full[MAX_PATH], name[MAX_PATH];
		DWORD n = ARRAY_SIZE(key), size = sizeof value - sizeof *value;
		if (RegEnumKeyExW(paths, i, key, &n, NULL, NULL, NULL, NULL) !=
		    ERROR_SUCCESS)
			break;
		memset(value, 0, sizeof value);
		if (RegGetValueW(paths, key, NULL,
				 RRF_RT_REG_SZ | RRF_RT_REG_EXPAND_SZ |
				     RRF_NOEXPAND,
				 NULL, value, &size) != ERROR_SUCCESS)
			continue;
		PathUnquoteSpacesW(value);
		if (!ExpandEnvironmentStringsW(value, full, ARRAY_SIZE(full)) ||
		    GetFileAttributesW(full) == INVALID_FILE_ATTRIBUTES)
			continue;
		/* one that a link starts already */
		bool linked = false;
		for (unsigned k = 0; k < self->count; k++)
			linked |= text_same(self->list[k]->target, full);
		struct app *app = linked ? NULL : calloc(1, sizeof *app);
		if (!app)
			continue;
		app->target = text_copy(full);
		app->arguments = text_copy(L"");
		app->folder = text_copy(L"");
		app->icon = text_copy(full);
		program_name(full, name, ARRAY_SIZE(name));
		add(self, app, name);
	}
	RegCloseKey(paths);
}

static bool menu_folder(int which, WCHAR *path)
{
	static const int folders[] = {CSIDL_COMMON_PROGRAMS, CSIDL_PROGRAMS};
	return SUCCEEDED(SHGetFolderPathW(
	    NULL, folders[which] | CSIDL_FLAG_CREATE, NULL, 0, path));
}

static void load(struct apps *self)
{
	WCHAR path[MAX_PATH];
	filetypes_read();
	for (int i = 0; i < 2; i++)
		if (menu_folder(i, path))
			add_folder(self, path, 0);
	add_registered(self, HKEY_CURRENT_USER);
	add_registered(self, HKEY_LOCAL_MACHINE);
}

/* ---- changes ---- */

static bool same(const struct app *a, const struct app *b)
{
	return strcmp(a->name, b->name) == 0 &&
	       strcmp(a->comment, b->comment) == 0 &&
	       strcmp(a->types, b->types) == 0 && text_same(a->icon, b->icon) &&
	       a->icon_index == b->icon_index;
}

static void load_anew(struct apps *self)
{
	struct apps *old = malloc(sizeof *old);
	if (!old)
		return;
	*old = *self;
	self->count = 0;
	load(self);
	for (unsigned i = 0; i < old->count; i++) {
		struct app *was = old->list[i], *is = find(self, was->id);
		if (is)
			is->told = was->told && same(is, was);
		else if (was->told && self->n_gone < APPS_MAX)
			memcpy(self->gone[self->n_gone++], was->id,
			       sizeof was->id);
		app_free(was);
	}
	free(old);
}

static void watch(struct apps *self)
{
	for (int i = 0; i < 2; i++) {
		if (self->watched[i] == INVALID_HANDLE_VALUE ||
		    WaitForSingleObject(self->watched[i], 0) != WAIT_OBJECT_0)
			continue;
		self->changed_us = time_now();
		FindNextChangeNotification(self->watched[i]);
	}
	if (self->changed_us && time_now() > self->changed_us + MENU_US) {
		self->changed_us = 0;
		load_anew(self);
	}
}

void apps_open(struct agent *agent)
{
	struct apps *self = calloc(1, sizeof *self);
	agent->apps = self;
	if (!self)
		return;
	CoInitializeEx(NULL, COINIT_APARTMENTTHREADED);
	for (int i = 0; i < 2; i++) {
		WCHAR path[MAX_PATH];
		self->watched[i] = INVALID_HANDLE_VALUE;
		if (menu_folder(i, path))
			self->watched[i] = FindFirstChangeNotificationW(
			    path, TRUE,
			    FILE_NOTIFY_CHANGE_FILE_NAME |
				FILE_NOTIFY_CHANGE_DIR_NAME |
				FILE_NOTIFY_CHANGE_LAST_WRITE);
	}
	load(self);
}

void apps_close(struct agent *agent)
{
	struct apps *self = agent->apps;
	if (!self)
		return;
	for (int i = 0; i < 2; i++)
		if (self->watched[i] != INVALID_HANDLE_VALUE)
			FindCloseChangeNotification(self->watched[i]);
	for (unsigned i = 0; i < self->count; i++)
		app_free(self->list[i]);
	free(self);
	agent->apps = NULL;
	CoUninitialize();
}

void apps_forget_peer(struct agent *agent)
{
	struct apps *self = agent->apps;
	if (!self)
		return;
	for (unsigned i = 0; i < self->count; i++)
		self->list[i]->told = false;
	self->n_gone = 0;
}

/* ---- telling ---- */

static uint8_t *icon_of(const struct app *app, struct seam_picture *p)
{
	static const int sides[] = {ICON_MOST, ICON_LESS, 32};
	for (size_t i = 0; i < ARRAY_SIZE(sides); i++) {
		HICON icon = NULL;
		UINT id;
		/* Windows counts icons from 0, resources by negative ids */
		if (PrivateExtractIconsW(app->icon, app->icon_index, sides[i],
					 sides[i], &icon, &id, 1, 0) != 1 &&
		    PrivateExtractIconsW(app->target, 0, sides[i], sides[i],
					 &icon, &id, 1, 0) != 1)
			continue;
		uint8_t *pixels = props_picture(icon, SEAM_ICON_SIDE, &p->width,
						&p->height, NULL);
		DestroyIcon(icon);
		if (pixels)
			return pixels;
	}
	return NULL;
}

static void tell(struct agent *agent, struct app *app)
{
	struct seam_message message = {.type = SEAM_APP};
	message.app = (struct seam_app){
	    seam_text_of(app->id, SEAM_APP_ID_MAX),
	    seam_text_of(app->name, 256), seam_text_of(app->comment, 1024),
	    seam_text_of("", 0), seam_text_of(app->types, 8192)};
	agent_send(agent, &message);
	message = (struct seam_message){.type = SEAM_APP_ICON};
	struct seam_picture *p = &message.picture;
	uint8_t *pixels = icon_of(app, p);
	p->app = seam_text_of(app->id, SEAM_APP_ID_MAX);
	if (pixels)
		agent_send_picture(agent, &message, pixels);
	free(pixels);
	app->told = true;
}

bool apps_send(struct agent *agent)
{
	struct apps *self = agent->apps;
	int told = 0;
	if (!self)
		return true;
	watch(self);
	while (self->n_gone) {
		if (!link_has_room(agent->link))
			return false;
		struct seam_message message = {.type = SEAM_APP_GONE};
		message.app_gone.id =
		    seam_text_of(self->gone[--self->n_gone], SEAM_APP_ID_MAX);
		agent_send(agent, &message);
	}
	for (unsigned i = 0; i < self->count; i++) {
		if (self->list[i]->told)
			continue;
		if (told++ == PER_STEP || !link_has_room(agent->link))
			return false;
		tell(agent, self->list[i]);
	}
	return true;
}

/* ---- asked by others ---- */

void apps_id_of_program(struct agent *agent, const WCHAR *path, char *id,
			size_t room)
{
	const struct apps *self = agent->apps;
	WCHAR stem[MAX_PATH];
	for (unsigned i = 0; self && i < self->count; i++)
		if (text_same(self->list[i]->target, path)) {
			strncpy(id, self->list[i]->id, room - 1);
			id[room - 1] = 0;
			return;
		}
	text_file_name(path, true, stem, ARRAY_SIZE(stem));
	text_to_id(stem, id, room);
}

bool apps_find(struct agent *agent, const char *id, const WCHAR **target,
	       const WCHAR **arguments, const WCHAR **folder)
{
	const struct app *app = agent->apps ? find(agent->apps, id) : NULL;
	if (!app)
		return false;
	*target = app->target;
	*arguments = app->arguments;
	*folder = app->folder;
	return true;
}
