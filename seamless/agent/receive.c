#include "seamless/agent/receive.h"

#include <stddef.h>

void receive_begin(struct receive *self)
{
	self->greeted = false;
	self->touch = -1;
}

static void take_hello(struct receive *self, const struct seam_hello *hello)
{
	if (hello->version < SEAM_VERSION) {
		self->ops->drop(SEAM_FAULT_VERSION,
				"the agent needs version 1 or later",
				self->data);
		return;
	}
	/* a later one on the same connection: the other end began anew */
	self->greeted = true;
	self->ops->hello(hello, self->data);
}

/* The first finger is the pointer with its left button: X has no way to make
 * up touches. */
static void take_touch(struct receive *self, struct peer_window *window,
		       const struct seam_touch *touch)
{
	if (touch->phase == 0 && self->touch < 0) {
		self->touch = (int)touch->id;
		self->ops->pointer(window, touch->x, touch->y, self->data);
		self->ops->button(window, 1, true, self->data);
		return;
	}
	if (self->touch != (int)touch->id)
		return;
	if (touch->phase == 1 || touch->phase == 2)
		self->ops->pointer(window, touch->x, touch->y, self->data);
	if (touch->phase >= 2) {
		self->ops->button(window, 1, false, self->data);
		self->touch = -1;
	}
}

static void take_windowed(struct receive *self, struct peer_window *window,
			  const struct seam_message *message)
{
	const struct receive_ops *ops = self->ops;
	bool toplevel = window->kind == SEAM_TOPLEVEL;
	switch (message->type) {
	case SEAM_CONFIGURE: {
		if (!toplevel)
			break;
		struct turn_ask ask = {message->serial, message->configure.area,
				       message->configure.states};
		if (turn_ask(&window->turn, &ask))
			ops->configure(window, &ask, self->data);
		else if (ops->waits)
			ops->waits(window, self->data);
		return;
	}
	case SEAM_MAP:
	case SEAM_UNMAP:
		if (!toplevel)
			break;
		ops->show(window, message->type == SEAM_MAP, self->data);
		return;
	case SEAM_CLOSE:
		ops->close(window, self->data);
		return;
	case SEAM_POINTER:
		ops->pointer(window, message->pointer.x, message->pointer.y,
			     self->data);
		return;
	case SEAM_BUTTON:
		ops->button(window, message->button.button,
			    message->button.down, self->data);
		return;
	case SEAM_AXIS:
		ops->axis(window, message->axis.dx, message->axis.dy,
			  self->data);
		return;
	case SEAM_TOUCH:
		take_touch(self, window, &message->touch);
		return;
	case SEAM_RELEASE:
		/* only what has been committed can be let go; the difference
		 * is signed, since frames wrap */
		if ((int32_t)(message->release.frame - window->frame) > 0 ||
		    (int32_t)(message->release.frame - window->released) <= 0)
			break;
		window->released = message->release.frame;
		ops->released(window, self->data);
		return;
	}
	self->unknown++;
}

void receive_message(struct receive *self, const struct seam_message *message)
{
	const struct receive_ops *ops = self->ops;
	if (message->type == SEAM_HELLO) {
		take_hello(self, &message->hello);
		return;
	}
	if (!self->greeted) {
		ops->drop(SEAM_FAULT_PROTOCOL, "the first message is a HELLO",
			  self->data);
		return;
	}
	switch (message->type) {
	case SEAM_PING: {
		struct seam_message pong = {.type = SEAM_PONG,
					    .ping = message->ping};
		ops->send(&pong, self->data);
		return;
	}
	case SEAM_PONG:
	case SEAM_ERROR:
		return;
	case SEAM_DESTROY_ACK:
		ops->destroy_acked(message->window, self->data);
		return;
	case SEAM_OUTPUTS:
		ops->outputs(message->outputs.outputs, self->data);
		return;
	case SEAM_STACK:
		ops->stack(message->stack.windows, self->data);
		return;
	case SEAM_KEY:
		ops->key(&message->key, self->data);
		return;
	case SEAM_KEYMAP:
		ops->keymap(&message->keymap, self->data);
		return;
	case SEAM_LAUNCH_CANCEL:
		if (ops->launch_cancel)
			ops->launch_cancel(message->launch_cancel.token,
					   self->data);
		return;
	case SEAM_LAUNCH:
		ops->launch(&message->launch, self->data);
		return;
	case SEAM_FILE_BEGIN:
	case SEAM_FILE_DATA:
	case SEAM_FILE_END:
	case SEAM_FILE_STATE:
		ops->file(message, self->data);
		return;
	case SEAM_CLIP_OFFER:
	case SEAM_CLIP_REQUEST:
	case SEAM_CLIP_DATA:
		if (ops->clip)
			ops->clip(message, self->data);
		return;
	case SEAM_FOCUS: {
		struct peer_window *window =
		    message->window ? ops->find(message->window, self->data)
				    : NULL;
		if (message->window && !window)
			self->unknown++;
		else
			ops->focus(window, self->data);
		return;
	}
	default:
		break;
	}
	struct peer_window *window =
	    message->window ? ops->find(message->window, self->data) : NULL;
	if (window)
		take_windowed(self, window, message);
	else
		self->unknown++; /* gone meanwhile, or not meant for a guest */
}
