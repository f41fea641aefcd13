/* Handler: words for whoever sits at a desktop. */
#include "common/fault.h"
#include "common/jsonline.h"
#include "server/broker/desktops.h"
#include "server/broker/request.h"

static void on_told(const GError *error, void *data)
{
	struct request *request = data;
	request_done(
	    request,
	    json_pack("{s:b, s:o}", "guest", error == NULL, "error",
		      error ? jsonline_from_error(error) : json_null()));
}

void handle_desktop_message(struct request *request)
{
	struct broker *broker = request->broker;
	struct desktop *desktop =
	    desktops_find(broker->desktops, request->params[0]);
	g_autoptr(GError) error = NULL;
	const char *text = request_text(request, "text");
	if (!desktop)
		error = fault_new(FAULT_NOT_FOUND,
				  "'oriel desktop list' shows what there is.",
				  "There is no such desktop.");
	else if (desktop->state != DESKTOP_RUNNING)
		error = fault_new(FAULT_CONFLICT, "Start it first.",
				  "Desktop '%s' is %s.", desktop->name,
				  desktop_state_name(desktop->state));
	if (error) {
		request_fail(request, error);
		return;
	}
	event_add(broker, "message", desktop->id, request_who(request),
		  "A message was shown in desktop %s: %s", desktop->name, text);
	desktop_tell(broker->desktops, desktop, text, on_told, request);
}
