/* pam.h - passwords that PAM knows: of the system's own accounts, LDAP, AD.
 *
 * Asked through oriel-pam, a process for each question (question.h), which
 * as a service has the rights that PAM's modules need.
 * Threads: one main context. Callbacks come later, exactly once. */
#pragma once

#include "server/broker/question.h"

/* service: of PAM; folder NULL is /etc/pam.d. */
struct helper *pam_create(const struct paths_root *root, const char *service,
			  const char *folder);

/* groups: array of names, borrowed; of a match only. */
typedef void (*pam_checked)(gboolean match, json_t *groups, const GError *error,
			    void *data);
void pam_check(struct helper *pam, const char *user, const char *password,
	       const char *address, pam_checked checked, void *data);
