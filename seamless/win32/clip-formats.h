/* clip-formats.h - what Windows programs put on the clipboard, as bytes.
 *
 * Any program may have put them there, so nothing is believed: every offset
 * and size is checked against what there is, and text that is no UTF-8 is left
 * to the caller. Sources: "HTML Clipboard Format", "BITMAPINFOHEADER",
 * "BITMAPV5HEADER", "DROPFILES" in Microsoft's reference.
 * Pure: no Windows in it, fuzzed on the host. Threads: any. Memory: malloc's
 * where a pointer is returned. Units: bytes and pixels. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- "HTML Format" ---- */

/* Where the document's fragment is, in UTF-8; false: there is none. */
bool cfhtml_find(const char *bytes, size_t size, size_t *start, size_t *length);
/* The document with Windows' header before it and NUL behind; NULL: no
 * memory. */
char *cfhtml_make(const char *html, size_t size, size_t *whole);

/* ---- CF_DIB, CF_DIBV5 ---- */

struct dib {
	int width, height;
	bool top_down;
	unsigned bits;
	bool plain;         /* 24 or 32 bits, uncompressed: dib_to_bgra() */
	bool alpha;         /* the fourth byte is one */
	uint32_t mask[4];   /* red, green, blue, alpha; of 32 bits */
	size_t header;      /* bytes, masks and palette included */
	size_t stride;      /* 0 where it is compressed */
	size_t pixels_size; /* behind the header, at least this much */
};

/* false: it is none, or not all of it is there. */
bool dib_parse(const uint8_t *bytes, size_t size, struct dib *dib);
/* Rows from the top, not premultiplied; width * height * 4 bytes. An alpha of
 * nothing but zeros is none: many programs leave it so. */
void dib_to_bgra(const struct dib *dib, const uint8_t *bytes, uint8_t *bgra);
/* A whole CF_DIBV5 of such rows; NULL: no memory, or too large. */
uint8_t *dib_make(const uint8_t *bgra, int width, int height, size_t *size);

/* ---- CF_HDROP ---- */

struct dropfiles {
	const uint8_t *bytes;
	size_t size, at;
	bool wide;
};

/* false: it is none. */
bool dropfiles_begin(struct dropfiles *list, const uint8_t *bytes, size_t size);
/* The next path: `units` 16-bit units at an even address, or bytes of the old
 * code page, without the NUL behind; false at the end. */
bool dropfiles_next(struct dropfiles *list, const void **path, size_t *units);
/* A list of these paths; each ends with NUL. NULL: no memory. */
uint8_t *dropfiles_make(const uint16_t *const *paths, size_t count,
			size_t *size);

/* ---- names ---- */

/* The name as Windows takes it: what it reserves becomes "_". `to` has room for
 * a character more than the name. */
void windows_name(const char *name, char *to, size_t room);
