/* clipboard.h - one clipboard shared by the guest and all viewers.
 *
 * What is copied travels only when somebody pastes: a party that copies offers
 * it in some forms, the others hear of it and may ask for one. Text is UTF-8
 * with "\n" line ends, without a final NUL, at most CLIPBOARD_MAX bytes;
 * pictures are files of their format, at most CLIPBOARD_PICTURE_MAX, which
 * nobody here looks into.
 *
 * Threads: the main loop's. Ownership: a party is the caller's memory, joined
 * for as long as it wants to take part. Callbacks may call back in. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Enough for books; a hundred megabytes of text are a mistake or an attack. */
#define CLIPBOARD_MAX (4u << 20)
/* A screen of 3840 x 2160 that is not a photograph. */
#define CLIPBOARD_PICTURE_MAX (16u << 20)

enum clipboard_form {
	CLIPBOARD_TEXT,
	CLIPBOARD_PNG,
	CLIPBOARD_BMP,
	CLIPBOARD_TIFF,
	CLIPBOARD_JPEG,
	CLIPBOARD_FORMS,
};

struct clipboard;
struct clipboard_party;

struct clipboard_ops {
	/* Another party has something now, in these forms (a bit each), or (0)
	 * nobody has any more. */
	void (*offered)(struct clipboard_party *party, unsigned forms);
	/* Yours is wanted: clipboard_give() when it is there. */
	void (*wanted)(struct clipboard_party *party, enum clipboard_form form);
	/* Answer to clipboard_ask(); NULL when there is none. */
	void (*given)(struct clipboard_party *party, enum clipboard_form form,
		      GBytes *data);
};

struct clipboard_party {
	const struct clipboard_ops *ops;
	struct clipboard *clipboard; /* set by clipboard_join() */
	unsigned waits;              /* forms */
	bool guest;                  /* set by the caller: the machine's side */
};

struct clipboard *clipboard_new(void);
void clipboard_free(struct clipboard *self);
/* Both until this is called. Holds at once: what was offered and may not be
 * pasted any more is withdrawn, and whoever waits for it gets nothing. */
void clipboard_set_ways(struct clipboard *self, bool into_guest,
			bool out_of_guest);

bool clipboard_allows(const struct clipboard *self, bool into_guest);

void clipboard_join(struct clipboard *self, struct clipboard_party *party);
void clipboard_leave(struct clipboard_party *party);
/* What another party has to paste, in which forms. */
unsigned clipboard_forms(const struct clipboard_party *party);
bool clipboard_has_text(const struct clipboard_party *party);

void clipboard_offer(struct clipboard_party *party, unsigned forms);
void clipboard_withdraw(struct clipboard_party *party);
/* Of the offering party; kept, so that nobody asks it twice. Text that is
 * not UTF-8, and whatever is too long, count as none. */
void clipboard_give(struct clipboard_party *party, enum clipboard_form form,
		    GBytes *data);
/* Text that was not asked for: offers it, unless this party is the owner
 * already and only answers. */
void clipboard_provide(struct clipboard_party *party, GBytes *text);
void clipboard_ask(struct clipboard_party *party, enum clipboard_form form);
