#include "seamless/win32/selftest.h"

#include "seamless/win32/win.h"

#include <dwmapi.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "seamless/win32/agent.h"
#include "seamless/win32/events.h"
#include "seamless/win32/late.h"
#include "seamless/win32/text.h"

#define COLOUR RGB(0x20, 0x80, 0xe0)
#define SIDE   160

static unsigned failed;

static void line(const char *verdict, const char *what, const char *format, ...)
    __attribute__((format(gnu_printf, 3, 4)));
static void line(const char *verdict, const char *what, const char *format, ...)
{
	va_list list;
	printf("%-5s %-34s ", verdict, what);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
	fflush(stdout);
}

/* Without `must` it is a fact of this Windows, no failure. */
static bool check(bool good, bool must, const char *what, const char *detail)
{
	failed += !good && must;
	line(good ? "yes" : must ? "NO" : "no", what, "%s", detail);
	return good;
}

static LRESULT CALLBACK on_message(HWND hwnd, UINT message, WPARAM wparam,
				   LPARAM lparam)
{
	if (message == WM_PAINT) {
		PAINTSTRUCT ps;
		HDC dc = BeginPaint(hwnd, &ps);
		RECT r;
		HBRUSH brush = CreateSolidBrush(
		    (COLORREF)GetWindowLongPtrW(hwnd, GWLP_USERDATA));
		GetClientRect(hwnd, &r);
		FillRect(dc, &r, brush);
		DeleteObject(brush);
		EndPaint(hwnd, &ps);
		return 0;
	}
	return DefWindowProcW(hwnd, message, wparam, lparam);
}

static void pump(DWORD ms)
{
	int64_t end = time_now() + (int64_t)ms * 1000;
	MSG message;
	while (time_now() < end) {
		while (PeekMessageW(&message, NULL, 0, 0, PM_REMOVE)) {
			TranslateMessage(&message);
			DispatchMessageW(&message);
		}
		Sleep(5);
	}
}

static HWND window(int x, int y, int side, COLORREF colour)
{
	HWND hwnd = CreateWindowExW(
	    WS_EX_TOOLWINDOW, L"OrielSelfTest", L"Oriel self-test", WS_POPUP, x,
	    y, side, side, NULL, NULL, GetModuleHandleW(NULL), NULL);
	SetWindowLongPtrW(hwnd, GWLP_USERDATA, (LONG_PTR)colour);
	ShowWindow(hwnd, SW_SHOWNOACTIVATE);
	UpdateWindow(hwnd);
	return hwnd;
}

/* What share of the window's middle a source sees in its colour. */
static int seen_percent(const struct pixel_source *source, struct window *w,
			const char **refused)
{
	struct canvas canvas;
	void *state = NULL;
	int good = 0, all = 0;
	if (!canvas_create(&canvas, SIDE, SIDE))
		return -1;
	const char *why = source->begin ? source->begin(w, &state) : NULL;
	if (why) {
		*refused = why;
		canvas_destroy(&canvas);
		return -1;
	}
	enum pixels_got got = PIXELS_LATER;
	/* a source may need a frame or two to begin with */
	for (int i = 0; i < 10 && got == PIXELS_LATER; i++) {
		pump(100);
		got = source->read(w, state, &canvas);
	}
	GdiFlush();
	for (int y = 40; y < 120; y++)
		for (int x = 40; x < 120; x++, all++)
			good += (canvas.pixels[y * canvas.stride + x] &
				 0xffffff) == 0x2080e0;
	if (source->end)
		source->end(w, state);
	canvas_destroy(&canvas);
	return got != PIXELS_TAKEN ? -1 : good * 100 / all;
}

static void test_pixels(void)
{
	static struct agent agent; /* large; what stands for the atlas */
	struct window w = {.hwnd = window(60, 60, SIDE, COLOUR),
			   .agent = &agent,
			   .slot = {.width = SIDE, .height = SIDE}};
	const struct pixel_source *source;
	bool any = false;
	SetRect(&agent.atlas_place, 300, 60, 300 + SIDE, 62 + SIDE);
	agent.atlas_window = window(300, 60, SIDE + 2, RGB(0, 0, 0));
	pump(200);
	for (unsigned i = 0; (source = pixels_source(i)); i++) {
		char what[64], detail[96];
		const char *why = source->open ? source->open() : NULL;
		int alone = !why ? seen_percent(source, &w, &why) : -1;
		HWND cover = window(80, 80, SIDE, RGB(9, 9, 9));
		pump(100);
		int covered = !why ? seen_percent(source, &w, &why) : -1;
		DestroyWindow(cover);
		pump(100);
		snprintf(what, sizeof what, "pixels: %s", source->name);
		if (why)
			snprintf(detail, sizeof detail, "%s", why);
		else
			snprintf(detail, sizeof detail,
				 "uncovered %d%%, covered %d%% right", alone,
				 covered);
		any |= check(alone == 100, false, what, detail);
	}
	check(any, true, "pixels: any source", "the agent needs one");
	DestroyWindow(agent.atlas_window);
	DestroyWindow(w.hwnd);
}

static volatile LONG events_seen;

static void CALLBACK on_event(HWINEVENTHOOK hook, DWORD event, HWND hwnd,
			      LONG object, LONG child, DWORD thread, DWORD time)
{
	if (object == OBJID_WINDOW) {
		if (event == EVENT_OBJECT_CREATE)
			events_seen |= 1;
		if (event == EVENT_OBJECT_LOCATIONCHANGE)
			events_seen |= 2;
		if (event == EVENT_OBJECT_NAMECHANGE)
			events_seen |= 4;
		if (event == EVENT_OBJECT_DESTROY)
			events_seen |= 8;
	}
}

static void test_events(void)
{
	char detail[96];
	HWINEVENTHOOK hook =
	    SetWinEventHook(EVENT_OBJECT_CREATE, EVENT_OBJECT_NAMECHANGE, NULL,
			    on_event, 0, 0, WINEVENT_OUTOFCONTEXT);
	HWND hwnd = window(60, 60, SIDE, COLOUR);
	SetWindowPos(hwnd, NULL, 90, 90, SIDE, SIDE, SWP_NOZORDER);
	SetWindowTextW(hwnd, L"another title");
	DestroyWindow(hwnd);
	pump(300);
	snprintf(detail, sizeof detail,
		 "create %d, place %d, title %d, destroy %d",
		 !!(events_seen & 1), !!(events_seen & 2), !!(events_seen & 4),
		 !!(events_seen & 8));
	check(events_seen == 15, false, "events: WinEvents tell all", detail);
	if (hook)
		UnhookWinEvent(hook);
}

static void test_places(void)
{
	char detail[128];
	RECT whole, place;
	int margin[4];
	HWND hwnd = CreateWindowW(L"OrielSelfTest", L"Oriel self-test",
				  WS_OVERLAPPEDWINDOW, 80, 80, 300, 200, NULL,
				  NULL, GetModuleHandleW(NULL), NULL);
	ShowWindow(hwnd, SW_SHOWNOACTIVATE);
	pump(300);
	GetWindowRect(hwnd, &whole);
	bool bounds = props_bounds(hwnd, &place, margin);
	snprintf(detail, sizeof detail, "invisible edges %d %d %d %d",
		 margin[0], margin[1], margin[2], margin[3]);
	check(bounds, true, "place: frame bounds", detail);
	SetWindowPos(hwnd, NULL, 120 - margin[0], 130 - margin[1],
		     310 + margin[0] + margin[2], 220 + margin[1] + margin[3],
		     SWP_NOZORDER | SWP_NOACTIVATE | SWP_ASYNCWINDOWPOS);
	pump(200);
	props_bounds(hwnd, &place, margin);
	snprintf(detail, sizeof detail,
		 "asked 120,130 310x220; is %ld,%ld %ldx%ld", place.left,
		 place.top, place.right - place.left, place.bottom - place.top);
	check(place.left == 120 && place.top == 130 && place.right == 430 &&
		  place.bottom == 350,
	      true, "place: set to the pixel", detail);
	ShowWindow(hwnd, SW_SHOWMAXIMIZED);
	pump(400);
	props_bounds(hwnd, &place, margin);
	snprintf(detail, sizeof detail, "%ld,%ld %ldx%ld", place.left,
		 place.top, place.right - place.left, place.bottom - place.top);
	check(IsZoomed(hwnd), false, "place: maximized bounds", detail);
	SetForegroundWindow(hwnd);
	pump(200);
	check(GetForegroundWindow() == hwnd, true, "focus: SetForegroundWindow",
	      "");
	DestroyWindow(hwnd);
}

static void test_input(void)
{
	POINT before, at = {0};
	char detail[64];
	GetCursorPos(&before);
	int left = GetSystemMetrics(SM_XVIRTUALSCREEN);
	int top = GetSystemMetrics(SM_YVIRTUALSCREEN);
	int width = most(GetSystemMetrics(SM_CXVIRTUALSCREEN), 1);
	int height = most(GetSystemMetrics(SM_CYVIRTUALSCREEN), 1);
	int wrong = 0;
	for (int x = 100; x < 200; x += 7) {
		INPUT input = {.type = INPUT_MOUSE};
		input.mi.dwFlags = MOUSEEVENTF_MOVE | MOUSEEVENTF_ABSOLUTE |
				   MOUSEEVENTF_VIRTUALDESK;
		input.mi.dx =
		    (LONG)(((int64_t)(x - left) * 65536 + 32768) / width);
		input.mi.dy =
		    (LONG)(((int64_t)(x - top) * 65536 + 32768) / height);
		SendInput(1, &input, sizeof input);
		pump(10);
		GetCursorPos(&at);
		wrong += at.x != x || at.y != x;
	}
	SetCursorPos(before.x, before.y);
	snprintf(detail, sizeof detail, "%d of 15 places were off", wrong);
	check(wrong == 0, true, "input: pointer to the pixel", detail);
}

int selftest_run(void)
{
	BOOL composed = FALSE;
	char detail[96];
	WNDCLASSW class = {.lpfnWndProc = on_message,
			   .hInstance = GetModuleHandleW(NULL),
			   .lpszClassName = L"OrielSelfTest"};
	RegisterClassW(&class);
	line("is", "system", "%s, %u-bit agent", late_system(),
	     (unsigned)sizeof(void *) * 8);
	line("is", "screens", "%d, together %dx%d",
	     GetSystemMetrics(SM_CMONITORS),
	     GetSystemMetrics(SM_CXVIRTUALSCREEN),
	     GetSystemMetrics(SM_CYVIRTUALSCREEN));
	check(GetSystemMetrics(SM_CMONITORS) > 1, false,
	      "a second screen for the atlas",
	      "without one it lies over the only one");
	check(SUCCEEDED(DwmIsCompositionEnabled(&composed)) && composed, false,
	      "DWM composes", "covered windows stay whole");
	HANDLE port = CreateFileW(L"\\\\.\\Global\\org.oriel.seamless.0",
				  GENERIC_READ | GENERIC_WRITE, 0, NULL,
				  OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
	snprintf(detail, sizeof detail, "error %lu",
		 port == INVALID_HANDLE_VALUE ? GetLastError() : 0);
	check(port != INVALID_HANDLE_VALUE, false, "guest port", detail);
	if (port != INVALID_HANDLE_VALUE)
		CloseHandle(port);
	check(late.set_dpi_context != NULL, false, "scale per monitor", "");
	test_pixels();
	test_events();
	test_places();
	test_input();
	line("is", "verdict", "%u things fail that it needs", failed);
	return failed ? 1 : 0;
}
