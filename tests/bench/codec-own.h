/* codec-own.h - whether codecs of our own earn their place: deflate.c beside
 * zlib and jpeg-fast.c beside libjpeg-turbo, on the same parts of a picture in
 * one run, with the same promise (nothing refers to what went before). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Prints a line for each sort of data that the picture has, and appends it to
 * the JSON list; *more tells whether that has an entry already. */
void codec_own_run(const char *picture, const uint32_t *pixels, unsigned width,
		   unsigned height, FILE *json, bool *more);
