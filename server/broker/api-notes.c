/* Handler: what somebody who sits at a desktop is to know of it at once.
 *
 * Apart from the desktop's own answer, which changes with every picture: a
 * client holds this call open for as long as it shows the desktop. */
#include "server/broker/api-wait.h"
#include "server/broker/desktops.h"
#include "server/broker/request.h"
#include "server/broker/shadows.h"

static void answer(struct request *request)
{
	struct desktop *desktop = request_own_desktop(request);
	if (desktop)
		request_done(request, desktop_notes_json(
					  request->broker->desktops, desktop));
}

void handle_desktop_notes(struct request *request)
{
	struct desktop *desktop = request_own_desktop(request);
	if (!desktop)
		return;
	if (request_query(request, "wait", -1) != desktop->notes_serial) {
		answer(request);
		return;
	}
	g_autofree char *key = g_strconcat(NOTES_KEY, desktop->id, NULL);
	api_wait(request, key, answer);
}
