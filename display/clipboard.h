/* clipboard.h - one clipboard shared by the guest and all viewers.
 *
 * Text travels only when somebody pastes: a party that copies offers, the
 * others hear of it and may ask. Text is UTF-8 with "\n" line ends, without a
 * final NUL, at most CLIPBOARD_MAX bytes.
 *
 * Which way text may go is a matter of policy: into the guest and out of it
 * are allowed or not, each for itself. What may not be pasted is not offered.
 *
 * Threads: the main loop's. Ownership: a party is the caller's memory, joined
 * for as long as it wants to take part. Callbacks may call back in. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Enough for books; a hundred megabytes of text are a mistake or an attack. */
#define CLIPBOARD_MAX (4u << 20)

struct clipboard;
struct clipboard_party;

struct clipboard_ops {
	/* Another party has text now, or (false) nobody has any more. */
	void (*offered)(struct clipboard_party *party, bool text);
	/* Your text is wanted: clipboard_give() when it is there. */
	void (*wanted)(struct clipboard_party *party);
	/* Answer to clipboard_ask(); NULL when there is none. */
	void (*given)(struct clipboard_party *party, GBytes *text);
};

struct clipboard_party {
	const struct clipboard_ops *ops;
	struct clipboard *clipboard; /* set by clipboard_join() */
	bool waits;
	bool guest; /* set by the caller: the machine's side */
};

struct clipboard *clipboard_new(void);
void clipboard_free(struct clipboard *self);
/* Both until this is called. Holds at once: what was offered and may not be
 * pasted any more is withdrawn, and whoever waits for it gets nothing. */
void clipboard_set_ways(struct clipboard *self, bool into_guest,
			bool out_of_guest);

void clipboard_join(struct clipboard *self, struct clipboard_party *party);
void clipboard_leave(struct clipboard_party *party);
/* Another party has something to paste. */
bool clipboard_has_text(const struct clipboard_party *party);

void clipboard_offer(struct clipboard_party *party);
void clipboard_withdraw(struct clipboard_party *party);
/* Of the offering party; kept, so that nobody asks it twice. Text that is
 * not UTF-8 or too long counts as none. */
void clipboard_give(struct clipboard_party *party, GBytes *text);
/* Text that was not asked for: offers it, unless this party is the owner
 * already and only answers. */
void clipboard_provide(struct clipboard_party *party, GBytes *text);
void clipboard_ask(struct clipboard_party *party);
