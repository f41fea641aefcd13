/* Symbols to keys, for clients that do not send keycodes: as a US keyboard
 * has them, since the guest's layout is not known here. */
#include "display/rfb/client.h"

static const struct {
	uint16_t keysym;
	uint8_t qnum;
} keys[] = {
    {0xff08, 14},                               /* BackSpace */
    {0xff09, 15},                               /* Tab */
    {0xfe20, 15},                               /* ISO_Left_Tab */
    {0xff0a, 28},                               /* Linefeed */
    {0xff0d, 28},                               /* Return */
    {0xff13, 0xc6},                             /* Pause */
    {0xff14, 70},                               /* Scroll_Lock */
    {0xff15, 84},                               /* Sys_Req */
    {0xff1b, 1},                                /* Escape */
    {0xff50, 0xc7},                             /* Home */
    {0xff51, 0xcb},                             /* Left */
    {0xff52, 0xc8},                             /* Up */
    {0xff53, 0xcd},                             /* Right */
    {0xff54, 0xd0},                             /* Down */
    {0xff55, 0xc9},                             /* Page_Up */
    {0xff56, 0xd1},                             /* Page_Down */
    {0xff57, 0xcf},                             /* End */
    {0xff61, 0xb7},                             /* Print */
    {0xff63, 0xd2},                             /* Insert */
    {0xff67, 0xdd},                             /* Menu */
    {0xff6b, 0xc6},                             /* Break */
    {0xff7e, 0xb8},                             /* Mode_switch */
    {0xff7f, 69},                               /* Num_Lock */
    {0xff8d, 0x9c},                             /* KP_Enter */
    {0xff95, 71},                               /* KP_Home */
    {0xff96, 75},                               /* KP_Left */
    {0xff97, 72},                               /* KP_Up */
    {0xff98, 77},                               /* KP_Right */
    {0xff99, 80},                               /* KP_Down */
    {0xff9a, 73},                               /* KP_Page_Up */
    {0xff9b, 81},                               /* KP_Page_Down */
    {0xff9c, 79},                               /* KP_End */
    {0xff9d, 76},                               /* KP_Begin */
    {0xff9e, 82},                               /* KP_Insert */
    {0xff9f, 83},                               /* KP_Delete */
    {0xffaa, 55},                               /* KP_Multiply */
    {0xffab, 78},                               /* KP_Add */
    {0xffac, 83},                               /* KP_Separator */
    {0xffad, 74},                               /* KP_Subtract */
    {0xffae, 83},                               /* KP_Decimal */
    {0xffaf, 0xb5},                             /* KP_Divide */
    {0xffb0, 82},   {0xffb1, 79}, {0xffb2, 80}, /* KP_0 .. */
    {0xffb3, 81},   {0xffb4, 75}, {0xffb5, 76}, {0xffb6, 77},
    {0xffb7, 71},   {0xffb8, 72}, {0xffb9, 73}, {0xffbe, 59},
    {0xffbf, 60}, /* KP_9, F1 .. */
    {0xffc0, 61},   {0xffc1, 62}, {0xffc2, 63}, {0xffc3, 64},
    {0xffc4, 65},   {0xffc5, 66}, {0xffc6, 67}, {0xffc7, 68},
    {0xffc8, 87},   {0xffc9, 88}, /* F12 */
    {0xffe1, 42},                 /* Shift_L */
    {0xffe2, 54},                 /* Shift_R */
    {0xffe3, 29},                 /* Control_L */
    {0xffe4, 0x9d},               /* Control_R */
    {0xffe5, 58},                 /* Caps_Lock */
    {0xffe7, 0xdb},               /* Meta_L */
    {0xffe8, 0xdc},               /* Meta_R */
    {0xffe9, 56},                 /* Alt_L */
    {0xffea, 0xb8},               /* Alt_R */
    {0xfe03, 0xb8},               /* ISO_Level3_Shift */
    {0xffeb, 0xdb},               /* Super_L */
    {0xffec, 0xdc},               /* Super_R */
    {0xffff, 0xd3},               /* Delete */
};

/* A US keyboard's rows, from their first key on. */
static const struct {
	uint8_t first;
	const char *plain, *shifted;
} rows[] = {
    {2, "1234567890-=", "!@#$%^&*()_+"},
    {16, "qwertyuiop[]", "QWERTYUIOP{}"},
    {30, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
    {43, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
    {57, " ", " "},
};

unsigned rfb_keysym_to_qnum(uint32_t keysym, enum rfb_shift *shift)
{
	*shift = RFB_SHIFT_ANY;
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		if (keys[i].keysym == keysym)
			return keys[i].qnum;
	for (gsize r = 0; r < G_N_ELEMENTS(rows); r++)
		for (unsigned k = 0; rows[r].plain[k]; k++) {
			bool plain = rows[r].plain[k] == (int)keysym;
			bool upper = rows[r].shifted[k] == (int)keysym;
			if (!plain && !upper)
				continue;
			/* a small letter with Shift down is Caps Lock's doing
			 */
			if (keysym != ' ' && !g_ascii_islower(keysym))
				*shift = upper ? RFB_SHIFT_ON : RFB_SHIFT_OFF;
			return rows[r].first + k;
		}
	return 0;
}
