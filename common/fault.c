#include "common/fault.h"

#include <gio/gio.h>
#include <stdio.h>
#include <string.h>

G_DEFINE_QUARK(oriel - fault, fault)

static const char *const names[FAULT_CODES] = {
    [FAULT_INTERNAL] = "internal",       [FAULT_INVALID] = "invalid",
    [FAULT_DENIED] = "denied",           [FAULT_NOT_FOUND] = "not-found",
    [FAULT_CONFLICT] = "conflict",       [FAULT_BUSY] = "busy",
    [FAULT_UNAVAILABLE] = "unavailable", [FAULT_TIMEOUT] = "timeout",
    [FAULT_CANCELLED] = "cancelled",     [FAULT_STORAGE] = "storage",
};

G_GNUC_PRINTF(3, 0)
static GError *build(enum fault_code code, const char *remedy,
		     const char *cause, va_list args)
{
	g_autofree char *first = g_strdup_vprintf(cause, args);
	/* the newline is the separator: a quoted foreign text keeps none */
	g_strdelimit(first, "\n", ' ');
	if (!remedy)
		return g_error_new_literal(FAULT, (int)code, first);
	return g_error_new(FAULT, (int)code, "%s\n%s", first, remedy);
}

GError *fault_new(enum fault_code code, const char *remedy, const char *cause,
		  ...)
{
	va_list args;
	va_start(args, cause);
	GError *error = build(code, remedy, cause, args);
	va_end(args);
	return error;
}

void fault_set(GError **error, enum fault_code code, const char *remedy,
	       const char *cause, ...)
{
	if (!error)
		return;
	va_list args;
	va_start(args, cause);
	g_propagate_error(error, build(code, remedy, cause, args));
	va_end(args);
}

char *fault_cause(const GError *error)
{
	const char *end = strchr(error->message, '\n');
	return end ? g_strndup(error->message, (gsize)(end - error->message))
		   : g_strdup(error->message);
}

char *fault_remedy(const GError *error)
{
	const char *end = strchr(error->message, '\n');
	return end && end[1] ? g_strdup(end + 1) : NULL;
}

enum fault_code fault_code(const GError *error)
{
	if (error->domain == FAULT)
		return (enum fault_code)error->code;
	if (error->domain != G_IO_ERROR)
		return FAULT_INTERNAL;
	switch (error->code) {
	case G_IO_ERROR_NOT_FOUND:
		return FAULT_NOT_FOUND;
	case G_IO_ERROR_PERMISSION_DENIED:
		return FAULT_DENIED;
	case G_IO_ERROR_TIMED_OUT:
		return FAULT_TIMEOUT;
	case G_IO_ERROR_CANCELLED:
		return FAULT_CANCELLED;
	case G_IO_ERROR_NO_SPACE:
	case G_IO_ERROR_READ_ONLY:
		return FAULT_STORAGE;
	case G_IO_ERROR_CONNECTION_REFUSED:
	case G_IO_ERROR_CONNECTION_CLOSED:
	case G_IO_ERROR_HOST_NOT_FOUND:
	case G_IO_ERROR_HOST_UNREACHABLE:
	case G_IO_ERROR_NETWORK_UNREACHABLE:
		return FAULT_UNAVAILABLE;
	case G_IO_ERROR_INVALID_ARGUMENT:
	case G_IO_ERROR_INVALID_DATA:
		return FAULT_INVALID;
	default:
		return FAULT_INTERNAL;
	}
}

const char *fault_code_name(enum fault_code code)
{
	return code > 0 && code < FAULT_CODES ? names[code] : "internal";
}

enum fault_code fault_code_parse(const char *name)
{
	for (int i = 1; name && i < FAULT_CODES; i++)
		if (strcmp(names[i], name) == 0)
			return (enum fault_code)i;
	return FAULT_INTERNAL;
}

void fault_print(const char *program, const GError *error)
{
	g_autofree char *cause = fault_cause(error);
	g_autofree char *remedy = fault_remedy(error);
	fprintf(stderr, "%s: %s\n", program, cause);
	if (remedy)
		fprintf(stderr, "%*s  %s\n", (int)strlen(program), "", remedy);
}
