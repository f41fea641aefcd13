/* Handlers: snapshots of a desktop, its user's own among others. */
#include "common/fault.h"
#include "server/broker/request.h"
#include "server/broker/snapshots.h"

void handle_snapshots(struct request *request)
{
	struct desktop *desktop = request_own_desktop(request);
	g_autoptr(GError) error = NULL;
	if (!desktop)
		return;
	json_t *list = snapshots_json(request->broker, desktop->id, &error);
	if (list)
		request_done(request, list);
	else
		request_fail(request, error);
}

static void on_done(const GError *error, void *data)
{
	struct request *request = data;
	g_autoptr(GError) why = NULL;
	json_t *list = NULL;
	if (!error && request->route->answer)
		list =
		    snapshots_json(request->broker, request->params[0], &why);
	if (error || why)
		request_fail(request, error ? error : why);
	else
		request_done(request, list);
}

static void ask(struct request *request, enum snapshot_wish wish,
		const char *name)
{
	struct desktop *desktop = request_own_desktop(request);
	if (desktop)
		snapshots_ask(request->broker, desktop, wish, name,
			      request_who(request), on_done, request);
}

void handle_snapshot_take(struct request *request)
{
	ask(request, SNAPSHOT_TAKE, request_text(request, "name"));
}

void handle_snapshot_revert(struct request *request)
{
	ask(request, SNAPSHOT_REVERT, request->params[1]);
}

void handle_snapshot_remove(struct request *request)
{
	ask(request, SNAPSHOT_REMOVE, request->params[1]);
}
