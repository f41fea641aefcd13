#include "seamless/win32/keys.h"

#include <stddef.h>
#include <string.h>

uint16_t keys_scan_code(uint32_t evdev)
{
	/* what a PC keyboard of 1987 has, evdev numbers as its scan codes */
	if ((evdev >= 1 && evdev <= 83) || (evdev >= 86 && evdev <= 88))
		return (uint16_t)evdev;
	static const struct {
		uint16_t evdev, scan;
	} keys[] = {
	    {89, 0x73},                     /* RO */
	    {90, 0x78},                     /* KATAKANA */
	    {91, 0x77},                     /* HIRAGANA */
	    {92, 0x79},                     /* HENKAN */
	    {93, 0x70},                     /* KATAKANAHIRAGANA */
	    {94, 0x7b},                     /* MUHENKAN */
	    {96, 0xe01c},                   /* KPENTER */
	    {97, 0xe01d},                   /* RIGHTCTRL */
	    {98, 0xe035},                   /* KPSLASH */
	    {99, 0xe037},                   /* SYSRQ: Print Screen */
	    {100, 0xe038},                  /* RIGHTALT */
	    {102, 0xe047},                  /* HOME */
	    {103, 0xe048},                  /* UP */
	    {104, 0xe049},                  /* PAGEUP */
	    {105, 0xe04b},                  /* LEFT */
	    {106, 0xe04d},                  /* RIGHT */
	    {107, 0xe04f},                  /* END */
	    {108, 0xe050},                  /* DOWN */
	    {109, 0xe051},                  /* PAGEDOWN */
	    {110, 0xe052},                  /* INSERT */
	    {111, 0xe053},                  /* DELETE */
	    {113, 0xe020},                  /* MUTE */
	    {114, 0xe02e},                  /* VOLUMEDOWN */
	    {115, 0xe030},                  /* VOLUMEUP */
	    {119, KEYS_PAUSE}, {121, 0x7e}, /* KPCOMMA */
	    {122, 0xf2},                    /* HANGEUL */
	    {123, 0xf1},                    /* HANJA */
	    {124, 0x7d},                    /* YEN */
	    {125, 0xe05b},                  /* LEFTMETA */
	    {126, 0xe05c},                  /* RIGHTMETA */
	    {127, 0xe05d},                  /* COMPOSE: Menu */
	    {140, 0xe021},                  /* CALC */
	    {155, 0xe06c},                  /* MAIL */
	    {156, 0xe066},                  /* BOOKMARKS */
	    {158, 0xe06a},                  /* BACK */
	    {159, 0xe069},                  /* FORWARD */
	    {163, 0xe019},                  /* NEXTSONG */
	    {164, 0xe022},                  /* PLAYPAUSE */
	    {165, 0xe010},                  /* PREVIOUSSONG */
	    {166, 0xe024},                  /* STOPCD */
	    {172, 0xe032},                  /* HOMEPAGE */
	    {173, 0xe067},                  /* REFRESH */
	    {183, 0x64},                    /* F13 */
	    {184, 0x65},       {185, 0x66}, {186, 0x67}, {187, 0x68},
	    {188, 0x69},       {189, 0x6a}, {190, 0x6b}, {191, 0x6c},
	    {192, 0x6d},       {193, 0x6e}, {194, 0x76}, /* F24 */
	    {217, 0xe065},                               /* SEARCH */
	};
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (keys[i].evdev == evdev)
			return keys[i].scan;
	return 0;
}

const char *keys_layout(const char *layout, const char *variant)
{
	static const struct {
		const char *layout, *variant, *id;
	} layouts[] = {
	    {"us", "dvorak", "00010409"}, {"us", "intl", "00020409"},
	    {"us", NULL, "00000409"},     {"gb", "extd", "00000452"},
	    {"gb", NULL, "00000809"},     {"de", NULL, "00000407"},
	    {"at", NULL, "00000407"},     {"ch", "fr", "0000100c"},
	    {"ch", NULL, "00000807"},     {"fr", "bepo", "0000040c"},
	    {"fr", NULL, "0000040c"},     {"be", NULL, "0000080c"},
	    {"ca", NULL, "00001009"},     {"es", NULL, "0000040a"},
	    {"latam", NULL, "0000080a"},  {"it", NULL, "00000410"},
	    {"pt", NULL, "00000816"},     {"br", NULL, "00000416"},
	    {"nl", NULL, "00020409"},     {"dk", NULL, "00000406"},
	    {"no", NULL, "00000414"},     {"se", NULL, "0000041d"},
	    {"fi", NULL, "0000040b"},     {"is", NULL, "0000040f"},
	    {"pl", "qwertz", "00000415"}, {"pl", NULL, "00000415"},
	    {"cz", "qwerty", "00010405"}, {"cz", NULL, "00000405"},
	    {"sk", NULL, "0000041b"},     {"hu", NULL, "0000040e"},
	    {"ro", NULL, "00010418"},     {"si", NULL, "00000424"},
	    {"hr", NULL, "0000041a"},     {"rs", NULL, "00000c1a"},
	    {"bg", NULL, "00030402"},     {"gr", NULL, "00000408"},
	    {"tr", "f", "0001041f"},      {"tr", NULL, "0000041f"},
	    {"ru", NULL, "00000419"},     {"ua", NULL, "00020422"},
	    {"by", NULL, "00000423"},     {"ee", NULL, "00000425"},
	    {"lv", NULL, "00020426"},     {"lt", NULL, "00010427"},
	    {"il", NULL, "0002040d"},     {"ara", NULL, "00000401"},
	    {"ir", NULL, "00000429"},     {"in", NULL, "00004009"},
	    {"th", NULL, "0000041e"},     {"vn", NULL, "0000042a"},
	    {"jp", NULL, "00000411"},     {"kr", NULL, "00000412"},
	    {"cn", NULL, "00000804"},     {"tw", NULL, "00000404"},
	};
	for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
		if (strcmp(layouts[i].layout, layout) != 0)
			continue;
		if (!layouts[i].variant ||
		    (variant && strcmp(layouts[i].variant, variant) == 0))
			return layouts[i].id;
	}
	return NULL;
}
