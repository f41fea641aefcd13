/* Pictures of a SPICE session. The library keeps each display channel's
 * primary surface up to date; a head is a channel of its own or a part of the
 * first channel's surface, and is drawn from there without a copy. Changes
 * are told together, once the library has worked off what had come. */
#include "client/spice-session.h"

#include <string.h>

/* Above GTK's drawing and below what brings more. */
#define FLUSH_PRIORITY (G_PRIORITY_HIGH_IDLE + 10)
/* The agent never answers; a guest that follows does so within this. */
#define RESIZE_PATIENCE_MS 2500
#define RECTANGLES_MAX     256

static struct spice_surface *surface_of(struct spice_session *self,
					SpiceChannel *channel)
{
	for (int i = 0; i < SESSION_HEADS; i++)
		if (self->surfaces[i].channel == channel)
			return &self->surfaces[i];
	return NULL;
}

static void put_16(struct spice_surface *surface,
		   const cairo_rectangle_int_t *area)
{
	gboolean green6 = surface->format == SPICE_SURFACE_FMT_16_565;
	cairo_surface_flush(surface->converted);
	guint8 *to = cairo_image_surface_get_data(surface->converted);
	int stride = cairo_image_surface_get_stride(surface->converted);
	for (int y = area->y; y < area->y + area->height; y++) {
		const guint8 *row =
		    surface->data + (gsize)y * (gsize)surface->stride;
		guint8 *out = to + (gsize)y * (gsize)stride;
		for (int x = area->x; x < area->x + area->width; x++) {
			guint16 in;
			memcpy(&in, row + 2 * x, sizeof in);
			guint32 r = green6 ? in >> 11 : in >> 10 & 31;
			guint32 g = green6 ? in >> 5 & 63 : in >> 5 & 31;
			guint32 b = in & 31;
			g = green6 ? g << 2 | g >> 4 : g << 3 | g >> 2;
			guint32 pixel = (r << 3 | r >> 2) << 16 | g << 8 |
					(b << 3 | b >> 2);
			memcpy(out + 4 * (gsize)x, &pixel, sizeof pixel);
		}
	}
	cairo_surface_mark_dirty(surface->converted);
}

/* --- telling -------------------------------------------------------- */

static gboolean on_flush(gpointer data)
{
	struct spice_session *self = data;
	self->flush = 0;
	gboolean any = FALSE;
	for (int i = 0; i < SESSION_HEADS && !self->closed; i++) {
		struct spice_head *head = &self->heads[i];
		struct spice_surface *surface =
		    head->channel ? surface_of(self, head->channel) : NULL;
		if (!surface || !surface->data || !surface->marked)
			continue;
		if (!head->told) {
			head->told = TRUE;
			cairo_rectangle_int_t all = {0, 0, head->area.width,
						     head->area.height};
			cairo_region_union_rectangle(head->damage, &all);
			self->handlers->size(i, head->area.width,
					     head->area.height, self->data);
		}
		if (self->closed || cairo_region_is_empty(head->damage))
			continue;
		cairo_region_t *damage = head->damage;
		head->damage = cairo_region_create();
		any = TRUE;
		self->handlers->damage(i, damage, self->data);
		cairo_region_destroy(damage);
	}
	self->frames += any;
	return G_SOURCE_REMOVE;
}

static void flush_soon(struct spice_session *self)
{
	if (!self->flush)
		self->flush =
		    g_idle_add_full(FLUSH_PRIORITY, on_flush, self, NULL);
}

static void on_invalidate(SpiceChannel *channel, int x, int y, int width,
			  int height, struct spice_session *self)
{
	struct spice_surface *surface = surface_of(self, channel);
	if (!surface || !surface->data)
		return;
	cairo_rectangle_int_t area = {x, y, width, height};
	cairo_rectangle_int_t all = {0, 0, surface->width, surface->height};
	cairo_region_t *changed = cairo_region_create_rectangle(&area);
	cairo_region_intersect_rectangle(changed, &all);
	cairo_region_get_extents(changed, &area);
	if (surface->converted)
		put_16(surface, &area);
	for (int i = 0; i < SESSION_HEADS; i++) {
		struct spice_head *head = &self->heads[i];
		if (head->channel != channel)
			continue;
		cairo_region_t *mine = cairo_region_copy(changed);
		cairo_region_intersect_rectangle(mine, &head->area);
		cairo_region_translate(mine, -head->area.x, -head->area.y);
		cairo_region_union(head->damage, mine);
		cairo_region_destroy(mine);
		if (cairo_region_num_rectangles(head->damage) >
		    RECTANGLES_MAX) {
			cairo_region_get_extents(head->damage, &area);
			cairo_region_union_rectangle(head->damage, &area);
		}
	}
	cairo_region_destroy(changed);
	flush_soon(self);
}

/* --- which heads there are ------------------------------------------ */

static void set_head(struct spice_session *self, int index,
		     SpiceChannel *channel, cairo_rectangle_int_t area)
{
	struct spice_head *head = &self->heads[index];
	gboolean was = head->channel != NULL;
	gboolean same = channel && head->channel == channel &&
			head->area.width == area.width &&
			head->area.height == area.height && head->told;
	head->channel = channel;
	head->area = area;
	if (!head->damage)
		head->damage = cairo_region_create();
	if (same) {
		/* it may have moved */
		cairo_rectangle_int_t all = {0, 0, area.width, area.height};
		cairo_region_union_rectangle(head->damage, &all);
	} else {
		head->told = FALSE;
	}
	if (!channel && was && index > 0 && !self->closed)
		self->handlers->size(index, 0, 0, self->data);
	flush_soon(self);
}

/* The surface and what the server says about monitors on it. */
static void update_heads(struct spice_session *self, SpiceChannel *channel)
{
	struct spice_surface *surface = surface_of(self, channel);
	if (!surface)
		return;
	cairo_rectangle_int_t all = {0, 0, surface->width, surface->height};
	gboolean seen[SESSION_HEADS] = {FALSE};
	int found = 0;
	GArray *monitors = NULL;
	g_object_get(channel, "monitors", &monitors, NULL);
	for (guint i = 0; surface->data && monitors && i < monitors->len; i++) {
		const SpiceDisplayMonitorConfig *monitor =
		    &g_array_index(monitors, SpiceDisplayMonitorConfig, i);
		guint index = surface->id ? (guint)surface->id : monitor->id;
		/* what the server says need not fit its own surface */
		if (index >= SESSION_HEADS || seen[index] ||
		    monitor->width < 1 || monitor->height < 1 ||
		    monitor->x >= (guint)surface->width ||
		    monitor->y >= (guint)surface->height)
			continue;
		cairo_rectangle_int_t area = {
		    (int)monitor->x, (int)monitor->y,
		    (int)MIN(monitor->width,
			     (guint)surface->width - monitor->x),
		    (int)MIN(monitor->height,
			     (guint)surface->height - monitor->y)};
		seen[index] = TRUE;
		found++;
		set_head(self, (int)index, channel, area);
	}
	if (monitors)
		g_array_unref(monitors);
	if (surface->data && !found) {
		seen[surface->id] = TRUE;
		set_head(self, surface->id, channel, all);
	}
	for (int i = 0; surface->data && i < SESSION_HEADS; i++)
		if (self->heads[i].channel == channel && !seen[i])
			set_head(self, i, NULL, all);
}

static void on_monitors(SpiceChannel *channel, GParamSpec *spec,
			struct spice_session *self)
{
	update_heads(self, channel);
}

static void on_create(SpiceChannel *channel, int format, int width, int height,
		      int stride, int shmid, gpointer pixels,
		      struct spice_session *self)
{
	struct spice_surface *surface = surface_of(self, channel);
	if (!surface || width < 1 || height < 1)
		return;
	g_clear_pointer(&surface->converted, cairo_surface_destroy);
	surface->data = pixels;
	surface->width = width;
	surface->height = height;
	surface->stride = stride;
	surface->format = format;
	if (format == SPICE_SURFACE_FMT_16_555 ||
	    format == SPICE_SURFACE_FMT_16_565) {
		surface->converted = cairo_image_surface_create(
		    CAIRO_FORMAT_RGB24, width, height);
		if (cairo_surface_status(surface->converted) !=
		    CAIRO_STATUS_SUCCESS) {
			g_clear_pointer(&surface->converted,
					cairo_surface_destroy);
			surface->data = NULL;
		}
	} else if (format != SPICE_SURFACE_FMT_32_xRGB &&
		   format != SPICE_SURFACE_FMT_32_ARGB) {
		surface->data = NULL; /* no screen looks like that */
	}
	update_heads(self, channel);
}

/* The next surface comes at once; until then the window shows its last. */
static void on_destroy(SpiceChannel *channel, struct spice_session *self)
{
	struct spice_surface *surface = surface_of(self, channel);
	if (!surface)
		return;
	surface->data = NULL;
	surface->marked = FALSE;
	g_clear_pointer(&surface->converted, cairo_surface_destroy);
	for (int i = 0; i < SESSION_HEADS; i++)
		if (self->heads[i].channel == channel)
			self->heads[i].told = FALSE;
}

static void on_mark(SpiceChannel *channel, int mark, struct spice_session *self)
{
	struct spice_surface *surface = surface_of(self, channel);
	if (!surface)
		return;
	surface->marked = mark != 0;
	flush_soon(self);
}

void spice_display_add(struct spice_session *self, SpiceChannel *channel)
{
	int id = -1;
	g_object_get(channel, "channel-id", &id, NULL);
	g_return_if_fail(id >= 0 && id < SESSION_HEADS);
	self->surfaces[id].channel = channel;
	self->surfaces[id].id = id;
	g_signal_connect(channel, "display-primary-create",
			 G_CALLBACK(on_create), self);
	g_signal_connect(channel, "display-primary-destroy",
			 G_CALLBACK(on_destroy), self);
	g_signal_connect(channel, "display-invalidate",
			 G_CALLBACK(on_invalidate), self);
	g_signal_connect(channel, "display-mark", G_CALLBACK(on_mark), self);
	g_signal_connect(channel, "notify::monitors", G_CALLBACK(on_monitors),
			 self);
}

void spice_display_remove(struct spice_session *self, SpiceChannel *channel)
{
	struct spice_surface *surface = surface_of(self, channel);
	if (!surface)
		return;
	g_signal_handlers_disconnect_by_data(channel, self);
	on_destroy(channel, self);
	surface->channel = NULL;
	for (int i = 0; i < SESSION_HEADS; i++)
		if (self->heads[i].channel == channel)
			self->heads[i].channel = NULL;
}

void spice_display_finish(struct spice_session *self)
{
	g_clear_handle_id(&self->flush, g_source_remove);
	g_clear_handle_id(&self->refused_timer, g_source_remove);
	for (int i = 0; i < SESSION_HEADS; i++) {
		if (self->surfaces[i].channel)
			spice_display_remove(self, self->surfaces[i].channel);
		g_clear_pointer(&self->heads[i].damage, cairo_region_destroy);
	}
}

/* --- drawing -------------------------------------------------------- */

cairo_surface_t *spice_display_lock(struct session *session, int index)
{
	struct spice_session *self = (struct spice_session *)session;
	struct spice_head *head = &self->heads[index];
	struct spice_surface *surface =
	    head->channel ? surface_of(self, head->channel) : NULL;
	if (!surface || !surface->data || !surface->marked || !head->told)
		return NULL;
	guint8 *data = surface->data;
	int stride = surface->stride;
	if (surface->converted) {
		data = cairo_image_surface_get_data(surface->converted);
		stride = cairo_image_surface_get_stride(surface->converted);
	}
	self->locked = cairo_image_surface_create_for_data(
	    data + (gsize)head->area.y * (gsize)stride +
		4 * (gsize)head->area.x,
	    CAIRO_FORMAT_RGB24, head->area.width, head->area.height, stride);
	return self->locked;
}

void spice_display_unlock(struct session *session)
{
	struct spice_session *self = (struct spice_session *)session;
	if (self->locked) {
		/* whoever still holds it must not see the library's memory */
		cairo_surface_finish(self->locked);
		cairo_surface_destroy(self->locked);
		self->locked = NULL;
	}
}

/* --- sizes ---------------------------------------------------------- */

static gboolean on_patience(gpointer data)
{
	struct spice_session *self = data;
	self->refused_timer = 0;
	for (int i = 0; i < SESSION_HEADS; i++) {
		const struct spice_head *head = &self->heads[i];
		if (head->channel && head->asked_width &&
		    (head->area.width != head->asked_width ||
		     head->area.height != head->asked_height)) {
			self->handlers->resized(i, SESSION_RESIZE_REFUSED,
						self->data);
			if (self->closed)
				break;
		}
	}
	return G_SOURCE_REMOVE;
}

/* All heads in a row, those that were never asked for as they are. */
void spice_display_resize(struct session *session, int index, int width,
			  int height)
{
	struct spice_session *self = (struct spice_session *)session;
	if (!self->main || !self->agent)
		return;
	self->heads[index].asked_width = width;
	self->heads[index].asked_height = height;
	int x = 0;
	for (int i = 0; i < SESSION_HEADS; i++) {
		const struct spice_head *head = &self->heads[i];
		int w = head->asked_width, h = head->asked_height;
		if (!w && head->channel && i != index) {
			w = head->area.width;
			h = head->area.height;
		}
		spice_main_channel_update_display_enabled(self->main, i, w > 0,
							  FALSE);
		if (w > 0)
			spice_main_channel_update_display(self->main, i, x, 0,
							  w, h, FALSE);
		x += w;
	}
	spice_main_channel_send_monitor_config(self->main);
	g_clear_handle_id(&self->refused_timer, g_source_remove);
	if (width > 0)
		self->refused_timer =
		    g_timeout_add(RESIZE_PATIENCE_MS, on_patience, self);
}

int spice_display_heads(struct session *session)
{
	struct spice_session *self = (struct spice_session *)session;
	return self->agent && self->heads[0].told ? SESSION_HEADS : 1;
}
