#include "client/session.h"

#include <string.h>

const struct session_ops *const session_protocols[] = {
    &spice_session_ops,
    &rfb_session_ops,
    NULL,
};

const struct session_ops *session_protocol(const char *protocol)
{
	for (int i = 0; session_protocols[i]; i++)
		if (strcmp(session_protocols[i]->protocol, protocol) == 0)
			return session_protocols[i];
	return NULL;
}

struct session *session_open(const char *protocol,
			     const struct session_config *config,
			     const struct session_handlers *handlers,
			     void *data)
{
	const struct session_ops *ops = session_protocol(protocol);
	return ops ? ops->open(config, handlers, data) : NULL;
}

void session_close(struct session *session)
{
	if (session)
		session->ops->close(session);
}

cairo_surface_t *session_lock_picture(struct session *session, int head)
{
	return session->ops->lock_picture(session, head);
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

void session_pointer(struct session *session, int head, int x, int y,
		     unsigned buttons)
{
	session->ops->pointer(session, head, x, y, buttons);
}

void session_resize(struct session *session, int head, int width, int height)
{
	session->ops->resize(session, head, width, height);
}

int session_heads(struct session *session)
{
	return session->ops->heads(session);
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

void session_stats(struct session *session, struct session_stats *stats)
{
	*stats = (struct session_stats){0};
	session->ops->stats(session, stats);
}

void session_clipboard_offer(struct session *session, unsigned kinds)
{
	session->ops->clipboard_offer(session, kinds);
}

void session_clipboard_request(struct session *session, enum session_clip kind)
{
	session->ops->clipboard_request(session, kind);
}

void session_clipboard_send(struct session *session, enum session_clip kind,
			    const void *bytes, gsize size)
{
	session->ops->clipboard_send(session, kind, bytes, size);
}

gboolean session_can_send_files(struct session *session)
{
	return session->ops->can_send_files &&
	       session->ops->can_send_files(session);
}

void session_send_files(struct session *session, GFile **files,
			GCancellable *cancellable, session_progress progress,
			session_sent sent, void *data)
{
	session->ops->send_files(session, files, cancellable, progress, sent,
				 data);
}

static void free_usb_device(gpointer data)
{
	struct session_usb_device *device = data;
	g_free(device->id);
	g_free(device->name);
	g_free(device->cause);
	g_free(device);
}

GPtrArray *session_usb_devices_new(void)
{
	return g_ptr_array_new_with_free_func(free_usb_device);
}

enum session_share session_usb(struct session *session, GPtrArray *devices)
{
	return session->ops->usb ? session->ops->usb(session, devices)
				 : SESSION_SHARE_NEVER;
}

void session_usb_attach(struct session *session, const char *id,
			gboolean attach)
{
	if (session->ops->usb_attach)
		session->ops->usb_attach(session, id, attach);
}

gboolean session_usb_add_disc(struct session *session, const char *path,
			      GError **error)
{
	return session->ops->usb_add_disc(session, path, error);
}

enum session_share session_folder(struct session *session, gboolean *mounted)
{
	gboolean ignored;
	gboolean *tell = mounted ? mounted : &ignored;
	*tell = FALSE;
	return session->ops->folder ? session->ops->folder(session, tell)
				    : SESSION_SHARE_NEVER;
}

void session_share_folder(struct session *session, const char *path,
			  gboolean read_only)
{
	if (session->ops->share_folder)
		session->ops->share_folder(session, path, read_only);
}
