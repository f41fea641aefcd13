#include "display/clipboard.h"

struct clipboard {
	GPtrArray *parties;
	struct clipboard_party *owner;
	GBytes *text; /* what the owner gave; NULL: not asked yet */
	bool asked;
	/* Owns what an owner gave before it left: has text, is never asked. */
	struct clipboard_party departed;
	bool into_guest, out_of_guest;
};

struct clipboard *clipboard_new(void)
{
	struct clipboard *self = g_new0(struct clipboard, 1);
	self->parties = g_ptr_array_new();
	self->into_guest = self->out_of_guest = true;
	return self;
}

void clipboard_free(struct clipboard *self)
{
	if (!self)
		return;
	g_clear_pointer(&self->text, g_bytes_unref);
	g_ptr_array_unref(self->parties);
	g_free(self);
}

void clipboard_join(struct clipboard *self, struct clipboard_party *party)
{
	party->clipboard = self;
	party->waits = false;
	g_ptr_array_add(self->parties, party);
}

/* Between viewers, too: they are one person's, or share what they see. */
static bool may_go(const struct clipboard *self,
		   const struct clipboard_party *from,
		   const struct clipboard_party *to)
{
	return from->guest == to->guest ||
	       (from->guest ? self->out_of_guest : self->into_guest);
}

bool clipboard_has_text(const struct clipboard_party *party)
{
	const struct clipboard *self = party->clipboard;
	return self && self->owner && self->owner != party &&
	       may_go(self, self->owner, party);
}

/* Answers everyone who waits. Callbacks may ask anew: the list is walked
 * over a copy, and whoever left meanwhile is not in it any more. */
static void answer(struct clipboard *self, GBytes *text)
{
	g_autoptr(GPtrArray) parties =
	    g_ptr_array_copy(self->parties, NULL, NULL);
	for (guint i = 0; i < parties->len; i++) {
		struct clipboard_party *party = parties->pdata[i];
		if (!g_ptr_array_find(self->parties, party, NULL) ||
		    !party->waits)
			continue;
		party->waits = false;
		party->ops->given(party, text);
	}
}

static void set_owner(struct clipboard *self, struct clipboard_party *owner)
{
	g_clear_pointer(&self->text, g_bytes_unref);
	self->asked = false;
	self->owner = owner;
	answer(self, NULL);
	g_autoptr(GPtrArray) parties =
	    g_ptr_array_copy(self->parties, NULL, NULL);
	for (guint i = 0; i < parties->len && self->owner == owner; i++) {
		struct clipboard_party *party = parties->pdata[i];
		if (party != owner &&
		    g_ptr_array_find(self->parties, party, NULL))
			party->ops->offered(party, clipboard_has_text(party));
	}
}

void clipboard_set_ways(struct clipboard *self, bool into_guest,
			bool out_of_guest)
{
	if (self->into_guest == into_guest &&
	    self->out_of_guest == out_of_guest)
		return;
	self->into_guest = into_guest;
	self->out_of_guest = out_of_guest;
	struct clipboard_party *owner = self->owner;
	g_autoptr(GPtrArray) parties =
	    g_ptr_array_copy(self->parties, NULL, NULL);
	for (guint i = 0; owner && i < parties->len && self->owner == owner;
	     i++) {
		struct clipboard_party *party = parties->pdata[i];
		if (party == owner ||
		    !g_ptr_array_find(self->parties, party, NULL))
			continue;
		bool text = clipboard_has_text(party);
		if (!text && party->waits) {
			party->waits = false;
			party->ops->given(party, NULL);
		}
		party->ops->offered(party, text);
	}
}

void clipboard_leave(struct clipboard_party *party)
{
	struct clipboard *self = party->clipboard;
	if (!self)
		return;
	g_ptr_array_remove(self->parties, party);
	party->clipboard = NULL;
	if (self->owner == party) {
		/* What it already gave stays to be pasted. */
		if (self->text) {
			self->departed.guest = party->guest;
			self->owner = &self->departed;
		} else {
			set_owner(self, NULL);
		}
	}
}

void clipboard_offer(struct clipboard_party *party)
{
	if (party->clipboard)
		set_owner(party->clipboard, party);
}

void clipboard_withdraw(struct clipboard_party *party)
{
	if (party->clipboard && party->clipboard->owner == party)
		set_owner(party->clipboard, NULL);
}

void clipboard_give(struct clipboard_party *party, GBytes *text)
{
	struct clipboard *self = party->clipboard;
	if (!self || self->owner != party)
		return;
	gsize length = 0;
	const char *bytes = text ? g_bytes_get_data(text, &length) : NULL;
	self->asked = false;
	if (!bytes || length > CLIPBOARD_MAX ||
	    !g_utf8_validate(bytes, length, NULL)) {
		answer(self, NULL);
		return;
	}
	g_clear_pointer(&self->text, g_bytes_unref);
	self->text = g_bytes_ref(text);
	g_autoptr(GBytes) kept = g_bytes_ref(text);
	answer(self, kept);
}

void clipboard_provide(struct clipboard_party *party, GBytes *text)
{
	struct clipboard *self = party->clipboard;
	if (self && (self->owner != party || !self->asked))
		clipboard_offer(party);
	clipboard_give(party, text);
}

void clipboard_ask(struct clipboard_party *party)
{
	struct clipboard *self = party->clipboard;
	if (!clipboard_has_text(party)) {
		party->ops->given(party, NULL);
		return;
	}
	if (self->text) {
		g_autoptr(GBytes) text = g_bytes_ref(self->text);
		party->ops->given(party, text);
		return;
	}
	party->waits = true;
	if (!self->asked) {
		self->asked = true;
		self->owner->ops->wanted(self->owner);
	}
}
