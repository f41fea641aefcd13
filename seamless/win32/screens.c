/* The atlas: a picture in memory, and the window of ours that shows it on the
 * machine's second screen, or over its only one. */
#include <string.h>

#include "seamless/win32/agent.h"
#include "seamless/win32/clip-window.h"
#include "seamless/win32/log.h"

#define ATLAS_MAX (33u << 20) /* pixels, as QEMU hands them on */

bool canvas_create(struct canvas *self, int width, int height)
{
	BITMAPINFO info = {.bmiHeader = {.biSize = sizeof info.bmiHeader,
					 .biWidth = width,
					 .biHeight = -height,
					 .biPlanes = 1,
					 .biBitCount = 32,
					 .biCompression = BI_RGB}};
	void *pixels = NULL;
	*self =
	    (struct canvas){.width = width, .height = height, .stride = width};
	self->dc = CreateCompatibleDC(NULL);
	if (self->dc)
		self->bitmap = CreateDIBSection(self->dc, &info, DIB_RGB_COLORS,
						&pixels, NULL, 0);
	if (!self->bitmap) {
		canvas_destroy(self);
		return false;
	}
	self->pixels = pixels;
	self->before = SelectObject(self->dc, self->bitmap);
	return true;
}

void canvas_destroy(struct canvas *self)
{
	if (self->before)
		SelectObject(self->dc, self->before);
	if (self->bitmap)
		DeleteObject(self->bitmap);
	if (self->dc)
		DeleteDC(self->dc);
	*self = (struct canvas){0};
}

void paint_show(struct agent *agent, int x, int y, int width, int height)
{
	HDC dc = GetDC(agent->atlas_window);
	if (!dc)
		return;
	BitBlt(dc, x, y, width, height, agent->atlas_canvas.dc, x, y, SRCCOPY);
	ReleaseDC(agent->atlas_window, dc);
}

static LRESULT CALLBACK on_message(HWND hwnd, UINT message, WPARAM wparam,
				   LPARAM lparam)
{
	struct agent *agent =
	    (struct agent *)GetWindowLongPtrW(hwnd, GWLP_USERDATA);
	switch (message) {
	case PIXELS_ARRIVED:
		if (agent)
			windows_stir(agent, (HWND)wparam);
		return 0;
	case CLIP_SAYS:
		if (agent)
			clipboard_said(agent, wparam, lparam);
		return 0;
	case WM_ERASEBKGND:
		return 1;
	case WM_MOUSEACTIVATE:
		return MA_NOACTIVATE;
	case WM_PAINT: {
		PAINTSTRUCT paint;
		HDC dc = BeginPaint(hwnd, &paint);
		const RECT *r = &paint.rcPaint;
		if (agent && agent->atlas_canvas.dc)
			BitBlt(dc, r->left, r->top, r->right - r->left,
			       r->bottom - r->top, agent->atlas_canvas.dc,
			       r->left, r->top, SRCCOPY);
		EndPaint(hwnd, &paint);
		return 0;
	}
	}
	return DefWindowProcW(hwnd, message, wparam, lparam);
}

struct screens {
	RECT whole, atlas;
	unsigned count, head;
};

static BOOL CALLBACK on_monitor(HMONITOR monitor, HDC dc, RECT *rect,
				LPARAM data)
{
	struct screens *screens = (struct screens *)data;
	MONITORINFOEXW info;
	(void)dc;
	info.cbSize = sizeof info;
	screens->count++;
	if (!GetMonitorInfoW(monitor, (MONITORINFO *)&info) ||
	    (info.dwFlags & MONITORINFOF_PRIMARY))
		return TRUE;
	/* "\\.\DISPLAY2": Windows counts from 1 */
	const WCHAR *digits = info.szDevice;
	unsigned number = 0;
	for (; *digits; digits++)
		if (*digits >= '0' && *digits <= '9')
			number = number * 10 + (unsigned)(*digits - '0');
	if (number >= 1 && number - 1 >= screens->head && number <= 4) {
		screens->head = number - 1;
		screens->atlas = *rect;
	}
	return TRUE;
}

static void find_screens(struct screens *screens)
{
	*screens = (struct screens){0};
	SetRect(&screens->whole, GetSystemMetrics(SM_XVIRTUALSCREEN),
		GetSystemMetrics(SM_YVIRTUALSCREEN),
		GetSystemMetrics(SM_XVIRTUALSCREEN) +
		    GetSystemMetrics(SM_CXVIRTUALSCREEN),
		GetSystemMetrics(SM_YVIRTUALSCREEN) +
		    GetSystemMetrics(SM_CYVIRTUALSCREEN));
	EnumDisplayMonitors(NULL, NULL, on_monitor, (LPARAM)screens);
	if (IsRectEmpty(&screens->atlas))
		screens->atlas = screens->whole; /* it lies over everything */
}

/* What the atlas leaves of the screens, if it lies at their right or lower
 * edge; else all. */
static void find_room(struct agent *agent, const RECT *whole)
{
	const RECT *a = &agent->atlas_place;
	agent->room = *whole;
	if (a->left > whole->left && a->right == whole->right)
		agent->room.right = a->left;
	else if (a->top > whole->top && a->bottom == whole->bottom)
		agent->room.bottom = a->top;
	else if (a->right < whole->right && a->left == whole->left)
		agent->room.left = a->right;
}

static bool make_atlas(struct agent *agent)
{
	const RECT *p = &agent->atlas_place;
	int width = p->right - p->left, height = p->bottom - p->top;
	if ((uint64_t)width * (unsigned)height > ATLAS_MAX)
		height = (int)(ATLAS_MAX / (unsigned)width);
	canvas_destroy(&agent->atlas_canvas);
	atlas_destroy(agent->atlas);
	agent->atlas = atlas_create((uint32_t)width, (uint32_t)height);
	return agent->atlas &&
	       canvas_create(&agent->atlas_canvas, width, height);
}

bool paint_open(struct agent *agent, const RECT *place)
{
	struct screens screens;
	find_screens(&screens);
	agent->atlas_given = place != NULL;
	agent->atlas_place = place ? *place : screens.atlas;
	agent->head = place ? 0 : screens.head;
	agent->atlas_told =
	    place ? (POINT){screens.whole.left, screens.whole.top}
		  : (POINT){screens.atlas.left, screens.atlas.top};
	find_room(agent, &screens.whole);
	/* the program's icon, if windres gave it one */
	WNDCLASSW class = {.lpfnWndProc = on_message,
			   .hInstance = GetModuleHandleW(NULL),
			   .hCursor = LoadCursorW(NULL, IDC_ARROW),
			   .lpszClassName = L"OrielAgentAtlas"};
	RegisterClassW(&class);
	bool over = EqualRect(&agent->atlas_place, &screens.whole);
	agent->atlas_over = over;
	const RECT *p = &agent->atlas_place;
	/* on the only screen clicks must pass through it */
	agent->atlas_window = CreateWindowExW(
	    WS_EX_TOPMOST | WS_EX_TOOLWINDOW | WS_EX_NOACTIVATE |
		(over ? WS_EX_LAYERED | WS_EX_TRANSPARENT : 0u),
	    class.lpszClassName, L"", WS_POPUP, p->left, p->top,
	    p->right - p->left, p->bottom - p->top, NULL, NULL, class.hInstance,
	    NULL);
	if (!agent->atlas_window || !make_atlas(agent)) {
		log_line("The atlas cannot be made: %s.",
			 log_error(GetLastError()));
		return false;
	}
	if (over)
		SetLayeredWindowAttributes(agent->atlas_window, 0, 255,
					   LWA_ALPHA);
	SetWindowLongPtrW(agent->atlas_window, GWLP_USERDATA, (LONG_PTR)agent);
	ShowWindow(agent->atlas_window, SW_SHOWNOACTIVATE);
	UpdateWindow(agent->atlas_window);
	return true;
}

void paint_close(struct agent *agent)
{
	if (agent->atlas_window)
		DestroyWindow(agent->atlas_window);
	agent->atlas_window = NULL;
	canvas_destroy(&agent->atlas_canvas);
	canvas_destroy(&agent->scratch);
	atlas_destroy(agent->atlas);
	agent->atlas = NULL;
}

void paint_follow_screens(struct agent *agent)
{
	struct screens screens;
	if (agent->atlas_given)
		return;
	find_screens(&screens);
	if (EqualRect(&screens.atlas, &agent->atlas_place))
		return;
	const RECT *p = &screens.atlas;
	agent->atlas_place = *p;
	agent->atlas_told = (POINT){p->left, p->top};
	agent->head = screens.head;
	agent->atlas_over = EqualRect(p, &screens.whole);
	find_room(agent, &screens.whole);
	SetWindowPos(agent->atlas_window, HWND_TOPMOST, p->left, p->top,
		     p->right - p->left, p->bottom - p->top, SWP_NOACTIVATE);
	slots_void(agent);
	if (!make_atlas(agent)) {
		log_line("There is no memory for an atlas of the new size.");
		agent->quit = true;
	}
}
