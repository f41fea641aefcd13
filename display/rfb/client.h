/* client.h - one RFB client, as the files of this folder share it.
 *
 *   client.c     life; bytes in and out: display/line.h
 *   handshake.c  up to ServerInit
 *   dispatch.c   messages once it is up
 *   update.c     framebuffer updates
 *   film.c       video
 *   audio.c      sound
 *   plan.c       what goes out, in order, while it is being encoded
 *   pseudo.c     the rectangles that are not pixels
 *   clip.c       clipboard
 *   keysym.c     keys of clients that send only symbols
 *
 * A client that fails is taken off everything at once and freed when the loop
 * is idle, so that any function may fail it; `dead` says so. */
#pragma once

#include "display/film-stream.h"
#include "display/line.h"
#include "display/pacer.h"
#include "display/rfb/encoder.h"
#include "display/rfb/rfb.h"
#include "display/view.h"

enum rfb_state {
	RFB_STATE_VERSION,
	RFB_STATE_SECURITY,
	RFB_STATE_CHALLENGE,
	RFB_STATE_INIT,
	RFB_STATE_UP,
};

struct rfb_rect16 {
	uint16_t x, y, w, h;
};

struct rfb_client {
	struct viewer viewer; /* first: the display knows it by this */
	struct rfb_server *server;
	struct line line;
	char label[16]; /* for the log */
	enum rfb_state state;
	int minor;          /* of the protocol version: 3, 7 or 8 */
	gint64 greeted_us;  /* handshake: what was said last */
	gint64 greeting_us; /* and the quickest answer; 0: none yet */
	bool authenticate;
	uint8_t challenge[16];
	uint64_t skip; /* bytes of what comes still to be thrown away */

	GQueue plan;         /* what follows behind what the line has: plan.c */
	GQueue overtaken;    /* of it, while something is put in front */
	size_t planned;      /* bytes of messages in it */
	GByteArray *message; /* the beginning of an update, being composed */

	/* what it can do */
	enum rfb_encoding encoding;
	bool can_resize, can_resize_extended, can_name, can_leds, can_motion,
	    can_extended_key, can_audio;
	enum rfb_encoding cursor_encoding; /* RAW: none */
	bool can_fence, can_continuous, can_copy;
	bool can_h264;
	bool can_gradient; /* Tight's filter of that name */
	int quality_level; /* 0..9 as it asked; -1: everything exact */
	int compress;      /* 1..9 */

	/* updates */
	struct view view;
	struct film_seat *film; /* NULL: it had no film yet */
	struct pacer pacer;
	struct rfb_format format; /* of the style's */
	struct rfb_wire_format wire, next_format;
	bool format_due;
	unsigned width, height; /* what the client was told */
	bool requested, continuous;
	bool whole; /* requested anew, not only what changed */
	struct rect wanted, continuous_area;
	bool plan_in_front; /* an answer to a key overtakes the rest */
	unsigned parts;     /* rectangles of pixels in `plan` */
	unsigned marks;     /* ends of updates in it that the client answers */
	gint64 marked_us;   /* the last of these was planned */
	unsigned
	    near_most; /* updates that a near client may have, unanswered */
	unsigned near_spare;           /* answers since it last ran dry */
	bool near_held;                /* an update waits for its answer */
	unsigned streams;              /* RFB_STREAM_* that have begun */
	unsigned cost[VIEW_EXACT + 1]; /* bytes for 1024 pixels, of lately */
	int quality;                   /* of JPEG as the line allows, 1..100 */
	unsigned updates_full, updates_easy; /* since quality_us */
	gint64 quality_us;
	guint step_idle, rest_timer;
	bool blank_due; /* the whole of its (other) size is stale */

	/* pseudo-rectangles that are due */
	bool size_due, cursor_due, name_due, leds_due, motion_due, key_due,
	    audio_due;
	unsigned size_reason, size_status;

	/* sound */
	struct audio_party audio; /* joined while it wants any */
	bool audio_begun;
	uint32_t audio_level[AUDIO_CHANNELS]; /* the machine's, of 65536 */
	struct audio_resampler resampler;
	GArray *resampled; /* int16_t, of the call under way */
	enum rfb_sample sample;
	unsigned audio_channels, audio_rate_hz;

	/* clipboard */
	struct clipboard_party party;
	bool extended_clipboard, clip_wanted, clip_joined;
	uint32_t clip_formats;
};

/* ---- client.c ---- */
struct rfb_client *rfb_client_new(struct rfb_server *server, int fd,
				  bool authenticate);
/* why: what it did wrong, for the log; NULL: it left, or was sent away. */
void rfb_client_fail(struct rfb_client *self, const char *why);
void rfb_client_free(struct rfb_client *self);
void rfb_client_send(struct rfb_client *self, const void *bytes, size_t length);

/* ---- handshake.c ---- */
void rfb_handshake_begin(struct rfb_client *self);
/* Consumes one step of what came; false when more bytes are needed. */
bool rfb_handshake_step(struct rfb_client *self, const uint8_t *bytes,
			size_t length, size_t *used);
void rfb_client_up(struct rfb_client *self); /* client.c: ServerInit is out */

/* ---- server's part, listen.c ---- */
struct display *rfb_server_display(struct rfb_server *self);
struct door *rfb_server_door(struct rfb_server *self);

/* ---- dispatch.c ---- */
void rfb_dispatch(struct rfb_client *self, const struct rfb_message *message);

/* ---- update.c ---- */
void rfb_update_init(struct rfb_client *self);
void rfb_update_finish(struct rfb_client *self);
void rfb_update_request(struct rfb_client *self, bool incremental,
			const struct rect *area);
void rfb_update_changed(struct rfb_client *self,
			const struct desktop_change *change);
/* Sends what may be sent now; called whenever something changed. */
void rfb_update_pump(struct rfb_client *self);
/* A fence of ours has come back: an update was taken in. */
void rfb_update_arrived(struct rfb_client *self, uint32_t number);
/* Whether it has so many updates to decode that the next one better waits
 * here, where it may be overtaken. */
bool rfb_update_is_supplied(struct rfb_client *self);
/* Payload of those fences: this byte and the mark's number. */
#define RFB_UPDATE_FENCE      'u'
#define RFB_UPDATE_FENCE_SIZE 5

/* ---- plan.c ---- */
void rfb_plan_clear(struct rfb_client *self);
/* Behind what is planned; false when nothing is. */
bool rfb_plan_add_message(struct rfb_client *self, const void *bytes,
			  size_t length);
/* The beginning of an update. plain: neither moves nor pseudo-rectangles. */
void rfb_plan_add_update(struct rfb_client *self, const void *bytes,
			 size_t length, bool plain);
/* Whether an update of the tiles of `echo` that are `stale` may go out before
 * all that is planned: nothing of it has gone out, or says what those tiles
 * are. What is planned between begin and end stands at the front. */
bool rfb_plan_may_overtake(const struct rfb_client *self);
void rfb_plan_begin_front(struct rfb_client *self);
void rfb_plan_end_front(struct rfb_client *self);
void rfb_plan_add_part(struct rfb_client *self, const struct rfb_style *style,
		       const struct view_part *part);
/* fence: the client is asked to answer; else its next request does. full:
 * there was more to send than room for it. */
void rfb_plan_add_mark(struct rfb_client *self, bool fence, bool full);
/* Whether a frame of a film is still to go out. */
bool rfb_plan_has_film(const struct rfb_client *self);
/* Rectangles whose pixels were not read yet count as not sent. */
void rfb_plan_give_back(struct rfb_client *self);
/* As far as bytes and jobs allow. False: its time is up, call again soon. May
 * fail the client. */
bool rfb_plan_carry_out(struct rfb_client *self);

/* ---- film.c ---- */
/* Takes over where a film plays now, if the client can have it as a stream and
 * wants all of it. */
void rfb_film_follow(struct rfb_client *self, const struct rect *within);
/* Its next frame; *begins goes to rfb_film_frame(). NULL: not yet, when jobs
 * are done. */
struct job *rfb_film_begin(struct rfb_client *self, const struct rect *rect,
			   bool *begins);
/* Appends the whole rectangle. False, with nothing appended: it could not be
 * encoded, and the client gets pictures from now on. */
bool rfb_film_frame(struct rfb_client *self, const struct job *job,
		    const struct rect *rect, bool begins);
/* It has no decoder any more. */
void rfb_film_renew(struct rfb_client *self);
void rfb_film_drop(struct rfb_client *self);

/* ---- audio.c ---- */
void rfb_audio_init(struct rfb_client *self);
void rfb_audio_finish(struct rfb_client *self);
void rfb_audio_message(struct rfb_client *self,
		       const struct rfb_message *message);

/* ---- pseudo.c ---- */
unsigned rfb_pseudo_count(const struct rfb_client *self);
/* Writes all that are due; as many rectangles as counted. */
void rfb_pseudo_write(struct rfb_client *self);

/* ---- clip.c ---- */
void rfb_clip_init(struct rfb_client *self);
void rfb_clip_finish(struct rfb_client *self);
/* The client has said for the first time that it knows the extension. */
void rfb_clip_extended(struct rfb_client *self);
void rfb_clip_message(struct rfb_client *self,
		      const struct rfb_message *message);
/* Pure, for tests and fuzzing: text of a "provide" body, or NULL. */
GBytes *rfb_clip_unpack(const uint8_t *bytes, size_t length);
GByteArray *rfb_clip_pack(GBytes *text);

/* ---- keysym.c ---- */
enum rfb_shift { RFB_SHIFT_ANY, RFB_SHIFT_ON, RFB_SHIFT_OFF };
/* qnum of the key that makes a symbol on a US keyboard, 0: none. */
unsigned rfb_keysym_to_qnum(uint32_t keysym, enum rfb_shift *shift);
