/* What the guest says, message by message. Whatever it says of windows that
 * are not there is passed over and counted; what is beyond a limit is refused
 * with a message and costs nothing else. */
#include "client/seamless.h"

#include <string.h>
#include <zlib.h>

#include "client/events.h"
#include "client/seamless-private.h"
#include "common/fault.h"
#include "common/log.h"

#define BORDER_WIDTH 3
#define LATER_MS     16

/* ---- sending ---- */

uint32_t desk_send(struct seamless *desk, struct seam_message *message)
{
	return desk->greeted ? seamless_stream_send(desk->stream, message) : 0;
}

void desk_send_bare(struct seamless *desk, uint16_t type, uint32_t window)
{
	struct seam_message message = {.type = type, .window = window};
	desk_send(desk, &message);
}

static void refuse(struct seamless *desk, uint32_t window, uint32_t fault,
		   const char *text)
{
	struct seam_message message = {.type = SEAM_ERROR, .window = window};
	message.error.code = fault;
	message.error.text = seam_text_of(text, 1024);
	desk_send(desk, &message);
	static struct log_limit limit = {.burst = 3};
	if (log_allow(&limit, NULL))
		log_warn(NULL, "window %u of the desktop: %s", window, text);
}

struct seamless_window *desk_window(struct seamless *desk, uint32_t id)
{
	return g_hash_table_lookup(desk->by_id, GUINT_TO_POINTER(id));
}

struct seamless_window *desk_window_at(struct seamless *desk, Window xid)
{
	return g_hash_table_lookup(desk->by_xid, GSIZE_TO_POINTER(xid));
}

static gboolean on_later(gpointer data)
{
	struct seamless *desk = data;
	GHashTableIter iter;
	gpointer value;
	desk->later = 0;
	g_hash_table_iter_init(&iter, desk->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		desk_tell_geometry(desk, value);
	return G_SOURCE_REMOVE;
}

void desk_tell_geometry(struct seamless *desk, struct seamless_window *window)
{
	struct geometry *geometry = &window->geometry;
	gint64 now = g_get_monotonic_time();
	if (!desk->greeted || window->kind != SEAM_TOPLEVEL)
		return;
	if (geometry_due(geometry, now)) {
		struct seam_message message = {.type = SEAM_CONFIGURE,
					       .window = window->id};
		message.configure =
		    (struct seam_configure){geometry->area, geometry->states};
		uint32_t serial = desk_send(desk, &message);
		if (serial)
			geometry_sent(geometry, serial, now);
	} else if (geometry_due(geometry, G_MAXINT64) && !desk->later) {
		desk->later = g_timeout_add(LATER_MS, on_later, desk);
	}
}

/* ---- windows ---- */

static void tell_count(struct seamless *desk)
{
	if (desk->handlers->windows)
		desk->handlers->windows(desk->toplevels, desk->data);
}

static void drop_window(struct seamless *desk, struct seamless_window *window)
{
	bool toplevel = window->kind == SEAM_TOPLEVEL;
	if (desk->grab == window->xid)
		desk_ungrab(desk);
	if (desk->focus == window->id)
		desk->focus = 0;
	if (desk->under == window->id)
		desk->under = 0;
	if (toplevel)
		desk->toplevels--;
	else
		desk->popups--;
	g_hash_table_remove(desk->by_xid, GSIZE_TO_POINTER(window->xid));
	g_hash_table_remove(desk->by_id, GUINT_TO_POINTER(window->id));
	if (toplevel)
		tell_count(desk);
}

static void take_create(struct seamless *desk,
			const struct seam_message *message)
{
	const struct seam_win_create *create = &message->win_create;
	struct seamless_window *window = desk_window(desk, message->window);
	if (window && window->kind != create->kind) {
		drop_window(desk, window); /* another one with the same id */
		window = NULL;
	}
	if (window) {
		window->fresh = true;
		window->wish = create->area;
		window->parent = create->parent;
		geometry_forget(&window->geometry);
		return;
	}
	bool toplevel = create->kind == SEAM_TOPLEVEL;
	if (g_hash_table_size(desk->by_id) >= SEAM_WINDOWS_MAX ||
	    (!toplevel && desk->popups >= SEAM_POPUPS_MAX)) {
		const char *why =
		    toplevel ? "There are as many windows as can be shown."
			     : "There are as many menus and tips as can be "
			       "shown.";
		refuse(desk, message->window, SEAM_FAULT_LIMIT, why);
		if (toplevel && desk->handlers->trouble)
			desk->handlers->trouble(
			    SEAM_FAULT_LIMIT, message->window, why, desk->data);
		return;
	}
	window = window_new(desk, message->window, create);
	window->fresh = true;
	g_hash_table_insert(desk->by_id, GUINT_TO_POINTER(window->id), window);
	g_hash_table_insert(desk->by_xid, GSIZE_TO_POINTER(window->xid),
			    window);
	if (toplevel)
		desk->toplevels++;
	else
		desk->popups++;
	/* dialogs may have come before what they belong to */
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, desk->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct seamless_window *other = value;
		if (other->transient_for == window->id)
			window_relate(other);
	}
	if (toplevel)
		tell_count(desk);
}

/* After a sync: what the guest is to know again of a window that stayed. */
static void tell_again(struct seamless *desk, struct seamless_window *window)
{
	if (window->kind != SEAM_TOPLEVEL)
		return;
	if (!window->visible)
		desk_send_bare(desk, SEAM_UNMAP, window->id);
	desk_tell_geometry(desk, window);
}

/* It is the one that a launch's user waits for. */
static void tell_shown(struct seamless *desk, struct seamless_window *window)
{
	uint32_t token = window->launch_token;
	window->launch_token = 0;
	if (token && desk->handlers->launch_shown)
		desk->handlers->launch_shown(token, desk->data);
}

static void take_launch_window(struct seamless *desk,
			       struct seamless_window *window, uint32_t token)
{
	gpointer key = GUINT_TO_POINTER(token), text = NULL;
	if (window->kind != SEAM_TOPLEVEL || !token)
		return;
	if (g_hash_table_steal_extended(desk->startup_ids, key, NULL, &text)) {
		g_free(window->startup_id);
		window->startup_id = text;
	}
	window->launch_token = token;
	if (window->mapped_once)
		tell_shown(desk, window);
}

static void take_commit(struct seamless *desk, struct seamless_window *window,
			const struct seam_commit *commit)
{
	struct seam_message release = {.type = SEAM_RELEASE,
				       .window = window->id};
	release.release.frame = commit->frame;
	geometry_answered(&window->geometry, commit->configure);
	if (!window_take_commit(window, commit)) {
		desk_send(desk, &release);
		return;
	}
	if (!window->mapped_once) {
		window_show(window, commit->configure != 0);
		tell_shown(desk, window);
	} else if (window->kind != SEAM_TOPLEVEL &&
		   (window->at.width != window->shown.width ||
		    window->at.height != window->shown.height)) {
		window_place_popup(window);
	}
	desk_tell_geometry(desk, window);
	desk_send(desk, &release);
}

static void take_pixels(struct seamless *desk, struct seamless_window *window,
			const struct seam_pixels *pixels)
{
	const char *why;
	if (!window_take_pixels(window, pixels, &why))
		refuse(desk, window->id, SEAM_FAULT_LIMIT, why);
}

static void take_geom_req(struct seamless *desk, struct seamless_window *window,
			  const struct seam_geom_req *request)
{
	if (window->kind != SEAM_TOPLEVEL) {
		window->wish = request->area;
		if (window->mapped_once)
			window_place_popup(window);
		return;
	}
	if (!geometry_may_ask(&window->geometry, request->based_on))
		return;
	if (!window->mapped_once) {
		window->wish = request->area;
		return;
	}
	window_ask_area(window, request->area);
	/* the window manager may leave it as it is: say so */
	geometry_repeat(&window->geometry);
	if (!desk->later)
		desk->later = g_timeout_add(LATER_MS, on_later, desk);
}

static char *text_dup(struct seam_text text)
{
	return g_strndup(text.bytes, text.size);
}

/* ---- messages ---- */

static void take_sync_begin(struct seamless *desk)
{
	desk_cut_files(desk); /* an agent that began anew has forgotten them */
	GHashTableIter iter;
	gpointer value;
	desk->syncing = true;
	/* whoever speaks now has not heard it yet */
	desk_send_outputs(desk);
	desk_send_keymap(desk);
	g_hash_table_iter_init(&iter, desk->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		((struct seamless_window *)value)->fresh = false;
	desk_forget_apps(desk);
}

static void take_sync_end(struct seamless *desk)
{
	g_autoptr(GList) windows = g_hash_table_get_values(desk->by_id);
	for (GList *l = windows; l; l = l->next) {
		struct seamless_window *window = l->data;
		if (!window->fresh)
			drop_window(desk, window);
		else if (window->mapped_once)
			tell_again(desk, window);
	}
	desk->syncing = false;
	g_clear_pointer(&desk->stack, g_array_unref);
	desk_send_stack(desk);
	desk->told_focus = G_MAXUINT32; /* say it in any case */
	desk_tell_focus(desk);
	if (desk->handlers->synced)
		desk->handlers->synced(desk->data);
}

static void take_hello(struct seamless *desk, const struct seam_hello *hello)
{
	if (hello->version != SEAM_VERSION) {
		g_autoptr(GError) error = fault_new(
		    FAULT_INVALID, "Update this client or the server.",
		    "The server shows windows by another version of the "
		    "protocol");
		seamless_detach(desk);
		desk->handlers->ended(error, desk->data);
		return;
	}
	desk->greeted = true;
}

static void take_error(struct seamless *desk,
		       const struct seam_message *message)
{
	g_autofree char *text = text_dup(message->error.text);
	g_autofree char *quoted = log_quote(text, strlen(text));
	static struct log_limit limit = {.burst = 3};
	if (log_allow(&limit, NULL))
		log_warn(NULL, "the desktop says of window %u: %s",
			 message->window, quoted);
	if (desk->handlers->trouble)
		desk->handlers->trouble(message->error.code, message->window,
					text, desk->data);
}

static void take_notify(struct seamless *desk, const struct seam_notify *said)
{
	if (!desk->handlers->notify)
		return;
	g_autofree char *app = text_dup(said->app);
	g_autofree char *summary = text_dup(said->summary);
	g_autofree char *body = text_dup(said->body);
	desk->handlers->notify(app, summary, body, said->urgency, desk->data);
}

static void take_window_message(struct seamless *desk,
				struct seamless_window *window,
				const struct seam_message *message)
{
	switch (message->type) {
	case SEAM_WIN_PROPS:
		window_take_props(window, &message->win_props);
		break;
	case SEAM_WIN_ICON:
		if (picture_take(&window->icon, &message->picture)) {
			window_take_icon(window);
			picture_clear(&window->icon);
		}
		break;
	case SEAM_PIXELS:
		take_pixels(desk, window, &message->pixels);
		break;
	case SEAM_COMMIT:
		take_commit(desk, window, &message->commit);
		break;
	case SEAM_GEOM_REQ:
		take_geom_req(desk, window, &message->geom_req);
		break;
	case SEAM_STATE_REQ:
		if (window->kind == SEAM_TOPLEVEL)
			window_ask_states(window, message->state_req.set,
					  message->state_req.clear);
		break;
	case SEAM_RAISE_REQ:
		if (window->kind != SEAM_TOPLEVEL || !window->mapped_once)
			break;
		window_ask_attention(window);
		if (desk->handlers->launch_shown)
			desk->handlers->launch_shown(0, desk->data);
		break;
	case SEAM_LAUNCH_WINDOW:
		take_launch_window(desk, window, message->launch_window.token);
		break;
	case SEAM_MOVE_START:
		if (window->kind == SEAM_TOPLEVEL)
			window_ask_move(window, message->move_start.edge,
					message->move_start.button);
		break;
	case SEAM_GRAB:
		window->grabbed = true;
		desk_grab(desk, window);
		break;
	case SEAM_UNGRAB:
		window->grabbed = false;
		if (desk->grab == window->xid)
			desk_ungrab(desk);
		break;
	}
}

static void on_message(const struct seam_message *message, void *data)
{
	struct seamless *desk = data;
	switch (message->type) {
	case SEAM_HELLO:
		take_hello(desk, &message->hello);
		return;
	case SEAM_ERROR:
		take_error(desk, message);
		return;
	case SEAM_PING: {
		struct seam_message pong = *message;
		pong.type = SEAM_PONG;
		desk_send(desk, &pong);
		return;
	}
	}
	if (!desk->greeted)
		return;
	switch (message->type) {
	case SEAM_SYNC_BEGIN:
		take_sync_begin(desk);
		return;
	case SEAM_SYNC_END:
		take_sync_end(desk);
		return;
	case SEAM_WIN_CREATE:
		take_create(desk, message);
		return;
	case SEAM_CURSOR:
		desk_take_cursor(desk, &message->picture);
		return;
	case SEAM_BELL:
		XBell(desk->x11->display, message->bell.percent);
		return;
	case SEAM_NOTIFY:
		take_notify(desk, &message->notify);
		return;
	case SEAM_FILE_BEGIN:
	case SEAM_FILE_DATA:
	case SEAM_FILE_END:
	case SEAM_FILE_STATE:
		desk_take_file(desk, message);
		return;
	case SEAM_APP:
		desk_take_app(desk, &message->app);
		return;
	case SEAM_APP_ICON:
		desk_take_app_icon(desk, &message->picture);
		return;
	case SEAM_APP_GONE:
		desk_take_app_gone(desk, message->app_gone.id);
		return;
	case SEAM_LAUNCH_RESULT: {
		g_autofree char *text = text_dup(message->launch_result.text);
		if (desk->handlers->launched)
			desk->handlers->launched(message->launch_result.token,
						 message->launch_result.failed,
						 text, desk->data);
		return;
	}
	}
	if (message->type == SEAM_LAUNCH_OVER) {
		g_autofree char *text = text_dup(message->launch_over.text);
		if (desk->handlers->launch_over)
			desk->handlers->launch_over(message->launch_over.token,
						    message->launch_over.failed,
						    text, desk->data);
		return;
	}
	struct seamless_window *window = desk_window(desk, message->window);
	if (message->type == SEAM_WIN_DESTROY) {
		if (window)
			drop_window(desk, window);
		desk_send_bare(desk, SEAM_DESTROY_ACK, message->window);
	} else if (window) {
		take_window_message(desk, window, message);
	} else {
		desk->strangers++;
	}
}

static void on_pause(void *data)
{
	struct seamless *desk = data;
	XFlush(desk->x11->display);
}

static void on_ended(const GError *error, void *data)
{
	struct seamless *desk = data;
	g_autoptr(GError) why = error ? g_error_copy(error) : NULL;
	seamless_detach(desk);
	desk->handlers->ended(why, desk->data);
}

static const struct seamless_stream_handlers stream_handlers = {
    .message = on_message,
    .pause = on_pause,
    .ended = on_ended,
};

/* ---- the whole ---- */

static void on_window_gone(gpointer data)
{
	window_free(data);
}

static void set_border(struct seamless *desk, const char *colour)
{
	XColor exact;
	if (!colour || !XParseColor(desk->x11->display, desk->x11->colormap,
				    colour, &exact))
		return;
	desk->inset = BORDER_WIDTH;
	desk->border_pixel = (unsigned long)(exact.red >> 8) << 16 |
			     (unsigned long)(exact.green >> 8) << 8 |
			     exact.blue >> 8;
}

struct seamless *seamless_new(const struct seamless_config *config,
			      const struct seamless_handlers *handlers,
			      void *data, GError **error)
{
	struct seamless *desk = g_new0(struct seamless, 1);
	desk->x11 = x11_open(desk_on_event, desk, error);
	if (!desk->x11) {
		g_free(desk);
		return NULL;
	}
	desk->config = *config;
	desk->prefix = g_strdup(config->prefix ? config->prefix : "");
	desk->config.prefix = desk->config.border = NULL;
	set_border(desk, config->border);
	desk->handlers = handlers;
	desk->data = data;
	desk->by_id = g_hash_table_new_full(NULL, NULL, NULL, on_window_gone);
	desk->by_xid = g_hash_table_new(NULL, NULL);
	desk->startup_ids = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	desk_open_apps(desk);
	desk_open_files(desk);
	z_stream *z = g_new0(z_stream, 1);
	if (inflateInit(z) != Z_OK)
		g_error("no memory for a decoder");
	desk->inflate = z;
	return desk;
}

void seamless_free(struct seamless *desk)
{
	if (!desk)
		return;
	seamless_detach(desk);
	g_clear_handle_id(&desk->later, g_source_remove);
	g_hash_table_remove_all(desk->by_xid);
	g_hash_table_unref(desk->by_id);
	g_hash_table_unref(desk->by_xid);
	g_hash_table_unref(desk->startup_ids);
	g_ptr_array_unref(desk->apps);
	g_hash_table_unref(desk->app_pictures);
	desk_close_files(desk);
	picture_clear(&desk->cursor_picture);
	if (desk->cursor)
		XFreeCursor(desk->x11->display, desk->cursor);
	x11_close(desk->x11);
	inflateEnd(desk->inflate);
	g_free(desk->inflate);
	g_free(desk->pixel_bytes);
	g_free(desk->prefix);
	g_free(desk);
}

static void paint_windows(struct seamless *desk)
{
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, desk->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct seamless_window *window = value;
		if (window->mapped_once)
			window_paint_all(window);
	}
}

void seamless_attach(struct seamless *desk, int fd, struct tunnel *tunnel)
{
	seamless_detach(desk);
	desk->stream = seamless_stream_new(fd, tunnel, &stream_handlers, desk);
	struct seam_message hello = {.type = SEAM_HELLO};
	hello.hello = (struct seam_hello){
	    .version = SEAM_VERSION,
	    .capabilities = SEAM_CAP_PIXELS | SEAM_CAP_NOTIFY | SEAM_CAP_APPS |
			    SEAM_CAP_TRAY,
	    .windows_max = SEAM_WINDOWS_MAX,
	    .pixels_max = SEAM_PIXELS_MAX,
	    .name = seam_text_of("oriel-client " ORIEL_VERSION, 64),
	};
	seamless_stream_send(desk->stream, &hello);
	paint_windows(desk);
}

void seamless_detach(struct seamless *desk)
{
	if (!desk->stream)
		return;
	desk_ungrab(desk);
	desk_cut_files(desk);
	g_clear_handle_id(&desk->focus_idle, g_source_remove);
	g_clear_pointer(&desk->stream, seamless_stream_free);
	desk->greeted = desk->syncing = false;
	desk->told_focus = 0;
	desk->pressed_buttons = 0;
	memset(desk->keys, 0, sizeof desk->keys);
	g_clear_pointer(&desk->stack, g_array_unref);
	/* menus and tips are of the moment; windows stay */
	g_autoptr(GList) windows = g_hash_table_get_values(desk->by_id);
	for (GList *l = windows; l; l = l->next) {
		struct seamless_window *window = l->data;
		if (window->kind != SEAM_TOPLEVEL)
			drop_window(desk, window);
	}
	paint_windows(desk);
	XFlush(desk->x11->display);
}

gboolean seamless_is_attached(const struct seamless *desk)
{
	return desk->greeted;
}

unsigned seamless_launch(struct seamless *desk, const char *app,
			 const char *const *files, const char *startup_id)
{
	g_autofree char *lines =
	    files ? g_strjoinv("\n", (char **)files) : g_strdup("");
	struct seam_message message = {.type = SEAM_LAUNCH};
	message.launch = (struct seam_launch){++desk->token,
					      {app, (uint32_t)strlen(app)},
					      {lines, (uint32_t)strlen(lines)}};
	if (!desk_send(desk, &message))
		return 0;
	if (startup_id)
		g_hash_table_insert(desk->startup_ids,
				    GUINT_TO_POINTER(desk->token),
				    g_strdup(startup_id));
	return desk->token;
}

void seamless_launch_cancel(struct seamless *desk, unsigned token)
{
	struct seam_message message = {.type = SEAM_LAUNCH_CANCEL};
	message.launch_cancel.token = token;
	g_hash_table_remove(desk->startup_ids, GUINT_TO_POINTER(token));
	desk_send(desk, &message);
}

unsigned seamless_count(const struct seamless *desk)
{
	return desk->toplevels;
}
