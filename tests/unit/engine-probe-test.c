/* What `oriel doctor` finds, and what the probe of /dev/kvm makes of it. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/net.h"
#include "vmm/probe.h"

static struct kvm_probe probe_once(const char *cache)
{
	struct kvm_probe probe;
	gint64 begin = g_get_monotonic_time();
	kvm_probe_run(cache, &probe);
	g_test_message("%s, %.1f MIPS, %s, in %d ms",
		       probe.usable ? "usable" : "not usable", probe.mips,
		       probe.cause ? probe.cause : "no complaint",
		       (int)((g_get_monotonic_time() - begin) / 1000));
	/* the answer and its reason belong together */
	g_assert_true(probe.usable == !probe.cause);
	g_assert_true(probe.usable == (probe.mips >= 100));
	return probe;
}

static void probe_clear(struct kvm_probe *probe)
{
	g_free(probe->cause);
	g_free(probe->remedy);
}

static void test_kvm(void)
{
	gint64 begin = g_get_monotonic_time();
	struct kvm_probe probe = probe_once(NULL);
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 4000000);
	if (g_access("/dev/kvm", F_OK) != 0) {
		g_assert_false(probe.usable);
		g_assert_nonnull(strstr(probe.cause, "no /dev/kvm"));
	}
	probe_clear(&probe);
}

/* Others on the processors change nothing about what KVM is worth. */
static void test_on_a_busy_machine(void)
{
	struct kvm_probe calm = probe_once(NULL), busy;
	pid_t others[8];
	for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
		others[i] = fork();
		if (others[i] == 0)
			for (volatile guint spin = 0;; spin++)
				;
	}
	busy = probe_once(NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
		kill(others[i], SIGKILL);
		waitpid(others[i], NULL, 0);
	}
	g_assert_true(busy.usable == calm.usable);
	probe_clear(&calm);
	probe_clear(&busy);
}

static void test_kept_for_this_boot(void)
{
	if (g_access("/dev/kvm", R_OK | W_OK) != 0) {
		g_test_skip("/dev/kvm is not there, or not for this user");
		return;
	}
	g_autofree char *cache = g_dir_make_tmp("oriel-probe-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(cache, "kvm-probe.json", NULL);
	struct kvm_probe probe = probe_once(cache);
	gboolean measured = probe.mips > 0;
	g_assert_cmpint(g_file_test(file, G_FILE_TEST_EXISTS), ==, measured);
	probe_clear(&probe);
	g_autofree char *boot = NULL;
	g_assert_true(g_file_get_contents("/proc/sys/kernel/random/boot_id",
					  &boot, NULL, NULL));
	g_strstrip(boot);
	const struct {
		const char *boot;
		gboolean believed;
	} kept[] = {{boot, TRUE}, {"another", FALSE}};
	for (gsize i = 0; i < G_N_ELEMENTS(kept); i++) {
		g_autofree char *text = g_strdup_printf(
		    "{\"boot\":\"%s\",\"mips\":123456.5}", kept[i].boot);
		g_assert_true(g_file_set_contents(file, text, -1, NULL));
		probe = probe_once(cache);
		g_assert_true((probe.mips == 123456.5) == kept[i].believed);
		probe_clear(&probe);
	}
	/* nonsense is measured over */
	g_assert_true(g_file_set_contents(file, "[{", -1, NULL));
	probe = probe_once(cache);
	probe_clear(&probe);
	g_unlink(file);
	g_rmdir(cache);
}

/* As a user who may not open it: the reason names the group. */
static void test_no_permission(void)
{
	if (getuid() != 0 || g_access("/dev/kvm", F_OK) != 0) {
		g_test_skip("needs root, to give its rights up, and /dev/kvm");
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		struct kvm_probe probe;
		if (setresuid(65534, 65534, 65534) < 0)
			_exit(2);
		if (open("/dev/kvm", O_RDWR) >= 0)
			_exit(3); /* everybody may, here */
		kvm_probe_run(NULL, &probe);
		_exit(!probe.usable && probe.cause &&
			      strstr(probe.cause, "may not be opened") &&
			      probe.remedy && strstr(probe.remedy, "group kvm")
			  ? 0
			  : 1);
	}
	int status = 0;
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 3) {
		g_test_skip("/dev/kvm is open to everybody here");
		return;
	}
	g_assert_cmpint(status, ==, 0);
}

static void test_findings(void)
{
	g_autoptr(GPtrArray) findings =
	    g_ptr_array_new_with_free_func((GDestroyNotify)engine_finding_free);
	engine_probe(NULL, findings);
	const char *const wanted[] = {"kvm",      "qemu", "oriel-vmm", "passt",
				      "qemu-img", "cpu",  "memory",    "disk"};
	g_assert_cmpuint(findings->len, ==, G_N_ELEMENTS(wanted));
	for (guint i = 0; i < findings->len; i++) {
		struct engine_finding *it = findings->pdata[i];
		g_test_message("%-8s %d %s | %s | %s", it->name, it->level,
			       it->found, it->chosen ? it->chosen : "",
			       it->remedy ? it->remedy : "");
		g_assert_cmpstr(it->name, ==, wanted[i]);
		g_assert_nonnull(it->found);
		/* what is not good says what would be better */
		if (strcmp(it->name, "kvm") != 0 && it->level != FINDING_GOOD)
			g_assert_nonnull(it->remedy);
	}
	g_autoptr(GError) error = NULL;
	const struct engine *engine = engine_choose("auto", &error);
	if (engine)
		g_assert_cmpstr(engine_accelerator(engine), ==,
				kvm_probe_result()->usable ? "kvm" : "tcg");
	/* whatever "auto" is, clones are made by an engine that can */
	g_clear_error(&error);
	engine = engine_choose_cloning("auto", &error);
	if (engine)
		g_assert_cmpstr(engine_name(engine), ==, "qemu");
	g_clear_error(&error);
	g_assert_null(engine_choose("nonesuch", &error));
	g_assert_nonnull(error);
}

/* A fingerprint tells machines apart exactly by what a template depends on. */
static void test_fingerprint(void)
{
	const struct engine *engine = engine_choose("auto", NULL);
	if (!engine) {
		g_test_skip("no engine runs here");
		return;
	}
	struct engine_spec spec = {
	    .id = "a", .cpus = 2, .memory_mib = 1024, .heads = 1, .disk = "x"};
	g_autofree char *first = engine_fingerprint(engine, &spec);
	spec.id = "b";
	spec.disk = "y";
	g_autofree char *same = engine_fingerprint(engine, &spec);
	g_assert_cmpstr(first, ==, same);
	spec.heads = 2;
	g_autofree char *other = engine_fingerprint(engine, &spec);
	g_assert_cmpstr(first, !=, other);
	g_test_message("%s", first);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/engine-probe/kvm", test_kvm);
	g_test_add_func("/engine-probe/busy", test_on_a_busy_machine);
	g_test_add_func("/engine-probe/kept-for-this-boot",
			test_kept_for_this_boot);
	g_test_add_func("/engine-probe/no-permission", test_no_permission);
	g_test_add_func("/engine-probe/findings", test_findings);
	g_test_add_func("/engine-probe/fingerprint", test_fingerprint);
	return g_test_run();
}
