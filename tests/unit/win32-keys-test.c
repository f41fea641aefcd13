/* The Windows agent's tables of keys, as facts of a PC keyboard. */
#include <glib.h>
#include <linux/input-event-codes.h>

#include "seamless/win32/keys.h"

static void letters_are_where_they_were(void)
{
	g_assert_cmphex(keys_scan_code(KEY_ESC), ==, 0x01);
	g_assert_cmphex(keys_scan_code(KEY_A), ==, 0x1e);
	g_assert_cmphex(keys_scan_code(KEY_SPACE), ==, 0x39);
	g_assert_cmphex(keys_scan_code(KEY_F12), ==, 0x58);
	g_assert_cmphex(keys_scan_code(KEY_102ND), ==, 0x56);
}

static void the_grey_ones_are_extended(void)
{
	g_assert_cmphex(keys_scan_code(KEY_RIGHTCTRL), ==, 0xe01d);
	g_assert_cmphex(keys_scan_code(KEY_RIGHTALT), ==, 0xe038);
	g_assert_cmphex(keys_scan_code(KEY_KPENTER), ==, 0xe01c);
	g_assert_cmphex(keys_scan_code(KEY_LEFT), ==, 0xe04b);
	g_assert_cmphex(keys_scan_code(KEY_DELETE), ==, 0xe053);
	g_assert_cmphex(keys_scan_code(KEY_LEFTMETA), ==, 0xe05b);
	g_assert_cmphex(keys_scan_code(KEY_COMPOSE), ==, 0xe05d);
	g_assert_cmphex(keys_scan_code(KEY_PAUSE), ==, KEYS_PAUSE);
}

/* An arrow without its prefix would be a digit of the keypad. */
static void no_two_keys_share_a_code(void)
{
	for (uint32_t a = 1; a < 768; a++)
		for (uint32_t b = a + 1; keys_scan_code(a) && b < 768; b++)
			if (keys_scan_code(a) == keys_scan_code(b))
				g_error("%u and %u are both %x", a, b,
					keys_scan_code(a));
}

static void unknown_keys_are_none(void)
{
	g_assert_cmphex(keys_scan_code(0), ==, 0);
	g_assert_cmphex(keys_scan_code(KEY_BRIGHTNESSUP), ==, 0);
	g_assert_cmphex(keys_scan_code(UINT32_MAX), ==, 0);
}

static void layouts_have_windows_names(void)
{
	g_assert_cmpstr(keys_layout("de", ""), ==, "00000407");
	g_assert_cmpstr(keys_layout("de", "nodeadkeys"), ==, "00000407");
	g_assert_cmpstr(keys_layout("us", "dvorak"), ==, "00010409");
	g_assert_cmpstr(keys_layout("us", NULL), ==, "00000409");
	g_assert_cmpstr(keys_layout("ch", "fr"), ==, "0000100c");
	g_assert_null(keys_layout("../x", ""));
	g_assert_null(keys_layout("", ""));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/win32-keys/letters-are-where-they-were",
			letters_are_where_they_were);
	g_test_add_func("/win32-keys/the-grey-ones-are-extended",
			the_grey_ones_are_extended);
	g_test_add_func("/win32-keys/no-two-keys-share-a-code",
			no_two_keys_share_a_code);
	g_test_add_func("/win32-keys/unknown-keys-are-none",
			unknown_keys_are_none);
	g_test_add_func("/win32-keys/layouts-have-windows-names",
			layouts_have_windows_names);
	return g_test_run();
}
