#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "common/spice-key.h"
#include "display/door.h"
#include "display/spice/channel.h"

/* Each viewer brings up to a dozen. */
#define CHANNELS_MAX (DISPLAY_VIEWERS_MAX * 8)

struct spice_server {
	struct display *display;
	struct door *door;
	GThread *key_maker; /* makes the key, which takes some 20 ms */
	struct spice_key *key;
	GPtrArray *clients;
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

struct door *spice_server_door(struct spice_server *self)
{
	return self->door;
}

/* ---- who may in ---- */

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
	bool fine = !door_is_shut(self->door) && self->key &&
		    spice_key_open(self->key, channel->link.ticket, password) &&
		    same_text(door_ticket(self->door), password);
	explicit_bzero(password, sizeof password);
	if (fine)
		return SPICE_LINK_ERR_OK;
	door_wrong_ticket(self->door);
	return SPICE_LINK_ERR_PERMISSION_DENIED;
}

void spice_server_take(struct spice_server *self, int fd)
{
	static struct log_limit limit = {.burst = 2};
	const struct log_about about = {.vm = display_vm(self->display)};
	if (!door_make_room(self->door)) {
		if (log_allow(&limit, &about))
			log_warn(&about, "SPICE channel refused: this desktop "
					 "has as many as it may have");
		close(fd);
		return;
	}
	door_list(self->door,
		  spice_channel_new(self, fd, door_ticket(self->door) != NULL));
}

static void came(void *data, int fd)
{
	spice_server_take(data, fd);
}

static bool is_up(const void *guest)
{
	const struct spice_channel *channel = guest;
	return channel->client;
}

static void send_away(void *guest)
{
	spice_channel_fail(guest, NULL);
}

static void free_channel(void *guest)
{
	spice_channel_free(guest);
}

/* ---- life ---- */

struct spice_server *spice_server_new_closed(struct display *display)
{
	static const struct door_ops ops = {
	    .came = came,
	    .is_up = is_up,
	    .send_away = send_away,
	    .free = free_channel,
	};
	struct spice_server *self = g_new0(struct spice_server, 1);
	self->display = display;
	self->door = door_new(&ops, self, CHANNELS_MAX);
	self->clients = g_ptr_array_new();
	self->key_maker = g_thread_new("spice-key", make_key, NULL);
	return self;
}

struct spice_server *spice_server_new(struct display *display,
				      const char *address, const char *ticket,
				      bool no_auth, GError **error)
{
	if (ticket && strlen(ticket) > SPICE_MAX_PASSWORD_LENGTH) {
		fault_set(error, FAULT_INVALID,
			  "Write at most 60 characters into the ticket file.",
			  "The ticket is too long for SPICE.");
		return NULL;
	}
	struct spice_server *self = spice_server_new_closed(display);
	if (door_open(self->door, address, ticket, no_auth, error))
		return self;
	spice_server_free(self);
	return NULL;
}

void spice_server_free(struct spice_server *self)
{
	if (!self)
		return;
	door_free(self->door);
	spice_server_key(self);
	spice_key_free(self->key);
	g_ptr_array_unref(self->clients);
	g_free(self);
}
