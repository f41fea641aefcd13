/* Handlers: homes. */
#include "server/broker/homes.h"
#include "server/broker/request.h"

void handle_homes(struct request *request)
{
	g_autoptr(GError) error = NULL;
	json_t *list = homes_json(request->broker, NULL, &error);
	if (list)
		request_done(request, request_page(request, "homes", list));
	else
		request_fail(request, error);
}

static void on_described(json_t *reply, const GError *error, void *data)
{
	struct request *request = data;
	g_autoptr(GError) why = NULL;
	json_t *home = homes_json(request->broker, request->params[0], &why);
	if (!home) {
		request_fail(request, why);
		return;
	}
	/* its host may be away: the rest is known all the same */
	json_t *used = json_object_get(reply, "used_bytes");
	json_t *backups = json_object_get(reply, "backups");
	gboolean told =
	    !error && json_is_integer(used) && json_is_array(backups);
	json_object_set_new(home, "used_bytes",
			    told ? json_incref(used) : json_null());
	json_object_set_new(home, "backups",
			    told ? json_incref(backups) : json_array());
	request_done(request, home);
}

static void ask(struct request *request, enum home_wish wish, const char *name,
		home_done done)
{
	homes_ask(request->broker, request->params[0], wish, name,
		  request_who(request), done, request);
}

void handle_home(struct request *request)
{
	g_autoptr(GError) error = NULL;
	json_t *home = homes_json(request->broker, request->params[0], &error);
	json_decref(home);
	if (home)
		ask(request, HOME_DESCRIBE, NULL, on_described);
	else
		request_fail(request, error);
}

static void on_done(json_t *reply, const GError *error, void *data)
{
	struct request *request = data;
	if (error)
		request_fail(request, error);
	else if (request->route->answer)
		handle_home(request);
	else
		request_done(request, NULL);
}

void handle_home_remove(struct request *request)
{
	ask(request, HOME_REMOVE, NULL, on_done);
}

void handle_home_backup(struct request *request)
{
	ask(request, HOME_BACKUP, request_text(request, "name"), on_done);
}

void handle_home_restore(struct request *request)
{
	ask(request, HOME_RESTORE, request->params[1], on_done);
}

void handle_home_backup_remove(struct request *request)
{
	ask(request, HOME_BACKUP_REMOVE, request->params[1], on_done);
}
