/* seamless-peer.h - what the peer and its commands share.
 *
 * Threads: the main loop's. Fails: a test's tool, so what it cannot do ends it
 * with a message; what the agent does wrong is told as a "breach". */
#pragma once

#include <X11/Xlib.h>
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#include "seamless/wire.h"

struct win {
	uint32_t id, parent;
	unsigned kind;
	struct seam_rect area;
	struct seam_commit commit;
	bool props, committed;
	uint32_t asked, states; /* serial of the CONFIGURE without answer */
	uint32_t asked_width, asked_height;
};

struct peer {
	int fd;
	Display *display;    /* the agent's screen, or NULL */
	GHashTable *windows; /* id -> struct win */
	bool auto_release, auto_ack, auto_configure;
	GMainLoop *loop;
};
extern struct peer peer;
extern const char peer_help[];

void say(json_t *object);
void push(const uint8_t *bytes, size_t size);
uint32_t send_message(struct seam_message *message);
void send_bare(unsigned type, uint32_t id);
void send_hello(void);
struct win *find(uint32_t id);
json_t *rect_of(struct seam_rect r);
void configure(struct win *w, struct seam_rect area, uint32_t states);
void verify(void);
void picture(const struct win *w, const char *path);

/* seamless-peer-transfer.c: false: it is not about the clipboard or files */
bool transfer_message(const struct seam_message *message);
bool transfer_command(char **argv);

gboolean peer_on_command(GIOChannel *channel, GIOCondition condition,
			 gpointer data);
