/* request.h - one call of the API, from its handler's view.
 *
 * By the time a handler runs, the route is known, the caller has the role
 * that it asks for, and query and body have been checked against its shapes:
 * members have their types and bounds, optional ones may be absent. A handler
 * answers exactly once with one of the request_ functions, now or later; the
 * request is gone then. */
#pragma once

#include "server/broker/internal.h"
#include "server/broker/people.h"
#include "server/broker/shape.h"

#define REQUEST_PARAMS_MAX 2

struct desktop;
struct request;
struct route {
	const char *method;
	const char *path; /* below /api/v1; "{name}" is a parameter */
	enum role role;
	int status; /* of success */
	const char *summary;
	const struct shape *query; /* members are numbers; or NULL */
	const struct shape *body;
	const struct shape *answer; /* NULL: none (204), or `bytes` */
	const char *bytes;          /* content type of an answer not JSON */
	gsize body_max;             /* 0: REQUEST_BODY_MAX */
	unsigned errors;            /* 1 << FAULT_..., beyond the usual */
	gboolean once;              /* takes an Idempotency-Key */
	void (*handle)(struct request *request);
};
#define REQUEST_BODY_MAX 65536u
#define PATH_PREFIX      "/api/v1"

extern const struct route routes[];
extern const gsize routes_count;
extern const struct shape *const shapes[]; /* all; NULL ends */

struct request {
	struct broker *broker;
	const struct route *route;
	char *params[REQUEST_PARAMS_MAX];
	json_t *query, *body;   /* objects, never NULL */
	struct session session; /* user NULL on admin.sock */
	gboolean local;         /* on admin.sock */
	char *peer;             /* address, or "local" */
	unsigned retry_after_s; /* told with an error, if set */
	gboolean needs_code;    /* likewise: "needs": "code" */
	char *if_match;         /* the header, or NULL */
	char *etag;             /* told with the answer, if set */
	char *once_key;         /* once.c's */
	guint64 mark;           /* of the store, when it began */
	void *transport;        /* api.c's */
};

/* Who, for events: the user's name, or "admin" on admin.sock. */
const char *request_who(const struct request *request);
enum role request_role(const struct request *request);

/* The desktop that parameter 0 names, if the caller may know of it; NULL, and
 * the request is answered. */
struct desktop *request_desktop(struct request *request);
/* The same where the helpdesk may, too. */
struct desktop *request_own_desktop(struct request *request);
/* What a stock VNC viewer needs (api-viewer.c) with that ticket; NULL: the
 * gateway is not there. */
json_t *request_viewer(struct request *request, struct desktop *desktop,
		       const char *user, const char *ticket, GError **error);
/* Under which name the caller reached us; new string. */
char *request_host(const struct request *request);

/* Body and query members; defaults where absent. Borrowed. */
const char *request_text(const struct request *request, const char *key);
gint64 request_int(const struct request *request, const char *key,
		   gint64 otherwise);
gboolean request_flag(const struct request *request, const char *key);
gint64 request_query(const struct request *request, const char *key,
		     gint64 otherwise);

/* An answer without an end, in pieces: begun once, in the handler; sent until
 * that says FALSE (the client is gone), and ended once either way. */
gboolean request_stream_begin(struct request *request, const char *type);
gboolean request_stream_send(struct request *request, const char *text);
void request_stream_end(struct request *request);

/* Takes {key: [...]}: cuts the list to the query's limit and offset, and adds
 * how many there are in all. */
json_t *request_page(const struct request *request, const char *key,
		     json_t *answer);
/* Takes answer (NULL for 204). */
void request_answer(struct request *request, int status, json_t *answer);
/* The route's own status. */
void request_done(struct request *request, json_t *answer);
void request_bytes(struct request *request, const char *type, GBytes *bytes);
void request_fail(struct request *request, const GError *error);

/* handlers, by the noun they are about */
void handle_sign_in(struct request *request);
void handle_sign_out(struct request *request);
void handle_oidc(struct request *request);
void handle_oidc_begin(struct request *request);
void handle_oidc_sign_in(struct request *request);
void handle_me(struct request *request);
void handle_own_password(struct request *request);
void handle_users(struct request *request);
void handle_user_add(struct request *request);
void handle_user_remove(struct request *request);
void handle_user_password(struct request *request);
void handle_pools(struct request *request);
void handle_pool(struct request *request);
void handle_pool_put(struct request *request);
void handle_pool_remove(struct request *request);
void handle_desktops(struct request *request);
void handle_desktop_obtain(struct request *request);
void handle_desktop(struct request *request);
void handle_desktop_notes(struct request *request);
void handle_desktop_ticket(struct request *request);
void handle_desktop_viewer(struct request *request);
void handle_desktop_picture(struct request *request);
void handle_desktop_start(struct request *request);
void handle_desktop_shutdown(struct request *request);
void handle_desktop_off(struct request *request);
void handle_pool_rollout(struct request *request);
void handle_pool_rollback(struct request *request);
void handle_own_sessions(struct request *request);
void handle_own_session_end(struct request *request);
void handle_user_sessions(struct request *request);
void handle_user_sessions_end(struct request *request);
void handle_groups(struct request *request);
void handle_group(struct request *request);
void handle_group_put(struct request *request);
void handle_group_remove(struct request *request);
void handle_totp_begin(struct request *request);
void handle_totp_confirm(struct request *request);
void handle_totp_end(struct request *request);
void handle_user(struct request *request);
void handle_user_put(struct request *request);
void handle_quotas(struct request *request);
void handle_quota(struct request *request);
void handle_quota_put(struct request *request);
void handle_quota_remove(struct request *request);
void handle_desktop_logoff(struct request *request);
void handle_desktop_reset(struct request *request);
void handle_desktop_disconnect(struct request *request);
void handle_desktop_message(struct request *request);
void handle_desktop_remove(struct request *request);
void handle_desktop_exec(struct request *request);
void handle_shadow_ask(struct request *request);
void handle_shadow(struct request *request);
void handle_shadow_ticket(struct request *request);
void handle_shadow_viewer(struct request *request);
void handle_shadow_end(struct request *request);
void handle_shadow_answer(struct request *request);
void handle_shadow_send_away(struct request *request);
void handle_recording_begin(struct request *request);
void handle_recording_end(struct request *request);
void handle_recordings(struct request *request);
void handle_recording_read(struct request *request);
void handle_recording_remove(struct request *request);
void handle_snapshots(struct request *request);
void handle_snapshot_take(struct request *request);
void handle_snapshot_revert(struct request *request);
void handle_snapshot_remove(struct request *request);
void handle_homes(struct request *request);
void handle_home(struct request *request);
void handle_home_remove(struct request *request);
void handle_home_backup(struct request *request);
void handle_home_restore(struct request *request);
void handle_home_backup_remove(struct request *request);
void handle_images(struct request *request);
void handle_image(struct request *request);
void handle_image_build(struct request *request);
void handle_image_import(struct request *request);
void handle_image_remove(struct request *request);
void handle_image_install(struct request *request);
void handle_image_finish(struct request *request);
void handle_recipes(struct request *request);
void handle_tasks(struct request *request);
void handle_task(struct request *request);
void handle_task_cancel(struct request *request);
void handle_attaches(struct request *request);
void handle_status(struct request *request);
void handle_events(struct request *request);
void handle_events_stream(struct request *request);
void handle_openapi(struct request *request);
