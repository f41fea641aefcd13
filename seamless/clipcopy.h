/* clipcopy.h - a clipboard's contents on their way over the seamless protocol,
 * either end.
 *
 * Who has copied offers kinds (CLIP_OFFER); who pastes asks for a piece
 * (CLIP_REQUEST) and for the next when half of it is there, so that at most
 * SEAM_CLIP_AHEAD bytes stand before a key. The giver keeps nothing of that but
 * the contents.
 *
 * Files travel as a bundle: for each a u32 length of its name, a u32 size, the
 * name in UTF-8 without a folder, the contents; integers little-endian.
 *
 * Plain C without GLib: the Windows agent builds it, too. Foreign bytes come in
 * by clip_in_take() and bundle_next(), both bounded.
 * Threads: any, one at a time for each struct. Memory: malloc's; structs are
 * the caller's, zeroed before use. Errors: return values. */
#pragma once

#include "seamless/wire.h"

#define BUNDLE_FILES_MAX 1024u
#define BUNDLE_NAME_MAX  255u

/* ---- who pastes ---- */

struct clip_in {
	bool open;
	uint32_t token; /* of the last one; each has another */
	enum seam_clip_kind kind;
	uint32_t size, have, asked;
	bool sized;
	uint8_t *bytes;
};

enum clip_got {
	CLIP_FOREIGN, /* of another token: passed over */
	CLIP_MORE,
	CLIP_WHOLE,  /* bytes and size are it; the caller may take bytes */
	CLIP_FAILED, /* it cannot be had, or breaks the rules; dropped */
};

/* Drops what was under way and begins with another kind. */
void clip_in_begin(struct clip_in *in, enum seam_clip_kind kind);
/* The next CLIP_REQUEST, if one is due. */
bool clip_in_ask(struct clip_in *in, struct seam_message *message);
enum clip_got clip_in_take(struct clip_in *in,
			   const struct seam_clip_data *data);
void clip_in_drop(struct clip_in *in);

/* ---- who gives ---- */

/* The CLIP_DATA from *at on that answers a request; false: all is answered.
 * *at begins as 0. bytes NULL: it cannot be had, one message says so. */
bool clip_answer(const struct seam_clip_request *request, const uint8_t *bytes,
		 uint32_t size, uint32_t *at, struct seam_message *message);

/* ---- files ---- */

struct bundle_file {
	char name[BUNDLE_NAME_MAX + 1];
	const uint8_t *bytes;
	uint32_t size;
};

/* The next one from *at on, which begins as 0; false at the end. A bundle with
 * something wrong ends there. */
bool bundle_next(const uint8_t *bundle, uint32_t size, uint32_t *at,
		 struct bundle_file *file);
/* Whether all of it is as it should be; a bundle of nothing is not. */
bool bundle_valid(const uint8_t *bundle, uint32_t size);
/* What stands before a file's contents: written to `head`, its length
 * returned; 0 for a name that cannot be sent. */
#define BUNDLE_HEAD_MAX (8u + BUNDLE_NAME_MAX)
uint32_t bundle_head(const char *name, uint32_t size, uint8_t *head);
