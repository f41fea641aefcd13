/* pam.h - passwords that PAM knows: of the system's own accounts, LDAP, AD.
 *
 * Asked through oriel-pam, a process for each question: over RUN/pam.sock
 * where the service manager has it (data/systemd/oriel-pam.socket), which has
 * the rights that PAM's modules need; else started by us, with ours.
 * Threads: one main context. Callbacks come later, exactly once. */
#pragma once

#include <jansson.h>

#include "common/paths.h"

struct pam;

/* service: of PAM; folder NULL is /etc/pam.d. */
struct pam *pam_create(const struct paths_root *root, const char *service,
		       const char *folder);
void pam_destroy(struct pam *pam);

/* groups: array of names, borrowed; of a match only. */
typedef void (*pam_checked)(gboolean match, json_t *groups, const GError *error,
			    void *data);
void pam_check(struct pam *pam, const char *user, const char *password,
	       const char *address, pam_checked checked, void *data);
