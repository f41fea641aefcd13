/* spice-caps.h - what our SPICE server offers, told before it is reached.
 *
 * A SPICE server names its capabilities before the client shows its ticket,
 * and the gateway learns only from the ticket which display it is for. So the
 * gateway offers what stands here, and every oriel-display takes all of it:
 * whoever adds a capability to the server adds it here, and whoever takes one
 * away keeps understanding it for as long as older gateways offer it.
 * Bits are those of spice/protocol.h. Pure; any thread. */
#pragma once

#include <spice/enums.h>
#include <spice/protocol.h>
#include <stdint.h>

#define SPICE_CAPS_COMMON                                                      \
	(1u << SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION |                      \
	 1u << SPICE_COMMON_CAP_AUTH_SPICE |                                   \
	 1u << SPICE_COMMON_CAP_MINI_HEADER)

/* Of a channel type. What is a client's to offer - codecs, kinds of images -
 * is not here: a server only reads it. */
static inline uint32_t spice_caps_channel(unsigned type)
{
	switch (type) {
	case SPICE_CHANNEL_DISPLAY:
		return 1u << SPICE_DISPLAY_CAP_MONITORS_CONFIG;
	case SPICE_CHANNEL_INPUTS:
		return 1u << SPICE_INPUTS_CAP_KEY_SCANCODE;
	case SPICE_CHANNEL_PLAYBACK:
		return 1u << SPICE_PLAYBACK_CAP_OPUS;
	case SPICE_CHANNEL_RECORD:
		return 1u << SPICE_RECORD_CAP_VOLUME |
		       1u << SPICE_RECORD_CAP_OPUS;
	default:
		return 0;
	}
}
