#include "client/kiosk.h"

#include "client/session.h"
#include "client/trust.h"
#include "common/fault.h"

#define GROUP "kiosk"

static gboolean check_keys(GKeyFile *file, const char *path, GError **error)
{
	static const char *const known[] = {"server", "fingerprint", "protocol",
					    NULL};
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	for (int i = 0; groups[i]; i++)
		if (g_strcmp0(groups[i], GROUP) != 0) {
			fault_set(error, FAULT_INVALID,
				  "All of it stands in [" GROUP "].",
				  "%s has an unknown group [%s]", path,
				  groups[i]);
			return FALSE;
		}
	g_auto(GStrv) keys = g_key_file_get_keys(file, GROUP, NULL, NULL);
	for (int i = 0; keys && keys[i]; i++)
		if (!g_strv_contains(known, keys[i])) {
			fault_set(error, FAULT_INVALID,
				  "There are server, fingerprint and protocol.",
				  "%s has an unknown key '%s'", path, keys[i]);
			return FALSE;
		}
	return TRUE;
}

gboolean kiosk_read(struct kiosk *kiosk, const char *path,
		    struct app_options *options, GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) why = NULL;
	const char *from = path ? path : KIOSK_FILE;
	if (!g_key_file_load_from_file(file, from, G_KEY_FILE_NONE, &why)) {
		if (!path &&
		    g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			return TRUE;
		fault_set(error, FAULT_INVALID, "Correct the file.",
			  "%s cannot be read: %s", from, why->message);
		return FALSE;
	}
	if (!check_keys(file, from, error))
		return FALSE;
	g_autofree char *server =
	    g_key_file_get_string(file, GROUP, "server", NULL);
	g_autofree char *fingerprint =
	    g_key_file_get_string(file, GROUP, "fingerprint", NULL);
	g_autofree char *protocol =
	    g_key_file_get_string(file, GROUP, "protocol", NULL);
	if (server && !options->server.host &&
	    !server_url_parse(server, &options->server, &why)) {
		g_autofree char *cause = fault_cause(why);
		fault_set(error, FAULT_INVALID,
			  "Write server = HOST, HOST:PORT or HOST/POOL.",
			  "In %s: %s", from, cause);
		return FALSE;
	}
	if (fingerprint && !options->fingerprint) {
		kiosk->fingerprint = trust_normalize(fingerprint);
		if (!kiosk->fingerprint) {
			fault_set(error, FAULT_INVALID,
				  "`oriel status` on the server shows it: "
				  "SHA256: and 64 hex digits.",
				  "In %s: '%s' is not a fingerprint", from,
				  fingerprint);
			return FALSE;
		}
		options->fingerprint = kiosk->fingerprint;
	}
	if (protocol && !options->protocol) {
		if (!session_protocol(protocol)) {
			fault_set(error, FAULT_INVALID,
				  "There are spice and rfb.",
				  "In %s: '%s' is no protocol", from, protocol);
			return FALSE;
		}
		kiosk->protocol = g_steal_pointer(&protocol);
		options->protocol = kiosk->protocol;
	}
	return TRUE;
}

void kiosk_clear(struct kiosk *kiosk)
{
	g_clear_pointer(&kiosk->fingerprint, g_free);
	g_clear_pointer(&kiosk->protocol, g_free);
}
