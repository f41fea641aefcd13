#include "display/clipboard.h"

struct clipboard {
	GPtrArray *parties;
	struct clipboard_party *owner;
	unsigned forms;                 /* that the owner offers */
	unsigned asked;                 /* of those: it is waited for */
	GBytes *given[CLIPBOARD_FORMS]; /* NULL: not asked yet */
	/* Owns what an owner gave before it left: is never asked. */
	struct clipboard_party departed;
	bool into_guest, out_of_guest;
};

static void forget(struct clipboard *self)
{
	for (unsigned form = 0; form < CLIPBOARD_FORMS; form++)
		g_clear_pointer(&self->given[form], g_bytes_unref);
	self->asked = 0;
}

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
	forget(self);
	g_ptr_array_unref(self->parties);
	g_free(self);
}

void clipboard_join(struct clipboard *self, struct clipboard_party *party)
{
	party->clipboard = self;
	party->waits = 0;
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

unsigned clipboard_forms(const struct clipboard_party *party)
{
	const struct clipboard *self = party->clipboard;
	return self && self->owner && self->owner != party &&
		       may_go(self, self->owner, party)
		   ? self->forms
		   : 0;
}

bool clipboard_has_text(const struct clipboard_party *party)
{
	return clipboard_forms(party) & 1u << CLIPBOARD_TEXT;
}

/* Answers everyone who waits for that form. Callbacks may ask anew: the list
 * is walked over a copy, and whoever left meanwhile is not in it any more. */
static void answer(struct clipboard *self, enum clipboard_form form,
		   GBytes *data)
{
	g_autoptr(GPtrArray) parties =
	    g_ptr_array_copy(self->parties, NULL, NULL);
	for (guint i = 0; i < parties->len; i++) {
		struct clipboard_party *party = parties->pdata[i];
		if (!g_ptr_array_find(self->parties, party, NULL) ||
		    !(party->waits >> form & 1))
			continue;
		party->waits &= ~(1u << form);
		party->ops->given(party, form, data);
	}
}

static void set_owner(struct clipboard *self, struct clipboard_party *owner,
		      unsigned forms)
{
	forget(self);
	self->owner = owner;
	self->forms = forms;
	for (unsigned form = 0; form < CLIPBOARD_FORMS; form++)
		answer(self, form, NULL);
	g_autoptr(GPtrArray) parties =
	    g_ptr_array_copy(self->parties, NULL, NULL);
	for (guint i = 0; i < parties->len && self->owner == owner; i++) {
		struct clipboard_party *party = parties->pdata[i];
		if (party != owner &&
		    g_ptr_array_find(self->parties, party, NULL))
			party->ops->offered(party, clipboard_forms(party));
	}
}

bool clipboard_allows(const struct clipboard *self, bool into_guest)
{
	return into_guest ? self->into_guest : self->out_of_guest;
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
		unsigned forms = clipboard_forms(party);
		for (unsigned form = 0; form < CLIPBOARD_FORMS && !forms;
		     form++) {
			if (!(party->waits >> form & 1))
				continue;
			party->waits &= ~(1u << form);
			party->ops->given(party, form, NULL);
		}
		party->ops->offered(party, forms);
	}
}

void clipboard_leave(struct clipboard_party *party)
{
	struct clipboard *self = party->clipboard;
	unsigned left = 0;
	if (!self)
		return;
	g_ptr_array_remove(self->parties, party);
	party->clipboard = NULL;
	if (self->owner != party)
		return;
	/* What it already gave stays to be pasted. */
	for (unsigned form = 0; form < CLIPBOARD_FORMS; form++)
		left |= self->given[form] ? 1u << form : 0;
	if (!left) {
		set_owner(self, NULL, 0);
		return;
	}
	self->departed.guest = party->guest;
	self->owner = &self->departed;
	self->forms = left;
	self->asked = 0;
	for (unsigned form = 0; form < CLIPBOARD_FORMS; form++)
		if (!(left >> form & 1))
			answer(self, form, NULL);
}

void clipboard_offer(struct clipboard_party *party, unsigned forms)
{
	if (party->clipboard)
		set_owner(party->clipboard, party,
			  forms & ((1u << CLIPBOARD_FORMS) - 1));
}

void clipboard_withdraw(struct clipboard_party *party)
{
	if (party->clipboard && party->clipboard->owner == party)
		set_owner(party->clipboard, NULL, 0);
}

static bool is_good(enum clipboard_form form, GBytes *data)
{
	gsize length;
	const char *bytes = g_bytes_get_data(data, &length);
	if (form != CLIPBOARD_TEXT)
		return length <= CLIPBOARD_PICTURE_MAX;
	return bytes && length <= CLIPBOARD_MAX &&
	       g_utf8_validate(bytes, (gssize)length, NULL);
}

void clipboard_give(struct clipboard_party *party, enum clipboard_form form,
		    GBytes *data)
{
	struct clipboard *self = party->clipboard;
	if (!self || self->owner != party)
		return;
	self->asked &= ~(1u << form);
	if (!data || !is_good(form, data)) {
		answer(self, form, NULL);
		return;
	}
	g_clear_pointer(&self->given[form], g_bytes_unref);
	self->given[form] = g_bytes_ref(data);
	g_autoptr(GBytes) kept = g_bytes_ref(data);
	answer(self, form, kept);
}

void clipboard_provide(struct clipboard_party *party, GBytes *text)
{
	struct clipboard *self = party->clipboard;
	const unsigned bit = 1u << CLIPBOARD_TEXT;
	if (self && (self->owner != party || !(self->asked & bit)))
		clipboard_offer(party, bit);
	clipboard_give(party, CLIPBOARD_TEXT, text);
}

void clipboard_ask(struct clipboard_party *party, enum clipboard_form form)
{
	struct clipboard *self = party->clipboard;
	const unsigned bit = 1u << form;
	if (!(clipboard_forms(party) & bit)) {
		party->ops->given(party, form, NULL);
		return;
	}
	if (self->given[form]) {
		g_autoptr(GBytes) data = g_bytes_ref(self->given[form]);
		party->ops->given(party, form, data);
		return;
	}
	party->waits |= bit;
	if (!(self->asked & bit)) {
		self->asked |= bit;
		self->owner->ops->wanted(self->owner, form);
	}
}
