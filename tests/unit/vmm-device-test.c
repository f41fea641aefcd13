/* vmm-device-test.c - virtqueue, EDID, keymap, options and the device list as
 * functions, and a seeded slice of the device fuzzer. */
#include <glib.h>
#include <linux/input-event-codes.h>
#include <signal.h>
#include <string.h>

#include "vmm/kvm/console.h"
#include "vmm/kvm/edid.h"
#include "vmm/kvm/fake-vm.h"
#include "vmm/kvm/keymap.h"
#include "vmm/kvm/opts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void test_memory(void)
{
	static uint8_t bytes[8192];
	struct guest_mem *mem = guest_mem_fake(0x1000, bytes, sizeof bytes);

	g_assert_true(guest_ptr(mem, gpa(0x1000), 8192) == bytes);
	g_assert_null(guest_ptr(mem, gpa(0x1000), 8193));
	g_assert_null(guest_ptr(mem, gpa(0xfff), 1));
	g_assert_null(guest_ptr(mem, gpa(0x3000), 1));
	g_assert_null(guest_ptr(mem, gpa(0x2fff), 2));
	g_assert_null(guest_ptr(mem, gpa(~0ull), 2));
	g_assert_null(guest_ptr(mem, gpa(0x1000), ~0ull));
	guest_mem_free(mem);
}

static uint64_t no_read(void *device, uint64_t offset, unsigned size)
{
	return 0x1122334455667788;
}

static void test_bus(void)
{
	static const struct bus_ops ops = {.read = no_read};
	struct bus bus;
	int a, b;

	bus_init(&bus);
	g_assert_true(
	    bus_add(&bus, &(struct bus_range){0x100, 0x10, &ops, &a, NULL}));
	g_assert_false(
	    bus_add(&bus, &(struct bus_range){0x10f, 2, &ops, &b, NULL}));
	g_assert_false(
	    bus_add(&bus, &(struct bus_range){0xf0, 0x11, &ops, &b, NULL}));
	g_assert_false(
	    bus_add(&bus, &(struct bus_range){~0ull, 2, &ops, &b, NULL}));
	g_assert_true(
	    bus_add(&bus, &(struct bus_range){0x110, 1, &ops, &b, NULL}));
	g_assert_cmphex(bus_read(&bus, 0x100, 2), ==, 0x7788);
	g_assert_cmphex(bus_read(&bus, 0x10e, 4), ==, 0xffffffff);
	g_assert_cmphex(bus_read(&bus, 0x111, 1), ==, 0xff);
	bus_remove(&bus, 0x100, &b); /* not its own */
	g_assert_cmphex(bus_read(&bus, 0x100, 1), ==, 0x88);
	bus_remove(&bus, 0x100, &a);
	g_assert_cmphex(bus_read(&bus, 0x100, 1), ==, 0xff);
	bus_finish(&bus);
}

static void test_edid(void)
{
	uint8_t edid[EDID_BYTES];

	for (unsigned width = 64; width <= 5120; width += 56) {
		uint8_t sum = 0;

		edid_make(edid, 1, width, width / 2, 0, 0);
		for (unsigned i = 0; i < EDID_BYTES; i++)
			sum = (uint8_t)(sum + edid[i]);
		g_assert_cmpuint(sum, ==, 0);
		g_assert_cmpuint(edid[54 + 2] | (edid[54 + 4] & 0xf0) << 4, ==,
				 MIN(width, 4095));
	}
}

static void test_keymap(void)
{
	g_assert_cmpuint(keymap_from_qnum(0x1e), ==, KEY_A);
	g_assert_cmpuint(keymap_from_qnum(0x80 | 0x48), ==, KEY_UP);
	g_assert_cmpuint(keymap_from_qnum(0x80 | 0x5b), ==, KEY_LEFTMETA);
	g_assert_cmpuint(keymap_from_qnum(0), ==, 0);
	g_assert_cmpuint(keymap_from_qnum(0xffffffff), ==, 0);
}

static void test_opts(void)
{
	GError *error = NULL;
	struct opts *o = opts_parse("blk,path=/a,,b=c,n=7,flag=on", &error);
	uint64_t n;
	bool flag;

	g_assert_no_error(error);
	g_assert_cmpstr(opts_type(o), ==, "blk");
	g_assert_cmpstr(opts_string(o, "path"), ==, "/a,b=c");
	g_assert_true(opts_number(o, "n", 0, 9, 1, &n, &error));
	g_assert_cmpuint(n, ==, 7);
	g_assert_false(opts_number(o, "n", 0, 6, 1, &n, &error));
	g_clear_error(&error);
	g_assert_false(opts_finish(o, &error)); /* flag was not read */
	g_clear_error(&error);
	g_assert_true(opts_flag(o, "flag", &flag, &error) && flag);
	g_assert_true(opts_finish(o, &error));
	opts_free(o);
	g_assert_null(opts_parse("=x", &error));
	g_clear_error(&error);
	g_assert_null(opts_parse("blk,x", &error));
	g_clear_error(&error);
}

static void test_damage(void)
{
	struct rect list[CONSOLE_RECTS];
	unsigned count = 0;

	rect_add(list, &count, &(struct rect){10, 10, 5, 5});
	rect_add(list, &count, &(struct rect){11, 11, 2, 2});
	g_assert_cmpuint(count, ==, 1);
	rect_add(list, &count, &(struct rect){0, 0, 100, 100});
	g_assert_cmpuint(count, ==, 1);
	g_assert_cmpint(list[0].width, ==, 100);
	for (int i = 0; i < 200; i++) {
		rect_add(list, &count, &(struct rect){200 + 3 * i, 7, 2, 2});
		g_assert_cmpuint(count, <=, CONSOLE_RECTS);
	}
}

static void test_devices(void)
{
	struct vm *vm = fake_vm_new();

	for (unsigned i = 0; device_types[i]; i++)
		g_assert_true(device_type_find(device_types[i]->name) ==
			      device_types[i]);
	g_assert_null(device_type_find("floppy"));
	g_assert_nonnull(fake_vm_add(vm, "virtio-rng,id=a"));
	g_assert_null(fake_vm_add(vm, "virtio-rng,id=a"));
	g_assert_null(fake_vm_add(vm, "virtio-net"));
	g_assert_null(fake_vm_add(vm, "virtio-net,mac=01:00:00:00:00:00"));
	g_assert_null(fake_vm_add(vm, "virtio-net,mac=zz"));
	g_assert_null(fake_vm_add(vm, "virtio-blk"));
	g_assert_null(fake_vm_add(vm, "virtio-gpu,width=1"));
	g_assert_null(fake_vm_add(vm, "virtio-tablet,head=9"));
	g_assert_null(fake_vm_add(vm, "virtio-console,port1=null"));
	g_assert_null(fake_vm_add(vm, "virtio-console,port1=what,name1=a"));
	/* the bus ends at some time, with a fault and not a crash */
	for (int i = 0; i < 40; i++)
		fake_vm_add(vm, "virtio-rng");
	g_assert_null(fake_vm_add(vm, "virtio-rng"));
	fake_vm_free(vm);
}

/* Memory that looks a little like rings, so that something is found there. */
static void plausible(GRand *rand, uint8_t *memory)
{
	for (unsigned q = 0; q < 8; q++) {
		uint8_t *at = memory + 0x1000 * q;

		for (unsigned d = 0; d < 16; d++) {
			uint64_t where =
			    (uint64_t)g_rand_int_range(rand, 0x8000, 0xf000);
			uint32_t bytes =
			    g_rand_boolean(rand)
				? 56
				: (uint32_t)g_rand_int_range(rand, 0, 5000);
			/* an indirect one ends most requests at once */
			uint16_t flags =
			    (uint16_t)(g_rand_int_range(rand, 0, 4) |
				       (g_rand_int_range(rand, 0, 16) == 0
					    ? 4
					    : 0));
			uint16_t next = (uint16_t)g_rand_int_range(rand, 0, 17);

			memcpy(at + 16 * d, &where, 8);
			memcpy(at + 16 * d + 8, &bytes, 4);
			memcpy(at + 16 * d + 12, &flags, 2);
			memcpy(at + 16 * d + 14, &next, 2);
		}
		for (unsigned i = 0; i < 18; i++) {
			uint16_t word = (uint16_t)g_rand_int_range(rand, 0, 17);

			memcpy(at + 0x400 + 2 * i, &word, 2);
		}
	}
	for (unsigned i = 0x8000; i < 0xf000; i += 4) {
		uint32_t word =
		    g_rand_boolean(rand)
			? 0x100 + (uint32_t)g_rand_int_range(rand, 0, 12)
			: (uint32_t)g_rand_int_range(rand, 0, 40);

		if (g_rand_boolean(rand))
			memcpy(memory + i, &word, 4);
	}
}

static void test_fuzz(void)
{
	GRand *rand = g_rand_new_with_seed(20260101);
	static uint8_t input[6 + 4 * 32 + FAKE_MEMORY];
	gint64 end = g_get_monotonic_time() + 3 * G_USEC_PER_SEC;
	unsigned rounds = 0;

	while (g_get_monotonic_time() < end) {
		for (unsigned i = 0; i < 6 + 4 * 32; i++)
			input[i] = (uint8_t)g_rand_int(rand);
		input[0] = (uint8_t)rounds++;
		input[5] = 32;
		for (unsigned i = 6 + 4 * 32; i < sizeof input; i++)
			input[i] = (uint8_t)(g_rand_int(rand) & 7 ? 0 : 0xff);
		plausible(rand, input + 6 + 4 * 32);
		LLVMFuzzerTestOneInput(input, sizeof input);
	}
	g_test_message("%u rounds", rounds);
	g_assert_cmpuint(rounds, >, 20);
	g_rand_free(rand);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmm/memory", test_memory);
	g_test_add_func("/vmm/bus", test_bus);
	g_test_add_func("/vmm/edid", test_edid);
	g_test_add_func("/vmm/keymap", test_keymap);
	g_test_add_func("/vmm/options", test_opts);
	g_test_add_func("/vmm/damage", test_damage);
	g_test_add_func("/vmm/devices", test_devices);
	g_test_add_func("/vmm/device-fuzz", test_fuzz);
	return g_test_run();
}
