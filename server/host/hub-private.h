/* hub-private.h - shared by hub*.c alone. */
#pragma once

#include "server/host/builds.h"
#include "server/host/hub.h"
#include "server/host/installs.h"
#include "server/host/machine.h"

struct hub {
	const struct paths_root *root;
	struct world world;
	struct builds *builds;
	struct installs *installs;
	void (*tell)(json_t *message, void *data);
	void *tell_data;
	GHashTable *machines; /* id -> struct machine */
	GPtrArray *findings;  /* of struct engine_finding */
	void (*ready)(void *data);
	void *ready_data;
	unsigned loading;
	void (*done)(void *data);
	void *done_data;
	guint done_timer;
	gint64 deadline_us;
};

/* A member that is one word, as names of images, homes and tasks are; else
 * NULL and a fault. It lives as long as the message. */
const char *hub_word(json_t *message, const char *key, GError **error);
/* Removes templates that nobody can want any more. */
void hub_collect(struct hub *hub);
/* The machines that began with an image; the first one's id, or NULL. With
 * an unusable machine.conf nobody knows, so that one counts too. */
const char *hub_image_user(struct hub *hub, const char *image,
			   const char *version);
