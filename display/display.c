/* Changes are collected during one round of the main loop and handed on at
 * its end, at the same priority as the machine's messages: no timer delays a
 * lone change, and a machine that paints without pause cannot keep viewers
 * from getting their turn. */
#include "display/display-private.h"

#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "common/paths.h"
#include "display/agent.h"
#include "display/film-stream.h"

/* Between tries to reach a machine that was lost. */
#define RETRY_MS 500

/* The answer to a key is expected for so long: what a guest takes for it. */
#define ANSWER_US 150000

#define AGENT_PORT "com.redhat.spice.0"

/* ---- rounds ---- */

/* A viewer may be found dead while it is written to. */
static void flush_viewers(struct display *self)
{
	g_autoptr(GPtrArray) viewers =
	    g_ptr_array_copy(self->viewers, NULL, NULL);
	for (guint i = 0; i < viewers->len; i++) {
		struct viewer *viewer = viewers->pdata[i];
		if (g_ptr_array_find(self->viewers, viewer, NULL))
			viewer->ops->flush(viewer);
	}
}

static void on_jobs_ready(void *data)
{
	flush_viewers(data);
}

/* Whether someone has pressed something a moment ago. */
static bool is_awaited(const struct display *self, gint64 now_us)
{
	return self->pressed && now_us - self->pressed < ANSWER_US;
}

static gboolean end_round(gpointer data)
{
	struct display *self = data;
	struct desktop_change change;
	self->round = 0;
	unsigned reading = self->reading;
	if (self->atlas_head >= 0)
		reading &= ~(1u << self->atlas_head);
	bool painted = reading ? desktop_commit_prompt(self->desktop, &change)
			       : desktop_commit(self->desktop,
						film_at(self->film), &change);
	self->layout_serial = desktop_layout_serial(self->desktop);
	if (painted) {
		gint64 now = g_get_monotonic_time();
		change.awaited = is_awaited(self, now);
		activity_note(self->activity, self->desktop, &change, now);
		film_look(self->film, self->activity, self->desktop, now);
		for (guint i = 0; i < self->viewers->len; i++) {
			struct viewer *viewer = self->viewers->pdata[i];
			viewer->ops->changed(viewer, &change);
		}
		if (self->watch)
			self->watch->changed(self->watch_data, &change);
	}
	display_atlas_round(self);
	flush_viewers(self);
	if (painted && self->hooks && self->hooks->picture_changed)
		self->hooks->picture_changed(self->hooks_data);
	return G_SOURCE_REMOVE;
}

void display_begin_round(struct display *self)
{
	if (!self->round)
		self->round =
		    g_idle_add_full(G_PRIORITY_DEFAULT, end_round, self, NULL);
}

enum note { NOTE_CURSOR, NOTE_LEDS, NOTE_NAME, NOTE_INPUT_READY, NOTE_PORTS };

static void tell_viewers(struct display *self, enum note note)
{
	g_autoptr(GPtrArray) viewers =
	    g_ptr_array_copy(self->viewers, NULL, NULL);
	for (guint i = 0; i < viewers->len; i++) {
		struct viewer *viewer = viewers->pdata[i];
		/* input that flows again may show one to be broken */
		if (!g_ptr_array_find(self->viewers, viewer, NULL))
			continue;
		switch (note) {
		case NOTE_CURSOR:
			viewer->ops->cursor_changed(viewer);
			break;
		case NOTE_LEDS:
			viewer->ops->leds_changed(viewer);
			break;
		case NOTE_NAME:
			viewer->ops->name_changed(viewer);
			break;
		case NOTE_INPUT_READY:
			viewer->ops->input_ready(viewer);
			break;
		case NOTE_PORTS:
			if (viewer->ops->ports_changed)
				viewer->ops->ports_changed(viewer);
			break;
		}
	}
	display_begin_round(self);
}

/* ---- from the source ---- */

static bool on_resize(void *data, unsigned head, unsigned width,
		      unsigned height, GError **error)
{
	struct display *self = data;
	struct desktop *picture = display_picture_of(self, head);
	if (!desktop_set_head(picture, head, width, height, error))
		return false;
	if (picture != self->desktop ||
	    desktop_layout_serial(self->desktop) != self->layout_serial)
		display_begin_round(self);
	return true;
}

static void on_connected(void *data, const char *name, unsigned heads)
{
	struct display *self = data;
	log_info(&self->about, "machine connected, %u %s", heads,
		 heads == 1 ? "screen" : "screens");
	/* a machine with fewer screens than the one before */
	for (unsigned head = heads; head < DESKTOP_HEADS_MAX; head++)
		on_resize(self, head, 0, 0, NULL);
	if (g_strcmp0(name, self->machine_name) != 0 && *name) {
		g_autofree char *valid = g_utf8_make_valid(name, -1);
		g_free(self->machine_name);
		self->machine_name = g_utf8_substring(
		    valid, 0, MIN(g_utf8_strlen(valid, -1), 128));
		tell_viewers(self, NOTE_NAME);
	}
	if (self->hooks && self->hooks->source_changed)
		self->hooks->source_changed(self->hooks_data, true);
}

static gboolean on_retry(gpointer data)
{
	struct display *self = data;
	int fd = paths_unix_connect(self->source_path, NULL);
	if (fd < 0)
		return G_SOURCE_CONTINUE;
	self->retry = 0;
	display_attach_source(self, fd);
	return G_SOURCE_REMOVE;
}

static void detach_ports(struct display *self)
{
	audio_detach(self->audio);
	agent_detach(self->agent);
	ports_lost(self->ports);
	self->agent_asked = self->port_asked = false;
	if (self->port_ops)
		self->port_ops->detach(self->port_data);
}

/* What was half read is shown as it is: no more of it will come. */
static void stop_reading(struct display *self)
{
	if (self->reading)
		display_begin_round(self);
	self->reading = 0;
}

static void on_lost(void *data, const GError *why)
{
	struct display *self = data;
	detach_ports(self);
	display_set_atlas(self, -1);
	stop_reading(self);
	if (why) {
		g_autofree char *cause = fault_cause(why);
		log_warn(&self->about, "machine's display lost: %s", cause);
	} else {
		log_info(&self->about, "machine's display ended");
	}
	if (self->source_path && !self->retry)
		self->retry = g_timeout_add(RETRY_MS, on_retry, self);
	if (self->hooks && self->hooks->source_changed)
		self->hooks->source_changed(self->hooks_data, false);
}

static void on_trouble(void *data, const GError *why)
{
	struct display *self = data;
	if (log_allow(&self->trouble_limit, &self->about))
		log_fault(&self->about, why);
}

static bool on_write(void *data, unsigned head, const struct rect *part,
		     uint32_t stride_bytes, uint32_t format,
		     const uint8_t *pixels, size_t length, GError **error)
{
	struct display *self = data;
	struct desktop *picture = display_picture_of(self, head);
	if (!desktop_write(picture, head, part, stride_bytes, format, pixels,
			   length, error))
		return false;
	if (self->first_frame < 0 && picture == self->desktop) {
		self->first_frame = g_get_monotonic_time() - self->started;
		if (self->hooks && self->hooks->first_frame)
			self->hooks->first_frame(self->hooks_data);
	}
	display_begin_round(self);
	return true;
}

static void on_reading(void *data, unsigned head, bool reading)
{
	struct display *self = data;
	self->reading &= ~(1u << head);
	self->reading |= (unsigned)reading << head;
	if (!reading)
		display_begin_round(self);
}

/* Half a frame is shown only to someone who waits for an answer: one who has
 * pressed something a moment ago, or moved the pointer after the rest of the
 * frame had been told. */
static void on_prompt(void *data, unsigned head, const struct rect *part,
		      gint64 told_us)
{
	struct display *self = data;
	if (self->input > told_us || is_awaited(self, g_get_monotonic_time()))
		desktop_prompt(self->desktop, head, part);
}

static void on_cursor(void *data, unsigned head, struct cursor *cursor)
{
	struct display *self = data;
	cursor_free(self->cursor);
	self->cursor = cursor;
	self->cursor_hidden = false;
	tell_viewers(self, NOTE_CURSOR);
}

static void on_cursor_visible(void *data, unsigned head, bool visible)
{
	struct display *self = data;
	/* Told with every motion by some machines, and per head. */
	if (self->cursor_hidden == !visible)
		return;
	self->cursor_hidden = !visible;
	tell_viewers(self, NOTE_CURSOR);
}

static void on_leds(void *data, unsigned leds)
{
	struct display *self = data;
	if (self->leds == leds)
		return;
	self->leds = leds;
	tell_viewers(self, NOTE_LEDS);
}

/* The agent's and the one that is set are held for as long as the machine is
 * there, the others while a viewer has them. */
static void on_port(void *data, const char *name, bool open)
{
	struct display *self = data;
	bool agent = strcmp(name, AGENT_PORT) == 0;
	if (g_strcmp0(name, self->port_name) == 0) {
		if (self->port_asked)
			self->port_ops->opened(self->port_data, open);
		else
			self->port_asked = source_open_port(self->source, name);
	} else if (agent && self->agent_asked) {
		agent_port_open(self->agent, open);
	} else if (agent) {
		self->agent_asked = source_open_port(self->source, name);
	} else {
		ports_told(self->ports, name, open);
	}
}

static void on_port_stream(void *data, const char *name, int fd,
			   const GError *why)
{
	struct display *self = data;
	bool open = source_port_is_open(self->source, name);
	if (g_strcmp0(name, self->port_name) == 0 && fd >= 0) {
		self->port_ops->attach(self->port_data, fd);
		self->port_ops->opened(self->port_data, open);
	} else if (strcmp(name, AGENT_PORT) == 0 && fd >= 0) {
		agent_attach(self->agent, fd);
		agent_port_open(self->agent, open);
	} else if (!ports_stream(self->ports, name, fd)) {
		on_trouble(self, why);
	}
}

static void ask_port(void *data, const char *name)
{
	struct display *self = data;
	source_open_port(self->source, name);
}

static void on_ports_changed(void *data)
{
	tell_viewers(data, NOTE_PORTS);
}

static const struct ports_hooks ports_hooks = {
    .ask = ask_port,
    .changed = on_ports_changed,
};

static void on_sound(void *data, GDBusConnection *machine)
{
	struct display *self = data;
	audio_attach(self->audio, machine);
}

static void on_input_ready(void *data)
{
	struct display *self = data;
	tell_viewers(self, NOTE_INPUT_READY);
}

static const struct source_sink sink = {
    .connected = on_connected,
    .lost = on_lost,
    .trouble = on_trouble,
    .resize = on_resize,
    .write = on_write,
    .reading = on_reading,
    .prompt = on_prompt,
    .cursor = on_cursor,
    .cursor_visible = on_cursor_visible,
    .leds = on_leds,
    .port = on_port,
    .port_stream = on_port_stream,
    .sound = on_sound,
    .input_ready = on_input_ready,
};

/* ---- viewers ---- */

void display_attach(struct display *self, struct viewer *viewer)
{
	viewer->display = self;
	viewer->id = ++self->next_id;
	viewer->since_unix_s = g_get_real_time() / G_USEC_PER_SEC;
	viewer->attached = true;
	g_ptr_array_add(self->viewers, viewer);
	if (self->hooks && self->hooks->viewer_changed)
		self->hooks->viewer_changed(self->hooks_data, viewer->id, true);
}

void display_detach(struct viewer *viewer)
{
	struct display *self = viewer->display;
	if (!viewer->attached)
		return;
	for (unsigned key = 0; key < 256; key++)
		if (viewer->keys[key / 8] >> key % 8 & 1)
			display_key(viewer, key, false);
	if (viewer->buttons)
		display_pointer(viewer, viewer->x, viewer->y, 0);
	viewer->attached = false;
	g_ptr_array_remove(self->viewers, viewer);
	if (self->hooks && self->hooks->viewer_changed)
		self->hooks->viewer_changed(self->hooks_data, viewer->id,
					    false);
}

const struct desktop *display_desktop(const struct display *self)
{
	return self->desktop;
}

const struct cursor *display_cursor(const struct display *self)
{
	static const struct cursor hidden;
	return self->cursor && self->cursor_hidden ? &hidden : self->cursor;
}

struct activity *display_activity(const struct display *self)
{
	return self->activity;
}

struct jobs *display_jobs(const struct display *self)
{
	return self->jobs;
}

const struct rect *display_film(const struct display *self)
{
	return film_at(self->film);
}

struct film_streams *display_film_streams(const struct display *self)
{
	return self->film_streams;
}

unsigned display_leds(const struct display *self)
{
	return self->leds;
}

const char *display_name(const struct display *self)
{
	if (self->name)
		return self->name;
	return self->machine_name ? self->machine_name : "Oriel";
}

const char *display_vm(const struct display *self)
{
	return self->vm;
}

struct audio *display_audio(const struct display *self)
{
	return self->audio;
}

struct agent *display_agent(const struct display *self)
{
	return self->agent;
}

struct ports *display_ports(const struct display *self)
{
	return self->ports;
}

struct clipboard *display_clipboard(const struct display *self)
{
	return self->clipboard;
}

void display_allow_files(struct display *self, bool into_guest,
			 bool out_of_guest)
{
	self->files_in_barred = !into_guest;
	self->files_out_barred = !out_of_guest;
	agent_allow_files(self->agent, into_guest);
}

bool display_files_allowed(const struct display *self, bool into_guest)
{
	return into_guest ? !self->files_in_barred : !self->files_out_barred;
}

/* ---- the whole ---- */

struct display *display_new(const char *name, const char *vm)
{
	struct display *self = g_new0(struct display, 1);
	self->name = g_strdup(name);
	self->vm = g_strdup(vm);
	self->about.vm = self->vm;
	self->started = g_get_monotonic_time();
	self->first_frame = -1;
	self->atlas_head = -1;
	self->trouble_limit.burst = 5;
	self->viewers = g_ptr_array_new();
	self->desktop = desktop_new();
	self->activity = activity_new();
	self->film = film_new();
	self->jobs = jobs_new(0, on_jobs_ready, self);
	self->film_streams = film_streams_new(self->jobs);
	self->clipboard = clipboard_new();
	self->agent = agent_new(self->clipboard);
	self->audio = audio_new();
	self->ports = ports_new(&ports_hooks, self);
	self->source = source_new(&sink, self);
	return self;
}

void display_free(struct display *self)
{
	if (!self)
		return;
	self->hooks = NULL;
	display_disconnect(self, 0);
	if (self->round)
		g_source_remove(self->round);
	if (self->retry)
		g_source_remove(self->retry);
	g_clear_handle_id(&self->mark_timer, g_source_remove);
	g_free(self->marked);
	film_streams_free(self->film_streams);
	jobs_free(self->jobs);
	film_free(self->film);
	activity_free(self->activity);
	agent_free(self->agent);
	audio_free(self->audio);
	ports_free(self->ports);
	source_free(self->source);
	clipboard_free(self->clipboard);
	desktop_free(self->desktop);
	desktop_free(self->atlas);
	cursor_free(self->cursor);
	g_ptr_array_unref(self->viewers);
	g_free(self->name);
	g_free(self->machine_name);
	g_free(self->vm);
	g_free(self->source_path);
	g_free(self);
}

void display_set_port(struct display *self, const char *name,
		      const struct display_port_ops *ops, void *data)
{
	self->port_name = ops ? name : NULL;
	self->port_ops = ops;
	self->port_data = data;
}

void display_set_hooks(struct display *self, const struct display_hooks *hooks,
		       void *data)
{
	self->hooks = hooks;
	self->hooks_data = data;
}

void display_set_watch(struct display *self, const struct display_watch *watch,
		       void *data)
{
	self->watch = watch;
	self->watch_data = data;
}

void display_attach_source(struct display *self, int fd)
{
	if (self->retry)
		g_source_remove(self->retry);
	self->retry = 0;
	detach_ports(self);
	stop_reading(self);
	source_attach(self->source, fd);
	display_set_atlas(self, -1);
}

bool display_follow_source(struct display *self, const char *path,
			   GError **error)
{
	int fd = paths_unix_connect(path, error);
	if (fd < 0)
		return false;
	self->source_path = g_strdup(path);
	display_attach_source(self, fd);
	return true;
}

bool display_source_connected(const struct display *self)
{
	return source_is_connected(self->source);
}

gint64 display_first_frame_us(const struct display *self)
{
	return self->first_frame;
}

const GPtrArray *display_viewers(const struct display *self)
{
	return self->viewers;
}

bool display_disconnect(struct display *self, unsigned id)
{
	bool found = false;
	for (guint i = self->viewers->len; i-- > 0;) {
		struct viewer *viewer = self->viewers->pdata[i];
		if (id && viewer->id != id)
			continue;
		found = true;
		viewer->ops->destroy(viewer);
	}
	return found;
}
