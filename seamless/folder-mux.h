/* folder-mux.h - the streams of a shared folder, on one port.
 *
 * What spice-webdavd and spice-gtk speak on org.spice-space.webdav.0: pieces
 * of an int64 stream, a uint16 length (both little-endian) and that many
 * bytes. The guest's end chooses the number of a stream and begins it with its
 * first piece; a piece without bytes ends it, from either side.
 *
 * Threads: any, one at a time for each reader.
 * Fails:   never: every sequence of bytes is pieces. What is told of streams
 *          that nobody knows is for the caller to drop.
 * Units:   bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FOLDER_HEAD      10
#define FOLDER_PIECE_MAX 65535

/* Bytes of a stream, as they come: a piece may come in several parts.
 * A length of 0 is the stream's end. */
typedef void (*folder_part)(void *data, uint64_t stream, const uint8_t *bytes,
			    size_t length);

/* Zeroed is before the first piece. */
struct folder_reader {
	uint8_t head[FOLDER_HEAD];
	unsigned have;   /* of the head */
	unsigned left;   /* of the piece's bytes */
	uint64_t stream; /* of the piece */
};

void folder_read(struct folder_reader *self, const uint8_t *bytes,
		 size_t length, folder_part part, void *data);

/* Writes a piece's head; length is at most FOLDER_PIECE_MAX. */
void folder_head(uint8_t head[FOLDER_HEAD], uint64_t stream, size_t length);
