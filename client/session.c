#include "client/session.h"

#include <string.h>

const struct session_ops *const session_protocols[] = {
    &rfb_session_ops,
    NULL,
};

struct session *session_open(const char *protocol,
			     const struct session_config *config,
			     const struct session_handlers *handlers,
			     void *data)
{
	for (int i = 0; session_protocols[i]; i++)
		if (strcmp(session_protocols[i]->protocol, protocol) == 0)
			return session_protocols[i]->open(config, handlers,
							  data);
	return NULL;
}

void session_close(struct session *session)
{
	if (session)
		session->ops->close(session);
}

cairo_surface_t *session_lock_picture(struct session *session)
{
	return session->ops->lock_picture(session);
}

void session_unlock_picture(struct session *session)
{
	session->ops->unlock_picture(session);
}

void session_key(struct session *session, unsigned keysym, unsigned qnum,
		 gboolean down)
{
	session->ops->key(session, keysym, qnum, down);
}

void session_pointer(struct session *session, int x, int y, unsigned buttons)
{
	session->ops->pointer(session, x, y, buttons);
}

void session_resize(struct session *session, int width, int height)
{
	session->ops->resize(session, width, height);
}

gboolean session_can_resize(struct session *session)
{
	return session->ops->can_resize(session);
}

gboolean session_sends_keycodes(struct session *session)
{
	return session->ops->sends_keycodes(session);
}

void session_probe(struct session *session)
{
	session->ops->probe(session);
}

gint64 session_heard_us(struct session *session)
{
	return session->ops->heard_us(session);
}

void session_clipboard_offer(struct session *session)
{
	session->ops->clipboard_offer(session);
}

void session_clipboard_request(struct session *session)
{
	session->ops->clipboard_request(session);
}

void session_clipboard_send(struct session *session, const char *text)
{
	session->ops->clipboard_send(session, text);
}
