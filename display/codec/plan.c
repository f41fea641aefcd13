#include "display/codec/plan.h"

/* Text joins up to 512 x 256: its Huffman codes are told once, and a palette
 * still holds the colours of most. */
const struct plan_limits plan_limits_default = {512, 256, 2048, 512};

struct plan_tile plan_look(const struct codec_view *tile)
{
	struct plan_tile out = {.kind = PLAN_SOLID};
	struct codec_texture texture;
	struct codec_palette palette;
	if (codec_solid(tile, &out.colour))
		return out;
	/* Every fourth row tells what it is; colours are counted only as far
	 * as it takes to know that they are not few. */
	codec_texture(tile, 4, &texture);
	bool picture = codec_classify(0, &texture) == CODEC_PICTURE;
	codec_palette_build(tile, CODEC_FEW_COLOURS, &palette, NULL);
	out.colours = palette.count;
	out.kind = picture && !palette.count ? PLAN_PICTURE : PLAN_TEXT;
	return out;
}

static bool many(const struct plan_tile *tile)
{
	return tile->colours == 0;
}

static bool together(const struct plan_tile *a, const struct plan_tile *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == PLAN_SOLID)
		return a->colour == b->colour;
	/* Text of few colours would lose by a neighbour of many. */
	if (a->kind == PLAN_TEXT)
		return many(a) == many(b);
	return true;
}

/* How many tiles from `first` on belong to its rectangle. Text takes a blank
 * tile along where text follows it: deflate makes next to nothing of it, while
 * another palette and another set of codes cost some hundred bytes. */
static unsigned row_length(const struct plan_tile *first,
			   const struct plan_tile *row, unsigned most)
{
	unsigned length = 0;
	for (unsigned i = 0; i < most; i++) {
		if (together(first, &row[i]))
			length = i + 1;
		else if (first->kind != PLAN_TEXT || row[i].kind != PLAN_SOLID)
			break;
	}
	return length;
}

/* Whether a row of `count` tiles goes with those above it. */
static bool row_joins(const struct plan_tile *first,
		      const struct plan_tile *row, unsigned count)
{
	bool any = false;
	for (unsigned i = 0; i < count; i++) {
		if (together(first, &row[i]))
			any = true;
		else if (first->kind != PLAN_TEXT || row[i].kind != PLAN_SOLID)
			return false;
	}
	return any;
}

static void most_tiles(const struct plan_tile *tile,
		       const struct plan_limits *limits, unsigned side,
		       unsigned *across, unsigned *down)
{
	unsigned width = CODEC_SIDE_MAX, height = CODEC_SIDE_MAX;
	if (tile->kind == PLAN_TEXT) {
		width = limits->text_width;
		height = limits->text_height;
	} else if (tile->kind == PLAN_PICTURE) {
		width = limits->picture_width;
		height = limits->picture_height;
	}
	*across = MAX(width / side, 1);
	*down = MAX(height / side, 1);
}

void plan_join(struct plan_tile *tiles, unsigned columns, unsigned rows,
	       unsigned side, unsigned width, unsigned height,
	       const struct plan_limits *limits, GArray *rects)
{
	for (unsigned y = 0; y < rows; y++)
		for (unsigned x = 0; x < columns; x++) {
			struct plan_tile *at = &tiles[y * columns + x];
			if (at->kind == PLAN_SKIP)
				continue;
			struct plan_tile first = *at;
			unsigned across, down, h = 1;
			most_tiles(&first, limits, side, &across, &down);
			unsigned w =
			    row_length(&first, at, MIN(across, columns - x));
			while (h < down && y + h < rows &&
			       row_joins(&first, &at[h * columns], w))
				h++;
			struct plan_rect rect = {
			    x * side, y * side, MIN(w * side, width - x * side),
			    MIN(h * side, height - y * side), first};
			g_array_append_val(rects, rect);
			for (unsigned i = 0; i < h; i++)
				for (unsigned k = 0; k < w; k++)
					at[i * columns + k].kind = PLAN_SKIP;
		}
}
