/* What travels beside the windows: the clipboard, and files. */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "seamless/clipcopy.h"
#include "seamless/filecopy.h"
#include "tests/tools/seamless-peer.h"

static const char *const kinds[SEAM_CLIP_KINDS] = {"text", "html", "png",
						   "files"};
static struct {
	char *bytes;
	gsize size;
} given[SEAM_CLIP_KINDS];
static struct clip_in in;
static char *in_path;
static struct copy_out out;
static struct copy_in coming;
static char *folder_path;
static int folder = -1;

static int kind_of(const char *name)
{
	for (int i = 0; name && i < SEAM_CLIP_KINDS; i++)
		if (strcmp(kinds[i], name) == 0)
			return i;
	return -1;
}

static bool put(struct seam_message *message, void *data)
{
	return send_message(message) != 0;
}

/* ---- the clipboard ---- */

static void offer(char **argv)
{
	struct seam_message m = {.type = SEAM_CLIP_OFFER};
	for (int i = 0; i < SEAM_CLIP_KINDS; i++) {
		g_free(given[i].bytes);
		given[i].bytes = NULL;
	}
	for (int i = 1; argv[i] && argv[i + 1]; i += 2) {
		int kind = kind_of(argv[i]);
		if (kind < 0)
			continue;
		m.clip_offer.kinds |= 1u << kind;
		/* one that cannot be read is offered and never there */
		g_file_get_contents(argv[i + 1], &given[kind].bytes,
				    &given[kind].size, NULL);
	}
	send_message(&m);
}

static void ask(void)
{
	struct seam_message m;
	while (clip_in_ask(&in, &m))
		send_message(&m);
}

static void answer(const struct seam_clip_request *request)
{
	struct seam_message m;
	uint32_t at = 0;
	say(json_pack("{sssssi}", "event", "clip-request", "kind",
		      kinds[request->kind], "offset", (int)request->offset));
	while (clip_answer(request, (uint8_t *)given[request->kind].bytes,
			   (uint32_t)given[request->kind].size, &at, &m))
		send_message(&m);
}

static void take_data(const struct seam_clip_data *data)
{
	enum clip_got got = clip_in_take(&in, data);
	if (got == CLIP_WHOLE)
		g_file_set_contents(in_path, (char *)in.bytes, in.size, NULL);
	if (got == CLIP_WHOLE || got == CLIP_FAILED) {
		say(json_pack("{sssbsi}", "event", "pasted", "good",
			      got == CLIP_WHOLE, "size", (int)in.size));
		clip_in_drop(&in);
	}
	ask();
}

/* ---- files ---- */

static void pump_file(void)
{
	g_autoptr(GError) error = NULL;
	if (!copy_out_pump(&out, put, NULL, &error))
		say(json_pack("{ssss}", "event", "file-failed", "text",
			      error->message));
}

static void take_state(const struct seam_file_state *state)
{
	g_autofree char *text = g_strndup(state->text.bytes, state->text.size);
	if (out.open && state->token == out.token) {
		if (state->state == SEAM_FILE_TAKING)
			copy_out_taken(&out, state->taken);
		else
			copy_out_drop(&out);
		pump_file();
	}
	if (state->state != SEAM_FILE_TAKING || state->token == 0)
		say(json_pack("{sssisiss}", "event", "file-state", "token",
			      (int)state->token, "state", (int)state->state,
			      "text", text));
}

static void take_file(const struct seam_message *m)
{
	g_autoptr(GError) error = NULL;
	bool good = true;
	uint32_t token = m->file_begin.token; /* the first field of each */
	if (folder < 0)
		return;
	if (m->type == SEAM_FILE_BEGIN) {
		good = copy_in_begin(&coming, folder, &m->file_begin, &error);
	} else if (m->type == SEAM_FILE_DATA) {
		good = copy_in_data(&coming, &m->file_data, &error);
		if (good)
			copy_say(token, SEAM_FILE_TAKING, coming.have, NULL,
				 put, NULL);
	} else if (m->file_end.cancelled) {
		copy_in_drop(&coming);
	} else if ((good = copy_in_finish(&coming, &error))) {
		renameat(folder, coming.temporary, folder, coming.name);
		copy_say(token, SEAM_FILE_DONE, coming.have, coming.name, put,
			 NULL);
		say(json_pack("{sssisssi}", "event", "file-back", "token",
			      (int)token, "name", coming.name, "size",
			      (int)coming.have));
		copy_in_drop(&coming);
	}
	if (!good) {
		copy_say(token, SEAM_FILE_FAILED, 0, error->message, put, NULL);
		say(json_pack("{ssss}", "event", "file-failed", "text",
			      error->message));
	}
}

static void send_file(char **argv)
{
	g_autoptr(GError) error = NULL;
	uint32_t token = (uint32_t)g_ascii_strtoull(argv[1], NULL, 0);
	copy_out_drop(&out);
	if (!copy_out_open(&out, argv[3], token, argv[2][0] == '1', &error))
		say(json_pack("{ssss}", "event", "file-failed", "text",
			      error->message));
	pump_file();
}

/* ---- both ---- */

bool transfer_message(const struct seam_message *m)
{
	switch (m->type) {
	case SEAM_CLIP_OFFER:
		say(json_pack("{sssi}", "event", "clip-offer", "kinds",
			      (int)m->clip_offer.kinds));
		return true;
	case SEAM_CLIP_REQUEST:
		answer(&m->clip_request);
		return true;
	case SEAM_CLIP_DATA:
		take_data(&m->clip_data);
		return true;
	case SEAM_FILE_STATE:
		take_state(&m->file_state);
		return true;
	case SEAM_FILE_BEGIN:
	case SEAM_FILE_DATA:
	case SEAM_FILE_END:
		take_file(m);
		return true;
	}
	return false;
}

bool transfer_command(char **argv)
{
	if (strcmp(argv[0], "copy") == 0) {
		offer(argv);
	} else if (strcmp(argv[0], "paste") == 0 && kind_of(argv[1]) >= 0 &&
		   argv[2]) {
		g_free(in_path);
		in_path = g_strdup(argv[2]);
		clip_in_begin(&in, (enum seam_clip_kind)kind_of(argv[1]));
		ask();
	} else if (strcmp(argv[0], "file") == 0 && argv[1] && argv[2] &&
		   argv[3]) {
		send_file(argv);
	} else if (strcmp(argv[0], "take-files") == 0 && argv[1]) {
		if (folder >= 0)
			close(folder);
		g_free(folder_path);
		folder_path = g_strdup(argv[1]);
		folder = open(folder_path, O_DIRECTORY | O_CLOEXEC);
	} else {
		return false;
	}
	return true;
}
