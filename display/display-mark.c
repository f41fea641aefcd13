/* The watermark: who it is that looks, and when, over every picture of the
 * machine. It is in the picture that all viewers read, recordings included;
 * nobody may look at such a desktop without it, so nothing is shared with who
 * has none. The time moves on once a minute. */
#include <string.h>

#include "display/display-private.h"
#include "display/mark.h"

static void put(struct display *self)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *time = g_date_time_format(now, "%Y-%m-%d %H:%M");
	g_autofree char *words =
	    self->marked ? g_strdup_printf("%s %s", self->marked, time) : NULL;
	desktop_set_mark(self->desktop, words ? mark_new(words) : NULL);
	if (self->atlas)
		desktop_set_mark(self->atlas, words ? mark_new(words) : NULL);
	display_begin_round(self);
}

static gboolean on_minute(void *data)
{
	struct display *self = data;
	put(self);
	self->mark_timer = 0;
	display_mark_again(self);
	return G_SOURCE_REMOVE;
}

void display_mark_again(struct display *self)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_clear_handle_id(&self->mark_timer, g_source_remove);
	if (self->marked)
		self->mark_timer = g_timeout_add_seconds(
		    60 - g_date_time_get_second(now) + 1, on_minute, self);
}

void display_set_mark(struct display *self, const char *user)
{
	if (g_strcmp0(self->marked, user) == 0)
		return;
	g_free(self->marked);
	self->marked = g_strdup(user);
	put(self);
	display_mark_again(self);
}

void display_marks_off(struct display *self)
{
	desktop_set_mark(self->desktop, NULL);
	if (self->atlas)
		desktop_set_mark(self->atlas, NULL);
}

void display_marks_on(struct display *self)
{
	if (self->marked)
		put(self);
}
