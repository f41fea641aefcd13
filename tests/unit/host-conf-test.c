/* machine.conf: what is written is read again, and what a person may break
 * is refused with the line it is on. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fault.h"
#include "server/host/agent.h"
#include "server/host/conf.h"

static char *folder; /* .../d1 */
static char *path;   /* .../d1/machine.conf */

static struct conf *message(const char *json, GError **error)
{
	json_error_t where;
	json_t *root = json_loads(json, 0, &where);
	g_assert_nonnull(root);
	struct conf *conf = conf_from_message(root, error);
	json_decref(root);
	return conf;
}

#define GOOD                                                                   \
	"{\"id\":\"d1\",\"name\":\"Anna's desk\",\"image\":\"debian-lite\","   \
	"\"version\":\"1.0\",\"cpus\":2,\"memory_mib\":1024,\"heads\":1,"      \
	"\"engine\":\"auto\"}"

static void test_round_trip(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(conf_auto) conf = message(GOOD, &error);
	g_assert_no_error(error);
	conf->disk_template = g_strdup("debian-lite-1.0-0123456789abcdef");
	conf->owned = TRUE;
	g_assert_true(conf_save(conf, path, &error));
	g_assert_no_error(error);
	struct stat st;
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 0777, ==, 0600);

	g_autoptr(conf_auto) again = conf_load(path, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(again->name, ==, "Anna's desk");
	g_assert_cmpuint(again->memory_mib, ==, 1024);
	g_assert_cmpuint(again->shutdown_grace_s, ==, 60);
	g_assert_cmpstr(again->mac, ==, conf->mac);
	g_assert_cmpstr(again->machine_id, ==, conf->machine_id);
	g_assert_cmpstr(again->disk_template, ==, conf->disk_template);
	g_assert_true(again->owned);
	g_assert_true(conf_same(again, conf));

	/* every key is explained where it stands */
	g_autofree char *text = NULL;
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_nonnull(strstr(text, "# Processors, 1 to 16.\ncpus=2\n"));
}

/* One that a system is installed on, and what its group may not be. */
static void test_install(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *good = g_strdup(GOOD);
	good[strlen(good) - 1] = '\0';
	static const struct {
		const char *install, *words;
	} bad[] = {
	    {"{\"profile\":\"linux\",\"disk_gib\":4}", "'iso'"},
	    {"{\"iso\":\"a.iso\",\"disk_gib\":4}", "'profile'"},
	    {"{\"iso\":\"a.iso\",\"profile\":\"linux\"}", "'disk_gib'"},
	    {"{\"iso\":\"../a\",\"profile\":\"linux\",\"disk_gib\":4}",
	     "'iso'"},
	    {"{\"iso\":\"a.iso\",\"profile\":\"dos\",\"disk_gib\":4}",
	     "'profile'"},
	    {"{\"iso\":\"a.iso\",\"profile\":\"linux\",\"disk_gib\":0}",
	     "'disk_gib'"},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *text =
		    g_strdup_printf("%s,\"install\":%s}", good, bad[i].install);
		g_assert_null(message(text, &error));
		g_assert_nonnull(strstr(error->message, bad[i].words));
		g_clear_error(&error);
	}
	g_autofree char *text = g_strdup_printf(
	    "%s,\"install\":{\"iso\":\"a.iso\",\"drivers\":\"b.iso\","
	    "\"profile\":\"windows-11\",\"disk_gib\":64}}",
	    good);
	g_autoptr(conf_auto) conf = message(text, &error);
	g_assert_no_error(error);
	conf->installed = TRUE;
	g_assert_true(conf_save(conf, path, &error));
	g_autoptr(conf_auto) again = conf_load(path, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(again->iso, ==, "a.iso");
	g_assert_cmpstr(again->drivers, ==, "b.iso");
	g_assert_null(again->answers);
	g_assert_cmpstr(again->profile, ==, "windows-11");
	g_assert_cmpuint(again->disk_gib, ==, 64);
	g_assert_true(again->installed);

	/* the group of all others is not written at all */
	g_autoptr(conf_auto) plain = message(GOOD, &error);
	g_assert_true(conf_save(plain, path, &error));
	g_autofree char *written = NULL;
	g_assert_true(g_file_get_contents(path, &written, NULL, NULL));
	g_assert_null(strstr(written, "install"));
	g_autofree char *half =
	    g_strconcat(written, "[install]\niso=a.iso\n", NULL);
	g_assert_null(conf_parse(half, strlen(half), path, &error));
	g_assert_nonnull(strstr(error->message, "profile and disk_gib"));
}

static void test_identities_differ(void)
{
	g_autoptr(conf_auto) one = message(GOOD, NULL);
	g_autoptr(conf_auto) two = message(GOOD, NULL);
	g_assert_cmpstr(one->mac, !=, two->mac);
	g_assert_cmpstr(one->machine_id, !=, two->machine_id);
	g_assert_cmpuint(strlen(one->machine_id), ==, 32);
	g_assert_true(g_str_has_prefix(one->mac, "52:54:00:"));
}

static void test_messages_refused(void)
{
	static const struct {
		const char *from, *to, *says;
	} cases[] = {
	    {"\"d1\"", "\"../d1\"", "'id'"},
	    {"\"d1\"", "\"\"", "'id'"},
	    {"\"d1\"", "7", "'id'"},
	    {"\"cpus\":2", "\"cpus\":0", "'cpus'"},
	    {"\"cpus\":2", "\"cpus\":17", "'cpus'"},
	    {"\"cpus\":2", "\"cpus\":\"2\"", "'cpus'"},
	    {"1024", "127", "'memory_mib'"},
	    {"\"heads\":1", "\"heads\":5", "'heads'"},
	    {"\"auto\"", "\"xen\"", "'engine'"},
	    {"\"1.0\"", "\"../1\"", "'version'"},
	    {"\"1.0\"", "\".\"", "'version'"},
	    {"\"debian-lite\"", "\"a/b\"", "'image'"},
	    {"Anna's desk", "a\\nb", "'name'"},
	    {"\"name\":", "\"nome\":", "'name'"},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		GString *json = g_string_new(GOOD);
		g_assert_cmpuint(
		    g_string_replace(json, cases[i].from, cases[i].to, 1), ==,
		    1);
		g_autoptr(GError) error = NULL;
		g_assert_null(message(json->str, &error));
		g_assert_error(error, FAULT, FAULT_INVALID);
		g_assert_nonnull(strstr(error->message, cases[i].says));
		g_string_free(json, TRUE);
	}
}

#define FILE_TEXT                                                              \
	"# a comment\n"                                                        \
	"[machine]\n"                                                          \
	"id=d1\n" /* 3 */                                                      \
	"name=Anna\n"                                                          \
	"image=debian-lite\n"                                                  \
	"version=1\n"                                                          \
	"cpus=2\n" /* 7 */                                                     \
	"memory_mib=1024\n"                                                    \
	"heads=1\n"                                                            \
	"engine=auto\n" /* 10 */                                               \
	"\n"                                                                   \
	"[identity]\n" /* 12 */                                                \
	"mac=52:54:00:00:00:01\n"                                              \
	"machine_id=0123456789abcdef0123456789abcdef\n"

static void test_files_refused(void)
{
	static const struct {
		const char *from, *to;
		unsigned line;
		const char *says;
	} cases[] = {
	    {"cpus=2", "cpus", 7, "neither"},
	    {"cpus=2", "cpus=two", 7, "cpus must be"},
	    {"cpus=2", "cpus=2.5", 7, "cpus must be"},
	    {"cpus=2", "cpus=-1", 7, "cpus must be"},
	    {"cpus=2\n", "", 2, "'cpus'"},
	    {"cpus=2", "cpus=2\ncups=3", 8, "unknown key 'cups'"},
	    {"[identity]", "[identify]", 12, "unknown group [identify]"},
	    {"[identity]", "[identity", 12, "neither"},
	    {"id=d1", "id=d2", 3, "folder"},
	    {"engine=auto", "engine=xen", 10, "auto, qemu or kvm"},
	    {"mac=52:54:00:00:00:01", "mac=52:54:00:00:00:0g", 13, "mac"},
	    {"mac=52:54:00:00:00:01", "mac=aa:54:00:00:00:01", 13, "mac"},
	    {"0123456789abcdef0", "0123456789ABCDEF0", 14, "machine_id"},
	    {"name=Anna", "name=", 4, "name must be"},
	    {"version=1", "version=..", 6, "version"},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		GString *text = g_string_new(FILE_TEXT);
		g_assert_cmpuint(
		    g_string_replace(text, cases[i].from, cases[i].to, 1), ==,
		    1);
		g_assert_true(g_file_set_contents(path, text->str, -1, NULL));
		g_autoptr(GError) error = NULL;
		g_assert_null(conf_load(path, &error));
		g_assert_error(error, FAULT, FAULT_INVALID);
		g_autofree char *place =
		    g_strdup_printf("%s:%u: ", path, cases[i].line);
		g_test_message("%s", error->message);
		g_assert_true(g_str_has_prefix(error->message, place));
		g_assert_nonnull(strstr(error->message, cases[i].says));
		/* kept as it was */
		g_autofree char *kept = NULL;
		g_assert_true(g_file_get_contents(path, &kept, NULL, NULL));
		g_assert_cmpstr(kept, ==, text->str);
		g_string_free(text, TRUE);
	}
	g_autoptr(GError) error = NULL;
	g_assert_true(g_file_set_contents(path, FILE_TEXT, -1, NULL));
	g_autoptr(conf_auto) conf = conf_load(path, &error);
	g_assert_no_error(error);
	g_assert_null(conf->disk_template);
	g_assert_false(conf->owned);
}

static void test_odd_files(void)
{
	g_autoptr(GError) error = NULL;
	g_assert_true(g_file_set_contents(path, "", 0, NULL));
	g_assert_null(conf_load(path, &error));
	g_assert_error(error, FAULT, FAULT_INVALID);
	g_clear_error(&error);
	g_assert_true(g_file_set_contents(path, "[machine]\0x=y", 13, NULL));
	g_assert_null(conf_load(path, &error));
	g_assert_error(error, FAULT, FAULT_INVALID);
	g_clear_error(&error);
	g_autofree char *huge = g_strnfill(1 << 20, '#');
	g_assert_true(g_file_set_contents(path, huge, -1, NULL));
	g_assert_null(conf_load(path, &error));
	g_assert_error(error, FAULT, FAULT_INVALID);
	g_clear_error(&error);
	g_unlink(path);
	g_assert_null(conf_load(path, &error));
	g_assert_error(error, FAULT, FAULT_NOT_FOUND);
}

static void test_hostnames(void)
{
	static const char *const cases[][2] = {
	    {"Anna's desk", "anna-s-desk"},
	    {"a", "a"},
	    {"--x--", "x"},
	    {"\xc3\xa4\xc3\xb6", "d1"},
	    {"Desk #42 ", "desk-42"},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct conf conf = {.id = "d1", .name = (char *)cases[i][0]};
		g_autofree char *name = conf_hostname(&conf);
		g_assert_cmpstr(name, ==, cases[i][1]);
	}
	g_autofree char *letters = g_strnfill(64, 'a');
	struct conf conf = {.id = "d1", .name = letters};
	g_autofree char *name = conf_hostname(&conf);
	g_assert_cmpuint(strlen(name), ==, 63);
}

static void test_identity_text(void)
{
	struct conf conf = {.id = "d1",
			    .name = "Anna",
			    .machine_id = "0123456789abcdef0123456789abcdef"};
	g_autoptr(GBytes) text =
	    agent_identity_text(&conf, 1700000000000042, (guint8 *)"abc", 3);
	gsize size;
	const char *bytes = g_bytes_get_data(text, &size);
	g_autofree char *copy = g_strndup(bytes, size);
	g_assert_cmpstr(copy, ==,
			"time=1700000000.000042\nseed=YWJj\nhostname=anna\n"
			"machine_id=0123456789abcdef0123456789abcdef\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_autofree char *base = g_dir_make_tmp("host-conf-XXXXXX", NULL);
	folder = g_build_filename(base, "d1", NULL);
	path = g_build_filename(folder, CONF_FILE, NULL);
	g_mkdir(folder, 0700);
	g_test_add_func("/host/conf/round-trip", test_round_trip);
	g_test_add_func("/host/conf/install", test_install);
	g_test_add_func("/host/conf/identities", test_identities_differ);
	g_test_add_func("/host/conf/messages-refused", test_messages_refused);
	g_test_add_func("/host/conf/files-refused", test_files_refused);
	g_test_add_func("/host/conf/odd-files", test_odd_files);
	g_test_add_func("/host/conf/hostnames", test_hostnames);
	g_test_add_func("/host/conf/identity-text", test_identity_text);
	int status = g_test_run();
	g_unlink(path);
	g_rmdir(folder);
	g_rmdir(base);
	return status;
}
