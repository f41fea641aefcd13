/* hub.h - the host role's machines, templates and builds together, and what
 * the broker may ask of them. Threads: main context. */
#pragma once

#include "common/jsonline.h"
#include "common/paths.h"

struct hub;

/* tell: an event for the broker; takes message. */
struct hub *hub_new(const struct paths_root *root,
		    void (*tell)(json_t *message, void *data), void *data);
void hub_free(struct hub *hub);

/* Reads the machines' folders and finds again what runs; removes what an
 * earlier role left half-made. Calls ready once, when all is known. */
void hub_load(struct hub *hub, void (*ready)(void *data), void *data);
/* Ends what cannot outlive the role (builds, template makings); calls done
 * once. Machines run on. */
void hub_shutdown(struct hub *hub, void (*done)(void *data), void *data);

/* Event `hello`. */
json_t *hub_hello(struct hub *hub);
/* A request of the broker; answered now or later on channel. */
void hub_request(struct hub *hub, struct jsonline *channel, json_int_t id,
		 const char *op, json_t *message);
