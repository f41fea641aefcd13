/* ports.h - the machine's ports that viewers are joined to: folders (WebDAV),
 * USB devices, consoles.
 *
 * A port is a stream that one viewer has at a time; who comes later waits
 * until it goes. The machine's end is opened when somebody has the port and
 * closed when nobody has, so that the guest sees a folder or a device come and
 * go with its viewer. Bytes are passed on as they are, never further than the
 * other side has room: each way holds what it cannot pass on.
 *
 * Threads: the main loop's. Ownership: a user is the caller's memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum port_kind {
	PORT_FOLDER,  /* org.spice-space.webdav.0 */
	PORT_USB,     /* org.spice-space.usbredir.N */
	PORT_CONSOLE, /* org.qemu.console.*: a serial line */
	PORT_KINDS,
};
/* Of a kind. */
#define PORTS_OF_KIND 8u

struct ports;
struct port;
struct port_user;

struct port_user_ops {
	/* port_is_open() may have changed. */
	void (*changed)(struct port_user *user);
	/* From the machine; only while !full(). */
	void (*data)(struct port_user *user, const uint8_t *bytes,
		     size_t length);
	bool (*full)(struct port_user *user);
	/* port_is_full() is over. */
	void (*drained)(struct port_user *user);
	/* The port is gone or barred, or its stream has ended in the middle:
	 * what was agreed with the machine's side holds no more. It has left.
	 * Only of devices: the others see a port that is closed. */
	void (*gone)(struct port_user *user);
};

struct port_user {
	const struct port_user_ops *ops;
	struct port *port; /* set by ports_join() */
};

/* ---- for viewers ---- */

/* A bit for each number that may be joined now. */
unsigned ports_there(const struct ports *self, enum port_kind kind);
bool ports_join(struct ports *self, enum port_kind kind, unsigned number,
		struct port_user *user);
void ports_leave(struct port_user *user);
const char *port_name(const struct port_user *user);
/* It is this user's turn, and the guest listens. */
bool port_is_open(const struct port_user *user);
/* Hold back: others have it, or the machine has not read what was sent. */
bool port_is_full(const struct port_user *user);
/* To the machine; what it does not listen to is dropped. */
void port_send(struct port_user *user, const uint8_t *bytes, size_t length);
/* full() is over. */
void port_go_on(struct port_user *user);

/* ---- for the display ---- */

struct ports_hooks {
	/* Asks the machine for the port's stream; ports_stream() answers. */
	void (*ask)(void *data, const char *name);
	void (*changed)(void *data); /* ports_there() */
};

struct ports *ports_new(const struct ports_hooks *hooks, void *data);
void ports_free(struct ports *self);
/* All until this is called. Holds at once. */
void ports_allow(struct ports *self, enum port_kind kind, bool allowed);
/* The machine has a port of that name, of whatever kind. */
void ports_told(struct ports *self, const char *name, bool open);
/* Takes the descriptor; -1: refused, it is asked for again in a moment.
 * False: none of ours, and a descriptor is closed. */
bool ports_stream(struct ports *self, const char *name, int fd);
/* The machine is gone. */
void ports_lost(struct ports *self);
