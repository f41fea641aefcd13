#include "client/desktop-window-private.h"

#include <gdk/gdkkeysyms.h>

#include "client/events.h"

void desktop_keys_grab_if_due(struct desktop_window *self)
{
	if (self->fullscreen && self->picture &&
	    gtk_window_is_active(self->window) &&
	    gtk_widget_has_focus(GTK_WIDGET(self->viewer)))
		oriel_viewer_grab(self->viewer);
}

void desktop_keys_toggle_grab(struct desktop_window *self)
{
	if (oriel_viewer_is_grabbed(self->viewer))
		oriel_viewer_ungrab(self->viewer);
	else if (self->picture && !oriel_viewer_grab(self->viewer))
		desktop_hint_say(
		    "The keyboard is held by another program; try again.",
		    self->hint);
}

static void on_grab_changed(OrielViewer *viewer, struct desktop_window *self)
{
	gboolean grabbed = oriel_viewer_is_grabbed(viewer);
	fullscreen_bar_set_grabbed(self->bar, grabbed);
	desktop_menu_set_grabbed(self->actions, grabbed);
	if (grabbed && !self->grab_hint_shown) {
		self->grab_hint_shown = TRUE;
		desktop_hint_say(
		    "All keys go to the desktop. Ctrl+Alt+G gives them "
		    "back.",
		    self->hint);
	} else if (!grabbed && self->fullscreen && self->state == LINK_UP &&
		   gtk_window_is_active(self->window)) {
		desktop_hint_say(self->kiosk
				     ? "Ctrl+Alt+G sends all keys to the "
				       "desktop again."
				     : "Ctrl+Alt+G sends all keys to the "
				       "desktop again, Shift+F11 leaves full "
				       "screen.",
				 self->hint);
	}
}

void desktop_keys_set_fullscreen(struct desktop_window *self,
				 gboolean fullscreen)
{
	if (fullscreen)
		gtk_window_fullscreen(self->window);
	else
		gtk_window_unfullscreen(self->window);
}

static gboolean on_window_state(GtkWidget *widget, GdkEventWindowState *event,
				struct desktop_window *self)
{
	if (!(event->changed_mask & GDK_WINDOW_STATE_FULLSCREEN))
		return GDK_EVENT_PROPAGATE;
	self->fullscreen =
	    (event->new_window_state & GDK_WINDOW_STATE_FULLSCREEN) != 0;
	events_emit(self->fullscreen ? "fullscreen" : "windowed", NULL);
	fullscreen_bar_set_active(self->bar, self->fullscreen);
	if (self->fullscreen)
		desktop_keys_grab_if_due(self);
	else
		oriel_viewer_ungrab(self->viewer);
	return GDK_EVENT_PROPAGATE;
}

static gboolean on_key(GtkWidget *widget, GdkEventKey *event,
		       struct desktop_window *self)
{
	unsigned held = event->state & gtk_accelerator_get_default_mod_mask();
	unsigned key = gdk_keyval_to_lower(event->keyval);
	gboolean ctrl_alt = held == (GDK_CONTROL_MASK | GDK_MOD1_MASK);
	if (event->type == GDK_KEY_PRESS && ctrl_alt && key == GDK_KEY_g) {
		oriel_viewer_release_keys(self->viewer);
		desktop_keys_toggle_grab(self);
		return GDK_EVENT_STOP;
	}
	if (event->type == GDK_KEY_PRESS &&
	    ((ctrl_alt && key == GDK_KEY_Return) ||
	     (held == GDK_SHIFT_MASK && key == GDK_KEY_F11))) {
		if (self->kiosk)
			return GDK_EVENT_STOP; /* there is nothing beside it */
		oriel_viewer_release_keys(self->viewer);
		desktop_keys_set_fullscreen(self, !self->fullscreen);
		return GDK_EVENT_STOP;
	}
	if (event->type == GDK_KEY_PRESS && ctrl_alt && key == GDK_KEY_m) {
		oriel_viewer_ungrab(self->viewer);
		oriel_viewer_release_keys(self->viewer);
		if (self->fullscreen)
			fullscreen_bar_open_menu(self->bar);
		else
			desktop_menu_popup(self->header);
		return GDK_EVENT_STOP;
	}
	if (event->type == GDK_KEY_PRESS && ctrl_alt &&
	    (key == GDK_KEY_s || key == GDK_KEY_h)) {
		oriel_viewer_release_keys(self->viewer);
		g_action_group_activate_action(
		    G_ACTION_GROUP(self->actions),
		    key == GDK_KEY_s ? "statistics" : "shortcuts", NULL);
		return GDK_EVENT_STOP;
	}
	if (!notice_visible(self->notice) &&
	    oriel_viewer_key(self->viewer, event))
		return GDK_EVENT_STOP;
	return GDK_EVENT_PROPAGATE;
}

static gboolean on_motion(GtkWidget *widget, GdkEventMotion *event,
			  struct desktop_window *self)
{
	int top = 0;
	if (self->fullscreen) {
		gdk_window_get_origin(gtk_widget_get_window(widget), NULL,
				      &top);
		fullscreen_bar_pointer(self->bar, event->y_root - top);
	}
	return GDK_EVENT_PROPAGATE;
}

void desktop_keys_connect(struct desktop_window *self)
{
	g_signal_connect(self->viewer, "grab-changed",
			 G_CALLBACK(on_grab_changed), self);
	g_signal_connect(self->window, "key-press-event", G_CALLBACK(on_key),
			 self);
	g_signal_connect(self->window, "key-release-event", G_CALLBACK(on_key),
			 self);
	/* also where the folded toolbar lies over the desktop */
	gtk_widget_add_events(GTK_WIDGET(self->window),
			      GDK_POINTER_MOTION_MASK);
	g_signal_connect(self->window, "motion-notify-event",
			 G_CALLBACK(on_motion), self);
	g_signal_connect(self->window, "window-state-event",
			 G_CALLBACK(on_window_state), self);
}
