/* audio.h - the machine's sound, between its sound device and Display1.
 *
 * One voice each way, 16-bit signed little-endian. What the guest plays
 * gathers in a ring until the main loop takes it; a ring that is full drops
 * what comes, so nobody who listens slowly holds up the guest. What is
 * recorded lies in another ring; where there is nothing the guest hears
 * silence.
 *
 * Threads: audio_play and audio_record on the device's side (any thread, one
 * at a time); audio_take, audio_give and the watch on the main loop.
 * Units: bytes; a frame is a sample for each channel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;
struct audio;

enum audio_way { AUDIO_OUT, AUDIO_IN, AUDIO_WAYS };

struct audio_voice {
	bool enabled;
	unsigned rate, channels; /* of the last time it was enabled */
	bool mute;
	uint8_t volume[2]; /* 0 to 255: left, right */
	uint32_t serial;   /* counts changes of all this */
	uint64_t bytes;    /* played or recorded, for statistics */
};

struct audio *audio_new(struct vm *vm);
void audio_free(struct audio *audio);

/* ---- the device's side; none of these blocks or allocates ---- */
void audio_enable(struct audio *audio, enum audio_way way, bool enabled,
		  unsigned rate, unsigned channels);
void audio_volume(struct audio *audio, enum audio_way way, bool mute,
		  uint8_t left, uint8_t right);
void audio_play(struct audio *audio, const void *data, size_t bytes);
/* Fills all of it, with silence where nothing came. */
void audio_record(struct audio *audio, void *data, size_t bytes);

/* ---- Display1's side ---- */
void audio_look(struct audio *audio, enum audio_way way,
		struct audio_voice *voice);
/* Bytes taken, whole frames; 0: nothing waits. */
size_t audio_take(struct audio *audio, void *data, size_t bytes);
/* Room left for recorded sound, and more of it. */
size_t audio_room(struct audio *audio);
void audio_give(struct audio *audio, const void *data, size_t bytes);
/* Who is told, from audio_serve(), that something waits. NULL: nobody; sound
 * is thrown away then. */
void audio_watch(struct audio *audio, void (*changed)(void *data), void *data);
void audio_serve(struct audio *audio); /* from the main loop */
