#include "server/gateway/spice-door.h"

#include <glib.h>
#include <string.h>

#include "common/spice-caps.h"

void spice_door_init(struct spice_door *door,
		     const uint8_t key[SPICE_TICKET_PUBKEY_BYTES])
{
	*door = (struct spice_door){.state = SPICE_DOOR_HEADER};
	memcpy(door->key, key, sizeof door->key);
}

/* ---- what is sent ---- */

static void put(struct spice_door *door, const void *bytes, size_t size)
{
	/* a reply and a result are far below it */
	g_return_if_fail(size <= sizeof door->out - door->out_size);
	memcpy(door->out + door->out_size, bytes, size);
	door->out_size += size;
}

static void put_u32(struct spice_door *door, uint32_t value)
{
	value = GUINT32_TO_LE(value);
	put(door, &value, sizeof value);
}

static void put_reply(struct spice_door *door, uint32_t error)
{
	const bool caps = error == SPICE_LINK_ERR_OK;
	const uint32_t size = sizeof(SpiceLinkReply) + (caps ? 8 : 0);
	const SpiceLinkHeader header = {
	    .magic = SPICE_MAGIC,
	    .major_version = GUINT32_TO_LE(SPICE_VERSION_MAJOR),
	    .minor_version = GUINT32_TO_LE(SPICE_VERSION_MINOR),
	    .size = GUINT32_TO_LE(size)};
	SpiceLinkReply reply = {.error = GUINT32_TO_LE(error),
				.num_common_caps = GUINT32_TO_LE(caps ? 1 : 0),
				.num_channel_caps = GUINT32_TO_LE(caps ? 1 : 0),
				.caps_offset =
				    GUINT32_TO_LE(sizeof(SpiceLinkReply))};
	if (caps)
		memcpy(reply.pub_key, door->key, sizeof reply.pub_key);
	put(door, &header, sizeof header);
	put(door, &reply, sizeof reply);
	if (!caps)
		return;
	put_u32(door, SPICE_CAPS_COMMON);
	put_u32(door, spice_caps_channel(door->channel_type));
}

static void close_door(struct spice_door *door, const char *reason)
{
	door->state = SPICE_DOOR_CLOSED;
	door->reason = reason;
	explicit_bzero(door->ticket, sizeof door->ticket);
}

/* Before our reply: an error in its place. */
static void reject(struct spice_door *door, uint32_t error, const char *reason)
{
	put_reply(door, error);
	close_door(door, reason);
}

/* ---- what is read ---- */

static uint32_t u32_at(const uint8_t *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof value);
	return GUINT32_FROM_LE(value);
}

static size_t wanted(const struct spice_door *door)
{
	switch (door->state) {
	case SPICE_DOOR_HEADER:
		return sizeof(SpiceLinkHeader);
	case SPICE_DOOR_MESS:
		return door->mess_size;
	case SPICE_DOOR_MECHANISM:
		return sizeof(SpiceLinkAuthMechanism);
	case SPICE_DOOR_TICKET:
		return sizeof door->ticket;
	default:
		return 0;
	}
}

static void take_header(struct spice_door *door)
{
	SpiceLinkHeader untrusted;
	memcpy(&untrusted, door->in, sizeof untrusted);
	uint32_t size = GUINT32_FROM_LE(untrusted.size);
	if (untrusted.magic != SPICE_MAGIC) {
		reject(door, SPICE_LINK_ERR_INVALID_MAGIC,
		       "it speaks no SPICE");
	} else if (GUINT32_FROM_LE(untrusted.major_version) !=
		   SPICE_VERSION_MAJOR) {
		reject(door, SPICE_LINK_ERR_VERSION_MISMATCH,
		       "it speaks another version of SPICE");
	} else if (size < sizeof(SpiceLinkMess) || size > SPICE_DOOR_MESS_MAX) {
		reject(door, SPICE_LINK_ERR_INVALID_DATA,
		       "its link message has an impossible size");
	} else {
		door->mess_size = size;
		door->state = SPICE_DOOR_MESS;
	}
}

static void take_mess(struct spice_door *door)
{
	SpiceLinkMess untrusted;
	memcpy(&untrusted, door->in, sizeof untrusted);
	uint32_t common = GUINT32_FROM_LE(untrusted.num_common_caps);
	uint32_t channel = GUINT32_FROM_LE(untrusted.num_channel_caps);
	uint32_t at = GUINT32_FROM_LE(untrusted.caps_offset);
	if (common > SPICE_DOOR_CAPS_MAX || channel > SPICE_DOOR_CAPS_MAX ||
	    at < sizeof untrusted || at > door->mess_size ||
	    4 * (common + channel) > door->mess_size - at) {
		reject(door, SPICE_LINK_ERR_INVALID_DATA,
		       "its capabilities lie outside its link message");
		return;
	}
	memcpy(door->mess, door->in, door->mess_size);
	door->connection_id = GUINT32_FROM_LE(untrusted.connection_id);
	door->channel_type = untrusted.channel_type;
	door->channel_id = untrusted.channel_id;
	door->common_caps = common ? u32_at(door->mess + at) : 0;
	put_reply(door, SPICE_LINK_ERR_OK);
	door->state =
	    door->common_caps & 1u << SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION
		? SPICE_DOOR_MECHANISM
		: SPICE_DOOR_TICKET;
}

static void take_mechanism(struct spice_door *door)
{
	/* behind our reply an error is the result */
	if (u32_at(door->in) != SPICE_COMMON_CAP_AUTH_SPICE) {
		put_u32(door, SPICE_LINK_ERR_INVALID_DATA);
		close_door(door, "it wants another authentication");
		return;
	}
	door->state = SPICE_DOOR_TICKET;
}

static void take(struct spice_door *door)
{
	switch (door->state) {
	case SPICE_DOOR_HEADER:
		take_header(door);
		break;
	case SPICE_DOOR_MESS:
		take_mess(door);
		break;
	case SPICE_DOOR_MECHANISM:
		take_mechanism(door);
		break;
	case SPICE_DOOR_TICKET:
		memcpy(door->ticket, door->in, sizeof door->ticket);
		door->state = SPICE_DOOR_ASK;
		break;
	default:
		break;
	}
}

size_t spice_door_feed(struct spice_door *door, const uint8_t *bytes,
		       size_t size)
{
	size_t taken = 0;
	G_STATIC_ASSERT(sizeof door->ticket <= sizeof door->in);
	while (taken < size && wanted(door) && !door->out_size) {
		size_t piece = MIN(size - taken, wanted(door) - door->have);
		memcpy(door->in + door->have, bytes + taken, piece);
		door->have += piece;
		taken += piece;
		if (door->have < wanted(door))
			break;
		door->have = 0;
		take(door);
	}
	return taken;
}

void spice_door_answer(struct spice_door *door, uint32_t result)
{
	put_u32(door, result);
	if (result == SPICE_LINK_ERR_OK) {
		explicit_bzero(door->ticket, sizeof door->ticket);
		door->state = SPICE_DOOR_OPEN;
	} else {
		close_door(door, "it is not let in");
	}
}

void spice_door_refuse(struct spice_door *door, uint32_t result)
{
	if (door->state == SPICE_DOOR_HEADER || door->state == SPICE_DOOR_MESS)
		reject(door, result, "it is turned away");
	else if (door->state != SPICE_DOOR_CLOSED)
		spice_door_answer(door, result);
}
