#include "server/gateway/rfb-door.h"

#include <stdio.h>
#include <string.h>

enum { SECURITY_VENCRYPT = 19, VENCRYPT_X509_PLAIN = 262 };

static void put(struct door *door, const void *bytes, size_t size)
{
	if (size > sizeof door->out - door->out_size)
		return; /* every message fits; a caller that never sends loses
			 */
	memcpy(door->out + door->out_size, bytes, size);
	door->out_size += size;
}

static void put_u32(struct door *door, uint32_t value)
{
	uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
			    (uint8_t)(value >> 8), (uint8_t)value};
	put(door, bytes, sizeof bytes);
}

static uint32_t get_u32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
	       (uint32_t)bytes[2] << 8 | bytes[3];
}

static void put_reason(struct door *door, const char *reason)
{
	size_t size = strlen(reason), most = 600;
	if (size > most) {
		size = most;
		/* not in the middle of a character */
		while (size && ((unsigned char)reason[size] & 0xc0) == 0x80)
			size--;
	}
	put_u32(door, (uint32_t)size);
	put(door, reason, size);
}

static void close_for(struct door *door, const char *reason)
{
	door->state = DOOR_CLOSED;
	door->reason = reason;
}

void door_init(struct door *door, const char *refusal)
{
	memset(door, 0, sizeof *door);
	door->refusal = refusal;
	put(door, "RFB 003.008\n", 12);
}

/* ---- one message each: how long it is, and what it does ---- */

static size_t wanted(const struct door *door)
{
	switch (door->state) {
	case DOOR_VERSION:
		return 12;
	case DOOR_TYPE:
		return 1;
	case DOOR_VENCRYPT:
		return 2;
	case DOOR_SUBTYPE:
		return 4;
	case DOOR_LENGTHS:
		return 8;
	case DOOR_TEXTS:
		return door->user_size + door->password_size;
	default:
		return 0;
	}
}

static bool digits(const uint8_t *at)
{
	for (int i = 0; i < 3; i++)
		if (at[i] < '0' || at[i] > '9')
			return false;
	return true;
}

static int number(const uint8_t *at)
{
	return (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
}

static void take_version(struct door *door)
{
	const uint8_t *in = door->in;
	if (memcmp(in, "RFB ", 4) != 0 || !digits(in + 4) || in[7] != '.' ||
	    !digits(in + 8) || in[11] != '\n') {
		close_for(door, "it does not speak RFB");
		return;
	}
	int major = number(in + 4), minor = number(in + 8);
	bool old = major < 3 || (major == 3 && minor < 7);
	/* some call themselves 3.889 or 4.1 and mean 3.8 */
	door->minor = major == 3 && minor == 7 ? 7 : 8;
	const char *reason = door->refusal;
	if (old)
		reason = "This viewer speaks an RFB older than 3.7, which "
			 "cannot be encrypted. Use a newer viewer.";
	if (!reason) {
		const uint8_t types[] = {1, SECURITY_VENCRYPT};
		put(door, types, sizeof types);
		door->state = DOOR_TYPE;
		return;
	}
	if (old)
		put_u32(door, 0); /* 3.3 gets its type as a number */
	else
		put(door, "", 1);
	put_reason(door, reason);
	close_for(door, old ? "its RFB is older than 3.7" : "refused");
}

static void take_type(struct door *door)
{
	if (door->in[0] != SECURITY_VENCRYPT) {
		put_u32(door, 1);
		if (door->minor >= 8)
			put_reason(door, "Choose security type VeNCrypt.");
		close_for(door, "it chose a security type not offered");
		return;
	}
	put(door, (uint8_t[]){0, 2}, 2);
	door->state = DOOR_VENCRYPT;
}

static void take_vencrypt(struct door *door)
{
	bool agreed = door->in[0] == 0 && door->in[1] == 2;
	put(door, (uint8_t[]){agreed ? 0 : 255}, 1);
	if (!agreed) {
		close_for(door, "it wants another VeNCrypt than 0.2");
		return;
	}
	put(door, (uint8_t[]){1}, 1);
	put_u32(door, VENCRYPT_X509_PLAIN);
	door->state = DOOR_SUBTYPE;
}

static void take_subtype(struct door *door)
{
	bool agreed = get_u32(door->in) == VENCRYPT_X509_PLAIN;
	put(door, (uint8_t[]){agreed ? 1 : 0}, 1);
	if (!agreed)
		close_for(door, "it chose a VeNCrypt subtype not offered");
	else
		door->state = DOOR_TLS;
}

static void take_lengths(struct door *door)
{
	door->user_size = get_u32(door->in);
	door->password_size = get_u32(door->in + 4);
	if (!door->user_size || door->user_size > DOOR_TEXT_MAX ||
	    door->password_size > DOOR_TEXT_MAX) {
		door_refuse(door, "The user name is missing, or it or the "
				  "password is longer than 255 bytes.");
		return;
	}
	door->state = DOOR_TEXTS;
}

static void take_texts(struct door *door)
{
	memcpy(door->user, door->in, door->user_size);
	memcpy(door->password, door->in + door->user_size, door->password_size);
	explicit_bzero(door->in, sizeof door->in);
	if (memchr(door->user, 0, door->user_size) ||
	    memchr(door->password, 0, door->password_size)) {
		door_forget(door);
		door_refuse(door, "A zero byte in user name or password.");
		return;
	}
	door->state = DOOR_LOGIN;
}

size_t door_feed(struct door *door, const uint8_t *bytes, size_t size)
{
	size_t taken = 0, want;
	while ((want = wanted(door)) > 0) {
		size_t part = want - door->have;
		if (part > size - taken)
			part = size - taken;
		memcpy(door->in + door->have, bytes + taken, part);
		door->have += part;
		taken += part;
		if (door->have < want)
			break;
		door->have = 0;
		switch (door->state) {
		case DOOR_VERSION:
			take_version(door);
			break;
		case DOOR_TYPE:
			take_type(door);
			break;
		case DOOR_VENCRYPT:
			take_vencrypt(door);
			break;
		case DOOR_SUBTYPE:
			take_subtype(door);
			break;
		case DOOR_LENGTHS:
			take_lengths(door);
			break;
		default:
			take_texts(door);
			break;
		}
	}
	return taken;
}

void door_secured(struct door *door)
{
	if (door->state == DOOR_TLS)
		door->state = DOOR_LENGTHS;
}

void door_admit(struct door *door)
{
	if (door->state != DOOR_LOGIN)
		return;
	put_u32(door, 0);
	door->state = DOOR_OPEN;
}

void door_refuse(struct door *door, const char *reason)
{
	put_u32(door, 1);
	if (door->minor >= 8)
		put_reason(door, reason);
	close_for(door, "refused");
}

void door_forget(struct door *door)
{
	explicit_bzero(door->in, sizeof door->in);
	explicit_bzero(door->user, sizeof door->user);
	explicit_bzero(door->password, sizeof door->password);
}
