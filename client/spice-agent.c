/* What goes by the guest's agent: clipboard, files, and whether sizes do. */
#include "client/spice-session.h"

#include <spice/vd_agent.h>
#include <string.h>

#include "common/fault.h"

#define TEXT_MAX  (4u << 20)
#define IMAGE_MAX (16u << 20)

static guint32 type_of(enum session_clip kind)
{
	return kind == SESSION_CLIP_IMAGE ? VD_AGENT_CLIPBOARD_IMAGE_PNG
					  : VD_AGENT_CLIPBOARD_UTF8_TEXT;
}

/* 0 for what is not carried. */
static unsigned kind_of(guint32 type)
{
	switch (type) {
	case VD_AGENT_CLIPBOARD_UTF8_TEXT:
		return SESSION_CLIP_TEXT;
	case VD_AGENT_CLIPBOARD_IMAGE_PNG:
		return SESSION_CLIP_IMAGE;
	default:
		return 0;
	}
}

static gboolean guest_uses_crlf(struct spice_session *self)
{
	return spice_main_channel_agent_test_capability(
	    self->main, VD_AGENT_CAP_GUEST_LINEEND_CRLF);
}

/* --- from the guest ------------------------------------------------- */

static gboolean on_grab(SpiceMainChannel *channel, guint selection,
			const guint32 *types, guint count,
			struct spice_session *self)
{
	if (selection != VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD)
		return FALSE;
	self->guest_kinds = 0;
	for (guint i = 0; i < count; i++)
		self->guest_kinds |= kind_of(types[i]);
	self->handlers->clipboard_offered(self->guest_kinds, self->data);
	return TRUE;
}

static void on_release(SpiceMainChannel *channel, guint selection,
		       struct spice_session *self)
{
	if (selection != VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD)
		return;
	self->guest_kinds = 0;
	self->handlers->clipboard_offered(0, self->data);
}

/* CR LF becomes LF; what follows a zero byte is dropped. */
static GBytes *local_text(const char *text, gsize length)
{
	GByteArray *out = g_byte_array_new();
	const char *end = memchr(text, 0, length);
	if (end)
		length = (gsize)(end - text);
	for (gsize i = 0; i < length; i++)
		if (text[i] != '\r' || i + 1 == length || text[i + 1] != '\n')
			g_byte_array_append(out, (const guint8 *)text + i, 1);
	return g_byte_array_free_to_bytes(out);
}

static void on_data(SpiceMainChannel *channel, guint selection, guint type,
		    gpointer bytes, guint size, struct spice_session *self)
{
	unsigned kind = kind_of(type);
	g_autoptr(GBytes) data = NULL;
	if (selection != VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD || !kind)
		return;
	if (kind == SESSION_CLIP_TEXT) {
		if (size <= TEXT_MAX && g_utf8_validate_len(bytes, size, NULL))
			data = local_text(bytes, size);
	} else if (size <= IMAGE_MAX && size > 8 &&
		   memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0) {
		data = g_bytes_new(bytes, size);
	}
	self->handlers->clipboard_data(kind, data, self->data);
}

void spice_agent_clipboard_request(struct session *session,
				   enum session_clip kind)
{
	struct spice_session *self = (struct spice_session *)session;
	if (self->main && self->agent && (self->guest_kinds & kind))
		spice_main_channel_clipboard_selection_request(
		    self->main, VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD,
		    type_of(kind));
}

/* --- to the guest --------------------------------------------------- */

void spice_agent_clipboard_offer(struct session *session, unsigned kinds)
{
	struct spice_session *self = (struct spice_session *)session;
	static const enum session_clip all[] = {SESSION_CLIP_TEXT,
						SESSION_CLIP_IMAGE};
	guint32 types[G_N_ELEMENTS(all)];
	int count = 0;
	if (!self->main || !self->agent)
		return;
	for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
		if (kinds & all[i])
			types[count++] = type_of(all[i]);
	if (count > 0)
		spice_main_channel_clipboard_selection_grab(
		    self->main, VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD, types,
		    count);
	else
		spice_main_channel_clipboard_selection_release(
		    self->main, VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD);
}

static gboolean on_request(SpiceMainChannel *channel, guint selection,
			   guint type, struct spice_session *self)
{
	unsigned kind = kind_of(type);
	if (selection != VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD || !kind)
		return FALSE;
	self->handlers->clipboard_wanted(kind, self->data);
	return TRUE;
}

void spice_agent_clipboard_send(struct session *session, enum session_clip kind,
				const void *bytes, gsize size)
{
	struct spice_session *self = (struct spice_session *)session;
	gsize most = kind == SESSION_CLIP_TEXT ? TEXT_MAX : IMAGE_MAX;
	if (!self->main || !self->agent || size > most)
		return;
	g_autofree char *crlf = NULL;
	if (kind == SESSION_CLIP_TEXT && guest_uses_crlf(self)) {
		g_autofree char *text = g_strndup(bytes, size);
		g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
		crlf = g_strjoinv("\r\n", lines);
		bytes = crlf;
		size = strlen(crlf);
	}
	spice_main_channel_clipboard_selection_notify(
	    self->main, VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD, type_of(kind),
	    bytes, size);
}

/* --- files ---------------------------------------------------------- */

struct sending {
	session_progress progress;
	session_sent sent;
	void *data;
};

static void on_progress(goffset done, goffset total, gpointer data)
{
	struct sending *sending = data;
	sending->progress(done, total, sending->data);
}

static void on_sent(GObject *source, GAsyncResult *result, gpointer data)
{
	struct sending *sending = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) told = NULL;
	if (!spice_main_channel_file_copy_finish(SPICE_MAIN_CHANNEL(source),
						 result, &error))
		told = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)
			   ? fault_new(FAULT_CANCELLED, NULL,
				       "Copying was cancelled")
			   : fault_new(FAULT_UNAVAILABLE,
				       "Copy it again; folders have to be "
				       "packed into one file first.",
				       "Not copied: %s",
				       error ? error->message
					     : "no reason "
					       "was given");
	sending->sent(told, sending->data);
	g_free(sending);
}

gboolean spice_agent_can_send_files(struct session *session)
{
	struct spice_session *self = (struct spice_session *)session;
	return self->main && self->agent &&
	       !spice_main_channel_agent_test_capability(
		   self->main, VD_AGENT_CAP_FILE_XFER_DISABLED);
}

void spice_agent_send_files(struct session *session, GFile **files,
			    GCancellable *cancellable,
			    session_progress progress, session_sent sent,
			    void *data)
{
	struct spice_session *self = (struct spice_session *)session;
	struct sending *sending = g_new0(struct sending, 1);
	sending->progress = progress;
	sending->sent = sent;
	sending->data = data;
	spice_main_channel_file_copy_async(self->main, files, G_FILE_COPY_NONE,
					   cancellable, on_progress, sending,
					   on_sent, sending);
}

/* --- the agent itself ----------------------------------------------- */

static void on_agent(SpiceMainChannel *channel, struct spice_session *self)
{
	gboolean was = self->agent;
	g_object_get(channel, "agent-connected", &self->agent, NULL);
	if (self->agent == was)
		return;
	if (self->agent)
		self->handlers->resized(0, SESSION_RESIZE_DONE, self->data);
	else if (self->guest_kinds)
		on_release(channel, VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD,
			   self);
}

static void on_mouse(SpiceMainChannel *channel, struct spice_session *self)
{
	spice_input_mouse_mode(self);
}

void spice_agent_add(struct spice_session *self)
{
	GObject *channel = G_OBJECT(self->main);
	/* sizes of a window say nothing about where heads are */
	g_object_set(channel, "disable-display-position", FALSE,
		     "disable-display-align", TRUE, "max-clipboard",
		     (int)IMAGE_MAX, NULL);
	g_signal_connect(channel, "main-clipboard-selection-grab",
			 G_CALLBACK(on_grab), self);
	g_signal_connect(channel, "main-clipboard-selection",
			 G_CALLBACK(on_data), self);
	g_signal_connect(channel, "main-clipboard-selection-request",
			 G_CALLBACK(on_request), self);
	g_signal_connect(channel, "main-clipboard-selection-release",
			 G_CALLBACK(on_release), self);
	g_signal_connect(channel, "main-agent-update", G_CALLBACK(on_agent),
			 self);
	g_signal_connect(channel, "main-mouse-update", G_CALLBACK(on_mouse),
			 self);
}
