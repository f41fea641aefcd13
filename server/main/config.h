/* config.h - the optional configuration of orield.
 *
 * etc/oriel.conf, then etc/conf.d/ *.conf in name order (later files win),
 * then the command line. INI; every key has a default:
 *
 *	[gateway]
 *	listen = 127.0.0.1       address of both ports; :: is every address
 *	https_port = 8443
 *	rfb_port = 5900
 *	spice_port = 5930        or off; unless set, only where it is free
 *	max_connections = 512    open connections, over all addresses
 *	max_per_address = 128    ... and from one address
 *	[broker]
 *	store = postgresql:///oriel?host=/run/postgresql
 *	                         instead of LIB/store.db
 *	pam = oriel              ask PAM's service of that name about people
 *	                         whom the store does not know; off unless set
 *	pam_folder = /etc/pam.d  where its file is
 *	[oidc]                   a sign-in provider (OpenID Connect); off
 *	                         unless issuer is set, which needs client_id
 *	                         and url
 *	issuer = https://id.example/realm
 *	client_id = oriel
 *	secret_file = /etc/oriel/oidc.secret
 *	                         what the provider gave; none for clients
 *	                         without
 *	url = https://oriel.example:8443/
 *	                         of the web page, as registered there
 *	scopes = openid profile
 *	name_claim = preferred_username
 *	groups_claim = groups
 *	label = Example ID       on the button: Sign in with ...
 *	ca_file = /etc/ssl/house-ca.pem
 *	                         whose certificates the provider's is from,
 *	                         instead of the system's
 *
 * Threads: any. Ownership: strings belong to the struct. */
#pragma once

#include "common/paths.h"
#include "server/main/role.h"

struct config {
	char *listen;
	guint16 https_port;
	guint16 rfb_port;
	int spice_port; /* -1: off; SPICE_PORT_TRY (role.h) */
	unsigned max_connections;
	unsigned max_per_address;
	char *store;            /* NULL: LIB/store.db */
	char *pam, *pam_folder; /* NULL: off; /etc/pam.d */
	struct oidc_settings oidc;
};

/* What is used where nobody says otherwise. */
void config_defaults(struct config *config, gboolean rootless);

/* Reads what is there into config. A value that makes no sense is a fault
 * naming file and line; a key nobody knows is a warning in `remarks` (one
 * string each, never NULL), since a newer version's file must still start. */
gboolean config_load(struct config *config, const struct paths_root *root,
		     GPtrArray *remarks, GError **error);
void config_clear(struct config *config);

/* One file's text; what config_load() does with each. */
gboolean config_parse(struct config *config, const char *path, const char *text,
		      GPtrArray *remarks, GError **error);
