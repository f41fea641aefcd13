/* notice.h - a card that says what goes on where a picture should be.
 *
 * An icon or a spinner, a title, an explanation, a progress bar, up to two
 * buttons: Enter is the first one's, Escape the second's. Changing it while it
 * is shown does not flicker. Threads: main. */
#pragma once

#include <gtk/gtk.h>

struct notice;

struct notice_button {
	const char *label; /* with mnemonic; NULL: no button */
	void (*clicked)(void *data);
};

struct notice_content {
	const char *icon; /* NULL: a spinner */
	const char *title;
	const char *text; /* or NULL */
	double fraction;  /* < 0: no bar */
	gboolean elapsed; /* count the seconds since notice_begin() */
	/* somebody may be typing: no button gets the focus by itself, and of
	 * what is shown next only after a moment */
	gboolean aside;
	struct notice_button primary, secondary;
};

struct notice *notice_new(void *data);
/* A revealer to put into an overlay; owned by whoever holds it. */
GtkWidget *notice_widget(struct notice *notice);
void notice_begin(struct notice *notice);
void notice_show(struct notice *notice, const struct notice_content *content);
void notice_hide(struct notice *notice);
gboolean notice_visible(struct notice *notice);
void notice_free(struct notice *notice);
