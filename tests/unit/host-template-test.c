/* Which template is whose, and when one is whole. */
#include <glib/gstdio.h>
#include <string.h>

#include "common/fault.h"
#include "server/host/files.h"
#include "server/host/template-key.h"

static char *folder;

static void test_keys(void)
{
	g_autofree char *one = template_key("lite", "1", "d", "{\"cpus\":2}");
	g_autofree char *same = template_key("lite", "1", "d", "{\"cpus\":2}");
	g_autofree char *cpus = template_key("lite", "1", "d", "{\"cpus\":4}");
	g_autofree char *image = template_key("lite", "1", "e", "{\"cpus\":2}");
	/* what moves from one part to the next is another key */
	g_autofree char *moved = template_key("lite", "1", "d{", "\"cpus\":2}");
	g_assert_cmpstr(one, ==, same);
	g_assert_cmpstr(one, !=, cpus);
	g_assert_cmpstr(one, !=, image);
	g_assert_cmpstr(one, !=, moved);
	g_assert_true(g_str_has_prefix(one, "lite-1-"));
	g_assert_cmpuint(strlen(one), ==, strlen("lite-1-") + 16);
}

static void put(const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void test_complete(void)
{
	const char *fits = "{\"engine\":\"qemu\",\"cpus\":2}";
	const struct template_about about = {.image = "lite",
					     .version = "1",
					     .engine = "qemu",
					     .cpus = 2,
					     .memory_mib = 1024,
					     .heads = 1,
					     .made_ms = 31000};
	g_autoptr(GError) error = NULL;
	g_assert_false(template_complete(folder, fits));
	put("memory", "");
	put("state", "");
	put("disk.qcow2", "");
	g_assert_true(template_about_save(&about, folder, &error));
	g_assert_false(template_complete(folder, fits));
	/* the members' order is no difference */
	put("fits.json", "{\"cpus\":2, \"engine\":\"qemu\"}\n");
	g_assert_true(template_complete(folder, fits));
	g_assert_false(template_complete(folder, "{\"cpus\":4}"));
	put("fits.json", "{\"cpus\":2, \"engine\":");
	g_assert_false(template_complete(folder, fits));
}

static void test_about(void)
{
	struct template_about about;
	g_autoptr(GError) error = NULL;
	g_assert_true(template_about_load(&about, folder, &error));
	g_assert_cmpstr(about.image, ==, "lite");
	g_assert_cmpuint(about.memory_mib, ==, 1024);
	g_assert_cmpint(about.made_ms, ==, 31000);
	template_about_clear(&about);
	static const char *const bad[] = {
	    "", "[]", "{\"image\":\"lite\"}",
	    "{\"image\":\"../x\",\"version\":\"1\",\"engine\":\"qemu\","
	    "\"cpus\":2,\"memory_mib\":1,\"heads\":1}"};
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) why = NULL;
		put(TEMPLATE_ABOUT, bad[i]);
		g_assert_false(template_about_load(&about, folder, &why));
		g_assert_error(why, FAULT, FAULT_STORAGE);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("host-template-XXXXXX", NULL);
	g_test_add_func("/host/template/keys", test_keys);
	g_test_add_func("/host/template/complete", test_complete);
	g_test_add_func("/host/template/about", test_about);
	int status = g_test_run();
	files_remove_tree(folder, NULL);
	g_free(folder);
	return status;
}
