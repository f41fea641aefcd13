/* The gateway's parsers and its bookkeeping, byte by byte. */
#include <arpa/inet.h>
#include <string.h>

#include "common/fault.h"
#include "server/gateway/http-head.h"
#include "server/gateway/limits.h"
#include "server/gateway/rfb-door.h"

/* ---- http-head ---- */

static enum head_result parse(const char *text, struct head *head,
			      const char **reason)
{
	*reason = NULL;
	return head_parse(head, text, strlen(text), reason);
}

static void test_head_good(void)
{
	static const char text[] = "GET /tunnel/v1/rfb?x=1 HTTP/1.1\r\n"
				   "Host: desk.example:8443\r\n"
				   "Connection: keep-alive , UPGRADE\r\n"
				   "Upgrade:oriel-tunnel\t \r\n"
				   "Empty:\r\n"
				   "\r\nRFB 003.008\n";
	struct head head;
	const char *reason;
	bool twice = false;
	g_assert_cmpint(parse(text, &head, &reason), ==, HEAD_DONE);
	g_assert_true(span_is(head.method, "GET"));
	g_assert_true(span_is(head.path, "/tunnel/v1/rfb"));
	g_assert_true(span_is(head.target, "/tunnel/v1/rfb?x=1"));
	g_assert_cmpstr(text + head.size, ==, "RFB 003.008\n");
	g_assert_cmpuint(head.count, ==, 4);
	g_assert_true(span_lists(head_find(&head, "CONNECTION", &twice)->value,
				 "upgrade"));
	g_assert_true(span_is(head_find(&head, "upgrade", &twice)->value,
			      "oriel-tunnel"));
	g_assert_cmpuint(head_find(&head, "empty", &twice)->value.size, ==, 0);
	g_assert_null(head_find(&head, "upgrad", &twice));
	g_assert_false(twice);
	/* every prefix asks for more, none is refused */
	for (size_t i = 0; i < head.size; i++) {
		struct head part;
		g_assert_cmpint(head_parse(&part, text, i, &reason), ==,
				HEAD_MORE);
	}
}

static void test_head_bad(void)
{
	static const char *const bad[] = {
	    "GET / HTTP/1.1\nHost: a\n\n",
	    "GET / HTTP/1.1\r\n\r\n", /* no Host */
	    "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
	    "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
	    "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
	    "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET /\r\nHost: a\r\n\r\n",
	    " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	    "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	    "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n",
	    "GET / HTTP/1.1\r\nHo\xc3\xa4: a\r\n\r\n",
	    "\x16\x03\x01\x02",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct head head;
		const char *reason;
		g_assert_cmpint(parse(bad[i], &head, &reason), ==, HEAD_BAD);
		g_assert_nonnull(reason);
	}
	struct head head;
	const char *reason = NULL;
	g_assert_cmpint(head_parse(&head, "GET /\0 HTTP/1.1\r\n", 18, &reason),
			==, HEAD_BAD);
	/* HTTP/1.0 had no Host */
	g_assert_cmpint(parse("GET / HTTP/1.0\r\n\r\n", &head, &reason), ==,
			HEAD_DONE);
}

static void test_head_bounds(void)
{
	struct head head;
	const char *reason = NULL;
	g_autoptr(GString) text = g_string_new("GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 1; i < HEAD_FIELDS; i++)
		g_string_append_printf(text, "F%d: x\r\n", i);
	gsize full = text->len;
	g_string_append(text, "\r\n");
	g_assert_cmpint(parse(text->str, &head, &reason), ==, HEAD_DONE);
	g_string_truncate(text, full);
	g_string_append(text, "More: x\r\n\r\n");
	g_assert_cmpint(parse(text->str, &head, &reason), ==, HEAD_BAD);
	/* exactly 16 KiB passes, a byte more does not */
	for (int over = 0; over < 2; over++) {
		g_autoptr(GString) big =
		    g_string_new("GET / HTTP/1.1\r\nHost: a\r\nX: ");
		while (big->len < HEAD_MAX - 4u + (unsigned)over)
			g_string_append_c(big, 'x');
		g_string_append(big, "\r\n\r\n");
		g_assert_cmpint(head_parse(&head, big->str, big->len, &reason),
				==, over ? HEAD_BAD : HEAD_DONE);
	}
}

static void test_span_lists(void)
{
	struct {
		const char *list;
		gboolean has;
	} cases[] = {{"upgrade", TRUE},       {"a,upgrade", TRUE},
		     {"a ,\tUpGrade ", TRUE}, {"upgraded", FALSE},
		     {"up,grade", FALSE},     {"", FALSE},
		     {",,", FALSE},           {"upgrade grade", FALSE}};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct span span = {cases[i].list, strlen(cases[i].list)};
		g_assert_cmpint(span_lists(span, "upgrade"), ==, cases[i].has);
	}
}

/* ---- rfb-door ---- */

static void feed(struct door *door, const char *bytes, size_t size)
{
	size_t taken = door_feed(door, (const uint8_t *)bytes, size);
	g_assert_cmpuint(taken, ==, size);
}
#define FEED(door, literal) feed(door, literal, sizeof(literal) - 1)

static void said(struct door *door, const char *bytes, size_t size)
{
	g_assert_cmpmem(door->out, door->out_size, bytes, size);
	door->out_size = 0;
}
#define SAID(door, literal) said(door, literal, sizeof(literal) - 1)

static void to_lengths(struct door *door)
{
	door_init(door, NULL);
	FEED(door, "RFB 003.008\n\x13\0\x02\0\0\x01\x06");
	g_assert_cmpint(door->state, ==, DOOR_TLS);
	SAID(door, "RFB 003.008\n\x01\x13\0\x02\0\x01\0\0\x01\x06\x01");
	door_secured(door);
}

static void test_door_admits(void)
{
	struct door door;
	to_lengths(&door);
	FEED(&door, "\0\0\0\x03\0\0\0\x04"
		    "anapass");
	g_assert_cmpint(door.state, ==, DOOR_LOGIN);
	g_assert_cmpstr(door.user, ==, "ana");
	g_assert_cmpstr(door.password, ==, "pass");
	/* nothing beyond is touched before the answer */
	g_assert_cmpuint(door_feed(&door, (const uint8_t *)"\1", 1), ==, 0);
	door_forget(&door);
	g_assert_cmpstr(door.password, ==, "");
	door_admit(&door);
	g_assert_cmpint(door.state, ==, DOOR_OPEN);
	SAID(&door, "\0\0\0\0");
}

static void test_door_stops_at_tls(void)
{
	static const char bytes[] =
	    "RFB 003.008\n\x13\0\x02\0\0\x01\x06\x16\x03";
	struct door door;
	door_init(&door, NULL);
	size_t taken =
	    door_feed(&door, (const uint8_t *)bytes, sizeof bytes - 1);
	g_assert_cmpuint(taken, ==, sizeof bytes - 3);
	g_assert_cmpint(door.state, ==, DOOR_TLS);
}

static void test_door_versions(void)
{
	struct {
		const char *text;
		int minor;
		enum door_state state;
	} cases[] = {
	    {"RFB 003.008\n", 8, DOOR_TYPE},
	    {"RFB 003.007\n", 7, DOOR_TYPE},
	    {"RFB 003.889\n", 8, DOOR_TYPE},
	    {"RFB 004.001\n", 8, DOOR_TYPE},
	    {"RFB 003.003\n", 8, DOOR_CLOSED},
	    {"RFB 003.006\n", 8, DOOR_CLOSED},
	    {"RFB 00a.008\n", 0, DOOR_CLOSED},
	    {"RFB 003 008\n", 0, DOOR_CLOSED},
	    {"RFB 003.008\r", 0, DOOR_CLOSED},
	    {"GET / HTTP/1", 0, DOOR_CLOSED},
	    {"\x16\x03\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a", 0,
	     DOOR_CLOSED},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct door door;
		door_init(&door, NULL);
		feed(&door, cases[i].text, 12);
		g_assert_cmpint(door.state, ==, cases[i].state);
		g_assert_cmpint(door.minor, ==, cases[i].minor);
		if (door.state == DOOR_CLOSED)
			g_assert_nonnull(door.reason);
	}
}

static void test_door_refusals(void)
{
	struct door door;
	door_init(&door, "Full.");
	FEED(&door, "RFB 003.008\n");
	g_assert_cmpint(door.state, ==, DOOR_CLOSED);
	SAID(&door, "RFB 003.008\n\0\0\0\0\x05"
		    "Full.");
	/* another security type, VeNCrypt version, subtype */
	door_init(&door, NULL);
	FEED(&door, "RFB 003.008\n\x01");
	g_assert_cmpint(door.state, ==, DOOR_CLOSED);
	door_init(&door, NULL);
	FEED(&door, "RFB 003.008\n\x13\0\x01");
	g_assert_cmpint(door.state, ==, DOOR_CLOSED);
	SAID(&door, "RFB 003.008\n\x01\x13\0\x02\xff");
	door_init(&door, NULL);
	FEED(&door, "RFB 003.008\n\x13\0\x02\0\0\x01\x02");
	g_assert_cmpint(door.state, ==, DOOR_CLOSED);
	SAID(&door, "RFB 003.008\n\x01\x13\0\x02\0\x01\0\0\x01\x06\0");
	/* lengths and texts that cannot be */
	to_lengths(&door);
	FEED(&door, "\xff\xff\xff\xff\0\0\0\0");
	g_assert_cmpint(door.state, ==, DOOR_CLOSED);
	to_lengths(&door);
	FEED(&door, "\0\0\0\0\0\0\0\x01");
	g_assert_cmpint(door.state, ==, DOOR_CLOSED);
	to_lengths(&door);
	FEED(&door, "\0\0\0\x01\0\0\x01\0");
	g_assert_cmpint(door.state, ==, DOOR_CLOSED);
	to_lengths(&door);
	FEED(&door, "\0\0\0\x02\0\0\0\x01"
		    "a\0b");
	g_assert_cmpint(door.state, ==, DOOR_CLOSED);
	g_assert_cmpstr(door.user, ==, "");
	/* an empty password is the broker's to refuse */
	to_lengths(&door);
	FEED(&door, "\0\0\0\x01\0\0\0\0a");
	g_assert_cmpint(door.state, ==, DOOR_LOGIN);
	door_refuse(&door, "Wrong.");
	SAID(&door, "\0\0\0\x01\0\0\0\x06Wrong.");
	/* 3.7 has no reason texts there */
	to_lengths(&door);
	door.minor = 7;
	door_refuse(&door, "Wrong.");
	SAID(&door, "\0\0\0\x01");
}

static void test_door_long_reason(void)
{
	struct door door;
	g_autoptr(GString) reason = g_string_new(NULL);
	for (int i = 0; i < 1000; i++)
		g_string_append(reason, "\xe2\x82\xac"); /* three bytes each */
	to_lengths(&door);
	door_refuse(&door, reason->str);
	g_assert_cmpuint(door.out_size, ==, 8 + 600);
	g_assert_true(g_utf8_validate((char *)door.out + 8,
				      (gssize)door.out_size - 8, NULL));
}

/* ---- limits ---- */

static struct limits_key key_of(const char *text)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		return limits_key((struct sockaddr *)&four);
	g_assert_cmpint(inet_pton(AF_INET6, text, &six.sin6_addr), ==, 1);
	return limits_key((struct sockaddr *)&six);
}

static void test_limits_keys(void)
{
	struct limits_key a = key_of("10.0.0.1"), b = key_of("::ffff:10.0.0.1"),
			  c = key_of("2001:db8::1"),
			  d = key_of("2001:db8::ffff:1"),
			  e = key_of("2001:db8:0:1::1"), f = key_of("10.0.0.2");
	g_assert_cmpmem(&a, sizeof a, &b, sizeof b);
	g_assert_cmpmem(&c, sizeof c, &d, sizeof d);
	g_assert_cmpint(memcmp(&c, &e, sizeof c), !=, 0);
	g_assert_cmpint(memcmp(&a, &f, sizeof a), !=, 0);
}

static void test_limits_counts(void)
{
	struct limits *limits = limits_new(3, 2);
	struct limits_key a = key_of("10.0.0.1"), b = key_of("10.0.0.2");
	g_assert_cmpint(limits_enter(limits, a), ==, LIMITS_ADMIT);
	g_assert_cmpint(limits_enter(limits, a), ==, LIMITS_ADMIT);
	g_assert_cmpint(limits_enter(limits, a), ==, LIMITS_REFUSE_ADDRESS);
	g_assert_cmpint(limits_enter(limits, b), ==, LIMITS_ADMIT);
	g_assert_cmpint(limits_enter(limits, b), ==, LIMITS_REFUSE_TOTAL);
	limits_leave(limits, a, LIMITS_REFUSE_ADDRESS);
	limits_leave(limits, b, LIMITS_REFUSE_TOTAL);
	limits_leave(limits, a, LIMITS_ADMIT);
	g_assert_cmpint(limits_enter(limits, b), ==, LIMITS_ADMIT);
	for (int i = 0; i < LIMITS_REFUSALS_MAX; i++)
		g_assert_cmpint(limits_enter(limits, a), ==,
				LIMITS_REFUSE_TOTAL);
	g_assert_cmpint(limits_enter(limits, a), ==, LIMITS_DROP);
	limits_leave(limits, a, LIMITS_REFUSE_TOTAL);
	g_assert_cmpint(limits_enter(limits, a), ==, LIMITS_REFUSE_TOTAL);
	limits_free(limits);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/gateway/head/good", test_head_good);
	g_test_add_func("/gateway/head/bad", test_head_bad);
	g_test_add_func("/gateway/head/bounds", test_head_bounds);
	g_test_add_func("/gateway/head/lists", test_span_lists);
	g_test_add_func("/gateway/door/admits", test_door_admits);
	g_test_add_func("/gateway/door/stops-at-tls", test_door_stops_at_tls);
	g_test_add_func("/gateway/door/versions", test_door_versions);
	g_test_add_func("/gateway/door/refusals", test_door_refusals);
	g_test_add_func("/gateway/door/long-reason", test_door_long_reason);
	g_test_add_func("/gateway/limits/keys", test_limits_keys);
	g_test_add_func("/gateway/limits/counts", test_limits_counts);
	return g_test_run();
}
