#include "display/control-record.h"

#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "display/recorder.h"

/* What is not asked for otherwise: enough to read every text again. */
#define FPS_DEFAULT     10
#define QUALITY_DEFAULT 80
#define RATE_DEFAULT    8000
#define BYTES_DEFAULT   (G_GINT64_CONSTANT(2) << 30)
#define SECONDS_DEFAULT (4 * 3600)

struct control_record {
	struct display *display;
	void (*tell)(void *data, json_t *event);
	void *data;
	struct recorder *recorder;
	gint64 since_unix_s;
	char *id; /* the caller's name for it */
};

struct control_record *control_record_new(struct display *display,
					  void (*tell)(void *data,
						       json_t *event),
					  void *data)
{
	struct control_record *self = g_new0(struct control_record, 1);
	self->display = display;
	self->tell = tell;
	self->data = data;
	return self;
}

void control_record_free(struct control_record *self)
{
	recorder_free(self->recorder);
	g_free(self->id);
	g_free(self);
}

static void on_ended(const struct recorder_end *end, void *data)
{
	struct control_record *self = data;
	json_t *event = json_pack(
	    "{s:s, s:s, s:s, s:I, s:I}", "event", "recording", "state", "ended",
	    "why", end->why, "bytes", (json_int_t)end->bytes, "length_ms",
	    (json_int_t)MAX(end->length_ms, 0));
	if (self->id)
		json_object_set_new(event, "recording", json_string(self->id));
	if (end->error)
		json_object_set_new(event, "error",
				    jsonline_from_error(end->error));
	recorder_free(g_steal_pointer(&self->recorder));
	self->tell(self->data, event);
}

static bool number(json_t *message, const char *key, gint64 low, gint64 high,
		   gint64 otherwise, gint64 *value, GError **error)
{
	*value = otherwise;
	return !json_object_get(message, key) ||
	       jsonline_integer(message, key, low, high, value, error);
}

static bool settings_of(json_t *message, struct recorder_settings *settings,
			GError **error)
{
	gint64 fps, quality, rate, bytes, seconds, spare;
	if (!number(message, "fps", 1, 30, FPS_DEFAULT, &fps, error) ||
	    !number(message, "quality", 1, 100, QUALITY_DEFAULT, &quality,
		    error) ||
	    !number(message, "rate_kbps", 100, 100000, RATE_DEFAULT, &rate,
		    error) ||
	    !number(message, "max_bytes", 1 << 20, G_MAXINT64, BYTES_DEFAULT,
		    &bytes, error) ||
	    !number(message, "max_s", 1, 7 * 86400, SECONDS_DEFAULT, &seconds,
		    error) ||
	    !number(message, "min_free_bytes", 0, G_MAXINT64, 0, &spare, error))
		return false;
	*settings = (struct recorder_settings){
	    .fps = fps,
	    .quality = quality,
	    .rate_kbps = rate,
	    .max_bytes = bytes,
	    .max_s = seconds,
	    .min_free_bytes = spare,
	    .sound = !json_is_false(json_object_get(message, "sound")),
	    .title = json_string_value(json_object_get(message, "title")),
	};
	return true;
}

static bool begin(struct control_record *self, json_t *message, int fd,
		  GError **error)
{
	struct recorder_settings settings;
	if (self->recorder)
		fault_set(error, FAULT_CONFLICT, "End that one first.",
			  "The desktop is being recorded already.");
	else if (fd < 0)
		fault_set(error, FAULT_INVALID,
			  "Send an empty file's descriptor along.",
			  "The request came without a descriptor.");
	else if (settings_of(message, &settings, error)) {
		self->recorder =
		    recorder_new(self->display, fd, &settings, on_ended, self);
		g_free(self->id);
		self->id = g_strdup(
		    json_string_value(json_object_get(message, "recording")));
		self->since_unix_s = g_get_real_time() / G_USEC_PER_SEC;
		return true;
	}
	if (fd >= 0)
		close(fd);
	return false;
}

bool control_record_take(struct control_record *self, json_t *message, int fd,
			 GError **error)
{
	if (json_is_true(json_object_get(message, "on")))
		return begin(self, message, fd, error);
	if (fd >= 0)
		close(fd);
	if (!json_is_false(json_object_get(message, "on"))) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Member 'on' must be true or false.");
		return false;
	}
	if (self->recorder)
		recorder_stop(self->recorder);
	return true;
}

json_t *control_record_status(const struct control_record *self)
{
	if (!self->recorder)
		return json_null();
	return json_pack("{s:I, s:s?}", "since", (json_int_t)self->since_unix_s,
			 "recording", self->id);
}
