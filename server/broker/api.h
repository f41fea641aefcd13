/* api.h - the API's HTTP server on RUN/admin.sock and RUN/api.sock.
 *
 * On admin.sock (mode 0600, peer of our own uid or root) everybody is an
 * administrator. On api.sock each connection begins with the gateway's line
 * "PEER address port", and requests carry tokens. */
#pragma once

#include "server/broker/internal.h"

struct api *api_create(struct broker *broker, GError **error);
void api_destroy(struct api *api);
