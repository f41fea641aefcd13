#include "client/screens.h"

#include <gdk/gdkkeysyms.h>

#include "client/events.h"

struct screen {
	struct screens *screens;
	int head;
	GtkWindow *window; /* NULL: there is none */
	OrielViewer *viewer;
	gboolean fullscreen;
	gboolean shown; /* the guest has had it in this session */
};

struct screens {
	GtkWindow *desktop;
	char *name;
	const struct screens_handlers *handlers;
	void *data;
	struct session *session;
	struct screen all[SESSION_HEADS]; /* the first is not used */
	enum viewer_mode mode;
	gboolean dense, dimmed;
	double zoom;
};

static struct screen *screen_of(struct screens *screens, int head)
{
	g_return_val_if_fail(head > 0 && head < SESSION_HEADS, NULL);
	return &screens->all[head];
}

static gboolean on_key(GtkWidget *widget, GdkEventKey *event,
		       struct screen *screen)
{
	unsigned held = event->state & gtk_accelerator_get_default_mod_mask();
	unsigned key = gdk_keyval_to_lower(event->keyval);
	gboolean ctrl_alt = held == (GDK_CONTROL_MASK | GDK_MOD1_MASK);
	gboolean press = event->type == GDK_KEY_PRESS;
	if (press && ctrl_alt && key == GDK_KEY_g) {
		oriel_viewer_release_keys(screen->viewer);
		if (oriel_viewer_is_grabbed(screen->viewer))
			oriel_viewer_ungrab(screen->viewer);
		else
			oriel_viewer_grab(screen->viewer);
		return GDK_EVENT_STOP;
	}
	if (press && ((ctrl_alt && key == GDK_KEY_Return) ||
		      (held == GDK_SHIFT_MASK && key == GDK_KEY_F11))) {
		oriel_viewer_release_keys(screen->viewer);
		if (screen->fullscreen)
			gtk_window_unfullscreen(screen->window);
		else
			gtk_window_fullscreen(screen->window);
		return GDK_EVENT_STOP;
	}
	return oriel_viewer_key(screen->viewer, event) ? GDK_EVENT_STOP
						       : GDK_EVENT_PROPAGATE;
}

static gboolean on_state(GtkWidget *widget, GdkEventWindowState *event,
			 struct screen *screen)
{
	screen->fullscreen =
	    (event->new_window_state & GDK_WINDOW_STATE_FULLSCREEN) != 0;
	return GDK_EVENT_PROPAGATE;
}

static void on_active(GObject *window, GParamSpec *spec, struct screen *screen)
{
	screen->screens->handlers->active(screen->screens->data);
}

/* However it went: nothing shows that head any more. */
static void on_destroy(GtkWidget *widget, struct screen *screen)
{
	struct screens *screens = screen->screens;
	oriel_viewer_set_session(screen->viewer, NULL);
	g_clear_object(&screen->viewer);
	screen->window = NULL;
	screen->shown = FALSE;
	events_emit("screen-closed", "{s:i}", "head", screen->head);
	screens->handlers->changed(screens->data);
}

/* By its person: the guest loses that screen, too. */
static gboolean on_delete(GtkWidget *widget, GdkEvent *event,
			  struct screen *screen)
{
	struct session *session = screen->screens->session;
	if (session && session_can_resize(session))
		session_resize(session, screen->head, 0, 0);
	return GDK_EVENT_PROPAGATE;
}

static void open_screen(struct screen *screen, int width, int height)
{
	struct screens *screens = screen->screens;
	g_autofree char *title = g_strdup_printf(
	    "%s – Screen %d – Oriel", screens->name, screen->head + 1);
	screen->window = GTK_WINDOW(gtk_window_new(GTK_WINDOW_TOPLEVEL));
	gtk_window_set_title(screen->window, title);
	gtk_window_set_icon_name(screen->window, "oriel");
	gtk_window_set_application(
	    screen->window, gtk_window_get_application(screens->desktop));
	gtk_window_set_default_size(screen->window, width, height);
	gtk_style_context_add_class(
	    gtk_widget_get_style_context(GTK_WIDGET(screen->window)),
	    "desktop-window");
	screen->viewer =
	    ORIEL_VIEWER(g_object_ref_sink(oriel_viewer_new(screen->head)));
	oriel_viewer_set_mode(screen->viewer, screens->mode == VIEWER_ACTUAL
						  ? VIEWER_FIT
						  : screens->mode);
	oriel_viewer_set_dense(screen->viewer, screens->dense);
	oriel_viewer_set_zoom(screen->viewer, screens->zoom);
	oriel_viewer_set_dimmed(screen->viewer, screens->dimmed);
	gtk_container_add(GTK_CONTAINER(screen->window),
			  GTK_WIDGET(screen->viewer));
	g_signal_connect(screen->window, "key-press-event", G_CALLBACK(on_key),
			 screen);
	g_signal_connect(screen->window, "key-release-event",
			 G_CALLBACK(on_key), screen);
	g_signal_connect(screen->window, "window-state-event",
			 G_CALLBACK(on_state), screen);
	g_signal_connect(screen->window, "notify::is-active",
			 G_CALLBACK(on_active), screen);
	g_signal_connect(screen->window, "delete-event", G_CALLBACK(on_delete),
			 screen);
	g_signal_connect(screen->window, "destroy", G_CALLBACK(on_destroy),
			 screen);
	oriel_viewer_set_session(screen->viewer, screens->session);
	gtk_widget_show_all(GTK_WIDGET(screen->window));
	events_emit("screen-opened", "{s:i}", "head", screen->head);
	screens->handlers->changed(screens->data);
}

static void close_screen(struct screen *screen)
{
	if (screen->window)
		gtk_widget_destroy(GTK_WIDGET(screen->window));
}

void screens_set_session(struct screens *screens, struct session *session)
{
	screens->session = session;
	for (int i = 1; i < SESSION_HEADS; i++) {
		screens->all[i].shown = FALSE;
		if (screens->all[i].window)
			oriel_viewer_set_session(screens->all[i].viewer,
						 session);
	}
	screens->handlers->changed(screens->data);
}

void screens_size(struct screens *screens, int head, int width, int height)
{
	struct screen *screen = screen_of(screens, head);
	if (!screen)
		return;
	if (width < 1 || height < 1) {
		/* one that was only asked for may still come */
		if (screen->shown)
			close_screen(screen);
		return;
	}
	if (!screen->window)
		open_screen(screen, width, height);
	screen->shown = TRUE;
	oriel_viewer_size(screen->viewer, width, height);
}

void screens_damage(struct screens *screens, int head,
		    const cairo_region_t *region)
{
	struct screen *screen = screen_of(screens, head);
	if (screen && screen->window)
		oriel_viewer_damage(screen->viewer, region);
}

#define EACH(call)                                                             \
	for (int i = 1; i < SESSION_HEADS; i++)                                \
		if (screens->all[i].window) {                                  \
			OrielViewer *viewer = screens->all[i].viewer;          \
			call;                                                  \
		}

void screens_cursor(struct screens *screens, cairo_surface_t *image, int hot_x,
		    int hot_y)
{
	EACH(oriel_viewer_cursor(viewer, image, hot_x, hot_y))
}

void screens_leds(struct screens *screens, unsigned leds)
{
	EACH(oriel_viewer_leds(viewer, leds))
}

void screens_resized(struct screens *screens, int head,
		     enum session_resize outcome)
{
	if (head > 0) {
		struct screen *screen = screen_of(screens, head);
		if (screen && screen->window)
			oriel_viewer_resized(screen->viewer, outcome);
		return;
	}
	/* sizes can be asked for (again): those the guest does not have yet */
	if (outcome == SESSION_RESIZE_DONE)
		for (int i = 1; i < SESSION_HEADS; i++)
			if (screens->all[i].window && !screens->all[i].shown)
				oriel_viewer_insist(screens->all[i].viewer);
	screens->handlers->changed(screens->data);
}

void screens_set_dimmed(struct screens *screens, gboolean dimmed)
{
	screens->dimmed = dimmed;
	EACH(oriel_viewer_set_dimmed(viewer, dimmed))
}

void screens_set_mode(struct screens *screens, enum viewer_mode mode)
{
	screens->mode = mode;
	/* only the desktop's window scrolls */
	EACH(oriel_viewer_set_mode(viewer,
				   mode == VIEWER_ACTUAL ? VIEWER_FIT : mode))
}

void screens_set_dense(struct screens *screens, gboolean dense)
{
	screens->dense = dense;
	EACH(oriel_viewer_set_dense(viewer, dense))
}

void screens_set_zoom(struct screens *screens, double zoom)
{
	screens->zoom = zoom;
	EACH(oriel_viewer_set_zoom(viewer, zoom))
}

static struct screen *free_screen(struct screens *screens)
{
	int most = screens->session && session_can_resize(screens->session)
		       ? session_heads(screens->session)
		       : 1;
	for (int i = 1; i < most; i++)
		if (!screens->all[i].window)
			return &screens->all[i];
	return NULL;
}

gboolean screens_can_add(struct screens *screens)
{
	return free_screen(screens) != NULL;
}

void screens_add(struct screens *screens)
{
	struct screen *screen = free_screen(screens);
	int width, height;
	if (!screen)
		return;
	gtk_window_get_size(screens->desktop, &width, &height);
	open_screen(screen, MIN(width, 1280), MIN(height, 800));
	gtk_window_present(screen->window);
}

void screens_fill_monitors(struct screens *screens)
{
	GdkScreen *where = gtk_window_get_screen(screens->desktop);
	GdkDisplay *display = gdk_screen_get_display(where);
	GdkWindow *own = gtk_widget_get_window(GTK_WIDGET(screens->desktop));
	GdkMonitor *taken =
	    own ? gdk_display_get_monitor_at_window(display, own) : NULL;
	int head = 1;
	gtk_window_fullscreen(screens->desktop);
	for (int n = 0; n < gdk_display_get_n_monitors(display); n++) {
		GdkMonitor *monitor = gdk_display_get_monitor(display, n);
		if (monitor == taken)
			continue;
		struct screen *screen =
		    head < SESSION_HEADS ? &screens->all[head++] : NULL;
		if (screen && !screen->window) {
			GdkRectangle area;
			if (!screens_can_add(screens))
				return;
			gdk_monitor_get_geometry(monitor, &area);
			open_screen(screen, area.width, area.height);
		}
		if (screen)
			gtk_window_fullscreen_on_monitor(screen->window, where,
							 n);
	}
}

gboolean screens_active(struct screens *screens)
{
	for (int i = 1; i < SESSION_HEADS; i++)
		if (screens->all[i].window &&
		    gtk_window_is_active(screens->all[i].window))
			return TRUE;
	return FALSE;
}

int screens_count(struct screens *screens)
{
	int count = 1;
	for (int i = 1; i < SESSION_HEADS; i++)
		count += screens->all[i].window != NULL;
	return count;
}

struct screens *screens_new(GtkWindow *desktop, const char *name,
			    const struct screens_handlers *handlers, void *data)
{
	struct screens *screens = g_new0(struct screens, 1);
	screens->desktop = desktop;
	screens->name = g_strdup(name);
	screens->handlers = handlers;
	screens->data = data;
	screens->zoom = 1;
	for (int i = 0; i < SESSION_HEADS; i++) {
		screens->all[i].screens = screens;
		screens->all[i].head = i;
	}
	return screens;
}

void screens_free(struct screens *screens)
{
	if (!screens)
		return;
	for (int i = 1; i < SESSION_HEADS; i++)
		close_screen(&screens->all[i]);
	g_free(screens->name);
	g_free(screens);
}
