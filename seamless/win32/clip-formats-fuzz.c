/* What a Windows program may have put on its clipboard, and what a client may
 * send for it: no byte of it may be believed. */
#include <stdlib.h>
#include <string.h>

#include "seamless/clipcopy.h"
#include "seamless/win32/clip-formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool good)
{
	if (!good)
		__builtin_trap();
}

static void fuzz_html(const char *text, size_t size)
{
	size_t start, length, whole;
	if (cfhtml_find(text, size, &start, &length))
		must(length > 0 && start <= size && length <= size - start);
	char *made = cfhtml_make(text, size, &whole);
	must(made &&
	     cfhtml_find(made, whole - 1, &start, &length) == (length > 0));
	free(made);
}

static void fuzz_dib(const uint8_t *bytes, size_t size)
{
	struct dib dib;
	if (!dib_parse(bytes, size, &dib) || !dib.plain)
		return;
	size_t all = (size_t)dib.width * (size_t)dib.height * 4, made_size;
	uint8_t *bgra = malloc(all);
	if (!bgra)
		return;
	dib_to_bgra(&dib, bytes, bgra);
	uint8_t *made = dib_make(bgra, dib.width, dib.height, &made_size);
	if (made) { /* there and back is the same */
		struct dib again;
		must(dib_parse(made, made_size, &again) && again.plain &&
		     again.width == dib.width && again.height == dib.height);
		uint8_t *back = malloc(all);
		if (back) {
			dib_to_bgra(&again, made, back);
			must(memcmp(back, bgra, all) == 0);
		}
		free(back);
	}
	free(made);
	free(bgra);
}

static void fuzz_drop(const uint8_t *bytes, size_t size)
{
	struct dropfiles list;
	const void *path;
	size_t units, sum = 0;
	if (!dropfiles_begin(&list, bytes, size))
		return;
	while (dropfiles_next(&list, &path, &units)) {
		const uint8_t *p = path;
		for (size_t i = 0; i < units * (list.wide ? 2 : 1); i++)
			sum += p[i];
		must(list.at <= size);
	}
	must(sum < SIZE_MAX);
}

static void fuzz_names(const uint8_t *bytes, size_t size)
{
	char name[300], to[301];
	if (size >= sizeof name)
		size = sizeof name - 1;
	memcpy(name, bytes, size);
	name[size] = 0;
	windows_name(name, to, sizeof to);
	must(to[0] && !strpbrk(to, "<>:\"/\\|?*"));
	struct bundle_file file;
	uint32_t at = 0, count = 0;
	bool valid = bundle_valid(bytes, (uint32_t)size);
	while (bundle_next(bytes, (uint32_t)size, &at, &file)) {
		must(!strchr(file.name, '/') && !strchr(file.name, '\\'));
		must(file.bytes + file.size <= bytes + size);
		count++;
	}
	must(!valid || (count && at == size));
}

/* Pieces as another side may send them. */
static void fuzz_pieces(const uint8_t *bytes, size_t size)
{
	struct clip_in in = {0};
	struct seam_message message;
	clip_in_begin(&in, SEAM_CLIP_PNG);
	while (size >= 13 && in.open) {
		struct seam_clip_data data = {.token = bytes[0] % 3};
		while (clip_in_ask(&in, &message))
			must(message.clip_request.count > 0);
		memcpy(&data.size, bytes + 1, 4);
		memcpy(&data.offset, bytes + 5, 4);
		data.size %= 1u << 20;
		uint32_t length = bytes[9] | (uint32_t)bytes[10] << 8;
		bytes += 13;
		size -= 13;
		if (length > size)
			length = (uint32_t)size;
		data.piece = (struct seam_blob){bytes, length};
		if (clip_in_take(&in, &data) == CLIP_WHOLE) {
			must(in.have == in.size);
			clip_in_begin(&in, SEAM_CLIP_TEXT);
		}
		bytes += length;
		size -= length;
	}
	clip_in_drop(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size < 1)
		return 0;
	/* a copy of its own, so that a byte too far is seen; even, as the
	 * clipboard's memory is */
	uint8_t *copy = malloc(size);
	if (!copy)
		return 0;
	memcpy(copy, bytes + 1, size - 1);
	switch (bytes[0] % 5) {
	case 0:
		fuzz_html((const char *)copy, size - 1);
		break;
	case 1:
		fuzz_dib(copy, size - 1);
		break;
	case 2:
		fuzz_drop(copy, size - 1);
		break;
	case 3:
		fuzz_names(copy, size - 1);
		break;
	default:
		fuzz_pieces(copy, size - 1);
		break;
	}
	free(copy);
	return 0;
}
