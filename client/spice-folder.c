/* A folder of this computer in the desktop: the library's WebDAV server
 * (libphodav) answers what comes through the webdav channel, which is
 * connected only while a folder is shared. In the guest spice-webdavd makes a
 * local WebDAV address of it. */
#include "client/spice-session.h"

static void tell(struct spice_session *self)
{
	if (!self->closed && self->handlers->shares_changed)
		self->handlers->shares_changed(self->data);
}

static void on_opened(SpiceChannel *channel, GParamSpec *spec,
		      struct spice_session *self)
{
	tell(self);
}

void spice_folder_add(struct spice_session *self, SpiceChannel *channel)
{
	self->webdav = channel;
	g_signal_connect(channel, "notify::port-opened", G_CALLBACK(on_opened),
			 self);
	if (self->sharing)
		spice_channel_connect(channel);
	tell(self);
}

void spice_folder_remove(struct spice_session *self, SpiceChannel *channel)
{
	if (self->webdav != channel)
		return;
	g_signal_handlers_disconnect_by_data(channel, self);
	self->webdav = NULL;
	tell(self);
}

enum session_share spice_folder_state(struct session *session,
				      gboolean *mounted)
{
	struct spice_session *self = (struct spice_session *)session;
	if (self->policy.no_folder)
		return SESSION_SHARE_BARRED;
	if (!self->webdav)
		return SESSION_SHARE_NEVER;
	if (self->sharing)
		g_object_get(self->webdav, "port-opened", mounted, NULL);
	return self->policy.folder_read_only ? SESSION_SHARE_READ_ONLY
					     : SESSION_SHARE_READY;
}

void spice_folder_share(struct session *session, const char *path,
			gboolean read_only)
{
	struct spice_session *self = (struct spice_session *)session;
	if (self->policy.no_folder)
		path = NULL;
	g_object_set(self->spice, "share-dir-ro",
		     read_only || self->policy.folder_read_only, "shared-dir",
		     path, NULL);
	gboolean was = self->sharing;
	self->sharing = path != NULL;
	if (!self->webdav || was == self->sharing)
		return;
	if (self->sharing)
		spice_channel_connect(self->webdav);
	else
		spice_channel_disconnect(self->webdav, SPICE_CHANNEL_NONE);
	tell(self);
}
