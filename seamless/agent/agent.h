/* agent.h - what the parts of the X11 agent share.
 *
 * The agent is window manager and compositor of one X screen. Every top-level
 * window of an application gets a frame of its own size (so that it never
 * shares the root with others and toolkits see a window manager they know),
 * every window is redirected, and nothing ever shows on the screen but the
 * atlas, into which paint.c copies each window.
 *
 * State, not events: X events only mark what has changed (window.dirty); one
 * step after each batch of events reads it anew and sends it while the link
 * has room. So neither a hostile application nor a slow client grows memory.
 *
 * Coordinates: `x, y` of a window are the X screen's ("guest"); the client's
 * are these plus `shift` of the window.
 * Threads: one. X errors are ignored: what vanished between asking and acting
 * sends an event of its own. */
#pragma once

#include <X11/Xlib.h>
#include <X11/extensions/Xdamage.h>
#include <X11/extensions/Xrender.h>
#include <X11/extensions/sync.h>
#include <gio/gio.h>

#include "seamless/agent/atlas.h"
#include "seamless/agent/atoms.h"
#include "seamless/agent/link.h"
#include "seamless/agent/receive.h"

#define DAMAGE_RECTS 64   /* more are joined to one */
#define SLOTS_OLD    8    /* rectangles of one window that wait for RELEASE */
#define WINDOWS_KEPT 4096 /* more stay unmapped */

enum dirty {
	DIRTY_CREATE = 1 << 0,
	DIRTY_PROPS = 1 << 1,
	DIRTY_ICON = 1 << 2,
	DIRTY_PLACE = 1 << 3,  /* of a popup; or a size the program asks for */
	DIRTY_COMMIT = 1 << 4, /* even without damage */
};

struct old_slot {
	struct atlas_slot slot;
	uint32_t until; /* a RELEASE of this frame frees it */
};

struct size_hints {
	unsigned min_width, min_height, max_width, max_height; /* 0 none */
	unsigned base_width, base_height, step_width, step_height;
	int gravity;
	bool placed; /* the program or user gave a position */
};

struct window {
	struct peer_window peer; /* first: receive.c hands it back */
	struct agent *agent;
	Window client;
	Window frame; /* ours; the client itself where there is none */
	int x, y, width, height; /* guest; with the border a popup may have */
	int border;
	struct seam_rect wish; /* of the program, on the client */
	int shift_x, shift_y;
	int depth;
	Visual *visual;
	int unmaps_to_ignore;

	/* props.c */
	unsigned dirty, stale;
	char *title, *app_id, *role, *startup_id;
	uint32_t pid, traits, states, opacity;
	enum seam_window_type type;
	Window transient_for;
	struct size_hints hints;
	bool takes_input, take_focus, deletes, pings, syncs;
	bool placed_by_client; /* a CONFIGURE has come */
	gint64 asked_us;       /* the newest that waits for its turn */
	bool attention;        /* it asked by _NET_WM_STATE */
	bool stacked;          /* focus_stack()'s own */
	Time user_time;
	int shadow[4]; /* left right top bottom */
	bool shaped;

	/* sync.c */
	XSyncCounter counter;
	XSyncAlarm alarm;
	int64_t counter_value;
	bool counting; /* we wait for it */
	bool counted;  /* it came: the application has drawn */

	/* paint.c */
	bool announced, shown, committed;
	bool starved;   /* found no room in the atlas; waits or goes by_port */
	bool by_port;   /* its contents go as PIXELS, pixels.c */
	bool half_sent; /* and some of this frame's are still to go */
	Damage damage;
	Pixmap pixmap;   /* its contents as they were named last */
	Picture picture; /* of windows whose depth is not the root's */
	XRectangle rects[DAMAGE_RECTS];
	unsigned n_rects;
	struct atlas_slot slot; /* with the stamp's row */
	uint32_t generation, drawn_width, drawn_height;
	struct old_slot old[SLOTS_OLD];
	unsigned n_old;
	gint64 first_us, changed_us; /* first and last damage since the last
					size, or 0 */
	gint64 deadline_us; /* commit at the latest then, drawn or not */
	gint64 painted_us;

	/* popups */
	struct window *parent;
	int place_x, place_y; /* as announced */
	bool grabbed;
};

struct agent {
	Display *display;
	int screen;
	Window root, own; /* own: selections, focus of nobody, EWMH check */
	Atom atom[ATOMS];
	int damage_event, shape_event, fixes_event, sync_event, randr_event,
	    xkb_event;
	bool has_shape, has_sync, cursor_stale;
	XID id_mask; /* the part of an id that a client chooses itself */
	Time time;   /* newest the server has told */
	GC copy_gc;
	Picture root_picture;

	struct link *link;
	struct receive receive;
	uint32_t peer_windows_max, peer_capabilities;
	bool peer_ready; /* both have said HELLO */
	bool syncing;    /* SYNC_END is owed */
	bool ending;

	GPtrArray *windows; /* struct window, in order of creation */
	GHashTable *by_id;  /* uint32_t -> window */
	GHashTable *by_xid; /* client and frame -> window */
	GHashTable *gone;   /* id -> GArray of slots until DESTROY_ACK */
	uint32_t next_id;
	struct window *focus, *raised;
	GArray *stack; /* Window of each toplevel, bottom to top, as the client
			  said last */
	unsigned n_announced;
	bool told_limit; /* to this client */

	struct atlas *atlas;
	const char *atlas_spec; /* as given; NULL: found out */
	unsigned head;
	bool head_given, may_grow, grow_failed;
	int atlas_x, atlas_y; /* on the X screen */
	int head_x, head_y;   /* of the head's picture there */
	gint64 told_full_us;  /* when the client last heard that it is full */
	GMainLoop *loop;
	GSource *x_source;
	guint step_source, timer_source;
	gint64 timer_us;

	/* the client's screens */
	int origin_x, origin_y; /* client coordinates of the guest's 0,0 */
	struct seam_rect work;  /* guest coordinates */
	int room_width, room_height;
	unsigned scale; /* of SEAM_SCALE_ONE; 0: the guest's own */

	/* input.c */
	uint8_t keys[96]; /* evdev codes that are down */
	uint32_t buttons;
	int32_t axis_x, axis_y;
	uint32_t locks;

	struct apps *apps;
	GQueue launches; /* struct launched, launch.c */
	struct notices *notices;
	struct files *files;
};

/* agent.c */
extern const struct link_handlers agent_link_handlers;
struct agent *agent_create(const char *display, bool replace, GError **error);
void agent_destroy(struct agent *self);
void agent_step_soon(struct agent *self);
void agent_step_at(struct agent *self, gint64 at_us);
void agent_send(struct agent *self, struct seam_message *message);
/* RAISE_REQ and the like: a bare wish about a window. */
void agent_request(struct window *self, enum seam_type type);
/* In pieces; message.picture has all but offset and piece. */
void agent_send_picture(struct agent *self, struct seam_message *message,
			const uint8_t *pixels);
/* The server's own time, by a round trip where none is recent. */
Time agent_time(struct agent *self);

/* window.c */
struct window *window_new(struct agent *agent, enum seam_kind kind,
			  Window client, const XWindowAttributes *attributes);
void window_free(struct window *self); /* and tells the client */
struct window *window_of_xid(struct agent *agent, Window xid);
struct window *window_of_id(struct agent *agent, uint32_t id);
void window_mark(struct window *self, unsigned dirty);
/* Tells the client about every new window and change, while there is room. */
void window_announce_all(struct agent *agent);
/* Each of them has been told about and committed, or has to wait. */
bool window_all_told(const struct agent *agent);
/* A new peer knows nothing. */
void window_forget_peer(struct window *self);

/* manage.c: toplevels */
void manage_existing(struct agent *agent);
void manage_client(struct agent *agent, Window client, bool existing);
/* A frame of its size around it; not mapped yet. */
void manage_frame(struct window *self, bool existing);
void manage_withdraw(struct window *self);
void manage_place(struct window *self, const struct turn_ask *ask);
/* One has come that waits for the present one's answer; and whether it has
 * waited for long enough. */
void manage_waits(struct window *self);
void manage_skip(struct window *self);
void manage_request(struct agent *agent, const XConfigureRequestEvent *event);
void manage_tell_place(struct window *self);
void manage_set_states(struct window *self, uint32_t states);
void manage_constrain(const struct window *self, unsigned *width,
		      unsigned *height);

/* popup.c: override-redirect windows */
void popup_mapped(struct agent *agent, Window client);
void popup_configured(struct window *self, int x, int y, int width, int height);
void popup_dismiss(struct agent *agent);

/* props.c */
/* Reads everything, or only what has changed since. */
void props_read(struct window *self);
void props_refresh(struct window *self);
void props_changed(struct window *self, Atom atom);
void props_send(struct window *self);
void props_send_icon(struct window *self);
void props_shape(struct window *self);
void *props_get(struct agent *agent, Window window, Atom atom, Atom type,
		int format, size_t max, size_t *count);
uint32_t props_get_card(struct agent *agent, Window window, Atom atom,
			Atom type, uint32_t otherwise);
char *props_get_text(struct agent *agent, Window window, Atom atom);

/* paint.c */
bool paint_open(struct agent *agent);
void paint_begin(struct window *self);
void paint_end(struct window *self);
void paint_damage(struct window *self, const XRectangle *rect);
void paint_all(struct agent *agent);
void paint_resized(struct window *self);
/* Where it lies is new: all of it is drawn and committed again. */
void paint_whole(struct window *self);

/* pixels.c */
/* Sends the damage as PIXELS of the next frame. false: the link is full, and
 * the rest is due when it has room. */
bool pixels_send(struct window *self);

/* slots.c: which part of the atlas is whose */
enum slots_found {
	SLOTS_TAKEN,
	SLOTS_SOON, /* the atlas is about to grow */
	SLOTS_NONE
};
enum slots_found slots_take(struct window *self);
/* Its contents are elsewhere now. */
void slots_leave(struct window *self);
void slots_released(struct window *self);
void slots_end(struct window *self, bool announced);
void slots_destroy_acked(struct agent *agent, uint32_t id);
void slots_forget_window(struct window *self);
void slots_forget_peer(struct agent *agent);
/* All rectangles are void; or there is more room and all is to be drawn. */
void slots_new_atlas(struct agent *agent, uint32_t width, uint32_t height);
void slots_grown_atlas(struct agent *agent, uint32_t width, uint32_t height);

/* focus.c */
void focus_set(struct agent *agent, struct window *window);
void focus_event(struct agent *agent, const XFocusChangeEvent *event);
void focus_raise(struct window *self);
void focus_stack(struct agent *agent, struct seam_array windows);
void focus_close(struct window *self);

/* input.c */
void input_pointer(struct window *self, int32_t x, int32_t y);
void input_button(struct window *self, unsigned button, bool down);
void input_axis(struct window *self, int32_t dx, int32_t dy);
void input_key(struct agent *agent, const struct seam_key *key);
void input_keymap(struct agent *agent, const struct seam_keymap *keymap);
void input_release_all(struct agent *agent);
void input_release_buttons(struct agent *agent);
void input_press_outside(struct agent *agent);

/* ewmh.c */
bool ewmh_become_manager(struct agent *agent, bool replace, GError **error);
void ewmh_root(struct agent *agent);
void ewmh_client_list(struct agent *agent);
void ewmh_active(struct agent *agent);
void ewmh_window_states(struct window *self);
void ewmh_read_states(struct window *self);
void ewmh_ask_states(struct window *self, uint32_t set, uint32_t clear);
void ewmh_message(struct agent *agent, const XClientMessageEvent *event);

/* sync.c */
void sync_read(struct window *self);
bool sync_begin(struct window *self);
void sync_alarm(struct agent *agent, const XSyncAlarmNotifyEvent *event);
void sync_end(struct window *self);

/* screen.c */
void screen_outputs(struct agent *agent, struct seam_array outputs);
void screen_default(struct agent *agent);
void screen_to_guest(const struct agent *agent, const struct seam_rect *area,
		     int *x, int *y);

/* scale.c */
void scale_set(struct agent *agent, unsigned scale);
void scale_environment(const struct agent *agent, GAppLaunchContext *context);

/* head.c */
bool head_open(struct agent *agent, const char *spec, int head, GError **error);
void head_follow(struct agent *agent);

/* output.c */
/* Turns the atlas's output on, as large as the host prefers it. */
void output_adopt(struct agent *agent);
/* The atlas at least this large, or half as large again; true where that is
 * under way. */
bool output_grow(struct agent *agent, unsigned width, unsigned height);

/* cursor.c */
bool cursor_open(struct agent *agent);
void cursor_changed(struct agent *agent);
void cursor_send(struct agent *agent);

/* apps.c, launch.c */
void apps_open(struct agent *agent);
void apps_close(struct agent *agent);
void apps_forget_peer(struct agent *agent);
bool apps_send(struct agent *agent); /* true: all told */
char *apps_id_of_window(struct agent *agent, const char *instance,
			const char *class_name);
void launch_app(struct agent *agent, const struct seam_launch *launch);
void launch_cancel(struct agent *agent, uint32_t token);
/* A toplevel has been announced; it may be one that somebody waits for. */
void launch_window(struct window *self);
void launch_forget_peer(struct agent *agent);

/* files.c: the client's files, in a folder of the user's home */
void files_open(struct agent *agent);
void files_close(struct agent *agent);
void files_message(struct agent *agent, const struct seam_message *message);
void files_forget_peer(struct agent *agent);
void files_greet(struct agent *agent); /* a sync has begun */
void files_send(
    struct agent *agent); /* what has changed, while there is room */

/* tray.c */
void tray_open(struct agent *agent);
void tray_message(struct agent *agent, const XClientMessageEvent *event);
void tray_request(struct window *self);

/* notices.c */
void notices_open(struct agent *agent);
void notices_close(struct agent *agent);
void notices_send(struct agent *agent);
