#include "client/events.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"

static int events_fd = -1;
static gint64 started_us;
static GMutex events_lock;

gint64 events_now_us(void)
{
	if (!started_us)
		started_us = g_get_monotonic_time();
	return g_get_monotonic_time() - started_us;
}

gboolean events_open(const char *target, GError **error)
{
	events_now_us();
	guint64 number = 0;
	if (g_ascii_string_to_unsigned(target, 10, 0, G_MAXINT, &number, NULL))
		events_fd = fcntl((int)number, F_DUPFD_CLOEXEC, 3);
	else
		events_fd = open(
		    target, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (events_fd < 0) {
		fault_set(error, FAULT_INVALID,
			  "Name a file that can be written or an open "
			  "descriptor.",
			  "Events cannot be written to %s: %s", target,
			  g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

void events_close(void)
{
	if (events_fd >= 0)
		close(events_fd);
	events_fd = -1;
}

void events_emit(const char *event, const char *format, ...)
{
	if (events_fd < 0)
		return;
	json_t *object = NULL;
	if (format) {
		va_list list;
		va_start(list, format);
		object = json_vpack_ex(NULL, 0, format, list);
		va_end(list);
	}
	if (!object)
		object = json_object();
	json_object_set_new(object, "event", json_string(event));
	json_object_set_new(object, "t_us", json_integer(events_now_us()));
	char *text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (!text)
		return;
	g_autofree char *line = g_strconcat(text, "\n", NULL);
	free(text);
	g_mutex_lock(&events_lock);
	gsize length = strlen(line), done = 0;
	while (done < length && events_fd >= 0) {
		ssize_t n = write(events_fd, line + done, length - done);
		if (n > 0)
			done += (gsize)n;
		else if (errno != EINTR)
			break;
	}
	g_mutex_unlock(&events_lock);
}
