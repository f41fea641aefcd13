/* What goes wrong with machines, and what a person is told of it. */
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/fault.h"
#include "tests/unit/engine-guest.h"
#include "vmm/engine-ops.h"

static void refused(struct guest *guest, enum fault_code code, const char *says)
{
	g_autoptr(GError) error = NULL;
	g_assert_false(guest_start(guest, GUEST_BOOT, &error));
	g_test_message("%s", error->message);
	g_assert_error(error, FAULT, (int)code);
	g_assert_nonnull(strstr(error->message, says));
	g_assert_nonnull(strchr(error->message, '\n')); /* a remedy */
	g_assert_true(guest_left_nothing(guest));
}

static void test_disk_troubles(void)
{
	if (!guest_available())
		return;
	struct guest guest, other;
	guest_init(&guest, "first");
	guest_init_beside(&other, &guest, "second");
	g_assert_true(guest_start(&guest, GUEST_BOOT, NULL));
	other.spec.disk = guest.disk;
	refused(&other, FAULT_CONFLICT, "in use by another process");
	g_assert_true(
	    g_file_set_contents(other.disk, "no qcow2 at all", -1, NULL));
	other.spec.disk = other.disk;
	refused(&other, FAULT_STORAGE, "damaged");
	g_autofree char *absent = g_build_filename(guest.top, "none", NULL);
	other.spec.kernel = absent;
	g_autoptr(GError) error = NULL;
	g_assert_false(guest_start(&other, GUEST_BOOT, &error));
	g_assert_error(error, FAULT, FAULT_NOT_FOUND);
	guest_finish(&guest);
	guest_finish(&other);
}

/* A full disk stops the machine, tells why, and loses nothing: once there is
 * room the guest's write goes on as if nothing had been. */
static void test_disk_full(void)
{
	if (!guest_available())
		return;
	/* mounts of our own, which end with us */
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		g_test_skip("needs root, to mount a small disk");
		return;
	}
	struct guest guest;
	guest_init(&guest, "full");
	g_autofree char *small = g_build_filename(guest.top, "small", NULL);
	g_autofree char *disk = g_build_filename(small, "disk.qcow2", NULL);
	g_assert_cmpint(g_mkdir(small, 0700), ==, 0);
	g_assert_cmpint(mount("none", small, "tmpfs", 0, "size=8m"), ==, 0);
	g_autoptr(GError) error = NULL;
	g_assert_true(engine_overlay_create(guest.disk, disk, &error));
	guest.spec.disk = disk;
	guest_start(&guest, GUEST_BOOT, &error);
	g_assert_no_error(error);
	g_autofree char *begun =
	    guest_sh(&guest, NULL,
		     "(dd if=/dev/urandom of=/tmp/data bs=1M count=24; "
		     "dd if=/tmp/data of=/dev/vda bs=1M conv=fsync; "
		     "echo $? >/tmp/done) >/dev/null 2>&1 &");
	g_assert_true(guest_wait(&guest, "stuck;", 30000));
	g_assert_cmpint(engine_machine_state(guest.machine), ==, ENGINE_STUCK);
	g_test_message("%s", guest.why);
	g_assert_nonnull(strstr(guest.why, "is full"));
	g_string_truncate(guest.seen, 0);
	g_assert_cmpint(mount(NULL, small, NULL, MS_REMOUNT, "size=256m"), ==,
			0);
	g_assert_true(guest_wait(&guest, "running;", 10000));
	int status = 1;
	g_autofree char *written = guest_sh(
	    &guest, &status,
	    "while [ ! -e /tmp/done ]; do sleep 0.1; done; cat /tmp/done; "
	    "echo 3 >/proc/sys/vm/drop_caches; "
	    "cmp -n 25165824 /tmp/data /dev/vda");
	g_assert_cmpstr(written, ==, "0");
	g_assert_cmpint(status, ==, 0);
	guest_do(&guest, engine_machine_kill_async, NULL);
	g_assert_cmpint(umount(small), ==, 0);
	guest_finish(&guest);
}

static void put_program(const char *folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	g_assert_cmpint(g_chmod(path, 0755), ==, 0);
}

static void test_qemu_troubles(void)
{
	if (!guest_available())
		return;
	struct guest guest;
	guest_init(&guest, "troubles");
	g_autofree char *path = g_strdup(g_getenv("PATH"));
	/* missing */
	g_setenv("PATH", guest.top, TRUE);
	g_autoptr(GError) error = NULL;
	g_assert_null(engine_choose("qemu", &error));
	g_assert_error(error, FAULT, FAULT_UNAVAILABLE);
	g_assert_nonnull(strstr(error->message, "apt-get install"));
	refused(&guest, FAULT_UNAVAILABLE, "not installed");
	g_autofree char *with = g_strconcat(guest.top, ":", path, NULL);
	g_setenv("PATH", with, TRUE);
	/* too old */
	put_program(guest.top, "qemu-system-x86_64",
		    "#!/bin/sh\necho QEMU emulator version 6.1.0\n");
	g_clear_error(&error);
	g_assert_null(engine_choose("auto", &error));
	g_assert_nonnull(strstr(error->message, "too old"));
	/* dying at once: its last words are told */
	put_program(guest.top, "qemu-system-x86_64",
		    "#!/bin/sh\necho I cannot go on >&2\nexit 3\n");
	refused(&guest, FAULT_UNAVAILABLE, "I cannot go on");
	/* without KVM's permission */
	put_program(guest.top, "qemu-system-x86_64",
		    "#!/bin/sh\necho 'Could not access KVM kernel module: "
		    "Permission denied' >&2\nexit 1\n");
	refused(&guest, FAULT_DENIED, "/dev/kvm");
	/* hanging */
	put_program(guest.top, "qemu-system-x86_64",
		    "#!/bin/sh\n[ $1 = --version ] && echo version 7.2.0 && "
		    "exit\necho thinking >&2\nexec sleep 1000\n");
	engine_start_ms = 1000;
	refused(&guest, FAULT_TIMEOUT, "thinking");
	engine_start_ms = 20000;
	g_setenv("PATH", path, TRUE);
	guest_finish(&guest);
}

static void test_bad_specs(void)
{
	if (!guest_available())
		return;
	struct guest guest;
	guest_init(&guest, "specs");
	struct engine_spec good = guest.spec;
	for (int i = 0; i < 6; i++) {
		guest.spec = good;
		if (i == 0)
			guest.spec.id = "../up";
		else if (i == 1)
			guest.spec.cpus = 0;
		else if (i == 2)
			guest.spec.memory_mib = 64;
		else if (i == 3)
			guest.spec.heads = ENGINE_HEADS_MAX + 1;
		else if (i == 4)
			guest.spec.mac = NULL;
		else
			guest.spec.id = NULL;
		g_autoptr(GError) error = NULL;
		g_assert_false(guest_start(&guest, GUEST_BOOT, &error));
		g_assert_error(error, FAULT, FAULT_INVALID);
	}
	guest.spec = good;
	guest_finish(&guest);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/engine-trouble/disk", test_disk_troubles);
	g_test_add_func("/engine-trouble/disk-full", test_disk_full);
	g_test_add_func("/engine-trouble/qemu", test_qemu_troubles);
	g_test_add_func("/engine-trouble/bad-specs", test_bad_specs);
	return g_test_run();
}
