#include "common/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"

static const char *program = "oriel";
static gboolean verbose_on;
static gboolean to_journal;

void log_open(const char *name, gboolean verbose)
{
	program = name;
	verbose_on = verbose;
	to_journal = g_log_writer_is_journald(STDERR_FILENO);
	g_set_prgname(name);
}

static void send_journal(GLogLevelFlags level, const struct log_about *about,
			 const char *text)
{
	GLogField fields[8];
	gsize n = 0;
	const char *priority = level & G_LOG_LEVEL_CRITICAL  ? "3"
			       : level & G_LOG_LEVEL_WARNING ? "4"
			       : level & G_LOG_LEVEL_DEBUG   ? "7"
							     : "6";
	fields[n++] = (GLogField){"MESSAGE", text, -1};
	fields[n++] = (GLogField){"PRIORITY", priority, -1};
	fields[n++] = (GLogField){"SYSLOG_IDENTIFIER", program, -1};
	if (about && about->vm)
		fields[n++] = (GLogField){"VM", about->vm, -1};
	if (about && about->client)
		fields[n++] = (GLogField){"CLIENT", about->client, -1};
	if (about && about->device)
		fields[n++] = (GLogField){"DEVICE", about->device, -1};
	g_log_writer_journald(level, fields, n, NULL);
}

static void send_stderr(const struct log_about *about, const char *text)
{
	g_autoptr(GString) line = g_string_new(program);
	if (about && (about->vm || about->client || about->device)) {
		const char *gap = "";
		g_string_append_c(line, '[');
		if (about->vm) {
			g_string_append_printf(line, "vm=%s", about->vm);
			gap = " ";
		}
		if (about->client) {
			g_string_append_printf(line, "%sclient=%s", gap,
					       about->client);
			gap = " ";
		}
		if (about->device)
			g_string_append_printf(line, "%sdevice=%s", gap,
					       about->device);
		g_string_append_c(line, ']');
	}
	g_string_append_printf(line, ": %s\n", text);
	/* one write, so that lines of several processes do not mix */
	ssize_t done = write(STDERR_FILENO, line->str, line->len);
	(void)done; /* nowhere left to report it */
}

G_GNUC_PRINTF(3, 0)
static void say(GLogLevelFlags level, const struct log_about *about,
		const char *format, va_list args)
{
	g_autofree char *text = g_strdup_vprintf(format, args);
	if (to_journal)
		send_journal(level, about, text);
	else
		send_stderr(about, text);
}

#define LEVEL(name, flag)                                                      \
	void name(const struct log_about *about, const char *format, ...)      \
	{                                                                      \
		va_list args;                                                  \
		va_start(args, format);                                        \
		say(flag, about, format, args);                                \
		va_end(args);                                                  \
	}
LEVEL(log_info, G_LOG_LEVEL_INFO)
LEVEL(log_warn, G_LOG_LEVEL_WARNING)
LEVEL(log_error, G_LOG_LEVEL_CRITICAL)

void log_debug(const struct log_about *about, const char *format, ...)
{
	if (!verbose_on)
		return;
	va_list args;
	va_start(args, format);
	say(G_LOG_LEVEL_DEBUG, about, format, args);
	va_end(args);
}

void log_fault(const struct log_about *about, const GError *error)
{
	g_autofree char *cause = fault_cause(error);
	g_autofree char *remedy = fault_remedy(error);
	log_warn(about, "%s%s%s", cause, remedy ? " " : "",
		 remedy ? remedy : "");
}

gboolean log_allow(struct log_limit *limit, const struct log_about *about)
{
	gint64 now = g_get_monotonic_time() / G_USEC_PER_SEC;
	if (now != limit->second) {
		unsigned dropped = limit->dropped;
		limit->second = now;
		limit->used = limit->dropped = 0;
		if (dropped)
			log_warn(about, "%u similar messages dropped", dropped);
	}
	if (limit->used < limit->burst) {
		limit->used++;
		return TRUE;
	}
	limit->dropped++;
	return FALSE;
}

char *log_quote(const char *text, gsize length)
{
	gsize keep = MIN(length, (gsize)200);
	GString *out = g_string_sized_new(keep + 8);
	g_string_append_c(out, '"');
	for (gsize i = 0; i < keep && text[i]; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '"' || c == '\\')
			g_string_append_printf(out, "\\%c", c);
		else if (c >= 0x20 && c < 0x7f)
			g_string_append_c(out, (char)c);
		else
			g_string_append_printf(out, "\\x%02x", c);
	}
	g_string_append(out, length > keep ? "...\"" : "\"");
	return g_string_free(out, FALSE);
}
