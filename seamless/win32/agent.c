/* The agent's heart: the client's messages, and the turn that follows them. */
#include "seamless/win32/agent.h"

#include <stdio.h>
#include <string.h>

#include "seamless/win32/events.h"
#include "seamless/win32/log.h"
#include "seamless/win32/text.h"

#define PIECE_MAX 60000u

int64_t time_now(void)
{
	static LARGE_INTEGER frequency;
	LARGE_INTEGER now;
	if (!frequency.QuadPart)
		QueryPerformanceFrequency(&frequency);
	QueryPerformanceCounter(&now);
	int64_t whole = now.QuadPart / frequency.QuadPart;
	int64_t rest = now.QuadPart % frequency.QuadPart;
	/* from 1 on: 0 stands for never in many places */
	return whole * 1000000 + rest * 1000000 / frequency.QuadPart + 1;
}

/* ---- sending ---- */

void agent_send(struct agent *self, struct seam_message *message)
{
	if (self->peer_ready)
		link_send(self->link, message);
}

void agent_request(struct window *self, enum seam_type type)
{
	struct seam_message message = {.type = (uint16_t)type,
				       .window = self->peer.id};
	/* these are wishes: one that finds no room was one too many */
	if (self->announced && link_has_room(self->agent->link))
		agent_send(self->agent, &message);
}

void agent_send_picture(struct agent *self, struct seam_message *message,
			const uint8_t *pixels)
{
	struct seam_picture *p = &message->picture;
	uint32_t size = p->width * p->height * 4;
	p->offset = 0;
	do {
		uint32_t left = size - p->offset;
		p->piece.bytes = pixels + p->offset;
		p->piece.size = left < PIECE_MAX ? left : PIECE_MAX;
		agent_send(self, message);
		p->offset += p->piece.size;
	} while (p->offset < size);
}

static void send_hello(struct agent *self)
{
	struct seam_message message = {.type = SEAM_HELLO};
	message.hello = (struct seam_hello){
	    SEAM_VERSION,
	    SEAM_CAP_ATLAS | SEAM_CAP_APPS | SEAM_CAP_NOTIFY | SEAM_CAP_TOUCH,
	    SEAM_WINDOWS_MAX, SEAM_PIXELS_MAX,
	    seam_text_of("oriel-agent.exe " ORIEL_VERSION, 64)};
	link_send(self->link, &message);
}

static void forget_peer(struct agent *self)
{
	self->peer_ready = self->syncing = false;
	self->n_announced = 0;
	for (unsigned i = 0; i < self->n_windows; i++)
		window_forget_peer(self->windows[i]);
	slots_forget_peer(self);
	apps_forget_peer(self);
	clipboard_forget_peer(self);
	files_forget_peer(self);
	launches_forget();
	self->cursor_stale = true;
	self->secure_told = false;
	self->held = NULL;
}

/* ---- the client's messages ---- */

static struct peer_window *op_find(uint32_t id, void *data)
{
	struct window *w = window_of_id(data, id);
	return w && w->announced ? &w->peer : NULL;
}
static void op_send(struct seam_message *message, void *data)
{
	agent_send(data, message);
}
static void op_drop(enum seam_fault fault, const char *why, void *data)
{
	struct agent *self = data;
	link_drop(self->link, fault, why);
}
static void op_hello(const struct seam_hello *hello, void *data)
{
	struct agent *self = data;
	if (self->peer_ready) { /* it began anew */
		forget_peer(self);
		send_hello(self);
	}
	log_line("Serving a client.");
	self->peer_windows_max = hello->windows_max;
	self->peer_capabilities = hello->capabilities;
	self->peer_ready = self->syncing = true;
	struct seam_message message = {.type = SEAM_SYNC_BEGIN};
	agent_send(self, &message);
	files_greet(self);
	windows_stir(self, NULL);
}
static void op_outputs(struct seam_array outputs, void *data)
{
	place_outputs(data, outputs);
}
static void op_configure(struct peer_window *window, const struct turn_ask *ask,
			 void *data)
{
	place_configure((struct window *)window, ask);
}
static void op_show(struct peer_window *window, bool shown, void *data)
{
	struct window *w = (struct window *)window;
	w->shown = shown;
	if (shown) {
		w->dirty |= DIRTY_COMMIT;
		windows_stir(w->agent, w->hwnd);
	}
}
static void op_stack(struct seam_array windows, void *data)
{
	place_stack(data, windows);
}
static void op_focus(struct peer_window *window, void *data)
{
	place_focus(data, (struct window *)window);
}
static void op_close(struct peer_window *window, void *data)
{
	place_close((struct window *)window);
}
static void op_pointer(struct peer_window *window, int32_t x, int32_t y,
		       void *data)
{
	input_pointer((struct window *)window, x, y);
}
static void op_button(struct peer_window *window, unsigned button, bool down,
		      void *data)
{
	input_button((struct window *)window, button, down);
}
static void op_axis(struct peer_window *window, int32_t dx, int32_t dy,
		    void *data)
{
	input_axis((struct window *)window, dx, dy);
}
static void op_key(const struct seam_key *key, void *data)
{
	input_key(data, key);
}
static void op_keymap(const struct seam_keymap *keymap, void *data)
{
	input_keymap(data, keymap);
}
static void op_released(struct peer_window *window, void *data)
{
	slots_released((struct window *)window);
}
static void op_destroy_acked(uint32_t id, void *data)
{
	slots_destroy_acked(data, id);
}
static void op_launch(const struct seam_launch *launch, void *data)
{
	launch_app(data, launch);
}

static void op_file(const struct seam_message *message, void *data)
{
	files_message(data, message);
}
static void op_launch_cancel(uint32_t token, void *data)
{
	(void)data;
	launches_cancel(token);
}
static void op_clip(const struct seam_message *message, void *data)
{
	clipboard_message(data, message);
}

static const struct receive_ops receive_ops = {
    .find = op_find,
    .send = op_send,
    .drop = op_drop,
    .hello = op_hello,
    .outputs = op_outputs,
    .configure = op_configure,
    .show = op_show,
    .stack = op_stack,
    .focus = op_focus,
    .close = op_close,
    .pointer = op_pointer,
    .button = op_button,
    .axis = op_axis,
    .key = op_key,
    .keymap = op_keymap,
    .released = op_released,
    .destroy_acked = op_destroy_acked,
    .launch = op_launch,
    .file = op_file,
    .launch_cancel = op_launch_cancel,
    .clip = op_clip,
};

static void on_opened(void *data)
{
	struct agent *self = data;
	receive_begin(&self->receive);
	send_hello(self);
}

static void on_message(const struct seam_message *message, void *data)
{
	struct agent *self = data;
	receive_message(&self->receive, message);
}

static void on_closed(const char *why, void *data)
{
	struct agent *self = data;
	log_line("The client's side is gone: %s.", why);
	input_release_all(self);
	forget_peer(self);
}

const struct link_handlers agent_link_handlers = {on_opened, on_message,
						  on_closed};

/* ---- what is not the user's desktop ---- */

static void tell_secure(struct agent *self)
{
	struct seam_message message = {.type = SEAM_NOTIFY};
	message.notify.id = 1;
	message.notify.urgency = 1;
	message.notify.timeout_ms = 0;
	message.notify.app = seam_text_of("Windows", 128);
	message.notify.summary =
	    seam_text_of("The machine shows its secure screen", 512);
	message.notify.body = seam_text_of(
	    "It is locked, or a program asks for an administrator's consent. "
	    "That screen is never shown as windows: open the machine's whole "
	    "desktop to answer it.",
	    8192);
	agent_send(self, &message);
	self->secure_told = true;
}

/* A lock screen or a consent prompt has a desktop of its own, which is never
 * read; the windows stay as they were. */
static void watch_desktop(struct agent *self)
{
	WCHAR name[64] = L"";
	HDESK desk = OpenInputDesktop(0, FALSE, DESKTOP_READOBJECTS);
	DWORD used;
	bool secure = false;
	if (!desk)
		secure = GetLastError() == ERROR_ACCESS_DENIED;
	else if (GetUserObjectInformationW(desk, UOI_NAME, name, sizeof name,
					   &used))
		secure = text_same(name, L"Winlogon") ||
			 text_same(name, L"Screen-saver");
	if (desk)
		CloseDesktop(desk);
	if (secure != self->secure)
		self->secure_told = false;
	self->secure = secure;
}

/* ---- the turn ---- */

int64_t agent_step(struct agent *self)
{
	int64_t now = time_now();
	if (now >= self->look_due) {
		watch_desktop(self);
		if (!self->secure)
			windows_look(self);
		int64_t quiet = now - self->stirred_us;
		int64_t wait = quiet < 300000    ? 16000
			       : quiet < 2000000 ? 100000
						 : events_rest_us();
		self->look_due = time_now() + wait;
	}
	int64_t due = self->look_due;
	if (!self->peer_ready)
		return due;
	if (self->secure && !self->secure_told && link_has_room(self->link))
		tell_secure(self);
	windows_announce(self);
	due = sooner(due, paint_all(self, time_now()));
	cursor_send(self);
	due = sooner(due, clipboard_step(self, time_now()));
	due = sooner(due, files_step(self, time_now()));
	launches_look(self);
	bool told = apps_send(self);
	if (!told)
		due = 0;
	if (self->syncing && told && windows_all_told(self)) {
		struct seam_message message = {.type = SEAM_SYNC_END};
		self->syncing = false;
		agent_send(self, &message);
	}
	return due;
}

void agent_run(struct agent *self)
{
	int64_t due = 0;
	while (!self->quit) {
		HANDLE handle = link_handle(self->link);
		due = sooner(due, link_due(self->link));
		int64_t wait = due - time_now();
		DWORD ms = wait <= 0        ? 0
			   : wait > 1000000 ? 1000
					    : (DWORD)((wait + 999) / 1000);
		MsgWaitForMultipleObjectsEx(1, &handle, ms, QS_ALLINPUT,
					    MWMO_INPUTAVAILABLE);
		MSG message;
		for (int i = 0;
		     i < 500 && PeekMessageW(&message, NULL, 0, 0, PM_REMOVE);
		     i++) {
			if (message.message == WM_QUIT)
				self->quit = true;
			TranslateMessage(&message);
			DispatchMessageW(&message);
		}
		link_pump(self->link);
		due = agent_step(self);
	}
}

bool agent_open(struct agent *self, const RECT *atlas)
{
	self->receive = (struct receive){.ops = &receive_ops, .data = self};
	self->peer_windows_max = SEAM_WINDOWS_MAX;
	self->cursor_stale = true;
	/* or Windows refuses the focus to a program in the background */
	SystemParametersInfoW(SPI_SETFOREGROUNDLOCKTIMEOUT, 0, NULL, 0);
	/* to show a menu on a press, not after a fade */
	SystemParametersInfoW(SPI_SETMENUANIMATION, 0, (void *)FALSE, 0);
	SystemParametersInfoW(SPI_SETTOOLTIPANIMATION, 0, (void *)FALSE, 0);
	SystemParametersInfoW(SPI_SETCOMBOBOXANIMATION, 0, (void *)FALSE, 0);
	if (!paint_open(self, atlas))
		return false;
	events_start(self);
	input_open(self);
	apps_open(self);
	clipboard_open(self);
	files_open(self);
	windows_look(self);
	return true;
}

void agent_close(struct agent *self)
{
	input_release_all(self);
	events_stop();
	link_destroy(self->link);
	self->link = NULL;
	self->peer_ready = false;
	while (self->n_windows)
		window_free(self->windows[self->n_windows - 1]);
	clipboard_close(self);
	files_close(self);
	apps_close(self);
	paint_close(self);
}
