/* channel.h - one connection of a SPICE viewer, as the files of this folder
 * share it.
 *
 *   listen.c     the door: connections, limits, who may in
 *   link.c       a connection's first bytes
 *   channel.c    messages in and out; bytes: display/line.h
 *   client.c     a viewer: its channels, and the display's `struct viewer`
 *   session.c    main channel
 *   agent.c      the agent that every client is shown, on the main channel
 *   picture.c    display channel, with the files that picture.h names
 *   inputs.c, cursor.c, playback.c, record.c
 *   port.c       ports of the machine: folders, USB devices, consoles
 *
 * A channel that fails is taken off everything at once and freed when the loop
 * is idle, so that any function may fail it; `dead` says so. A viewer lives as
 * long as its main channel. */
#pragma once

#include "common/spice-caps.h"
#include "display/line.h"
#include "display/spice/link.h"
#include "display/spice/spice.h"
#include "display/spice/wire.h"

/* A client's longest message: sound, agents' data and folders' pieces of
 * 64 KiB stay below it. */
#define SPICE_MESSAGE_MAX (256u << 10)

struct spice_client;
struct spice_channel;

struct spice_channel_ops {
	uint8_t type;
	uint32_t longest; /* message, where it is not SPICE_MESSAGE_MAX */
	/* The link is made; says hello. */
	void (*up)(struct spice_channel *self);
	/* A whole message that is not common to all channels. May fail the
	 * channel. */
	void (*message)(struct spice_channel *self, unsigned type,
			struct reader *body);
	/* PONG of a ping of ours; optional. */
	void (*pong)(struct spice_channel *self, uint32_t id);
	/* The socket has taken what it was given; optional. */
	void (*drained)(struct spice_channel *self);
	/* Whether messages have to wait; optional. */
	bool (*full)(struct spice_channel *self);
	/* The channel has failed: lets go of everything that may call it;
	 * optional. */
	void (*down)(struct spice_channel *self);
	/* Frees its state, later, when nobody works on it any more. */
	void (*release)(void *state);
};

extern const struct spice_channel_ops spice_main_ops, spice_display_ops,
    spice_inputs_ops, spice_cursor_ops, spice_playback_ops, spice_record_ops,
    spice_webdav_ops, spice_usbredir_ops, spice_port_ops;

struct spice_channel {
	struct spice_server *server;
	struct spice_client *client; /* NULL until the link is made */
	const struct spice_channel_ops *ops;
	void *state; /* of the channel's type */
	struct line line;
	char label[24]; /* for the log */
	bool mini, authenticate;
	struct spice_link link;
	uint64_t serial;  /* of messages sent, in long headers */
	guint message_at; /* where the one being composed begins */
};

/* ---- channel.c ---- */
struct spice_channel *spice_channel_new(struct spice_server *server, int fd,
					bool authenticate);
/* why: what it did wrong, for the log; NULL: it left, or was sent away. */
void spice_channel_fail(struct spice_channel *self, const char *why);
void spice_channel_free(struct spice_channel *self);
/* A message: begin, append its body to the array, end. */
GByteArray *spice_channel_begin(struct spice_channel *self, unsigned type);
void spice_channel_end(struct spice_channel *self);
/* ops->full() is over. */
void spice_channel_go_on(struct spice_channel *self);
bool spice_channel_can(const struct spice_channel *self, unsigned cap);

/* ---- listen.c ---- */
struct display *spice_server_display(struct spice_server *self);
const uint8_t *spice_server_key(struct spice_server *self);
GPtrArray *spice_server_clients(struct spice_server *self);
struct door *spice_server_door(struct spice_server *self);
/* What a ticket is worth: SPICE_LINK_ERR_OK or the result to tell. */
uint32_t spice_server_judge(struct spice_server *self,
			    const struct spice_channel *channel);

/* ---- client.c ---- */
/* The channel joins its viewer, or makes one. Returns a link result. */
uint32_t spice_client_join(struct spice_channel *channel);
void spice_client_leave(struct spice_channel *channel);

struct spice_client {
	struct viewer viewer; /* first: the display knows it by this */
	struct spice_server *server;
	uint32_t session;
	bool going;          /* its channels are being closed */
	GPtrArray *channels; /* not owned */
	struct spice_channel *main, *display, *inputs, *cursor, *playback,
	    *record;
	struct spice_channel *ports[PORT_KINDS][PORTS_OF_KIND];
	bool lists;                  /* it has asked which channels there are */
	unsigned listed[PORT_KINDS]; /* of the ports, a bit each */
};

struct spice_client *spice_client_of(struct viewer *viewer);
unsigned spice_client_now_ms(void); /* multi-media time */

/* ---- what one channel's file tells another ---- */
/* A channel type's kind of port; false: it is none. */
bool spice_port_kind(unsigned type, enum port_kind *kind);
unsigned spice_port_type(enum port_kind kind);
void spice_picture_changed(struct spice_channel *self,
			   const struct desktop_change *change);
void spice_picture_pump(struct spice_channel *self);
/* Bytes a second that the client's line is known to carry; 0: not known.
 * self may be NULL. */
guint64 spice_picture_rate(const struct spice_channel *self);
void spice_cursor_send(struct spice_channel *self);
/* Whether the client hears the machine; channel may be NULL. */
bool spice_playback_runs(const struct spice_channel *channel);
void spice_inputs_leds(struct spice_channel *self);
void spice_session_name(struct spice_channel *self);
/* Tells of ports that have become available. */
void spice_session_ports(struct spice_channel *self);
void spice_session_flush(struct spice_channel *self);
