/* desktop-hint.h - a line of words at the lower edge of a desktop.
 *
 * It never takes the pointer or the focus. Threads: main. Ownership: the
 * overlay has its widgets; free it no later than those. */
#pragma once

#include <gtk/gtk.h>

struct desktop_hint;

struct desktop_hint *desktop_hint_new(GtkOverlay *overlay);
void desktop_hint_free(struct desktop_hint *hint);
/* Shown as long as one needs to read it; void *: as a callback. */
void desktop_hint_say(const char *text, void *hint);
/* Shown until something else is said, or hidden. */
void desktop_hint_stay(struct desktop_hint *hint, const char *text);
void desktop_hint_hide(struct desktop_hint *hint);
