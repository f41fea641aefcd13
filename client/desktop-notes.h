/* desktop-notes.h - what the server has to say to who sits at a desktop: words
 * of the administrator's, that the session is recorded, that somebody would
 * like to look on, or does.
 *
 * Asks GET /desktops/ID/notes for as long as the desktop is shown, which the
 * server holds until there is something new. Shown over the picture, at its
 * upper edge; nothing takes the focus, so that no key that was meant for the
 * desktop answers a question.
 *
 * Threads: main. Ownership: desktop_notes_free() ends it. */
#pragma once

#include <gtk/gtk.h>

#include "client/api.h"

struct desktop_notes;

struct desktop_notes *desktop_notes_new(struct api *api);
void desktop_notes_add_to(struct desktop_notes *notes, GtkOverlay *overlay);
/* Of which desktop; NULL: it is not shown (any more). */
void desktop_notes_follow(struct desktop_notes *notes, const char *id);
void desktop_notes_free(struct desktop_notes *notes);
