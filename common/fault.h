/* fault.h - errors that tell a person the cause and the remedy.
 *
 * A fault is a GError in the domain FAULT whose message is the cause, a
 * newline, and the remedy. Everything that can fail on outside input reports
 * one, and whoever shows it (API, command line, dialog, log) takes the two
 * halves apart again with fault_cause() and fault_remedy(). Errors of other
 * domains (G_IO_ERROR and so on) work too: all of it is the cause.
 *
 * Threads: any. Ownership: as for GError. */
#pragma once

#include <glib.h>

#define FAULT (fault_quark())
GQuark fault_quark(void);

/* What went wrong, coarse enough to be a stable interface: the API's error
 * codes, HTTP statuses and the command line's exit codes derive from it. */
enum fault_code {
	FAULT_INTERNAL = 1, /* our own mistake */
	FAULT_INVALID,      /* the request or input makes no sense */
	FAULT_DENIED,       /* not allowed, or not who they claim to be */
	FAULT_NOT_FOUND,
	FAULT_CONFLICT,    /* the state of things does not permit it now */
	FAULT_BUSY,        /* limit reached or throttled; later may work */
	FAULT_UNAVAILABLE, /* a part that is needed is absent or down */
	FAULT_TIMEOUT,
	FAULT_CANCELLED,
	FAULT_STORAGE, /* disk full, unreadable or damaged */
	FAULT_CODES,
};

/* remedy may be NULL where none is known. The cause is a printf format. */
void fault_set(GError **error, enum fault_code code, const char *remedy,
	       const char *cause, ...) G_GNUC_PRINTF(4, 5);
GError *fault_new(enum fault_code code, const char *remedy, const char *cause,
		  ...) G_GNUC_PRINTF(3, 4);

/* New strings, to be freed; the remedy is NULL where the error has none. */
char *fault_cause(const GError *error);
char *fault_remedy(const GError *error);

/* FAULT's own code, or the nearest one for errors of GIO. */
enum fault_code fault_code(const GError *error);

/* "invalid", "denied", ...: stable names for JSON. fault_code_parse()
 * answers FAULT_INTERNAL for a name it does not know. */
const char *fault_code_name(enum fault_code code);
enum fault_code fault_code_parse(const char *name);

/* Prints "PROGRAM: cause" and, on its own line, the remedy to stderr. */
void fault_print(const char *program, const GError *error);
