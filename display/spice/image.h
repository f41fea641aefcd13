/* image.h - rectangles of pixels into SPICE's images.
 *
 * A pure function of pixels and a style, which any worker may do and any
 * client of that style may be sent (jobs.h). Threads: any; each keeps memory
 * of its own between calls. Fails: never; what LZ4 makes no smaller goes as
 * LZ, which leaves out each pixel's empty byte. Units: pixels. */
#pragma once

#include "display/jobs.h"

/* Sides of a part; more is more than some 5 ms of work. */
#define SPICE_PART_SIDE 256u

struct spice_style {
	uint8_t lz4;         /* the client has it; LZ has everyone */
	uint8_t quality;     /* 1..100 for JPEG; 0: lossless */
	uint8_t full_colour; /* JPEG with all of the colours' detail */
	uint8_t zero;
};

/* An outcome: what the body is, and whether something was lost. */
enum spice_image {
	SPICE_IMAGE_FILL = 1, /* the colour, 4 bytes */
	SPICE_IMAGE_LZ,
	SPICE_IMAGE_LZ4,
	SPICE_IMAGE_JPEG,
};
#define SPICE_IMAGE_LOSSY 0x100u

extern const struct job_kind spice_job_kind;
