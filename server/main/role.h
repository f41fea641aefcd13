/* role.h - what the supervisor tells each role of orield.
 *
 * `orield` starts one process per role (broker, host, gateway), each with its
 * own privileges, and starts one again that dies. A role's main runs until
 * SIGTERM or SIGINT, which it handles itself, and returns an exit status:
 * 0 in order, 1 failed and worth another try, 2 failed for a reason that
 * another try will not mend (it has been logged with its remedy). */
#pragma once

#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "common/paths.h"

/* The port of SPICE viewers that is taken where it is free, and done without
 * where it is not. */
#define SPICE_PORT_USUAL 5930
#define SPICE_PORT_TRY   (-2)

/* Section [oidc] (config.h); issuer NULL: none. */
struct oidc_settings {
	char *issuer, *client_id, *secret_file, *url;
	char *scopes, *name_claim, *groups_claim, *label; /* NULL: usual */
	char *ca_file; /* NULL: the system's */
};

struct role_options {
	const struct oidc_settings *oidc;
	const char *pam, *pam_folder; /* config.h's */
	const char *store;  /* the broker's, or NULL for LIB/store.db */
	const char *listen; /* address of the gateway's ports: "127.0.0.1",
			       "::", ... */
	guint16 https_port; /* 8443; 0 takes a free one */
	guint16 rfb_port;   /* 5900; 0 takes a free one */
	int spice_port; /* -1: none; 0 takes a free one; or SPICE_PORT_TRY */
	unsigned max_connections; /* of the gateway, over all addresses */
	unsigned max_per_address; /* ... and from one */
	gboolean verbose;
	int ready_fd; /* -1, or where role_ready() tells that it serves */
	int lock_fd;  /* -1, or held open while the role lives; children that
			 may outlive it must not have it */
};

typedef int (*role_main)(const struct paths_root *root,
			 const struct role_options *options);

/* Called by a role once it serves. The words are sd_notify(3)'s, so that
 * ready_fd can be the supervisor's pipe or the service manager's socket. */
static inline void role_ready(const struct role_options *options)
{
	static const char words[] = "READY=1\n";
	if (options->ready_fd < 0)
		return;
	ssize_t done = write(options->ready_fd, words, strlen(words));
	(void)done; /* whoever waited is gone: nobody to tell */
	close(options->ready_fd);
}
