#include "display/webm.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"

/* Elements, by the names that RFC 9559 gives them. */
enum {
	EBML = 0x1A45DFA3,
	EBML_VERSION = 0x4286,
	EBML_READ_VERSION = 0x42F7,
	EBML_MAX_ID = 0x42F2,
	EBML_MAX_SIZE = 0x42F3,
	DOC_TYPE = 0x4282,
	DOC_TYPE_VERSION = 0x4287,
	DOC_TYPE_READ_VERSION = 0x4285,
	VOID = 0xEC,
	SEGMENT = 0x18538067,
	SEEK_HEAD = 0x114D9B74,
	SEEK = 0x4DBB,
	SEEK_ID = 0x53AB,
	SEEK_POSITION = 0x53AC,
	INFO = 0x1549A966,
	TIMESTAMP_SCALE = 0x2AD7B1,
	DURATION = 0x4489,
	DATE_UTC = 0x4461,
	TITLE = 0x7BA9,
	MUXING_APP = 0x4D80,
	WRITING_APP = 0x5741,
	TRACKS = 0x1654AE6B,
	TRACK_ENTRY = 0xAE,
	TRACK_NUMBER = 0xD7,
	TRACK_UID = 0x73C5,
	TRACK_TYPE = 0x83,
	FLAG_LACING = 0x9C,
	CODEC_ID = 0x86,
	CODEC_PRIVATE = 0x63A2,
	CODEC_DELAY = 0x56AA,
	SEEK_PRE_ROLL = 0x56BB,
	VIDEO = 0xE0,
	PIXEL_WIDTH = 0xB0,
	PIXEL_HEIGHT = 0xBA,
	COLOUR = 0x55B0,
	MATRIX = 0x55B1,
	RANGE = 0x55B9,
	TRANSFER = 0x55BA,
	PRIMARIES = 0x55BB,
	AUDIO = 0xE1,
	SAMPLING = 0xB5,
	CHANNELS = 0x9F,
	CLUSTER = 0x1F43B675,
	TIMESTAMP = 0xE7,
	SIMPLE_BLOCK = 0xA3,
	CUES = 0x1C53BB6B,
	CUE_POINT = 0xBB,
	CUE_TIME = 0xB3,
	CUE_TRACK_POSITIONS = 0xB7,
	CUE_TRACK = 0xF7,
	CUE_CLUSTER = 0xF1,
};
enum { TRACK_VIDEO = 1, TRACK_SOUND = 2 };

/* "Unknown" and, later, a length, in eight bytes each. */
#define UNKNOWN G_GUINT64_CONSTANT(0x01FFFFFFFFFFFFFF)
#define SIZED   G_GUINT64_CONSTANT(0x0100000000000000)
/* A block's time is 16 bits from its cluster's; players read clusters whole. */
#define CLUSTER_MS 5000
/* Seconds from 1970 to Matroska's beginning of time, 2001. */
#define EPOCH_S G_GINT64_CONSTANT(978307200)
/* What a decoder of Opus needs before it is right, after a jump. */
#define PRE_ROLL_NS 80000000u
#define MS_NS       1000000u

struct cue {
	gint64 at_ms;
	guint64 place; /* in the segment */
};

struct webm {
	int fd;
	guint64 size;    /* bytes written so far */
	guint64 segment; /* where its contents begin */
	guint64 seek_at, duration_at;
	guint64 cluster_at; /* its first byte; 0: none is open */
	gint64 cluster_ms;
	GArray *cues;
};

/* ---- elements, into memory ---- */

static void put_number(GByteArray *out, guint64 value, unsigned bytes)
{
	guint8 text[8];
	for (unsigned i = 0; i < bytes; i++)
		text[i] = value >> 8 * (bytes - 1 - i);
	g_byte_array_append(out, text, bytes);
}

static void put_id(GByteArray *out, guint32 id)
{
	put_number(out, id,
		   id > 0xffffff ? 4
		   : id > 0xffff ? 3
		   : id > 0xff   ? 2
				 : 1);
}

/* All ones of a length mean "unknown": the next longer form is taken. */
static void put_size(GByteArray *out, guint64 size)
{
	unsigned bytes = 1;
	while (size >= (G_GUINT64_CONSTANT(1) << 7 * bytes) - 1)
		bytes++;
	put_number(out, size | G_GUINT64_CONSTANT(1) << 7 * bytes, bytes);
}

static void put_bytes(GByteArray *out, guint32 id, const void *bytes,
		      gsize size)
{
	put_id(out, id);
	put_size(out, size);
	g_byte_array_append(out, bytes, size);
}

static void put_text(GByteArray *out, guint32 id, const char *text)
{
	put_bytes(out, id, text, strlen(text));
}

static void put_uint(GByteArray *out, guint32 id, guint64 value)
{
	unsigned bytes = 1;
	while (bytes < 8 && value >> 8 * bytes)
		bytes++;
	put_id(out, id);
	put_size(out, bytes);
	put_number(out, value, bytes);
}

static void put_whole(GByteArray *out, guint32 id, guint64 value)
{
	put_id(out, id);
	put_size(out, 8);
	put_number(out, value, 8);
}

static void put_float(GByteArray *out, guint32 id, double value)
{
	guint64 bits;
	memcpy(&bits, &value, sizeof bits);
	put_whole(out, id, bits);
}

/* A master element from its contents. */
static void put_master(GByteArray *out, guint32 id, GByteArray *contents)
{
	put_bytes(out, id, contents->data, contents->len);
	g_byte_array_unref(contents);
}

/* ---- the file ---- */

static bool write_at(struct webm *self, guint64 at, const void *bytes,
		     gsize size, GError **error)
{
	const guint8 *from = bytes;
	while (size) {
		ssize_t n = pwrite(self->fd, from, size, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int code = n < 0 ? errno : ENOSPC;
			fault_set(error, FAULT_STORAGE,
				  "Make room where recordings are kept.",
				  "The recording cannot be written: %s.",
				  g_strerror(code));
			return false;
		}
		from += n;
		at += n;
		size -= n;
	}
	return true;
}

/* What is written in part is cut off again: the file ends with a whole
 * element. */
static bool append(struct webm *self, const GByteArray *bytes, GError **error)
{
	if (write_at(self, self->size, bytes->data, bytes->len, error)) {
		self->size += bytes->len;
		return true;
	}
	if (ftruncate(self->fd, self->size) < 0)
		return false;
	return false;
}

static bool set_size(struct webm *self, guint64 at, guint64 size,
		     GError **error)
{
	guint64 text = GUINT64_TO_BE(SIZED | size);
	return write_at(self, at, &text, 8, error);
}

/* ---- the beginning ---- */

static void put_head(GByteArray *out)
{
	GByteArray *head = g_byte_array_new();
	put_uint(head, EBML_VERSION, 1);
	put_uint(head, EBML_READ_VERSION, 1);
	put_uint(head, EBML_MAX_ID, 4);
	put_uint(head, EBML_MAX_SIZE, 8);
	put_text(head, DOC_TYPE, "webm");
	put_uint(head, DOC_TYPE_VERSION, 4);
	put_uint(head, DOC_TYPE_READ_VERSION, 2);
	put_master(out, EBML, head);
}

/* Where the index is. */
static void put_seek(GByteArray *out, guint64 place)
{
	GByteArray *seek = g_byte_array_new(), *head = g_byte_array_new();
	GByteArray *id = g_byte_array_new();
	put_id(id, CUES);
	put_master(seek, SEEK_ID, id);
	put_whole(seek, SEEK_POSITION, place);
	put_master(head, SEEK, seek);
	put_master(out, SEEK_HEAD, head);
}

/* The same room, until it is known. */
static void put_seek_room(GByteArray *out)
{
	g_autoptr(GByteArray) real = g_byte_array_new();
	static const guint8 nothing[64];
	put_seek(real, 0);
	put_bytes(out, VOID, nothing, real->len - 2);
}

static void put_info(struct webm *self, GByteArray *out, guint64 begins,
		     const struct webm_settings *settings)
{
	GByteArray *info = g_byte_array_new();
	put_uint(info, TIMESTAMP_SCALE, MS_NS);
	put_whole(info, DATE_UTC,
		  (settings->began_unix_us - EPOCH_S * G_USEC_PER_SEC) * 1000);
	put_text(info, MUXING_APP, "Oriel");
	put_text(info, WRITING_APP, "Oriel " ORIEL_VERSION);
	if (settings->title)
		put_text(info, TITLE, settings->title);
	put_float(info, DURATION, 0);
	put_master(out, INFO, info);
	self->duration_at = begins + out->len - 8;
}

static void put_video_track(GByteArray *out,
			    const struct webm_settings *settings)
{
	GByteArray *entry = g_byte_array_new(), *video = g_byte_array_new();
	GByteArray *colour = g_byte_array_new();
	put_uint(entry, TRACK_NUMBER, TRACK_VIDEO);
	put_uint(entry, TRACK_UID, TRACK_VIDEO);
	put_uint(entry, TRACK_TYPE, 1);
	put_uint(entry, FLAG_LACING, 0);
	put_text(entry, CODEC_ID, "V_VP8");
	put_uint(video, PIXEL_WIDTH, settings->width);
	put_uint(video, PIXEL_HEIGHT, settings->height);
	/* as codec/yuv.h makes them: BT.601, limited range, sRGB's colours */
	put_uint(colour, MATRIX, 6);
	put_uint(colour, RANGE, 1);
	put_uint(colour, TRANSFER, 1);
	put_uint(colour, PRIMARIES, 1);
	put_master(video, COLOUR, colour);
	put_master(entry, VIDEO, video);
	put_master(out, TRACK_ENTRY, entry);
}

static void put_sound_track(GByteArray *out,
			    const struct webm_settings *settings)
{
	/* RFC 7845, 5.1 "Identification Header" */
	guint8 head[19] = "OpusHead\1\2";
	head[10] = settings->skip_frames;
	head[11] = settings->skip_frames >> 8;
	head[12] = 48000 & 0xff;
	head[13] = 48000 >> 8 & 0xff;
	GByteArray *entry = g_byte_array_new(), *audio = g_byte_array_new();
	put_uint(entry, TRACK_NUMBER, TRACK_SOUND);
	put_uint(entry, TRACK_UID, TRACK_SOUND);
	put_uint(entry, TRACK_TYPE, 2);
	put_uint(entry, FLAG_LACING, 0);
	put_text(entry, CODEC_ID, "A_OPUS");
	put_bytes(entry, CODEC_PRIVATE, head, sizeof head);
	put_uint(entry, CODEC_DELAY,
		 settings->skip_frames * G_GUINT64_CONSTANT(1000000000) /
		     48000);
	put_uint(entry, SEEK_PRE_ROLL, PRE_ROLL_NS);
	put_float(audio, SAMPLING, 48000);
	put_uint(audio, CHANNELS, 2);
	put_master(entry, AUDIO, audio);
	put_master(out, TRACK_ENTRY, entry);
}

struct webm *webm_new(int fd, const struct webm_settings *settings,
		      GError **error)
{
	g_autoptr(webm) self = g_new0(struct webm, 1);
	g_autoptr(GByteArray) out = g_byte_array_new();
	GByteArray *tracks = g_byte_array_new();
	self->fd = fd;
	self->cues = g_array_new(FALSE, FALSE, sizeof(struct cue));
	put_head(out);
	put_id(out, SEGMENT);
	put_number(out, UNKNOWN, 8);
	self->segment = self->seek_at = out->len;
	put_seek_room(out);
	put_info(self, out, 0, settings);
	put_video_track(tracks, settings);
	if (settings->sound)
		put_sound_track(tracks, settings);
	put_master(out, TRACKS, tracks);
	return append(self, out, error) ? g_steal_pointer(&self) : NULL;
}

void webm_free(struct webm *self)
{
	if (!self)
		return;
	close(self->fd);
	g_array_unref(self->cues);
	g_free(self);
}

/* ---- blocks ---- */

static bool end_cluster(struct webm *self, GError **error)
{
	guint64 at = self->cluster_at;
	self->cluster_at = 0;
	return !at || set_size(self, at + 4, self->size - at - 12, error);
}

static bool begin_cluster(struct webm *self, gint64 at_ms, bool key,
			  GError **error)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	if (!end_cluster(self, error))
		return false;
	put_id(out, CLUSTER);
	put_number(out, UNKNOWN, 8);
	put_uint(out, TIMESTAMP, at_ms);
	guint64 at = self->size;
	if (!append(self, out, error))
		return false;
	self->cluster_at = at;
	self->cluster_ms = at_ms;
	if (key) {
		struct cue cue = {at_ms, at - self->segment};
		g_array_append_val(self->cues, cue);
	}
	return true;
}

static bool block(struct webm *self, unsigned track, gint64 at_ms, bool key,
		  const void *bytes, gsize size, GError **error)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	put_id(out, SIMPLE_BLOCK);
	put_size(out, size + 4);
	put_number(out, 0x80 | track, 1);
	put_number(out, (guint64)(at_ms - self->cluster_ms) & 0xffff, 2);
	put_number(out, key ? 0x80 : 0, 1);
	g_byte_array_append(out, bytes, size);
	return append(self, out, error);
}

bool webm_video(struct webm *self, gint64 at_ms, bool key, const void *bytes,
		gsize size, GError **error)
{
	if ((key || !self->cluster_at ||
	     at_ms - self->cluster_ms > CLUSTER_MS) &&
	    !begin_cluster(self, at_ms, key, error))
		return false;
	return block(self, TRACK_VIDEO, at_ms, key, bytes, size, error);
}

bool webm_sound(struct webm *self, gint64 at_ms, const void *bytes, gsize size,
		GError **error)
{
	if ((!self->cluster_at || at_ms - self->cluster_ms > CLUSTER_MS) &&
	    !begin_cluster(self, at_ms, false, error))
		return false;
	return block(self, TRACK_SOUND, at_ms, true, bytes, size, error);
}

/* ---- the end ---- */

static void put_cues(struct webm *self, GByteArray *out)
{
	GByteArray *cues = g_byte_array_new();
	for (guint i = 0; i < self->cues->len; i++) {
		const struct cue *cue =
		    &g_array_index(self->cues, struct cue, i);
		GByteArray *point = g_byte_array_new();
		GByteArray *places = g_byte_array_new();
		put_uint(point, CUE_TIME, cue->at_ms);
		put_uint(places, CUE_TRACK, TRACK_VIDEO);
		put_uint(places, CUE_CLUSTER, cue->place);
		put_master(point, CUE_TRACK_POSITIONS, places);
		put_master(cues, CUE_POINT, point);
	}
	put_master(out, CUES, cues);
}

bool webm_end(struct webm *self, gint64 length_ms, GError **error)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_autoptr(GByteArray) seek = g_byte_array_new();
	double length = length_ms;
	guint64 bits;
	memcpy(&bits, &length, sizeof bits);
	bits = GUINT64_TO_BE(bits);
	if (!end_cluster(self, error) ||
	    !write_at(self, self->duration_at, &bits, 8, error))
		return false;
	guint64 place = self->size - self->segment;
	if (self->cues->len) {
		put_cues(self, out);
		put_seek(seek, place);
		if (!append(self, out, error) ||
		    !write_at(self, self->seek_at, seek->data, seek->len,
			      error))
			return false;
	}
	return set_size(self, self->segment - 8, self->size - self->segment,
			error);
}

guint64 webm_size(const struct webm *self)
{
	return self->size;
}

int webm_fd(const struct webm *self)
{
	return self->fd;
}
