/* vmm/profile.h: each machine is started by the engine with real QEMU, and
 * asked over QMP what it is made of. No medium of Windows is needed for that;
 * what its setup makes of the machine only a real one can tell. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "tests/unit/engine-guest.h"
#include "vmm/machine.h"
#include "vmm/profile.h"

static void on_reply(GObject *source, GAsyncResult *result, void *data)
{
	*(GAsyncResult **)data = g_object_ref(result);
}

/* New reference; NULL where QEMU refuses. */
static json_t *ask(struct guest *guest, const char *command, json_t *arguments)
{
	struct qmp *qmp = guest->machine->qmp;
	GAsyncResult *result = NULL;
	qmp_call_async(qmp, command, arguments, -1, 60000, NULL, on_reply,
		       &result);
	while (!result)
		g_main_context_iteration(NULL, TRUE);
	json_t *reply = qmp_call_finish(qmp, result, NULL);
	g_object_unref(result);
	return reply;
}

static char *ask_property(struct guest *guest, const char *path,
			  const char *property)
{
	json_t *reply =
	    ask(guest, "qom-get",
		json_pack("{s:s,s:s}", "path", path, "property", property));
	char *text =
	    reply ? json_dumps(reply, JSON_ENCODE_ANY) : strdup("none");
	json_decref(reply);
	return text;
}

static void assert_property(struct guest *guest, const char *path,
			    const char *property, const char *expected)
{
	char *text = ask_property(guest, path, property);
	g_assert_cmpstr(text, ==, expected);
	free(text);
}

/* "TYPE" of each device that has an id or none, joined by blanks. */
static char *device_types(struct guest *guest)
{
	g_autoptr(GString) all = g_string_new(" ");
	static const char *const places[] = {"/machine/peripheral",
					     "/machine/peripheral-anon"};
	for (gsize p = 0; p < G_N_ELEMENTS(places); p++) {
		json_t *list = ask(guest, "qom-list",
				   json_pack("{s:s}", "path", places[p]));
		gsize i;
		json_t *item;
		json_array_foreach(list, i, item)
		{
			const char *type =
			    json_string_value(json_object_get(item, "type"));
			if (g_str_has_prefix(type, "child<"))
				g_string_append_printf(all, "%.*s ",
						       (int)strlen(type) - 7,
						       type + 6);
		}
		json_decref(list);
	}
	return g_string_free(g_steal_pointer(&all), FALSE);
}

/* UEFI writes its variables at its first start. */
static gboolean variables_written(struct guest *guest)
{
	const char *blank =
	    engine_profile_find(guest->spec.profile)->secure_boot
		? "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
		: "/usr/share/OVMF/OVMF_VARS_4M.fd";
	g_autofree char *nvram =
	    g_build_filename(guest->folder, "nvram.fd", NULL);
	g_autofree char *before = NULL, *now = NULL;
	gsize size = 0, size_now = 0;
	g_assert_true(g_file_get_contents(blank, &before, &size, NULL));
	g_assert_true(g_file_get_contents(nvram, &now, &size_now, NULL));
	return size == size_now && memcmp(before, now, size) != 0;
}

/* A BIOS shows text, of 720x400; QEMU's own word that there is no picture
 * yet has another size. */
static gboolean text_shown(struct guest *guest)
{
	g_autofree char *path =
	    g_build_filename(guest->top, "screen.ppm", NULL);
	json_decref(
	    ask(guest, "screendump", json_pack("{s:s}", "filename", path)));
	g_autofree char *data = NULL;
	gsize size = 0, lit = 0;
	if (!g_file_get_contents(path, &data, &size, NULL) ||
	    !g_str_has_prefix(data, "P6\n720 400\n"))
		return FALSE;
	for (gsize i = 32; i < size; i++)
		lit += data[i] != 0;
	return lit > 500;
}

static gboolean firmware_up(struct guest *guest)
{
	return engine_profile_find(guest->spec.profile)->uefi
		   ? variables_written(guest)
		   : text_shown(guest);
}

static void make_file(const char *path, gsize bytes)
{
	g_autofree char *data = g_malloc0(bytes);
	g_assert_true(g_file_set_contents(path, data, (gssize)bytes, NULL));
}

static void start(struct guest *guest, const char *profile, gboolean plain)
{
	const struct engine_profile *wanted = engine_profile_find(profile);
	guest_init_bare(guest, profile);
	guest->engine = engine_choose("qemu", NULL);
	g_assert_nonnull(guest->engine);
	g_autofree char *raw = g_build_filename(guest->top, "blank", NULL);
	make_file(raw, 1 << 20);
	g_autoptr(GError) error = NULL;
	engine_overlay_create(raw, guest->disk, &error);
	g_assert_no_error(error);
	guest->spec.kernel = guest->spec.initrd = guest->spec.cmdline = NULL;
	guest->spec.profile = profile;
	guest->spec.plain = plain;
	guest->spec.cpus = MAX(wanted->cpus_min, 2);
	guest->spec.memory_mib = 512; /* nothing is installed here */
	for (int i = 0; i < 2; i++) {
		g_autofree char *name = g_strdup_printf("me,dia%d.iso", i);
		guest->spec.media[i] = g_build_filename(guest->top, name, NULL);
		make_file(guest->spec.media[i], 4 << 20);
	}
	guest_start(guest, GUEST_BOOT, &error);
	g_assert_no_error(error);
	for (int i = 0; i < 2; i++)
		g_free((char *)guest->spec.media[i]);
}

static void assert_has(const char *types, const char *device, gboolean has)
{
	g_autofree char *word = g_strdup_printf(" %s ", device);
	if (!!strstr(types, word) != has)
		g_error("%s%s in:%s", device, has ? " is not" : " is", types);
}

static void check(const char *profile, gboolean plain, gboolean to_firmware)
{
	const struct engine_profile *wanted = engine_profile_find(profile);
	struct guest guest;
	start(&guest, profile, plain);
	/* what it was given */
	g_autofree char *types = device_types(&guest);
	assert_has(types, "virtio-blk-pci", !plain);
	assert_has(types, "ide-hd", plain);
	assert_has(types, "ide-cd", TRUE);
	assert_has(types, "virtio-vga", !plain);
	assert_has(types, "VGA", plain);
	assert_has(types, plain ? wanted->card : "virtio-net-pci", TRUE);
	assert_has(types, "virtio-serial-pci", TRUE);
	assert_has(types, "tpm-crb", wanted->tpm);
	if (plain)
		assert_has(types, "qemu-xhci", !wanted->old_usb);
	assert_property(&guest, "/machine", "hpet", "false");
	assert_property(&guest, "/machine", "smm",
			wanted->secure_boot ? "\"on\"" : "\"off\"");
	/* the order of what is booted: disk, then the first medium */
	assert_property(&guest, "/machine/peripheral/disk0", "bootindex", "1");
	assert_property(&guest, "/machine/peripheral/cd0", "bootindex", "2");
	assert_property(&guest, "/machine/peripheral/cd1", "bootindex", "3");
	/* one socket, whatever the number of processors */
	json_t *cpus = ask(&guest, "query-cpus-fast", NULL);
	g_assert_cmpint((int)json_array_size(cpus), ==, (int)guest.spec.cpus);
	for (gsize i = 0; i < json_array_size(cpus); i++)
		g_assert_cmpint(
		    json_integer_value(json_object_get(
			json_object_get(json_array_get(cpus, i), "props"),
			"socket-id")),
		    ==, 0);
	json_decref(cpus);
	json_t *tpm = ask(&guest, "query-tpm", NULL);
	g_assert_cmpint((int)json_array_size(tpm), ==, wanted->tpm);
	json_decref(tpm);
	g_autofree char *kept =
	    g_build_filename(guest.folder, "tpm", "tpm2-00.permall", NULL);
	g_autofree char *nvram =
	    g_build_filename(guest.folder, "nvram.fd", NULL);
	g_assert_true(g_file_test(nvram, G_FILE_TEST_EXISTS) == wanted->uefi);
	for (int i = 0; to_firmware && i < 480 && !firmware_up(&guest); i++)
		guest_spin(250);
	g_assert_true(!to_firmware || firmware_up(&guest));
	if (wanted->tpm) {
		g_assert_true(g_file_test(kept, G_FILE_TEST_EXISTS));
		struct stat st;
		g_assert_cmpint(g_stat(kept, &st), ==, 0);
		g_assert_cmpint(st.st_mode & 077, ==, 0);
	}
	/* nothing is left of it, TPM included */
	g_assert_true(guest_do(&guest, engine_machine_kill_async, NULL));
	g_assert_true(guest_left_nothing(&guest));
	guest_finish(&guest);
}

static void test_plain(gconstpointer profile)
{
	/* seconds each under emulation: one BIOS, and the UEFI with most to do
	 */
	check(profile, TRUE, TRUE);
}

static void test_virtio(gconstpointer profile)
{
	check(profile, FALSE, FALSE);
}

/* Emulation has no enlightenments, so their names are held against QEMU's. */
static void test_enlightenments(void)
{
	struct guest guest;
	start(&guest, "windows-7", TRUE);
	json_t *list = ask(&guest, "device-list-properties",
			   json_pack("{s:s}", "typename", "max-x86_64-cpu"));
	g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
	gsize i;
	json_t *item;
	json_array_foreach(list, i, item) g_hash_table_add(
	    known, (void *)json_string_value(json_object_get(item, "name")));
	g_assert_cmpint((int)g_hash_table_size(known), >, 100);
	for (const char *const *name = engine_profile_names(); *name; name++) {
		const char *const *flag = engine_profile_find(*name)->hyperv;
		for (; flag && *flag; flag++) {
			g_auto(GStrv) parts = g_strsplit(*flag, "=", 2);
			g_test_message("%s", parts[0]);
			g_assert_true(g_hash_table_contains(known, parts[0]));
		}
	}
	g_assert_false(g_hash_table_contains(known, "hv-nonsense"));
	json_decref(list);
	g_assert_true(guest_do(&guest, engine_machine_kill_async, NULL));
	guest_finish(&guest);
}

static void test_refusals(void)
{
	struct guest guest;
	guest_init_bare(&guest, "refused");
	guest.engine = engine_choose("qemu", NULL);
	g_assert_cmpint(g_creat(guest.disk, 0600), >=, 0);
	guest.spec.kernel = guest.spec.initrd = guest.spec.cmdline = NULL;
	guest.spec.profile = "windows-95";
	g_autoptr(GError) error = NULL;
	g_assert_false(guest_start(&guest, GUEST_BOOT, &error));
	g_assert_error(error, FAULT, FAULT_INVALID);
	g_assert_nonnull(strstr(error->message, "profile"));
	g_clear_error(&error);
	guest.spec.profile = "windows-10";
	guest.spec.media[0] = "/nonexistent/windows.iso";
	g_assert_false(guest_start(&guest, GUEST_BOOT, &error));
	g_assert_error(error, FAULT, FAULT_NOT_FOUND);
	g_assert_nonnull(strstr(error->message, "windows.iso"));
	guest.machine = NULL;
	guest_finish(&guest);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/profile/windows-7/plain", "windows-7",
			     test_plain);
	g_test_add_data_func("/profile/windows-10/virtio", "windows-10",
			     test_virtio);
	g_test_add_data_func("/profile/windows-11/plain", "windows-11",
			     test_plain);
	g_test_add_data_func("/profile/windows-11/virtio", "windows-11",
			     test_virtio);
	g_test_add_func("/profile/enlightenments", test_enlightenments);
	g_test_add_func("/profile/refusals", test_refusals);
	return g_test_run();
}
