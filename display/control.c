#include "display/control.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "common/paths.h"
#include "display/control-record.h"
#include "display/line.h"
#include "display/picture.h"

/* The host role needs one; people with socat a few. */
#define CHANNELS_MAX     16
#define PICTURE_EVENT_US G_USEC_PER_SEC
/* whoever counts idle minutes needs no more */
#define INPUT_EVENT_US (5 * G_USEC_PER_SEC)
#define PICTURES_MAX   4 /* being made at once; each holds a copy */

struct control {
	struct display *display;
	char *path;
	int fd;
	guint watch;
	GPtrArray *channels;
	void (*quit)(void *data);
	void *quit_data;
	/* "picture": once after one was taken, at most one a second */
	bool picture_told;
	gint64 picture_last;
	guint picture_timer;
	unsigned pictures;
	gint64 input_told;
	struct control_record *record;
};

static void broadcast(struct control *self, json_t *event)
{
	g_autoptr(GPtrArray) channels = g_ptr_array_copy(
	    self->channels, (GCopyFunc)(void (*)(void))jsonline_ref, NULL);
	g_ptr_array_set_free_func(channels, (GDestroyNotify)jsonline_unref);
	for (guint i = 0; i < channels->len; i++)
		jsonline_send(channels->pdata[i], json_incref(event));
	json_decref(event);
}

/* ---- events ---- */

static void on_source_changed(void *data, bool connected)
{
	broadcast(data, json_pack("{s:s, s:s}", "event", "source", "state",
				  connected ? "connected" : "lost"));
}

static void on_first_frame(void *data)
{
	broadcast(data, json_pack("{s:s}", "event", "first-frame"));
}

static gboolean tell_picture(void *data)
{
	struct control *self = data;
	self->picture_timer = 0;
	self->picture_told = true;
	self->picture_last = g_get_monotonic_time();
	broadcast(self, json_pack("{s:s}", "event", "picture"));
	return G_SOURCE_REMOVE;
}

static void on_picture_changed(void *data)
{
	struct control *self = data;
	if (self->picture_told || self->picture_timer || !self->channels->len)
		return;
	gint64 wait =
	    self->picture_last + PICTURE_EVENT_US - g_get_monotonic_time();
	if (wait > 0)
		self->picture_timer =
		    g_timeout_add(wait / 1000 + 1, tell_picture, self);
	else
		tell_picture(self);
}

static void on_viewer_changed(void *data, unsigned id, bool attached)
{
	struct control *self = data;
	broadcast(self, json_pack("{s:s, s:s, s:i, s:i}", "event", "viewer",
				  "change", attached ? "attached" : "detached",
				  "id", (int)id, "viewers",
				  (int)display_viewers(self->display)->len));
}

static void on_input(void *data)
{
	struct control *self = data;
	gint64 now = g_get_monotonic_time();
	if (self->input_told && now - self->input_told < INPUT_EVENT_US)
		return;
	self->input_told = now;
	broadcast(self, json_pack("{s:s}", "event", "input"));
}

static const struct display_hooks hooks = {
    .input = on_input,
    .source_changed = on_source_changed,
    .first_frame = on_first_frame,
    .picture_changed = on_picture_changed,
    .viewer_changed = on_viewer_changed,
};

/* ---- requests ---- */

static json_t *status_of(struct control *self)
{
	struct display *display = self->display;
	struct desktop_head on[DESKTOP_HEADS_MAX];
	unsigned count = desktop_heads(display_desktop(display), on);
	const GPtrArray *viewers = display_viewers(display);
	gint64 first = display_first_frame_us(display);
	json_t *heads = json_array(), *list = json_array();
	for (unsigned i = 0; i < count; i++)
		json_array_append_new(
		    heads, json_pack("{s:i, s:i}", "width", (int)on[i].at.w,
				     "height", (int)on[i].at.h));
	for (guint i = 0; i < viewers->len; i++) {
		const struct viewer *viewer = viewers->pdata[i];
		json_array_append_new(
		    list,
		    json_pack("{s:i, s:s, s:I, s:I}", "id", (int)viewer->id,
			      "protocol", viewer->ops->protocol, "since",
			      (json_int_t)viewer->since_unix_s, "bytes_sent",
			      (json_int_t)viewer->bytes_sent));
	}
	gint64 input = display_input_us(display);
	json_t *idle =
	    input ? json_integer((g_get_monotonic_time() - input) / 1000)
		  : json_null();
	return json_pack(
	    "{s:s, s:o, s:o, s:o, s:o, s:o}", "source",
	    display_source_connected(display) ? "connected" : "lost",
	    "first_frame_us", first < 0 ? json_null() : json_integer(first),
	    "heads", heads, "viewers", list, "idle_ms", idle, "recording",
	    control_record_status(self->record));
}

struct picture_call {
	struct control *control; /* outlives its calls: control_free() waits */
	struct jsonline *channel;
	json_int_t id;
};

static void on_picture(GObject *object, GAsyncResult *result, gpointer data)
{
	struct picture_call *call = data;
	g_autoptr(GError) error = NULL;
	unsigned width, height;
	g_autoptr(GBytes) png =
	    picture_take_finish(result, &width, &height, &error);
	call->control->pictures--;
	if (!png) {
		jsonline_reject(call->channel, call->id, error);
	} else {
		gsize length;
		const void *bytes = g_bytes_get_data(png, &length);
		/* a line holds JSONLINE_MAX bytes; base64 makes 4 of 3 */
		if (length / 3 * 4 + 1024 > JSONLINE_MAX) {
			error =
			    fault_new(FAULT_INVALID, "Ask for a smaller width.",
				      "The picture is too large for a "
				      "message.");
			jsonline_reject(call->channel, call->id, error);
		} else {
			g_autofree char *text = g_base64_encode(bytes, length);
			jsonline_reply(call->channel, call->id,
				       json_pack("{s:s, s:i, s:i}", "png", text,
						 "width", (int)width, "height",
						 (int)height));
		}
	}
	jsonline_unref(call->channel);
	g_free(call);
}

static bool optional(json_t *message, const char *key, gint64 low, gint64 high,
		     gint64 *value, GError **error)
{
	json_t *member = json_object_get(message, key);
	return !member || json_is_null(member) ||
	       jsonline_integer(message, key, low, high, value, error);
}

static void take_picture(struct control *self, struct jsonline *channel,
			 json_int_t id, json_t *message, GError **error)
{
	gint64 width = 0, head = -1;
	if (!optional(message, "width", 0, DESKTOP_SIDE_MAX, &width, error) ||
	    !optional(message, "head", 0, DESKTOP_HEADS_MAX - 1, &head, error))
		return;
	if (self->pictures >= PICTURES_MAX) {
		fault_set(error, FAULT_BUSY, "Ask again in a moment.",
			  "Several pictures are being made already.");
		return;
	}
	struct picture_call *call = g_new0(struct picture_call, 1);
	call->control = self;
	call->channel = jsonline_ref(channel);
	call->id = id;
	self->pictures++;
	self->picture_told = false;
	picture_take_async(display_desktop(self->display), head, width,
			   on_picture, call);
}

/* Members that are absent stay as they are. */
static bool optional_word(json_t *message, const char *key,
			  const char *const *words, int *which, GError **error)
{
	if (!json_object_get(message, key))
		return true;
	const char *word = jsonline_string(message, key, error);
	if (!word)
		return false;
	for (*which = 0; words[*which]; ++*which)
		if (strcmp(words[*which], word) == 0)
			return true;
	fault_set(error, FAULT_INVALID, NULL,
		  "Member '%s' has a value that is not known.", key);
	return false;
}

/* Through a shared folder files go both ways, and nobody here reads what is
 * said there. */
/* beyond what any line of ours carries */
#define KBIT_MAX 1000000000

static void allow_files(struct display *display, int ways)
{
	const int out = 1, in = 2, both = 3;
	display_allow_files(display, ways >= in, ways == out || ways == both);
	ports_allow(display_ports(display), PORT_FOLDER, ways == both);
}

/* What is not named here is another's to enforce. */
static bool take_policy(struct control *self, json_t *message, GError **error)
{
	static const struct {
		const char *name;
		bool in, out;
	} ways[] = {{"both", true, true},
		    {"in", true, false},
		    {"out", false, true},
		    {"none", false, false}};
	static const char *const file_ways[] = {"none", "out", "in", "both",
						NULL};
	static const char *const audio_ways[] = {"none", "play", "both", NULL};
	int files = -1, audio = -1;
	json_t *usb = json_object_get(message, "usb");
	json_t *mark = json_object_get(message, "watermark");
	const char *user = json_string_value(json_object_get(message, "user"));
	gint64 kbit = -1;
	const char *wanted = jsonline_string(message, "clipboard", error);
	if (!wanted ||
	    !optional_word(message, "files", file_ways, &files, error) ||
	    !optional_word(message, "audio", audio_ways, &audio, error) ||
	    !optional(message, "bandwidth_kbit", 0, KBIT_MAX, &kbit, error))
		return false;
	if (mark && !json_is_boolean(mark)) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Member 'watermark' must be true or false.");
		return false;
	}
	if (usb && !json_is_boolean(usb)) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Member 'usb' must be true or false.");
		return false;
	}
	for (gsize i = 0; wanted && i < G_N_ELEMENTS(ways); i++) {
		if (strcmp(ways[i].name, wanted) != 0)
			continue;
		clipboard_set_ways(display_clipboard(self->display), ways[i].in,
				   ways[i].out);
		if (files >= 0)
			allow_files(self->display, files);
		if (usb)
			ports_allow(display_ports(self->display), PORT_USB,
				    json_is_true(usb));
		ports_allow(display_ports(self->display), PORT_CONSOLE, true);
		if (mark) /* of nobody's name it has the time at least */
			display_set_mark(self->display, json_is_true(mark)
							    ? user ? user : ""
							    : NULL);
		if (kbit >= 0)
			line_set_limit((uint64_t)kbit * 1000 / 8);
		if (audio >= 0)
			audio_set_ways(display_audio(self->display), audio > 0,
				       audio > 1);
		return true;
	}
	if (wanted)
		fault_set(error, FAULT_INVALID, NULL,
			  "Member 'clipboard' must be both, in, out or none.");
	return false;
}

static void on_request(struct jsonline *channel, json_int_t id, const char *op,
		       json_t *message, int fd, void *data)
{
	struct control *self = data;
	g_autoptr(GError) error = NULL;
	gint64 viewer = 0;
	if (strcmp(op, "status") == 0) {
		jsonline_reply(channel, id, status_of(self));
	} else if (strcmp(op, "picture") == 0) {
		take_picture(self, channel, id, message, &error);
	} else if (strcmp(op, "disconnect") == 0) {
		if (optional(message, "viewer", 1, G_MAXINT, &viewer, &error)) {
			if (!display_disconnect(self->display, viewer) &&
			    viewer)
				fault_set(&error, FAULT_NOT_FOUND, NULL,
					  "There is no viewer %d.",
					  (int)viewer);
			else
				jsonline_reply(channel, id, NULL);
		}
	} else if (strcmp(op, "source") == 0) {
		if (fd < 0) {
			fault_set(&error, FAULT_INVALID,
				  "Send a connected Display1 socket along.",
				  "The request came without a descriptor.");
		} else {
			display_attach_source(self->display, fd);
			fd = -1;
			jsonline_reply(channel, id, NULL);
		}
	} else if (strcmp(op, "policy") == 0) {
		if (take_policy(self, message, &error))
			jsonline_reply(channel, id, NULL);
	} else if (strcmp(op, "record") == 0) {
		int file = fd;
		fd = -1;
		if (control_record_take(self->record, message, file, &error))
			jsonline_reply(channel, id, NULL);
	} else if (strcmp(op, "quit") == 0) {
		jsonline_reply(channel, id, NULL);
		self->quit(self->quit_data);
	} else {
		g_autofree char *quoted = log_quote(op, strlen(op));
		fault_set(&error, FAULT_INVALID, NULL,
			  "The request %s is not known.", quoted);
	}
	if (error)
		jsonline_reject(channel, id, error);
	if (fd >= 0)
		close(fd);
}

static void on_record(void *data, json_t *event)
{
	broadcast(data, event);
}

static void on_closed(struct jsonline *channel, const GError *why, void *data)
{
	struct control *self = data;
	g_ptr_array_remove(self->channels, channel);
}

static const struct jsonline_handlers handlers = {
    .request = on_request,
    .closed = on_closed,
};

static gboolean on_connection(int fd, GIOCondition condition, void *data)
{
	struct control *self = data;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client < 0)
		return G_SOURCE_CONTINUE;
	if (self->channels->len >= CHANNELS_MAX)
		close(client);
	else
		g_ptr_array_add(self->channels,
				jsonline_new(client, &handlers, self));
	return G_SOURCE_CONTINUE;
}

struct control *control_new(struct display *display, const char *path,
			    void (*quit)(void *data), void *data,
			    GError **error)
{
	int fd = paths_unix_listen(path, 0600, error);
	if (fd < 0)
		return NULL;
	struct control *self = g_new0(struct control, 1);
	self->display = display;
	self->path = g_strdup(path);
	self->fd = fd;
	self->quit = quit;
	self->quit_data = data;
	self->channels =
	    g_ptr_array_new_with_free_func((GDestroyNotify)jsonline_unref);
	self->record = control_record_new(display, on_record, self);
	self->watch = g_unix_fd_add(fd, G_IO_IN, on_connection, self);
	display_set_hooks(display, &hooks, self);
	return self;
}

void control_free(struct control *self)
{
	if (!self)
		return;
	display_set_hooks(self->display, NULL, NULL);
	control_record_free(self->record);
	while (self->pictures)
		g_main_context_iteration(NULL, TRUE);
	g_source_remove(self->watch);
	if (self->picture_timer)
		g_source_remove(self->picture_timer);
	close(self->fd);
	unlink(self->path);
	g_ptr_array_unref(self->channels);
	g_free(self->path);
	g_free(self);
}
