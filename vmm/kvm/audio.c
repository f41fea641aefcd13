#include "vmm/kvm/audio.h"

#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "vmm/kvm/vm.h"

#define RING 262144u /* more than a second of stereo at 48 kHz */

struct ring {
	uint8_t bytes[RING];
	size_t start, count;
};

struct audio {
	struct vm *vm;
	pthread_mutex_t lock;
	struct audio_voice voices[AUDIO_WAYS];
	struct ring rings[AUDIO_WAYS];
	void (*changed)(void *data);
	void *data;
};

struct audio *audio_new(struct vm *vm)
{
	struct audio *audio = g_new0(struct audio, 1);

	audio->vm = vm;
	pthread_mutex_init(&audio->lock, NULL);
	for (unsigned i = 0; i < AUDIO_WAYS; i++)
		audio->voices[i] = (struct audio_voice){
		    .rate = 48000, .channels = 2, .volume = {255, 255}};
	return audio;
}

void audio_free(struct audio *audio)
{
	if (!audio)
		return;
	pthread_mutex_destroy(&audio->lock);
	g_free(audio);
}

/* ---- rings ---- */

static size_t put(struct ring *r, const uint8_t *data, size_t bytes)
{
	size_t take = MIN(bytes, RING - r->count);

	for (size_t done = 0; done < take;) {
		size_t at = (r->start + r->count) % RING;
		size_t step = MIN(take - done, RING - at);

		memcpy(r->bytes + at, data + done, step);
		r->count += step;
		done += step;
	}
	return take;
}

static size_t get(struct ring *r, uint8_t *data, size_t bytes)
{
	size_t take = MIN(bytes, r->count);

	for (size_t done = 0; done < take;) {
		size_t step = MIN(take - done, RING - r->start);

		memcpy(data + done, r->bytes + r->start, step);
		r->start = (r->start + step) % RING;
		r->count -= step;
		done += step;
	}
	return take;
}

/* ---- the device's side ---- */

void audio_enable(struct audio *audio, enum audio_way way, bool enabled,
		  unsigned rate, unsigned channels)
{
	struct audio_voice *voice = &audio->voices[way];

	pthread_mutex_lock(&audio->lock);
	voice->enabled = enabled;
	if (enabled) {
		voice->rate = rate;
		voice->channels = channels;
		/* what another format left behind would be noise now */
		audio->rings[way].count = 0;
	}
	voice->serial++;
	pthread_mutex_unlock(&audio->lock);
	vm_ask(audio->vm, VM_WISH_AUDIO);
}

void audio_volume(struct audio *audio, enum audio_way way, bool mute,
		  uint8_t left, uint8_t right)
{
	struct audio_voice *voice = &audio->voices[way];

	pthread_mutex_lock(&audio->lock);
	voice->mute = mute;
	voice->volume[0] = left;
	voice->volume[1] = right;
	voice->serial++;
	pthread_mutex_unlock(&audio->lock);
	vm_ask(audio->vm, VM_WISH_AUDIO);
}

void audio_play(struct audio *audio, const void *data, size_t bytes)
{
	size_t frame;

	pthread_mutex_lock(&audio->lock);
	frame = 2 * audio->voices[AUDIO_OUT].channels;
	audio->voices[AUDIO_OUT].bytes += bytes;
	bytes = MIN(bytes, RING - audio->rings[AUDIO_OUT].count);
	put(&audio->rings[AUDIO_OUT], data, bytes / frame * frame);
	pthread_mutex_unlock(&audio->lock);
	vm_ask(audio->vm, VM_WISH_AUDIO);
}

void audio_record(struct audio *audio, void *data, size_t bytes)
{
	size_t got;

	pthread_mutex_lock(&audio->lock);
	got = get(&audio->rings[AUDIO_IN], data, bytes);
	audio->voices[AUDIO_IN].bytes += bytes;
	pthread_mutex_unlock(&audio->lock);
	memset((uint8_t *)data + got, 0, bytes - got);
	vm_ask(audio->vm, VM_WISH_AUDIO);
}

/* ---- Display1's side ---- */

void audio_look(struct audio *audio, enum audio_way way,
		struct audio_voice *voice)
{
	pthread_mutex_lock(&audio->lock);
	*voice = audio->voices[way];
	pthread_mutex_unlock(&audio->lock);
}

size_t audio_take(struct audio *audio, void *data, size_t bytes)
{
	size_t frame, got;

	pthread_mutex_lock(&audio->lock);
	frame = 2 * audio->voices[AUDIO_OUT].channels;
	got = get(&audio->rings[AUDIO_OUT], data, bytes / frame * frame);
	pthread_mutex_unlock(&audio->lock);
	return got;
}

size_t audio_room(struct audio *audio)
{
	size_t room;

	pthread_mutex_lock(&audio->lock);
	room = RING - audio->rings[AUDIO_IN].count;
	pthread_mutex_unlock(&audio->lock);
	return room;
}

void audio_give(struct audio *audio, const void *data, size_t bytes)
{
	pthread_mutex_lock(&audio->lock);
	if (audio->voices[AUDIO_IN].enabled)
		put(&audio->rings[AUDIO_IN], data, bytes);
	pthread_mutex_unlock(&audio->lock);
}

void audio_watch(struct audio *audio, void (*changed)(void *data), void *data)
{
	audio->changed = changed;
	audio->data = data;
}

void audio_serve(struct audio *audio)
{
	uint8_t nowhere[4096];

	if (audio->changed)
		audio->changed(audio->data);
	else
		while (audio_take(audio, nowhere, sizeof nowhere))
			;
}
