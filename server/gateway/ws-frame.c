#include "server/gateway/ws-frame.h"

#include <glib.h>
#include <string.h>

static enum ws_event bad(struct ws_reader *reader, struct ws_part *part,
			 enum ws_code code)
{
	reader->over = true;
	*part = (struct ws_part){.code = code};
	return WS_BAD;
}

static enum ws_opcode opcode_of(const struct ws_reader *reader)
{
	return reader->head[0] & 15;
}

static bool is_last(const struct ws_reader *reader)
{
	return reader->head[0] & 0x80;
}

static bool is_control(const struct ws_reader *reader)
{
	return opcode_of(reader) & 8;
}

/* Bytes of the head, as far as its second byte tells. */
static unsigned head_size(const struct ws_reader *reader)
{
	if (reader->have < 2)
		return 2;
	unsigned length = reader->head[1] & 0x7f;
	return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + 4;
}

/* The first two bytes decide most; 0 when they are fine. */
static unsigned check_start(const struct ws_reader *reader)
{
	unsigned length = reader->head[1] & 0x7f;
	if (reader->head[0] & 0x70 || !(reader->head[1] & 0x80))
		return WS_CODE_PROTOCOL; /* reserved bits; no mask */
	switch (opcode_of(reader)) {
	case WS_CONTINUE:
		return reader->in_message ? 0 : WS_CODE_PROTOCOL;
	case WS_BINARY:
		return reader->in_message ? WS_CODE_PROTOCOL : 0;
	case WS_TEXT:
		return WS_CODE_UNSUPPORTED;
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG:
		return is_last(reader) && length <= WS_CONTROL_MAX
			   ? 0
			   : WS_CODE_PROTOCOL;
	default:
		return WS_CODE_PROTOCOL;
	}
}

/* The whole head is there; 0 or a code. */
static unsigned take_head(struct ws_reader *reader)
{
	const uint8_t *at = reader->head + 2;
	unsigned short_length = reader->head[1] & 0x7f;
	unsigned bytes = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
	uint64_t length = bytes ? 0 : short_length;
	for (unsigned i = 0; i < bytes; i++)
		length = length << 8 | *at++;
	/* 5.2: the fewest bytes possible */
	if ((bytes == 2 && length < 126) || (bytes == 8 && length < 65536))
		return WS_CODE_PROTOCOL;
	if (length > WS_FRAME_MAX)
		return WS_CODE_TOO_BIG;
	memcpy(reader->mask, at, sizeof reader->mask);
	reader->left = length;
	reader->phase = 0;
	reader->control_size = 0;
	reader->in_frame = true;
	return 0;
}

/* 7.4.1 and 7.4.2: what a client may say */
static bool code_is_valid(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
		code != 1006) ||
	       (code >= 3000 && code <= 4999);
}

static enum ws_event take_close(struct ws_reader *reader, struct ws_part *part)
{
	unsigned code = WS_CODE_NONE;
	if (reader->control_size == 1)
		return bad(reader, part, WS_CODE_PROTOCOL);
	if (reader->control_size) {
		code = (unsigned)reader->control[0] << 8 | reader->control[1];
		if (!code_is_valid(code))
			return bad(reader, part, WS_CODE_PROTOCOL);
		if (!g_utf8_validate((const char *)reader->control + 2,
				     reader->control_size - 2, NULL))
			return bad(reader, part, WS_CODE_NOT_UTF8);
	}
	reader->over = true;
	*part = (struct ws_part){.code = code};
	return WS_HAS_CLOSE;
}

/* The frame's payload is complete; WS_MORE when that says nothing. */
static enum ws_event end_frame(struct ws_reader *reader, struct ws_part *part)
{
	reader->in_frame = false;
	reader->have = 0;
	if (!is_control(reader)) {
		reader->in_message = !is_last(reader);
		return WS_MORE;
	}
	if (opcode_of(reader) == WS_CLOSE)
		return take_close(reader, part);
	if (opcode_of(reader) == WS_PONG)
		return WS_MORE;
	*part = (struct ws_part){.bytes = reader->control,
				 .size = reader->control_size};
	return WS_HAS_PING;
}

static void unmask(struct ws_reader *reader, uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] ^= reader->mask[(reader->phase + i) & 3];
	reader->phase = (uint8_t)((reader->phase + size) & 3);
}

enum ws_event ws_read(struct ws_reader *reader, uint8_t *bytes, size_t size,
		      size_t *at, struct ws_part *part)
{
	if (reader->over)
		return bad(reader, part, WS_CODE_PROTOCOL);
	for (;;) {
		if (!reader->in_frame) {
			if (*at == size)
				return WS_MORE;
			reader->head[reader->have++] = bytes[(*at)++];
			unsigned code =
			    reader->have == 2 ? check_start(reader) : 0;
			if (!code && reader->have >= 2 &&
			    reader->have == head_size(reader))
				code = take_head(reader);
			if (code)
				return bad(reader, part, code);
			if (!reader->in_frame)
				continue;
		}
		size_t take = MIN(reader->left, size - *at);
		uint8_t *here = bytes + *at;
		unmask(reader, here, take);
		*at += take;
		reader->left -= take;
		if (is_control(reader)) {
			memcpy(reader->control + reader->control_size, here,
			       take);
			reader->control_size += (uint8_t)take;
		}
		bool data = take && !is_control(reader);
		if (!reader->left) {
			enum ws_event event = end_frame(reader, part);
			if (event != WS_MORE)
				return event;
		} else if (!take) {
			return WS_MORE;
		}
		if (data) {
			*part = (struct ws_part){.bytes = here, .size = take};
			return WS_HAS_DATA;
		}
	}
}

size_t ws_write_head(uint8_t head[WS_HEAD_MAX], enum ws_opcode opcode,
		     uint64_t payload)
{
	unsigned bytes = payload < 126 ? 0 : payload < 65536 ? 2 : 8;
	head[0] = (uint8_t)(0x80 | opcode);
	head[1] = (uint8_t)(bytes == 0 ? payload : bytes == 2 ? 126 : 127);
	for (unsigned i = 0; i < bytes; i++)
		head[2 + i] = (uint8_t)(payload >> 8 * (bytes - 1 - i));
	return 2 + bytes;
}
