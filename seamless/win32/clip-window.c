#include "seamless/win32/clip-window.h"

#include <shlobj.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seamless/clipcopy.h"
#include "seamless/win32/clip-formats.h"
#include "seamless/win32/clip-image.h"
#include "seamless/win32/log.h"
#include "seamless/win32/text.h"

#define MESSAGE_OWN  (WM_APP + 1)
#define MESSAGE_READ (WM_APP + 2)
#define MESSAGE_END  (WM_APP + 3)
#define WAIT_MS      60000 /* the agent gives up sooner, without progress */
#define TRIES        20    /* another program may hold the clipboard */
#define FOLDERS_KEPT 8     /* programs copy what was pasted for a while yet */

struct clip_window {
	HANDLE thread, ready;
	HWND agent;
	/* the thread's alone */
	HWND hwnd;
	UINT html, png, effect, ignored;
	uint32_t changes, offered;
	WCHAR *folders[FOLDERS_KEPT];
	unsigned n_folders;
	/* both, under the lock */
	CRITICAL_SECTION lock;
	HANDLE given;
	bool waiting, ended;
	uint8_t *bytes;
	uint32_t size;
};

static bool open_clipboard(HWND hwnd)
{
	for (int i = 0; i < TRIES; i++) {
		if (OpenClipboard(hwnd))
			return true;
		Sleep(10);
	}
	return false;
}

/* ---- what programs have copied ---- */

static uint32_t kinds_there(const struct clip_window *self)
{
	uint32_t kinds = 0;
	/* so do programs mark passwords */
	if (IsClipboardFormatAvailable(self->ignored))
		return 0;
	if (IsClipboardFormatAvailable(CF_UNICODETEXT))
		kinds |= 1u << SEAM_CLIP_TEXT;
	if (IsClipboardFormatAvailable(self->html))
		kinds |= 1u << SEAM_CLIP_HTML;
	if (IsClipboardFormatAvailable(self->png) ||
	    IsClipboardFormatAvailable(CF_DIBV5) ||
	    IsClipboardFormatAvailable(CF_DIB))
		kinds |= 1u << SEAM_CLIP_PNG;
	if (IsClipboardFormatAvailable(CF_HDROP))
		kinds |= 1u << SEAM_CLIP_FILES;
	return kinds;
}

static uint8_t *read_text(const void *data, size_t size, uint32_t *out)
{
	const WCHAR *wide = data;
	size_t n = 0, room;
	while (n < size / sizeof *wide && wide[n])
		n++;
	room = n * 3 + 1;
	uint8_t *text = room <= SEAM_CLIP_MAX ? malloc(room) : NULL;
	if (!text)
		return NULL;
	int used = n ? WideCharToMultiByte(CP_UTF8, 0, wide, (int)n,
					   (char *)text, (int)room, NULL, NULL)
		     : 0;
	uint32_t to = 0;
	for (int i = 0; i < used; i++)
		if (text[i] != '\r' || (i + 1 < used && text[i + 1] != '\n'))
			text[to++] = text[i];
	*out = to;
	return text;
}

static uint8_t *copy(const void *data, size_t size, uint32_t *out)
{
	uint8_t *bytes = size && size <= SEAM_CLIP_MAX ? malloc(size) : NULL;
	if (bytes)
		memcpy(bytes, data, size);
	*out = (uint32_t)size;
	return bytes;
}

static uint8_t *read_html(const void *data, size_t size, uint32_t *out)
{
	size_t start, length;
	const char *end = memchr(data, 0, size);
	if (end)
		size = (size_t)(end - (const char *)data);
	if (!cfhtml_find(data, size, &start, &length))
		return NULL;
	return copy((const char *)data + start, length, out);
}

/* One more file behind what there is. */
static bool add_file(uint8_t **bundle, uint32_t *size, const WCHAR *path)
{
	WCHAR wide[MAX_PATH];
	char name[BUNDLE_NAME_MAX + 1];
	LARGE_INTEGER length;
	uint8_t head[BUNDLE_HEAD_MAX];
	HANDLE file =
	    CreateFileW(path, GENERIC_READ,
			FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
			NULL, OPEN_EXISTING, 0, NULL);
	if (file == INVALID_HANDLE_VALUE)
		return false; /* a folder, too */
	bool done = GetFileSizeEx(file, &length) &&
		    GetFileType(file) == FILE_TYPE_DISK &&
		    length.QuadPart <= SEAM_CLIP_MAX - BUNDLE_HEAD_MAX - *size;
	text_file_name(path, false, wide, ARRAY_SIZE(wide));
	text_to_utf8(wide, name, sizeof name);
	uint32_t n =
	    done ? bundle_head(name, (uint32_t)length.QuadPart, head) : 0;
	uint8_t *more =
	    n ? realloc(*bundle, *size + n + (size_t)length.QuadPart) : NULL;
	DWORD got = 0;
	if (more) {
		*bundle = more;
		memcpy(more + *size, head, n);
		done = ReadFile(file, more + *size + n, (DWORD)length.QuadPart,
				&got, NULL) &&
		       got == (DWORD)length.QuadPart;
		if (done)
			*size += n + got;
	}
	CloseHandle(file);
	return more && done;
}

static uint8_t *read_files(const void *data, size_t size, uint32_t *out)
{
	struct dropfiles list;
	const void *path;
	size_t units;
	uint8_t *bundle = NULL;
	unsigned count = 0, left_out = 0;
	*out = 0;
	if (!dropfiles_begin(&list, data, size))
		return NULL;
	while (count < BUNDLE_FILES_MAX &&
	       dropfiles_next(&list, &path, &units)) {
		WCHAR wide[MAX_PATH] = L"";
		if (units >= ARRAY_SIZE(wide)) {
			left_out++;
			continue;
		}
		if (list.wide)
			memcpy(wide, path, units * sizeof *wide);
		else
			MultiByteToWideChar(CP_ACP, 0, path, (int)units, wide,
					    ARRAY_SIZE(wide) - 1);
		if (add_file(&bundle, out, wide))
			count++;
		else
			left_out++;
	}
	if (left_out)
		log_line("Of the files that were copied %u are folders, "
			 "unreadable, or beyond the 64 MiB that the clipboard "
			 "takes together; a shared folder takes them.",
			 left_out);
	return bundle;
}

static HANDLE first_of(const UINT *formats, size_t count, UINT *which)
{
	for (size_t i = 0; i < count; i++) {
		HANDLE handle = IsClipboardFormatAvailable(formats[i])
				    ? GetClipboardData(formats[i])
				    : NULL;
		*which = formats[i];
		if (handle)
			return handle;
	}
	return NULL;
}

static uint8_t *read_data(struct clip_window *self, enum seam_clip_kind kind,
			  uint32_t *size)
{
	const UINT pictures[] = {self->png, CF_DIBV5, CF_DIB};
	const UINT formats[SEAM_CLIP_KINDS] = {[SEAM_CLIP_TEXT] =
						   CF_UNICODETEXT,
					       [SEAM_CLIP_HTML] = self->html,
					       [SEAM_CLIP_FILES] = CF_HDROP};
	UINT format = formats[kind];
	HANDLE handle = kind == SEAM_CLIP_PNG
			    ? first_of(pictures, ARRAY_SIZE(pictures), &format)
			    : GetClipboardData(format);
	void *data = handle ? GlobalLock(handle) : NULL;
	size_t all = data ? GlobalSize(handle) : 0;
	uint8_t *bytes = NULL;
	if (!data)
		return NULL;
	if (kind == SEAM_CLIP_TEXT)
		bytes = read_text(data, all, size);
	else if (kind == SEAM_CLIP_HTML)
		bytes = read_html(data, all, size);
	else if (kind == SEAM_CLIP_FILES)
		bytes = read_files(data, all, size);
	else if (format == self->png)
		bytes = copy(data, all, size);
	else
		bytes = image_png_of_dib(data, all, size);
	GlobalUnlock(handle);
	return bytes;
}

static void on_read(struct clip_window *self, enum seam_clip_kind kind)
{
	struct clip_contents *contents = calloc(1, sizeof *contents);
	if (!contents)
		return;
	contents->kind = kind;
	if (open_clipboard(self->hwnd)) {
		contents->bytes = read_data(self, kind, &contents->size);
		CloseClipboard();
	}
	if (!PostMessageW(self->agent, CLIP_SAYS, CLIP_SAID_READ,
			  (LPARAM)contents)) {
		free(contents->bytes);
		free(contents);
	}
}

/* ---- what the client has copied ---- */

static void on_own(struct clip_window *self, uint32_t kinds)
{
	bool ours = GetClipboardOwner() == self->hwnd;
	self->offered = kinds;
	if ((!kinds && !ours) || !open_clipboard(self->hwnd))
		return;
	EmptyClipboard();
	/* promised: the contents come when a program asks */
	if (kinds & 1u << SEAM_CLIP_TEXT)
		SetClipboardData(CF_UNICODETEXT, NULL);
	if (kinds & 1u << SEAM_CLIP_HTML)
		SetClipboardData(self->html, NULL);
	if (kinds & 1u << SEAM_CLIP_PNG) {
		SetClipboardData(self->png, NULL);
		SetClipboardData(CF_DIBV5, NULL);
		/* Windows makes this one of the other; Wine does not */
		SetClipboardData(CF_DIB, NULL);
	}
	if (kinds & 1u << SEAM_CLIP_FILES) {
		SetClipboardData(CF_HDROP, NULL);
		SetClipboardData(self->effect, NULL);
	}
	CloseClipboard();
}

static HGLOBAL global_of(const void *bytes, size_t size)
{
	HGLOBAL handle = GlobalAlloc(GMEM_MOVEABLE, size ? size : 1);
	void *to = handle ? GlobalLock(handle) : NULL;
	if (to) {
		memcpy(to, bytes, size);
		GlobalUnlock(handle);
	}
	return handle;
}

static HGLOBAL make_text(const uint8_t *bytes, uint32_t size)
{
	size_t lines = 0, used = 0;
	int n = size ? MultiByteToWideChar(CP_UTF8, 0, (const char *)bytes,
					   (int)size, NULL, 0)
		     : 0;
	WCHAR *wide = calloc((size_t)n + 1, sizeof *wide);
	if (!wide)
		return NULL;
	if (n)
		MultiByteToWideChar(CP_UTF8, 0, (const char *)bytes, (int)size,
				    wide, n);
	for (int i = 0; i < n; i++)
		lines += wide[i] == '\n';
	HGLOBAL handle =
	    GlobalAlloc(GMEM_MOVEABLE, ((size_t)n + lines + 1) * sizeof *wide);
	WCHAR *to = handle ? GlobalLock(handle) : NULL;
	for (int i = 0; to && i < n; i++) {
		if (wide[i] == '\n' && (!i || wide[i - 1] != '\r'))
			to[used++] = '\r';
		to[used++] = wide[i];
	}
	if (to) {
		to[used] = 0;
		GlobalUnlock(handle);
	}
	free(wide);
	return handle;
}

static WCHAR *new_folder(struct clip_window *self)
{
	static unsigned count;
	WCHAR base[MAX_PATH], number[32];
	DWORD n = GetTempPathW(ARRAY_SIZE(base), base);
	if (!n || n >= ARRAY_SIZE(base))
		return NULL;
	swprintf(number, ARRAY_SIZE(number), L"%lu-%u", GetCurrentProcessId(),
		 ++count);
	WCHAR *folder = text_join(base, L"Oriel-", number, NULL);
	if (!folder || !CreateDirectoryW(folder, NULL)) {
		free(folder);
		return NULL;
	}
	if (self->n_folders == FOLDERS_KEPT) {
		text_remove_folder(self->folders[0]);
		free(self->folders[0]);
		memmove(self->folders, self->folders + 1,
			(FOLDERS_KEPT - 1) * sizeof *self->folders);
		self->n_folders--;
	}
	self->folders[self->n_folders++] = folder;
	return folder;
}

static WCHAR *write_file(const WCHAR *folder, const struct bundle_file *file)
{
	char name[BUNDLE_NAME_MAX + 2];
	DWORD written = 0;
	windows_name(file->name, name, sizeof name);
	WCHAR *wide = text_dup_wide(name, strlen(name));
	WCHAR *path = wide ? text_join(folder, L"\\", wide, NULL) : NULL;
	free(wide);
	/* new: two of a bundle may differ in what Windows does not tell apart
	 */
	HANDLE out = path ? CreateFileW(path, GENERIC_WRITE, 0, NULL,
					CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL)
			  : INVALID_HANDLE_VALUE;
	bool done = out != INVALID_HANDLE_VALUE &&
		    WriteFile(out, file->bytes, file->size, &written, NULL) &&
		    written == file->size;
	if (out != INVALID_HANDLE_VALUE)
		CloseHandle(out);
	if (!done) {
		log_line(
		    "A file that was pasted cannot be written to %%TEMP%%: "
		    "%s.",
		    log_error(GetLastError()));
		free(path);
		path = NULL;
	}
	return path;
}

static HGLOBAL make_files(struct clip_window *self, const uint8_t *bytes,
			  uint32_t size)
{
	struct bundle_file file;
	uint32_t at = 0;
	size_t count = 0, all = 0;
	WCHAR *folder = bundle_valid(bytes, size) ? new_folder(self) : NULL;
	WCHAR **paths = folder ? calloc(BUNDLE_FILES_MAX, sizeof *paths) : NULL;
	HGLOBAL handle = NULL;
	while (paths && count < BUNDLE_FILES_MAX &&
	       bundle_next(bytes, size, &at, &file)) {
		paths[count] = write_file(folder, &file);
		if (paths[count])
			count++;
	}
	uint8_t *drop =
	    count ? dropfiles_make((const uint16_t *const *)paths, count, &all)
		  : NULL;
	if (drop)
		handle = global_of(drop, all);
	free(drop);
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	free(paths);
	return handle;
}

/* Waits until the agent has it from the client. */
static uint8_t *fetch(struct clip_window *self, enum seam_clip_kind kind,
		      uint32_t *size)
{
	EnterCriticalSection(&self->lock);
	ResetEvent(self->given);
	self->waiting = !self->ended;
	LeaveCriticalSection(&self->lock);
	if (!PostMessageW(self->agent, CLIP_SAYS, CLIP_SAID_WANTED, kind))
		return NULL;
	WaitForSingleObject(self->given, WAIT_MS);
	EnterCriticalSection(&self->lock);
	uint8_t *bytes = self->bytes;
	*size = self->size;
	self->bytes = NULL;
	self->waiting = false;
	LeaveCriticalSection(&self->lock);
	return bytes;
}

static void render(struct clip_window *self, UINT format)
{
	enum seam_clip_kind kind = format == CF_UNICODETEXT ? SEAM_CLIP_TEXT
				   : format == self->html   ? SEAM_CLIP_HTML
				   : format == CF_HDROP     ? SEAM_CLIP_FILES
							    : SEAM_CLIP_PNG;
	if (format == self->effect) {
		const DWORD effect = DROPEFFECT_COPY;
		SetClipboardData(format, global_of(&effect, sizeof effect));
		return;
	}
	uint32_t size = 0;
	size_t all = 0;
	uint8_t *bytes = fetch(self, kind, &size);
	HGLOBAL handle = NULL;
	if (!bytes)
		return;
	if (format == CF_UNICODETEXT) {
		handle = make_text(bytes, size);
	} else if (format == self->html) {
		char *html = cfhtml_make((const char *)bytes, size, &all);
		if (html)
			handle = global_of(html, all);
		free(html);
	} else if (format == CF_HDROP) {
		handle = make_files(self, bytes, size);
	} else if (format == self->png) {
		handle = global_of(bytes, size);
	} else {
		uint8_t *dib = image_dib_of_png(bytes, size, &all);
		if (dib)
			handle = global_of(dib, all);
		free(dib);
	}
	free(bytes);
	if (handle && !SetClipboardData(format, handle))
		GlobalFree(handle);
}

/* ---- the thread ---- */

static LRESULT CALLBACK on_message(HWND hwnd, UINT message, WPARAM wparam,
				   LPARAM lparam)
{
	struct clip_window *self =
	    (struct clip_window *)GetWindowLongPtrW(hwnd, GWLP_USERDATA);
	if (!self)
		return DefWindowProcW(hwnd, message, wparam, lparam);
	switch (message) {
	case WM_CLIPBOARDUPDATE:
		if (GetClipboardOwner() != hwnd)
			PostMessageW(self->agent, CLIP_SAYS, CLIP_SAID_CHANGED,
				     (LPARAM)kinds_there(self));
		return 0;
	case WM_RENDERFORMAT:
		render(self, (UINT)wparam);
		return 0;
	case MESSAGE_OWN:
		on_own(self, (uint32_t)wparam);
		return 0;
	case MESSAGE_READ:
		on_read(self, (enum seam_clip_kind)wparam);
		return 0;
	case MESSAGE_END:
		/* a promise that nobody is left to keep */
		on_own(self, 0);
		PostQuitMessage(0);
		return 0;
	}
	return DefWindowProcW(hwnd, message, wparam, lparam);
}

static DWORD WINAPI run(void *data)
{
	struct clip_window *self = data;
	MSG message;
	CoInitializeEx(NULL, COINIT_APARTMENTTHREADED);
	WNDCLASSW class = {.lpfnWndProc = on_message,
			   .hInstance = GetModuleHandleW(NULL),
			   .lpszClassName = L"OrielAgentClipboard"};
	RegisterClassW(&class);
	self->html = RegisterClipboardFormatW(L"HTML Format");
	self->png = RegisterClipboardFormatW(L"PNG");
	self->effect = RegisterClipboardFormatW(L"Preferred DropEffect");
	self->ignored = RegisterClipboardFormatW(
	    L"ExcludeClipboardContentFromMonitorProcessing");
	self->hwnd = CreateWindowW(class.lpszClassName, L"", 0, 0, 0, 0, 0,
				   HWND_MESSAGE, NULL, class.hInstance, NULL);
	SetWindowLongPtrW(self->hwnd, GWLP_USERDATA, (LONG_PTR)self);
	SetEvent(self->ready);
	if (!self->hwnd || !AddClipboardFormatListener(self->hwnd))
		log_line("The clipboard cannot be followed: %s.",
			 log_error(GetLastError()));
	else
		on_message(self->hwnd, WM_CLIPBOARDUPDATE, 0, 0);
	while (self->hwnd && GetMessageW(&message, NULL, 0, 0) > 0)
		DispatchMessageW(&message);
	if (self->hwnd) {
		RemoveClipboardFormatListener(self->hwnd);
		DestroyWindow(self->hwnd);
	}
	CoUninitialize();
	return 0;
}

/* ---- the agent's side ---- */

struct clip_window *clip_window_open(HWND agent)
{
	struct clip_window *self = calloc(1, sizeof *self);
	if (!self)
		return NULL;
	self->agent = agent;
	InitializeCriticalSection(&self->lock);
	self->ready = CreateEventW(NULL, TRUE, FALSE, NULL);
	self->given = CreateEventW(NULL, TRUE, FALSE, NULL);
	self->thread = self->ready && self->given
			   ? CreateThread(NULL, 0, run, self, 0, NULL)
			   : NULL;
	if (self->thread)
		WaitForSingleObject(self->ready, INFINITE);
	if (!self->thread || !self->hwnd) {
		log_line("There is no clipboard: %s.",
			 log_error(GetLastError()));
		clip_window_close(self);
		return NULL;
	}
	return self;
}

void clip_window_close(struct clip_window *self)
{
	if (!self)
		return;
	EnterCriticalSection(&self->lock);
	self->ended = true;
	LeaveCriticalSection(&self->lock);
	clip_window_give(self, NULL, 0);
	if (self->hwnd)
		PostMessageW(self->hwnd, MESSAGE_END, 0, 0);
	if (self->thread) {
		WaitForSingleObject(self->thread, INFINITE);
		CloseHandle(self->thread);
	}
	for (unsigned i = 0; i < self->n_folders; i++) {
		text_remove_folder(self->folders[i]);
		free(self->folders[i]);
	}
	if (self->ready)
		CloseHandle(self->ready);
	if (self->given)
		CloseHandle(self->given);
	DeleteCriticalSection(&self->lock);
	free(self->bytes);
	free(self);
}

void clip_window_own(struct clip_window *self, uint32_t kinds)
{
	PostMessageW(self->hwnd, MESSAGE_OWN, kinds, 0);
}

void clip_window_give(struct clip_window *self, uint8_t *bytes, uint32_t size)
{
	EnterCriticalSection(&self->lock);
	if (self->waiting) {
		free(self->bytes);
		self->bytes = bytes;
		self->size = size;
		self->waiting = false;
		bytes = NULL;
		SetEvent(self->given);
	}
	LeaveCriticalSection(&self->lock);
	free(bytes);
}

void clip_window_read(struct clip_window *self, enum seam_clip_kind kind)
{
	PostMessageW(self->hwnd, MESSAGE_READ, kind, 0);
}
