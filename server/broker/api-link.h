/* api-link.h - one connection to the API, before and below HTTP.
 *
 * The link rides on the remote address that libsoup keeps for a connection,
 * which is the one thing of ours that every message of it can reach. */
#pragma once

#include <gio/gio.h>

struct api_link {
	gboolean local; /* admin.sock */
	char *address;	/* "local", or the peer's as the gateway says */
	GSocket *socket;
	void (*gone)(struct api_link *link, void *data);
	void *data;
};

/* Hands the connection over as a stream with the addresses that libsoup wants
 * to see; called once the PEER line (if any) is read. */
typedef void (*api_link_ready)(GIOStream *stream, GSocketAddress *local,
			       GSocketAddress *remote, void *data);

/* Takes fd. gone is called when the connection has ended, also if it never
 * became ready. Times out by itself. */
void api_link_open(int fd, gboolean local, api_link_ready ready,
		   void (*gone)(struct api_link *link, void *data),
		   void *data);
struct api_link *api_link_of(GSocketAddress *remote);
/* Ends it, whatever is on its way. */
void api_link_cut(struct api_link *link);
