/* api-link.h - one connection to the API, before and below HTTP.
 *
 * The link rides on the remote address that libsoup keeps for a connection,
 * which is the one thing of ours that every message of it can reach. */
#pragma once

#include <gio/gio.h>

struct api_link;
struct api_link_calls {
	/* The address is known; FALSE closes the connection. */
	gboolean (*known)(struct api_link *link, void *data);
	/* Hands the connection over as a stream with the addresses that
	 * libsoup wants to see; called once the request's head, which is left
	 * in the socket, has been found good (http-guard.h). */
	void (*ready)(struct api_link *link, GIOStream *stream,
		      GSocketAddress *local, GSocketAddress *remote,
		      void *data);
	/* It has ended, at whatever stage; it is freed after this. */
	void (*gone)(struct api_link *link, void *data);
};

struct api_link {
	gboolean local;   /* admin.sock */
	char *address;    /* "local", or the peer's as the gateway says */
	gboolean counted; /* the user's own */
	GSocket *socket;
	const struct api_link_calls *calls;
	void *data;
};

/* Takes fd. Times out by itself. */
void api_link_open(int fd, gboolean local, const struct api_link_calls *calls,
		   void *data);
struct api_link *api_link_of(GSocketAddress *remote);
/* Ends it, whatever is on its way. */
void api_link_cut(struct api_link *link);
