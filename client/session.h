/* session.h - one attachment to a desktop, whatever protocol carries it.
 *
 * A session connects, shows pictures that change (one for each screen of the
 * desktop, its heads), takes input, trades clipboards and takes files until it
 * is closed or ends. It never reconnects: whoever
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

/* What an administrator keeps from a desktop; zero: nothing. */
struct session_policy {
	gboolean no_usb, no_folder, folder_read_only;
};

struct session_config {
	const char *host;
	guint16 port;
	const char *fingerprint; /* trusted besides valid ones; or NULL */
	const char *ticket;      /* one of these two */
	const char *secret;      /* of an earlier session, for reconnects */
	struct session_policy policy;
};

struct session_end {
	const GError *error;    /* NULL: the server ended it in order */
	gboolean attached;      /* it had been admitted */
	unsigned status;        /* HTTP status of a refusal, or 0 */
	unsigned retry_after_s; /* 0: not told */
};

/* Screens of a desktop: 0 is there from the start. */
#define SESSION_HEADS 4

/* Bits: what a clipboard has. */
enum session_clip {
	SESSION_CLIP_TEXT = 1,  /* UTF-8, LF */
	SESSION_CLIP_IMAGE = 2, /* PNG */
};

/* What has happened since the session began. */
struct session_stats {
	guint64 bytes_in, bytes_out;
	guint64 updates;   /* of pictures */
	unsigned rtt_us;   /* of the network; 0: unknown */
	unsigned sound_ms; /* from here to the ear; 0: nothing is played */
	char encoding[80]; /* for people: how pictures come; or "" */
};

/* Whether a desktop can have something of this computer. */
enum session_share {
	SESSION_SHARE_NEVER,     /* protocol or desktop have no way for it */
	SESSION_SHARE_BARRED,    /* by the policy */
	SESSION_SHARE_READ_ONLY, /* of folders: ready, but for changes */
	SESSION_SHARE_READY,
};

struct session_usb_device {
	char *id;    /* stays, also over a reconnect, while it is plugged in */
	char *name;  /* for people */
	char *cause; /* why it cannot be attached just now; NULL: it can */
	gboolean attached, busy; /* busy: on its way in or out */
	gboolean disc;           /* a file; gone as soon as it is taken back */
};

/* While files are sent; then once how it went (NULL: well). */
typedef void (*session_progress)(gint64 done, gint64 total, void *data);
typedef void (*session_sent)(const GError *error, void *data);

/* Bits of leds. */
enum { SESSION_LED_SCROLL = 1, SESSION_LED_NUM = 2, SESSION_LED_CAPS = 4 };

/* Why a wish for another size came to nothing. */
enum session_resize { SESSION_RESIZE_DONE, SESSION_RESIZE_REFUSED };

struct session_handlers {
	/* Admitted; secret reconnects until the desktop ends. */
	void (*attached)(const char *secret, void *data);
	/* The picture has this size from now on, in guest pixels; 0 for a head
	 * other than 0 that is gone. */
	void (*size)(int head, int width, int height, void *data);
	/* This much of the picture changed, in guest pixels. */
	void (*damage)(int head, const cairo_region_t *region, void *data);
	/* The guest's pointer: NULL image for a hidden one. */
	void (*cursor)(cairo_surface_t *image, int hot_x, int hot_y,
		       void *data);
	void (*leds)(unsigned leds, void *data);
	void (*bell)(void *data);
	/* Also DONE, unasked, where sizes can be asked for from now on. */
	void (*resized)(int head, enum session_resize outcome, void *data);
	/* The guest has these kinds (0: nothing); ask with
	 * session_clipboard_request(). */
	void (*clipboard_offered)(unsigned kinds, void *data);
	/* What was asked for; NULL: it is not to be had. */
	void (*clipboard_data)(enum session_clip kind, GBytes *bytes,
			       void *data);
	/* The guest wants ours; answer with session_clipboard_send(). */
	void (*clipboard_wanted)(enum session_clip kind, void *data);
	/* The desktop hears this computer's microphone, or no longer. */
	void (*recording)(gboolean on, void *data);
	/* What session_usb() or session_folder() say has changed. */
	void (*shares_changed)(void *data);
	/* A device did not come to the desktop, or was lost there. */
	void (*usb_failed)(const char *id, const char *name,
			   const GError *error, void *data);
	void (*closed)(const struct session_end *end, void *data);
};

struct session_ops {
	const char *protocol; /* as in tickets and /tunnel/v1/ */
	const char *title;    /* for people */
	struct session *(*open)(const struct session_config *config,
				const struct session_handlers *handlers,
				void *data);
	void (*close)(struct session *session);
	cairo_surface_t *(*lock_picture)(struct session *session, int head);
	void (*unlock_picture)(struct session *session);
	void (*key)(struct session *session, unsigned keysym, unsigned qnum,
		    gboolean down);
	void (*pointer)(struct session *session, int head, int x, int y,
			unsigned buttons);
	void (*resize)(struct session *session, int head, int width,
		       int height);
	gboolean (*can_resize)(struct session *session);
	int (*heads)(struct session *session);
	gboolean (*sends_keycodes)(struct session *session);
	void (*probe)(struct session *session);
	gint64 (*heard_us)(struct session *session);
	void (*stats)(struct session *session, struct session_stats *stats);
	void (*clipboard_offer)(struct session *session, unsigned kinds);
	void (*clipboard_request)(struct session *session,
				  enum session_clip kind);
	void (*clipboard_send)(struct session *session, enum session_clip kind,
			       const void *bytes, gsize size);
	/* both NULL where the protocol carries no files */
	gboolean (*can_send_files)(struct session *session);
	void (*send_files)(struct session *session, GFile **files,
			   GCancellable *cancellable, session_progress progress,
			   session_sent sent, void *data);
	/* all NULL where the protocol carries no devices, no folder */
	enum session_share (*usb)(struct session *session, GPtrArray *devices);
	void (*usb_attach)(struct session *session, const char *id,
			   gboolean attach);
	gboolean (*usb_add_disc)(struct session *session, const char *path,
				 GError **error);
	enum session_share (*folder)(struct session *session,
				     gboolean *mounted);
	void (*share_folder)(struct session *session, const char *path,
			     gboolean read_only);
};

/* First member of every implementation's struct. */
struct session {
	const struct session_ops *ops;
};

extern const struct session_ops spice_session_ops;
extern const struct session_ops rfb_session_ops;
/* All of them, best first, NULL at the end. */
extern const struct session_ops *const session_protocols[];

/* protocol: one the server offers; NULL for one that none here speaks. */
const struct session_ops *session_protocol(const char *protocol);
struct session *session_open(const char *protocol,
			     const struct session_config *config,
			     const struct session_handlers *handlers,
			     void *data);
void session_close(struct session *session);

/* The picture, RGB24, guest pixels; NULL before the first one. It stands
 * still until unlocked, which must be soon, and is of no use after that. */
cairo_surface_t *session_lock_picture(struct session *session, int head);
void session_unlock_picture(struct session *session);

/* qnum as in keymap.h, 0 where there is none: the keysym then counts. */
void session_key(struct session *session, unsigned keysym, unsigned qnum,
		 gboolean down);
/* buttons: bit n is button n+1 (left, middle, right, wheel up, down, left,
 * right, back, forward). */
void session_pointer(struct session *session, int head, int x, int y,
		     unsigned buttons);
/* Asks the guest for that size; handler resized tells when it will not. A
 * head that was not there is added, one of size 0 taken away. */
void session_resize(struct session *session, int head, int width, int height);
gboolean session_can_resize(struct session *session);
/* How many heads the desktop can have: 1 to SESSION_HEADS. */
int session_heads(struct session *session);
/* TRUE: the guest gets key codes and repeats held keys by itself. */
gboolean session_sends_keycodes(struct session *session);

/* Asks the server for a sign of life; heard is when the last byte came, in
 * g_get_monotonic_time(). */
void session_probe(struct session *session);
gint64 session_heard_us(struct session *session);

void session_stats(struct session *session, struct session_stats *stats);

/* We have these kinds / we want yours / here is ours. */
void session_clipboard_offer(struct session *session, unsigned kinds);
void session_clipboard_request(struct session *session, enum session_clip kind);
void session_clipboard_send(struct session *session, enum session_clip kind,
			    const void *bytes, gsize size);

/* Into the guest, where its agent puts them. progress and sent may come after
 * session_close(); data has to live until sent. */
gboolean session_can_send_files(struct session *session);
void session_send_files(struct session *session, GFile **files,
			GCancellable *cancellable, session_progress progress,
			session_sent sent, void *data);

/* Adds this computer's devices (struct session_usb_device) to devices, which
 * frees them; none unless READY. */
GPtrArray *session_usb_devices_new(void);
enum session_share session_usb(struct session *session, GPtrArray *devices);
/* Gives the desktop a device, or takes it back; handlers tell how it went. */
void session_usb_attach(struct session *session, const char *id,
			gboolean attach);
/* A file that is a disc's image becomes a device like the others. */
gboolean session_usb_add_disc(struct session *session, const char *path,
			      GError **error);

/* mounted (may be NULL): the guest has taken the folder that is shared. */
enum session_share session_folder(struct session *session, gboolean *mounted);
/* NULL: none any longer. Where the policy says so it is read-only anyway. */
void session_share_folder(struct session *session, const char *path,
			  gboolean read_only);
