/* wire.h - the seamless protocol: guest windows as messages. docs/seamless.md.
 *
 * The agent in the guest, the display process and the client speak it over
 * any ordered stream. This file is the whole wire format: one struct per
 * message, one table (wire.c) that both the parser and the writer walk, so
 * they cannot disagree. Handlers live elsewhere and see only checked structs.
 *
 * Plain C with no allocation, so that the Windows agent builds it too.
 * Everything is little-endian. Text, blobs and arrays of a parsed message
 * point into the caller's buffer and live as long as it does; text is valid
 * UTF-8 without NUL, but not NUL-terminated.
 * Threads: no state, any thread. Errors: enum seam_status, nothing else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEAM_VERSION 1
#define SEAM_HEADER_SIZE                                                       \
	16u /* u16 type, u16 flags, u32 length, u32 window,                    \
	       u32 serial */
#define SEAM_MESSAGE_MAX 65536u /* header included */

/* Limits that the receiving side enforces beyond single messages. */
#define SEAM_WINDOWS_MAX 512u
#define SEAM_POPUPS_MAX  32u
#define SEAM_SIDE_MAX    16384 /* pixels of one side of anything */
#define SEAM_PIXELS_MAX  (64u << 20)
#define SEAM_ICON_SIDE   256
#define SEAM_TITLE_MAX   512u
#define SEAM_APP_ID_MAX  128u
#define SEAM_FILE_MAX    (1u << 30)   /* bytes of one file */
#define SEAM_FILE_PIECE  32768u       /* of one FILE_DATA */
#define SEAM_FILE_AHEAD  (128u << 10) /* sent, and not yet taken */
#define SEAM_CLIP_MAX    (64u << 20)  /* bytes of one clipboard's contents */
#define SEAM_CLIP_PIECE  32768u       /* of one CLIP_DATA */
#define SEAM_CLIP_AHEAD  (128u << 10) /* asked for, and not yet there */
#define SEAM_SCALE_ONE   120          /* scales are in 1/120, as in Wayland */

enum seam_type {
	/* both ways */
	SEAM_HELLO = 1,
	SEAM_PING,
	SEAM_PONG,
	SEAM_ERROR,
	SEAM_DESTROY_ACK,
	SEAM_FILE_BEGIN,
	SEAM_FILE_DATA,
	SEAM_FILE_END,
	SEAM_FILE_STATE,
	SEAM_CLIP_OFFER,
	SEAM_CLIP_REQUEST,
	SEAM_CLIP_DATA,
	/* guest to client */
	SEAM_SYNC_BEGIN = 32,
	SEAM_SYNC_END,
	SEAM_WIN_CREATE,
	SEAM_WIN_PROPS,
	SEAM_WIN_ICON,
	SEAM_COMMIT,
	SEAM_GEOM_REQ,
	SEAM_STATE_REQ,
	SEAM_RAISE_REQ,
	SEAM_MOVE_START,
	SEAM_GRAB,
	SEAM_UNGRAB,
	SEAM_CURSOR,
	SEAM_BELL,
	SEAM_NOTIFY,
	SEAM_WIN_DESTROY,
	SEAM_APP,
	SEAM_APP_ICON,
	SEAM_APP_GONE,
	SEAM_LAUNCH_RESULT,
	SEAM_PIXELS,
	SEAM_LAUNCH_WINDOW,
	SEAM_LAUNCH_OVER,
	/* client to guest */
	SEAM_OUTPUTS = 96,
	SEAM_CONFIGURE,
	SEAM_MAP,
	SEAM_UNMAP,
	SEAM_STACK,
	SEAM_FOCUS,
	SEAM_CLOSE,
	SEAM_POINTER,
	SEAM_BUTTON,
	SEAM_AXIS,
	SEAM_KEY,
	SEAM_KEYMAP,
	SEAM_TOUCH,
	SEAM_RELEASE,
	SEAM_LAUNCH,
	SEAM_LAUNCH_CANCEL,
	SEAM_TYPES
};

enum seam_kind { /* of a window */
		 SEAM_TOPLEVEL,
		 SEAM_POPUP,
		 SEAM_TOOLTIP,
		 SEAM_DND,
		 SEAM_TRAY,
		 SEAM_KINDS
};

enum seam_states { /* bits of a toplevel's state */
		   SEAM_MAXIMIZED = 1 << 0,
		   SEAM_FULLSCREEN = 1 << 1,
		   SEAM_MINIMIZED = 1 << 2,
		   SEAM_ABOVE = 1 << 3,
		   SEAM_BELOW = 1 << 4,
		   SEAM_STICKY = 1 << 5,
		   SEAM_SHADED = 1 << 6,
		   SEAM_ACTIVATED = 1 << 7,
		   SEAM_STATES_ALL = (1 << 8) - 1
};

enum seam_traits { /* bits of a window that are no state */
		   SEAM_MODAL = 1 << 0,
		   SEAM_URGENT = 1 << 1,
		   SEAM_UNDECORATED = 1 << 2,
		   SEAM_SKIP_TASKBAR = 1 << 3,
		   SEAM_SKIP_PAGER = 1 << 4,
		   SEAM_NO_FOCUS = 1 << 5,
		   SEAM_FIXED_SIZE = 1 << 6,
		   SEAM_SHAPED = 1 << 7, /* `shape` is the window's outline */
		   SEAM_TRAITS_ALL = (1 << 8) - 1
};

enum seam_capability {
	SEAM_CAP_ATLAS = 1 << 0,  /* COMMIT names atlas rectangles */
	SEAM_CAP_PIXELS = 1 << 1, /* PIXELS carry contents */
	SEAM_CAP_TRAY = 1 << 2,
	SEAM_CAP_NOTIFY = 1 << 3,
	SEAM_CAP_APPS = 1 << 4,
	SEAM_CAP_TOUCH = 1 << 5,
};

struct seam_text {
	const char *bytes;
	uint32_t size;
};
struct seam_blob {
	const uint8_t *bytes;
	uint32_t size;
};
/* An array as it stands on the wire; read items with the functions below. */
struct seam_array {
	const uint8_t *wire;
	uint32_t count;
};
struct seam_rect { /* pixels */
	int32_t x, y;
	uint32_t width, height;
};
struct seam_output {
	struct seam_rect area, work; /* client coordinates */
	uint32_t scale;              /* 1/120 */
};

struct seam_hello {
	uint32_t version, capabilities;
	uint32_t windows_max, pixels_max;
	struct seam_text name; /* who speaks; for logs */
};
struct seam_ping { /* and PONG, with the same value */
	uint32_t value;
};
struct seam_error {
	uint32_t code; /* enum seam_fault */
	struct seam_text text;
};
struct seam_file_begin {
	uint32_t token, size;
	uint8_t writable;      /* 0: changes are not wanted back */
	struct seam_text name; /* no folder in it */
};
struct seam_file_data {
	uint32_t token, offset;
	struct seam_blob piece;
};
struct seam_file_end {
	uint32_t token;
	uint8_t cancelled; /* 1: what has come is to be forgotten */
};
struct seam_file_state {       /* the receiver's */
	uint32_t token;        /* 0: in a guest's sync: files are taken here */
	uint8_t state;         /* enum seam_file_states */
	uint32_t taken;        /* bytes that are written */
	struct seam_text text; /* DONE: the path; FAILED: why */
};
struct seam_clip_offer {
	uint32_t kinds; /* a bit for each enum seam_clip_kind; 0: nothing */
};
struct seam_clip_request {      /* of what the other side offers */
	uint32_t token;         /* comes back in the data */
	uint8_t kind;           /* enum seam_clip_kind */
	uint32_t offset, count; /* bytes wanted; more of them is asked later */
};
struct seam_clip_data {
	uint32_t token;
	uint32_t size; /* of the whole; 0: it cannot be had */
	uint32_t offset;
	struct seam_blob piece;
};
struct seam_win_create {
	uint8_t kind;
	uint32_t parent; /* 0 none; popups are placed relative to it */
	struct seam_rect area;
};
struct seam_win_props { /* the whole state each time: repeating it is safe */
	struct seam_text title, app_id, role;
	uint32_t pid, transient_for, traits, states;
	uint8_t type;    /* enum seam_window_type */
	uint8_t opacity; /* 255 opaque */
	uint32_t min_width, min_height, max_width, max_height; /* 0 none */
	uint32_t base_width, base_height, step_width, step_height;
	struct seam_array shape; /* rects */
	struct seam_array input; /* rects; empty: everywhere */
};
struct seam_picture { /* of ICON, CURSOR, APP_ICON: premultiplied BGRA rows,
			 in pieces of one message each */
	struct seam_text app; /* APP_ICON only; else empty */
	uint32_t width, height;
	int32_t hot_x, hot_y; /* CURSOR only */
	uint32_t offset;      /* bytes of the whole before this piece */
	struct seam_blob piece;
};
struct seam_commit {
	uint32_t generation; /* grows with every new size of the contents */
	uint32_t configure;  /* serial of the CONFIGURE this answers; 0 none */
	uint8_t refused;     /* 1: that size cannot be had, this one is final */
	uint32_t frame;
	uint32_t width, height, scale;
	uint32_t frame_left, frame_top, frame_right, frame_bottom;
	uint8_t head; /* atlas: agent to display process only */
	uint32_t atlas_x, atlas_y;
	struct seam_array damage; /* rects, window coordinates */
};
struct seam_pixels { /* contents of one rectangle, shown with the next COMMIT
			of this generation */
	uint32_t generation, frame;
	uint32_t width, height; /* of the whole contents */
	struct seam_rect area;  /* inside of that */
	uint8_t encoding;       /* enum seam_encoding */
	struct seam_blob data;
};
struct seam_geom_req {
	uint32_t based_on; /* last CONFIGURE the guest had seen */
	struct seam_rect area;
};
struct seam_state_req {
	uint32_t set, clear;
};
struct seam_move_start {
	uint8_t edge;   /* 0 move; bits 1 left, 2 top, 4 right, 8 bottom */
	uint8_t button; /* 1..; 0 by keyboard */
};
struct seam_bell {
	uint8_t percent;
};
struct seam_notify {
	uint32_t id;
	uint8_t urgency; /* 0 low, 1 normal, 2 critical */
	uint32_t timeout_ms;
	struct seam_text app, summary, body;
};
struct seam_app {
	struct seam_text id, name, comment, categories, mime_types;
};
struct seam_app_gone {
	struct seam_text id;
};
struct seam_launch_result {
	uint32_t token;
	uint8_t failed;
	struct seam_text text;
};
struct seam_launch_window { /* the window is the launch's first */
	uint32_t token;
};
struct seam_launch_over { /* its program has ended before it had a window */
	uint32_t token;
	uint8_t failed;        /* by a signal, or with a status other than 0 */
	struct seam_text text; /* how */
};
struct seam_outputs {
	struct seam_array outputs;
};
struct seam_configure {
	struct seam_rect area;
	uint32_t states;
};
struct seam_stack { /* bottom to top */
	struct seam_array windows;
};
struct seam_pointer { /* window coordinates in 1/256 pixel */
	int32_t x, y;
};
struct seam_button {
	uint8_t button; /* 1 left, 2 middle, 3 right, 8 back, 9 forward */
	uint8_t down;
};
struct seam_axis { /* 1/120 of a wheel's notch */
	int32_t dx, dy;
};
struct seam_key {
	uint32_t evdev; /* KEY_* */
	uint8_t down;
	uint32_t modifiers; /* effective X modifier mask before the key */
};
struct seam_keymap {
	struct seam_text rules, model, layout, variant, options;
};
struct seam_touch {
	uint32_t id;
	uint8_t phase; /* 0 down, 1 move, 2 up, 3 cancel */
	int32_t x, y;
};
struct seam_release {
	uint32_t frame;
};
struct seam_launch {
	uint32_t token;
	struct seam_text app;
	struct seam_text files; /* paths in the guest, one a line */
};
struct seam_launch_cancel { /* nobody waits for it any more */
	uint32_t token;
};

enum seam_window_type {
	SEAM_TYPE_NORMAL,
	SEAM_TYPE_DIALOG,
	SEAM_TYPE_UTILITY,
	SEAM_TYPE_TOOLBAR,
	SEAM_TYPE_SPLASH,
	SEAM_TYPE_MENU,
	SEAM_TYPE_DROPDOWN,
	SEAM_TYPE_POPUP_MENU,
	SEAM_TYPE_TOOLTIP,
	SEAM_TYPE_NOTIFICATION,
	SEAM_TYPE_COMBO,
	SEAM_TYPE_DND,
	SEAM_TYPE_TYPES
};
enum seam_encoding {
	SEAM_RAW_BGRX,
	SEAM_ZLIB_BGRX, /* one whole zlib stream of as many bytes as RAW has */
	SEAM_JPEG,
	SEAM_FLAT_BGRX, /* four bytes: the one colour of the whole area */
	SEAM_ENCODINGS
};
enum seam_clip_kind {
	SEAM_CLIP_TEXT,  /* UTF-8, lines end in LF */
	SEAM_CLIP_HTML,  /* UTF-8 */
	SEAM_CLIP_PNG,   /* a picture */
	SEAM_CLIP_FILES, /* a bundle: seamless/clipcopy.h */
	SEAM_CLIP_KINDS
};
enum seam_file_states {
	SEAM_FILE_TAKING,
	SEAM_FILE_DONE,
	SEAM_FILE_FAILED,
	SEAM_FILE_STATES
};
enum seam_fault {
	SEAM_FAULT_VERSION = 1,
	SEAM_FAULT_PROTOCOL,
	SEAM_FAULT_LIMIT, /* too many windows, popups or pixels */
	SEAM_FAULT_TAKEN, /* another client has taken over */
	SEAM_FAULT_INTERNAL,
	SEAM_FAULT_GONE, /* no agent is there now; a sync tells of the next */
	SEAM_FAULTS
};

struct seam_message {
	uint16_t type;
	uint32_t window; /* 0 where it concerns none */
	uint32_t serial; /* the sender's running number */
	union {
		struct seam_hello hello;
		struct seam_ping ping;
		struct seam_error error;
		struct seam_file_begin file_begin;
		struct seam_file_data file_data;
		struct seam_file_end file_end;
		struct seam_file_state file_state;
		struct seam_clip_offer clip_offer;
		struct seam_clip_request clip_request;
		struct seam_clip_data clip_data;
		struct seam_win_create win_create;
		struct seam_win_props win_props;
		struct seam_picture picture;
		struct seam_commit commit;
		struct seam_pixels pixels;
		struct seam_geom_req geom_req;
		struct seam_state_req state_req;
		struct seam_move_start move_start;
		struct seam_bell bell;
		struct seam_notify notify;
		struct seam_app app;
		struct seam_app_gone app_gone;
		struct seam_launch_result launch_result;
		struct seam_launch_window launch_window;
		struct seam_launch_over launch_over;
		struct seam_outputs outputs;
		struct seam_configure configure;
		struct seam_stack stack;
		struct seam_pointer pointer;
		struct seam_button button;
		struct seam_axis axis;
		struct seam_key key;
		struct seam_keymap keymap;
		struct seam_touch touch;
		struct seam_release release;
		struct seam_launch launch;
		struct seam_launch_cancel launch_cancel;
	};
};

enum seam_status {
	SEAM_OK,
	SEAM_MORE,    /* the message is not complete yet */
	SEAM_UNKNOWN, /* well-formed, of a type we do not know: skip it */
	SEAM_BAD_LENGTH,
	SEAM_BAD_VALUE,
	SEAM_BAD_TEXT,
	SEAM_TOO_LARGE, /* writing: does not fit SEAM_MESSAGE_MAX or the buffer
			 */
};
const char *seam_status_text(enum seam_status status);
const char *seam_type_name(unsigned type); /* "?" for one we do not know */

/* One message from the start of a buffer. *used is set for SEAM_OK and
 * SEAM_UNKNOWN. Every bad status ends the connection. */
enum seam_status seam_parse(const uint8_t *bytes, size_t size,
			    struct seam_message *message, size_t *used);
/* How many bytes to drop so that what is left can only begin with a HELLO;
 * *found: it does, and enough of it is there to know. For streams whose other
 * end may have died in the middle of a message: a guest's port. */
size_t seam_seek_hello(const uint8_t *bytes, size_t size, bool *found);
/* Checks the same rules, so that what we send is what we would accept. */
enum seam_status seam_write(const struct seam_message *message, uint8_t *bytes,
			    size_t room, size_t *used);

/* Items of arrays; i < count is the caller's duty. The put functions write
 * one item into the caller's wire buffer and return its size. */
struct seam_rect seam_rect_at(struct seam_array rects, uint32_t i);
struct seam_output seam_output_at(struct seam_array outputs, uint32_t i);
uint32_t seam_window_at(struct seam_array windows, uint32_t i);
size_t seam_rect_put(uint8_t *wire, struct seam_rect rect);
size_t seam_output_put(uint8_t *wire, const struct seam_output *output);
size_t seam_window_put(uint8_t *wire, uint32_t window);
#define SEAM_RECT_SIZE   16u
#define SEAM_OUTPUT_SIZE 36u
#define SEAM_WINDOW_SIZE 4u

/* A text from a NUL-terminated string, cut at a character at `limit` bytes. */
struct seam_text seam_text_of(const char *string, uint32_t limit);
