#include "server/image/sources.h"

#include <string.h>

#include "common/fault.h"
#include "server/image/child.h"

/* An option that apt does not set stays as its own name in the output. */
static const char *option(const char *value)
{
	return *value && !g_str_has_prefix(value, "$(") ? value : NULL;
}

static gboolean is_of_suite(const char *release, const char *suite)
{
	if (!g_str_has_prefix(release, suite))
		return FALSE;
	const char *rest = release + strlen(suite);
	return !*rest || strcmp(rest, "-updates") == 0 ||
	       strcmp(rest, "-security") == 0 || strcmp(rest, "/updates") == 0;
}

char *sources_from_targets(const char *targets, const char *suite)
{
	g_autoptr(GString) text = g_string_new(NULL);
	gboolean has_suite = FALSE;
	g_auto(GStrv) lines = g_strsplit(targets, "\n", -1);
	for (gsize i = 0; lines[i]; i++) {
		g_auto(GStrv) part = g_strsplit(lines[i], "|", -1);
		if (g_strv_length(part) != 6 || !*part[0] ||
		    !is_of_suite(part[1], suite) ||
		    strcmp(part[2], "main") != 0)
			continue;
		/* other vendors name suites after Debian's; where the lists
		 * have been fetched they tell who they are */
		const char *origin = option(part[3]);
		if (origin && strcmp(origin, "Debian") != 0)
			continue;
		g_autofree char *stanza = g_strdup_printf(
		    "Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n",
		    part[0], part[1]);
		if (strstr(text->str, stanza))
			continue; /* one target per architecture */
		g_string_append(text, stanza);
		const char *signed_by = option(part[4]);
		if (signed_by)
			g_string_append_printf(text, "Signed-By: %s\n",
					       signed_by);
		else if (g_file_test("/usr/share/keyrings/"
				     "debian-archive-keyring.gpg",
				     G_FILE_TEST_EXISTS))
			g_string_append(text, "Signed-By: /usr/share/keyrings/"
					      "debian-archive-keyring.gpg\n");
		g_string_append_c(text, '\n');
		has_suite |= strcmp(part[1], suite) == 0;
	}
	return has_suite ? g_strdup(text->str) : NULL;
}

char *sources_apt_conf(const char *dump)
{
	/* how to fetch, not what: indexes, languages and hooks stay behind */
	static const char *const WANTED[] = {
	    "Acquire::http",       "Acquire::https",
	    "Acquire::ftp",        "Acquire::Check-Valid-Until",
	    "Acquire::Check-Date", "Acquire::Retries",
	    "Acquire::ForceIPv",   "Acquire::Max-ValidTime",
	    "Acquire::PDiffs",     "Acquire::By-Hash",
	    "Acquire::Queue-Mode",
	};
	g_autoptr(GString) text = g_string_new(NULL);
	g_auto(GStrv) lines = g_strsplit(dump, "\n", -1);
	for (gsize i = 0; lines[i]; i++) {
		if (strstr(lines[i], " \"\";"))
			continue;
		for (gsize w = 0; w < G_N_ELEMENTS(WANTED); w++)
			if (g_ascii_strncasecmp(lines[i], WANTED[w],
						strlen(WANTED[w])) == 0) {
				g_string_append_printf(text, "%s\n", lines[i]);
				break;
			}
	}
	return g_strdup(text->str);
}

static char *ask(const char *const *argv, GError **error)
{
	g_autofree char *out = NULL, *err = NULL;
	int status;
	g_auto(GStrv) env =
	    g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);
	g_autoptr(GError) io = NULL;
	if (!g_spawn_sync(NULL, (char **)argv, env, G_SPAWN_SEARCH_PATH, NULL,
			  NULL, &out, &err, &status, &io)) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Images of Debian are built on Debian.",
			  "'%s' cannot be run: %s.", argv[0], io->message);
		return NULL;
	}
	if (!g_spawn_check_wait_status(status, NULL)) {
		g_strstrip(err);
		fault_set(error, FAULT_UNAVAILABLE,
			  "Mend apt's configuration until `apt-get update` "
			  "works.",
			  "apt's configuration cannot be used: %s", err);
		return NULL;
	}
	return g_steal_pointer(&out);
}

gboolean sources_find(struct sources *self, const char *suite, GError **error)
{
	*self = (struct sources){0};
	const char *const targets_of[] = {
	    "apt-get",      "indextargets",         "--format",
	    TARGETS_FORMAT, "Created-By: Packages", NULL};
	/* where no list was ever fetched apt names nothing unless told not to
	 * look into them */
	const char *const unfetched_of[] = {
	    "apt-get",  "indextargets", "--no-release-info",
	    "--format", TARGETS_FORMAT, "Created-By: Packages",
	    NULL};
	const char *const dump_of[] = {"apt-config", "dump", NULL};
	g_autofree char *targets = ask(targets_of, error);
	g_autofree char *dump = targets ? ask(dump_of, error) : NULL;
	if (!dump)
		return FALSE;
	self->deb822 = sources_from_targets(targets, suite);
	if (!self->deb822) {
		g_autofree char *unfetched = ask(unfetched_of, error);
		if (!unfetched)
			return FALSE;
		self->deb822 = sources_from_targets(unfetched, suite);
	}
	if (!self->deb822) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Add a source of that suite below /etc/apt and run "
			  "apt-get update.",
			  "This machine's apt configuration names no source of "
			  "Debian %s (component main).",
			  suite);
		return FALSE;
	}
	self->apt_conf = sources_apt_conf(dump);
	return TRUE;
}

void sources_clear(struct sources *self)
{
	g_clear_pointer(&self->deb822, g_free);
	g_clear_pointer(&self->apt_conf, g_free);
}
