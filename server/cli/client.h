/* client.h - calls of the API over RUN/admin.sock.
 *
 * Blocks in a main loop of its own until the answer is there, so that signals
 * and other sources go on. Threads: one. */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

struct client;

/* Connects at the first call. */
struct client *client_create(const char *run_dir);
void client_destroy(struct client *client);

/* path is below /api/v1 and is a printf result of checked parts: use
 * client_part() for what a person typed. Takes body (may be NULL). Returns
 * the answer, {} where there is none. The fault is the server's own. */
json_t *client_call(struct client *client, const char *method, const char *path,
		    json_t *body, GError **error);
/* For answers that are not JSON. */
GBytes *client_fetch(struct client *client, const char *path, GError **error);
/* Escaped for use in a path; new string. */
char *client_part(const char *text);
/* Ends the call under way with FAULT_CANCELLED. */
void client_interrupt(struct client *client);
