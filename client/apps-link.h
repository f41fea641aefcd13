/* apps-link.h - the way to a machine's windows, again after every cut.
 *
 * From a socket (tests), or from a server: sign-in, start of the machine,
 * ticket, tunnel of kind `windows`; then with the session's secret, with a
 * pause that grows. Threads: main; a thread of its own connects.
 * Ownership: the options must outlive it. */
#pragma once

#include "client/apps-run.h"
#include "client/tunnel.h"

struct apps_link;

struct apps_link_handlers {
	/* A stream; takes both. tunnel NULL: fd both ways. */
	void (*stream)(int fd, struct tunnel *tunnel, void *data);
	/* The machine is being started. Optional. */
	void (*progress)(const char *stage, double fraction, void *data);
	/* Trying again makes no sense. */
	void (*given_up)(const GError *error, void *data);
};

struct apps_link *apps_link_new(struct apps_options *options,
				const struct apps_link_handlers *handlers,
				void *data);
void apps_link_free(struct apps_link *link);
/* The user is asked to sign in. */
gboolean apps_link_asks(const struct apps_link *link);
/* The stream has ended; makes another. error may be NULL. */
void apps_link_cut(struct apps_link *link, const GError *error);
/* Another client took over: the person decides. */
void apps_link_taken(struct apps_link *link);
