/* Any pixels, size, stride and options fit what is set aside for them, and
 * what has no loss comes back: run with the sanitizers. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "display/codec/deflate.h"
#include "display/codec/plan.h"
#include "display/codec/tight.h"
#include "display/codec/yuv.h"
#include "display/codec/zrle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void bytes(const uint8_t *data, size_t size)
{
	g_autoptr(deflate_t) deflate = deflate_create();
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_autofree uint8_t *back = g_malloc(size + 1);
	z_stream stream = {0};
	deflate_append(deflate, data[0] & 1 ? DEFLATE_RUNS : DEFLATE_MATCHES,
		       DEFLATE_LAST, data, size, data[1], data[0] >> 5, out);
	if (inflateInit2(&stream, -15) != Z_OK)
		abort();
	stream.next_in = out->data;
	stream.avail_in = out->len;
	stream.next_out = back;
	stream.avail_out = size + 1;
	if (inflate(&stream, Z_FINISH) != Z_STREAM_END ||
	    stream.total_out != size || memcmp(back, data, size))
		abort();
	inflateEnd(&stream);
}

static void pixels(const struct codec_view *view, const uint8_t *data)
{
	struct tight_options options = {data[0] % 101, data[1] % 3,
					data[1] & 4};
	g_autoptr(tight_encoder_t) tight = tight_encoder_create();
	g_autoptr(zrle_encoder_t) zrle = zrle_encoder_create();
	g_autoptr(GByteArray) out = g_byte_array_new();
	bool exact;
	if (!tight_encode(tight, view, &options, &exact, out) ||
	    !tight_lossless(tight, view, options.gradient, out) ||
	    !zrle_encode(zrle, view, data[1] & 8 ? ZRLE_RGB : ZRLE_BGR, out))
		abort();
	plan_look(view);
	codec_hash(view, data[0]);
	size_t stride = (view->width + 1) & ~1u;
	size_t luma = stride * ((view->height + 1) & ~1u);
	g_autofree uint8_t *planes = g_malloc(luma * 3 / 2);
	struct yuv_planes to = {planes, planes + luma, NULL, stride, stride};
	yuv_fill(view, &to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 8)
		return 0;
	bytes(data, size);
	unsigned width = 1 + data[2] % 200, height = 1 + data[3] % 100;
	size_t stride = width + data[4] % 4;
	size_t count = stride * (height - 1) + width;
	/* to the pixel as large as the view: sanitizers see every step out */
	g_autofree uint32_t *memory = g_new(uint32_t, count);
	for (size_t i = 0; i < count; i++) {
		uint32_t value = data[5 + i % (size - 5)];
		memory[i] = data[5] & 1
				? value * 0x10305 % 0x1000000
				: (value + i / 7 * (data[5] >> 1)) % 0x1000000;
	}
	struct codec_view view = {memory, stride, width, height};
	codec_isa_limit(data[4] >> 2 & 1 ? CODEC_AVX2 : CODEC_SSE2);
	pixels(&view, data + 6);
	return 0;
}
