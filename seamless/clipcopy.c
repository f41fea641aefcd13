#include "seamless/clipcopy.h"

#include <stdlib.h>
#include <string.h>

/* ---- who pastes ---- */

void clip_in_drop(struct clip_in *in)
{
	free(in->bytes);
	*in = (struct clip_in){.token = in->token};
}

void clip_in_begin(struct clip_in *in, enum seam_clip_kind kind)
{
	clip_in_drop(in);
	in->token = in->token == UINT32_MAX ? 1 : in->token + 1;
	in->kind = kind;
	in->open = true;
}

bool clip_in_ask(struct clip_in *in, struct seam_message *message)
{
	if (!in->open || (in->sized && in->asked >= in->size) ||
	    (!in->sized && in->asked))
		return false;
	/* with half of it there the next half is asked for */
	if (in->asked - in->have > SEAM_CLIP_AHEAD / 2)
		return false;
	uint32_t count = SEAM_CLIP_AHEAD - (in->asked - in->have);
	if (in->sized && count > in->size - in->asked)
		count = in->size - in->asked;
	*message = (struct seam_message){.type = SEAM_CLIP_REQUEST};
	message->clip_request = (struct seam_clip_request){
	    in->token, (uint8_t)in->kind, in->asked, count};
	in->asked += count;
	return true;
}

static bool take_size(struct clip_in *in, uint32_t size)
{
	if (in->sized)
		return size == in->size;
	if (size == 0 || size > SEAM_CLIP_MAX)
		return false;
	in->bytes = malloc(size + 1);
	if (!in->bytes)
		return false;
	in->bytes[size] = 0; /* so that text ends */
	in->size = size;
	in->sized = true;
	if (in->asked > size)
		in->asked = size;
	return true;
}

enum clip_got clip_in_take(struct clip_in *in,
			   const struct seam_clip_data *data)
{
	if (!in->open || data->token != in->token)
		return CLIP_FOREIGN;
	if (!take_size(in, data->size) || data->offset != in->have ||
	    data->piece.size == 0 || data->piece.size > in->asked - in->have) {
		clip_in_drop(in);
		return CLIP_FAILED;
	}
	memcpy(in->bytes + in->have, data->piece.bytes, data->piece.size);
	in->have += data->piece.size;
	return in->have == in->size ? CLIP_WHOLE : CLIP_MORE;
}

/* ---- who gives ---- */

bool clip_answer(const struct seam_clip_request *request, const uint8_t *bytes,
		 uint32_t size, uint32_t *at, struct seam_message *message)
{
	uint32_t offset = request->offset, count = request->count;
	bool none =
	    !bytes || size == 0 || size > SEAM_CLIP_MAX || offset >= size;
	if (none ? *at > 0 : *at >= count || *at >= size - offset)
		return false;
	*message = (struct seam_message){.type = SEAM_CLIP_DATA};
	struct seam_clip_data *data = &message->clip_data;
	data->token = request->token;
	if (none) {
		*at = 1;
		return true;
	}
	uint32_t piece = SEAM_CLIP_PIECE;
	if (piece > count - *at)
		piece = count - *at;
	if (piece > size - offset - *at)
		piece = size - offset - *at;
	data->size = size;
	data->offset = offset + *at;
	data->piece = (struct seam_blob){bytes + data->offset, piece};
	*at += piece;
	return true;
}

/* ---- files ---- */

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static void store32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* One part of a path, on either kind of system. */
static bool name_valid(const char *name, uint32_t size)
{
	if (size == 0 || size > BUNDLE_NAME_MAX ||
	    (size == 1 && name[0] == '.') ||
	    (size == 2 && name[0] == '.' && name[1] == '.'))
		return false;
	for (uint32_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)name[i];
		if (c < 0x20 || c == 0x7f || c == '/' || c == '\\')
			return false;
	}
	return true;
}

bool bundle_next(const uint8_t *bundle, uint32_t size, uint32_t *at,
		 struct bundle_file *file)
{
	if (*at > size || size - *at < 8)
		return false;
	uint32_t name = load32(bundle + *at), bytes = load32(bundle + *at + 4);
	uint32_t left = size - *at - 8;
	const char *text = (const char *)bundle + *at + 8;
	if (name > left || bytes > left - name || !name_valid(text, name))
		return false;
	memcpy(file->name, text, name);
	file->name[name] = 0;
	file->bytes = bundle + *at + 8 + name;
	file->size = bytes;
	*at += 8 + name + bytes;
	return true;
}

bool bundle_valid(const uint8_t *bundle, uint32_t size)
{
	struct bundle_file file;
	uint32_t at = 0, count = 0;
	while (bundle_next(bundle, size, &at, &file))
		if (++count > BUNDLE_FILES_MAX)
			return false;
	return count > 0 && at == size;
}

uint32_t bundle_head(const char *name, uint32_t size, uint8_t *head)
{
	size_t length = strlen(name);
	if (length > BUNDLE_NAME_MAX || !name_valid(name, (uint32_t)length))
		return 0;
	store32(head, (uint32_t)length);
	store32(head + 4, size);
	memcpy(head + 8, name, length);
	return 8 + (uint32_t)length;
}
