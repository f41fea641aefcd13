/* audio-private.h - audio.c's own: the machine's calls, in audio-listener.c.
 * Threads: the main loop's. */
#pragma once

#include "display/audio.h"

struct audio_listener;

/* out: what the machine plays; else what it records. A machine that refuses
 * it is silent. */
struct audio_listener *audio_listener_new(struct audio *audio,
					  GDBusConnection *machine, bool out);
void audio_listener_free(struct audio_listener *self);
