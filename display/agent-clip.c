#include "display/agent-clip.h"

#include <spice/vd_agent.h>

#include "display/agent-wire.h"

/* Selection (where it knows them) and types come first, then data. */
static void say(struct agent_clip *self, uint32_t message,
		const uint32_t *types, unsigned count, const void *data,
		gsize length)
{
	g_autoptr(GByteArray) body = g_byte_array_new();
	const uint8_t selection[4] = {VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD};
	if (self->selection)
		g_byte_array_append(body, selection, 4);
	for (unsigned i = 0; i < count; i++) {
		uint32_t type = GUINT32_TO_LE(types[i]);
		g_byte_array_append(body, (const guint8 *)&type, 4);
	}
	if (length)
		g_byte_array_append(body, data, length);
	self->send(self->owner, message, body->data, body->len);
}

static void say_none(struct agent_clip *self)
{
	say(self, VD_AGENT_CLIPBOARD, &(uint32_t){VD_AGENT_CLIPBOARD_NONE}, 1,
	    NULL, 0);
}

/* ---- from the other side ---- */

/* A guest's "\r\n" becomes "\n", and final zeros go; a client has been told
 * how lines end here. */
static GBytes *plain_text(const struct agent_clip *self, const uint8_t *body,
			  uint32_t length)
{
	while (length && !body[length - 1])
		length--;
	if (!self->party.guest)
		return g_bytes_new(body, length);
	g_autoptr(GByteArray) text = g_byte_array_sized_new(length);
	for (uint32_t i = 0; i < length; i++)
		if (!(body[i] == '\r' && i + 1 < length && body[i + 1] == '\n'))
			g_byte_array_append(text, body + i, 1);
	return g_byte_array_free_to_bytes(g_steal_pointer(&text));
}

static void take_data(struct agent_clip *self, const uint8_t *body,
		      uint32_t length)
{
	unsigned forms = agent_forms_of(body, MIN(length, 4));
	if (!forms) { /* none: whatever was asked for is not there */
		for (unsigned form = 0; form < CLIPBOARD_FORMS; form++)
			clipboard_give(&self->party, form, NULL);
		return;
	}
	enum clipboard_form form = (enum clipboard_form)__builtin_ctz(forms);
	g_autoptr(GBytes) data = form == CLIPBOARD_TEXT
				     ? plain_text(self, body + 4, length - 4)
				     : g_bytes_new(body + 4, length - 4);
	clipboard_give(&self->party, form, data);
}

static void take_request(struct agent_clip *self, const uint8_t *body,
			 uint32_t length)
{
	unsigned forms = agent_forms_of(body, MIN(length, 4));
	if (!forms) {
		say_none(self);
		return;
	}
	self->wanted |= forms;
	clipboard_ask(&self->party, (enum clipboard_form)__builtin_ctz(forms));
}

void agent_clip_message(struct agent_clip *self, uint32_t type,
			const uint8_t *body, uint32_t length)
{
	unsigned forms;
	if (!self->joined)
		return;
	if (self->selection) {
		if (length < 4 ||
		    body[0] != VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD)
			return;
		body += 4;
		length -= 4;
	}
	switch (type) {
	case VD_AGENT_CLIPBOARD_GRAB:
		forms = agent_forms_of(body, length);
		if (forms)
			clipboard_offer(&self->party, forms);
		else
			clipboard_withdraw(&self->party);
		break;
	case VD_AGENT_CLIPBOARD_RELEASE:
		clipboard_withdraw(&self->party);
		break;
	case VD_AGENT_CLIPBOARD:
		take_data(self, body, length);
		break;
	case VD_AGENT_CLIPBOARD_REQUEST:
		take_request(self, body, length);
		break;
	}
}

/* ---- from the others ---- */

static void send_grab(struct agent_clip *self, unsigned forms)
{
	uint32_t types[CLIPBOARD_FORMS];
	unsigned count = 0;
	for (unsigned form = 0; form < CLIPBOARD_FORMS; form++)
		if (forms >> form & 1)
			types[count++] = agent_type_of(form);
	say(self, VD_AGENT_CLIPBOARD_GRAB, types, count, NULL, 0);
}

static void on_offered(struct clipboard_party *party, unsigned forms)
{
	struct agent_clip *self = (struct agent_clip *)party;
	if (forms)
		send_grab(self, forms);
	else
		say(self, VD_AGENT_CLIPBOARD_RELEASE, NULL, 0, NULL, 0);
}

static void on_wanted(struct clipboard_party *party, enum clipboard_form form)
{
	const uint32_t type = agent_type_of(form);
	say((struct agent_clip *)party, VD_AGENT_CLIPBOARD_REQUEST, &type, 1,
	    NULL, 0);
}

static void on_given(struct clipboard_party *party, enum clipboard_form form,
		     GBytes *data)
{
	struct agent_clip *self = (struct agent_clip *)party;
	const uint32_t type = agent_type_of(form);
	if (!(self->wanted >> form & 1))
		return;
	self->wanted &= ~(1u << form);
	if (!data) {
		say_none(self);
		return;
	}
	gsize length;
	const char *bytes = g_bytes_get_data(data, &length);
	if (form != CLIPBOARD_TEXT || !self->crlf) {
		say(self, VD_AGENT_CLIPBOARD, &type, 1, bytes, length);
		return;
	}
	g_autoptr(GString) ends = g_string_sized_new(length);
	for (gsize i = 0; i < length; i++) {
		if (bytes[i] == '\n')
			g_string_append_c(ends, '\r');
		g_string_append_c(ends, bytes[i]);
	}
	say(self, VD_AGENT_CLIPBOARD, &type, 1, ends->str, ends->len);
}

static const struct clipboard_ops ops = {
    .offered = on_offered,
    .wanted = on_wanted,
    .given = on_given,
};

/* ---- life ---- */

bool agent_clip_announced(struct agent_clip *self, struct clipboard *clipboard,
			  uint32_t caps)
{
	self->selection = caps >> VD_AGENT_CAP_CLIPBOARD_SELECTION & 1;
	self->crlf = caps >> VD_AGENT_CAP_GUEST_LINEEND_CRLF & 1;
	if (self->joined || !(caps >> VD_AGENT_CAP_CLIPBOARD_BY_DEMAND & 1))
		return false;
	self->joined = true;
	clipboard_join(clipboard, &self->party);
	return true;
}

void agent_clip_greet(struct agent_clip *self)
{
	unsigned forms = self->joined ? clipboard_forms(&self->party) : 0;
	if (forms)
		send_grab(self, forms);
}

void agent_clip_leave(struct agent_clip *self)
{
	if (self->joined)
		clipboard_leave(&self->party);
	self->joined = false;
	self->wanted = 0;
}

void agent_clip_init(struct agent_clip *self, bool guest,
		     void (*send)(void *owner, uint32_t type,
				  const uint8_t *body, uint32_t length),
		     void *owner)
{
	*self = (struct agent_clip){.send = send, .owner = owner};
	self->party.ops = &ops;
	self->party.guest = guest;
}
