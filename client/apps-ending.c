#include "client/apps-ending.h"

/* After the last window: an application that opens its next one only when
 * the first is closed (a splash, a sign-in) gets the time for it. */
#define GRACE_MS 3000
/* From an application's start to its first window: a large one on a machine
 * without hardware acceleration takes most of it. */
#define EXPECT_MS (120 * 1000)

static gboolean on_grace_over(gpointer data)
{
	struct apps_ending *ending = data;
	ending->grace = 0;
	g_application_quit(ending->gtk);
	return G_SOURCE_REMOVE;
}

void apps_ending_consider(struct apps_ending *ending)
{
	if (ending->expecting || ending->needed(ending->data))
		g_clear_handle_id(&ending->grace, g_source_remove);
	else if (!ending->grace)
		ending->grace = g_timeout_add(GRACE_MS, on_grace_over, ending);
}

static gboolean on_nothing_came(gpointer data)
{
	struct apps_ending *ending = data;
	ending->expecting = 0;
	apps_ending_consider(ending);
	return G_SOURCE_REMOVE;
}

void apps_ending_expect(struct apps_ending *ending)
{
	g_clear_handle_id(&ending->expecting, g_source_remove);
	ending->expecting = g_timeout_add(EXPECT_MS, on_nothing_came, ending);
}

void apps_ending_came(struct apps_ending *ending)
{
	g_clear_handle_id(&ending->expecting, g_source_remove);
}

void apps_ending_clear(struct apps_ending *ending)
{
	g_clear_handle_id(&ending->grace, g_source_remove);
	g_clear_handle_id(&ending->expecting, g_source_remove);
}
