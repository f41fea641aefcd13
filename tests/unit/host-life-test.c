/* The states of a machine: every step from every state, every request. */
#include <string.h>

#include "common/fault.h"
#include "server/host/life.h"

/* One line a state, one column a step; '-' is impossible. */
static const char *const want[] = {
    /* start ready stop ended fail forget */
    "starting - - - failed -",   "- running stopping off failed -",
    "- - stopping off failed -", "- - stopping off failed -",
    "starting - - - failed off",
};

static void test_steps(void)
{
	for (int from = 0; from < LIFE_STATES; from++) {
		g_auto(GStrv) row = g_strsplit(want[from], " ", -1);
		g_assert_cmpuint(g_strv_length(row), ==, LIFE_STEPS);
		for (int step = 0; step < LIFE_STEPS; step++) {
			enum life state = (enum life)from;
			gboolean went = life_step(&state, (enum life_step)step);
			g_assert_cmpint(went, ==, strcmp(row[step], "-") != 0);
			g_assert_cmpstr(life_name(state), ==,
					went ? row[step]
					     : life_name((enum life)from));
		}
	}
}

static const struct {
	enum life state;
	enum life_request request;
	enum life_answer answer;
} requests[] = {
    {LIFE_OFF, LIFE_REQUEST_START, LIFE_DO},
    {LIFE_FAILED, LIFE_REQUEST_START, LIFE_DO},
    {LIFE_STARTING, LIFE_REQUEST_START, LIFE_DONE},
    {LIFE_RUNNING, LIFE_REQUEST_START, LIFE_DONE},
    {LIFE_STOPPING, LIFE_REQUEST_START, LIFE_REFUSE},
    {LIFE_OFF, LIFE_REQUEST_SHUTDOWN, LIFE_DONE},
    {LIFE_OFF, LIFE_REQUEST_OFF, LIFE_DONE},
    {LIFE_STARTING, LIFE_REQUEST_OFF, LIFE_DO},
    {LIFE_RUNNING, LIFE_REQUEST_SHUTDOWN, LIFE_DO},
    {LIFE_STOPPING, LIFE_REQUEST_SHUTDOWN, LIFE_DONE},
    {LIFE_STOPPING, LIFE_REQUEST_OFF, LIFE_DO},
    {LIFE_FAILED, LIFE_REQUEST_OFF, LIFE_DO},
    {LIFE_OFF, LIFE_REQUEST_REMOVE, LIFE_DO},
    {LIFE_FAILED, LIFE_REQUEST_REMOVE, LIFE_DO},
    {LIFE_STARTING, LIFE_REQUEST_REMOVE, LIFE_REFUSE},
    {LIFE_RUNNING, LIFE_REQUEST_REMOVE, LIFE_REFUSE},
    {LIFE_STOPPING, LIFE_REQUEST_REMOVE, LIFE_REFUSE},
    {LIFE_RUNNING, LIFE_REQUEST_USE, LIFE_DO},
    {LIFE_OFF, LIFE_REQUEST_USE, LIFE_REFUSE},
    {LIFE_STARTING, LIFE_REQUEST_USE, LIFE_REFUSE},
    {LIFE_FAILED, LIFE_REQUEST_RESET, LIFE_REFUSE},
};

static void test_requests(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(requests); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_cmpint(life_request(requests[i].state,
					     requests[i].request, "d", &error),
				==, requests[i].answer);
		if (requests[i].answer != LIFE_REFUSE) {
			g_assert_no_error(error);
			continue;
		}
		g_assert_error(error, FAULT, FAULT_CONFLICT);
		g_autofree char *remedy = fault_remedy(error);
		g_assert_nonnull(remedy);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host/life/steps", test_steps);
	g_test_add_func("/host/life/requests", test_requests);
	return g_test_run();
}
