#include <string.h>

#include "display/codec/video-encoder.h"
#include "display/rfb/client.h"

/* In order of what they are worth on an ordinary line. A client's own order
 * is its wish and is followed; Raw is what is left. */
static bool can_write(int32_t encoding)
{
	switch (encoding) {
	case RFB_ENC_RAW:
	case RFB_ENC_HEXTILE:
	case RFB_ENC_ZLIB:
	case RFB_ENC_TIGHT:
	case RFB_ENC_ZRLE:
		return true;
	}
	return false;
}

static void set_encodings(struct rfb_client *self,
			  const struct rfb_message *message)
{
	bool chosen = false, h264 = false, png = false, buttons = false,
	     had_extended = self->extended_clipboard;
	bool had_size = self->can_resize_extended,
	     had_key = self->can_extended_key;
	bool had_leds = self->can_leds, had_motion = self->can_motion;
	bool had_audio = self->can_audio;
	bool had_fence = self->can_fence, had_cu = self->can_continuous;
	enum rfb_encoding had_cursor = self->cursor_encoding;
	self->encoding = RFB_ENC_RAW;
	self->cursor_encoding = RFB_ENC_RAW;
	self->can_resize = self->can_resize_extended = self->can_name =
	    self->can_leds = self->can_motion = self->can_extended_key =
		self->can_audio = self->can_fence = self->can_continuous =
		    self->can_copy = self->extended_clipboard = false;
	self->quality_level = -1;
	self->compress = 2;
	for (unsigned i = 0; i < message->encodings.count; i++) {
		int32_t encoding = rfb_encoding_at(message, i);
		if (!chosen && can_write(encoding)) {
			self->encoding = encoding;
			chosen = true;
		}
		if (encoding >= RFB_ENC_QUALITY_0 &&
		    encoding <= RFB_ENC_QUALITY_9)
			self->quality_level = encoding - RFB_ENC_QUALITY_0;
		if (encoding >= RFB_ENC_COMPRESS_0 &&
		    encoding <= RFB_ENC_COMPRESS_9)
			self->compress = encoding - RFB_ENC_COMPRESS_0;
		switch (encoding) {
		case RFB_ENC_CURSOR_ALPHA:
			self->cursor_encoding = encoding;
			break;
		case RFB_ENC_CURSOR:
			if (self->cursor_encoding != RFB_ENC_CURSOR_ALPHA)
				self->cursor_encoding = encoding;
			break;
		case RFB_ENC_XCURSOR:
			if (self->cursor_encoding == RFB_ENC_RAW)
				self->cursor_encoding = encoding;
			break;
		case RFB_ENC_DESKTOP_SIZE:
			self->can_resize = true;
			break;
		case RFB_ENC_EXTENDED_DESKTOP_SIZE:
			self->can_resize = self->can_resize_extended = true;
			break;
		case RFB_ENC_DESKTOP_NAME:
			self->can_name = true;
			break;
		case RFB_ENC_LED_STATE:
			self->can_leds = true;
			break;
		case RFB_ENC_POINTER_MOTION:
			self->can_motion = true;
			break;
		case RFB_ENC_EXTENDED_KEY:
			self->can_extended_key = true;
			break;
		case RFB_ENC_AUDIO:
			self->can_audio = true;
			break;
		case RFB_ENC_TIGHT_PNG:
			png = true;
			break;
		case RFB_ENC_EXTENDED_MOUSE_BUTTONS:
			buttons = true;
			break;
		case RFB_ENC_H264:
			h264 = true;
			break;
		case RFB_ENC_COPYRECT:
			self->can_copy = true;
			break;
		case RFB_ENC_FENCE:
			self->can_fence = true;
			break;
		case RFB_ENC_CONTINUOUS_UPDATES:
			self->can_continuous = true;
			break;
		case RFB_ENC_EXTENDED_CLIPBOARD:
			self->extended_clipboard = true;
			break;
		}
	}
	/* noVNC ends on a gradient before 1.5; from 1.6 on it names buttons */
	self->can_gradient = !png || buttons;
	self->quality = rfb_jpeg_quality(self->quality_level);
	/* who gave no quality wants everything exact */
	self->can_h264 = h264 && self->quality_level >= 0 &&
			 video_codec_available(VIDEO_H264);
	/* what is new to the client is told; level 0 would be no deflating */
	if (!self->compress)
		self->compress = 1;
	self->key_due |= self->can_extended_key && !had_key;
	self->audio_due |= self->can_audio && !had_audio;
	self->leds_due |= self->can_leds && !had_leds;
	self->motion_due |= self->can_motion && !had_motion;
	self->size_due |= self->can_resize_extended && !had_size;
	if (self->cursor_encoding == RFB_ENC_RAW)
		self->cursor_due = false;
	else if (self->cursor_encoding != had_cursor)
		self->cursor_due =
		    display_cursor(rfb_server_display(self->server));
	if (self->extended_clipboard && !had_extended)
		rfb_clip_extended(self);
	if (self->can_fence && !had_fence) {
		/* a request of ours tells that we know fences */
		static const uint8_t fence[] = {248, 0, 0, 0, 0x80, 0, 0, 0, 0};
		rfb_client_send(self, fence, sizeof fence);
	}
	if (self->can_continuous && !had_cu) {
		static const uint8_t end_of_continuous = 150;
		rfb_client_send(self, &end_of_continuous, 1);
	}
}

/* ---- input ---- */

static bool held(const struct rfb_client *self, unsigned qnum)
{
	return self->viewer.keys[qnum / 8] >> qnum % 8 & 1;
}

static void press_symbol(struct rfb_client *self, uint32_t keysym, bool down)
{
	struct viewer *viewer = &self->viewer;
	enum rfb_shift shift;
	unsigned qnum = rfb_keysym_to_qnum(keysym, &shift);
	if (!qnum)
		return;
	bool left = held(self, 42), right = held(self, 54);
	/* The client's keyboard may have the symbol on another level than the
	 * guest's: set Shift right for this one key. With Control or Alt held
	 * it is a shortcut, where the key counts. */
	bool plain = !held(self, 29) && !held(self, 0x9d) && !held(self, 56);
	if (down && plain && shift == RFB_SHIFT_ON && !left && !right) {
		display_key(viewer, 42, true);
		display_key(viewer, qnum, true);
		display_key(viewer, 42, false);
	} else if (down && plain && shift == RFB_SHIFT_OFF && (left || right)) {
		if (left)
			display_key(viewer, 42, false);
		if (right)
			display_key(viewer, 54, false);
		display_key(viewer, qnum, true);
		if (left)
			display_key(viewer, 42, true);
		if (right)
			display_key(viewer, 54, true);
	} else {
		display_key(viewer, qnum, down);
	}
}

static void move_pointer(struct rfb_client *self, unsigned x, unsigned y,
			 unsigned mask)
{
	/* bits of RFB: left, middle, right, wheel up, down, left, right */
	static const uint8_t button[8] = {
	    SOURCE_LEFT,        SOURCE_MIDDLE,     SOURCE_RIGHT,
	    SOURCE_WHEEL_UP,    SOURCE_WHEEL_DOWN, SOURCE_WHEEL_LEFT,
	    SOURCE_WHEEL_RIGHT, SOURCE_SIDE,
	};
	unsigned buttons = 0;
	for (unsigned bit = 0; bit < 8; bit++)
		if (mask >> bit & 1)
			buttons |= 1u << button[bit];
	display_pointer(&self->viewer, x, y, buttons);
}

static void set_desktop_size(struct rfb_client *self,
			     const struct rfb_message *message)
{
	struct desktop_head heads[RFB_SCREENS_MAX];
	unsigned count = message->size.count;
	bool sane = true;
	for (unsigned i = 0; i < count; i++) {
		const struct rfb_screen *screen = &message->size.screens[i];
		/* ids are ours, as we told them: heads' numbers */
		heads[i].number = screen->id;
		heads[i].at =
		    (struct rect){screen->x, screen->y, screen->w, screen->h};
		sane = sane && screen->id < DESKTOP_HEADS_MAX &&
		       screen->x + screen->w <= message->size.width &&
		       screen->y + screen->h <= message->size.height;
	}
	/* rfbproto: 0 done, 1 prohibited, 3 invalid layout, 4 forwarded */
	static const unsigned status[] = {
	    [DISPLAY_RESIZE_DONE] = 0,
	    [DISPLAY_RESIZE_FORWARDED] = 4,
	    [DISPLAY_RESIZE_INVALID] = 3,
	    [DISPLAY_RESIZE_LOST] = 1,
	};
	if (self->viewer.view_only) {
		self->size_status = 1;
		self->size_reason = 1;
		self->size_due = self->can_resize_extended;
		return;
	}
	self->size_status =
	    status[sane ? display_resize(rfb_server_display(self->server),
					 heads, count)
			: DISPLAY_RESIZE_INVALID];
	self->size_reason = 1;
	self->size_due = self->can_resize_extended;
}

static void answer_fence(struct rfb_client *self,
			 const struct rfb_message *message)
{
	/* Everything here is done in order, so a request's conditions (block
	 * before 1, after 2, sync next 4) hold already. */
	uint8_t head[9] = {248};
	if (!(message->fence.flags & 0x80000000u)) {
		const uint8_t *p = message->fence.payload;
		if (message->fence.length == RFB_UPDATE_FENCE_SIZE &&
		    p[0] == RFB_UPDATE_FENCE)
			rfb_update_arrived(self, (uint32_t)p[1] << 24 |
						     p[2] << 16 | p[3] << 8 |
						     p[4]);
		return;
	}
	rfb_put32(head + 4, message->fence.flags & 7);
	head[8] = message->fence.length;
	rfb_client_send(self, head, sizeof head);
	rfb_client_send(self, message->fence.payload, message->fence.length);
}

void rfb_dispatch(struct rfb_client *self, const struct rfb_message *message)
{
	struct rect area = {message->request.x, message->request.y,
			    message->request.w, message->request.h};
	switch (message->type) {
	case RFB_SET_PIXEL_FORMAT:
		/* from the next update on: one may be half written */
		self->next_format = message->format;
		self->format_due = true;
		break;
	case RFB_SET_ENCODINGS:
		set_encodings(self, message);
		break;
	case RFB_UPDATE_REQUEST:
		rfb_update_request(self, message->request.incremental, &area);
		break;
	case RFB_CONTINUOUS_UPDATES:
		if (!self->can_continuous)
			break;
		self->continuous = message->request.incremental;
		self->continuous_area = area;
		if (!self->continuous) {
			static const uint8_t ended = 150;
			rfb_client_send(self, &ended, 1);
		}
		break;
	case RFB_KEY:
		press_symbol(self, message->key.keysym, message->key.down);
		break;
	case RFB_EXTENDED_KEY:
		if (message->key.keycode)
			display_key(&self->viewer, message->key.keycode & 0xff,
				    message->key.down);
		else
			press_symbol(self, message->key.keysym,
				     message->key.down);
		break;
	case RFB_POINTER:
		move_pointer(self, message->pointer.x, message->pointer.y,
			     message->pointer.buttons);
		break;
	case RFB_CUT_TEXT:
	case RFB_EXTENDED_CLIPBOARD:
		rfb_clip_message(self, message);
		break;
	case RFB_SET_DESKTOP_SIZE:
		set_desktop_size(self, message);
		break;
	case RFB_AUDIO:
		rfb_audio_message(self, message);
		break;
	case RFB_FENCE:
		answer_fence(self, message);
		break;
	case RFB_NONE:
	case RFB_SKIP:
		break;
	}
}
