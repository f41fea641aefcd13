/* audio.h - a machine's sound: what it plays is heard by all viewers, what one
 * of them says is recorded by it.
 *
 * Everything on this side is 16 bits, two channels, AUDIO_RATE; what the
 * machine has instead is converted. Nothing is kept back: what comes from the
 * machine is given on in the same turn of the main loop, and what a viewer
 * says waits for the machine's next look, AUDIO_SAID_MAX at most, of which the
 * oldest is dropped first. A machine that records while nobody speaks gets
 * silence.
 *
 * Threads: the main loop's. Ownership: a party is the caller's memory, joined
 * for as long as it wants to take part. Units: frames. */
#pragma once

#include <gio/gio.h>

#include "display/audio-format.h"

/* 60 ms: two of a viewer's pieces, and what lines do to their distances. */
#define AUDIO_SAID_MAX (AUDIO_RATE * 60 / 1000)

struct audio;
struct audio_party;

/* All optional; callbacks may leave. */
struct audio_ops {
	/* The machine begins to play, or has ended. */
	void (*playing)(struct audio_party *party, bool on);
	void (*heard)(struct audio_party *party, const int16_t *frames,
		      unsigned count);
	/* The machine's own volume: 65535 is full. */
	void (*volume)(struct audio_party *party, bool mute,
		       const uint16_t level[AUDIO_CHANNELS]);
	/* The machine begins to record, or has ended. */
	void (*recording)(struct audio_party *party, bool on);
};

struct audio_party {
	const struct audio_ops *ops;
	struct audio *audio; /* set by audio_join() */
};

struct audio *audio_new(void);
void audio_free(struct audio *self);

/* Both until this is called; holds at once. */
void audio_set_ways(struct audio *self, bool play, bool record);

/* A party is told nothing of what is so already: it asks. */
void audio_join(struct audio *self, struct audio_party *party);
void audio_leave(struct audio_party *party);
bool audio_is_playing(const struct audio *self);
bool audio_is_recording(const struct audio *self);
/* Of several parties that speak the last that began is heard. */
void audio_say(struct audio_party *party, const int16_t *frames,
	       unsigned count);
void audio_silent(struct audio_party *party);

/* ---- the machine's side ---- */

/* A connected Display1 with an object Audio; replaces an earlier one. */
void audio_attach(struct audio *self, GDBusConnection *machine);
void audio_detach(struct audio *self);

/* What audio-listener.c tells, and tests play. id: the machine's name for a
 * stream. */
void audio_stream_open(struct audio *self, bool out, uint64_t id,
		       const struct audio_format *format);
void audio_stream_close(struct audio *self, bool out, uint64_t id);
void audio_stream_enable(struct audio *self, bool out, uint64_t id, bool on);
void audio_stream_volume(struct audio *self, uint64_t id, bool mute,
			 const uint8_t *levels, size_t count);
void audio_stream_write(struct audio *self, uint64_t id, const uint8_t *bytes,
			size_t length);
/* At most size bytes of what was said; fewer while somebody speaks. */
GByteArray *audio_stream_read(struct audio *self, uint64_t id, size_t size);
