#include "display/agent-wire.h"

#include <string.h>

enum {
	CHUNK_HEADER = 8,      /* port, size */
	MESSAGE_HEADER = 20,   /* protocol, type, opaque (8), size */
	CHUNK_DATA_MAX = 2048, /* toward the guest; it sends larger ones */
	PORT_CLIENT = 1,
	PORT_SERVER = 2,
	PROTOCOL = 1,
};

static uint32_t get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = v;
	p[1] = v >> 8;
	p[2] = v >> 16;
	p[3] = v >> 24;
}

void agent_wire_init(struct agent_wire *self)
{
	memset(self, 0, sizeof *self);
	self->body = g_byte_array_new();
}

void agent_wire_finish(struct agent_wire *self)
{
	g_clear_pointer(&self->body, g_byte_array_unref);
}

static void begin_message(struct agent_wire *self)
{
	self->type = get32(self->header + 4);
	self->body_left = get32(self->header + 16);
	self->skip =
	    get32(self->header) != PROTOCOL || self->body_left > AGENT_BODY_MAX;
	g_byte_array_set_size(self->body, 0);
}

static void end_message(struct agent_wire *self, agent_message message,
			void *data)
{
	self->message_have = 0;
	if (!self->skip)
		message(data, self->type, self->body->data, self->body->len);
	if (self->body->len > 65536) { /* give a big one's memory back */
		g_byte_array_unref(self->body);
		self->body = g_byte_array_new();
	}
}

bool agent_wire_feed(struct agent_wire *self, const uint8_t *bytes,
		     size_t length, agent_message message, void *data)
{
	while (length && !self->broken) {
		if (!self->chunk_left) {
			unsigned n =
			    MIN(CHUNK_HEADER - self->chunk_have, length);
			memcpy(self->chunk_header + self->chunk_have, bytes, n);
			self->chunk_have += n;
			bytes += n;
			length -= n;
			if (self->chunk_have < CHUNK_HEADER)
				continue;
			self->chunk_have = 0;
			self->chunk_left = get32(self->chunk_header + 4);
			uint32_t port = get32(self->chunk_header);
			self->broken =
			    port != PORT_CLIENT && port != PORT_SERVER;
			continue;
		}
		size_t n = MIN(self->chunk_left, length);
		if (get32(self->chunk_header) == PORT_SERVER) {
			; /* mouse and files of SPICE, not for us */
		} else if (self->message_have < MESSAGE_HEADER) {
			n = MIN(n, MESSAGE_HEADER - self->message_have);
			memcpy(self->header + self->message_have, bytes, n);
			self->message_have += n;
			if (self->message_have == MESSAGE_HEADER)
				begin_message(self);
		} else {
			n = MIN(n, self->body_left);
			if (!self->skip)
				g_byte_array_append(self->body, bytes, n);
			self->body_left -= n;
		}
		bytes += n;
		length -= n;
		self->chunk_left -= n;
		if (self->message_have == MESSAGE_HEADER && !self->body_left)
			end_message(self, message, data);
	}
	return !self->broken;
}

unsigned agent_forms_of(const uint8_t *types, uint32_t length)
{
	unsigned forms = 0;
	for (uint32_t i = 0; i + 4 <= length; i += 4) {
		uint32_t type = get32(types + i);
		if (type && type <= CLIPBOARD_FORMS)
			forms |= 1u << (type - 1);
	}
	return forms;
}

void agent_wire_write(GByteArray *out, uint32_t type, const uint8_t *body,
		      uint32_t length)
{
	uint8_t header[MESSAGE_HEADER] = {0};
	put32(header, PROTOCOL);
	put32(header + 4, type);
	put32(header + 16, length);
	uint32_t total = MESSAGE_HEADER + length, done = 0;
	while (done < total) {
		uint32_t n = MIN(total - done, CHUNK_DATA_MAX);
		uint8_t chunk[CHUNK_HEADER];
		put32(chunk, PORT_CLIENT);
		put32(chunk + 4, n);
		g_byte_array_append(out, chunk, sizeof chunk);
		uint32_t end = done + n;
		if (done < MESSAGE_HEADER) {
			uint32_t part =
			    MIN(end, (uint32_t)MESSAGE_HEADER) - done;
			g_byte_array_append(out, header + done, part);
			done += part;
		}
		if (done < end) {
			g_byte_array_append(out, body + done - MESSAGE_HEADER,
					    end - done);
			done = end;
		}
	}
}
