#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "common/spice-key.h"
#include "display/address.h"
#include "display/spice/channel.h"

/* Each viewer brings up to a dozen. */
#define CHANNELS_MAX (DISPLAY_VIEWERS_MAX * 8)
/* Wrong passwords from anywhere before TCP is shut for a while. */
#define FAILURES_MAX       10
#define FAILURES_WINDOW_US (30 * G_USEC_PER_SEC)

struct spice_server {
	struct display *display;
	char *unix_path; /* removed at the end */
	char *ticket;
	int fd;
	guint watch;
	GThread *key_maker; /* makes the key, which takes some 20 ms */
	struct spice_key *key;
	GPtrArray *channels; /* oldest first */
	GPtrArray *clients;
	unsigned failures;
	gint64 failures_since;
};

struct display *spice_server_display(struct spice_server *self)
{
	return self->display;
}

GPtrArray *spice_server_clients(struct spice_server *self)
{
	return self->clients;
}

static gpointer make_key(gpointer data)
{
	g_autoptr(GError) error = NULL;
	struct spice_key *key = spice_key_new(&error);
	if (!key)
		log_fault(NULL, error);
	return key;
}

const uint8_t *spice_server_key(struct spice_server *self)
{
	static const uint8_t none[SPICE_TICKET_PUBKEY_BYTES];
	if (self->key_maker)
		self->key = g_thread_join(g_steal_pointer(&self->key_maker));
	return self->key ? spice_key_public(self->key) : none;
}

void spice_server_remove(struct spice_server *self,
			 struct spice_channel *channel)
{
	g_ptr_array_remove(self->channels, channel);
}

/* ---- who may in ---- */

static bool shut(const struct spice_server *self)
{
	return self->failures >= FAILURES_MAX &&
	       g_get_monotonic_time() - self->failures_since <
		   FAILURES_WINDOW_US;
}

/* Takes as long for a wrong one as for a right one. */
static bool same_text(const char *ticket,
		      const char password[SPICE_MAX_PASSWORD_LENGTH + 1])
{
	char want[SPICE_MAX_PASSWORD_LENGTH + 1] = "";
	unsigned differ = 0;
	g_strlcpy(want, ticket, sizeof want);
	for (size_t i = 0; i < sizeof want; i++)
		differ |= (unsigned)(want[i] ^ password[i]);
	explicit_bzero(want, sizeof want);
	return !differ;
}

uint32_t spice_server_judge(struct spice_server *self,
			    const struct spice_channel *channel)
{
	char password[SPICE_MAX_PASSWORD_LENGTH + 1] = "";
	if (!channel->authenticate)
		return SPICE_LINK_ERR_OK;
	bool fine = !shut(self) && self->key &&
		    spice_key_open(self->key, channel->link.ticket, password) &&
		    same_text(self->ticket, password);
	explicit_bzero(password, sizeof password);
	if (fine)
		return SPICE_LINK_ERR_OK;
	gint64 now = g_get_monotonic_time();
	if (now - self->failures_since > FAILURES_WINDOW_US)
		self->failures = 0;
	self->failures_since = now;
	self->failures++;
	return SPICE_LINK_ERR_PERMISSION_DENIED;
}

/* The oldest connection that has not finished its link goes first. */
static bool make_room(struct spice_server *self)
{
	if (self->channels->len < CHANNELS_MAX)
		return true;
	for (guint i = 0; i < self->channels->len; i++) {
		struct spice_channel *channel = self->channels->pdata[i];
		if (!channel->client) {
			spice_channel_fail(channel, NULL);
			return true;
		}
	}
	return false;
}

void spice_server_take(struct spice_server *self, int fd)
{
	static struct log_limit limit = {.burst = 2};
	const struct log_about about = {.vm = display_vm(self->display)};
	if (!make_room(self)) {
		if (log_allow(&limit, &about))
			log_warn(&about, "SPICE channel refused: this desktop "
					 "has as many as it may have");
		close(fd);
		return;
	}
	g_ptr_array_add(self->channels,
			spice_channel_new(self, fd, self->ticket != NULL));
}

static gboolean on_connection(int fd, GIOCondition condition, void *data)
{
	struct spice_server *self = data;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client >= 0)
		spice_server_take(self, client);
	else if (errno == EMFILE || errno == ENFILE)
		make_room(self);
	return G_SOURCE_CONTINUE;
}

/* ---- life ---- */

struct spice_server *spice_server_new_closed(struct display *display)
{
	struct spice_server *self = g_new0(struct spice_server, 1);
	self->display = display;
	self->fd = -1;
	self->channels = g_ptr_array_new();
	self->clients = g_ptr_array_new();
	self->key_maker = g_thread_new("spice-key", make_key, NULL);
	return self;
}

struct spice_server *spice_server_new(struct display *display,
				      const char *address, const char *ticket,
				      bool no_auth, GError **error)
{
	bool local;
	if (ticket && strlen(ticket) > SPICE_MAX_PASSWORD_LENGTH) {
		fault_set(error, FAULT_INVALID,
			  "Write at most 60 characters into the ticket file.",
			  "The ticket is too long for SPICE.");
		return NULL;
	}
	int fd =
	    address_listen(address, ticket != NULL, no_auth, &local, error);
	if (fd < 0)
		return NULL;
	struct spice_server *self = spice_server_new_closed(display);
	self->fd = fd;
	if (local)
		self->unix_path = g_strdup(address + 5);
	else
		self->ticket = g_strdup(ticket);
	self->watch = g_unix_fd_add(fd, G_IO_IN, on_connection, self);
	return self;
}

void spice_server_free(struct spice_server *self)
{
	if (!self)
		return;
	if (self->watch)
		g_source_remove(self->watch);
	if (self->fd >= 0)
		close(self->fd);
	if (self->unix_path)
		unlink(self->unix_path);
	while (self->channels->len) /* failing takes it off the list */
		spice_channel_free(self->channels->pdata[0]);
	spice_server_key(self);
	spice_key_free(self->key);
	g_ptr_array_unref(self->channels);
	g_ptr_array_unref(self->clients);
	if (self->ticket)
		explicit_bzero(self->ticket, strlen(self->ticket));
	g_free(self->ticket);
	g_free(self->unix_path);
	g_free(self);
}
