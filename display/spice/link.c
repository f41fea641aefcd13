#include "display/spice/link.h"

#include "common/spice-caps.h"
#include "display/spice/wire.h"

static void put_reply(struct spice_link *self, uint32_t error,
		      const uint8_t *key, GByteArray *out)
{
	static const uint8_t no_key[SPICE_TICKET_PUBKEY_BYTES];
	const bool caps = error == SPICE_LINK_ERR_OK;
	g_byte_array_append(out, (const guint8 *)"REDQ", 4);
	put32(out, SPICE_VERSION_MAJOR);
	put32(out, SPICE_VERSION_MINOR);
	put32(out, sizeof(SpiceLinkReply) + (caps ? 8 : 0));
	put32(out, error);
	g_byte_array_append(out, caps ? key : no_key, sizeof no_key);
	put32(out, caps ? 1 : 0);
	put32(out, caps ? 1 : 0);
	put32(out, sizeof(SpiceLinkReply));
	if (!caps)
		return;
	put32(out, SPICE_CAPS_COMMON);
	put32(out, spice_caps_channel(self->type));
}

static void close_link(struct spice_link *self, const char *reason)
{
	self->state = SPICE_LINK_CLOSED;
	self->reason = reason;
	memset(self->ticket, 0, sizeof self->ticket);
}

static void reject(struct spice_link *self, uint32_t error, const char *reason,
		   GByteArray *out)
{
	put_reply(self, error, NULL, out);
	close_link(self, reason);
}

static size_t wanted(const struct spice_link *self)
{
	switch (self->state) {
	case SPICE_LINK_HEADER:
		return sizeof(SpiceLinkHeader);
	case SPICE_LINK_MESS:
		return self->mess_size;
	case SPICE_LINK_MECHANISM:
		return sizeof(SpiceLinkAuthMechanism);
	case SPICE_LINK_TICKET:
		return sizeof self->ticket;
	default:
		return 0;
	}
}

static void take_header(struct spice_link *self, struct reader *in,
			GByteArray *out)
{
	bool magic = memcmp(in->at, "REDQ", 4) == 0;
	take32(in);
	uint32_t major = take32(in);
	take32(in); /* minor: what differs is told by capabilities */
	uint32_t size = take32(in);
	if (!magic) {
		reject(self, SPICE_LINK_ERR_INVALID_MAGIC, "no SPICE", out);
	} else if (major != SPICE_VERSION_MAJOR) {
		reject(self, SPICE_LINK_ERR_VERSION_MISMATCH,
		       "another version of SPICE", out);
	} else if (size < sizeof(SpiceLinkMess) || size > SPICE_LINK_MESS_MAX) {
		reject(self, SPICE_LINK_ERR_INVALID_DATA,
		       "a link message of an impossible size", out);
	} else {
		self->mess_size = size;
		self->state = SPICE_LINK_MESS;
	}
}

static uint32_t first_word(const uint8_t *mess, uint32_t at, uint32_t count)
{
	struct reader in = {mess + at, 4, false};
	return count ? take32(&in) : 0;
}

static void take_mess(struct spice_link *self, const uint8_t *key,
		      const uint8_t *mess, GByteArray *out)
{
	struct reader in = {mess, self->mess_size, false};
	self->connection_id = take32(&in);
	self->type = take8(&in);
	self->id = take8(&in);
	uint32_t common = take32(&in), channel = take32(&in), at = take32(&in);
	if (common > SPICE_LINK_CAPS_MAX || channel > SPICE_LINK_CAPS_MAX ||
	    at < sizeof(SpiceLinkMess) || at > self->mess_size ||
	    4 * (common + channel) > self->mess_size - at) {
		reject(self, SPICE_LINK_ERR_INVALID_DATA,
		       "capabilities outside of the link message", out);
		return;
	}
	self->common_caps = first_word(mess, at, common);
	self->channel_caps = first_word(mess, at + 4 * common, channel);
	put_reply(self, SPICE_LINK_ERR_OK, key, out);
	self->state =
	    self->common_caps & 1u << SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION
		? SPICE_LINK_MECHANISM
		: SPICE_LINK_TICKET;
}

size_t spice_link_feed(struct spice_link *self,
		       const uint8_t key[SPICE_TICKET_PUBKEY_BYTES],
		       const uint8_t *bytes, size_t size, GByteArray *out)
{
	size_t used = wanted(self);
	struct reader in = {bytes, used, false};
	if (!used || size < used)
		return 0;
	switch (self->state) {
	case SPICE_LINK_HEADER:
		take_header(self, &in, out);
		break;
	case SPICE_LINK_MESS:
		take_mess(self, key, bytes, out);
		break;
	case SPICE_LINK_MECHANISM:
		self->state = SPICE_LINK_TICKET;
		if (take32(&in) == SPICE_COMMON_CAP_AUTH_SPICE)
			break;
		/* behind our reply an error is the result */
		put32(out, SPICE_LINK_ERR_INVALID_DATA);
		close_link(self, "a choice of another authentication");
		break;
	case SPICE_LINK_TICKET:
		memcpy(self->ticket, bytes, sizeof self->ticket);
		self->state = SPICE_LINK_ASK;
		break;
	default:
		break;
	}
	return used;
}

void spice_link_answer(struct spice_link *self, uint32_t result,
		       GByteArray *out)
{
	put32(out, result);
	memset(self->ticket, 0, sizeof self->ticket);
	if (result == SPICE_LINK_ERR_OK)
		self->state = SPICE_LINK_OPEN;
	else
		close_link(self, result == SPICE_LINK_ERR_PERMISSION_DENIED
				     ? "a wrong password"
				     : "a channel that is not there");
}
