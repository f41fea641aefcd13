/* viewer-input.h - keys and pointer of one viewer, as the guest sees them.
 *
 * Keeps what is pressed, so that the guest never hangs on to a key or button
 * that was let go elsewhere, and brings the guest's lock keys in step with
 * the local ones. Threads: main. Units: guest pixels. */
#pragma once

#include <gdk/gdk.h>

#include "client/session.h"

struct viewer_input;

struct viewer_input *viewer_input_new(void);
void viewer_input_free(struct viewer_input *input);
void viewer_input_set_session(struct viewer_input *input,
			      struct session *session);
/* Of which the pointer is told. */
void viewer_input_set_head(struct viewer_input *input, int head);
/* How this display numbers its keys, and whose locks count. */
void viewer_input_use_display(struct viewer_input *input, GdkDisplay *display);

void viewer_input_key(struct viewer_input *input, const GdkEventKey *event);
void viewer_input_send_keys(struct viewer_input *input,
			    const unsigned *keysyms);
void viewer_input_button(struct viewer_input *input, unsigned button, int x,
			 int y, gboolean down);
void viewer_input_motion(struct viewer_input *input, int x, int y);
void viewer_input_scroll(struct viewer_input *input,
			 const GdkEventScroll *event, int x, int y);
/* Everything that is down goes up. */
void viewer_input_release(struct viewer_input *input);
void viewer_input_leds(struct viewer_input *input, unsigned leds);
void viewer_input_sync_locks(struct viewer_input *input);

/* For the event "key-to-picture": new pixels came / are on screen. */
void viewer_input_damaged(struct viewer_input *input);
void viewer_input_drawn(struct viewer_input *input);
/* The last one; 0: none yet. */
unsigned viewer_input_key_to_picture_us(const struct viewer_input *input);
