#include "server/broker/names.h"

json_t *names_of(struct broker *broker, const char *sql, const char *key,
		 GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error, sql, "s", key);
	json_t *list = rows ? json_array() : NULL;
	for (gsize i = 0; rows && i < store_rows_count(rows); i++)
		json_array_append_new(list,
				      json_string(store_rows_text(rows, i, 0)));
	return list;
}
