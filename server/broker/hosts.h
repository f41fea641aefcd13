/* hosts.h - the broker's side of docs/host-link.md.
 *
 * A host is known by its name from its first `hello` on; a second connection
 * with the same name takes the place of the first. What hosts say is checked
 * here for its envelope and in desktops.c and tasks.c for its contents: a
 * host that lies harms its own desktops only. */
#pragma once

#include "common/jsonline.h"
#include "server/broker/internal.h"

/* Serves RUN/hosts.sock. */
struct hosts *hosts_create(struct broker *broker, GError **error);
void hosts_destroy(struct hosts *hosts);

/* Where a new desktop or image goes; NULL and FAULT_UNAVAILABLE when no host
 * is connected. The name is valid until the main loop runs again. */
const char *hosts_pick(struct hosts *hosts, GError **error);
/* None has been there yet since the broker started a moment ago: whoever needs
 * one does well to wait for a change of HOSTS_KEY. */
gboolean hosts_expected(struct hosts *hosts);
#define HOSTS_KEY "hosts" /* in the hub */
/* All that are connected, by name; borrowed strings. */
GPtrArray *hosts_names(struct hosts *hosts);
gint64 hosts_memory_mib(struct hosts *hosts, const char *name); /* 0 unknown */
unsigned hosts_cpus(struct hosts *hosts); /* of all of them; at least 1 */
/* FALSE only where the host told its images, and this is none of them. */
gboolean hosts_has_image(struct hosts *hosts, const char *name,
			 const char *image, gint64 version);
gboolean hosts_connected(struct hosts *hosts, const char *name);
/* Takes message. Without a connection it is answered with FAULT_UNAVAILABLE,
 * later, like any other answer; timeout_ms 0 waits as long as it is there. */
void hosts_call(struct hosts *hosts, const char *name, json_t *message,
		unsigned timeout_ms, jsonline_answered answered, void *data);
GError *hosts_absent(const char *name); /* the fault of an absent host */
/* For GET /status. */
json_t *hosts_list(struct hosts *hosts);
