#include "display/spice/image.h"

#include <lz4.h>
#include <spice/enums.h>
#include <string.h>

#include "display/codec/analyse.h"
#include "display/codec/jpeg.h"
#include "display/spice/lz.h"

#define PIXELS_MAX (SPICE_PART_SIDE * SPICE_PART_SIDE)

struct coder {
	struct jpeg_encoder *jpeg;
	LZ4_stream_t *lz4;
	uint32_t *pixels; /* PIXELS_MAX, as they go over the wire */
};

static void coder_free(void *data)
{
	struct coder *self = data;
	jpeg_encoder_destroy(self->jpeg);
	LZ4_freeStream(self->lz4);
	g_free(self->pixels);
	g_free(self);
}

static struct coder *coder_of_thread(void)
{
	static GPrivate key = G_PRIVATE_INIT(coder_free);
	struct coder *self = g_private_get(&key);
	if (!self) {
		self = g_new0(struct coder, 1);
		self->jpeg = jpeg_encoder_create();
		self->lz4 = LZ4_createStream();
		self->pixels = g_new(uint32_t, PIXELS_MAX);
		g_private_set(&key, self);
	}
	return self;
}

G_STATIC_ASSERT(PIXELS_MAX <= SPICE_LZ_PIXELS_MAX);

/* B, G, R, 0, rows without gaps. */
static void gather(struct coder *self, const struct codec_view *view)
{
	uint32_t *to = self->pixels;
	for (unsigned y = 0; y < view->height; y++) {
		const uint32_t *from = view->pixels + y * view->stride_px;
		for (unsigned x = 0; x < view->width; x++)
			*to++ = GUINT32_TO_LE(from[x]);
	}
}

/* Few colours are text, or drawn: exact, whatever was allowed. */
static bool is_picture(const struct codec_view *view)
{
	struct codec_palette palette;
	codec_palette_build(view, 256, &palette, NULL);
	return !palette.count;
}

/* SpiceLZ4: whether the first row is the upper one, the pixels' format, then
 * blocks, each behind its length in network order. */
static bool put_lz4(struct coder *self, size_t size, GByteArray *out)
{
	static const uint8_t head[2] = {1, SPICE_BITMAP_FMT_32BIT};
	guint at = out->len;
	int most = (int)(size - size / 16);
	g_byte_array_append(out, head, sizeof head);
	uint8_t *block = codec_room(out, 4 + (size_t)most) + 4;
	int length =
	    LZ4_compress_fast_extState(self->lz4, (const char *)self->pixels,
				       (char *)block, (int)size, most, 1);
	if (length <= 0) {
		g_byte_array_set_size(out, at);
		return false;
	}
	uint32_t wire = GUINT32_TO_BE((uint32_t)length);
	memcpy(block - 4, &wire, 4);
	g_byte_array_set_size(out, at + sizeof head + 4 + (guint)length);
	return true;
}

static uint32_t encode(const void *data, const uint32_t *pixels,
		       unsigned stride_px, unsigned width, unsigned height,
		       GByteArray *out)
{
	const struct spice_style *style = data;
	struct coder *self = coder_of_thread();
	struct codec_view view = {pixels, stride_px, width, height};
	uint32_t colour;
	g_return_val_if_fail((size_t)width * height <= PIXELS_MAX,
			     SPICE_IMAGE_FILL);
	if (codec_solid(&view, &colour)) {
		colour = GUINT32_TO_LE(colour);
		g_byte_array_append(out, (const guint8 *)&colour, 4);
		return SPICE_IMAGE_FILL;
	}
	if (style->quality && is_picture(&view) &&
	    jpeg_encode(self->jpeg, &view, style->quality,
			style->full_colour ? JPEG_444 : JPEG_420, out))
		return SPICE_IMAGE_JPEG | SPICE_IMAGE_LOSSY;
	size_t size = (size_t)width * height * 4;
	gather(self, &view);
	if (style->lz4 && put_lz4(self, size, out))
		return SPICE_IMAGE_LZ4;
	spice_lz_put(self->pixels, width, height, out);
	return SPICE_IMAGE_LZ;
}

G_STATIC_ASSERT(sizeof(struct spice_style) <= JOBS_STYLE_MAX);
const struct job_kind spice_job_kind = {encode, sizeof(struct spice_style)};
