/* schema.h - the store's tables, as numbered migrations. */
#pragma once

#include "server/broker/store.h"

extern const struct store_migration schema_migrations[];
extern const gsize schema_migrations_count;
