/* The broker's parts that need no world: throttle, shapes, states, hub,
 * secrets. Time is the test's own. */
#include <string.h>

#include "common/fault.h"
#include "server/broker/http-guard.h"
#include "server/broker/hub.h"
#include "server/broker/secrets.h"
#include "server/broker/shape.h"
#include "server/broker/policy.h"
#include "server/broker/schedule.h"
#include "server/broker/states.h"
#include "server/broker/throttle.h"

#define S ((gint64)G_USEC_PER_SEC)

/* ---- throttle ---- */

static void test_throttle_waits(void)
{
	struct throttle *throttle = throttle_create();
	gint64 now = 1000 * S;
	unsigned wait = 0, tries = 0;
	while (!(wait = throttle_try(throttle, "ada", "a", now)))
		tries++;
	g_assert_cmpuint(tries, ==, 5);
	g_assert_cmpuint(wait, ==, 1);
	/* each further failure doubles the wait, until as many are forgotten
	 * meanwhile as are added */
	unsigned last = 0;
	for (int i = 0; i < 12; i++) {
		now += wait * S;
		g_assert_cmpuint(throttle_try(throttle, "ada", "a", now), ==,
				 0);
		wait = throttle_try(throttle, "ada", "a", now);
		g_assert_cmpuint(wait, >=, last);
		last = wait;
	}
	g_assert_cmpuint(wait, >=, 60);
	g_assert_cmpuint(wait, <=, 120);
	/* the same account from elsewhere: seconds, not minutes */
	g_assert_cmpuint(throttle_try(throttle, "ada", "b", now), <=, 5);
	/* forgotten after a while */
	now += 3600 * S;
	for (int i = 0; i < 4; i++)
		g_assert_cmpuint(throttle_try(throttle, "ada", "a", now), ==,
				 0);
	throttle_destroy(throttle);
}

static void test_throttle_refund(void)
{
	struct throttle *throttle = throttle_create();
	for (int i = 0; i < 1000; i++) {
		g_assert_cmpuint(throttle_try(throttle, "ada", "a", i), ==, 0);
		throttle_refund(throttle, "ada", "a", TRUE);
	}
	g_assert_cmpuint(throttle_entries(throttle), ==, 0);
	/* in parallel: a try counts from its beginning */
	int begun = 0;
	while (begun < 100 && !throttle_try(throttle, "ada", "a", 0))
		begun++;
	g_assert_cmpint(begun, ==, 5);
	throttle_destroy(throttle);
}

static void test_throttle_address(void)
{
	struct throttle *throttle = throttle_create();
	int tries = 0;
	for (; tries < 1000; tries++) {
		g_autofree char *name = g_strdup_printf("user%d", tries);
		if (throttle_try(throttle, name, "a", 0))
			break;
	}
	g_assert_cmpint(tries, ==, 40);
	g_assert_cmpuint(throttle_try(throttle, "ada", "b", 0), ==, 0);
	throttle_destroy(throttle);
}

static void test_throttle_memory(void)
{
	struct throttle *throttle = throttle_create();
	for (int i = 0; i < 50000; i++) {
		g_autofree char *name = g_strdup_printf("user%d", i);
		throttle_try(throttle, name, name, i);
	}
	g_assert_cmpuint(throttle_entries(throttle), <=, 12288);
	throttle_destroy(throttle);
}

/* ---- shapes ---- */

static const char *const colours[] = {"red", "green", NULL};
static const struct shape_field inner_fields[] = {
    {.name = "deep", .type = SHAPE_BOOLEAN, .required = TRUE}, {0}};
static const struct shape inner = {"inner", NULL, inner_fields};
static const struct shape_field fields[] = {
    {.name = "name",
     .type = SHAPE_STRING,
     .required = TRUE,
     .low = 1,
     .high = 8,
     .pattern = SHAPE_NAME_PATTERN},
    {.name = "colour",
     .type = SHAPE_STRING,
     .low = 1,
     .high = 9,
     .choices = colours},
    {.name = "size", .type = SHAPE_INTEGER, .low = 1, .high = 5},
    {.name = "list",
     .type = SHAPE_STRINGS,
     .nullable = TRUE,
     .low = 1,
     .high = 3},
    {.name = "data", .type = SHAPE_BASE64, .high = 8},
    {.name = "inner", .type = SHAPE_OBJECT, .of = &inner},
    {0},
};
static const struct shape shape = {"shape", NULL, fields};

/* Bad input next to the exact words it earns; NULL is good. */
static const struct {
	const char *text, *cause;
} requests[] = {
    {"{\"name\":\"a-b.c_1\"}", NULL},
    {"{\"name\":\"a\",\"list\":null,\"size\":5,\"colour\":\"red\"}", NULL},
    {"{\"name\":\"a\",\"list\":[\"x\",\"y\"],\"data\":\"YQ==\"}", NULL},
    {"{\"name\":\"a\",\"inner\":{\"deep\":true}}", NULL},
    {"{}", "Member 'name' is missing."},
    {"", "Member 'name' is missing."},
    {"[]", "The request has to be a JSON object."},
    {"{\"name\":5}", "Member 'name' must be a string."},
    {"{\"name\":null}", "Member 'name' must be a string."},
    {"{\"name\":\"\"}", "Member 'name' must be 1 to 8 bytes long."},
    {"{\"name\":\"123456789\"}", "Member 'name' must be 1 to 8 bytes long."},
    {"{\"name\":\"../x\"}",
     "Member 'name' must be a name: small letters, digits, '.', '_' and "
     "'-', beginning with a letter or digit."},
    {"{\"name\":\"a\",\"colour\":\"blue\"}",
     "Member 'colour' must be one of red, green."},
    {"{\"name\":\"a\",\"size\":0}", "Member 'size' must be from 1 to 5."},
    {"{\"name\":\"a\",\"size\":1.0}", "Member 'size' must be a whole number."},
    {"{\"name\":\"a\",\"list\":[]}", "Member 'list' must be 1 to 3 items."},
    {"{\"name\":\"a\",\"list\":[\"a\",\"b\",\"c\",\"d\"]}",
     "Member 'list' must be 1 to 3 items."},
    {"{\"name\":\"a\",\"list\":[7]}", "Member 'list' must be a string."},
    {"{\"name\":\"a\",\"data\":\"YQ=\"}",
     "Member 'data' must be a string in base64."},
    {"{\"name\":\"a\",\"data\":\"Y===\"}",
     "Member 'data' must be a string in base64."},
    {"{\"name\":\"a\",\"data\":\"YWJjYWJjYWJj\"}",
     "Member 'data' must be 0 to 8 bytes long."},
    {"{\"name\":\"a\",\"inner\":{}}", "Member 'deep' is missing."},
    {"{\"name\":\"a\",\"inner\":{\"deep\":1}}",
     "Member 'deep' must be true or false."},
    {"{\"name\":\"a\",\"na\\u001bme\":1}",
     "Member \"na\\x1bme\" is not known here."},
    {"{\"name\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
     "The request is nested deeper than 16 levels."},
};

static void test_shapes(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(requests); i++) {
		g_autoptr(GError) error = NULL;
		const char *text = requests[i].text;
		json_t *object = shape_parse(text, strlen(text), &error);
		if (object)
			shape_check(&shape, object, &error);
		json_decref(object);
		g_autofree char *cause = error ? fault_cause(error) : NULL;
		g_assert_cmpstr(cause, ==, requests[i].cause);
		if (error)
			g_assert_error(error, FAULT, FAULT_INVALID);
	}
}

/* ---- heads of requests ---- */

static const struct {
	const char *head, *cause; /* NULL is good */
} heads[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", NULL},
    {"POST /x?y=1 HTTP/1.0\r\nhost:[::1]:8443\r\ncontent-length: 5 \r\n"
     "X-Any: \t\xc3\xa4\r\n\r\n",
     NULL},
    {"PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n"
     "Expect: 100-continue\r\n\r\n",
     NULL},
    {"\r\n\r\n", "its method is none"},
    {"get / HTTP/1.1\r\nHost: a\r\n\r\n", "its method is none"},
    {"GET\r\n\r\n", "its method is none"},
    {"GET x HTTP/1.1\r\nHost: a\r\n\r\n", "its path is none, or too long"},
    {"GET / a HTTP/1.1\r\nHost: a\r\n\r\n",
     "its version is none that is spoken here"},
    {"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", "its path is none, or too long"},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
     "its version is none that is spoken here"},
    {"GET / HTTP/1.1\r\n\r\n", "it has not exactly one Host"},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
     "it has not exactly one Host"},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "its Host is none"},
    {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "a header has no name"},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "a header has no name"},
    {"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
     "its lines do not end as they should"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01\r\n\r\n",
     "a header holds a control character"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
     "its Content-Length is none"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12345678901\r\n\r\n",
     "its Content-Length is none"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
     "Content-Length: 1\r\n\r\n",
     "its body has two lengths"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
     "Transfer-Encoding: chunked\r\n\r\n",
     "its body has two lengths"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
     "its Transfer-Encoding is not chunked"},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n",
     "it expects what is not done here"},
};

static void test_heads(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(heads); i++) {
		g_autoptr(GError) error = NULL;
		gsize length = strlen(heads[i].head);
		g_assert_cmpint(http_guard_length(heads[i].head, length - 1),
				==, 0);
		g_assert_cmpint(http_guard_length(heads[i].head, length), ==,
				(gint64)length);
		/* exact, so that a sanitizer sees one byte too many */
		g_autofree char *copy = g_memdup2(heads[i].head, length);
		gboolean good = http_guard_check(copy, length, &error);
		g_assert_cmpint(good, ==, !heads[i].cause);
		g_autofree char *cause = error ? fault_cause(error) : NULL;
		g_autofree char *wanted =
		    heads[i].cause ? g_strdup_printf("The request cannot be "
						     "read: %s.",
						     heads[i].cause)
				   : NULL;
		g_assert_cmpstr(cause, ==, wanted);
	}
	const char zero[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
	g_autoptr(GError) error = NULL;
	g_assert_false(http_guard_check(zero, sizeof zero - 1, &error));
}

/* ---- states ---- */

static void test_states(void)
{
	enum desktop_state to;
	g_assert_true(
	    desktop_state_after(DESKTOP_OFF, DESKTOP_ASKED_START, &to));
	g_assert_cmpint(to, ==, DESKTOP_STARTING);
	g_assert_false(
	    desktop_state_after(DESKTOP_RUNNING, DESKTOP_ASKED_START, &to));
	g_assert_false(
	    desktop_state_after(DESKTOP_OFF, DESKTOP_ASKED_OFF, &to));
	g_assert_false(
	    desktop_state_after(DESKTOP_STOPPING, DESKTOP_ASKED_SHUTDOWN, &to));
	/* what a host sees is so, whatever was thought before */
	for (int from = 0; from < DESKTOP_STATES; from++)
		for (int cause = DESKTOP_SEEN_OFF; cause < DESKTOP_CAUSES;
		     cause++)
			g_assert_true(desktop_state_after(
			    (enum desktop_state)from, (enum desktop_cause)cause,
			    &to));
	for (int i = 0; i < DESKTOP_STATES; i++) {
		g_assert_true(desktop_state_parse(
		    desktop_state_name((enum desktop_state)i), &to));
		g_assert_cmpint(to, ==, i);
	}
	g_assert_false(desktop_state_parse("flying", &to));
	g_assert_false(desktop_state_parse(NULL, &to));
	for (int i = 0; i < DESKTOP_CAUSES; i++)
		g_assert_cmpint(desktop_cause_parse(
				    desktop_cause_name((enum desktop_cause)i)),
				==, i);
}

/* An end is an end, and every name leads back to its words. */
static void test_other_states(void)
{
	enum task_state task;
	for (int from = TASK_DONE; from < TASK_STATES; from++)
		for (int cause = 0; cause < TASK_CAUSES; cause++)
			g_assert_false(task_state_after((enum task_state)from,
							(enum task_cause)cause,
							&task));
	for (int from = TASK_QUEUED; from < TASK_DONE; from++) {
		g_assert_true(task_state_after((enum task_state)from,
					       TASK_SEEN_DONE, &task));
		g_assert_cmpint(task, ==, TASK_DONE);
		g_assert_true(task_state_after((enum task_state)from,
					       TASK_ABANDONED, &task));
		g_assert_cmpint(task, ==, TASK_FAILED);
	}
	g_assert_false(task_state_after(TASK_RUNNING, TASK_ASKED, &task));
	for (int i = 0; i < TASK_CAUSES; i++)
		g_assert_nonnull(
		    task_cause_text(task_cause_name((enum task_cause)i)));
	g_assert_null(task_cause_text("whim"));
	g_assert_null(task_cause_text(NULL));

	enum image_state image;
	g_assert_true(image_state_after(IMAGE_BUILDING, IMAGE_BUILT, &image));
	g_assert_cmpint(image, ==, IMAGE_READY);
	g_assert_false(image_state_after(IMAGE_REMOVING, IMAGE_BUILT, &image));
	g_assert_false(
	    image_state_after(IMAGE_BUILDING, IMAGE_ASKED_REMOVE, &image));
	g_assert_true(
	    image_state_after(IMAGE_REMOVING, IMAGE_REMOVE_REFUSED, &image));
	g_assert_cmpint(image, ==, IMAGE_READY);
	for (int i = 0; i < IMAGE_CAUSES; i++)
		g_assert_nonnull(
		    image_cause_text(image_cause_name((enum image_cause)i)));

	enum snapshot_state snapshot;
	g_assert_true(snapshot_state_after(SNAPSHOT_READY,
					   SNAPSHOT_ASKED_REVERT, &snapshot));
	g_assert_cmpint(snapshot, ==, SNAPSHOT_REVERTING);
	g_assert_false(snapshot_state_after(SNAPSHOT_REVERTING,
					    SNAPSHOT_ASKED_REMOVE, &snapshot));
	g_assert_false(
	    snapshot_state_after(SNAPSHOT_READY, SNAPSHOT_TAKEN, &snapshot));
	for (int i = 0; i < SNAPSHOT_CAUSES; i++)
		g_assert_nonnull(snapshot_cause_text(
		    snapshot_cause_name((enum snapshot_cause)i)));

	enum attach_state attach;
	g_assert_true(
	    attach_state_after(ATTACH_TICKET, ATTACH_REDEEMED, &attach));
	g_assert_cmpint(attach, ==, ATTACH_OPEN);
	g_assert_false(
	    attach_state_after(ATTACH_OPEN, ATTACH_REDEEMED, &attach));
	for (int cause = ATTACH_ELSEWHERE; cause < ATTACH_CAUSES; cause++) {
		g_assert_true(attach_state_after(
		    ATTACH_OPEN, (enum attach_cause)cause, &attach));
		g_assert_cmpint(attach, ==, ATTACH_NONE);
		g_assert_false(attach_state_after(
		    ATTACH_NONE, (enum attach_cause)cause, &attach));
	}
}

/* ---- schedules ---- */

static void test_schedule(void)
{
	static const struct {
		const char *at; /* 2026-03-02 is a Monday */
		gint64 spares;
	} cases[] = {
	    {"2026-03-02T07:29:59", 1}, {"2026-03-02T07:30:00", 5},
	    {"2026-03-02T17:59:59", 5}, {"2026-03-02T18:00:00", 1},
	    {"2026-03-07T08:00:00", 1}, /* Saturday, by day */
	    {"2026-03-07T22:00:00", 3}, {"2026-03-08T01:59:59", 3},
	    {"2026-03-08T02:00:00", 1}, {"2026-03-06T12:00:00", 9},
	    {"2026-03-09T01:00:00", 1}, /* Sunday's night is not in it */
	};
	json_t *schedule =
	    json_pack("[{s:[sssss], s:s, s:s, s:i}, {s:[s], s:s, s:s, s:i},"
		      " {s:[s], s:s, s:s, s:i}]",
		      "days", "mon", "tue", "wed", "thu", "fri", "from",
		      "07:30", "to", "18:00", "spares", 5, "days", "sat",
		      "from", "22:00", "to", "02:00", "spares", 3, "days",
		      "fri", "from", "00:00", "to", "24:00", "spares", 9);
	g_autoptr(GTimeZone) zone = g_time_zone_new_utc();
	g_assert_true(schedule_check(schedule, NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GDateTime) at =
		    g_date_time_new_from_iso8601(cases[i].at, zone);
		g_test_message("%s", cases[i].at);
		g_assert_cmpint(schedule_spares(schedule, at, 1), ==,
				cases[i].spares);
		g_assert_cmpint(schedule_spares(NULL, at, 2), ==, 2);
	}
	json_decref(schedule);
}

static void test_policy(void)
{
	struct policy policy = policy_open;
	json_t *open = policy_json(&policy_open);
	struct policy back = policy_of_json(open);
	g_assert_true(policy_same(&policy, &back));
	json_decref(open);
	back = policy_of_text("{\"clipboard\":\"in\",\"audio\":\"play\","
			      "\"bandwidth_kbit\":500,\"idle_lock\":60}");
	policy_narrow(&policy, &back);
	g_assert_true(policy_same(&policy, &back));
	back = policy_of_text("{\"clipboard\":\"out\",\"usb\":false,"
			      "\"bandwidth_kbit\":900,\"watermark\":true}");
	policy_narrow(&policy, &back);
	g_assert_cmpint(policy.clipboard, ==, WAY_NONE);
	g_assert_cmpint(policy.files, ==, WAY_BOTH);
	g_assert_cmpint(policy.audio, ==, SOUND_PLAY);
	g_assert_false(policy.usb);
	g_assert_true(policy.watermark);
	g_assert_cmpint(policy.bandwidth_kbit, ==, 500);
	g_assert_cmpint(policy.idle_lock_s, ==, 60);
	/* a damaged column allows what an absent one does */
	back = policy_of_text("[1,");
	g_assert_true(policy_same(&back, &policy_open));
}

/* ---- hub ---- */

struct waiter {
	struct hub *hub;
	int woken, changed;
	gboolean again;
	struct hub_wait *wait;
};

static void on_woken(gboolean changed, void *data)
{
	struct waiter *waiter = data;
	waiter->woken++;
	waiter->changed += changed;
	waiter->wait = waiter->again
			   ? hub_wait(waiter->hub, "k", 10000, on_woken, waiter)
			   : NULL;
}

static void spin(void)
{
	while (g_main_context_iteration(NULL, FALSE))
		;
}

static void test_hub(void)
{
	struct hub *hub = hub_create(41);
	g_assert_cmpint(hub_serial(hub), ==, 42);
	struct waiter once = {.hub = hub}, again = {.hub = hub, .again = TRUE};
	once.wait = hub_wait(hub, "k", 10000, on_woken, &once);
	again.wait = hub_wait(hub, "k", 10000, on_woken, &again);
	hub_changed(hub, "other");
	spin();
	g_assert_cmpint(once.woken + again.woken, ==, 0);
	hub_changed(hub, "k");
	hub_changed(hub, "k"); /* one turn of the loop: one change */
	g_assert_cmpint(once.woken, ==, 0);
	spin();
	g_assert_cmpint(once.woken, ==, 1);
	g_assert_cmpint(again.woken, ==, 1);
	hub_changed(hub, "k");
	spin();
	g_assert_cmpint(once.woken, ==, 1);
	g_assert_cmpint(again.changed, ==, 2);
	hub_cancel(again.wait);
	struct waiter late = {.hub = hub};
	hub_wait(hub, "k", 1, on_woken, &late);
	while (!late.woken)
		g_main_context_iteration(NULL, TRUE);
	g_assert_cmpint(late.changed, ==, 0);
	hub_destroy(hub);
}

static void test_secrets(void)
{
	g_autofree char *a = secret_new(SECRET_TICKET_BITS);
	g_autofree char *b = secret_new(SECRET_TICKET_BITS);
	g_assert_true(secret_plausible(a, SECRET_TICKET_BITS));
	g_assert_false(secret_plausible(a, SECRET_SESSION_BITS));
	g_assert_false(secret_plausible("x", SECRET_TICKET_BITS));
	g_assert_false(secret_plausible(NULL, SECRET_TICKET_BITS));
	g_assert_cmpstr(a, !=, b);
	g_autofree char *hash = secret_hash("abc");
	g_assert_cmpstr(hash, ==,
			"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff"
			"61f20015ad");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/throttle/waits", test_throttle_waits);
	g_test_add_func("/throttle/refund", test_throttle_refund);
	g_test_add_func("/throttle/address", test_throttle_address);
	g_test_add_func("/throttle/memory", test_throttle_memory);
	g_test_add_func("/shape/requests", test_shapes);
	g_test_add_func("/http-guard", test_heads);
	g_test_add_func("/states", test_states);
	g_test_add_func("/states/others", test_other_states);
	g_test_add_func("/schedule", test_schedule);
	g_test_add_func("/policy", test_policy);
	g_test_add_func("/hub", test_hub);
	g_test_add_func("/secrets", test_secrets);
	return g_test_run();
}
