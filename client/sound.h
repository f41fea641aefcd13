/* sound.h - PCM to this computer's speakers and from its microphone.
 *
 * PulseAudio (or what speaks for it), on the main loop. What waits between a
 * write and the ear is kept as small as line and computer allow
 * (sound-pace.h): SOUND_SINK_MS in the loudspeaker's side, where the hardware
 * permits so little, and a margin of 5 ms, more when it ran dry. What is
 * gravely late is left out. A server that goes away is looked for again every
 * second; sound then goes on.
 *
 * Threads: main. Format: S16, native order, interleaved. Ownership:
 * sound_free() stops both directions; no handler is called after it.
 * Fails: silently; without a sound server there is no sound. */
#pragma once

#include <glib.h>

#define SOUND_SINK_MS   5
#define SOUND_RECORD_MS 10

struct sound;

/* A piece of what the microphone heard. */
typedef void (*sound_heard)(const void *pcm, gsize bytes, void *data);

/* name: what the volume control shows. */
struct sound *sound_new(const char *name);
void sound_free(struct sound *sound);

void sound_play_start(struct sound *sound, unsigned rate, unsigned channels);
void sound_play(struct sound *sound, const void *pcm, gsize bytes);
void sound_play_stop(struct sound *sound);
/* As the guest's mixer has it: 0..65535 each. */
void sound_play_volume(struct sound *sound, const guint16 *volume,
		       unsigned channels, gboolean mute);
/* From a write until it is heard, as the server tells; 0: unknown. */
unsigned sound_play_delay_ms(struct sound *sound);

void sound_record_start(struct sound *sound, unsigned rate, unsigned channels,
			sound_heard heard, void *data);
void sound_record_stop(struct sound *sound);
