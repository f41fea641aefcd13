/* door.h - where the viewers of one protocol come in: a listening socket, how
 * many there may be, and who may not try passwords any more.
 *
 * Threads: the main loop's. Ownership: a guest is the caller's, listed here
 * until door_forget(). Fails: with a fault. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct door;

struct door_ops {
	/* One has come; takes fd. Calls door_make_room() first, and door_list()
	 * with what it makes of it. */
	void (*came)(void *data, int fd);
	/* Whether its handshake is done. */
	bool (*is_up)(const void *guest);
	/* Must forget it. */
	void (*send_away)(void *guest);
	/* At the end; must forget it. */
	void (*free)(void *guest);
};

/* Closed: only what the caller itself lists is there. most: guests. */
struct door *door_new(const struct door_ops *ops, void *data, unsigned most);
/* address: "unix:PATH" (mode 0600, no authentication) or "HOST:PORT", which
 * needs a ticket, or no_auth and to be on loopback. */
bool door_open(struct door *self, const char *address, const char *ticket,
	       bool no_auth, GError **error);
/* Frees all guests first. */
void door_free(struct door *self);

void door_list(struct door *self, void *guest);
void door_forget(struct door *self, void *guest);
/* The oldest that has not finished its handshake goes first; false: all have,
 * and there are as many as there may be. */
bool door_make_room(struct door *self);

/* What a guest must know; NULL: nothing. */
const char *door_ticket(const struct door *self);
/* Somebody knew it not. */
void door_wrong_ticket(struct door *self);
/* Too many knew it not: nobody is let in for a while. */
bool door_is_shut(const struct door *self);
