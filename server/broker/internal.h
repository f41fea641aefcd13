/* internal.h - what the broker's parts know of each other.
 *
 * One process, one main context, one store. Each part is created by
 * broker_main in the order of this struct and ends in the reverse one. */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

#include "server/broker/hub.h"
#include "server/broker/store.h"
#include "server/main/role.h"

struct api;
struct desktops;
struct helper;
struct hosts;
struct keeper;
struct oidc;
struct passwords;
struct shadows;
struct tasks;
struct throttle;
struct tunnels;

struct broker {
	const struct paths_root *root;
	GMainLoop *loop;
	int status;
	gint64 started; /* Unix seconds */
	struct store *store;
	struct hub *hub;
	struct throttle *throttle;
	struct passwords *passwords;
	struct helper *pam; /* NULL: not asked */
	struct oidc *oidc;  /* NULL: none */
	struct desktops *desktops;
	struct tasks *tasks;
	struct hosts *hosts;
	struct keeper *keeper;
	struct shadows *shadows;
	struct tunnels *tunnels;
	struct api *api;
	GHashTable *attached, *taken; /* attachments.c's */
	unsigned events_told;         /* events.c's */
};

/* events.c: what happened, for the administrator. Part of the transaction
 * under way, if any; a store that cannot take it is logged, no more. user may
 * be NULL. */
void event_add(struct broker *broker, const char *kind, const char *subject,
	       const char *user, const char *format, ...) G_GNUC_PRINTF(5, 6);
json_t *event_list(struct broker *broker, gint64 after, gint64 limit,
		   GError **error);
#define EVENTS_KEY "events" /* in the hub */

/* JSON of what may be NULL. */
json_t *json_text(const char *text);
