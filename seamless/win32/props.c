/* What a window says of itself: read by calls that ask the window manager and
 * not the program, so that a hung program delays nothing; the few that must
 * ask the program have a time limit and come seldom. */
#include "seamless/win32/agent.h"

#include <dwmapi.h>
#include <stdlib.h>
#include <string.h>

#include "seamless/win32/events.h"
#include "seamless/win32/text.h"

#define ASK_MS       40
#define PROPS_US     2000000
#define ASK_AGAIN_US 300000
#define CLOAKED_ATTR 14 /* DWMWA_CLOAKED, Windows 8 */

/* ---- whether it is one ---- */

/* The machine's own furniture, which a client has of its own. */
static bool furniture(const WCHAR *class)
{
	static const WCHAR *const names[] = {
	    L"Progman",
	    L"WorkerW",
	    L"Shell_TrayWnd",
	    L"Shell_SecondaryTrayWnd",
	    L"NotifyIconOverflowWindow",
	    L"TopLevelWindowForOverflowXamlIsland",
	    L"Windows.UI.Core.CoreWindow", /* start menu, search, and the
					      inside of framed apps */
	    L"XamlExplorerHostIslandWindow",
	    L"MultitaskingViewFrame",
	    L"ForegroundStaging",
	    L"TaskListThumbnailWnd",
	    L"EdgeUiInputTopWndClass",
	    L"IME",
	    L"MSCTFIME UI",
	    L"#32769",
	    L"__winex11_standalone_tray",
	    L"OrielAgentAtlas",
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (lstrcmpW(class, names[i]) == 0)
			return true;
	return false;
}

static bool cloaked(HWND hwnd)
{
	DWORD value = 0;
	return SUCCEEDED(DwmGetWindowAttribute(hwnd, CLOAKED_ATTR, &value,
					       sizeof value)) &&
	       value != 0;
}

static enum seam_kind kind_of(const WCHAR *class, DWORD style, DWORD ex_style)
{
	if (lstrcmpW(class, L"#32768") == 0 ||
	    lstrcmpW(class, L"ComboLBox") == 0)
		return SEAM_POPUP;
	if (lstrcmpW(class, L"tooltips_class32") == 0)
		return SEAM_TOOLTIP;
	if (lstrcmpW(class, L"SysDragImage") == 0)
		return SEAM_DND;
	/* no frame, and it takes no focus or hides from the taskbar: a menu,
	 * a list or a hint of a toolkit's own */
	bool framed =
	    (style & WS_CAPTION) == WS_CAPTION || (style & WS_THICKFRAME);
	if ((style & WS_POPUP) && !framed && !(ex_style & WS_EX_APPWINDOW)) {
		if (ex_style & WS_EX_TRANSPARENT)
			return SEAM_TOOLTIP;
		if (ex_style & (WS_EX_NOACTIVATE | WS_EX_TOOLWINDOW))
			return SEAM_POPUP;
	}
	return SEAM_TOPLEVEL;
}

bool props_wanted(struct agent *agent, HWND hwnd, enum seam_kind *kind)
{
	WCHAR class[128] = L"";
	if (!IsWindowVisible(hwnd) || hwnd == agent->atlas_window)
		return false;
	GetClassNameW(hwnd, class, ARRAY_SIZE(class));
	if (furniture(class) || cloaked(hwnd))
		return false;
	struct window *known = window_of_hwnd(agent, hwnd);
	DWORD style = (DWORD)GetWindowLongW(hwnd, GWL_STYLE);
	*kind = kind_of(class, style, (DWORD)GetWindowLongW(hwnd, GWL_EXSTYLE));
	/* a minimized window keeps the contents it had */
	if (known && IsIconic(hwnd))
		return true;
	RECT place;
	int margin[4];
	if (!props_bounds(hwnd, &place, margin))
		return false;
	int width = place.right - place.left, height = place.bottom - place.top;
	return width > 0 && height > 0 && width <= SEAM_SIDE_MAX &&
	       height <= SEAM_SIDE_MAX && !(style & WS_DISABLED && width <= 1);
}

/* Without the invisible edges that Windows 10 has for resizing. */
bool props_bounds(HWND hwnd, RECT *place, int margin[4])
{
	RECT whole, seen;
	if (!GetWindowRect(hwnd, &whole))
		return false;
	if (FAILED(DwmGetWindowAttribute(hwnd, DWMWA_EXTENDED_FRAME_BOUNDS,
					 &seen, sizeof seen)) ||
	    seen.left < whole.left || seen.top < whole.top ||
	    seen.right > whole.right || seen.bottom > whole.bottom ||
	    seen.right <= seen.left || seen.bottom <= seen.top)
		seen = whole;
	*place = seen;
	margin[0] = seen.left - whole.left;
	margin[1] = seen.top - whole.top;
	margin[2] = whole.right - seen.right;
	margin[3] = whole.bottom - seen.bottom;
	return true;
}

/* ---- reading ---- */

static void read_title(struct window *self)
{
	WCHAR wide[SEAM_TITLE_MAX];
	char title[sizeof self->title];
	/* the text that the window manager keeps; WM_GETTEXT would ask the
	 * program */
	int n = InternalGetWindowText(self->hwnd, wide, ARRAY_SIZE(wide));
	wide[n > 0 ? n : 0] = 0;
	text_to_utf8(wide, title, SEAM_TITLE_MAX);
	if (strcmp(title, self->title) == 0)
		return;
	memcpy(self->title, title, sizeof title);
	self->dirty |= DIRTY_PROPS;
}

static void read_program(struct window *self)
{
	WCHAR path[MAX_PATH], class[128] = L"";
	DWORD room = ARRAY_SIZE(path);
	self->thread = GetWindowThreadProcessId(self->hwnd, &self->pid);
	GetClassNameW(self->hwnd, class, ARRAY_SIZE(class));
	text_to_utf8(class, self->role, 128);
	HANDLE process =
	    OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, self->pid);
	if (process && QueryFullProcessImageNameW(process, 0, path, &room))
		apps_id_of_program(self->agent, path, self->app_id,
				   sizeof self->app_id);
	else
		text_to_id(class, self->app_id, sizeof self->app_id);
	if (process)
		CloseHandle(process);
}

/* The nearest window that the client knows, up the chain of owners: many
 * programs own their windows by one that nobody sees. */
static struct window *shown_owner(const struct window *self)
{
	HWND hwnd = self->owner;
	for (int depth = 0; hwnd && depth < 16; depth++) {
		struct window *w = window_of_hwnd(self->agent, hwnd);
		if (w && w != self && w->peer.kind == SEAM_TOPLEVEL)
			return w;
		hwnd = GetWindow(hwnd, GW_OWNER);
	}
	return NULL;
}

static enum seam_window_type type_of(const struct window *self, DWORD style,
				     DWORD ex_style)
{
	switch (self->peer.kind) {
	case SEAM_TOOLTIP:
		return SEAM_TYPE_TOOLTIP;
	case SEAM_DND:
		return SEAM_TYPE_DND;
	case SEAM_POPUP:
		return strcmp(self->role, "ComboLBox") == 0
			   ? SEAM_TYPE_COMBO
			   : SEAM_TYPE_POPUP_MENU;
	default:
		break;
	}
	if (strcmp(self->role, "#32770") == 0)
		return SEAM_TYPE_DIALOG;
	if (ex_style & WS_EX_TOOLWINDOW)
		return SEAM_TYPE_UTILITY;
	if (self->transient_for && !(style & WS_MINIMIZEBOX))
		return SEAM_TYPE_DIALOG;
	if ((style & WS_CAPTION) != WS_CAPTION && !(style & WS_THICKFRAME) &&
	    !(ex_style & WS_EX_APPWINDOW) && !(style & WS_SYSMENU) &&
	    (ex_style & WS_EX_TOPMOST))
		return SEAM_TYPE_SPLASH;
	return SEAM_TYPE_NORMAL;
}

static bool covers_screen(const struct window *self, DWORD style)
{
	MONITORINFO info = {.cbSize = sizeof info};
	if ((style & WS_CAPTION) == WS_CAPTION)
		return false;
	HMONITOR monitor =
	    MonitorFromWindow(self->hwnd, MONITOR_DEFAULTTONEAREST);
	return GetMonitorInfoW(monitor, &info) &&
	       self->place.left <= info.rcMonitor.left &&
	       self->place.top <= info.rcMonitor.top &&
	       self->place.right >= info.rcMonitor.right &&
	       self->place.bottom >= info.rcMonitor.bottom;
}

static uint32_t states_of(const struct window *self, DWORD style,
			  DWORD ex_style)
{
	uint32_t states = 0;
	if (style & WS_MINIMIZE)
		states |= SEAM_MINIMIZED;
	if (style & WS_MAXIMIZE)
		states |= SEAM_MAXIMIZED;
	if (ex_style & WS_EX_TOPMOST)
		states |= SEAM_ABOVE;
	if (!(style & WS_MINIMIZE) && self->peer.kind == SEAM_TOPLEVEL &&
	    covers_screen(self, style))
		states |= SEAM_FULLSCREEN;
	return states;
}

static uint32_t traits_of(const struct window *self, const struct window *owner,
			  DWORD style, DWORD ex_style)
{
	/* frames are drawn in the machine; the client adds none */
	uint32_t traits = SEAM_UNDECORATED;
	if (!(style & WS_THICKFRAME))
		traits |= SEAM_FIXED_SIZE;
	if (ex_style & WS_EX_TOOLWINDOW)
		traits |= SEAM_SKIP_TASKBAR | SEAM_SKIP_PAGER;
	if (owner && !(ex_style & WS_EX_APPWINDOW))
		traits |= SEAM_SKIP_TASKBAR;
	if (ex_style & WS_EX_NOACTIVATE)
		traits |= SEAM_NO_FOCUS;
	/* an owner that takes no input while this one does */
	if (owner && !(style & WS_DISABLED) && !IsWindowEnabled(owner->hwnd))
		traits |= SEAM_MODAL;
	if (self->n_shape)
		traits |= SEAM_SHAPED;
	return traits;
}

/* The window's region, unless it is all of it. */
static void read_shape(struct window *self)
{
	struct seam_rect shape[SHAPE_RECTS];
	unsigned n = 0;
	HRGN region = CreateRectRgn(0, 0, 0, 0);
	RECT box;
	if (GetWindowRgn(self->hwnd, region) > NULLREGION &&
	    GetWindowRgnBox(self->hwnd, &box)) {
		DWORD size = GetRegionData(region, 0, NULL);
		RGNDATA *data = size && size < (1 << 20) ? malloc(size) : NULL;
		if (data && GetRegionData(region, size, data)) {
			const RECT *r = (const RECT *)data->Buffer;
			int width = self->place.right - self->place.left;
			int height = self->place.bottom - self->place.top;
			unsigned count = data->rdh.nCount;
			/* too fine an outline is told by its box */
			if (count > SHAPE_RECTS) {
				count = 1;
				r = &box;
			}
			for (unsigned i = 0; i < count; i++) {
				int x0 = most(r[i].left - self->margin[0], 0);
				int y0 = most(r[i].top - self->margin[1], 0);
				int x1 =
				    least(r[i].right - self->margin[0], width);
				int y1 = least(r[i].bottom - self->margin[1],
					       height);
				if (x0 < x1 && y0 < y1)
					shape[n++] = (struct seam_rect){
					    x0, y0, (uint32_t)(x1 - x0),
					    (uint32_t)(y1 - y0)};
			}
			if (n == 1 && shape[0].x == 0 && shape[0].y == 0 &&
			    (int)shape[0].width == width &&
			    (int)shape[0].height == height)
				n = 0;
		}
		free(data);
	}
	DeleteObject(region);
	if (n == self->n_shape &&
	    memcmp(shape, self->shape, n * sizeof *shape) == 0)
		return;
	memcpy(self->shape, shape, n * sizeof *shape);
	self->n_shape = n;
	self->dirty |= DIRTY_PROPS;
}

static void read_opacity(struct window *self, DWORD ex_style)
{
	BYTE alpha = 255;
	COLORREF key;
	DWORD flags = 0;
	if (!(ex_style & WS_EX_LAYERED) ||
	    !GetLayeredWindowAttributes(self->hwnd, &key, &alpha, &flags) ||
	    !(flags & LWA_ALPHA))
		alpha = 255;
	if (alpha != self->opacity)
		self->dirty |= DIRTY_PROPS;
	self->opacity = alpha;
}

/* ---- what the program itself must be asked ---- */

static void read_limits(struct window *self, DWORD style)
{
	/* as Windows itself fills it in before it asks */
	MINMAXINFO info = {.ptMaxTrackSize = {SEAM_SIDE_MAX, SEAM_SIDE_MAX},
			   .ptMinTrackSize = {GetSystemMetrics(SM_CXMINTRACK),
					      GetSystemMetrics(SM_CYMINTRACK)}};
	DWORD_PTR result;
	uint32_t limits[4] = {0};
	if (style & WS_THICKFRAME) {
		/* one that does not answer in time has the limits it had */
		if (!SendMessageTimeoutW(
			self->hwnd, WM_GETMINMAXINFO, 0, (LPARAM)&info,
			SMTO_ABORTIFHUNG | SMTO_BLOCK, ASK_MS, &result)) {
			self->props_due = time_now() + ASK_AGAIN_US;
			return;
		}
		int across = self->margin[0] + self->margin[2];
		int down = self->margin[1] + self->margin[3];
		limits[0] = (uint32_t)most(info.ptMinTrackSize.x - across, 0);
		limits[1] = (uint32_t)most(info.ptMinTrackSize.y - down, 0);
		int screen_w = GetSystemMetrics(SM_CXMAXTRACK);
		int screen_h = GetSystemMetrics(SM_CYMAXTRACK);
		/* the size of all screens is Windows' word for no limit */
		if (info.ptMaxTrackSize.x < screen_w)
			limits[2] =
			    (uint32_t)most(info.ptMaxTrackSize.x - across, 0);
		if (info.ptMaxTrackSize.y < screen_h)
			limits[3] =
			    (uint32_t)most(info.ptMaxTrackSize.y - down, 0);
		for (int i = 0; i < 4; i++)
			if (limits[i] > SEAM_SIDE_MAX)
				limits[i] = 0;
	}
	if (limits[0] != self->min_width || limits[1] != self->min_height ||
	    limits[2] != self->max_width || limits[3] != self->max_height)
		self->dirty |= DIRTY_PROPS;
	self->min_width = limits[0];
	self->min_height = limits[1];
	self->max_width = limits[2];
	self->max_height = limits[3];
}

static HICON ask_icon(HWND hwnd, WPARAM which)
{
	DWORD_PTR result = 0;
	SendMessageTimeoutW(hwnd, WM_GETICON, which, 0,
			    SMTO_ABORTIFHUNG | SMTO_BLOCK, ASK_MS, &result);
	return (HICON)result;
}

static void read_icon(struct window *self)
{
	HICON icon = ask_icon(self->hwnd, ICON_BIG);
	if (!icon)
		icon = (HICON)GetClassLongPtrW(self->hwnd, GCLP_HICON);
	if (!icon)
		icon = ask_icon(self->hwnd, 2 /* ICON_SMALL2 */);
	if (!icon)
		icon = (HICON)GetClassLongPtrW(self->hwnd, GCLP_HICONSM);
	if (icon == self->icon)
		return;
	self->icon = icon;
	self->dirty |= DIRTY_ICON;
}

void props_read(struct window *self)
{
	int64_t now = time_now();
	DWORD style = (DWORD)GetWindowLongW(self->hwnd, GWL_STYLE);
	DWORD ex_style = (DWORD)GetWindowLongW(self->hwnd, GWL_EXSTYLE);
	self->iconic = (style & WS_MINIMIZE) != 0;
	if (!self->iconic) {
		RECT old = self->place;
		props_bounds(self->hwnd, &self->place, self->margin);
		if (!EqualRect(&old, &self->place)) {
			self->starved = false; /* it may fit now */
			self->stir_us = self->changed_us = now;
			if (self->peer.kind != SEAM_TOPLEVEL)
				self->dirty |= DIRTY_PLACE;
			if (old.right) {
				events_found(now);
				self->agent->stirred_us = now;
			}
		}
	}
	if (!self->pid)
		read_program(self);
	read_title(self);
	read_shape(self);
	read_opacity(self, ex_style);
	self->owner = GetWindow(self->hwnd, GW_OWNER);
	if (now >= self->props_due && !IsHungAppWindow(self->hwnd)) {
		self->props_due = now + PROPS_US;
		if (self->peer.kind == SEAM_TOPLEVEL) {
			read_limits(self, style);
			read_icon(self);
		}
	}
	const struct window *owner = shown_owner(self);
	uint32_t transient_for = owner ? owner->peer.id : 0;
	uint32_t traits = traits_of(self, owner, style, ex_style);
	uint32_t states = states_of(self, style, ex_style);
	if (transient_for != self->transient_for || traits != self->traits)
		self->dirty |= DIRTY_PROPS;
	if (states != self->states)
		events_found(now);
	self->transient_for = transient_for;
	self->traits = traits;
	self->states = states;
	self->type = type_of(self, style, ex_style);
}

/* ---- telling ---- */

void props_send(struct window *self)
{
	uint8_t wire[SHAPE_RECTS * SEAM_RECT_SIZE];
	size_t used = 0;
	struct seam_message message = {.type = SEAM_WIN_PROPS,
				       .window = self->peer.id};
	struct seam_win_props *p = &message.win_props;
	for (unsigned i = 0; i < self->n_shape; i++)
		used += seam_rect_put(wire + used, self->shape[i]);
	p->title = seam_text_of(self->title, SEAM_TITLE_MAX);
	p->app_id = seam_text_of(self->app_id, SEAM_APP_ID_MAX);
	p->role = seam_text_of(self->role, 128);
	p->pid = self->pid;
	p->transient_for = self->transient_for;
	p->traits = self->traits;
	p->states =
	    self->states | (self->agent->focus == self ? SEAM_ACTIVATED : 0u);
	p->type = (uint8_t)self->type;
	p->opacity = self->opacity;
	p->min_width = self->min_width;
	p->min_height = self->min_height;
	p->max_width = self->max_width;
	p->max_height = self->max_height;
	if (self->traits & SEAM_FIXED_SIZE) {
		/* X has no other way to say it */
		p->min_width = p->max_width =
		    (uint32_t)(self->place.right - self->place.left);
		p->min_height = p->max_height =
		    (uint32_t)(self->place.bottom - self->place.top);
	}
	p->shape = (struct seam_array){wire, self->n_shape};
	agent_send(self->agent, &message);
}

uint8_t *props_picture(HICON icon, uint32_t limit, uint32_t *width,
		       uint32_t *height, POINT *hot)
{
	ICONINFO info;
	BITMAP bitmap = {0};
	if (!icon || !GetIconInfo(icon, &info))
		return NULL;
	GetObjectW(info.hbmColor ? info.hbmColor : info.hbmMask, sizeof bitmap,
		   &bitmap);
	int w = bitmap.bmWidth;
	/* a monochrome one has both masks above each other */
	int h = info.hbmColor ? bitmap.bmHeight : bitmap.bmHeight / 2;
	if (hot) {
		hot->x = (LONG)info.xHotspot;
		hot->y = (LONG)info.yHotspot;
	}
	if (info.hbmColor)
		DeleteObject(info.hbmColor);
	if (info.hbmMask)
		DeleteObject(info.hbmMask);
	struct canvas black, white;
	uint8_t *picture = NULL;
	if (w <= 0 || h <= 0 || w > (int)limit || h > (int)limit)
		return NULL;
	if (!canvas_create(&black, w, h))
		return NULL;
	if (!canvas_create(&white, w, h)) {
		canvas_destroy(&black);
		return NULL;
	}
	/* Drawn on black and on white: what differs is its transparency, and
	 * what is on black is the premultiplied colour. Right for icons with
	 * masks and with alpha alike. */
	memset(black.pixels, 0, (size_t)black.stride * (unsigned)h * 4);
	memset(white.pixels, 0xff, (size_t)white.stride * (unsigned)h * 4);
	bool drawn =
	    DrawIconEx(black.dc, 0, 0, icon, w, h, 0, NULL, DI_NORMAL) &&
	    DrawIconEx(white.dc, 0, 0, icon, w, h, 0, NULL, DI_NORMAL);
	GdiFlush();
	if (drawn)
		picture = malloc((size_t)w * (unsigned)h * 4);
	for (int y = 0; picture && y < h; y++)
		for (int x = 0; x < w; x++) {
			uint32_t b = black.pixels[y * black.stride + x];
			uint32_t o = white.pixels[y * white.stride + x];
			uint8_t *to = picture + (y * w + x) * 4;
			int alpha =
			    255 - ((int)(o >> 8 & 255) - (int)(b >> 8 & 255));
			alpha = most(least(alpha, 255), 0);
			to[0] = (uint8_t)least((int)(b & 255), alpha);
			to[1] = (uint8_t)least((int)(b >> 8 & 255), alpha);
			to[2] = (uint8_t)least((int)(b >> 16 & 255), alpha);
			to[3] = (uint8_t)alpha;
		}
	canvas_destroy(&black);
	canvas_destroy(&white);
	*width = (uint32_t)w;
	*height = (uint32_t)h;
	return picture;
}

/* The program's own icon, where the window's cannot be read. */
static HICON program_icon(const struct window *self)
{
	WCHAR path[MAX_PATH];
	DWORD room = ARRAY_SIZE(path);
	HICON icon = NULL;
	UINT id;
	HANDLE process =
	    OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, self->pid);
	if (process && QueryFullProcessImageNameW(process, 0, path, &room) &&
	    PrivateExtractIconsW(path, 0, 48, 48, &icon, &id, 1, 0) != 1)
		icon = NULL;
	if (process)
		CloseHandle(process);
	return icon;
}

void props_send_icon(struct window *self)
{
	struct seam_message message = {.type = SEAM_WIN_ICON,
				       .window = self->peer.id};
	struct seam_picture *p = &message.picture;
	if (self->peer.kind != SEAM_TOPLEVEL)
		return;
	uint8_t *pixels = props_picture(self->icon, SEAM_ICON_SIDE, &p->width,
					&p->height, NULL);
	if (!pixels) {
		HICON own = program_icon(self);
		pixels = props_picture(own, SEAM_ICON_SIDE, &p->width,
				       &p->height, NULL);
		if (own)
			DestroyIcon(own);
	}
	if (pixels)
		agent_send_picture(self->agent, &message, pixels);
	free(pixels);
}
