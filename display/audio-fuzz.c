/* A machine's sound in any form, and what becomes of it. */
#include <stdlib.h>
#include <string.h>

#include "display/audio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_heard(struct audio_party *party, const int16_t *frames,
		     unsigned count)
{
	audio_say(party, frames, count);
}

static const struct audio_ops ops = {.heard = on_heard};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audio *audio = audio_new();
	struct audio_party party = {.ops = &ops};
	audio_join(audio, &party);
	while (size >= 8) {
		uint64_t id = data[1] % 3;
		bool out = data[1] & 0x80;
		size_t n = MIN(size - 8, data[2] * 4u);
		const struct audio_format format = {
		    .bits = data[3],
		    .is_signed = data[4] & 1,
		    .is_float = data[4] & 2,
		    .big_endian = data[4] & 4,
		    .rate = data[5] | data[6] << 8 | data[4] >> 4 << 16,
		    .channels = data[7],
		};
		data += 8;
		size -= 8;
		switch (data[-8] % 6) {
		case 0:
			audio_stream_open(audio, out, id, &format);
			break;
		case 1:
			audio_stream_close(audio, out, id);
			break;
		case 2:
			audio_stream_enable(audio, out, id, data[-1] & 1);
			break;
		case 3:
			audio_stream_volume(audio, id, out, data, n);
			break;
		case 4:
			audio_stream_write(audio, id, data, n);
			break;
		default:
			g_byte_array_unref(
			    audio_stream_read(audio, id, format.rate * 3u));
			break;
		}
		data += n;
		size -= n;
	}
	audio_leave(&party);
	audio_free(audio);
	return 0;
}
