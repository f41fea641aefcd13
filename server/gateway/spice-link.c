#include "server/gateway/spice-link.h"

#include <string.h>

#include "common/fault.h"
#include "common/spice-caps.h"
#include "server/gateway/local.h"
#include "common/spice-key.h"

/* a reply with caps; ours has 186 bytes, spice-server's as many */
#define REPLY_MAX 1024

static gboolean strange(GError **error, const char *what)
{
	fault_set(error, FAULT_UNAVAILABLE,
		  "Try again in a moment; if it stays so, restart the desktop.",
		  "The desktop's display %s.", what);
	return FALSE;
}

static gboolean send_mess(int fd, const struct spice_door *door)
{
	const SpiceLinkHeader header = {
	    .magic = SPICE_MAGIC,
	    .major_version = GUINT32_TO_LE(SPICE_VERSION_MAJOR),
	    .minor_version = GUINT32_TO_LE(SPICE_VERSION_MINOR),
	    .size = GUINT32_TO_LE(door->mess_size)};
	return local_write(fd, &header, sizeof header) &&
	       local_write(fd, door->mess, door->mess_size);
}

/* Its key, and the first word of what it offers to every channel. */
static gboolean take_reply(int fd, guint8 key[SPICE_TICKET_PUBKEY_BYTES],
			   guint32 *caps, gint64 deadline_us, GError **error)
{
	SpiceLinkHeader header;
	SpiceLinkReply reply;
	guint8 body[REPLY_MAX];
	if (!local_read(fd, &header, sizeof header, deadline_us))
		return strange(error, "does not answer");
	guint32 size = GUINT32_FROM_LE(header.size);
	if (header.magic != SPICE_MAGIC || size < sizeof reply ||
	    size > sizeof body)
		return strange(error, "speaks no SPICE");
	if (!local_read(fd, body, size, deadline_us))
		return strange(error, "does not answer");
	memcpy(&reply, body, sizeof reply);
	if (GUINT32_FROM_LE(reply.error) != SPICE_LINK_ERR_OK)
		return strange(error, "does not take this channel");
	guint32 count = GUINT32_FROM_LE(reply.num_common_caps);
	guint32 at = GUINT32_FROM_LE(reply.caps_offset);
	if (count && (at > size || size - at < sizeof *caps))
		return strange(error, "speaks no SPICE");
	*caps = 0;
	if (count)
		memcpy(caps, body + at, sizeof *caps);
	*caps = GUINT32_FROM_LE(*caps);
	memcpy(key, reply.pub_key, SPICE_TICKET_PUBKEY_BYTES);
	return TRUE;
}

gboolean spice_link(int fd, const struct spice_door *door, gint64 deadline_us,
		    GError **error)
{
	const guint32 selection = 1u
				  << SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION;
	const guint32 mini = 1u << SPICE_COMMON_CAP_MINI_HEADER;
	const guint32 mechanism = GUINT32_TO_LE(SPICE_COMMON_CAP_AUTH_SPICE);
	guint8 key[SPICE_TICKET_PUBKEY_BYTES];
	guint8 ticket[SPICE_TICKET_KEY_PAIR_LENGTH / 8];
	guint32 caps, result;
	if (!send_mess(fd, door))
		return strange(error, "does not answer");
	if (!take_reply(fd, key, &caps, deadline_us, error))
		return FALSE;
	/* what headers look like was settled with the viewer already */
	if (door->common_caps & ~caps & mini)
		return strange(error, "speaks an older SPICE");
	if (door->common_caps & caps & selection &&
	    !local_write(fd, &mechanism, sizeof mechanism))
		return strange(error, "does not answer");
	if (!spice_key_seal_empty(key, ticket, error))
		return FALSE;
	if (!local_write(fd, ticket, sizeof ticket) ||
	    !local_read(fd, &result, sizeof result, deadline_us))
		return strange(error, "does not answer");
	return GUINT32_FROM_LE(result) == SPICE_LINK_ERR_OK ||
	       strange(error, "refuses the gateway");
}
