/* The clipboard between the client and Windows' programs: what travels. Who
 * copies offers kinds, who pastes asks; contents pass only then. Windows' own
 * side of it is clip-window.c.
 *
 * What a program has copied is read once and kept until something else is
 * copied, so that a client may ask for it piece by piece. */
#include "seamless/win32/agent.h"

#include <stdlib.h>
#include <string.h>

#include "seamless/clipcopy.h"
#include "seamless/win32/clip-window.h"

#define STILL_US (5 * 1000 * 1000) /* without a byte the client is gone */
#define ASKED    16                /* requests that wait for a reading */

struct clipboard {
	struct clip_window *window;
	uint32_t kinds; /* that programs offer */
	bool untold;
	uint32_t theirs; /* that the client offers */

	/* from the client, for a program that waits */
	struct clip_in in;
	int64_t moved_us;

	/* to the client */
	struct clip_contents kept; /* bytes NULL: nothing is */
	bool reading, stale;       /* stale: what is read now is no more */
	struct seam_clip_request asked[ASKED];
	unsigned n_asked;
	uint32_t at; /* of the first one's answer */
};

static void give(struct clipboard *self, uint8_t *bytes, uint32_t size)
{
	clip_in_drop(&self->in);
	clip_window_give(self->window, bytes, size);
}

static void forget_kept(struct clipboard *self)
{
	free(self->kept.bytes);
	self->kept = (struct clip_contents){0};
	self->stale = self->reading;
	self->at = 0;
}

/* ---- Windows says ---- */

static void take_contents(struct clipboard *self,
			  struct clip_contents *contents)
{
	self->reading = false;
	if (self->stale) {
		free(contents->bytes);
	} else {
		free(self->kept.bytes);
		self->kept = *contents;
		/* answered even if there is nothing */
		self->kept.count = 1;
	}
	self->stale = false;
	free(contents);
}

void clipboard_said(struct agent *agent, WPARAM what, LPARAM value)
{
	struct clipboard *self = agent->clipboard;
	if (!self) {
		struct clip_contents *contents = (void *)value;
		if (what == CLIP_SAID_READ) {
			free(contents->bytes);
			free(contents);
		}
		return;
	}
	switch (what) {
	case CLIP_SAID_CHANGED:
		self->kinds = (uint32_t)value;
		self->untold = true;
		self->theirs = 0; /* a program has taken its place */
		forget_kept(self);
		break;
	case CLIP_SAID_WANTED:
		if (!agent->peer_ready || !(self->theirs & 1u << value)) {
			clip_window_give(self->window, NULL, 0);
			break;
		}
		clip_in_begin(&self->in, (enum seam_clip_kind)value);
		self->moved_us = time_now();
		break;
	case CLIP_SAID_READ:
		take_contents(self, (struct clip_contents *)value);
		break;
	}
}

/* ---- the client says ---- */

static void take_offer(struct clipboard *self, uint32_t kinds)
{
	if (self->in.open)
		give(self, NULL, 0); /* what it asked for is no more */
	self->theirs = kinds;
	clip_window_own(self->window, kinds);
}

static void take_request(struct clipboard *self,
			 const struct seam_clip_request *request)
{
	if (self->n_asked < ASKED)
		self->asked[self->n_asked++] = *request;
}

static void take_data(struct clipboard *self, const struct seam_clip_data *data)
{
	switch (clip_in_take(&self->in, data)) {
	case CLIP_FOREIGN:
		break;
	case CLIP_MORE:
		self->moved_us = time_now();
		break;
	case CLIP_WHOLE: {
		uint8_t *bytes = self->in.bytes;
		uint32_t size = self->in.size;
		self->in.bytes = NULL;
		give(self, bytes, size);
		break;
	}
	case CLIP_FAILED:
		give(self, NULL, 0);
		break;
	}
}

void clipboard_message(struct agent *agent, const struct seam_message *message)
{
	struct clipboard *self = agent->clipboard;
	if (!self)
		return;
	if (message->type == SEAM_CLIP_OFFER)
		take_offer(self, message->clip_offer.kinds);
	else if (message->type == SEAM_CLIP_REQUEST)
		take_request(self, &message->clip_request);
	else
		take_data(self, &message->clip_data);
}

/* ---- the turn ---- */

/* The first request's next piece; true while there is more to send. */
static bool answer_one(struct agent *agent, struct clipboard *self)
{
	struct seam_clip_request *request = &self->asked[0];
	struct seam_message message;
	bool right = self->kept.count && self->kept.kind == request->kind;
	if (!right && self->kinds & 1u << request->kind) {
		/* a later piece of what is no longer there is not read anew */
		if (request->offset == 0) {
			if (!self->reading)
				clip_window_read(
				    self->window,
				    (enum seam_clip_kind)request->kind);
			self->reading = true;
			return false;
		}
	}
	if (clip_answer(request, right ? self->kept.bytes : NULL,
			self->kept.size, &self->at, &message)) {
		agent_send(agent, &message);
		return true;
	}
	memmove(self->asked, self->asked + 1,
		--self->n_asked * sizeof *self->asked);
	self->at = 0;
	return true;
}

int64_t clipboard_step(struct agent *agent, int64_t now)
{
	struct clipboard *self = agent->clipboard;
	struct seam_message message;
	int64_t due = TIME_NEVER;
	if (!self)
		return due;
	if (self->untold && link_has_room(agent->link)) {
		message = (struct seam_message){.type = SEAM_CLIP_OFFER};
		message.clip_offer.kinds = self->kinds;
		agent_send(agent, &message);
		self->untold = false;
	}
	while (link_has_room(agent->link) && clip_in_ask(&self->in, &message))
		agent_send(agent, &message);
	if (self->in.open) {
		due = self->moved_us + STILL_US;
		if (now >= due)
			give(self, NULL, 0);
	}
	while (self->n_asked && link_has_room(agent->link))
		if (!answer_one(agent, self))
			return due;
	/* the rest when the link has been written */
	return self->n_asked ? sooner(due, now + 4000) : due;
}

void clipboard_forget_peer(struct agent *agent)
{
	struct clipboard *self = agent->clipboard;
	if (!self)
		return;
	if (self->in.open)
		give(self, NULL, 0);
	if (self->theirs)
		take_offer(self, 0);
	self->n_asked = 0;
	self->at = 0;
	self->untold = self->kinds != 0;
}

void clipboard_open(struct agent *agent)
{
	struct clipboard *self = calloc(1, sizeof *self);
	if (!self)
		return;
	self->window = clip_window_open(agent->atlas_window);
	if (!self->window) {
		free(self);
		return;
	}
	agent->clipboard = self;
}

void clipboard_close(struct agent *agent)
{
	struct clipboard *self = agent->clipboard;
	if (!self)
		return;
	clip_window_close(self->window);
	clip_in_drop(&self->in);
	free(self->kept.bytes);
	free(self);
	agent->clipboard = NULL;
}
