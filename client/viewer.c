#include "client/viewer.h"

#include <gdk/gdkkeysyms.h>
#include <math.h>

#include "client/crisp.h"
#include "client/events.h"
#include "client/viewer-input.h"

/* A window being dragged larger asks the guest once it has come to rest. */
#define RESIZE_QUIET_MS 180
/* X servers answer larger pointers with an error. */
#define CURSOR_MAX_PX 128

struct _OrielViewer {
	GtkDrawingArea parent;
	struct session *session;
	int head;
	struct viewer_input *input;
	cairo_surface_t *kept; /* last picture, while no session shows one */
	int guest_width, guest_height;
	enum viewer_mode mode;
	double zoom;
	gboolean dense, dimmed, follows_not;
	gboolean drawn_any;
	guint64 draws;
	gboolean damaged; /* since the last one */
	guint resize_timer;
	int asked_width, asked_height;
	GdkCursor *cursor, *blank;
	gboolean grabbed;
	GdkSeat *seat;
};

G_DEFINE_TYPE(OrielViewer, oriel_viewer, GTK_TYPE_DRAWING_AREA)

static guint grab_changed_signal;

/* Widget units that one guest pixel should take in FOLLOW and ACTUAL. */
static double natural_scale(OrielViewer *viewer)
{
	int factor = gtk_widget_get_scale_factor(GTK_WIDGET(viewer));
	return viewer->dense ? viewer->zoom / factor : viewer->zoom;
}

struct layout {
	double x, y, scale; /* widget units; a guest pixel takes scale */
};

static struct layout layout_of(OrielViewer *viewer)
{
	int width = gtk_widget_get_allocated_width(GTK_WIDGET(viewer));
	int height = gtk_widget_get_allocated_height(GTK_WIDGET(viewer));
	struct layout layout = {0, 0, natural_scale(viewer)};
	if (viewer->guest_width < 1 || viewer->guest_height < 1)
		return layout;
	double fit = MIN((double)width / viewer->guest_width,
			 (double)height / viewer->guest_height);
	if (viewer->mode == VIEWER_FIT ||
	    (viewer->mode == VIEWER_FOLLOW &&
	     (viewer->follows_not || fit < layout.scale)))
		layout.scale = fit;
	/* whole device pixels, so that nothing is blurred for no reason */
	int factor = gtk_widget_get_scale_factor(GTK_WIDGET(viewer));
	layout.x =
	    floor((width - viewer->guest_width * layout.scale) / 2 * factor) /
	    factor;
	layout.y =
	    floor((height - viewer->guest_height * layout.scale) / 2 * factor) /
	    factor;
	if (viewer->mode == VIEWER_ACTUAL) {
		layout.x = MAX(layout.x, 0);
		layout.y = MAX(layout.y, 0);
	}
	return layout;
}

static void to_guest(OrielViewer *viewer, double x, double y, int *guest_x,
		     int *guest_y)
{
	struct layout layout = layout_of(viewer);
	*guest_x = CLAMP((int)floor((x - layout.x) / layout.scale), 0,
			 MAX(viewer->guest_width - 1, 0));
	*guest_y = CLAMP((int)floor((y - layout.y) / layout.scale), 0,
			 MAX(viewer->guest_height - 1, 0));
}

static void fill_scaled(cairo_t *cr, cairo_surface_t *picture, double x,
			double y, double scale, cairo_filter_t filter)
{
	cairo_save(cr);
	cairo_translate(cr, x, y);
	cairo_scale(cr, scale, scale);
	cairo_set_source_surface(cr, picture, 0, 0);
	cairo_pattern_set_filter(cairo_get_source(cr), filter);
	cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_PAD);
	cairo_rectangle(cr, 0, 0, cairo_image_surface_get_width(picture),
			cairo_image_surface_get_height(picture));
	cairo_fill(cr);
	cairo_restore(cr);
}

/* Between whole factors; only what is to be drawn is enlarged, in pixels of
 * the screen, on which the layout begins. */
static gboolean fill_crisp(cairo_t *cr, cairo_surface_t *picture,
			   const struct layout *layout, int factor)
{
	double scale = layout->scale * factor;
	double left, top, right, bottom;
	cairo_clip_extents(cr, &left, &top, &right, &bottom);
	int x0 = (int)floor((left - layout->x) * factor);
	int y0 = (int)floor((top - layout->y) * factor);
	int x1 = (int)ceil((right - layout->x) * factor);
	int y1 = (int)ceil((bottom - layout->y) * factor);
	x0 = MAX(x0, 0);
	y0 = MAX(y0, 0);
	x1 = MIN(x1, (int)ceil(cairo_image_surface_get_width(picture) * scale -
			       1e-6));
	y1 = MIN(y1, (int)ceil(cairo_image_surface_get_height(picture) * scale -
			       1e-6));
	if (x1 <= x0 || y1 <= y0)
		return TRUE;
	cairo_surface_t *large =
	    cairo_image_surface_create(CAIRO_FORMAT_RGB24, x1 - x0, y1 - y0);
	gboolean good = crisp_enlarge(picture, large, x0, y0, scale);
	if (good) {
		cairo_surface_set_device_scale(large, factor, factor);
		cairo_set_source_surface(cr, large,
					 layout->x + (double)x0 / factor,
					 layout->y + (double)y0 / factor);
		cairo_pattern_set_filter(cairo_get_source(cr),
					 CAIRO_FILTER_NEAREST);
		cairo_paint(cr);
	}
	cairo_surface_destroy(large);
	return good;
}

static void paint_picture(OrielViewer *viewer, cairo_t *cr,
			  cairo_surface_t *picture)
{
	struct layout layout = layout_of(viewer);
	int factor = gtk_widget_get_scale_factor(GTK_WIDGET(viewer));
	double device = layout.scale * factor;
	gboolean whole = fabs(device - round(device)) < 1e-6 && device >= 1;
	if (!whole && device > 1 && fill_crisp(cr, picture, &layout, factor))
		return;
	fill_scaled(cr, picture, layout.x, layout.y, layout.scale,
		    whole        ? CAIRO_FILTER_NEAREST
		    : device < 1 ? CAIRO_FILTER_GOOD
				 : CAIRO_FILTER_BILINEAR);
}

static gboolean viewer_draw(GtkWidget *widget, cairo_t *cr)
{
	OrielViewer *viewer = ORIEL_VIEWER(widget);
	cairo_set_source_rgb(cr, 0.11, 0.11, 0.12);
	cairo_paint(cr);
	cairo_surface_t *live =
	    viewer->session
		? session_lock_picture(viewer->session, viewer->head)
		: NULL;
	cairo_surface_t *picture = live ? live : viewer->kept;
	if (picture)
		paint_picture(viewer, cr, picture);
	if (viewer->session)
		session_unlock_picture(viewer->session);
	if (viewer->dimmed && picture) {
		cairo_set_source_rgba(cr, 0.07, 0.07, 0.08, 0.72);
		cairo_paint(cr);
	}
	if (live) {
		viewer->draws += viewer->damaged;
		viewer->damaged = FALSE;
		viewer_input_drawn(viewer->input);
		if (!viewer->drawn_any) {
			viewer->drawn_any = TRUE;
			events_emit("first-frame", "{s:i,s:i,s:i}", "head",
				    viewer->head, "width", viewer->guest_width,
				    "height", viewer->guest_height);
		}
	}
	return GDK_EVENT_PROPAGATE;
}

static void ask_size(OrielViewer *viewer)
{
	if (!viewer->session || viewer->mode != VIEWER_FOLLOW ||
	    !session_can_resize(viewer->session))
		return;
	double scale = natural_scale(viewer);
	GtkWidget *widget = GTK_WIDGET(viewer);
	int width = (int)(gtk_widget_get_allocated_width(widget) / scale);
	int height = (int)(gtk_widget_get_allocated_height(widget) / scale);
	if (width < 64 || height < 64 ||
	    (width == viewer->guest_width && height == viewer->guest_height) ||
	    (width == viewer->asked_width && height == viewer->asked_height))
		return;
	viewer->asked_width = width;
	viewer->asked_height = height;
	session_resize(viewer->session, viewer->head, width, height);
	events_emit("resize", "{s:i,s:i,s:i}", "head", viewer->head, "width",
		    width, "height", height);
}

static gboolean on_resize_quiet(gpointer data)
{
	OrielViewer *viewer = data;
	viewer->resize_timer = 0;
	ask_size(viewer);
	return G_SOURCE_REMOVE;
}

static void ask_size_soon(OrielViewer *viewer)
{
	if (viewer->resize_timer)
		g_source_remove(viewer->resize_timer);
	viewer->resize_timer =
	    g_timeout_add(RESIZE_QUIET_MS, on_resize_quiet, viewer);
}

static void viewer_size_allocate(GtkWidget *widget, GtkAllocation *allocation)
{
	GTK_WIDGET_CLASS(oriel_viewer_parent_class)
	    ->size_allocate(widget, allocation);
	ask_size_soon(ORIEL_VIEWER(widget));
}

static void update_request(OrielViewer *viewer)
{
	double scale = natural_scale(viewer);
	gboolean actual = viewer->mode == VIEWER_ACTUAL;
	gtk_widget_set_size_request(
	    GTK_WIDGET(viewer),
	    actual ? (int)ceil(viewer->guest_width * scale) : 64,
	    actual ? (int)ceil(viewer->guest_height * scale) : 64);
}

static void apply_cursor(OrielViewer *viewer)
{
	GdkWindow *window = gtk_widget_get_window(GTK_WIDGET(viewer));
	if (window)
		gdk_window_set_cursor(window,
				      viewer->session ? viewer->cursor : NULL);
}

static cairo_surface_t *copy_of(cairo_surface_t *picture)
{
	cairo_surface_t *copy = cairo_image_surface_create(
	    CAIRO_FORMAT_RGB24, cairo_image_surface_get_width(picture),
	    cairo_image_surface_get_height(picture));
	cairo_t *cr = cairo_create(copy);
	cairo_set_source_surface(cr, picture, 0, 0);
	cairo_paint(cr);
	cairo_destroy(cr);
	return copy;
}

void oriel_viewer_set_session(OrielViewer *viewer, struct session *session)
{
	if (viewer->session && !session) {
		viewer_input_release(viewer->input);
		cairo_surface_t *last =
		    session_lock_picture(viewer->session, viewer->head);
		if (last) {
			g_clear_pointer(&viewer->kept, cairo_surface_destroy);
			viewer->kept = copy_of(last);
		}
		session_unlock_picture(viewer->session);
	}
	viewer->session = session;
	viewer->asked_width = viewer->asked_height = 0;
	viewer_input_set_session(viewer->input, session);
	apply_cursor(viewer);
	gtk_widget_queue_draw(GTK_WIDGET(viewer));
}

void oriel_viewer_set_mode(OrielViewer *viewer, enum viewer_mode mode)
{
	viewer->mode = mode;
	viewer->asked_width = viewer->asked_height = 0;
	update_request(viewer);
	ask_size_soon(viewer);
	gtk_widget_queue_draw(GTK_WIDGET(viewer));
}

enum viewer_mode oriel_viewer_get_mode(OrielViewer *viewer)
{
	return viewer->mode;
}

void oriel_viewer_set_zoom(OrielViewer *viewer, double zoom)
{
	viewer->zoom = CLAMP(zoom, 1, VIEWER_ZOOM_MAX);
	oriel_viewer_set_mode(viewer, viewer->mode);
}

void oriel_viewer_set_dense(OrielViewer *viewer, gboolean dense)
{
	viewer->dense = dense;
	oriel_viewer_set_mode(viewer, viewer->mode);
}

void oriel_viewer_set_dimmed(OrielViewer *viewer, gboolean dimmed)
{
	if (viewer->dimmed == dimmed)
		return;
	viewer->dimmed = dimmed;
	gtk_widget_queue_draw(GTK_WIDGET(viewer));
}

gboolean oriel_viewer_has_picture(OrielViewer *viewer)
{
	return viewer->guest_width > 0;
}

void oriel_viewer_size(OrielViewer *viewer, int width, int height)
{
	viewer->guest_width = width;
	viewer->guest_height = height;
	g_clear_pointer(&viewer->kept, cairo_surface_destroy);
	update_request(viewer);
	ask_size_soon(viewer);
	gtk_widget_queue_draw(GTK_WIDGET(viewer));
	events_emit("size", "{s:i,s:i,s:i}", "head", viewer->head, "width",
		    width, "height", height);
}

void oriel_viewer_damage(OrielViewer *viewer, const cairo_region_t *region)
{
	struct layout layout = layout_of(viewer);
	GtkWidget *widget = GTK_WIDGET(viewer);
	gboolean plain = layout.scale == 1.0;
	cairo_region_t *area = cairo_region_create();
	int count = cairo_region_num_rectangles(region);
	for (int i = 0; i < count; i++) {
		cairo_rectangle_int_t r, to;
		cairo_region_get_rectangle(region, i, &r);
		/* a filter reads the neighbours of a pixel too */
		int margin = plain ? 0 : 1 + (int)ceil(layout.scale);
		to.x = (int)floor(layout.x + r.x * layout.scale) - margin;
		to.y = (int)floor(layout.y + r.y * layout.scale) - margin;
		to.width =
		    (int)ceil(layout.x + (r.x + r.width) * layout.scale) +
		    margin - to.x;
		to.height =
		    (int)ceil(layout.y + (r.y + r.height) * layout.scale) +
		    margin - to.y;
		cairo_region_union_rectangle(area, &to);
	}
	gtk_widget_queue_draw_region(widget, area);
	cairo_region_destroy(area);
	viewer->damaged = TRUE;
	viewer_input_damaged(viewer->input);
}

/* As large as the guest's pixels are shown, but never larger than the window
 * system bears. */
static GdkCursor *scaled_cursor(OrielViewer *viewer, cairo_surface_t *image,
				int hot_x, int hot_y)
{
	GdkDisplay *display = gtk_widget_get_display(GTK_WIDGET(viewer));
	int factor = gtk_widget_get_scale_factor(GTK_WIDGET(viewer));
	int width = cairo_image_surface_get_width(image);
	int height = cairo_image_surface_get_height(image);
	unsigned most_w = 0, most_h = 0;
	gdk_display_get_maximal_cursor_size(display, &most_w, &most_h);
	double most = CLAMP(MIN(most_w, most_h), 16, CURSOR_MAX_PX);
	double scale =
	    MIN(layout_of(viewer).scale * factor, most / MAX(width, height));
	int w = MAX(1, (int)(width * scale)), h = MAX(1, (int)(height * scale));
	cairo_surface_t *scaled =
	    cairo_image_surface_create(CAIRO_FORMAT_ARGB32, w, h);
	cairo_t *cr = cairo_create(scaled);
	cairo_scale(cr, scale, scale);
	cairo_set_source_surface(cr, image, 0, 0);
	cairo_pattern_set_filter(cairo_get_source(cr),
				 scale == floor(scale) ? CAIRO_FILTER_NEAREST
						       : CAIRO_FILTER_GOOD);
	cairo_paint(cr);
	cairo_destroy(cr);
	cairo_surface_set_device_scale(scaled, factor, factor);
	GdkCursor *cursor = gdk_cursor_new_from_surface(
	    display, scaled, MIN(hot_x * scale, w - 1) / factor,
	    MIN(hot_y * scale, h - 1) / factor);
	cairo_surface_destroy(scaled);
	return cursor;
}

void oriel_viewer_cursor(OrielViewer *viewer, cairo_surface_t *image, int hot_x,
			 int hot_y)
{
	g_clear_object(&viewer->cursor);
	viewer->cursor = image ? scaled_cursor(viewer, image, hot_x, hot_y)
			       : g_object_ref(viewer->blank);
	apply_cursor(viewer);
}

void oriel_viewer_leds(OrielViewer *viewer, unsigned leds)
{
	viewer_input_leds(viewer->input, leds);
}

void oriel_viewer_resized(OrielViewer *viewer, enum session_resize outcome)
{
	viewer->follows_not = outcome == SESSION_RESIZE_REFUSED;
	if (!viewer->follows_not)
		ask_size(viewer);
	gtk_widget_queue_draw(GTK_WIDGET(viewer));
}

void oriel_viewer_insist(OrielViewer *viewer)
{
	int width = viewer->guest_width, height = viewer->guest_height;
	viewer->asked_width = viewer->asked_height = 0;
	viewer->guest_width = viewer->guest_height = 0;
	ask_size(viewer);
	viewer->guest_width = width;
	viewer->guest_height = height;
}

gboolean oriel_viewer_key(OrielViewer *viewer, GdkEventKey *event)
{
	if (!viewer->session || !gtk_widget_has_focus(GTK_WIDGET(viewer)))
		return FALSE;
	viewer_input_key(viewer->input, event);
	return TRUE;
}

void oriel_viewer_send_keys(OrielViewer *viewer, const unsigned *keysyms)
{
	viewer_input_send_keys(viewer->input, keysyms);
}

void oriel_viewer_release_keys(OrielViewer *viewer)
{
	viewer_input_release(viewer->input);
}

static void set_grabbed(OrielViewer *viewer, gboolean grabbed)
{
	if (viewer->grabbed == grabbed)
		return;
	viewer->grabbed = grabbed;
	events_emit(grabbed ? "grabbed" : "ungrabbed", NULL);
	g_signal_emit(viewer, grab_changed_signal, 0);
}

gboolean oriel_viewer_grab(OrielViewer *viewer)
{
	GtkWidget *widget = GTK_WIDGET(viewer);
	GdkWindow *window = gtk_widget_get_window(widget);
	if (viewer->grabbed)
		return TRUE;
	if (!window || !viewer->session)
		return FALSE;
	gtk_widget_grab_focus(widget);
	viewer->seat =
	    gdk_display_get_default_seat(gtk_widget_get_display(widget));
	if (gdk_seat_grab(viewer->seat, window, GDK_SEAT_CAPABILITY_KEYBOARD,
			  TRUE, NULL, NULL, NULL, NULL) != GDK_GRAB_SUCCESS)
		return FALSE;
	set_grabbed(viewer, TRUE);
	return TRUE;
}

void oriel_viewer_ungrab(OrielViewer *viewer)
{
	if (!viewer->grabbed)
		return;
	gdk_seat_ungrab(viewer->seat);
	viewer_input_release(viewer->input);
	set_grabbed(viewer, FALSE);
}

gboolean oriel_viewer_is_grabbed(OrielViewer *viewer)
{
	return viewer->grabbed;
}

GdkPixbuf *oriel_viewer_snapshot(OrielViewer *viewer)
{
	cairo_surface_t *picture =
	    viewer->session
		? session_lock_picture(viewer->session, viewer->head)
		: NULL;
	if (!picture)
		picture = viewer->kept;
	GdkPixbuf *copy =
	    picture ? gdk_pixbuf_get_from_surface(
			  picture, 0, 0, cairo_image_surface_get_width(picture),
			  cairo_image_surface_get_height(picture))
		    : NULL;
	if (viewer->session)
		session_unlock_picture(viewer->session);
	return copy;
}

static gboolean viewer_button(GtkWidget *widget, GdkEventButton *event)
{
	OrielViewer *viewer = ORIEL_VIEWER(widget);
	int x, y;
	if (event->type != GDK_BUTTON_PRESS &&
	    event->type != GDK_BUTTON_RELEASE)
		return GDK_EVENT_STOP;
	if (event->type == GDK_BUTTON_PRESS && !gtk_widget_has_focus(widget))
		gtk_widget_grab_focus(widget);
	to_guest(viewer, event->x, event->y, &x, &y);
	viewer_input_button(viewer->input, event->button, x, y,
			    event->type == GDK_BUTTON_PRESS);
	return GDK_EVENT_STOP;
}

static gboolean viewer_motion(GtkWidget *widget, GdkEventMotion *event)
{
	OrielViewer *viewer = ORIEL_VIEWER(widget);
	int x, y;
	to_guest(viewer, event->x, event->y, &x, &y);
	viewer_input_motion(viewer->input, x, y);
	/* the full screen's toolbar watches the upper edge */
	return GDK_EVENT_PROPAGATE;
}

static gboolean viewer_scroll(GtkWidget *widget, GdkEventScroll *event)
{
	OrielViewer *viewer = ORIEL_VIEWER(widget);
	int x, y;
	to_guest(viewer, event->x, event->y, &x, &y);
	viewer_input_scroll(viewer->input, event, x, y);
	return GDK_EVENT_STOP;
}

static gboolean viewer_focus_out(GtkWidget *widget, GdkEventFocus *event)
{
	OrielViewer *viewer = ORIEL_VIEWER(widget);
	oriel_viewer_ungrab(viewer);
	viewer_input_release(viewer->input);
	return GDK_EVENT_PROPAGATE;
}

static gboolean viewer_focus_in(GtkWidget *widget, GdkEventFocus *event)
{
	viewer_input_sync_locks(ORIEL_VIEWER(widget)->input);
	return GDK_EVENT_PROPAGATE;
}

static gboolean viewer_grab_broken(GtkWidget *widget, GdkEventGrabBroken *event)
{
	OrielViewer *viewer = ORIEL_VIEWER(widget);
	if (event->keyboard) {
		viewer_input_release(viewer->input);
		set_grabbed(viewer, FALSE);
	}
	return GDK_EVENT_PROPAGATE;
}

static void viewer_realize(GtkWidget *widget)
{
	GTK_WIDGET_CLASS(oriel_viewer_parent_class)->realize(widget);
	OrielViewer *viewer = ORIEL_VIEWER(widget);
	viewer_input_use_display(viewer->input, gtk_widget_get_display(widget));
	apply_cursor(viewer);
}

static void viewer_dispose(GObject *object)
{
	OrielViewer *viewer = ORIEL_VIEWER(object);
	if (viewer->grabbed && viewer->seat)
		gdk_seat_ungrab(viewer->seat);
	viewer->grabbed = FALSE;
	viewer->session = NULL;
	if (viewer->input)
		viewer_input_set_session(viewer->input, NULL);
	g_clear_handle_id(&viewer->resize_timer, g_source_remove);
	G_OBJECT_CLASS(oriel_viewer_parent_class)->dispose(object);
}

static void viewer_finalize(GObject *object)
{
	OrielViewer *viewer = ORIEL_VIEWER(object);
	g_clear_pointer(&viewer->kept, cairo_surface_destroy);
	g_clear_object(&viewer->cursor);
	g_clear_object(&viewer->blank);
	viewer_input_free(viewer->input);
	G_OBJECT_CLASS(oriel_viewer_parent_class)->finalize(object);
}

static void oriel_viewer_class_init(OrielViewerClass *class)
{
	GObjectClass *object = G_OBJECT_CLASS(class);
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);
	object->dispose = viewer_dispose;
	object->finalize = viewer_finalize;
	widget->draw = viewer_draw;
	widget->size_allocate = viewer_size_allocate;
	widget->realize = viewer_realize;
	widget->button_press_event = viewer_button;
	widget->button_release_event = viewer_button;
	widget->motion_notify_event = viewer_motion;
	widget->scroll_event = viewer_scroll;
	widget->focus_in_event = viewer_focus_in;
	widget->focus_out_event = viewer_focus_out;
	widget->grab_broken_event = viewer_grab_broken;
	gtk_widget_class_set_css_name(widget, "viewer");
	grab_changed_signal =
	    g_signal_new("grab-changed", ORIEL_TYPE_VIEWER, G_SIGNAL_RUN_LAST,
			 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void oriel_viewer_init(OrielViewer *viewer)
{
	GtkWidget *widget = GTK_WIDGET(viewer);
	viewer->input = viewer_input_new();
	viewer->zoom = 1;
	viewer->blank = gdk_cursor_new_for_display(gdk_display_get_default(),
						   GDK_BLANK_CURSOR);
	gtk_widget_set_can_focus(widget, TRUE);
	gtk_widget_add_events(widget,
			      GDK_BUTTON_PRESS_MASK | GDK_BUTTON_RELEASE_MASK |
				  GDK_POINTER_MOTION_MASK | GDK_SCROLL_MASK |
				  GDK_SMOOTH_SCROLL_MASK | GDK_KEY_PRESS_MASK |
				  GDK_KEY_RELEASE_MASK | GDK_FOCUS_CHANGE_MASK);
	atk_object_set_name(gtk_widget_get_accessible(widget),
			    "Remote desktop");
	atk_object_set_role(gtk_widget_get_accessible(widget),
			    ATK_ROLE_DRAWING_AREA);
	gtk_widget_set_hexpand(widget, TRUE);
	gtk_widget_set_vexpand(widget, TRUE);
	update_request(viewer);
}

GtkWidget *oriel_viewer_new(int head)
{
	OrielViewer *viewer = g_object_new(ORIEL_TYPE_VIEWER, NULL);
	viewer->head = head;
	viewer_input_set_head(viewer->input, head);
	return GTK_WIDGET(viewer);
}

guint64 oriel_viewer_draws(OrielViewer *viewer)
{
	return viewer->draws;
}

void oriel_viewer_guest_size(OrielViewer *viewer, int *width, int *height)
{
	*width = viewer->guest_width;
	*height = viewer->guest_height;
}

double oriel_viewer_scale(OrielViewer *viewer)
{
	return layout_of(viewer).scale *
	       gtk_widget_get_scale_factor(GTK_WIDGET(viewer));
}

unsigned oriel_viewer_key_to_picture_us(OrielViewer *viewer)
{
	return viewer_input_key_to_picture_us(viewer->input);
}
