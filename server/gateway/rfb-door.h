/* rfb-door.h - the gateway's half of the RFB handshake with a stock viewer.
 *
 * RFC 6143, 7.1 "Handshaking Messages", with security type VeNCrypt (19)
 * 0.2 and its subtype X509Plain (262) alone. A machine without input or
 * output of its own: the caller feeds what the viewer sent and sends what
 * stands in `out`, does the TLS handshake at DOOR_TLS, asks the broker at
 * DOOR_LOGIN, and tells the outcome with door_admit() or door_refuse().
 *
 * Threads: any; no allocation. Fails: DOOR_CLOSED with a reason for the log;
 * what the viewer can be told of it is in `out`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOOR_TEXT_MAX 255 /* bytes of a user name or password */
#define DOOR_OUT_MAX  1024

enum door_state {
	DOOR_VERSION,  /* the viewer's protocol version */
	DOOR_TYPE,     /* its choice of security type */
	DOOR_VENCRYPT, /* its VeNCrypt version */
	DOOR_SUBTYPE,
	DOOR_TLS,     /* caller: handshake, then door_secured() */
	DOOR_LENGTHS, /* of user name and password */
	DOOR_TEXTS,
	DOOR_LOGIN, /* caller: ask, then door_admit() or door_refuse() */
	DOOR_OPEN,  /* RFB from ClientInit on */
	DOOR_CLOSED,
};

struct door {
	enum door_state state;
	int minor; /* 3.minor: 7 or 8 */
	size_t have;
	uint8_t in[2 * DOOR_TEXT_MAX]; /* of the message being read */
	uint32_t user_size, password_size;
	char user[DOOR_TEXT_MAX + 1], password[DOOR_TEXT_MAX + 1];
	const char *reason;  /* static text, once DOOR_CLOSED */
	const char *refusal; /* caller's, borrowed: why nobody enters now */
	size_t out_size;
	uint8_t out[DOOR_OUT_MAX];
};

/* refusal (or NULL) is what every viewer is told instead of being served;
 * it must outlive the door. */
void door_init(struct door *door, const char *refusal);

/* Takes at most size bytes and returns how many: it stops where the caller
 * has to do something, since what follows is not for the door. */
size_t door_feed(struct door *door, const uint8_t *bytes, size_t size);

void door_secured(struct door *door);
void door_admit(struct door *door);
/* The reason reaches the viewer (3.8), cut to what fits. */
void door_refuse(struct door *door, const char *reason);

/* Takes the texts away from memory. */
void door_forget(struct door *door);
