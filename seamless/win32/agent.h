/* agent.h - what the parts of the Windows agent share.
 *
 * Windows itself composes and manages; the agent watches. Every top-level
 * window that a person would see is announced, its picture is taken by one of
 * several means (pixels.h) and painted into the atlas, a window of the agent's
 * own that covers the machine's second screen.
 *
 * State, not events: what Windows tells (events.h) is a hint that something
 * may have changed; windows_look() reads what is there and compares. So a
 * flood of changes costs no more than the looking, and what no event told is
 * found all the same.
 *
 * Coordinates: `place` of a window is its contents on Windows' virtual screen
 * ("guest"); the client's are these plus `shift` of the window.
 * Threads: one. Strings: UTF-8, ready for the wire. */
#pragma once

#include "seamless/agent/atlas.h"
#include "seamless/agent/receive.h"
#include "seamless/win32/link.h"
#include "seamless/win32/pixels.h"
#include "seamless/win32/win.h"

#define DAMAGE_RECTS 64
#define SLOTS_OLD    8
#define WINDOWS_KEPT 1024 /* more stay the machine's own */
#define SHAPE_RECTS  64

enum dirty {
	DIRTY_CREATE = 1 << 0,
	DIRTY_PROPS = 1 << 1,
	DIRTY_ICON = 1 << 2,
	DIRTY_PLACE = 1 << 3,
	DIRTY_COMMIT = 1 << 4,
	DIRTY_STATES = 1 << 5,
};

struct old_slot {
	struct atlas_slot slot;
	uint32_t until;
};

struct window {
	struct peer_window peer; /* first: receive.c hands it back */
	struct agent *agent;
	HWND hwnd;
	RECT place;    /* of its contents now */
	int margin[4]; /* what GetWindowRect has around them: l t r b */
	int shift_x, shift_y;
	bool seen; /* windows_look()'s own */
	bool iconic;

	/* props.c */
	unsigned dirty;
	char title[SEAM_TITLE_MAX + 4], app_id[SEAM_APP_ID_MAX + 1],
	    role[132]; /* its class */
	DWORD pid, thread;
	HWND owner;
	uint32_t traits, states;
	uint8_t opacity;
	enum seam_window_type type;
	uint32_t transient_for;
	uint32_t min_width, min_height, max_width, max_height;
	struct seam_rect shape[SHAPE_RECTS];
	unsigned n_shape;
	int64_t props_due; /* when to read again what costs a message */
	HICON icon;
	uint32_t icon_sum;

	/* place.c: what the client last said, and what was asked of it */
	bool placed_by_client;
	RECT wanted;
	uint32_t wanted_states;
	bool expecting; /* Windows has been told; what comes is its answer */
	int64_t asked_us, processed_us; /* 0: the program has not handled it */
	uint32_t asked;                 /* counts, for the answer's sake */
	struct seam_rect wish;          /* told by GEOM_REQ */
	uint32_t told_states;           /* told by STATE_REQ */

	/* paint.c */
	bool announced, shown, starved, committed;
	bool by_port;      /* its contents go by PIXELS */
	struct canvas own; /* what the client has of them, then */
	bool whole;        /* where it lies is new: all of it is drawn again */
	struct seam_rect rects[DAMAGE_RECTS];
	unsigned n_rects;
	struct atlas_slot slot;
	uint32_t generation, drawn_width, drawn_height;
	struct old_slot old[SLOTS_OLD];
	unsigned n_old;
	int64_t painted_us, changed_us, look_us, stir_us, used_us;
	uint64_t last_sum; /* of the contents as they were taken last */
	struct pixels pixels;

	/* popups */
	struct window *parent;
	int place_x, place_y; /* as announced */
	bool grabbed;
};

struct gone {
	uint32_t id;
	struct atlas_slot slots[SLOTS_OLD + 1];
	unsigned count;
};

struct agent {
	struct link *link;
	struct receive receive;
	uint32_t peer_windows_max, peer_capabilities;
	bool peer_ready, syncing, quit;

	struct window *windows[WINDOWS_KEPT];
	unsigned n_windows, n_announced;
	struct gone gone[WINDOWS_KEPT];
	unsigned n_gone;
	uint32_t next_id;
	struct window *focus;
	HWND foreground;                  /* last one heard of */
	uint32_t stack[SEAM_WINDOWS_MAX]; /* ids, bottom to top */
	unsigned n_stack, stack_tries;
	int64_t stacked_us;
	int64_t look_due, stirred_us;
	bool secure, secure_told; /* another desktop than the user's is shown */

	/* the atlas: a window, and the picture in it */
	struct atlas *atlas;
	HWND atlas_window;
	RECT atlas_place; /* guest */
	POINT atlas_told; /* what COMMIT's coordinates count from */
	unsigned head;
	bool atlas_given;
	bool atlas_over; /* it lies over the only screen */
	struct canvas atlas_canvas, scratch;
	int64_t told_full_us;

	/* the client's screens */
	int origin_x, origin_y;
	RECT room; /* where windows can be, guest */

	/* input.c */
	uint8_t keys[96];
	uint32_t buttons, locks;
	int32_t axis_x, axis_y;
	struct window *held; /* a press on its frame that waits */
	unsigned held_edge, held_button;
	POINT held_at;

	/* cursor.c */
	HCURSOR cursor;
	bool cursor_hidden, cursor_stale;

	struct apps *apps;
	struct clipboard *clipboard;
	struct files *files;
};

/* agent.c */
bool agent_open(struct agent *self, const RECT *atlas);
void agent_close(struct agent *self);
/* One turn: messages, windows, pixels. Returns when the next is due. */
int64_t agent_step(struct agent *self);
void agent_run(struct agent *self);
void agent_send(struct agent *self, struct seam_message *message);
void agent_request(struct window *self, enum seam_type type);
void agent_send_picture(struct agent *self, struct seam_message *message,
			const uint8_t *pixels);
extern const struct link_handlers agent_link_handlers;

/* windows.c: which there are */
/* Something may have changed: look soon. */
void windows_stir(struct agent *agent, HWND hwnd);
void windows_look(struct agent *agent);
struct window *window_of_id(struct agent *agent, uint32_t id);
struct window *window_of_hwnd(struct agent *agent, HWND hwnd);
void window_free(struct window *self);
void window_forget_peer(struct window *self);
void windows_announce(struct agent *agent);
bool windows_all_told(const struct agent *agent);

/* props.c: what a window says of itself */
/* Whether a person would take it for a window; its kind if so. */
bool props_wanted(struct agent *agent, HWND hwnd, enum seam_kind *kind);
/* Reads all that costs no message to the program, and now and then the rest;
 * marks what has changed. */
void props_read(struct window *self);
bool props_bounds(HWND hwnd, RECT *place, int margin[4]);
void props_send(struct window *self);
void props_send_icon(struct window *self);
/* Premultiplied BGRA, to be freed; NULL where Windows does not hand it out. */
uint8_t *props_picture(HICON icon, uint32_t limit, uint32_t *width,
		       uint32_t *height, POINT *hot);

/* place.c: geometry, states, stacking, focus */
void place_configure(struct window *self, const struct turn_ask *ask);
/* After a look: is what is there what was expected? */
void place_compare(struct window *self);
/* Whether a COMMIT may answer the CONFIGURE: 0 not yet, 1 as asked, 2 as it
 * is (refused), 3 once what it draws has come to rest. */
int place_settled(struct window *self, int64_t now);
void place_answered(struct window *self);
void place_stack(struct agent *agent, struct seam_array windows);
void place_focus(struct agent *agent, struct window *window);
void place_expose(struct window *self, POINT at);
void place_close(struct window *self);
void place_outputs(struct agent *agent, struct seam_array outputs);
void place_foreground(struct agent *agent);
/* Is the order of windows, top to bottom, the one the client wants? */
void place_restack(struct agent *agent, const HWND *hwnd, unsigned count);

/* screens.c */
bool paint_open(struct agent *agent, const RECT *place);
void paint_close(struct agent *agent);
void paint_follow_screens(struct agent *agent);
/* A part of the atlas, in its own coordinates, onto the screen. */
void paint_show(struct agent *agent, int x, int y, int width, int height);

/* paint.c */
/* Takes pictures, paints, commits; returns when to come again. */
int64_t paint_all(struct agent *agent, int64_t now);
void paint_whole(struct window *self);
/* Input went there: what it draws is looked for at once. */
void paint_used(struct window *self);

/* byport.c: contents by PIXELS, where the atlas has no room. */
bool byport_begin(struct window *self, int width, int height);
void byport_end(struct window *self);
/* The client has nothing of it. */
void byport_forget(struct window *self, int width, int height);
/* What self->rects say of the scratch picture; false while some waits. */
bool byport_send(struct window *self);

/* slots.c: as seamless/agent/slots.c */
bool slots_take(struct window *self);
/* Gives up its place for none; false while too many old ones are unreleased. */
bool slots_leave(struct window *self);
void slots_released(struct window *self);
void slots_end(struct window *self, bool announced);
void slots_destroy_acked(struct agent *agent, uint32_t id);
void slots_forget_window(struct window *self);
void slots_forget_peer(struct agent *agent);
void slots_void(struct agent *agent);

/* input.c */
void input_open(struct agent *agent);
void input_pointer(struct window *self, int32_t x, int32_t y);
void input_button(struct window *self, unsigned button, bool down);
void input_axis(struct window *self, int32_t dx, int32_t dy);
void input_key(struct agent *agent, const struct seam_key *key);
void input_keymap(struct agent *agent, const struct seam_keymap *keymap);
void input_release_all(struct agent *agent);

/* cursor.c */
void cursor_send(struct agent *agent);

/* clipboard.c */
void clipboard_open(struct agent *agent);
void clipboard_close(struct agent *agent);
void clipboard_forget_peer(struct agent *agent);
void clipboard_message(struct agent *agent, const struct seam_message *message);
/* A CLIP_SAYS of clip-window.h has come to the atlas's window. */
void clipboard_said(struct agent *agent, WPARAM what, LPARAM value);
int64_t clipboard_step(struct agent *agent, int64_t now);

/* files.c */
void files_open(struct agent *agent);
void files_close(struct agent *agent);
void files_greet(struct agent *agent); /* a sync has begun */
void files_forget_peer(struct agent *agent);
void files_message(struct agent *agent, const struct seam_message *message);
int64_t files_step(struct agent *agent, int64_t now);

/* launches.c: takes process */
void launches_add(uint32_t token, HANDLE process);
void launches_window(struct window *window);
void launches_look(struct agent *agent);
void launches_cancel(uint32_t token);
void launches_forget(void);

/* apps.c, launch.c */
void apps_open(struct agent *agent);
void apps_close(struct agent *agent);
void apps_forget_peer(struct agent *agent);
bool apps_send(struct agent *agent); /* true: all told */
/* The application whose program this is, else the program's name. */
void apps_id_of_program(struct agent *agent, const WCHAR *path, char *id,
			size_t room);
/* What starts it; false where there is none of this id. */
bool apps_find(struct agent *agent, const char *id, const WCHAR **target,
	       const WCHAR **arguments, const WCHAR **folder);
void launch_app(struct agent *agent, const struct seam_launch *launch);
