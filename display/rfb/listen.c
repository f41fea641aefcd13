#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "display/door.h"
#include "display/rfb/client.h"

struct rfb_server {
	struct display *display;
	struct door *door;
	bool view_only;
};

struct display *rfb_server_display(struct rfb_server *self)
{
	return self->display;
}

struct door *rfb_server_door(struct rfb_server *self)
{
	return self->door;
}

void rfb_server_take(struct rfb_server *self, int fd)
{
	static struct log_limit limit = {.burst = 2};
	const struct log_about about = {.vm = display_vm(self->display)};
	const char *reason = NULL;
	if (door_is_shut(self->door))
		reason = "Too many wrong passwords; try again in a minute.";
	else if (!door_make_room(self->door))
		reason = "This desktop has as many viewers as it may have.";
	if (reason) {
		/* 7.1.2: no security types, and why */
		g_autoptr(GString) text = g_string_new("RFB 003.008\n");
		uint8_t length[5] = {0};
		rfb_put32(length + 1, strlen(reason));
		g_string_append_len(text, (const char *)length, 5);
		g_string_append(text, reason);
		if (send(fd, text->str, text->len,
			 MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ||
		    log_allow(&limit, &about))
			log_warn(&about, "viewer refused: %s", reason);
		close(fd);
		return;
	}
	struct rfb_client *client =
	    rfb_client_new(self, fd, door_ticket(self->door) != NULL);
	client->viewer.view_only = self->view_only;
	if (!client->line.dead)
		door_list(self->door, client);
}

static void came(void *data, int fd)
{
	rfb_server_take(data, fd);
}

static bool is_up(const void *guest)
{
	const struct rfb_client *client = guest;
	return client->state == RFB_STATE_UP;
}

static void send_away(void *guest)
{
	rfb_client_fail(guest, NULL);
}

static void free_client(void *guest)
{
	rfb_client_free(guest);
}

struct rfb_server *rfb_server_new_closed(struct display *display)
{
	static const struct door_ops ops = {
	    .came = came,
	    .is_up = is_up,
	    .send_away = send_away,
	    .free = free_client,
	};
	struct rfb_server *self = g_new0(struct rfb_server, 1);
	self->display = display;
	self->door = door_new(&ops, self, DISPLAY_VIEWERS_MAX);
	return self;
}

struct rfb_server *rfb_server_new(struct display *display, const char *address,
				  const char *ticket, bool no_auth,
				  GError **error)
{
	struct rfb_server *self = rfb_server_new_closed(display);
	if (door_open(self->door, address, ticket, no_auth, error))
		return self;
	rfb_server_free(self);
	return NULL;
}

void rfb_server_view_only(struct rfb_server *self)
{
	self->view_only = true;
}

void rfb_server_free(struct rfb_server *self)
{
	if (!self)
		return;
	door_free(self->door);
	g_free(self);
}
