#include "display/windows/ways.h"

#include "display/clipboard.h"

struct side { /* a message's way: its sender, its receiver */
	struct pipe *from, *to;
	bool clip_there, clip_back; /* contents may go where it goes, or back */
	bool file_there, file_back;
};

static void refuse_file(const struct side *side, uint32_t token)
{
	struct seam_message answer = {.type = SEAM_FILE_STATE};
	answer.file_state = (struct seam_file_state){
	    token, SEAM_FILE_FAILED, 0,
	    seam_text_of("This desktop's policy does not let files pass. Ask "
			 "an administrator.",
			 4096)};
	pipe_send(side->from, &answer);
}

static bool take_request(const struct side *side,
			 const struct seam_clip_request *request)
{
	bool files = request->kind == SEAM_CLIP_FILES;
	if (side->clip_back && (!files || side->file_back))
		return true;
	struct seam_message nothing = {.type = SEAM_CLIP_DATA};
	nothing.clip_data.token = request->token;
	pipe_send(side->from, &nothing);
	return false;
}

static bool take_offer(const struct side *side, uint32_t kinds)
{
	uint32_t may = !side->clip_there  ? 0
		       : side->file_there ? kinds
					  : kinds & ~(1u << SEAM_CLIP_FILES);
	if (may == kinds)
		return true;
	/* less, or nothing: what was offered before is no more all the same */
	struct seam_message less = {.type = SEAM_CLIP_OFFER};
	less.clip_offer.kinds = may;
	pipe_send(side->to, &less);
	return false;
}

static bool may_pass(const struct side *side,
		     const struct seam_message *message)
{
	switch (message->type) {
	case SEAM_FILE_BEGIN:
		if (!side->file_there)
			refuse_file(side, message->file_begin.token);
		return side->file_there;
	case SEAM_FILE_DATA:
	case SEAM_FILE_END:
		return side->file_there;
	case SEAM_FILE_STATE:
		/* token 0: "files are taken here" */
		return message->file_state.token || side->file_back;
	case SEAM_CLIP_OFFER:
		return take_offer(side, message->clip_offer.kinds);
	case SEAM_CLIP_REQUEST:
		return take_request(side, &message->clip_request);
	case SEAM_CLIP_DATA:
		return side->clip_there;
	default:
		return true;
	}
}

bool ways_from_agent(struct windows *self, const struct seam_message *message)
{
	const struct clipboard *clip = display_clipboard(self->display);
	struct side side = {
	    .from = self->port,
	    .to = self->client,
	    .clip_there = clipboard_allows(clip, false),
	    .clip_back = clipboard_allows(clip, true),
	    .file_there = display_files_allowed(self->display, false),
	    .file_back = display_files_allowed(self->display, true)};
	return may_pass(&side, message);
}

bool ways_from_client(struct windows *self, const struct seam_message *message)
{
	const struct clipboard *clip = display_clipboard(self->display);
	struct side side = {
	    .from = self->client,
	    .to = self->port,
	    .clip_there = clipboard_allows(clip, true),
	    .clip_back = clipboard_allows(clip, false),
	    .file_there = display_files_allowed(self->display, true),
	    .file_back = display_files_allowed(self->display, false)};
	return may_pass(&side, message);
}
