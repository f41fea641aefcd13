/* Engine kvm behind engine.h: oriel-vmm with a bare-metal guest
 * (tests/guests/idle.c), which runs wherever /dev/kvm makes machines at all,
 * also where engine_choose() rightly thinks it too slow for desktops. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "tests/unit/engine-guest.h"
#include "vmm/engine-ops.h"

static gboolean usable(void)
{
	int kvm = open("/dev/kvm", O_RDWR);
	int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm >= 0)
		close(vm);
	if (kvm >= 0)
		close(kvm);
	if (vm < 0)
		g_test_skip("/dev/kvm makes no machines here");
	return vm >= 0;
}

static void init(struct guest *guest, const char *id, const char *cmdline)
{
	g_autofree char *program = paths_program("oriel-vmm");
	g_autofree char *bin = g_path_get_dirname(program);

	guest_init_bare(guest, id);
	guest->engine = &engine_kvm;
	g_free(guest->kernel);
	g_free(guest->disk);
	guest->kernel = g_build_filename(bin, "../guests/idle.elf", NULL);
	guest->disk = g_build_filename(guest->folder, "disk,1.img", NULL);
	int fd = open(guest->disk, O_RDWR | O_CREAT, 0600);
	g_assert_cmpint(ftruncate(fd, 1 << 20), ==, 0);
	close(fd);
	guest->spec.kernel = guest->kernel;
	guest->spec.initrd = NULL;
	guest->spec.disk = guest->disk;
	guest->spec.cmdline = cmdline;
	guest->spec.network = FALSE;
}

static void test_life(void)
{
	if (!usable())
		return;
	struct guest guest;
	init(&guest, "life", "idle");
	g_autoptr(GError) error = NULL;
	guest_start(&guest, GUEST_BOOT, &error);
	g_assert_no_error(error);
	g_assert_cmpint(engine_machine_state(guest.machine), ==,
			ENGINE_RUNNING);
	g_assert_true(guest_do(&guest, engine_machine_pause_async, &error));
	g_assert_true(guest_wait(&guest, "paused;", 5000));
	g_assert_true(guest_do(&guest, engine_machine_resume_async, &error));
	g_assert_true(guest_wait(&guest, "running;", 5000));
	for (int i = 0; i < 3; i++) {
		int fd = guest_display(&guest, &error);
		g_assert_no_error(error);
		g_assert_cmpint(fd, >=, 0);
		close(fd);
	}
	g_string_truncate(guest.seen, 0);
	g_assert_true(guest_do(&guest, engine_machine_reset_async, &error));
	g_assert_true(guest_wait(&guest, "running;", 5000));
	/* the guest obeys the button once it has started anew, so press until
	 * it does */
	gboolean gone = FALSE;
	for (int i = 0; i < 40 && !gone; i++) {
		guest_do(&guest, engine_machine_powerdown_async, NULL);
		gone = guest_wait(&guest, "gone/guest;", 500);
	}
	g_assert_true(gone);
	g_assert_true(guest_left_nothing(&guest));
	guest_finish(&guest);
}

static void test_ends(void)
{
	if (!usable())
		return;
	struct guest guest;
	init(&guest, "ends", "late");
	g_autoptr(GError) error = NULL;
	guest_start(&guest, GUEST_BOOT, &error);
	g_assert_no_error(error);
	gboolean gone = FALSE;
	for (int i = 0; i < 40 && !gone; i++) {
		guest_do(&guest, engine_machine_powerdown_async, NULL);
		gone = guest_wait(&guest, "gone/panic;", 500);
	}
	g_assert_true(gone);
	guest_finish(&guest);
	init(&guest, "kill", "spin");
	guest_start(&guest, GUEST_BOOT, &error);
	g_assert_no_error(error);
	g_assert_true(guest_do(&guest, engine_machine_kill_async, &error));
	g_assert_true(guest_wait(&guest, "gone/host;", 20000));
	g_assert_true(guest_left_nothing(&guest));
	guest_finish(&guest);
}

static void test_refusals(void)
{
	if (!usable())
		return;
	struct guest guest;
	init(&guest, "refusals", "idle");
	g_autoptr(GError) error = NULL;
	g_assert_false(guest_start(&guest, GUEST_TEMPLATE, &error));
	g_assert_error(error, FAULT, FAULT_UNAVAILABLE);
	g_assert_nonnull(strstr(error->message, "templates"));
	g_clear_error(&error);
	g_autofree char *absent =
	    g_build_filename(guest.folder, "none.qcow2", NULL);
	guest.spec.disk = absent;
	g_assert_false(guest_start(&guest, GUEST_BOOT, &error));
	g_assert_nonnull(strstr(error->message, "none.qcow2"));
	g_clear_error(&error);
	guest.spec.disk = guest.disk;
	guest.spec.kernel = NULL;
	g_assert_false(guest_start(&guest, GUEST_BOOT, &error));
	g_assert_nonnull(strstr(error->message, "firmware"));
	guest_finish(&guest);
}

/* A desktop's disk as the host role makes it. */
static void test_overlay(void)
{
	if (!usable())
		return;
	struct guest guest;
	init(&guest, "overlay", "idle");
	g_autoptr(GError) error = NULL;
	g_autofree char *overlay =
	    g_build_filename(guest.folder, "disk.qcow2", NULL);
	g_assert_true(engine_overlay_create(guest.disk, overlay, &error));
	g_assert_no_error(error);
	guest.spec.disk = overlay;
	guest_start(&guest, GUEST_BOOT, &error);
	g_assert_no_error(error);
	g_assert_true(guest_do(&guest, engine_machine_kill_async, &error));
	g_assert_true(guest_wait(&guest, "gone/host;", 20000));
	g_assert_true(guest_left_nothing(&guest));
	guest_finish(&guest);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/engine-kvm/life", test_life);
	g_test_add_func("/engine-kvm/ends", test_ends);
	g_test_add_func("/engine-kvm/overlay", test_overlay);
	g_test_add_func("/engine-kvm/refusals", test_refusals);
	return g_test_run();
}
