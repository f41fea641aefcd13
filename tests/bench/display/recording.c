/* recording.c - reads and writes recordings. */
#include "tests/bench/display/recording.h"

#include <errno.h>
#include <lz4.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC   "orielrec"
#define VERSION 2

struct recording {
	GMappedFile *file;
	const uint8_t *bytes;
	const struct recording_header *header;
	const struct recording_frame **frames;
};

struct recorder {
	FILE *file;
	char *path, *part;
	struct recording_header header;
};

static GQuark quark(void)
{
	return g_quark_from_static_string("recording");
}

static const struct recording_rect *rects_of(
    const struct recording_frame *frame)
{
	return (const struct recording_rect *)(frame + 1);
}

static const char *packed_of(const struct recording_frame *frame)
{
	return (const char *)(rects_of(frame) + frame->rects);
}

static size_t padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* The frame at `at`, or NULL when it does not fit the file or the screen. */
static const struct recording_frame *frame_at(struct recording *self,
					      size_t size, size_t at)
{
	if (at > size || size - at < sizeof(struct recording_frame))
		return NULL;
	const struct recording_frame *frame = (const void *)(self->bytes + at);
	size_t rest = size - at - sizeof *frame;
	if (frame->rects > rest / sizeof(struct recording_rect))
		return NULL;
	rest -= frame->rects * sizeof(struct recording_rect);
	if (frame->packed_bytes > rest)
		return NULL;
	size_t raw = 0;
	for (unsigned i = 0; i < frame->rects; i++) {
		const struct recording_rect *r = &rects_of(frame)[i];
		if (r->x + r->w > self->header->width ||
		    r->y + r->h > self->header->height)
			return NULL;
		raw += (size_t)r->w * r->h * 4;
	}
	return raw == frame->raw_bytes ? frame : NULL;
}

struct recording *recording_open(const char *path, GError **error)
{
	GMappedFile *file = g_mapped_file_new(path, FALSE, error);
	if (!file)
		return NULL;
	struct recording *self = g_new0(struct recording, 1);
	size_t size = g_mapped_file_get_length(file);
	self->file = file;
	self->bytes = (const uint8_t *)g_mapped_file_get_contents(file);
	self->header = (const void *)self->bytes;
	if (size < sizeof *self->header ||
	    memcmp(self->header->magic, MAGIC, 8) != 0 ||
	    self->header->version != VERSION || !self->header->frames ||
	    self->header->frames > MARK_MAX) {
		g_set_error(error, quark(), 0, "%s is not a recording", path);
		recording_close(self);
		return NULL;
	}
	self->frames =
	    g_new0(const struct recording_frame *, self->header->frames);
	size_t at = sizeof *self->header;
	for (unsigned i = 0; i < self->header->frames; i++) {
		const struct recording_frame *frame = frame_at(self, size, at);
		if (!frame) {
			g_set_error(error, quark(), 0,
				    "%s: frame %u is damaged; delete the file, "
				    "it is recorded anew",
				    path, i);
			recording_close(self);
			return NULL;
		}
		self->frames[i] = frame;
		at += padded(sizeof *frame +
			     frame->rects * sizeof(struct recording_rect) +
			     frame->packed_bytes);
	}
	return self;
}

void recording_close(struct recording *self)
{
	if (!self)
		return;
	g_mapped_file_unref(self->file);
	g_free(self->frames);
	g_free(self);
}

const struct recording_header *recording_header(const struct recording *self)
{
	return self->header;
}

const struct recording_frame *recording_frame(const struct recording *self,
					      unsigned number)
{
	return self->frames[number];
}

const struct recording_rect *recording_rects(const struct recording *self,
					     unsigned number)
{
	return rects_of(self->frames[number]);
}

bool recording_pixels(const struct recording *self, unsigned number,
		      uint32_t *out)
{
	const struct recording_frame *frame = self->frames[number];
	return LZ4_decompress_safe(
		   packed_of(frame), (char *)out, (int)frame->packed_bytes,
		   (int)frame->raw_bytes) == (int)frame->raw_bytes;
}

void recording_apply(const struct recording *self, unsigned number,
		     const uint32_t *pixels, uint32_t *picture, size_t stride)
{
	const struct recording_frame *frame = self->frames[number];
	for (unsigned i = 0; i < frame->rects; i++) {
		const struct recording_rect *r = &rects_of(frame)[i];
		for (unsigned y = 0; y < r->h; y++, pixels += r->w)
			memcpy(picture + (r->y + y) * stride + r->x, pixels,
			       r->w * 4u);
	}
}

/* ---- writing ---- */

struct recorder *recorder_create(const char *path,
				 const struct recording_header *header,
				 GError **error)
{
	struct recorder *self = g_new0(struct recorder, 1);
	self->header = *header;
	memcpy(self->header.magic, MAGIC, 8);
	self->header.version = VERSION;
	self->path = g_strdup(path);
	self->part = g_strdup_printf("%s.%d", path, (int)getpid());
	self->file = fopen(self->part, "wb");
	if (self->file &&
	    fwrite(&self->header, sizeof self->header, 1, self->file) == 1)
		return self;
	g_set_error(error, quark(), 0, "%s: %s", self->part, g_strerror(errno));
	return NULL;
}

bool recorder_add(struct recorder *self, uint32_t time_ms,
		  const struct recording_rect *rects, unsigned count,
		  const uint32_t *picture, size_t stride, GError **error)
{
	struct recording_frame frame = {.time_ms = time_ms, .rects = count};
	for (unsigned i = 0; i < count; i++)
		frame.raw_bytes += rects[i].w * rects[i].h * 4u;
	g_autofree uint32_t *raw = g_malloc(frame.raw_bytes + 1);
	uint32_t *to = raw;
	for (unsigned i = 0; i < count; i++)
		for (unsigned y = 0; y < rects[i].h; y++, to += rects[i].w)
			memcpy(to,
			       picture + (rects[i].y + y) * stride + rects[i].x,
			       rects[i].w * 4u);
	int bound = LZ4_compressBound((int)frame.raw_bytes);
	g_autofree char *packed = g_malloc(bound);
	frame.packed_bytes = LZ4_compress_default((char *)raw, packed,
						  (int)frame.raw_bytes, bound);
	size_t size = sizeof frame + count * sizeof *rects + frame.packed_bytes;
	static const char zeros[8];
	if (fwrite(&frame, sizeof frame, 1, self->file) != 1 ||
	    fwrite(rects, sizeof *rects, count, self->file) != count ||
	    fwrite(packed, 1, frame.packed_bytes, self->file) !=
		frame.packed_bytes ||
	    fwrite(zeros, 1, padded(size) - size, self->file) !=
		padded(size) - size) {
		g_set_error(error, quark(), 0, "%s: %s", self->part,
			    g_strerror(errno));
		return false;
	}
	self->header.frames++;
	return true;
}

bool recorder_finish(struct recorder *self, uint32_t end_ms, GError **error)
{
	self->header.end_ms = end_ms;
	bool good =
	    fseek(self->file, 0, SEEK_SET) == 0 &&
	    fwrite(&self->header, sizeof self->header, 1, self->file) == 1;
	good = fclose(self->file) == 0 && good &&
	       rename(self->part, self->path) == 0;
	if (!good)
		g_set_error(error, quark(), 0, "%s: %s", self->path,
			    g_strerror(errno));
	g_free(self->path);
	g_free(self->part);
	g_free(self);
	return good;
}
