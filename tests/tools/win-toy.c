/* win-toy - a Windows application made of nothing but windows, for tests of
 * the Windows agent: what x-toy is for the X11 agent.
 *
 * Draws seeded noise, so that every misplaced pixel shows. Commands come as
 * lines on stdin, "done" or "unknown" answers each; what happens to its
 * windows goes to stdout as lines "button NAME N DOWN X Y", "wheel NAME
 * DELTA", "key NAME VK DOWN", "char NAME CODE", "focus NAME IN", "close NAME".
 *
 * A NAME is any word. Coordinates are those of whole windows. */
#ifndef UNICODE
#define UNICODE
#endif
#define WIN32_LEAN_AND_MEAN
#define COBJMACROS
#include <windows.h>

#include <shellapi.h>
#include <shlobj.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "window NAME X Y W H [fixed] [tool] [bare] [min] [keys]  a toplevel; "
    "min: at least 200x150; keys: each draws it anew\n"
    "owned NAME OWNER X Y W H [hidden]   a toplevel with an owner\n"
    "popup NAME OWNER|- X Y W H [tip]\n"
    "many N W H                 windows many-0 ...\n"
    "draw NAME SEED | title NAME TEXT... | destroy NAME | show NAME 0|1\n"
    "move NAME X Y | resize NAME W H | spin NAME N   N moves at once\n"
    "state NAME max|min|restore|top|notop\n"
    "icon NAME SIDE SEED | shape NAME 0|1 | opacity NAME 0..255\n"
    "enable NAME 0|1 | activate NAME | menu NAME X Y | hang MS\n"
    "cursor NAME SHAPE          IDC_ number\n"
    "link FILE TARGET ARGUMENTS [DESCRIPTION]    a .lnk; + is a space\n"
    "copy text TEXT | copy html TEXT | copy dib W H SEED | copy files "
    "PATH...\n"
    "paste text|html|dib|png|files   \"clip ...\" each\n"
    "has KIND                   \"has 1\" where the clipboard has it\n"
    "where NAME                 \"at NAME X Y W H STYLE EXSTYLE\"\n"
    "windows                    \"win HWND XID ORIEL X Y W H TITLE\" each\n"
    "foreground                 \"fore NAME\"\n"
    "quit\n";

struct toy {
	char name[64];
	HWND hwnd;
	unsigned seed;
	bool least; /* has a minimum size */
	bool keys;  /* draws anew with each */
	HICON icon;
};

#define TOYS_MAX        1024
#define WM_COMMAND_LINE (WM_APP + 1)

static struct toy toys[TOYS_MAX];
static HINSTANCE instance;
static HWND control; /* takes the lines, in menus' loops too */

static struct toy *named(const char *name)
{
	for (int i = 0; name && i < TOYS_MAX; i++)
		if (toys[i].hwnd && strcmp(toys[i].name, name) == 0)
			return &toys[i];
	return NULL;
}

static struct toy *of(HWND hwnd)
{
	for (int i = 0; i < TOYS_MAX; i++)
		if (toys[i].hwnd == hwnd)
			return &toys[i];
	return NULL;
}

static void say(const char *format, ...)
    __attribute__((format(gnu_printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
	fflush(stdout);
}

static uint32_t noise(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Blocks of one colour each, so that it does not take long. */
static void paint(struct toy *toy, HDC dc)
{
	RECT r;
	uint32_t state = toy->seed * 2654435761u + 1;
	GetClientRect(toy->hwnd, &r);
	for (int y = 0; y < r.bottom; y += 13)
		for (int x = 0; x < r.right; x += 17) {
			RECT block = {x, y, x + 17, y + 13};
			HBRUSH brush = CreateSolidBrush(noise(&state));
			FillRect(dc, &block, brush);
			DeleteObject(brush);
		}
}

static void tell_button(struct toy *toy, int button, int down, LPARAM at)
{
	say("button %s %d %d %d %d", toy->name, button, down, (short)LOWORD(at),
	    (short)HIWORD(at));
}

static LRESULT CALLBACK on_message(HWND hwnd, UINT message, WPARAM wparam,
				   LPARAM lparam)
{
	struct toy *toy = of(hwnd);
	if (!toy)
		return DefWindowProcW(hwnd, message, wparam, lparam);
	switch (message) {
	case WM_ERASEBKGND:
		return 1;
	case WM_PAINT: {
		PAINTSTRUCT ps;
		paint(toy, BeginPaint(hwnd, &ps));
		EndPaint(hwnd, &ps);
		return 0;
	}
	case WM_SIZE:
		InvalidateRect(hwnd, NULL, FALSE);
		return 0;
	case WM_GETMINMAXINFO:
		if (toy->least) {
			((MINMAXINFO *)lparam)->ptMinTrackSize.x = 200;
			((MINMAXINFO *)lparam)->ptMinTrackSize.y = 150;
		}
		return 0;
	case WM_WINDOWPOSCHANGING: {
		WINDOWPOS *p = (WINDOWPOS *)lparam;
		if (toy->least && !(p->flags & SWP_NOSIZE)) {
			p->cx = p->cx < 200 ? 200 : p->cx;
			p->cy = p->cy < 150 ? 150 : p->cy;
		}
		break;
	}
	case WM_LBUTTONDOWN:
	case WM_LBUTTONUP:
		tell_button(toy, 1, message == WM_LBUTTONDOWN, lparam);
		return 0;
	case WM_RBUTTONDOWN:
	case WM_RBUTTONUP:
		tell_button(toy, 3, message == WM_RBUTTONDOWN, lparam);
		return 0;
	case WM_MOUSEWHEEL:
		say("wheel %s %d", toy->name, (short)HIWORD(wparam));
		return 0;
	case WM_KEYDOWN:
		if (toy->keys) {
			toy->seed++;
			InvalidateRect(hwnd, NULL, FALSE);
			UpdateWindow(hwnd);
		}
		/* fall through */
	case WM_KEYUP:
	case WM_SYSKEYDOWN:
	case WM_SYSKEYUP:
		say("key %s %d %d", toy->name, (int)wparam,
		    message == WM_KEYDOWN || message == WM_SYSKEYDOWN);
		return 0;
	case WM_CHAR:
		say("char %s %d", toy->name, (int)wparam);
		return 0;
	case WM_SETFOCUS:
	case WM_KILLFOCUS:
		say("focus %s %d", toy->name, message == WM_SETFOCUS);
		return 0;
	case WM_CLOSE:
		say("close %s", toy->name);
		DestroyWindow(hwnd);
		return 0;
	case WM_NCDESTROY:
		toy->hwnd = NULL;
		return 0;
	}
	return DefWindowProcW(hwnd, message, wparam, lparam);
}

static void wide(const char *text, WCHAR *to, int room)
{
	MultiByteToWideChar(CP_UTF8, 0, text, -1, to, room);
	to[room - 1] = 0;
}

static bool has(char **argv, const char *word)
{
	for (; *argv; argv++)
		if (strcmp(*argv, word) == 0)
			return true;
	return false;
}

static void make(const char *name, HWND owner, DWORD style, DWORD ex_style,
		 const int at[4], bool least, bool shown)
{
	struct toy *toy = of(NULL);
	WCHAR title[64];
	if (!toy)
		return;
	wide(name, title, 64);
	snprintf(toy->name, sizeof toy->name, "%s", name);
	toy->seed = (unsigned)strlen(name) * 77 + (unsigned char)name[0];
	toy->least = least;
	/* before the messages that come during creation */
	HWND hwnd =
	    CreateWindowExW(ex_style, L"OrielToy", title, style, at[0], at[1],
			    at[2], at[3], owner, NULL, instance, NULL);
	toy->hwnd = hwnd;
	if (shown)
		ShowWindow(hwnd,
			   style & WS_POPUP ? SW_SHOWNOACTIVATE : SW_SHOW);
	UpdateWindow(hwnd);
}

static bool create(char **argv, int argc)
{
	bool owned = strcmp(argv[0], "owned") == 0;
	bool popup = strcmp(argv[0], "popup") == 0;
	int first = owned || popup ? 3 : 2;
	if (argc < first + 4)
		return false;
	int at[4];
	for (int i = 0; i < 4; i++)
		at[i] = atoi(argv[first + i]);
	struct toy *owner = owned || popup ? named(argv[2]) : NULL;
	DWORD style = WS_OVERLAPPEDWINDOW, ex_style = 0;
	if (owned)
		style = WS_POPUPWINDOW | WS_CAPTION | WS_THICKFRAME;
	if (popup) {
		style = WS_POPUP | WS_BORDER;
		ex_style = WS_EX_TOOLWINDOW | WS_EX_NOACTIVATE | WS_EX_TOPMOST;
		if (has(argv, "tip"))
			ex_style |= WS_EX_TRANSPARENT;
	}
	if (has(argv, "fixed"))
		style &= ~(DWORD)(WS_THICKFRAME | WS_MAXIMIZEBOX);
	if (has(argv, "tool"))
		ex_style |= WS_EX_TOOLWINDOW;
	if (has(argv, "bare"))
		style = WS_POPUP | WS_SYSMENU | WS_MINIMIZEBOX;
	make(argv[1], owner ? owner->hwnd : NULL, style, ex_style, at,
	     has(argv, "min"), !has(argv, "hidden"));
	struct toy *made = named(argv[1]);
	if (made)
		made->keys = has(argv, "keys");
	return true;
}

static HICON new_icon(int side, unsigned seed)
{
	uint32_t state = seed, *pixels = NULL;
	BITMAPINFO info = {.bmiHeader = {.biSize = sizeof info.bmiHeader,
					 .biWidth = side,
					 .biHeight = -side,
					 .biPlanes = 1,
					 .biBitCount = 32}};
	HDC dc = CreateCompatibleDC(NULL);
	ICONINFO icon = {.fIcon = TRUE};
	icon.hbmColor = CreateDIBSection(dc, &info, DIB_RGB_COLORS,
					 (void **)&pixels, NULL, 0);
	for (int i = 0; pixels && i < side * side; i++)
		pixels[i] = 0xff000000 | noise(&state);
	icon.hbmMask = CreateBitmap(side, side, 1, 1, NULL);
	HICON result = CreateIconIndirect(&icon);
	DeleteObject(icon.hbmColor);
	DeleteObject(icon.hbmMask);
	DeleteDC(dc);
	return result;
}

static void make_link(char **argv, int argc)
{
	IShellLinkW *link = NULL;
	IPersistFile *file = NULL;
	WCHAR text[4][MAX_PATH] = {{0}};
	for (int i = 0; i < 4 && i + 1 < argc; i++) {
		for (char *p = argv[i + 1]; *p; p++)
			if (*p == '+')
				*p = ' ';
		wide(argv[i + 1], text[i], MAX_PATH);
	}
	CoInitializeEx(NULL, COINIT_APARTMENTTHREADED);
	if (FAILED(CoCreateInstance(&CLSID_ShellLink, NULL,
				    CLSCTX_INPROC_SERVER, &IID_IShellLinkW,
				    (void **)&link)))
		return;
	IShellLinkW_SetPath(link, text[1]);
	IShellLinkW_SetArguments(link, text[2]);
	IShellLinkW_SetDescription(link, text[3]);
	if (SUCCEEDED(IShellLinkW_QueryInterface(link, &IID_IPersistFile,
						 (void **)&file))) {
		HRESULT result = IPersistFile_Save(file, text[0], TRUE);
		say("saved %lx", (unsigned long)result);
		IPersistFile_Release(file);
	}
	IShellLinkW_Release(link);
}

static BOOL CALLBACK on_window(HWND hwnd, LPARAM data)
{
	RECT r;
	WCHAR title[200] = L"";
	char utf8[600];
	if (!IsWindowVisible(hwnd))
		return TRUE;
	GetWindowRect(hwnd, &r);
	InternalGetWindowText(hwnd, title, 200);
	WideCharToMultiByte(CP_UTF8, 0, title, -1, utf8, sizeof utf8, NULL,
			    NULL);
	say("win %llu %llu %llu %ld %ld %ld %ld %s",
	    (unsigned long long)(UINT_PTR)hwnd,
	    (unsigned long long)(UINT_PTR)GetPropA(hwnd,
						   "__wine_x11_whole_window"),
	    (unsigned long long)(UINT_PTR)GetPropW(hwnd, L"OrielWindow"),
	    r.left, r.top, r.right - r.left, r.bottom - r.top, utf8);
	return TRUE;
}

static void state(HWND hwnd, const char *what)
{
	if (strcmp(what, "max") == 0)
		ShowWindow(hwnd, SW_MAXIMIZE);
	else if (strcmp(what, "min") == 0)
		ShowWindow(hwnd, SW_MINIMIZE);
	else if (strcmp(what, "restore") == 0)
		ShowWindow(hwnd, SW_RESTORE);
	else
		SetWindowPos(
		    hwnd,
		    strcmp(what, "top") == 0 ? HWND_TOPMOST : HWND_NOTOPMOST, 0,
		    0, 0, 0, SWP_NOMOVE | SWP_NOSIZE | SWP_NOACTIVATE);
}

static void menu(struct toy *toy, int x, int y)
{
	HMENU bar = CreatePopupMenu(), sub = CreatePopupMenu();
	for (int i = 0; i < 5; i++) {
		WCHAR text[32];
		wsprintfW(text, L"Item %d", i);
		AppendMenuW(i < 3 ? bar : sub, MF_STRING, 100u + (UINT)i, text);
	}
	AppendMenuW(bar, MF_POPUP, (UINT_PTR)sub, L"More");
	say("done"); /* its loop begins: lines still come */
	UINT chosen =
	    (UINT)TrackPopupMenu(bar, TPM_RETURNCMD, x, y, 0, toy->hwnd, NULL);
	say("chosen %u", chosen);
	DestroyMenu(bar);
}

/* ---- the clipboard ---- */

static HGLOBAL global_of(const void *bytes, size_t size)
{
	HGLOBAL handle = GlobalAlloc(GMEM_MOVEABLE, size);
	memcpy(GlobalLock(handle), bytes, size);
	GlobalUnlock(handle);
	return handle;
}

static void spaces(char *text)
{
	for (; *text; text++)
		if (*text == '+')
			*text = ' ';
		else if (*text == '^')
			*text = '\n';
}

static void copy_dib(int width, int height, unsigned seed)
{
	size_t size = sizeof(BITMAPINFOHEADER) + (size_t)(width * height) * 4;
	BITMAPINFOHEADER *header = calloc(1, size);
	uint32_t *pixels = (uint32_t *)(header + 1), state = seed;
	*header = (BITMAPINFOHEADER){.biSize = sizeof *header,
				     .biWidth = width,
				     .biHeight = height,
				     .biPlanes = 1,
				     .biBitCount = 32};
	for (int i = 0; i < width * height; i++)
		pixels[i] = noise(&state);
	SetClipboardData(CF_DIB, global_of(header, size));
	free(header);
}

static void copy_files(char **argv, int argc)
{
	WCHAR list[4096] = L"";
	size_t used = sizeof(DROPFILES) / sizeof *list;
	DROPFILES *drop = (DROPFILES *)list;
	*drop = (DROPFILES){.pFiles = sizeof *drop, .fWide = TRUE};
	for (int i = 2; i < argc; i++) {
		spaces(argv[i]);
		wide(argv[i], list + used, MAX_PATH);
		used += wcslen(list + used) + 1;
	}
	list[used++] = 0;
	SetClipboardData(CF_HDROP, global_of(list, used * sizeof *list));
}

static void copy(char **argv, int argc)
{
	WCHAR text[2048] = L"";
	const char *what = argv[1];
	while (!OpenClipboard(control))
		Sleep(10);
	EmptyClipboard();
	if (strcmp(what, "text") == 0 && argc > 2) {
		spaces(argv[2]);
		wide(argv[2], text, 2048);
		SetClipboardData(
		    CF_UNICODETEXT,
		    global_of(text, (wcslen(text) + 1) * sizeof *text));
	} else if (strcmp(what, "html") == 0 && argc > 2) {
		char html[2048];
		spaces(argv[2]);
		int n = (int)strlen(argv[2]);
		int size = snprintf(html, sizeof html,
				    "Version:0.9\r\nStartHTML:-1\r\n"
				    "EndHTML:-1\r\nStartFragment:%06d\r\n"
				    "EndFragment:%06d\r\n%s",
				    81, 81 + n, argv[2]);
		SetClipboardData(RegisterClipboardFormatW(L"HTML Format"),
				 global_of(html, (size_t)size + 1));
	} else if (strcmp(what, "dib") == 0 && argc > 4) {
		copy_dib(atoi(argv[2]), atoi(argv[3]), (unsigned)atoi(argv[4]));
	} else if (strcmp(what, "files") == 0) {
		copy_files(argv, argc);
	}
	CloseClipboard();
}

static uint32_t sum_of(const uint8_t *bytes, size_t size)
{
	uint32_t sum = 2166136261u;
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ bytes[i]) * 16777619u;
	return sum;
}

static void say_file(const WCHAR *path)
{
	char utf8[1024];
	uint8_t *bytes = malloc(65 << 20);
	DWORD n = 0;
	HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL,
				  OPEN_EXISTING, 0, NULL);
	if (file != INVALID_HANDLE_VALUE) {
		ReadFile(file, bytes, 65 << 20, &n, NULL);
		CloseHandle(file);
	}
	WideCharToMultiByte(CP_UTF8, 0, path, -1, utf8, sizeof utf8, NULL,
			    NULL);
	say("clip file %lu %lu %s", (unsigned long)n,
	    (unsigned long)sum_of(bytes, n), utf8);
	free(bytes);
}

static UINT format_of(const char *what)
{
	return strcmp(what, "text") == 0    ? CF_UNICODETEXT
	       : strcmp(what, "dib") == 0   ? CF_DIB
	       : strcmp(what, "files") == 0 ? CF_HDROP
	       : strcmp(what, "png") == 0
		   ? RegisterClipboardFormatW(L"PNG")
		   : RegisterClipboardFormatW(L"HTML Format");
}

static void paste(const char *what)
{
	UINT format = format_of(what);
	while (!OpenClipboard(control))
		Sleep(10);
	HANDLE handle = GetClipboardData(format);
	uint8_t *data = handle ? GlobalLock(handle) : NULL;
	if (!data) {
		say("clip nothing");
	} else if (format == CF_UNICODETEXT) {
		char utf8[4096];
		WideCharToMultiByte(CP_UTF8, 0, (WCHAR *)data, -1, utf8,
				    sizeof utf8, NULL, NULL);
		for (char *p = utf8; *p; p++)
			*p = *p == '\r' ? '~' : *p == '\n' ? '^' : *p;
		say("clip text %s", utf8);
	} else if (format == CF_DIB) {
		BITMAPINFOHEADER *h = (BITMAPINFOHEADER *)data;
		/* of the pixels alone, without what stands for alpha */
		size_t count = (size_t)h->biWidth * (size_t)abs(h->biHeight);
		size_t at = h->biSize;
		if (h->biCompression == BI_BITFIELDS && h->biSize == 40)
			at += 12;
		uint32_t *p = (uint32_t *)(data + at);
		for (size_t i = 0; i < count; i++)
			p[i] &= 0xffffff;
		say("clip dib %ld %ld %lu", h->biWidth, labs(h->biHeight),
		    (unsigned long)sum_of(data + at, count * 4));
	} else if (format == CF_HDROP) {
		UINT n = DragQueryFileW((HDROP)handle, 0xffffffff, NULL, 0);
		for (UINT i = 0; i < n; i++) {
			WCHAR path[MAX_PATH];
			DragQueryFileW((HDROP)handle, i, path, MAX_PATH);
			say_file(path);
		}
	} else {
		size_t size = GlobalSize(handle);
		say("clip bytes %lu %.*s", (unsigned long)size,
		    data[0] < 0x20 || data[0] > 0x7e ? 0 : (int)size,
		    (char *)data);
	}
	if (data)
		GlobalUnlock(handle);
	CloseClipboard();
}

/* 1 done, 0 unknown, -1 has answered itself */
static int act(char **argv, int argc)
{
	const char *name = argv[0];
	struct toy *toy = argc > 1 ? named(argv[1]) : NULL;
	HWND hwnd = toy ? toy->hwnd : NULL;
	int a = argc > 2 ? atoi(argv[2]) : 0, b = argc > 3 ? atoi(argv[3]) : 0;
	const UINT quiet = SWP_NOZORDER | SWP_NOACTIVATE;
	RECT r = {0};
	if (hwnd)
		GetWindowRect(hwnd, &r);
	if (strcmp(name, "window") == 0 || strcmp(name, "owned") == 0 ||
	    strcmp(name, "popup") == 0)
		return create(argv, argc);
	if (strcmp(name, "many") == 0 && argc > 3) {
		for (int i = 0; i < atoi(argv[1]); i++) {
			char one[32];
			int at[4] = {i * 7 % 500, i * 11 % 400, a, b};
			snprintf(one, sizeof one, "many-%d", i);
			make(one, NULL, WS_OVERLAPPEDWINDOW, 0, at, false,
			     true);
		}
	} else if (strcmp(name, "windows") == 0) {
		EnumWindows(on_window, 0);
	} else if (strcmp(name, "foreground") == 0) {
		struct toy *fore = of(GetForegroundWindow());
		say("fore %s", fore && fore->hwnd ? fore->name : "-");
	} else if (strcmp(name, "hang") == 0) {
		say("done");
		Sleep((DWORD)atoi(argv[1]));
		return -1;
	} else if (strcmp(name, "copy") == 0 && argc > 1) {
		copy(argv, argc);
	} else if (strcmp(name, "paste") == 0 && argc > 1) {
		paste(argv[1]);
	} else if (strcmp(name, "has") == 0 && argc > 1) {
		say("has %d", IsClipboardFormatAvailable(format_of(argv[1])));
	} else if (strcmp(name, "link") == 0) {
		make_link(argv, argc);
	} else if (strcmp(name, "quit") == 0) {
		PostQuitMessage(0);
	} else if (!toy) {
		return 0;
	} else if (strcmp(name, "draw") == 0) {
		toy->seed = (unsigned)a;
		InvalidateRect(hwnd, NULL, FALSE);
		UpdateWindow(hwnd);
	} else if (strcmp(name, "title") == 0 && argc > 2) {
		char text[512] = "";
		WCHAR title[512];
		for (int i = 2; i < argc; i++) {
			strncat(text, argv[i], sizeof text - strlen(text) - 2);
			if (i + 1 < argc)
				strcat(text, " ");
		}
		wide(text, title, 512);
		SetWindowTextW(hwnd, title);
	} else if (strcmp(name, "destroy") == 0) {
		DestroyWindow(hwnd);
	} else if (strcmp(name, "show") == 0) {
		ShowWindow(hwnd, a ? SW_SHOWNOACTIVATE : SW_HIDE);
	} else if (strcmp(name, "move") == 0) {
		SetWindowPos(hwnd, NULL, a, b, 0, 0, quiet | SWP_NOSIZE);
	} else if (strcmp(name, "resize") == 0) {
		SetWindowPos(hwnd, NULL, 0, 0, a, b, quiet | SWP_NOMOVE);
	} else if (strcmp(name, "spin") == 0) {
		for (int i = 0; i < a; i++)
			SetWindowPos(hwnd, NULL, r.left + i % 50,
				     r.top + i % 30, 0, 0, quiet | SWP_NOSIZE);
	} else if (strcmp(name, "state") == 0 && argc > 2) {
		state(hwnd, argv[2]);
	} else if (strcmp(name, "icon") == 0) {
		HICON old = toy->icon;
		toy->icon = new_icon(a, (unsigned)b);
		SendMessageW(hwnd, WM_SETICON, ICON_BIG, (LPARAM)toy->icon);
		if (old)
			DestroyIcon(old);
	} else if (strcmp(name, "shape") == 0) {
		SetWindowRgn(hwnd,
			     a ? CreateEllipticRgn(0, 0, r.right - r.left,
						   r.bottom - r.top)
			       : NULL,
			     TRUE);
	} else if (strcmp(name, "opacity") == 0) {
		SetWindowLongW(hwnd, GWL_EXSTYLE,
			       GetWindowLongW(hwnd, GWL_EXSTYLE) |
				   WS_EX_LAYERED);
		SetLayeredWindowAttributes(hwnd, 0, (BYTE)a, LWA_ALPHA);
	} else if (strcmp(name, "enable") == 0) {
		EnableWindow(hwnd, a);
	} else if (strcmp(name, "activate") == 0) {
		SetForegroundWindow(hwnd);
	} else if (strcmp(name, "cursor") == 0) {
		SetClassLongPtrW(
		    hwnd, GCLP_HCURSOR,
		    (LONG_PTR)LoadCursorW(NULL, MAKEINTRESOURCEW(a)));
		SetCursor(LoadCursorW(NULL, MAKEINTRESOURCEW(a)));
	} else if (strcmp(name, "menu") == 0) {
		menu(toy, a, b);
		return -1;
	} else if (strcmp(name, "where") == 0) {
		say("at %s %ld %ld %ld %ld %lu %lu", toy->name, r.left, r.top,
		    r.right - r.left, r.bottom - r.top,
		    (unsigned long)GetWindowLongW(hwnd, GWL_STYLE),
		    (unsigned long)GetWindowLongW(hwnd, GWL_EXSTYLE));
	} else {
		return 0;
	}
	return 1;
}

static LRESULT CALLBACK on_control(HWND hwnd, UINT message, WPARAM wparam,
				   LPARAM lparam)
{
	if (message != WM_COMMAND_LINE)
		return DefWindowProcW(hwnd, message, wparam, lparam);
	char *argv[16] = {0}, *line = (char *)lparam;
	int argc = 0;
	if (!line) {
		PostQuitMessage(0);
		return 0;
	}
	for (char *word = strtok(line, " \r\n"); word && argc < 15;
	     word = strtok(NULL, " \r\n"))
		argv[argc++] = word;
	if (argc) {
		int result = act(argv, argc);
		if (result >= 0)
			say(result ? "done" : "unknown");
	}
	free(line);
	return 0;
}

static DWORD WINAPI read_lines(void *data)
{
	char line[1024];
	while (fgets(line, sizeof line, stdin))
		PostMessageW(control, WM_COMMAND_LINE, 0,
			     (LPARAM)_strdup(line));
	PostMessageW(control, WM_COMMAND_LINE, 0, 0);
	return 0;
}

int main(int argc, char **argv)
{
	MSG message;
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	instance = GetModuleHandleW(NULL);
	WNDCLASSW class = {.lpfnWndProc = on_message,
			   .hInstance = instance,
			   .hCursor = LoadCursorW(NULL, IDC_ARROW),
			   .lpszClassName = L"OrielToy"};
	RegisterClassW(&class);
	class.lpfnWndProc = on_control;
	class.lpszClassName = L"OrielToyControl";
	RegisterClassW(&class);
	control = CreateWindowW(class.lpszClassName, L"", 0, 0, 0, 0, 0,
				HWND_MESSAGE, NULL, instance, NULL);
	/* with arguments: as an application that has been launched */
	if (argc > 1) {
		const int at[4] = {60, 60, 320, 200};
		make("launched", NULL, WS_OVERLAPPEDWINDOW, 0, at, false, true);
		WCHAR title[MAX_PATH] = L"";
		wide(argv[argc - 1], title, MAX_PATH);
		SetWindowTextW(named("launched")->hwnd, title);
	} else {
		CloseHandle(CreateThread(NULL, 0, read_lines, NULL, 0, NULL));
		say("ready");
	}
	while (GetMessageW(&message, NULL, 0, 0) > 0) {
		TranslateMessage(&message);
		DispatchMessageW(&message);
		if (argc > 1 && !named("launched"))
			break;
	}
	return 0;
}
