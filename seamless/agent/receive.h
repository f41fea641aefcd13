/* receive.h - what the client's messages do to the agent.
 *
 * The messages are foreign: the wire's parser has checked every field by
 * itself, this checks them against one another and against what there is (the
 * first is a HELLO, the window exists, the kind fits), and then calls one
 * operation. An unknown window is passed over and counted: it may just have
 * gone. Nothing here knows X, so that it is fuzzed as it stands.
 * Threads: one. Memory: none. */
#pragma once

#include "seamless/agent/turn.h"
#include "seamless/wire.h"

/* The part of a window that the protocol knows. */
struct peer_window {
	uint32_t id;
	enum seam_kind kind;
	struct turn turn;
	uint32_t frame;    /* last one committed */
	uint32_t released; /* last one the client has let go */
};

/* All but one are set. `data` is the agent; windows are its own. */
struct receive_ops {
	struct peer_window *(*find)(uint32_t id, void *data);
	void (*send)(struct seam_message *message, void *data);
	void (*drop)(enum seam_fault fault, const char *why, void *data);
	void (*hello)(const struct seam_hello *hello, void *data);
	void (*outputs)(struct seam_array outputs, void *data);
	void (*configure)(struct peer_window *window,
			  const struct turn_ask *ask, void *data);
	/* One waits for the present one's answer. Optional. */
	void (*waits)(struct peer_window *window, void *data);
	void (*show)(struct peer_window *window, bool shown, void *data);
	void (*stack)(struct seam_array windows, void *data);
	void (*focus)(struct peer_window *window, void *data); /* or NULL */
	void (*close)(struct peer_window *window, void *data);
	void (*pointer)(struct peer_window *window, int32_t x, int32_t y,
			void *data);
	void (*button)(struct peer_window *window, unsigned button, bool down,
		       void *data);
	void (*axis)(struct peer_window *window, int32_t dx, int32_t dy,
		     void *data);
	void (*key)(const struct seam_key *key, void *data);
	void (*keymap)(const struct seam_keymap *keymap, void *data);
	void (*released)(struct peer_window *window, void *data);
	void (*destroy_acked)(uint32_t id, void *data);
	void (*launch)(const struct seam_launch *launch, void *data);
	void (*launch_cancel)(uint32_t token, void *data); /* optional */
	/* FILE_BEGIN, _DATA, _END or _STATE */
	void (*file)(const struct seam_message *message, void *data);
	/* CLIP_OFFER, _REQUEST or _DATA. Optional. */
	void (*clip)(const struct seam_message *message, void *data);
};

struct receive {
	const struct receive_ops *ops;
	void *data;
	bool greeted;
	uint64_t unknown; /* windows and messages that were passed over */
	int touch;        /* the finger that acts as the pointer, or -1 */
};

/* For a new peer. */
void receive_begin(struct receive *self);
void receive_message(struct receive *self, const struct seam_message *message);
