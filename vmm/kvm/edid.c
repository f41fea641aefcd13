#include "vmm/kvm/edid.h"

#include <glib.h>
#include <string.h>

/* text of at most 12 letters */
static void put_text(uint8_t *to, uint8_t tag, const char *text)
{
	size_t length = MIN(strlen(text), 12);

	memset(to, 0, 5);
	to[3] = tag;
	memset(to + 5, ' ', 13);
	memcpy(to + 5, text, length);
	to[5 + length] = '\n';
}

/* Detailed timing with reduced blanking: 160 pixels and 40 lines, 60 Hz. */
static void put_timing(uint8_t *to, unsigned width, unsigned height,
		       unsigned width_mm, unsigned height_mm)
{
	unsigned hblank = 160, vblank = 40;
	unsigned hfront = 48, hsync = 32, vfront = 3, vsync = 6;
	uint64_t clock =
	    (uint64_t)(width + hblank) * (height + vblank) * 60 / 10000;

	clock = MIN(clock, 65535);
	to[0] = (uint8_t)clock;
	to[1] = (uint8_t)(clock >> 8);
	to[2] = (uint8_t)width;
	to[3] = (uint8_t)hblank;
	to[4] = (uint8_t)((width >> 8) << 4 | hblank >> 8);
	to[5] = (uint8_t)height;
	to[6] = (uint8_t)vblank;
	to[7] = (uint8_t)((height >> 8) << 4 | vblank >> 8);
	to[8] = (uint8_t)hfront;
	to[9] = (uint8_t)hsync;
	to[10] = (uint8_t)((vfront & 15) << 4 | (vsync & 15));
	to[11] = 0;
	to[12] = (uint8_t)width_mm;
	to[13] = (uint8_t)height_mm;
	to[14] = (uint8_t)((width_mm >> 8 & 15) << 4 | (height_mm >> 8 & 15));
	to[17] = 0x18; /* digital, separate sync */
}

void edid_make(uint8_t edid[EDID_BYTES], unsigned head, unsigned width,
	       unsigned height, unsigned width_mm, unsigned height_mm)
{
	static const uint8_t start[] = {
	    0x00, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0x00, 0x3e, 0x49, /* "ORI" */
	};
	/* standard chromaticities of sRGB */
	static const uint8_t colour[] = {0xee, 0x91, 0xa3, 0x54, 0x4c,
					 0x99, 0x26, 0x0f, 0x50, 0x54};
	char serial[14];
	uint8_t sum = 0;

	width = MIN(width, 4095);
	height = MIN(height, 4095);
	if (!width_mm || !height_mm) {
		width_mm = width * 254 / 960;
		height_mm = height * 254 / 960;
	}
	memset(edid, 0, EDID_BYTES);
	memcpy(edid, start, sizeof start);
	edid[10] = 1; /* product */
	edid[12] = (uint8_t)(1 + head);
	edid[16] = 1;
	edid[17] = 36; /* 2026 */
	edid[18] = 1;
	edid[19] = 4;
	edid[20] = 0xa5; /* digital, 8 bits a colour, DisplayPort */
	edid[21] = (uint8_t)MIN((width_mm + 5) / 10, 255);
	edid[22] = (uint8_t)MIN((height_mm + 5) / 10, 255);
	edid[23] = 120;  /* gamma 2.2 */
	edid[24] = 0x06; /* sRGB; the first timing is preferred */
	memcpy(edid + 25, colour, sizeof colour);
	memset(edid + 38, 1, 16); /* no standard timings */
	put_timing(edid + 54, width, height, width_mm, height_mm);
	g_snprintf(serial, sizeof serial, "%u", 1 + head);
	put_text(edid + 72, 0xfc, "Oriel");
	put_text(edid + 90, 0xff, serial);
	/* range limits: anything */
	edid[108 + 3] = 0xfd;
	edid[108 + 5] = 50;
	edid[108 + 6] = 125;
	edid[108 + 7] = 30;
	edid[108 + 8] = 160;
	edid[108 + 9] = 255;
	edid[108 + 10] = 1;
	edid[108 + 11] = '\n';
	memset(edid + 108 + 12, ' ', 6);
	for (unsigned i = 0; i < EDID_BYTES - 1; i++)
		sum = (uint8_t)(sum + edid[i]);
	edid[127] = (uint8_t)-sum;
}
