#include "client/rfb-sound.h"

#include "client/rfb-wire.h"
#include "client/sound.h"

enum { SUBMESSAGE = 1 };
enum { TO_SERVER_ENABLE = 0, TO_SERVER_FORMAT = 2 };
enum { FROM_SERVER_END = 0, FROM_SERVER_BEGIN = 1, FROM_SERVER_DATA = 2 };
enum { SAMPLE_S16 = 3 };

static void put_head(GByteArray *out, guint16 operation)
{
	rfb_put_u8(out, RFB_MSG_QEMU);
	rfb_put_u8(out, SUBMESSAGE);
	rfb_put_u16(out, operation);
}

void rfb_sound_offered(struct rfb_session *self)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	if (self->sound_asked)
		return;
	self->sound_asked = TRUE;
	put_head(out, TO_SERVER_FORMAT);
	rfb_put_u8(out, SAMPLE_S16);
	rfb_put_u8(out, RFB_SOUND_CHANNELS);
	rfb_put_u32(out, RFB_SOUND_RATE);
	put_head(out, TO_SERVER_ENABLE);
	rfb_session_send(self, out);
}

/* --- on the main thread ---------------------------------------------- */

static void begin(struct rfb_session *self, gpointer payload)
{
	sound_play_start(self->sound, RFB_SOUND_RATE, RFB_SOUND_CHANNELS);
}

static void stop(struct rfb_session *self, gpointer payload)
{
	sound_play_stop(self->sound);
}

struct piece {
	struct rfb_session *self;
	GByteArray *pcm;
};

static void play_piece(struct rfb_session *self, gpointer payload)
{
	struct piece *piece = payload;
	sound_play(self->sound, piece->pcm->data, piece->pcm->len);
}

/* Also where the session was closed meanwhile. */
static void free_piece(gpointer payload)
{
	struct piece *piece = payload;
	g_atomic_int_add(&piece->self->sound_waiting, -(gint)piece->pcm->len);
	g_byte_array_unref(piece->pcm);
	g_free(piece);
}

void rfb_sound_open(struct rfb_session *self)
{
	self->sound = sound_new("Oriel desktop");
}

void rfb_sound_close(struct rfb_session *self)
{
	sound_free(g_steal_pointer(&self->sound));
}

unsigned rfb_sound_delay_ms(struct rfb_session *self)
{
	return sound_play_delay_ms(self->sound);
}

/* --- on the session's ------------------------------------------------ */

/* Little endian, as QEMU sends them. */
static void to_native(GByteArray *pcm)
{
	if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
		return;
	for (guint i = 0; i + 1 < pcm->len; i += 2) {
		guint8 low = pcm->data[i];
		pcm->data[i] = pcm->data[i + 1];
		pcm->data[i + 1] = low;
	}
}

static gboolean read_data(struct rfb_session *self, const char **broken)
{
	guint32 length;
	if (!rfb_read_u32(self->reader, &length))
		return FALSE;
	if (length > RFB_SOUND_PIECE) {
		*broken = "an endless sound";
		return FALSE;
	}
	if ((guint)g_atomic_int_get(&self->sound_waiting) > RFB_SOUND_WAITING)
		return rfb_skip(self->reader, length);
	g_autoptr(GByteArray) pcm = g_byte_array_sized_new(length);
	g_byte_array_set_size(pcm, length);
	if (!rfb_read(self->reader, pcm->data, length))
		return FALSE;
	to_native(pcm);
	struct piece *piece = g_new(struct piece, 1);
	g_atomic_int_add(&self->sound_waiting, (gint)length);
	*piece = (struct piece){self, g_steal_pointer(&pcm)};
	rfb_session_post(self, play_piece, piece, free_piece);
	return TRUE;
}

gboolean rfb_sound_message(struct rfb_session *self, const char **broken)
{
	guint8 sub;
	guint16 operation;
	if (!rfb_read_u8(self->reader, &sub) ||
	    !rfb_read_u16(self->reader, &operation))
		return FALSE;
	if (sub != SUBMESSAGE || !self->sound_asked) {
		*broken = "a message that was not asked for";
		return FALSE;
	}
	switch (operation) {
	case FROM_SERVER_END:
		rfb_session_post(self, stop, NULL, NULL);
		return TRUE;
	case FROM_SERVER_BEGIN:
		rfb_session_post(self, begin, NULL, NULL);
		return TRUE;
	case FROM_SERVER_DATA:
		return read_data(self, broken);
	default:
		*broken = "an unknown kind of sound";
		return FALSE;
	}
}
