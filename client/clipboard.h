/* clipboard.h - text and pictures between the local clipboard and one session.
 *
 * Both sides only announce what they have; contents move when they are pasted.
 * The local clipboard is announced, and given, only while the desktop's window
 * has the focus, so that a guest cannot read along. What came from the guest
 * is never announced back to it. Threads: main. */
#pragma once

#include <gtk/gtk.h>

#include "client/session.h"

struct clipboard_link;

struct clipboard_link *clipboard_link_new(GtkWidget *owner);
void clipboard_link_free(struct clipboard_link *link);
void clipboard_link_set_session(struct clipboard_link *link,
				struct session *session);
void clipboard_link_set_focused(struct clipboard_link *link, gboolean focused);

/* What the session's handlers tell. */
void clipboard_link_offered(struct clipboard_link *link, unsigned kinds);
void clipboard_link_data(struct clipboard_link *link, enum session_clip kind,
			 GBytes *bytes);
void clipboard_link_wanted(struct clipboard_link *link, enum session_clip kind);
