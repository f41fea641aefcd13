/* webm.h - pictures and sound into a WebM file (Matroska, RFC 9559; WebM
 * container guidelines): VP8 and Opus, variable frame rate.
 *
 * The file can be played at every moment: blocks are written as they come into
 * a cluster of still unknown length, so that a process that is killed, or a
 * disk that fills up, costs the index and no picture. webm_end() adds what
 * makes seeking quick: lengths, duration and an index of key frames.
 *
 * Why not libavformat: it brings some sixty libraries into a process of which
 * each desktop has one, for what are three hundred lines here.
 *
 * Threads: one at a time. Fails: with FAULT_STORAGE where the file cannot be
 * written; what was written before stays. Units: milliseconds since the
 * file's beginning, bytes. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct webm webm;

struct webm_settings {
	unsigned width, height; /* of the first picture */
	const char *title;      /* UTF-8, or NULL */
	gint64 began_unix_us;
	bool sound;           /* Opus, 48 kHz, two channels */
	unsigned skip_frames; /* that the sound's decoder drops at first */
};

/* Takes the descriptor of an empty file, also where it fails. */
struct webm *webm_new(int fd, const struct webm_settings *settings,
		      GError **error);
/* Closes it as it is. */
void webm_free(struct webm *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(webm, webm_free)

/* Times never fall; a picture of another size than the last is a key frame. */
bool webm_video(struct webm *self, gint64 at_ms, bool key, const void *bytes,
		gsize size, GError **error);
bool webm_sound(struct webm *self, gint64 at_ms, const void *bytes, gsize size,
		GError **error);
/* Nothing may follow. */
bool webm_end(struct webm *self, gint64 length_ms, GError **error);
guint64 webm_size(const struct webm *self);
int webm_fd(const struct webm *self);
