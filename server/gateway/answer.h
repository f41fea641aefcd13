/* answer.h - HTTP refusals with the API's JSON error (docs/api.md). */
#pragma once

#include "common/fault.h"
#include "server/gateway/conn.h"

/* The HTTP status for a fault's code. */
unsigned answer_status(enum fault_code code);

/* The status for the fault's code; Retry-After with 429 and 503. session, if
 * not NULL, is sent as Oriel-Session. Best effort: the client may be gone. */
void answer_fault(struct conn *conn, const GError *fault, const char *session);
/* As the connection's peer expects it before any TLS. */
void answer_plain_http(struct conn *conn);
