/* The parts of the image builder that run no other program. */
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/image/cache.h"
#include "server/image/kernel.h"
#include "server/image/manifest.h"
#include "server/image/needs.h"
#include "server/image/progress.h"
#include "server/image/sources.h"

/* ---- progress ---- */

static void test_progress(void)
{
	static const char *const LINES[] = {
	    "I: running apt-get update...",
	    "Get:1 http://m/ bookworm InRelease [151 kB]",
	    "I: downloading packages with apt...",
	    "0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.",
	    "Need to get 3,000 kB of archives.",
	    "Get:1 http://m/ bookworm/main amd64 dash amd64 0.5-1 [1000 kB]",
	    "Get:2 http://m/ bookworm/main amd64 bash amd64 5-1 [2000 kB]",
	    "I: extracting archives...",
	    "Unpacking dash (0.5-1) ...",
	    "Setting up dash (0.5-1) ...",
	    "Setting up bash (5-1) ...",
	    "I: installing remaining packages inside the chroot...",
	    "0 upgraded, 4 newly installed, 0 to remove and 0 not upgraded.",
	    "Need to get 10 MB of archives.",
	    "Get:1 http://m/ bookworm/main amd64 a amd64 1 [10.0 MB]",
	    "Unpacking a:amd64 (1) ...",
	    "Unpacking b (1) ...",
	    "Unpacking c (1) ...",
	    "Unpacking d (1) ...",
	    "Setting up a:amd64 (1) ...",
	    "Get: [", /* noise moves nothing and breaks nothing */
	    "0 upgraded, x newly installed",
	    "Setting up d (1) ...",
	    "oriel-stage: setup Running the recipe's commands",
	    "Unpacking late (1) ...",
	    "oriel-stage: disk Writing the file system",
	};
	int ends[2];
	g_assert_cmpint(pipe(ends), ==, 0);
	struct progress *progress = progress_new(ends[1], FALSE);
	struct progress_reader reader = {.progress = progress};
	progress_set(progress, STAGE_CHECK, 0, "Reading the recipe");
	for (gsize i = 0; i < G_N_ELEMENTS(LINES); i++)
		progress_read(&reader, LINES[i]);
	progress_set(progress, STAGE_CHECK, 0, "back again?");
	json_t *manifest = json_object();
	progress_done(progress, manifest);
	json_decref(manifest);
	progress_free(progress);
	close(ends[1]);
	g_autoptr(GString) text = g_string_new(NULL);
	char buffer[4096];
	ssize_t got;
	while ((got = read(ends[0], buffer, sizeof buffer)) > 0)
		g_string_append_len(text, buffer, got);
	close(ends[0]);
	g_auto(GStrv) lines = g_strsplit(g_strchomp(text->str), "\n", -1);
	json_int_t done = 0;
	guint count = g_strv_length(lines);
	g_assert_cmpuint(count, >, 8);
	for (guint i = 0; i + 1 < count; i++) {
		json_t *line = json_loads(lines[i], 0, NULL);
		json_int_t now =
		    json_integer_value(json_object_get(line, "done"));
		g_assert_cmpint(now, >=, done);
		g_assert_cmpint(
		    json_integer_value(json_object_get(line, "total")), ==,
		    PROGRESS_TOTAL);
		done = now;
		json_decref(line);
	}
	g_assert_cmpint(done, ==, PROGRESS_TOTAL);
	g_assert_nonnull(strstr(text->str, "Fetching bash"));
	g_assert_nonnull(strstr(text->str, "Setting up a\""));
	g_assert_cmpstr(lines[count - 1], ==,
			"{\"result\":\"done\",\"manifest\":{}}");
}

/* ---- apt's configuration ---- */

static void test_sources(void)
{
	/* as apt-get prints it from one-line and deb822 files alike */
	g_autofree char *text = sources_from_targets(
	    "http://m/debian/|bookworm|main|Debian|/k.gpg|yes\n"
	    "http://m/debian/|bookworm|main|Debian|/k.gpg|yes\n"
	    "http://m/debian/|bookworm|contrib|Debian|/k.gpg|yes\n"
	    "http://m/debian/|bookworm-updates|main|$(ORIGIN)|$(SIGNED_BY)|"
	    "\n"
	    "http://m/debian/|bookworm-backports|main|Debian||\n"
	    "http://m/sec/|bookworm-security|main|Debian|/k.gpg|\n"
	    "http://other/|bookworm|main|Docker||\n"
	    "http://m/debian/|trixie|main|Debian||\n"
	    "nonsense\n",
	    "bookworm");
	g_assert_nonnull(text);
	g_auto(GStrv) stanzas = g_strsplit(g_strchomp(text), "\n\n", -1);
	g_assert_cmpuint(g_strv_length(stanzas), ==, 3);
	g_assert_cmpstr(stanzas[0], ==,
			"Types: deb\nURIs: http://m/debian/\n"
			"Suites: bookworm\nComponents: main\n"
			"Signed-By: /k.gpg");
	g_assert_nonnull(strstr(stanzas[1], "bookworm-updates"));
	g_assert_nonnull(strstr(stanzas[2], "bookworm-security"));
	/* updates alone are no distribution */
	g_assert_null(sources_from_targets(
	    "http://m/|bookworm-updates|main|Debian||\n", "bookworm"));
	g_assert_null(sources_from_targets("", "bookworm"));
}

static void test_apt_conf(void)
{
	g_autofree char *conf =
	    sources_apt_conf("APT::Architecture \"amd64\";\n"
			     "Acquire \"\";\nAcquire::http \"\";\n"
			     "Acquire::http::Proxy \"http://u:p@proxy:3128\";\n"
			     "Acquire::https::CaInfo \"/etc/ca.pem\";\n"
			     "DPkg::Pre-Invoke:: \"rm -rf /\";\n"
			     "Acquire::Languages:: \"none\";\n");
	g_assert_cmpstr(conf, ==,
			"Acquire::http::Proxy \"http://u:p@proxy:3128\";\n"
			"Acquire::https::CaInfo \"/etc/ca.pem\";\n");
}

/* ---- kernels ---- */

static void test_kernel_garbage(void)
{
	g_autofree guint8 *image = g_malloc0(8192);
	g_assert_null(kernel_unpack(image, 0));
	g_assert_null(kernel_unpack(image, 8192));
	memcpy(image + 0x202, "HdrS", 4);
	g_assert_null(kernel_unpack(image, 8192));
	/* a payload that reaches beyond the file */
	memset(image + 0x248, 0xff, 8);
	g_assert_null(kernel_unpack(image, 8192));
	/* xz magic, and a claimed size that is not there */
	memset(image + 0x248, 0, 8);
	image[0x24c] = 64;
	memcpy(image + 5 * 512,
	       "\xfd"
	       "7zXZ\0",
	       6);
	memset(image + 5 * 512 + 60, 0xff, 4);
	g_assert_null(kernel_unpack(image, 8192));
	memcpy(image + 5 * 512 + 60, "\x00\x10\x00\x00", 4);
	g_assert_null(kernel_unpack(image, 8192));
}

/* ---- failures of the tools ---- */

static void test_explain(void)
{
	static const struct {
		const char *output;
		enum fault_code code;
		const char *part;
	} CASES[] = {
	    {"x\ndpkg: error: write: No space left on device\ny\n",
	     FAULT_STORAGE, "The disk is full"},
	    {"E: Unable to locate package nosuch\n", FAULT_INVALID,
	     "Unable to locate package nosuch"},
	    {"mke2fs: Could not allocate block in ext2 filesystem\n",
	     FAULT_STORAGE, "Raise disk_gib"},
	    {"E: Failed to fetch http://m/x  Could not connect to m:80\n",
	     FAULT_UNAVAILABLE, "Check the network"},
	    {"W: GPG error: NO_PUBKEY 0E98\n", FAULT_UNAVAILABLE, "signature"},
	    {"something else\n", FAULT_INTERNAL, "as it was"},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(CASES); i++) {
		g_autoptr(GError) error =
		    fault_new(FAULT_INTERNAL, NULL, "as it was");
		g_assert_false(
		    needs_explain(CASES[i].output, "bookworm", &error));
		g_assert_error(error, FAULT, (int)CASES[i].code);
		g_assert_nonnull(strstr(error->message, CASES[i].part));
	}
	/* a cancelled build stays cancelled, whatever was printed on the way */
	g_autoptr(GError) error = fault_new(FAULT_CANCELLED, NULL, "stopped");
	needs_explain("No space left on device\n", "bookworm", &error);
	g_assert_error(error, FAULT, FAULT_CANCELLED);
}

/* ---- the cache ---- */

static void fill(const char *folder, const char *key)
{
	for (gsize i = 0; IMAGE_FILES[i]; i++) {
		g_autofree char *path =
		    g_build_filename(folder, IMAGE_FILES[i], NULL);
		g_assert_true(g_file_set_contents(path, "text", 4, NULL));
	}
	json_t *manifest = json_pack("{s:s, s:{s:{s:i}}}", "key", key, "files",
				     "disk.qcow2", "bytes", 4);
	g_autoptr(GError) error = NULL;
	g_assert_true(manifest_write(manifest, folder, &error));
	json_decref(manifest);
}

static void test_cache(void)
{
	g_autofree char *top = g_dir_make_tmp("image-test-XXXXXX", NULL);
	g_autofree char *store = g_build_filename(top, "cache", NULL);
	g_autofree char *made = g_build_filename(top, "made", NULL);
	g_autofree char *again = g_build_filename(top, "again", NULL);
	g_autofree char *third = g_build_filename(top, "third", NULL);
	g_mkdir(made, 0755);
	g_mkdir(again, 0755);
	g_mkdir(third, 0755);
	fill(made, "abc");
	g_autoptr(GError) error = NULL;

	struct cache *cache = cache_open(store, "abc");
	g_assert_null(cache_take(cache, again, &error));
	g_assert_no_error(error);
	g_assert_true(cache_lock(cache, NULL, NULL, &error));
	cache_put(cache, made);
	g_assert_null(cache_problem(cache));
	json_t *manifest = cache_take(cache, again, &error);
	g_assert_nonnull(manifest);
	json_decref(manifest);
	g_autofree char *disk = g_build_filename(again, "disk.qcow2", NULL);
	GStatBuf st;
	g_assert_cmpint(g_stat(disk, &st), ==, 0);
	g_assert_cmpuint(st.st_nlink, ==, 3); /* made, cache, again */

	/* a damaged entry is as good as none, and gone afterwards */
	g_autofree char *entry = g_build_filename(store, "images", "abc", NULL);
	g_autofree char *kept = g_build_filename(entry, "disk.qcow2", NULL);
	g_unlink(kept);
	g_assert_true(g_file_set_contents(kept, "torn in half", -1, NULL));
	g_assert_null(cache_take(cache, third, &error));
	g_assert_no_error(error);
	g_assert_false(g_file_test(entry, G_FILE_TEST_EXISTS));
	cache_close(cache);

	/* a cache in an impossible place is a warning, not a failure */
	g_autofree char *odd = g_build_filename(disk, "below", NULL);
	cache = cache_open(odd, "abc");
	g_assert_nonnull(cache_problem(cache));
	g_assert_true(cache_lock(cache, NULL, NULL, &error));
	g_assert_null(cache_take(cache, third, &error));
	cache_put(cache, made);
	cache_close(cache);
	remove_tree(top);
	g_assert_false(g_file_test(top, G_FILE_TEST_EXISTS));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/image/progress", test_progress);
	g_test_add_func("/image/sources", test_sources);
	g_test_add_func("/image/apt-conf", test_apt_conf);
	g_test_add_func("/image/kernel-garbage", test_kernel_garbage);
	g_test_add_func("/image/explain", test_explain);
	g_test_add_func("/image/cache", test_cache);
	return g_test_run();
}
