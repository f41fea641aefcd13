/* vmm/engine.h with real QEMU and a small real guest. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "tests/unit/engine-guest.h"

static gint64 since_ms(gint64 begin)
{
	return (g_get_monotonic_time() - begin) / 1000;
}

static void test_life(void)
{
	if (!guest_available())
		return;
	struct guest guest;
	guest_init(&guest, "life");
	g_autoptr(GError) error = NULL;
	guest_start(&guest, GUEST_BOOT, &error);
	g_assert_no_error(error);
	g_assert_cmpint(engine_machine_state(guest.machine), ==,
			ENGINE_RUNNING);
	g_autofree char *first = guest_sh(&guest, NULL, "echo $((6 * 7))");
	g_assert_cmpstr(first, ==, "42");
	g_autofree char *tablets =
	    guest_sh(&guest, NULL, "cat /sys/class/virtio-ports/*/name | sort");
	g_assert_cmpstr(tablets, ==,
			"com.redhat.spice.0\norg.oriel.seamless.0\n"
			"org.qemu.guest_agent.0\norg.spice-space.webdav.0");
	/* the same machine does not start twice */
	struct guest twin;
	guest_init_beside(&twin, &guest, "life");
	g_assert_false(guest_start(&twin, GUEST_BOOT, &error));
	g_assert_error(error, FAULT, FAULT_CONFLICT);
	g_assert_nonnull(strstr(error->message, "running already"));
	g_clear_error(&error);
	/* pause */
	g_assert_true(guest_do(&guest, engine_machine_pause_async, &error));
	g_assert_true(guest_wait(&guest, "paused;", 5000));
	g_assert_true(guest_do(&guest, engine_machine_resume_async, &error));
	g_assert_true(guest_wait(&guest, "running;", 5000));
	/* reset: it boots anew, and is never gone */
	g_autofree char *mark = guest_sh(&guest, NULL, "touch /tmp/mark");
	g_string_truncate(guest.seen, 0);
	guest_hang_up(&guest);
	g_assert_true(guest_do(&guest, engine_machine_reset_async, &error));
	g_assert_true(guest_wait(&guest, "running;", 5000));
	g_assert_cmpstr(guest.seen->str, ==, "running;");
	int status = 0;
	g_autofree char *gone = guest_sh(&guest, &status, "test -e /tmp/mark");
	g_assert_cmpint(status, ==, 1);
	/* the power button is obeyed */
	g_string_truncate(guest.seen, 0);
	g_assert_true(guest_do(&guest, engine_machine_powerdown_async, &error));
	g_assert_true(guest_wait(&guest, "gone/guest;", 20000));
	g_assert_true(guest_left_nothing(&guest));
	/* acts on what is gone */
	g_assert_false(guest_do(&guest, engine_machine_pause_async, &error));
	g_assert_error(error, FAULT, FAULT_CONFLICT);
	g_assert_true(guest_do(&guest, engine_machine_kill_async, NULL));
	twin.machine = NULL;
	guest_finish(&twin);
	guest_finish(&guest);
}

static void test_ends(void)
{
	if (!guest_available())
		return;
	struct guest guest;
	guest_init(&guest, "ends");
	g_autoptr(GError) error = NULL;
	guest_start(&guest, GUEST_BOOT, &error);
	g_assert_no_error(error);
	g_assert_true(guest_do(&guest, engine_machine_kill_async, NULL));
	g_assert_cmpstr(guest.seen->str, ==, "gone/host;");
	g_assert_null(guest.why);
	g_assert_true(guest_left_nothing(&guest));
	/* kill -9 */
	g_string_truncate(guest.seen, 0);
	g_assert_true(guest_start(&guest, GUEST_BOOT, NULL));
	kill(engine_machine_pid(guest.machine), SIGKILL);
	g_assert_true(guest_wait(&guest, "gone/died;", 5000));
	g_assert_nonnull(strstr(guest.why, "was killed by signal 9"));
	g_assert_true(guest_left_nothing(&guest));
	/* a stopped process takes neither quit nor SIGTERM */
	g_string_truncate(guest.seen, 0);
	g_assert_true(guest_start(&guest, GUEST_BOOT, NULL));
	kill(engine_machine_pid(guest.machine), SIGSTOP);
	gint64 begin = g_get_monotonic_time();
	g_assert_true(guest_do(&guest, engine_machine_kill_async, NULL));
	g_assert_cmpint(since_ms(begin), <, 15000);
	g_assert_cmpstr(guest.seen->str, ==, "gone/host;");
	/* a panic */
	g_string_truncate(guest.seen, 0);
	g_assert_true(guest_start(&guest, GUEST_BOOT, NULL));
	g_autofree char *up = guest_sh(&guest, NULL, "echo up");
	g_autofree char *nothing =
	    guest_sh(&guest, NULL,
		     "(sleep 0.2; echo c >/proc/sysrq-trigger) "
		     ">/dev/null 2>&1 &");
	g_assert_true(guest_wait(&guest, "gone/panic;", 10000));
	guest_finish(&guest);
}

static void test_adopt(void)
{
	if (!guest_available())
		return;
	struct guest guest;
	guest_init(&guest, "adopt");
	g_autoptr(GError) error = NULL;
	guest_start(&guest, GUEST_BOOT, &error);
	g_assert_no_error(error);
	pid_t pid = engine_machine_pid(guest.machine);
	g_autofree char *mark = guest_sh(&guest, NULL, "touch /tmp/mark");
	guest_start(&guest, GUEST_ADOPT, &error);
	g_assert_no_error(error);
	g_assert_cmpint(engine_machine_pid(guest.machine), ==, pid);
	g_assert_cmpint(engine_machine_state(guest.machine), ==,
			ENGINE_RUNNING);
	int status = 1;
	g_autofree char *still = guest_sh(&guest, &status, "test -e /tmp/mark");
	g_assert_cmpint(status, ==, 0);
	g_string_truncate(guest.seen, 0);
	kill(pid, SIGKILL);
	g_assert_true(guest_wait(&guest, "gone/died;", 5000));
	/* gone: the pid file may still be there, with a pid used again */
	g_autofree char *pid_file =
	    g_build_filename(guest.run_dir, "vmm.pid", NULL);
	g_autofree char *other = g_strdup_printf("%d 1 x\n", (int)getpid());
	g_assert_true(g_file_set_contents(pid_file, other, -1, NULL));
	g_assert_false(guest_start(&guest, GUEST_ADOPT, &error));
	g_assert_error(error, FAULT, FAULT_NOT_FOUND);
	g_assert_true(guest_left_nothing(&guest));
	guest_finish(&guest);
}

/* Display1 answers on every new connection. */
static void test_display(void)
{
	if (!guest_available())
		return;
	struct guest guest;
	guest_init(&guest, "display");
	g_autoptr(GError) error = NULL;
	guest_start(&guest, GUEST_BOOT, &error);
	g_assert_no_error(error);
	for (int i = 0; i < 3; i++) {
		int fd = guest_display(&guest, &error);
		g_assert_no_error(error);
		g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, NULL);
		g_autoptr(GSocketConnection) stream =
		    g_socket_connection_factory_create_connection(socket);
		g_autoptr(GDBusConnection) bus = g_dbus_connection_new_sync(
		    G_IO_STREAM(stream), NULL,
		    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL,
		    &error);
		g_assert_no_error(error);
		g_autoptr(GVariant) all = g_dbus_connection_call_sync(
		    bus, NULL, "/org/qemu/Display1/VM",
		    "org.freedesktop.DBus.Properties", "GetAll",
		    g_variant_new("(s)", "org.qemu.Display1.VM"), NULL, 0, 5000,
		    NULL, &error);
		g_assert_no_error(error);
		g_autofree char *text = g_variant_print(all, FALSE);
		g_assert_nonnull(strstr(text, "Test, with a comma"));
		const char *const objects[][2] = {
		    {"/org/qemu/Display1/Console_1",
		     "org.qemu.Display1.Console"},
		    {"/org/qemu/Display1/Chardev_vdagent",
		     "org.qemu.Display1.Chardev"},
		    {"/org/qemu/Display1/Chardev_webdav",
		     "org.qemu.Display1.Chardev"},
		    {"/org/qemu/Display1/Chardev_usbredir1",
		     "org.qemu.Display1.Chardev"},
		    {"/org/qemu/Display1/Chardev_seamless",
		     "org.qemu.Display1.Chardev"},
		    {"/org/qemu/Display1/Audio", "org.qemu.Display1.Audio"},
		};
		for (gsize o = 0; o < G_N_ELEMENTS(objects); o++) {
			g_autoptr(GVariant) there = g_dbus_connection_call_sync(
			    bus, NULL, objects[o][0],
			    "org.freedesktop.DBus.Properties", "GetAll",
			    g_variant_new("(s)", objects[o][1]), NULL, 0, 5000,
			    NULL, &error);
			g_assert_no_error(error);
		}
	}
	guest_finish(&guest);
}

static void keep(GObject *source, GAsyncResult *result, void *data)
{
	*(GAsyncResult **)data = g_object_ref(result);
}

static void test_cancel(void)
{
	if (!guest_available())
		return;
	struct guest guest;
	guest_init(&guest, "cancel");
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	/* at several moments of a start */
	for (int ms = 0; ms < 400; ms += 130) {
		GAsyncResult *result = NULL;
		g_cancellable_reset(cancellable);
		engine_start_async(guest.engine, &guest.spec, cancellable, keep,
				   &result);
		guest_spin((unsigned)ms);
		g_cancellable_cancel(cancellable);
		while (!result)
			g_main_context_iteration(NULL, TRUE);
		g_autoptr(GError) error = NULL;
		struct engine_machine *machine =
		    engine_start_finish(result, &error);
		g_object_unref(result);
		if (machine) { /* it was faster */
			guest.machine = machine;
			guest_do(&guest, engine_machine_kill_async, NULL);
			engine_machine_unref(machine);
			guest.machine = NULL;
		} else {
			g_assert_error(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
		}
		g_assert_true(guest_left_nothing(&guest));
	}
	guest_finish(&guest);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/engine/life", test_life);
	g_test_add_func("/engine/ends", test_ends);
	g_test_add_func("/engine/adopt", test_adopt);
	g_test_add_func("/engine/display", test_display);
	g_test_add_func("/engine/cancel", test_cancel);
	return g_test_run();
}
