/* People whom another system knows, and how they become ours. */
#include <string.h>

#include "common/fault.h"
#include "server/broker/desktops.h"
#include "server/broker/people.h"

/* Whose subject it is already, whatever they are called now. */
static char *known_as(struct broker *broker, const struct people_stranger *who,
		      GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT name FROM users WHERE subject = $1"
			" AND source = $2",
			"ss", who->subject, who->source);
	if (!rows)
		return NULL;
	return g_strdup(who->subject && store_rows_count(rows)
			    ? store_rows_text(rows, 0, 0)
			    : who->name);
}

static gboolean put_user(struct broker *broker, const char *user,
			 const struct people_stranger *who, GError **error)
{
	gint64 added = 0;
	if (!store_run(broker->store, &added, error,
		       "INSERT INTO users(name, role, password, created,"
		       " source, subject) VALUES($1, 'user', '', $2, $3, $4)"
		       " ON CONFLICT(name) DO NOTHING",
		       "siss", user, store_now(broker->store), who->source,
		       who->subject))
		return FALSE;
	if (added)
		event_add(broker, "user", user, user,
			  "User %s was added: known to %s.", user,
			  strcmp(who->source, "pam") == 0
			      ? "PAM"
			      : "the sign-in provider");
	return TRUE;
}

/* A name is one person's: that others call somebody else by it, or call
 * another by it later, opens nothing of theirs. */
static gboolean is_theirs(struct broker *broker, const char *user,
			  const struct people_stranger *who, enum role *role,
			  GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT source, subject, role FROM users WHERE name = $1", "s",
	    user);
	if (!rows)
		return FALSE;
	*role = role_parse(store_rows_text(rows, 0, 2));
	if (g_strcmp0(store_rows_text(rows, 0, 0), who->source) == 0 &&
	    g_strcmp0(store_rows_text(rows, 0, 1), who->subject) == 0)
		return TRUE;
	fault_set(error, FAULT_DENIED,
		  "Ask an administrator: the other one has to be removed, or "
		  "one of the two has to be called otherwise.",
		  "Here the user name '%s' is somebody else's.", user);
	return FALSE;
}

static gboolean put_groups(struct broker *broker, const char *user,
			   const struct people_stranger *who, GError **error)
{
	struct store *db = broker->store;
	gsize i;
	json_t *group;
	if (!store_run(db, NULL, error,
		       "DELETE FROM group_users WHERE user_name = $1"
		       " AND source = $2",
		       "ss", user, who->source))
		return FALSE;
	json_array_foreach(who->groups, i, group)
	{
		const char *name = json_string_value(group);
		if (name && !store_run(db, NULL, error,
				       "INSERT INTO group_users(group_name,"
				       " user_name, source)"
				       " SELECT name, $1, $3 FROM groups"
				       " WHERE name = $2"
				       " ON CONFLICT DO NOTHING",
				       "sss", user, name, who->source))
			return FALSE;
	}
	return TRUE;
}

char *people_join(struct broker *broker, const struct people_stranger *who,
		  enum role *role, GError **error)
{
	struct store *db = broker->store;
	if (!store_begin(db, error))
		return NULL;
	g_autofree char *user = known_as(broker, who, error);
	gboolean ok = user && put_user(broker, user, who, error) &&
		      is_theirs(broker, user, who, role, error) &&
		      put_groups(broker, user, who, error);
	if (!store_end(db, ok, error))
		return NULL;
	desktops_policies_changed(broker->desktops);
	return g_steal_pointer(&user);
}
