/* names.h - a column of names as JSON. */
#pragma once

#include "server/broker/internal.h"

/* What sql selects first, $1 being key: ["...", ...]. NULL: error is set. */
json_t *names_of(struct broker *broker, const char *sql, const char *key,
		 GError **error);
