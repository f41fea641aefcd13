#include "server/cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct table {
	guint columns;
	GPtrArray *cells; /* char *; the titles first */
};

/* A guest or host may have chosen it: no escapes reach the terminal. */
char *text_safe(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
	GString *out = g_string_new(NULL);
	for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
		gunichar c = g_utf8_get_char(at);
		g_string_append_unichar(out, g_unichar_isprint(c) ? c : '?');
	}
	return g_string_free(out, FALSE);
}

struct table *table_create(const char *title, ...)
{
	struct table *self = g_new0(struct table, 1);
	self->cells = g_ptr_array_new_with_free_func(g_free);
	va_list args;
	va_start(args, title);
	for (; title; title = va_arg(args, const char *), self->columns++)
		g_ptr_array_add(self->cells, g_strdup(title));
	va_end(args);
	return self;
}

void table_row(struct table *self, ...)
{
	va_list args;
	va_start(args, self);
	for (guint i = 0; i < self->columns; i++) {
		const char *cell = va_arg(args, const char *);
		g_ptr_array_add(self->cells, cell && *cell ? text_safe(cell)
							   : g_strdup("-"));
	}
	va_end(args);
}

static glong width_of(const char *text)
{
	glong width = 0;
	for (; *text; text = g_utf8_next_char(text)) {
		gunichar c = g_utf8_get_char(text);
		width += g_unichar_iszerowidth(c) ? 0
			 : g_unichar_iswide(c)    ? 2
						  : 1;
	}
	return width;
}

void table_print(struct table *self, const char *empty)
{
	guint rows = self->cells->len / self->columns;
	if (rows <= 1) {
		printf("%s\n", empty);
	} else {
		for (guint i = 0; i < self->cells->len; i++) {
			guint column = i % self->columns;
			const char *cell = self->cells->pdata[i];
			glong width = 0;
			for (guint k = column; k < self->cells->len;
			     k += self->columns)
				width =
				    MAX(width, width_of(self->cells->pdata[k]));
			gboolean last = column + 1 == self->columns;
			printf("%s%*s%s", cell,
			       last ? 0 : (int)(width - width_of(cell)), "",
			       last ? "\n" : "  ");
		}
	}
	g_ptr_array_unref(self->cells);
	g_free(self);
}

void table_fact(const char *name, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *value = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *safe = text_safe(value);
	printf("%-12s %s\n", name, *safe ? safe : "-");
}

static char *buffer(gsize *size)
{
	static char buffers[16][32];
	static unsigned next;
	*size = sizeof buffers[0];
	return buffers[next++ % G_N_ELEMENTS(buffers)];
}

const char *text_of(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_boolean(value))
		return json_is_true(value) ? "yes" : "no";
	if (!json_is_integer(value))
		return "";
	gsize size;
	char *text = buffer(&size);
	g_snprintf(text, size, "%" JSON_INTEGER_FORMAT,
		   json_integer_value(value));
	return text;
}

const char *text_ago(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	if (!json_is_integer(value))
		return "";
	gint64 then = json_integer_value(value);
	gint64 age = g_get_real_time() / G_USEC_PER_SEC - then;
	gsize size;
	char *text = buffer(&size);
	if (age < 60) {
		g_snprintf(text, size, "%d s ago", (int)MAX(age, 0));
	} else if (age < 3600) {
		g_snprintf(text, size, "%d min ago", (int)(age / 60));
	} else if (age < 24 * 3600) {
		g_snprintf(text, size, "%d h ago", (int)(age / 3600));
	} else {
		g_autoptr(GDateTime) when =
		    g_date_time_new_from_unix_local(then);
		g_autofree char *date =
		    when ? g_date_time_format(when, "%Y-%m-%d %H:%M")
			 : g_strdup("?");
		g_strlcpy(text, date, size);
	}
	return text;
}

void table_waiting(json_t *waiting)
{
	gsize i;
	json_t *each;
	struct table *table =
	    table_create("WAITS", "FOR POOL", "SINCE", "WHY", NULL);
	json_array_foreach(waiting, i, each)
	    table_row(table, text_of(each, "user"), text_of(each, "pool"),
		      text_ago(each, "since"), text_of(each, "why"));
	table_print(table, "Nobody waits.");
}
