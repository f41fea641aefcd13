/* schema.h - the store's tables, as numbered migrations. */
#pragma once

#include "server/broker/store.h"

extern const struct store_schema schema;
