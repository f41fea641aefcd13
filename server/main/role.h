/* role.h - what the supervisor tells each role of orield.
 *
 * `orield` starts one process per role (broker, host, gateway), each with its
 * own privileges, and starts one again that dies. A role's main runs until
 * SIGTERM or SIGINT, which it handles itself, and returns an exit status:
 * 0 in order, 1 failed and worth another try, 2 failed for a reason that
 * another try will not mend (it has been logged with its remedy). */
#pragma once

#include <glib.h>

#include "common/paths.h"

struct role_options {
	const char *listen;  /* address of the gateway's ports: "127.0.0.1",
				"::", ... */
	guint16 https_port;  /* 8443; 0 takes a free one */
	guint16 rfb_port;    /* 5900; 0 takes a free one */
	gboolean verbose;
	int ready_fd;        /* -1, or: write "ready\n" and close once serving */
};

typedef int (*role_main)(const struct paths_root *root,
			 const struct role_options *options);
