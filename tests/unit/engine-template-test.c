/* A frozen machine, its clones, and what they cost. */
#include <string.h>
#include <sys/stat.h>

#include "common/fault.h"
#include "tests/unit/engine-guest.h"

static gint64 since_ms(gint64 begin)
{
	return (g_get_monotonic_time() - begin) / 1000;
}

static void test_template(void)
{
	if (!guest_available())
		return;
	struct guest origin;
	guest_init(&origin, "template");
	g_autoptr(GError) error = NULL;
	/* the template's own disk lies in its folder */
	g_autofree char *disk =
	    g_build_filename(origin.template_dir, TEMPLATE_DISK, NULL);
	g_assert_true(engine_overlay_create(origin.disk, disk, NULL));
	origin.spec.disk = disk;
	gint64 begin = g_get_monotonic_time();
	guest_start(&origin, GUEST_TEMPLATE, &error);
	g_assert_no_error(error);
	g_autofree char *cards =
	    guest_sh(&origin, NULL,
		     "ls /sys/class/net; cp /bin/busybox /tmp/mark; sync");
	g_test_message("booted in %d ms", (int)since_ms(begin));
	g_assert_cmpstr(cards, ==, "lo");
	guest_hang_up(&origin);
	begin = g_get_monotonic_time();
	guest_freeze(&origin, &error);
	g_assert_no_error(error);
	g_test_message("frozen in %d ms", (int)since_ms(begin));
	g_assert_nonnull(strstr(origin.seen->str, "gone/host;"));
	struct stat st;
	g_autofree char *memory =
	    g_build_filename(origin.template_dir, TEMPLATE_MEMORY, NULL);
	g_assert_cmpint(stat(memory, &st), ==, 0);
	g_assert_cmpint(st.st_size, ==, 192 << 20);
	g_assert_cmpint((gint64)st.st_blocks * 512, <, 190 << 20);
	/* two clones side by side: each has what the template had, a card of
	 * its own, and a memory of its own */
	struct guest a, b;
	struct guest *both[] = {&a, &b};
	guest_init_beside(&a, &origin, "clone-a");
	guest_init_beside(&b, &origin, "clone-b");
	b.spec.mac = "52:54:00:0a:0b:02";
	for (int i = 0; i < 2; i++) {
		struct guest *clone = both[i];
		g_assert_true(engine_overlay_create(disk, clone->disk, NULL));
		begin = g_get_monotonic_time();
		guest_start(clone, GUEST_CLONE, &error);
		g_assert_no_error(error);
		g_test_message("clone runs %d ms after its exec",
			       (int)since_ms(begin));
		g_assert_cmpint(engine_machine_state(clone->machine), ==,
				ENGINE_RUNNING);
		int status = 1;
		g_autofree char *same =
		    guest_sh(clone, &status, "cmp /bin/busybox /tmp/mark");
		g_assert_cmpint(status, ==, 0);
		g_test_message("and answers %d ms after it",
			       (int)since_ms(begin));
		g_autofree char *mine = guest_sh(
		    clone, NULL,
		    "echo %s >/tmp/mark; dd if=/tmp/mark of=/dev/vda "
		    "2>/dev/null; sync; i=0; while [ ! -e /sys/class/net/"
		    "eth0 ] && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); "
		    "done; cat /sys/class/net/eth0/address",
		    clone->spec.id);
		g_assert_cmpstr(mine, ==, clone->spec.mac);
	}
	for (int i = 0; i < 2; i++) {
		g_autofree char *mine =
		    guest_sh(both[i], NULL,
			     "cat /tmp/mark; echo 3 >/proc/sys/vm/drop_caches; "
			     "head -n 1 /dev/vda");
		g_autofree char *wanted = g_strdup_printf(
		    "%s\n%s", both[i]->spec.id, both[i]->spec.id);
		g_assert_cmpstr(mine, ==, wanted);
	}
	/* a template that does not fit is refused, and says what to do */
	struct guest c;
	guest_init_beside(&c, &origin, "clone-c");
	g_assert_true(engine_overlay_create(disk, c.disk, NULL));
	c.spec.heads = 1;
	g_assert_false(guest_start(&c, GUEST_CLONE, &error));
	g_assert_error(error, FAULT, FAULT_CONFLICT);
	g_assert_nonnull(strstr(error->message, "anew"));
	g_clear_error(&error);
	/* and so is a damaged one */
	c.spec.heads = 2;
	g_autofree char *state =
	    g_build_filename(origin.template_dir, TEMPLATE_STATE, NULL);
	g_assert_true(g_file_set_contents(state, "QEVM nonsense", -1, NULL));
	g_assert_false(guest_start(&c, GUEST_CLONE, &error));
	g_assert_nonnull(error);
	g_test_message("damaged: %s", error->message);
	g_assert_true(guest_left_nothing(&c));
	guest_finish(&b);
	/* the folders of all have gone with the first */
	guest_do(&a, engine_machine_kill_async, NULL);
	guest_finish(&a);
	guest_finish(&c);
	guest_finish(&origin);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/engine-template/clones", test_template);
	return g_test_run();
}
