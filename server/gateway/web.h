/* web.h - answers for files: RFC 9110's GET and HEAD, ETag, gzip.
 *
 * Threads: the worker's only one. */
#pragma once

#include "server/gateway/conn.h"
#include "server/gateway/http-head.h"
#include "server/gateway/web-files.h"

/* The request is answered here: for a file, or for want of one. */
gboolean web_wants(const struct web_files *files, const struct head *head);

/* TRUE when it was answered and the connection can go on, FALSE when it has
 * to be closed; error is set only where the client broke a rule or left. */
gboolean web_serve(const struct web_files *files, struct conn *conn,
		   const struct head *head, GError **error);
