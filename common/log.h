/* log.h - one line per event, with fields a machine can filter by.
 *
 * To the journal as structured fields (VM, CLIENT, DEVICE) when stderr is
 * the journal's, else to stderr as "program[vm=d1 client=7]: message".
 * Foreign text is quoted by the caller with log_quote(). Libraries do not
 * log; they return a GError, and the program logs it once. Threads: any. */
#pragma once

#include <glib.h>

/* What a message is about; NULL where it does not apply. */
struct log_about {
	const char *vm;
	const char *client;
	const char *device;
};

/* Once, first thing in main(); verbose lets debug messages through. */
void log_open(const char *program, gboolean verbose);

void log_debug(const struct log_about *about, const char *format, ...)
    G_GNUC_PRINTF(2, 3);
void log_info(const struct log_about *about, const char *format, ...)
    G_GNUC_PRINTF(2, 3);
void log_warn(const struct log_about *about, const char *format, ...)
    G_GNUC_PRINTF(2, 3);
void log_error(const struct log_about *about, const char *format, ...)
    G_GNUC_PRINTF(2, 3);
/* cause and remedy of a fault on one line, as a warning */
void log_fault(const struct log_about *about, const GError *error);

/* For messages that an outsider can cause again and again: at most `burst`
 * per second get through, then one tells how many were dropped.
 *	static struct log_limit limit = {.burst = 5};
 *	if (log_allow(&limit, about)) log_warn(about, ...); */
struct log_limit {
	unsigned burst;
	gint64 second;
	unsigned used, dropped;
};
gboolean log_allow(struct log_limit *limit, const struct log_about *about);

/* Printable, bounded copy of foreign text in double quotes; new string. */
char *log_quote(const char *text, gsize length);
