#include "client/apps-ending.h"

/* After the last window: an application that opens its next one only when
 * the first is closed (a splash, a sign-in) gets the time for it. */
#define GRACE_MS 3000

static gboolean on_grace_over(gpointer data)
{
	struct apps_ending *ending = data;
	ending->grace = 0;
	g_application_quit(ending->gtk);
	return G_SOURCE_REMOVE;
}

void apps_ending_consider(struct apps_ending *ending)
{
	if (ending->needed(ending->data))
		g_clear_handle_id(&ending->grace, g_source_remove);
	else if (!ending->grace)
		ending->grace = g_timeout_add(GRACE_MS, on_grace_over, ending);
}

void apps_ending_clear(struct apps_ending *ending)
{
	g_clear_handle_id(&ending->grace, g_source_remove);
}
