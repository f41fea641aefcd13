#include "display/codec/analyse-impl.h"

static const struct analyse_ops *ops(void)
{
#if CODEC_X86
	switch (codec_isa()) {
	case CODEC_AVX2:
		return &analyse_avx2;
	case CODEC_SSE2:
		return &analyse_sse2;
	case CODEC_PORTABLE:
		break;
	}
#endif
	return &analyse_portable;
}

bool codec_solid(const struct codec_view *view, uint32_t *colour)
{
	g_return_val_if_fail(codec_view_valid(view), false);
	*colour = view->pixels[0];
	return ops()->solid(view, *colour);
}

uint64_t codec_hash(const struct codec_view *view, uint64_t seed)
{
	g_return_val_if_fail(codec_view_valid(view), 0);
	return ops()->hash(view, seed);
}

void codec_palette_build(const struct codec_view *view, unsigned most,
			 struct codec_palette *palette, uint8_t *places)
{
	palette->count = 0;
	g_return_if_fail(codec_view_valid(view) && most <= 256);
	ops()->palette_build(view, most, palette, places);
}

size_t codec_bits(const struct codec_view *view, uint32_t clear, uint8_t *bits)
{
	g_return_val_if_fail(codec_view_valid(view), 0);
	return ops()->bits(view, clear, bits);
}

void codec_texture(const struct codec_view *view, unsigned step,
		   struct codec_texture *out)
{
	*out = (struct codec_texture){0};
	g_return_if_fail(codec_view_valid(view) && step);
	ops()->texture(view, step, out);
}

enum codec_class codec_classify(unsigned colours,
				const struct codec_texture *texture)
{
	if (colours == 1)
		return CODEC_SOLID;
	/* A picture is hardly ever the same twice in a row and mostly changes
	 * softly; text is runs with hard edges. The weights come from the
	 * bench's screens: browser pages with antialiased text stay below,
	 * photographs above, smooth skies included. */
	uint64_t all =
	    (uint64_t)texture->equal + texture->near_ + texture->far_;
	if (colours && colours <= CODEC_FEW_COLOURS)
		return CODEC_TEXT;
	if (texture->equal * 2u > all)
		return CODEC_TEXT;
	return texture->near_ >= texture->far_ || !colours ? CODEC_PICTURE
							   : CODEC_TEXT;
}
