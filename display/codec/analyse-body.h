/* analyse-body.h - the loops of analyse.c, included once per instruction set.
 * The file that includes it defines FN (static, with its target) and
 *   equal8(p, colour)  one bit per pixel of eight that has the colour
 *   same8(p, q)        one bit per pixel of eight that is alike in both
 *   near8(p, q)        one bit per pixel of eight that is near in all channels
 * with the first pixel in the lowest bit; none needs alignment. */

FN bool solid(const struct codec_view *view, uint32_t colour)
{
	const uint32_t *row = view->pixels;
	for (unsigned y = 0; y < view->height; y++, row += view->stride_px) {
		unsigned x = 0;
		for (; x + 8 <= view->width; x += 8)
			if (equal8(row + x, colour) != 0xff)
				return false;
		for (; x < view->width; x++)
			if (row[x] != colour)
				return false;
	}
	return true;
}

/* Finds the colour's place, adding it at need; -1 when there is no room. */
FN int place_of(struct colour_table *table, struct codec_palette *palette,
		unsigned most, uint32_t colour)
{
	uint32_t at = colour_slot(colour);
	while (table->keys[at] != colour) {
		if (table->keys[at] == NO_COLOUR) {
			if (palette->count == most)
				return -1;
			table->keys[at] = colour;
			table->places[at] = palette->count;
			palette->colours[palette->count++] = colour;
			break;
		}
		at = (at + 1) & (COLOUR_TABLE - 1);
	}
	return table->places[at];
}

FN void palette_build(const struct codec_view *view, unsigned most,
		      struct codec_palette *palette, uint8_t *places)
{
	struct colour_table table;
	uint8_t nowhere[8], *out = places ? places : nowhere;
	memset(&table, 0xff, sizeof table);
	const uint32_t *row = view->pixels;
	uint32_t last = row[0];
	int place = place_of(&table, palette, most, last);
	for (unsigned y = 0; y < view->height; y++, row += view->stride_px) {
		unsigned x = 0;
		for (; x + 8 <= view->width; x += 8, out += places ? 8 : 0) {
			if (equal8(row + x, last) == 0xff) {
				memset(out, place, 8);
				continue;
			}
			/* each is looked up: whether it is as the one before
			 * is what a processor guesses badly in text */
			for (unsigned i = 0; i < 8; i++) {
				last = row[x + i];
				uint32_t at = colour_slot(last);
				place = table.places[at];
				if (G_UNLIKELY(table.keys[at] != last))
					place = place_of(&table, palette, most,
							 last);
				if (place < 0)
					goto many;
				out[i] = place;
			}
		}
		for (; x < view->width; x++, out += places ? 1 : 0) {
			last = row[x];
			place = place_of(&table, palette, most, last);
			if (place < 0)
				goto many;
			*out = place;
		}
	}
	return;
many:
	palette->count = 0;
}

FN size_t bits(const struct codec_view *view, uint32_t clear, uint8_t *out)
{
	static const uint8_t turned[16] = {0, 8, 4, 12, 2, 10, 6, 14,
					   1, 9, 5, 13, 3, 11, 7, 15};
	uint8_t *begin = out;
	const uint32_t *row = view->pixels;
	for (unsigned y = 0; y < view->height; y++, row += view->stride_px) {
		unsigned x = 0;
		for (; x + 8 <= view->width; x += 8) {
			unsigned set = ~equal8(row + x, clear);
			*out++ = turned[set & 15] << 4 | turned[set >> 4 & 15];
		}
		if (x < view->width) {
			unsigned byte = 0;
			for (unsigned bit = 0x80; x < view->width; x++) {
				byte |= row[x] != clear ? bit : 0;
				bit >>= 1;
			}
			*out++ = byte;
		}
	}
	return out - begin;
}

FN void texture(const struct codec_view *view, unsigned step,
		struct codec_texture *out)
{
	uint32_t equal = 0, near_ = 0, all = 0;
	for (unsigned y = 0; y < view->height; y += step) {
		const uint32_t *row = view->pixels + y * view->stride_px;
		unsigned x = 1;
		for (; x + 8 <= view->width; x += 8) {
			equal +=
			    __builtin_popcount(same8(row + x, row + x - 1));
			near_ +=
			    __builtin_popcount(near8(row + x, row + x - 1));
		}
		for (; x < view->width; x++) {
			equal += row[x] == row[x - 1];
			near_ += near_pixels(row[x], row[x - 1]);
		}
		all += view->width - 1;
	}
	out->equal = equal;
	out->near_ = near_ - equal;
	out->far_ = all - near_;
}

const struct analyse_ops OPS = {solid, palette_build, bits, texture, hash};
