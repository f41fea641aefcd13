#include "client/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/fault.h"

/* Enough for thousands of servers; a larger file is not ours. */
#define TRUST_FILE_MAX (1u << 20)

struct trust {
	char *path;
};

static char *format_digest(const guint8 digest[32])
{
	GString *text = g_string_new("SHA256:");
	for (int i = 0; i < 32; i++)
		g_string_append_printf(text, i ? ":%02X" : "%02X", digest[i]);
	return g_string_free(text, FALSE);
}

char *trust_fingerprint(GTlsCertificate *certificate)
{
	g_autoptr(GByteArray) der = NULL;
	g_object_get(certificate, "certificate", &der, NULL);
	if (!der || der->len == 0)
		return NULL;
	guint8 digest[32];
	gsize length = sizeof digest;
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_checksum_update(sum, der->data, der->len);
	g_checksum_get_digest(sum, digest, &length);
	return format_digest(digest);
}

char *trust_normalize(const char *fingerprint)
{
	if (!fingerprint || strlen(fingerprint) > 128)
		return NULL;
	g_autofree char *text = g_strstrip(g_strdup(fingerprint));
	const char *body = text;
	if (g_ascii_strncasecmp(body, "SHA256:", 7) == 0)
		body += 7;
	guint8 digest[32];
	int count = 0;
	const char *c = body;
	while (*c && count < 32) {
		if (*c == ':' && count > 0)
			c++;
		int high = g_ascii_xdigit_value(c[0]);
		int low = high < 0 ? -1 : g_ascii_xdigit_value(c[1]);
		if (low < 0)
			break;
		digest[count++] = (guint8)(high << 4 | low);
		c += 2;
	}
	if (count == 32 && *c == '\0')
		return format_digest(digest);
	/* 32 bytes are 43 base64 digits, with or without the last "=" */
	gsize length = strlen(body);
	if (length != 43 && !(length == 44 && body[43] == '='))
		return NULL;
	if (strspn(body, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			 "0123456789+/") != 43)
		return NULL;
	g_autofree char *padded = g_strdup_printf("%.43s=", body);
	gsize decoded = 0;
	g_autofree guchar *bytes = g_base64_decode(padded, &decoded);
	return decoded == 32 ? format_digest(bytes) : NULL;
}

struct trust *trust_new(const char *path)
{
	struct trust *trust = g_new0(struct trust, 1);
	trust->path = path ? g_strdup(path)
			   : g_build_filename(g_get_user_data_dir(), "oriel",
					      "known-servers", NULL);
	return trust;
}

void trust_free(struct trust *trust)
{
	if (!trust)
		return;
	g_free(trust->path);
	g_free(trust);
}

const char *trust_path(const struct trust *trust)
{
	return trust->path;
}

static gboolean read_store(struct trust *trust, char **text, GError **error)
{
	g_autoptr(GError) local = NULL;
	gsize length = 0;
	if (!g_file_get_contents(trust->path, text, &length, &local)) {
		if (g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
			*text = g_strdup("");
			return TRUE;
		}
		fault_set(error, FAULT_STORAGE,
			  "Make the file readable for you, or move it away to "
			  "begin anew; every server is then asked about again.",
			  "The list of trusted servers cannot be read: %s",
			  local->message);
		return FALSE;
	}
	if (length > TRUST_FILE_MAX || strlen(*text) != length) {
		g_clear_pointer(text, g_free);
		fault_set(error, FAULT_STORAGE,
			  "Move the file away to begin anew; every server is "
			  "then asked about again.",
			  "The list of trusted servers, %s, is damaged",
			  trust->path);
		return FALSE;
	}
	return TRUE;
}

/* TRUE when the line is about the server; fingerprint (new, or NULL when the
 * line is damaged) is normalized. */
static gboolean line_is_about(const char *line, const char *server,
			      char **fingerprint)
{
	gsize length = strlen(server);
	if (strncmp(line, server, length) != 0 || line[length] != ' ')
		return FALSE;
	g_auto(GStrv) words = g_strsplit(line + length + 1, " ", 2);
	*fingerprint = trust_normalize(words[0]);
	return TRUE;
}

enum trust_verdict trust_check(struct trust *trust, const char *server,
			       const char *fingerprint, char **known,
			       GError **error)
{
	if (known)
		*known = NULL;
	g_autofree char *text = NULL;
	if (!read_store(trust, &text, error))
		return TRUST_ERROR;
	g_autofree char *wanted = trust_normalize(fingerprint);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		g_autofree char *found = NULL;
		if (!line_is_about(*line, server, &found))
			continue;
		if (!found) {
			fault_set(error, FAULT_STORAGE,
				  "Forget the server, or mend the file.",
				  "The remembered fingerprint of %s in %s is "
				  "damaged",
				  server, trust->path);
			return TRUST_ERROR;
		}
		gboolean same = g_strcmp0(found, wanted) == 0;
		if (known)
			*known = g_steal_pointer(&found);
		return same ? TRUST_KNOWN : TRUST_CHANGED;
	}
	return TRUST_UNKNOWN;
}

static gboolean rewrite(struct trust *trust, const char *server,
			const char *fingerprint, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(trust->path);
	g_autofree char *lock_path = g_strconcat(trust->path, ".lock", NULL);
	g_autofree char *text = NULL;
	if (g_mkdir_with_parents(folder, 0700) != 0) {
		fault_set(error, FAULT_STORAGE, "Make that folder writable.",
			  "Folder %s cannot be made: %s", folder,
			  g_strerror(errno));
		return FALSE;
	}
	int lock = g_open(lock_path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX) != 0) {
		fault_set(error, FAULT_STORAGE, "Make that folder writable.",
			  "%s cannot be locked: %s", lock_path,
			  g_strerror(errno));
		if (lock >= 0)
			close(lock);
		return FALSE;
	}
	gboolean done = read_store(trust, &text, error);
	if (done) {
		g_autoptr(GString) out = g_string_new(NULL);
		g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
		for (char **line = lines; *line; line++) {
			g_autofree char *found = NULL;
			if (**line && !line_is_about(*line, server, &found))
				g_string_append_printf(out, "%s\n", *line);
		}
		if (fingerprint)
			g_string_append_printf(
			    out, "%s %s %" G_GINT64_FORMAT "\n", server,
			    fingerprint, g_get_real_time() / G_USEC_PER_SEC);
		g_autoptr(GError) local = NULL;
		done = g_file_set_contents_full(trust->path, out->str,
						(gssize)out->len,
						G_FILE_SET_CONTENTS_CONSISTENT |
						    G_FILE_SET_CONTENTS_DURABLE,
						0600, &local);
		if (!done)
			fault_set(
			    error, FAULT_STORAGE,
			    "Free some space or make the folder writable.",
			    "The list of trusted servers cannot be "
			    "written: %s",
			    local->message);
	}
	close(lock); /* releases it */
	return done;
}

gboolean trust_remember(struct trust *trust, const char *server,
			const char *fingerprint, GError **error)
{
	g_autofree char *normal = trust_normalize(fingerprint);
	if (!normal) {
		fault_set(error, FAULT_INVALID,
			  "A fingerprint is SHA256: and 64 hex digits.",
			  "'%s' is not a fingerprint", fingerprint);
		return FALSE;
	}
	return rewrite(trust, server, normal, error);
}

gboolean trust_forget(struct trust *trust, const char *server, GError **error)
{
	return rewrite(trust, server, NULL, error);
}
