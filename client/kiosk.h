/* kiosk.h - what a terminal that is nothing but its desktop is told.
 *
 * An INI file, group [kiosk], all optional: server (HOST, HOST:PORT/POOL; the
 * only one, nobody may choose another), fingerprint (trusted besides those an
 * authority vouches for), protocol (spice or rfb; else the best on offer).
 * Threads: main. Fails: FAULT with the file's name; a file that is not there
 * is none. */
#pragma once

#include "client/app.h"

#define KIOSK_FILE "/etc/oriel/kiosk.conf"

/* Fills what the command line has left open; what comes from the file lives as
 * long as kiosk. path NULL: KIOSK_FILE. */
struct kiosk {
	char *fingerprint, *protocol;
};

gboolean kiosk_read(struct kiosk *kiosk, const char *path,
		    struct app_options *options, GError **error);
void kiosk_clear(struct kiosk *kiosk);
