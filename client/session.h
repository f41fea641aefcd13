/* session.h - one attachment to a desktop, whatever protocol carries it.
 *
 * A session connects, shows a picture that changes, takes input and trades
 * clipboard text until it is closed or ends. It never reconnects: whoever
 * opened it opens another. Protocols are values of struct session_ops, all
 * listed in session_protocols[].
 *
 * Threads: everything here belongs to the main thread and never blocks;
 *   implementations have threads of their own and hand over by the main
 *   context. Handlers are called on the main thread, none after
 *   session_close().
 * Ownership: session_close() ends and frees; strings given to handlers are
 *   the session's.
 * Fails: by the closed handler, once, with a FAULT. */
#pragma once

#include <cairo.h>
#include <gio/gio.h>

struct session;

struct session_config {
	const char *host;
	guint16 port;
	const char *fingerprint; /* trusted besides valid ones; or NULL */
	const char *ticket;      /* one of these two */
	const char *secret;      /* of an earlier session, for reconnects */
};

struct session_end {
	const GError *error;    /* NULL: the server ended it in order */
	gboolean attached;      /* it had been admitted */
	unsigned status;        /* HTTP status of a refusal, or 0 */
	unsigned retry_after_s; /* 0: not told */
};

/* Bits of leds. */
enum { SESSION_LED_SCROLL = 1, SESSION_LED_NUM = 2, SESSION_LED_CAPS = 4 };

/* Why a wish for another size came to nothing. */
enum session_resize { SESSION_RESIZE_DONE, SESSION_RESIZE_REFUSED };

struct session_handlers {
	/* Admitted; secret reconnects until the desktop ends. */
	void (*attached)(const char *secret, void *data);
	/* The picture has this size from now on, in guest pixels. */
	void (*size)(int width, int height, void *data);
	/* This much of the picture changed, in guest pixels. */
	void (*damage)(const cairo_region_t *region, void *data);
	/* The guest's pointer: NULL image for a hidden one. */
	void (*cursor)(cairo_surface_t *image, int hot_x, int hot_y,
		       void *data);
	void (*leds)(unsigned leds, void *data);
	void (*bell)(void *data);
	void (*resized)(enum session_resize outcome, void *data);
	/* The guest has text (FALSE: no longer); ask with
	 * session_clipboard_request(). */
	void (*clipboard_offered)(gboolean text, void *data);
	/* The text asked for. */
	void (*clipboard_text)(const char *text, void *data);
	/* The guest wants ours; answer with session_clipboard_send(). */
	void (*clipboard_wanted)(void *data);
	void (*closed)(const struct session_end *end, void *data);
};

struct session_ops {
	const char *protocol; /* as in tickets and /tunnel/v1/ */
	struct session *(*open)(const struct session_config *config,
				const struct session_handlers *handlers,
				void *data);
	void (*close)(struct session *session);
	cairo_surface_t *(*lock_picture)(struct session *session);
	void (*unlock_picture)(struct session *session);
	void (*key)(struct session *session, unsigned keysym, unsigned qnum,
		    gboolean down);
	void (*pointer)(struct session *session, int x, int y,
			unsigned buttons);
	void (*resize)(struct session *session, int width, int height);
	gboolean (*can_resize)(struct session *session);
	gboolean (*sends_keycodes)(struct session *session);
	void (*probe)(struct session *session);
	gint64 (*heard_us)(struct session *session);
	void (*clipboard_offer)(struct session *session);
	void (*clipboard_request)(struct session *session);
	void (*clipboard_send)(struct session *session, const char *text);
};

/* First member of every implementation's struct. */
struct session {
	const struct session_ops *ops;
};

extern const struct session_ops rfb_session_ops;
/* All of them, best first, NULL at the end. */
extern const struct session_ops *const session_protocols[];

/* protocol: one the server offers; NULL for one that none here speaks. */
struct session *session_open(const char *protocol,
			     const struct session_config *config,
			     const struct session_handlers *handlers,
			     void *data);
void session_close(struct session *session);

/* The picture, RGB24, guest pixels; NULL before the first one. It stands
 * still until unlocked, which must be soon. */
cairo_surface_t *session_lock_picture(struct session *session);
void session_unlock_picture(struct session *session);

/* qnum as in keymap.h, 0 where there is none: the keysym then counts. */
void session_key(struct session *session, unsigned keysym, unsigned qnum,
		 gboolean down);
/* buttons: bit n is button n+1 (left, middle, right, wheel up, down, left,
 * right, back, forward). */
void session_pointer(struct session *session, int x, int y, unsigned buttons);
/* Asks the guest for that size; handler resized tells when it will not. */
void session_resize(struct session *session, int width, int height);
gboolean session_can_resize(struct session *session);
/* TRUE: the guest gets key codes and repeats held keys by itself. */
gboolean session_sends_keycodes(struct session *session);

/* Asks the server for a sign of life; heard is when the last byte came, in
 * g_get_monotonic_time(). */
void session_probe(struct session *session);
gint64 session_heard_us(struct session *session);

/* We have text / we want yours / here is ours. */
void session_clipboard_offer(struct session *session);
void session_clipboard_request(struct session *session);
void session_clipboard_send(struct session *session, const char *text);
