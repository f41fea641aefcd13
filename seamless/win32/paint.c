/* From windows to the atlas.
 *
 * The atlas is a picture in memory and a window of ours that shows it. A
 * window's contents are taken into a scratch picture, compared with what the
 * atlas has of them, and what differs is copied into it and onto the screen;
 * then the stamp; then the COMMIT. So damage is exact whatever the source, and
 * the atlas is the only copy that is kept.
 *
 * Nothing tells when a window has drawn. It is looked at often while it
 * changes or is being used, and ever more rarely while it rests. */
#include <stdlib.h>
#include <string.h>

#include "seamless/win32/agent.h"
#include "seamless/win32/log.h"

#define FRAME_US       16000
#define UNRELEASED_MAX 2u
#define UNRELEASED_US  100000
#define BUSY_US        300000 /* after a change: every frame */
#define CALM_US        2000000
#define CALM_WAIT_US   60000
#define REST_WAIT_US   400000
#define BLIND_US       1000000 /* no source can read it: shown grey */
#define BAND           16      /* rows of one rectangle of damage */
#define STAMP_MAGIC    0x4f5249u
#define STAMP_PIXELS   4
#define ATLAS_MAX      (33u << 20)

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

/* ---- the window that shows the atlas ---- */

static void show(struct agent *agent, int x, int y, int width, int height)
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
	find_room(agent, &screens.whole);
	SetWindowPos(agent->atlas_window, HWND_TOPMOST, p->left, p->top,
		     p->right - p->left, p->bottom - p->top, SWP_NOACTIVATE);
	slots_void(agent);
	if (!make_atlas(agent)) {
		log_line("There is no memory for an atlas of the new size.");
		agent->quit = true;
	}
}

/* ---- pictures ---- */

static bool want_scratch(struct agent *agent, int width, int height)
{
	struct canvas *s = &agent->scratch;
	if (s->pixels && s->width >= width && s->height >= height)
		return true;
	width = most(width, s->width);
	height = most(height, s->height);
	canvas_destroy(s);
	return canvas_create(s, width, height);
}

/* Pixels whose colours differ; what lies in the top byte means nothing. */
static void row_difference(const uint32_t *a, const uint32_t *b, int width,
			   int *first, int *last)
{
	const uint32_t mask = 0xffffff;
	int from = 0, to = width - 1;
	while (from < width && !((a[from] ^ b[from]) & mask))
		from++;
	if (from == width)
		return;
	while (!((a[to] ^ b[to]) & mask))
		to--;
	*first = least(*first, from);
	*last = most(*last, to);
}

static void add_rect(struct window *self, struct seam_rect rect)
{
	if (self->n_rects) {
		struct seam_rect *last = &self->rects[self->n_rects - 1];
		int right =
		    most(last->x + (int)last->width, rect.x + (int)rect.width);
		int left = least(last->x, rect.x);
		uint32_t both =
		    (uint32_t)(right - left) * (last->height + rect.height);
		uint32_t apart =
		    last->width * last->height + rect.width * rect.height;
		bool touch = last->y + (int)last->height == rect.y;
		if (self->n_rects == DAMAGE_RECTS ||
		    (touch && both <= apart + apart / 4 + 2048)) {
			last->height =
			    (uint32_t)(rect.y + (int)rect.height - last->y);
			last->x = left;
			last->width = (uint32_t)(right - left);
			return;
		}
	}
	self->rects[self->n_rects++] = rect;
}

static uint32_t *atlas_row(struct window *self, int row)
{
	struct canvas *c = &self->agent->atlas_canvas;
	return c->pixels + ((int)self->slot.y + 1 + row) * c->stride +
	       (int)self->slot.x;
}

static void compare(struct window *self, int width, int height)
{
	const struct canvas *s = &self->agent->scratch;
	self->n_rects = 0;
	for (int y = 0; y < height; y += BAND) {
		int first = width, last = -1, rows = least(BAND, height - y);
		for (int row = y; row < y + rows; row++)
			row_difference(s->pixels + row * s->stride,
				       atlas_row(self, row), width, &first,
				       &last);
		if (last >= 0)
			add_rect(self,
				 (struct seam_rect){
				     first, y, (uint32_t)(last - first) + 1,
				     (uint32_t)rows});
	}
}

static void copy(struct window *self)
{
	struct agent *agent = self->agent;
	const struct canvas *s = &agent->scratch;
	for (unsigned i = 0; i < self->n_rects; i++) {
		const struct seam_rect *r = &self->rects[i];
		for (int y = r->y; y < r->y + (int)r->height; y++)
			memcpy(atlas_row(self, y) + r->x,
			       s->pixels + y * s->stride + r->x, r->width * 4);
		show(agent, (int)self->slot.x + r->x,
		     (int)self->slot.y + 1 + r->y, (int)r->width,
		     (int)r->height);
	}
}

static void stamp(struct window *self)
{
	struct agent *agent = self->agent;
	const uint32_t pixel[STAMP_PIXELS] = {
	    STAMP_MAGIC, self->peer.id, self->generation, self->peer.frame};
	uint32_t *to = atlas_row(self, -1);
	for (int i = 0; i < STAMP_PIXELS; i++)
		to[i] = pixel[i] & 0xffffff;
	show(agent, (int)self->slot.x, (int)self->slot.y, STAMP_PIXELS, 1);
}

static uint64_t sum(const struct canvas *s, int width, int height)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (int y = 0; y < height; y++) {
		const uint32_t *row = s->pixels + y * s->stride;
		for (int x = 0; x < width; x++)
			hash = (hash ^ (row[x] & 0xffffff)) * 0x100000001b3u;
	}
	return hash;
}

void paint_whole(struct window *self)
{
	if (!self->drawn_width)
		return; /* its first frame is whole anyway */
	self->whole = true;
	self->dirty |= DIRTY_COMMIT;
	self->look_us = 0;
}

/* ---- when ---- */

static int64_t pace(const struct window *self, int64_t now)
{
	int64_t quiet =
	    now - (self->stir_us > self->changed_us ? self->stir_us
						    : self->changed_us);
	if (quiet < BUSY_US)
		return FRAME_US;
	if (quiet < CALM_US || self == self->agent->focus)
		return CALM_WAIT_US;
	return REST_WAIT_US;
}

/* Whether a picture is to be taken now; *again: when, if not. */
static bool ready(struct window *self, int64_t now, int64_t *again)
{
	*again = TIME_NEVER;
	/* hidden windows still answer */
	if (!self->announced || self->starved ||
	    (!self->shown && !self->peer.turn.waiting))
		return false;
	if (self->peer.turn.waiting && place_settled(self, now) == 0) {
		*again = now + FRAME_US / 2;
		return false;
	}
	int64_t due = self->look_us;
	if (!self->peer.turn.waiting && self->committed &&
	    self->peer.frame - self->peer.released >= UNRELEASED_MAX &&
	    due < self->painted_us + UNRELEASED_US)
		due = self->painted_us + UNRELEASED_US;
	/* a hint since the last look is reason enough after one frame */
	int64_t hinted = self->stir_us + FRAME_US;
	if (self->stir_us > self->look_us - REST_WAIT_US && hinted < due &&
	    self->committed &&
	    self->peer.frame - self->peer.released < UNRELEASED_MAX)
		due = hinted;
	if (now >= due)
		return true;
	*again = due;
	return false;
}

static void commit(struct window *self, int refused)
{
	uint8_t wire[DAMAGE_RECTS * SEAM_RECT_SIZE];
	size_t used = 0;
	struct agent *agent = self->agent;
	struct seam_message message = {.type = SEAM_COMMIT,
				       .window = self->peer.id};
	struct seam_commit *c = &message.commit;
	for (unsigned i = 0; i < self->n_rects; i++)
		used += seam_rect_put(wire + used, self->rects[i]);
	bool refuses = false;
	if (refused >= 0) {
		c->configure = turn_commit(&self->peer.turn, self->drawn_width,
					   self->drawn_height, true, &refuses);
		c->refused = refuses;
		place_answered(self);
	}
	c->generation = self->generation;
	c->frame = self->peer.frame;
	c->width = self->drawn_width;
	c->height = self->drawn_height;
	c->scale = SEAM_SCALE_ONE;
	c->head = (uint8_t)agent->head;
	c->atlas_x = (uint32_t)(agent->atlas_place.left - agent->atlas_told.x) +
		     self->slot.x;
	c->atlas_y = (uint32_t)(agent->atlas_place.top - agent->atlas_told.y) +
		     self->slot.y + 1;
	c->damage = (struct seam_array){wire, self->n_rects};
	agent_send(agent, &message);
	self->n_rects = 0;
	self->committed = true;
	self->dirty &= ~(unsigned)DIRTY_COMMIT;
	struct turn_ask ask;
	if (turn_next(&self->peer.turn, &ask))
		place_configure(self, &ask);
}

/* A minimized window shows what it had; one that never showed anything gets a
 * plain picture. */
static bool take_picture(struct window *self, int width, int height,
			 int64_t now)
{
	struct agent *agent = self->agent;
	if (!want_scratch(agent, width, height))
		return false;
	struct canvas view = agent->scratch;
	view.width = width;
	view.height = height;
	if (pixels_read(self, &view) != PIXELS_FAILED) {
		GdiFlush();
		/* the size may have changed under our hands */
		RECT place;
		int margin[4];
		return props_bounds(self->hwnd, &place, margin) &&
		       place.right - place.left == width &&
		       place.bottom - place.top == height;
	}
	if (self->committed || now < self->changed_us + BLIND_US)
		return false;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			view.pixels[y * view.stride + x] = 0xc0c0c0;
	return true;
}

/* One window: a picture, and a COMMIT if there is something to say. */
static void paint(struct window *self, int64_t now)
{
	int width = self->place.right - self->place.left;
	int height = self->place.bottom - self->place.top;
	int settled = self->peer.turn.waiting ? place_settled(self, now) : -1;
	bool keep = self->iconic && self->drawn_width;
	if (keep) {
		width = (int)self->drawn_width;
		height = (int)self->drawn_height;
	}
	bool resized = self->drawn_width != (uint32_t)width ||
		       self->drawn_height != (uint32_t)height;
	self->look_us = now + pace(self, now);
	if (settled == 3 && !resized)
		settled = 1; /* a move has nothing to draw */
	if (!keep) {
		bool taken = take_picture(self, width, height, now);
		/* an answer is owed even where there is no picture to be had */
		keep = !taken && settled == 2 && self->drawn_width;
		if (!taken && !keep) {
			self->look_us = now + FRAME_US;
			return;
		}
	}
	if (!keep) {
		/* A new size is shown when it has been drawn: when two
		 * pictures in a row are alike, or after a while. */
		if (resized || settled == 3) {
			uint64_t now_sum =
			    sum(&self->agent->scratch, width, height);
			bool rests = now_sum == self->last_sum;
			self->last_sum = now_sum;
			if (!rests && (settled == 3 ||
				       (settled < 0 &&
					now < self->changed_us + 120000))) {
				self->look_us = now + FRAME_US;
				return;
			}
		}
		if (resized || !self->slot.width) {
			if (!slots_take(self)) {
				self->starved = true;
				return;
			}
			self->drawn_width = (uint32_t)width;
			self->drawn_height = (uint32_t)height;
			self->generation++;
			self->whole = true;
		}
		if (self->whole) {
			self->n_rects = 1;
			self->rects[0] = (struct seam_rect){
			    0, 0, (uint32_t)width, (uint32_t)height};
			self->whole = false;
		} else {
			compare(self, width, height);
		}
		if (self->n_rects) {
			self->changed_us = now;
			self->look_us = now + FRAME_US;
		}
	}
	if (!self->n_rects && !(self->dirty & DIRTY_COMMIT) && settled < 0)
		return;
	copy(self);
	self->peer.frame++;
	stamp(self);
	self->painted_us = now;
	commit(self, settled);
}

int64_t paint_all(struct agent *agent, int64_t now)
{
	int64_t due = TIME_NEVER, again;
	if (agent->secure)
		return due;
	/* the one with focus first */
	for (int i = -1; i < (int)agent->n_windows; i++) {
		struct window *w = i < 0 ? agent->focus : agent->windows[i];
		if (!w || (i >= 0 && w == agent->focus))
			continue;
		if (!link_has_room(agent->link))
			break;
		if (ready(w, now, &again)) {
			paint(w, now);
			again = w->look_us;
		}
		due = sooner(due, again);
	}
	return due;
}
