/* control-record.h - the control channel's "record": one recording at a time
 * (recorder.h, docs/display-control.md).
 * Threads: the main loop's. */
#pragma once

#include <jansson.h>

#include "display/display.h"

struct control_record;
/* tell: an event for all channels, taken by it. */
struct control_record *control_record_new(struct display *display,
					  void (*tell)(void *data,
						       json_t *event),
					  void *data);
/* Ends a recording in order. */
void control_record_free(struct control_record *self);
/* Takes fd (-1: none). */
bool control_record_take(struct control_record *self, json_t *message, int fd,
			 GError **error);
/* New reference: {"since", "recording"} or null. */
json_t *control_record_status(const struct control_record *self);
