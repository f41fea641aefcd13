/* private.h - inside of the windows stream: windows.c is its life and its
 * two ends, relay.c what passes between them, sender.c the pixels. */
#pragma once

#include "common/log.h"
#include "display/windows/encode.h"
#include "display/windows/pipe.h"
#include "display/windows/table.h"
#include "display/windows/windows.h"

/* More than this waiting for the client: the agent is held, and no pixels
 * are encoded. Small, since what is in the queue is old when it arrives. */
#define CLIENT_QUEUE (128u << 10)
/* What the agent does not read: the client is held. */
#define PORT_QUEUE (256u << 10)
/* Frames of one window that the client has not shown yet. */
#define FRAMES_FLYING 2u
/* A stamp that did not come by then never will. Long: a guest that is starved
 * paints late, and half-painted windows are worse than late ones. */
#define STAMP_PATIENCE_US (2000 * 1000)

/* Of the atlas head, pixels. First: some windows of a usual size, at 16 MiB.
 * Most: a framebuffer of virtio-gpu, and of QEMU's messages. */
#define ATLAS_SIDE_FIRST 2048u
#define ATLAS_SIDE_MAX   8192u
#define ATLAS_PIXELS_MAX 33000000u

/* First member is the viewer: ops get a pointer to it. */
struct windows {
	struct viewer viewer;
	struct display *display;
	struct log_about about;
	char *unix_path; /* removed at the end */
	int listen_fd;
	guint listen_watch;
	struct pipe *client; /* NULL: nobody is there */
	bool greeted;        /* its HELLO has come; the viewer is attached */
	struct seam_hello client_hello;
	struct pipe *port; /* NULL: the machine has none */
	bool port_open;    /* the guest has it open */
	bool agent;        /* a sync has begun since our HELLO */
	uint32_t agent_capabilities;
	unsigned atlas_width, atlas_height; /* as asked of the guest */
	struct table *table;
	/* id -> serial of the last CONFIGURE, of whichever client: these
	 * windows have been placed by a person. As long as the agent lives. */
	GHashTable *placed;
	uint32_t focus;
	gint64 turn; /* counts tiles: who was served last */
	struct encoder *encoder;
	guint patience; /* looks at waiting commits again */
	struct log_limit trouble_limit;
};

/* windows.c */
void windows_drop_client(struct windows *self, uint32_t fault, const char *why);
/* Tells both ends that the agent is to begin anew. */
void windows_start_sync(struct windows *self);
void windows_agent_gone(struct windows *self, const char *why);
/* The agent has no room: asks the guest for a larger head. false: there is
 * none, or it is as large as it may be. */
bool windows_grow_atlas(struct windows *self);

/* relay.c */
void windows_from_client(void *data, const struct seam_message *message,
			 const uint8_t *bytes, size_t size);
void windows_from_agent(void *data, const struct seam_message *message,
			const uint8_t *bytes, size_t size);
/* A fault of our own towards one end; window 0: none in particular. */
void windows_say_error(struct pipe *pipe, uint32_t fault, uint32_t window,
		       const char *text);

/* sender.c */
/* The picture may show what commits wait for. */
void windows_look(struct windows *self);
/* Passes on that the client has shown a frame whose contents came by the
 * port. */
void windows_release_by_port(struct windows *self, struct window *window);
/* Tells the client the frame that is whole, and counts it. */
void windows_send_commit(struct windows *self, struct window *window);
/* Encodes and queues as much as the client takes now. */
void windows_send(struct windows *self);
/* The client's own picture is stale: that picture was laid out anew. */
void windows_all_stale(struct windows *self, const struct desktop *picture);
/* The picture that a head is part of: the atlas has one of its own. */
const struct desktop *windows_picture(const struct windows *self,
				      unsigned head);
