/* RFC 6238, appendix B "Test Vectors": the last six of its eight digits. */
#include <string.h>

#include "server/broker/totp.h"

static const char secret[] = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

static void test_vectors(void)
{
	static const struct {
		gint64 at;
		const char *code;
	} vectors[] = {
	    {59, "287082"},         {1111111109, "081804"},
	    {1111111111, "050471"}, {1234567890, "005924"},
	    {2000000000, "279037"}, {20000000000, "353130"},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(vectors); i++) {
		char code[TOTP_DIGITS + 1];
		g_assert_true(
		    totp_code(secret, vectors[i].at / TOTP_STEP_S, code));
		g_assert_cmpstr(code, ==, vectors[i].code);
	}
}

/* One step early or late is good, two are not, and none twice. */
static void test_window(void)
{
	gint64 now = 1234567890, step = now / TOTP_STEP_S;
	char code[TOTP_DIGITS + 1];
	for (gint64 off = -3; off <= 3; off++) {
		g_assert_true(totp_code(secret, step + off, code));
		gint64 found = totp_match(secret, code, now, 0);
		g_assert_cmpint(found, ==, ABS(off) <= 1 ? step + off : 0);
		g_assert_cmpint(totp_match(secret, code, now, step + off), ==,
				0);
	}
}

static void test_rubbish(void)
{
	char code[TOTP_DIGITS + 1];
	g_assert_false(totp_code("", 1, code));
	g_assert_false(totp_code("not base32!", 1, code));
	g_autofree char *longest = g_strnfill(4000, 'A');
	g_assert_false(totp_code(longest, 1, code));
	g_assert_cmpint(totp_match(secret, "", 59, 0), ==, 0);
	g_assert_cmpint(totp_match(secret, "2870820", 59, 0), ==, 0);
	g_assert_cmpint(totp_match(secret, "28708x", 59, 0), ==, 0);
}

static void test_secret(void)
{
	g_autofree char *one = totp_new_secret();
	g_autofree char *two = totp_new_secret();
	char code[TOTP_DIGITS + 1];
	g_assert_cmpuint(strlen(one), ==, 32);
	g_assert_cmpstr(one, !=, two);
	g_assert_true(totp_code(one, 1, code));
	g_autofree char *uri = totp_uri(one, "ada");
	g_assert_nonnull(strstr(uri, one));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/totp/vectors", test_vectors);
	g_test_add_func("/totp/window", test_window);
	g_test_add_func("/totp/rubbish", test_rubbish);
	g_test_add_func("/totp/secret", test_secret);
	return g_test_run();
}
