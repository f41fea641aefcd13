#include "seamless/win32/clip-formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE_MAX    16384
#define PIXELS_MAX  (64u << 20)
#define HEADER_MAX  1024 /* of an HTML header's lines */
#define BI_RGB      0u
#define BI_RLE8     1u
#define BI_RLE4     2u
#define BI_FIELDS   3u
#define V5_SIZE     124u
#define DROP_HEADER 20u

static uint32_t load16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t load32(const uint8_t *p)
{
	return load16(p) | load16(p + 2) << 16;
}

static void store32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* ---- "HTML Format" ---- */

/* The number behind `name` in the header's lines; -1: none, or an absurd one.
 */
static long long number_of(const char *bytes, size_t size, const char *name)
{
	size_t length = strlen(name);
	if (size > HEADER_MAX)
		size = HEADER_MAX;
	for (size_t at = 0; at + length < size; at++) {
		/* the header ends where the document begins */
		if (bytes[at] == '<')
			return -1;
		if ((at && bytes[at - 1] != '\n' && bytes[at - 1] != '\r') ||
		    memcmp(bytes + at, name, length) != 0)
			continue;
		long long value = -1;
		for (at += length; at < size; at++) {
			if (bytes[at] == ' ' && value < 0)
				continue;
			if (bytes[at] < '0' || bytes[at] > '9')
				break;
			value = (value < 0 ? 0 : value * 10) + bytes[at] - '0';
			if (value > INT32_MAX)
				return -1;
		}
		return value;
	}
	return -1;
}

static bool range(const char *bytes, size_t size, const char *from,
		  const char *to, size_t *start, size_t *length)
{
	long long a = number_of(bytes, size, from);
	long long b = number_of(bytes, size, to);
	if (a < 0 || b <= a || (unsigned long long)b > size)
		return false;
	*start = (size_t)a;
	*length = (size_t)(b - a);
	return true;
}

bool cfhtml_find(const char *bytes, size_t size, size_t *start, size_t *length)
{
	if (number_of(bytes, size, "Version:") < 0)
		return false;
	return range(bytes, size, "StartFragment:", "EndFragment:", start,
		     length) ||
	       range(bytes, size, "StartHTML:", "EndHTML:", start, length);
}

static bool begins(const char *text, size_t size, const char *with)
{
	for (; *with; text++, size--, with++)
		if (!size || (*text | 32) != *with)
			return false;
	return true;
}

char *cfhtml_make(const char *html, size_t size, size_t *whole)
{
	static const char form[] = "Version:0.9\r\nStartHTML:%010zu\r\n"
				   "EndHTML:%010zu\r\nStartFragment:%010zu\r\n"
				   "EndFragment:%010zu\r\n";
	static const char before[] = "<html><body>\r\n<!--StartFragment-->";
	static const char after[] = "<!--EndFragment-->\r\n</body></html>";
	char head[200];
	size_t start = 0;
	/* a mark of byte order and a doctype have no place in a fragment */
	if (size >= 3 && memcmp(html, "\xef\xbb\xbf", 3) == 0)
		start = 3;
	if (begins(html + start, size - start, "<!doctype")) {
		const char *end = memchr(html + start, '>', size - start);
		if (end)
			start = (size_t)(end - html) + 1;
	}
	html += start;
	size -= start;
	size_t base = (size_t)snprintf(head, sizeof head, form, (size_t)0,
				       (size_t)0, (size_t)0, (size_t)0);
	size_t fragment = base + sizeof before - 1;
	size_t end = fragment + size + sizeof after - 1;
	snprintf(head, sizeof head, form, base, end, fragment, fragment + size);
	char *out = malloc(end + 1);
	if (!out)
		return NULL;
	memcpy(out, head, base);
	memcpy(out + base, before, sizeof before - 1);
	memcpy(out + fragment, html, size);
	memcpy(out + fragment + size, after, sizeof after);
	*whole = end + 1;
	return out;
}

/* ---- CF_DIB ---- */

/* Bytes of the palette or the masks behind the header. */
static bool table_size(const uint8_t *bytes, uint32_t header, unsigned bits,
		       uint32_t compression, size_t *table)
{
	uint32_t used = load32(bytes + 32);
	*table = 0;
	if (bits <= 8) {
		uint32_t most = 1u << bits;
		if (used > most)
			return false;
		*table = (used ? used : most) * 4;
	} else if (used > 256) {
		return false;
	} else {
		*table = used * 4; /* for screens that had few colours */
	}
	if (compression == BI_FIELDS && header == 40)
		*table += 12;
	return true;
}

static void read_masks(const uint8_t *bytes, size_t size, uint32_t header,
		       uint32_t compression, struct dib *dib)
{
	static const uint32_t usual[4] = {0xff0000, 0xff00, 0xff, 0xff000000};
	memcpy(dib->mask, usual, sizeof usual);
	if (compression == BI_FIELDS && (header >= 56 || size >= 52)) {
		for (int i = 0; i < 3; i++)
			dib->mask[i] = load32(bytes + 40 + 4 * i);
		dib->mask[3] = header >= 56 ? load32(bytes + 52) : 0;
	}
	dib->alpha = dib->bits == 32 && dib->mask[3] == 0xff000000;
}

bool dib_parse(const uint8_t *bytes, size_t size, struct dib *dib)
{
	size_t table;
	*dib = (struct dib){0};
	if (size < 40)
		return false;
	uint32_t header = load32(bytes);
	if ((header != 40 && header != 52 && header != 56 && header != 108 &&
	     header != V5_SIZE) ||
	    header > size)
		return false;
	int32_t width = (int32_t)load32(bytes + 4);
	int32_t height = (int32_t)load32(bytes + 8);
	uint32_t compression = load32(bytes + 16);
	dib->bits = load16(bytes + 14);
	dib->top_down = height < 0;
	if (width <= 0 || width > SIDE_MAX || height == 0 ||
	    height > SIDE_MAX || height < -SIDE_MAX || load16(bytes + 12) != 1)
		return false;
	dib->width = width;
	dib->height = height < 0 ? -height : height;
	if ((uint64_t)dib->width * (unsigned)dib->height > PIXELS_MAX)
		return false;
	switch (dib->bits) {
	case 1:
	case 4:
	case 8:
	case 16:
	case 24:
	case 32:
		break;
	default:
		return false;
	}
	if (!table_size(bytes, header, dib->bits, compression, &table) ||
	    table > size - header)
		return false;
	dib->header = header + table;
	size_t rest = size - dib->header;
	if (compression == BI_RLE8 || compression == BI_RLE4) {
		dib->pixels_size = load32(bytes + 20);
		return dib->bits == (compression == BI_RLE8 ? 8 : 4) &&
		       !dib->top_down && dib->pixels_size &&
		       dib->pixels_size <= rest;
	}
	if (compression != BI_RGB && compression != BI_FIELDS)
		return false;
	dib->stride = ((size_t)dib->width * dib->bits + 31) / 32 * 4;
	dib->pixels_size = dib->stride * (size_t)dib->height;
	if (dib->pixels_size > rest)
		return false;
	read_masks(bytes, size, header, compression, dib);
	dib->plain =
	    dib->bits == 24 || (dib->bits == 32 && dib->mask[0] == 0xff0000 &&
				dib->mask[1] == 0xff00 && dib->mask[2] == 0xff);
	return true;
}

void dib_to_bgra(const struct dib *dib, const uint8_t *bytes, uint8_t *bgra)
{
	unsigned step = dib->bits / 8;
	uint8_t any = 0;
	for (int y = 0; y < dib->height; y++) {
		int row = dib->top_down ? y : dib->height - 1 - y;
		const uint8_t *from =
		    bytes + dib->header + (size_t)row * dib->stride;
		uint8_t *to = bgra + (size_t)y * (size_t)dib->width * 4;
		for (int x = 0; x < dib->width; x++, from += step, to += 4) {
			memcpy(to, from, 3);
			to[3] = dib->alpha ? from[3] : 255;
			any |= to[3];
		}
	}
	size_t all = (size_t)dib->width * (size_t)dib->height;
	for (size_t i = 0; !any && i < all; i++)
		bgra[i * 4 + 3] = 255;
}

uint8_t *dib_make(const uint8_t *bgra, int width, int height, size_t *size)
{
	if (width <= 0 || height <= 0 || width > SIDE_MAX ||
	    height > SIDE_MAX ||
	    (uint64_t)width * (unsigned)height > PIXELS_MAX)
		return NULL;
	size_t stride = (size_t)width * 4, all = stride * (size_t)height;
	uint8_t *out = calloc(1, V5_SIZE + all);
	if (!out)
		return NULL;
	store32(out, V5_SIZE);
	store32(out + 4, (uint32_t)width);
	store32(out + 8, (uint32_t)height);
	out[12] = 1;
	out[14] = 32;
	store32(out + 16, BI_FIELDS);
	store32(out + 20, (uint32_t)all);
	store32(out + 40, 0xff0000);
	store32(out + 44, 0xff00);
	store32(out + 48, 0xff);
	store32(out + 52, 0xff000000);
	store32(out + 56, 0x73524742); /* LCS_sRGB */
	store32(out + 108, 4);         /* LCS_GM_IMAGES */
	/* from the bottom: some programs take no other */
	for (int y = 0; y < height; y++)
		memcpy(out + V5_SIZE + (size_t)(height - 1 - y) * stride,
		       bgra + (size_t)y * stride, stride);
	*size = V5_SIZE + all;
	return out;
}

/* ---- CF_HDROP ---- */

bool dropfiles_begin(struct dropfiles *list, const uint8_t *bytes, size_t size)
{
	if (size < DROP_HEADER)
		return false;
	size_t at = load32(bytes);
	*list = (struct dropfiles){bytes, size, at, load32(bytes + 16) != 0};
	return at >= DROP_HEADER && at < size && (!list->wide || at % 2 == 0);
}

bool dropfiles_next(struct dropfiles *list, const void **path, size_t *units)
{
	size_t unit = list->wide ? 2 : 1, at = list->at, n = 0;
	while (at < list->size && list->size - at >= unit) {
		bool end =
		    !list->bytes[at] && (unit == 1 || !list->bytes[at + 1]);
		at += unit;
		if (!end) {
			n++;
			continue;
		}
		*path = list->bytes + list->at;
		*units = n;
		list->at = at;
		return n > 0; /* an empty one ends the list */
	}
	return false; /* one without an end is not taken */
}

uint8_t *dropfiles_make(const uint16_t *const *paths, size_t count,
			size_t *size)
{
	size_t all = DROP_HEADER + 2;
	for (size_t i = 0; i < count; i++) {
		size_t n = 0;
		while (paths[i][n])
			n++;
		all += (n + 1) * 2;
	}
	uint8_t *out = calloc(1, all), *at = out + DROP_HEADER;
	if (!out)
		return NULL;
	store32(out, DROP_HEADER);
	store32(out + 16, 1);
	for (size_t i = 0; i < count; i++) {
		size_t n = 0;
		do {
			at[0] = (uint8_t)paths[i][n];
			at[1] = (uint8_t)(paths[i][n] >> 8);
			at += 2;
		} while (paths[i][n++]);
	}
	*size = all;
	return out;
}

/* ---- names ---- */

static bool device(const char *name)
{
	static const char *const names[] = {"con", "prn", "aux",
					    "nul", "com", "lpt"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t k = 0;
		while (k < 3 && (name[k] | 32) == names[i][k])
			k++;
		if (k < 3)
			continue;
		if (i >= 4 && name[k] >= '0' && name[k] <= '9')
			k++;
		else if (i >= 4)
			continue;
		/* "nul.txt" is the device, too; so is "nul .txt" */
		while (name[k] == ' ')
			k++;
		if (!name[k] || name[k] == '.')
			return true;
	}
	return false;
}

void windows_name(const char *name, char *to, size_t room)
{
	size_t used = 0;
	if (device(name) && used + 1 < room)
		to[used++] = '_';
	for (; *name && used + 1 < room; name++) {
		unsigned char c = (unsigned char)*name;
		bool bad = c < 0x20 || c == 0x7f || strchr("<>:\"/\\|?*", c);
		to[used++] = bad ? '_' : (char)c;
	}
	/* Windows would cut them off */
	while (used && (to[used - 1] == '.' || to[used - 1] == ' '))
		used--;
	if (!used && room > 1)
		to[used++] = '_';
	to[used] = 0;
}
