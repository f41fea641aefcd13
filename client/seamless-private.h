/* seamless-private.h - inside of seamless windows; seamless.h tells which
 * file does what. Coordinates are X root pixels, which are what the protocol
 * calls the client's. */
#pragma once

#include <stdbool.h>

#include "client/seamless-geometry.h"
#include "client/seamless-picture.h"
#include "client/seamless-stream.h"
#include "client/seamless-x11.h"
#include "client/seamless.h"

#define KEYS_MAX 768 /* evdev codes, as the wire bounds them */

/* Contents of one size, on the X server. */
struct contents {
	Pixmap pixmap; /* None: none yet */
	uint32_t generation, width, height;
};

struct seamless_window {
	struct seamless *desk;
	uint32_t id;
	uint8_t kind;
	uint32_t parent; /* as the guest says; may not be there */
	Window xid;
	struct seam_rect wish; /* WIN_CREATE's area */
	bool fresh;            /* said again in this sync */
	bool has_props, mapped_once, visible, placed;
	bool grabbed; /* the popup that closes at a press outside */
	struct geometry geometry;
	struct seam_rect at; /* local contents; place of popups too */
	uint32_t states;     /* the window manager's */
	bool minimized;
	/* contents: shown, and a new generation that is being drawn */
	struct contents shown, next;
	int damage_x0, damage_y0, damage_x1, damage_y1; /* of shown */
	/* what the guest says it is */
	uint32_t traits, wanted_states, transient_for;
	uint8_t type, opacity;
	bool urgent_asked;
	char *app_id;
	char *startup_id;      /* of the click it is there for, or NULL */
	uint32_t launch_token; /* of that launch, until it is shown */
	struct picture icon;
	unsigned cursor_serial;
};

struct seamless {
	struct seamless_config config;
	char *prefix;
	unsigned inset; /* width of the border around contents */
	unsigned long border_pixel;
	const struct seamless_handlers *handlers;
	void *data;
	struct x11 *x11;
	struct seamless_stream *stream;
	bool greeted, syncing;
	GHashTable *by_id, *by_xid;
	unsigned toplevels, popups;
	uint64_t pixels;
	uint32_t focus; /* ours that has the local focus; 0: none */
	uint32_t told_focus;
	guint focus_idle;
	guint later;                /* geometry that waits for an answer */
	uint8_t keys[KEYS_MAX / 8]; /* held, as told */
	Time input_time;            /* of the user's last act in our windows */
	gint64 input_us;
	uint32_t pressed_window; /* of the last button press */
	unsigned pressed_buttons;
	struct picture cursor_picture;
	Cursor cursor;
	unsigned cursor_serial;
	uint32_t under;           /* window under the pointer */
	Window grab;              /* None: the pointer is not grabbed */
	GArray *stack;            /* uint32_t, as told last */
	GPtrArray *apps;          /* struct seamless_app */
	GHashTable *app_pictures; /* id -> struct picture, under way */
	struct files *files;
	unsigned token;
	GHashTable *startup_ids; /* of launches: token -> text */
	unsigned strangers;      /* messages for windows that are not there */
	void *inflate;           /* z_stream */
	uint8_t *pixel_bytes;    /* one decoded rectangle */
	gsize pixel_room;
};

/* ---- seamless.c ---- */
uint32_t desk_send(struct seamless *desk, struct seam_message *message);
void desk_send_bare(struct seamless *desk, uint16_t type, uint32_t window);
struct seamless_window *desk_window(struct seamless *desk, uint32_t id);
struct seamless_window *desk_window_at(struct seamless *desk, Window xid);
/* Sends what geometry is due now, and sees to the rest later. */
void desk_tell_geometry(struct seamless *desk, struct seamless_window *window);

/* ---- seamless-window.c ---- */
struct seamless_window *window_new(struct seamless *desk, uint32_t id,
				   const struct seam_win_create *create);
void window_free(struct seamless_window *window);
/* Maps it for the first time, or again after a sync. */
void window_show(struct seamless_window *window, bool restore);
/* A popup's place, from its parent's. */
void window_place_popup(struct seamless_window *window);

/* ---- seamless-props.c ---- */
void window_set_class(struct seamless_window *window);
void window_set_hints(struct seamless_window *window);
void window_take_props(struct seamless_window *window,
		       const struct seam_win_props *props);
void window_take_icon(struct seamless_window *window);
/* Transient-for again: windows come in any order. */
void window_relate(struct seamless_window *window);
void window_ask_area(struct seamless_window *window, struct seam_rect area);
void window_ask_attention(struct seamless_window *window);
void window_ask_move(struct seamless_window *window, unsigned edge,
		     unsigned button);

/* ---- seamless-states.c ---- */
/* For the first map; later the window manager owns the property. */
void window_set_first_states(struct seamless_window *window);
void window_ask_state(struct seamless_window *window, bool add,
		      enum x11_atom one, enum x11_atom two);
void window_ask_states(struct seamless_window *window, uint32_t set,
		       uint32_t clear);
void window_read_states(struct seamless_window *window);

/* ---- seamless-paint.c ---- */
/* FALSE: pixels that make no sense; the reason is for the log. */
gboolean window_take_pixels(struct seamless_window *window,
			    const struct seam_pixels *pixels, const char **why);
gboolean window_take_commit(struct seamless_window *window,
			    const struct seam_commit *commit);
void window_paint(struct seamless_window *window, int x, int y, int width,
		  int height);
void window_paint_all(struct seamless_window *window);
void window_drop_contents(struct seamless_window *window);

/* ---- seamless-events.c ---- */
void desk_on_event(XEvent *event, void *data);
void desk_release_keys(struct seamless *desk);
void desk_tell_focus(struct seamless *desk);
void desk_grab(struct seamless *desk, struct seamless_window *window);
void desk_ungrab(struct seamless *desk);

/* ---- seamless-tray.c ---- */
/* Asks the user's tray to take it in. */
void window_dock(struct seamless_window *window);
/* A tray that comes later. */
void desk_tray_message(struct seamless *desk, const XClientMessageEvent *event);
/* One that ends gives its icons back. */
void window_undocked(struct seamless_window *window, Window parent);

/* ---- seamless-cursor.c ---- */
void desk_take_cursor(struct seamless *desk, const struct seam_picture *piece);
/* On the window under the pointer. */
void desk_set_cursor(struct seamless *desk);

/* ---- seamless-apps.c ---- */
void desk_open_apps(struct seamless *desk);
void desk_forget_apps(struct seamless *desk);
void desk_take_app(struct seamless *desk, const struct seam_app *said);
void desk_take_app_icon(struct seamless *desk,
			const struct seam_picture *piece);
void desk_take_app_gone(struct seamless *desk, struct seam_text id);

/* ---- seamless-files.c ---- */
void desk_open_files(struct seamless *desk);
void desk_close_files(struct seamless *desk);
void desk_cut_files(struct seamless *desk);
void desk_take_file(struct seamless *desk, const struct seam_message *message);

/* ---- seamless-screen.c ---- */
void desk_send_outputs(struct seamless *desk);
void desk_send_keymap(struct seamless *desk);
void desk_send_stack(struct seamless *desk);
/* The work area as one rectangle, of all monitors together. */
struct seam_rect desk_work_area(struct seamless *desk);
