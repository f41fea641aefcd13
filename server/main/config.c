/* GKeyFile checks the syntax but forgets the lines, and a complaint without
 * a line is no help: line_of() finds it again in the text. */
#include "server/main/config.h"

#include <stddef.h>
#include <string.h>

#include "common/fault.h"
#include "common/weburl.h"
#include "server/main/role.h"

enum kind { ADDRESS, PORT, MAYBE_PORT, COUNT, STORE, WORD, FOLDER, URL, WORDS };

static const struct key {
	const char *group, *name;
	enum kind kind;
	gsize offset;
} keys[] = {
    {"gateway", "listen", ADDRESS, offsetof(struct config, listen)},
    {"gateway", "https_port", PORT, offsetof(struct config, https_port)},
    {"gateway", "rfb_port", PORT, offsetof(struct config, rfb_port)},
    {"gateway", "spice_port", MAYBE_PORT, offsetof(struct config, spice_port)},
    {"gateway", "max_connections", COUNT,
     offsetof(struct config, max_connections)},
    {"gateway", "max_per_address", COUNT,
     offsetof(struct config, max_per_address)},
    {"broker", "store", STORE, offsetof(struct config, store)},
    {"broker", "pam", WORD, offsetof(struct config, pam)},
    {"broker", "pam_folder", FOLDER, offsetof(struct config, pam_folder)},
    {"oidc", "issuer", URL, offsetof(struct config, oidc.issuer)},
    {"oidc", "client_id", WORDS, offsetof(struct config, oidc.client_id)},
    {"oidc", "secret_file", FOLDER, offsetof(struct config, oidc.secret_file)},
    {"oidc", "url", URL, offsetof(struct config, oidc.url)},
    {"oidc", "scopes", WORDS, offsetof(struct config, oidc.scopes)},
    {"oidc", "name_claim", WORDS, offsetof(struct config, oidc.name_claim)},
    {"oidc", "groups_claim", WORDS, offsetof(struct config, oidc.groups_claim)},
    {"oidc", "label", WORDS, offsetof(struct config, oidc.label)},
    {"oidc", "ca_file", FOLDER, offsetof(struct config, oidc.ca_file)},
};

void config_defaults(struct config *config, gboolean rootless)
{
	*config = (struct config){
	    /* a private installation is for this machine until told */
	    .listen = g_strdup(rootless ? "127.0.0.1" : "::"),
	    .https_port = 8443,
	    .rfb_port = 5900,
	    .spice_port = SPICE_PORT_TRY,
	    .max_connections = 512,
	    .max_per_address = 128,
	};
}

void config_clear(struct config *config)
{
	g_clear_pointer(&config->listen, g_free);
	g_clear_pointer(&config->store, g_free);
	g_clear_pointer(&config->pam, g_free);
	g_clear_pointer(&config->pam_folder, g_free);
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		if (strcmp(keys[i].group, "oidc") == 0)
			g_clear_pointer(
			    (char **)(void *)((char *)config + keys[i].offset),
			    g_free);
}

/* 1-based line of [group] or of key in it; 0 where it is not found. */
static unsigned line_of(const char *text, const char *group, const char *key)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autofree char *current = NULL;
	for (unsigned i = 0; lines[i]; i++) {
		char *line = g_strstrip(lines[i]);
		gsize length = strlen(line);
		if (length > 1 && line[0] == '[' && line[length - 1] == ']') {
			g_free(current);
			current = g_strndup(line + 1, length - 2);
			if (!key && strcmp(current, group) == 0)
				return i + 1;
		} else if (key && current && strcmp(current, group) == 0 &&
			   g_str_has_prefix(line, key)) {
			const char *after = line + strlen(key);
			while (*after == ' ' || *after == '\t')
				after++;
			if (*after == '=')
				return i + 1;
		}
	}
	return 0;
}

static gboolean set(struct config *config, const struct key *key,
		    const char *where, const char *value, GError **error)
{
	void *field = (char *)config + key->offset;
	guint64 number = 0;
	static const char word[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	switch (key->kind) {
	case ADDRESS:
		if (!g_hostname_is_ip_address(value)) {
			fault_set(error, FAULT_INVALID,
				  "Write the address of one of this machine's "
				  "interfaces, 127.0.0.1, or :: for all.",
				  "%s: %s = '%s' is no IP address.", where,
				  key->name, value);
			return FALSE;
		}
		g_free(*(char **)field);
		*(char **)field = g_strdup(value);
		return TRUE;
	case MAYBE_PORT:
		if (strcmp(value, "off") == 0) {
			*(int *)field = -1;
			return TRUE;
		}
		/* fall through */
	case PORT:
		if (!g_ascii_string_to_unsigned(value, 10, 0, 65535, &number,
						NULL)) {
			fault_set(error, FAULT_INVALID,
				  "Write a number from 1 to 65535, or 0 for "
				  "any free port.",
				  "%s: %s = '%s' is no port.", where, key->name,
				  value);
			return FALSE;
		}
		if (key->kind == MAYBE_PORT)
			*(int *)field = (int)number;
		else
			*(guint16 *)field = (guint16)number;
		return TRUE;
	case COUNT:
		if (!g_ascii_string_to_unsigned(value, 10, 1, 100000, &number,
						NULL)) {
			fault_set(error, FAULT_INVALID,
				  "Write a number from 1 to 100000.",
				  "%s: %s = '%s' is no count.", where,
				  key->name, value);
			return FALSE;
		}
		*(unsigned *)field = (unsigned)number;
		return TRUE;
	case STORE:
		if (!g_str_has_prefix(value, "postgresql://") &&
		    !g_str_has_prefix(value, "postgres://")) {
			fault_set(error, FAULT_INVALID,
				  "Write postgresql://HOST/DATABASE, or leave "
				  "it out for a file in the library folder.",
				  "%s: %s is no address of a database.", where,
				  key->name);
			return FALSE;
		}
		g_free(*(char **)field);
		*(char **)field = g_strdup(value);
		return TRUE;
	case URL:
		if (!weburl_is_safe(value)) {
			fault_set(error, FAULT_INVALID,
				  "Write its whole address: https://...",
				  "%s: %s = '%s' makes no sense.", where,
				  key->name, value);
			return FALSE;
		}
		g_free(*(char **)field);
		*(char **)field = g_strdup(value);
		return TRUE;
	case WORDS:
		if (!*value || strlen(value) > 256 ||
		    !g_utf8_validate(value, -1, NULL)) {
			fault_set(error, FAULT_INVALID,
				  "Write something, at most 256 bytes.",
				  "%s: %s makes no sense.", where, key->name);
			return FALSE;
		}
		g_free(*(char **)field);
		*(char **)field = g_strdup(value);
		return TRUE;
	case WORD:
	case FOLDER:
		if (key->kind == FOLDER
			? !g_path_is_absolute(value)
			: !*value || strlen(value) > 64 ||
			      strspn(value, word) != strlen(value)) {
			fault_set(error, FAULT_INVALID,
				  key->kind == FOLDER
				      ? "Write the whole path."
				      : "Write the name of a file in "
					"/etc/pam.d: letters, digits, '-' and "
					"'_'.",
				  "%s: %s = '%s' makes no sense.", where,
				  key->name, value);
			return FALSE;
		}
		g_free(*(char **)field);
		*(char **)field = g_strdup(value);
		return TRUE;
	}
	return FALSE;
}

static void remark(GPtrArray *remarks, const char *path, unsigned line,
		   const char *what, const char *name)
{
	g_ptr_array_add(
	    remarks,
	    g_strdup_printf("%s:%u: %s '%s' is unknown and has no "
			    "effect. Correct or remove it; known "
			    "are listen, https_port, rfb_port, "
			    "spice_port, max_connections and max_per_address "
			    "in [gateway], store, pam and pam_folder in "
			    "[broker], and issuer, client_id, secret_file, "
			    "url, scopes, name_claim, groups_claim and label "
			    "in [oidc].",
			    path, line, what, name));
}

gboolean config_parse(struct config *config, const char *path, const char *text,
		      GPtrArray *remarks, GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) syntax = NULL;
	if (!g_key_file_load_from_data(file, text, (gsize)-1, G_KEY_FILE_NONE,
				       &syntax)) {
		fault_set(error, FAULT_INVALID,
			  "Correct it, or remove the file: every setting has "
			  "a default.",
			  "Configuration file '%s' cannot be read: %s", path,
			  syntax->message);
		return FALSE;
	}
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	for (char **group = groups; *group; group++) {
		gboolean known = FALSE;
		for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
			known = known || strcmp(keys[i].group, *group) == 0;
		if (!known) {
			remark(remarks, path, line_of(text, *group, NULL),
			       "section", *group);
			continue;
		}
		g_auto(GStrv) names =
		    g_key_file_get_keys(file, *group, NULL, NULL);
		for (char **name = names; names && *name; name++) {
			unsigned line = line_of(text, *group, *name);
			const struct key *key = NULL;
			for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
				if (strcmp(keys[i].group, *group) == 0 &&
				    strcmp(keys[i].name, *name) == 0)
					key = &keys[i];
			if (!key) {
				remark(remarks, path, line, "key", *name);
				continue;
			}
			g_autofree char *value =
			    g_key_file_get_value(file, *group, *name, NULL);
			g_autofree char *where =
			    g_strdup_printf("%s:%u", path, line);
			g_strstrip(value);
			if (!set(config, key, where, value, error))
				return FALSE;
		}
	}
	return TRUE;
}

static gboolean load_file(struct config *config, const char *path,
			  GPtrArray *remarks, GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) failure = NULL;
	if (g_file_get_contents(path, &text, NULL, &failure))
		return config_parse(config, path, text, remarks, error);
	if (g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return TRUE;
	fault_set(error, FAULT_DENIED,
		  "Make it readable for the service's user, or remove it.",
		  "Configuration file '%s' cannot be read: %s", path,
		  failure->message);
	return FALSE;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

gboolean config_load(struct config *config, const struct paths_root *root,
		     GPtrArray *remarks, GError **error)
{
	g_autofree char *first =
	    g_build_filename(root->etc, "oriel.conf", NULL);
	if (!load_file(config, first, remarks, error))
		return FALSE;
	g_autofree char *folder = g_build_filename(root->etc, "conf.d", NULL);
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;
	while (dir && (name = g_dir_read_name(dir)))
		if (g_str_has_suffix(name, ".conf"))
			g_ptr_array_add(files,
					g_build_filename(folder, name, NULL));
	if (dir)
		g_dir_close(dir);
	g_ptr_array_sort(files, by_name);
	for (guint i = 0; i < files->len; i++)
		if (!load_file(config, files->pdata[i], remarks, error))
			return FALSE;
	return TRUE;
}
