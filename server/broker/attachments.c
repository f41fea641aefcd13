#include "server/broker/attachments.h"

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/secrets.h"
#include "server/broker/shadows.h"
#include "server/broker/tunnels.h"

/* Only words: what is forgotten here is refused all the same. */
#define TAKEN_KEPT 1000

/* What `resume` needs, in memory too: a session with a desktop goes on while
 * the store is away. */
struct held {
	char *desktop, *user, *shadow;
};

static void held_free(void *data)
{
	struct held *held = data;
	g_free(held->desktop);
	g_free(held->user);
	g_free(held->shadow);
	g_free(held);
}

/* Of a session's column `session`: a shadow's mark, or NULL. */
static const char *shadow_of(const char *session)
{
	return session && g_str_has_prefix(session, SHADOW_PREFIX) ? session
								   : NULL;
}

static void hold(struct broker *broker, const char *hash, const char *desktop,
		 const char *user, const char *shadow)
{
	struct held *held = g_new0(struct held, 1);
	held->desktop = g_strdup(desktop);
	held->user = g_strdup(user);
	held->shadow = g_strdup(shadow);
	g_hash_table_insert(broker->attached, g_strdup(hash), held);
}

gboolean attachments_load(struct broker *broker, GError **error)
{
	broker->attached =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, held_free);
	broker->taken =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT hash, desktop, user_name, session FROM attaches", NULL);
	for (gsize i = 0; rows && i < store_rows_count(rows); i++)
		hold(broker, store_rows_text(rows, i, 0),
		     store_rows_text(rows, i, 1), store_rows_text(rows, i, 2),
		     shadow_of(store_rows_text(rows, i, 3)));
	return rows != NULL;
}

char *attachment_ticket(struct broker *broker, const char *desktop,
			const char *user, const char *session, GError **error)
{
	g_autofree char *ticket = secret_new(SECRET_TICKET_BITS);
	g_autofree char *hash = secret_hash(ticket);
	gint64 now = store_now(broker->store);
	/* A click waits for this. Nobody misses a ticket of before the
	 * machine's end. Old ones go as new ones come: no timer, no growth. */
	if (!store_begin_brief(broker->store, error))
		return NULL;
	gboolean ok =
	    store_run(broker->store, NULL, error,
		      "DELETE FROM tickets WHERE expires <= $1", "i", now) &&
	    store_run(broker->store, NULL, error,
		      "INSERT INTO tickets(hash, desktop, user_name,"
		      " session, created, expires)"
		      " VALUES($1, $2, $3, $4, $5, $6)",
		      "ssssii", hash, desktop, user, session, now,
		      now + TICKET_LIFE_S);
	return store_end(broker->store, ok, error) ? g_steal_pointer(&ticket)
						   : NULL;
}

void attachment_clear(struct attachment *attach)
{
	g_clear_pointer(&attach->hash, g_free);
	g_clear_pointer(&attach->desktop, g_free);
	g_clear_pointer(&attach->user, g_free);
	g_clear_pointer(&attach->shadow, g_free);
	g_clear_pointer(&attach->older, g_ptr_array_unref);
}

/* Inside a transaction. */
static char *open_row(struct broker *broker, const char *desktop,
		      const char *user, const char *session,
		      const char *protocol, const char *peer,
		      struct attachment *attach, GError **error)
{
	g_autofree char *secret = secret_new(SECRET_SESSION_BITS);
	g_autofree char *hash = secret_hash(secret);
	g_autoptr(store_rows) older = store_query(
	    broker->store, error,
	    "DELETE FROM attaches WHERE desktop = $1 AND user_name = $2"
	    " AND protocol = $3 RETURNING hash",
	    "sss", desktop, user, protocol);
	if (!older)
		return NULL;
	for (gsize i = 0; i < store_rows_count(older); i++)
		g_ptr_array_add(attach->older,
				g_strdup(store_rows_text(older, i, 0)));
	if (!store_run(broker->store, NULL, error,
		       "INSERT INTO attaches(hash, desktop, user_name, session,"
		       " protocol, peer, created)"
		       " VALUES($1, $2, $3, $4, $5, $6, $7)",
		       "ssssssi", hash, desktop, user, session, protocol, peer,
		       store_now(broker->store)))
		return NULL;
	event_add(broker, "attach", desktop, user, "%s attached over %s.", user,
		  protocol);
	attach->hash = g_steal_pointer(&hash);
	attach->desktop = g_strdup(desktop);
	attach->user = g_strdup(user);
	attach->shadow = g_strdup(shadow_of(session));
	return g_steal_pointer(&secret);
}

/* Once it is stored. */
static void take_over(struct broker *broker, struct attachment *attach)
{
	for (guint i = 0; i < attach->older->len; i++) {
		const char *hash = attach->older->pdata[i];
		g_hash_table_remove(broker->attached, hash);
		/* its terminal asks once more, and is told why not */
		if (g_hash_table_size(broker->taken) >= TAKEN_KEPT)
			g_hash_table_remove_all(broker->taken);
		g_hash_table_add(broker->taken, g_strdup(hash));
		tunnels_revoke(broker->tunnels, hash,
			       attach_cause_text(ATTACH_ELSEWHERE));
	}
	hold(broker, attach->hash, attach->desktop, attach->user,
	     attach->shadow);
}

static char *redeem(struct broker *broker, const char *ticket,
		    const char *protocol, const char *peer,
		    struct attachment *attach, GError **error)
{
	g_autofree char *hash = secret_hash(ticket);
	gint64 now = store_now(broker->store);
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"UPDATE tickets SET used = $1 WHERE hash = $2"
			" AND used IS NULL AND expires > $1"
			" RETURNING desktop, user_name, session",
			"is", now, hash);
	if (!rows)
		return NULL;
	if (!store_rows_count(rows)) {
		/* which of the three is nobody's business */
		fault_set(error, FAULT_DENIED,
			  "Open the desktop again: each ticket is good once, "
			  "for a minute.",
			  "The ticket is unknown, used or too old.");
		return NULL;
	}
	return open_row(
	    broker, store_rows_text(rows, 0, 0), store_rows_text(rows, 0, 1),
	    store_rows_text(rows, 0, 2), protocol, peer, attach, error);
}

char *attachment_redeem(struct broker *broker, const char *ticket,
			const char *protocol, const char *peer,
			struct attachment *attach, GError **error)
{
	if (!store_begin(broker->store, error))
		return NULL;
	attach->older = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *secret =
	    redeem(broker, ticket, protocol, peer, attach, error);
	if (store_end(broker->store, secret != NULL, error)) {
		take_over(broker, attach);
		return g_steal_pointer(&secret);
	}
	attachment_clear(attach);
	return NULL;
}

char *attachment_open(struct broker *broker, const char *desktop,
		      const char *user, const char *protocol, const char *peer,
		      struct attachment *attach, GError **error)
{
	if (!store_begin(broker->store, error))
		return NULL;
	attach->older = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *secret = open_row(broker, desktop, user, NULL,
					   protocol, peer, attach, error);
	if (store_end(broker->store, secret != NULL, error)) {
		take_over(broker, attach);
		return g_steal_pointer(&secret);
	}
	attachment_clear(attach);
	return NULL;
}

gint64 attachment_signed_in(struct broker *broker,
			    const struct attachment *attach)
{
	if (!attach->hash || attach->shadow)
		return 0;
	g_autoptr(store_rows) rows = store_query(
	    broker->store, NULL,
	    "SELECT a.session, a.created, s.created FROM attaches a"
	    " LEFT JOIN sessions s ON s.hash = a.session WHERE a.hash = $1",
	    "s", attach->hash);
	if (!rows || !store_rows_count(rows))
		return 0;
	/* without an API session it was a viewer's password, at that moment */
	return store_rows_int(rows, 0, store_rows_text(rows, 0, 0) ? 2 : 1);
}

gboolean attachment_resume(struct broker *broker, const char *secret,
			   struct attachment *attach, GError **error)
{
	g_autofree char *hash = secret_hash(secret);
	struct held *held = g_hash_table_lookup(broker->attached, hash);
	if (held && !store_usable(broker->store)) {
		attach->hash = g_steal_pointer(&hash);
		attach->desktop = g_strdup(held->desktop);
		attach->user = g_strdup(held->user);
		attach->shadow = g_strdup(held->shadow);
		return TRUE;
	}
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT desktop, user_name, session FROM attaches WHERE hash = $1",
	    "s", hash);
	if (!rows)
		return FALSE;
	if (!store_rows_count(rows)) {
		fault_set(error, FAULT_DENIED, "Sign in and open it again.",
			  "%s",
			  g_hash_table_contains(broker->taken, hash)
			      ? attach_cause_text(ATTACH_ELSEWHERE)
			      : "This session with the desktop has "
				"ended.");
		return FALSE;
	}
	attach->hash = g_steal_pointer(&hash);
	attach->desktop = g_strdup(store_rows_text(rows, 0, 0));
	attach->user = g_strdup(store_rows_text(rows, 0, 1));
	attach->shadow = g_strdup(shadow_of(store_rows_text(rows, 0, 2)));
	return TRUE;
}

void attachment_drop(struct broker *broker, const char *hash)
{
	g_autoptr(GError) error = NULL;
	g_hash_table_remove(broker->attached, hash);
	if (!store_run(broker->store, NULL, &error,
		       "DELETE FROM attaches WHERE hash = $1", "s", hash))
		log_fault(NULL, error);
}

gboolean attachment_revoke(struct broker *broker, enum attach_of of,
			   const char *value, const char *except,
			   enum attach_cause cause, GError **error)
{
	/* "session IS NULL OR" since NULL <> 'x' is not true in SQL */
	static const char *const statements[][2] = {
	    [ATTACH_OF_DESKTOP] =
		{"DELETE FROM tickets WHERE desktop = $1"
		 " AND (session IS NULL OR session <> $2)",
		 "DELETE FROM attaches WHERE desktop = $1"
		 " AND (session IS NULL OR session <> $2)"
		 " RETURNING hash, desktop, user_name, protocol"},
	    [ATTACH_OF_USER] =
		{"DELETE FROM tickets WHERE user_name = $1"
		 " AND (session IS NULL OR session <> $2)",
		 "DELETE FROM attaches WHERE user_name = $1"
		 " AND (session IS NULL OR session <> $2)"
		 " RETURNING hash, desktop, user_name, protocol"},
	    [ATTACH_OF_SESSION] = {"DELETE FROM tickets WHERE session = $1"
				   " AND session <> $2",
				   "DELETE FROM attaches WHERE session = $1"
				   " AND session <> $2 RETURNING hash, "
				   "desktop, user_name, protocol"},
	};
	const char *but = except ? except : "";
	if (!store_run(broker->store, NULL, error, statements[of][0], "ss",
		       value, but))
		return FALSE;
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error, statements[of][1], "ss", value, but);
	if (!rows)
		return FALSE;
	for (gsize i = 0; i < store_rows_count(rows); i++) {
		const char *hash = store_rows_text(rows, i, 0);
		const char *user = store_rows_text(rows, i, 2);
		/* part of the transaction, if there is one */
		event_add(broker, "attach-end", store_rows_text(rows, i, 1),
			  user, "%s's session over %s ended: %s", user,
			  store_rows_text(rows, i, 3),
			  attach_cause_text(cause));
		tunnels_revoke(broker->tunnels, hash, attach_cause_text(cause));
		g_hash_table_remove(broker->attached, hash);
	}
	return TRUE;
}

json_t *attachments_json(struct broker *broker, GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT hash, desktop, user_name, protocol, peer, created"
	    " FROM attaches ORDER BY created DESC, hash",
	    NULL);
	json_t *list = rows ? json_array() : NULL;
	for (gsize i = 0; rows && i < store_rows_count(rows); i++) {
		const char *hash = store_rows_text(rows, i, 0);
		/* the hash's beginning tells nothing about the secret */
		g_autofree char *id = g_strndup(hash, 16);
		json_array_append_new(
		    list,
		    json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:b}", "id", id,
			      "desktop", store_rows_text(rows, i, 1), "user",
			      store_rows_text(rows, i, 2), "protocol",
			      store_rows_text(rows, i, 3), "peer",
			      store_rows_text(rows, i, 4), "created",
			      (json_int_t)store_rows_int(rows, i, 5),
			      "connected",
			      tunnels_connected(broker->tunnels, hash)));
	}
	return list ? json_pack("{s:o}", "attaches", list) : NULL;
}
