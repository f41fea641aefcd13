/* rfb-session.h - internals shared by the files of the RFB session.
 *
 * rfb-session.c owns the session, its thread and what the main thread may
 * ask; rfb-messages.c reads the server's messages on the session's thread.
 *
 * Threads: members say whose they are. */
#pragma once

#include "client/rfb-reader.h"
#include "client/session.h"
#include "client/tunnel.h"

#define RFB_ENCODINGS 5

/* How pixels came lately. */
struct rfb_encodings {
	double pixels[RFB_ENCODINGS];
};

struct rfb_session {
	struct session base;
	gint references; /* atomic: the main thread's, the thread's, posts' */
	GThread *thread;
	GCancellable *cancellable;

	/* main thread */
	const struct session_handlers *handlers;
	void *data;
	gboolean closed;
	unsigned legacy_clipboard_sent;
	struct sound *sound;

	/* set before the thread starts */
	char *host, *fingerprint, *ticket, *secret;
	guint16 port;

	/* the session's thread */
	struct rfb_reader *reader;
	gboolean continuous;     /* updates come unasked */
	gboolean picture_due;    /* a new size waits for its first pixels */
	cairo_region_t *changed; /* by the update being read */
	GError *trouble;
	gboolean sound_asked;

	gint sound_waiting; /* atomic: bytes for the main thread */

	/* under lock */
	GMutex lock;
	struct tunnel *tunnel; /* NULL: not connected */
	cairo_surface_t *picture;
	cairo_region_t *damage; /* not yet told */
	gboolean damage_posted;
	guint32 screen_id, screen_flags;
	gboolean can_resize, qemu_keys, ext_buttons;
	guint32 clipboard_actions; /* 0: the server has no UTF-8 clipboard */
	gint64 heard_us;
	guint64 updates;
	struct rfb_encodings encodings;
};

/* Any thread. */
void rfb_session_send(struct rfb_session *self, const GByteArray *message);
/* The session's thread: calls func on the main thread unless closed. Takes
 * payload, freed by free_payload. */
typedef void (*rfb_session_post_func)(struct rfb_session *self,
				      gpointer payload);
void rfb_session_post(struct rfb_session *self, rfb_session_post_func func,
		      gpointer payload, GDestroyNotify free_payload);
/* The session's thread: makes an update's changes visible. */
void rfb_session_publish(struct rfb_session *self);

/* rfb-messages.c: the session's thread. FALSE ends the session; trouble says
 * why where the connection itself did not end. */
gboolean rfb_messages_begin(struct rfb_session *self);
gboolean rfb_messages_next(struct rfb_session *self);
/* With the lock held: their shares, for people. */
void rfb_session_encodings(struct rfb_session *self, char *text, gsize size);
