/* Handlers: groups. */
#include "common/fault.h"
#include "server/broker/desktops.h"
#include "server/broker/names.h"
#include "server/broker/policy.h"
#include "server/broker/request.h"

/* name NULL: {"groups": [...]}. */
static json_t *groups_json(struct broker *broker, const char *name,
			   GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT name, created, policy FROM groups"
			" WHERE ($1 = '' OR name = $1) ORDER BY name",
			"s", name ? name : "");
	json_t *list = rows ? json_array() : NULL;
	for (gsize i = 0; list && i < store_rows_count(rows); i++) {
		const char *group = store_rows_text(rows, i, 0);
		struct policy policy =
		    policy_of_text(store_rows_text(rows, i, 2));
		json_t *users = names_of(broker,
					 "SELECT user_name FROM group_users"
					 " WHERE group_name = $1"
					 " ORDER BY user_name",
					 group, error);
		json_t *pools = users ? names_of(broker,
						 "SELECT pool FROM pool_groups"
						 " WHERE group_name = $1"
						 " ORDER BY pool",
						 group, error)
				      : NULL;
		if (!pools) {
			json_decref(users);
			json_decref(list);
			return NULL;
		}
		json_array_append_new(
		    list, json_pack("{s:s, s:o, s:o, s:o, s:I}", "group", group,
				    "users", users, "pools", pools, "policy",
				    policy_json(&policy), "created",
				    (json_int_t)store_rows_int(rows, i, 1)));
	}
	if (!name)
		return list ? json_pack("{s:o}", "groups", list) : NULL;
	json_t *one = json_incref(json_array_get(list, 0));
	if (list && !one)
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel group list' shows what is there.",
			  "There is no group '%s'.", name);
	json_decref(list);
	return one;
}

static void answer(struct request *request, const char *name)
{
	g_autoptr(GError) error = NULL;
	json_t *json = groups_json(request->broker, name, &error);
	if (json)
		request_done(request, json);
	else
		request_fail(request, error);
}

void handle_groups(struct request *request)
{
	answer(request, NULL);
}

void handle_group(struct request *request)
{
	answer(request, request->params[0]);
}

static gboolean put_member(struct broker *broker, const char *group,
			   const char *user, GError **error)
{
	gint64 changed = 0;
	if (!store_run(broker->store, &changed, error,
		       "INSERT INTO group_users(group_name, user_name)"
		       " SELECT $1, name FROM users WHERE name = $2"
		       " ON CONFLICT DO NOTHING",
		       "ss", group, user))
		return FALSE;
	if (changed)
		return TRUE;
	g_autoptr(store_rows) known =
	    store_query(broker->store, error,
			"SELECT 1 FROM users WHERE name = $1", "s", user);
	if (known && !store_rows_count(known)) {
		g_autofree char *quoted = g_strescape(user, NULL);
		fault_set(error, FAULT_NOT_FOUND,
			  "Add the user first ('oriel user add').",
			  "There is no user '%.64s'.", quoted);
	}
	return known && store_rows_count(known);
}

static gboolean put(struct request *request, const char *group, GError **error)
{
	struct broker *broker = request->broker;
	struct store *db = broker->store;
	json_t *users = json_object_get(request->body, "users");
	json_t *policy = json_object_get(request->body, "policy");
	if (!store_run(db, NULL, error,
		       "INSERT INTO groups(name, created) VALUES($1, $2)"
		       " ON CONFLICT(name) DO NOTHING",
		       "si", group, store_now(db)) ||
	    (users && !store_run(db, NULL, error,
				 "DELETE FROM group_users"
				 " WHERE group_name = $1",
				 "s", group)) ||
	    (policy && !policy_store(broker, "groups", group, policy, error)))
		return FALSE;
	gsize i;
	json_t *user;
	json_array_foreach(users, i,
			   user) if (!put_member(broker, group,
						 json_string_value(user),
						 error)) return FALSE;
	event_add(broker, "group", group, request_who(request),
		  "Group %s was set.", group);
	return TRUE;
}

void handle_group_put(struct request *request)
{
	g_autoptr(GError) error = NULL;
	const char *name = request->params[0];
	struct store *db = request->broker->store;
	struct desktops *desktops = request->broker->desktops;
	if (!shape_is_name(name, 32))
		fault_set(&error, FAULT_INVALID, NULL,
			  "A group's name has at most 32 small letters, "
			  "digits, '.', '_' and '-', and begins with a letter "
			  "or digit.");
	else if (store_begin(db, &error))
		store_end(db, put(request, name, &error), &error);
	if (error)
		request_fail(request, error);
	else
		answer(request, name);
	desktops_policies_changed(desktops);
}

void handle_group_remove(struct request *request)
{
	g_autoptr(GError) error = NULL;
	const char *name = request->params[0];
	gint64 changed = 0;
	if (store_run(request->broker->store, &changed, &error,
		      "DELETE FROM groups WHERE name = $1", "s", name) &&
	    !changed)
		fault_set(&error, FAULT_NOT_FOUND,
			  "'oriel group list' shows what is there.",
			  "There is no group '%s'.", name);
	if (error) {
		request_fail(request, error);
		return;
	}
	event_add(request->broker, "group", name, request_who(request),
		  "Group %s was removed.", name);
	desktops_policies_changed(request->broker->desktops);
	request_done(request, NULL);
}
