/* oriel-image-answers - a CD with the answers for Windows' setup and the
 * agent's installer; or with the installer alone, for a Windows that is there.
 * Run by the host role, or by hand. Secrets come by descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "common/paths.h"
#include "server/image/answers.h"
#include "server/image/iso.h"

#define SECRET_MAX 600u

/* The first line of what fd holds; new string. */
static char *read_secret(int fd, const char *what, GError **error)
{
	char text[SECRET_MAX + 1];
	gsize used = 0;
	ssize_t got = 0;
	while (used < SECRET_MAX &&
	       (got = read(fd, text + used, SECRET_MAX - used)) > 0)
		used += (gsize)got;
	if (got < 0 || used == SECRET_MAX) {
		fault_set(error, FAULT_INVALID,
			  "Give a descriptor that holds one line.",
			  "The %s cannot be read: %s.", what,
			  got < 0 ? g_strerror(errno) : "it is too long");
		return NULL;
	}
	text[used] = 0;
	text[strcspn(text, "\r\n")] = 0;
	char *copy = g_strdup(text);
	explicit_bzero(text, sizeof text);
	return copy;
}

static gboolean add_text(struct iso *iso, const char *path, const char *text,
			 GError **error)
{
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
	return iso_add(iso, path, bytes, error);
}

/* Both word sizes, from where the programs are. */
static gboolean add_agent(struct iso *iso, GError **error)
{
	static const struct {
		const char *program, *path;
	} files[] = {
	    {"oriel-agent.exe", "oriel/oriel-agent.exe"},
	    {"oriel-hook.dll", "oriel/oriel-hook.dll"},
	    {"oriel-agent-x86.exe", "oriel-x86/oriel-agent.exe"},
	    {"oriel-hook-x86.dll", "oriel-x86/oriel-hook.dll"},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *from = paths_program(files[i].program);
		g_autoptr(GError) why = NULL;
		char *data;
		gsize size;
		if (!g_file_get_contents(from, &data, &size, &why)) {
			fault_set(error, FAULT_NOT_FOUND,
				  "Build it: apt-get install "
				  "gcc-mingw-w64-x86-64-win32 "
				  "gcc-mingw-w64-i686-win32, then make.",
				  "The Windows agent is not here: %s.",
				  why->message);
			return FALSE;
		}
		g_autoptr(GBytes) bytes = g_bytes_new_take(data, size);
		if (!iso_add(iso, files[i].path, bytes, error))
			return FALSE;
	}
	g_autofree char *script = answers_script();
	return add_text(iso, "oriel/setup.cmd", script, error);
}

/* 0600, and never half of it. */
static gboolean save(GBytes *image, const char *path, GError **error)
{
	g_autoptr(GError) why = NULL;
	gsize size;
	const void *data = g_bytes_get_data(image, &size);
	if (g_file_set_contents_full(path, data, (gssize)size,
				     G_FILE_SET_CONTENTS_CONSISTENT, 0600,
				     &why))
		return TRUE;
	fault_set(error, FAULT_STORAGE, "Make room on that disk.",
		  "The CD image cannot be written: %s.", why->message);
	return FALSE;
}

static gboolean make(struct answers *answers, int password_fd, int key_fd,
		     const char *output, GError **error)
{
	g_autoptr(iso_auto) iso = iso_create("ORIEL");
	g_autofree char *password = NULL, *key = NULL, *xml = NULL;
	gboolean done = FALSE;
	if (answers->profile) {
		if (password_fd < 0) {
			fault_set(error, FAULT_INVALID,
				  "Give it by --password-fd.",
				  "The administrator's password is missing.");
			return FALSE;
		}
		password = read_secret(password_fd, "password", error);
		if (password && key_fd >= 0)
			key = read_secret(key_fd, "product key", error);
		answers->password = password;
		answers->product_key = key;
		if (password && (key || key_fd < 0) &&
		    answers_check(answers, error)) {
			xml = answers_xml(answers);
			done = add_text(iso, "autounattend.xml", xml, error);
		}
		if (xml)
			explicit_bzero(xml, strlen(xml));
		if (password)
			explicit_bzero(password, strlen(password));
		if (key)
			explicit_bzero(key, strlen(key));
		if (!done)
			return FALSE;
	}
	if (!add_agent(iso, error))
		return FALSE;
	g_autoptr(GBytes) image = iso_finish(iso);
	return save(image, output, error);
}

int main(int argc, char **argv)
{
	struct answers answers = {0};
	g_autofree char *output = NULL, *profile = NULL, *locale = NULL,
			*keyboard = NULL, *zone = NULL, *edition = NULL,
			*computer = NULL, *user = NULL;
	int password_fd = -1, key_fd = -1;
	const GOptionEntry entries[] = {
	    {"profile", 0, 0, G_OPTION_ARG_STRING, &profile,
	     "windows-7, windows-10 or windows-11; without it the CD has only "
	     "the agent's installer",
	     "NAME"},
	    {"output", 0, 0, G_OPTION_ARG_FILENAME, &output, "CD image to make",
	     "FILE"},
	    {"locale", 0, 0, G_OPTION_ARG_STRING, &locale,
	     "Language and country, en-US until told", "LOCALE"},
	    {"keyboard", 0, 0, G_OPTION_ARG_STRING, &keyboard,
	     "Another keyboard than the locale's", "LOCALE|LLLL:KKKKKKKK"},
	    {"timezone", 0, 0, G_OPTION_ARG_STRING, &zone,
	     "Windows' name of it, UTC until told", "NAME"},
	    {"edition", 0, 0, G_OPTION_ARG_STRING, &edition,
	     "As the medium names it, Pro until told", "NAME"},
	    {"index", 0, 0, G_OPTION_ARG_INT, &answers.index,
	     "Or its number there", "N"},
	    {"computer", 0, 0, G_OPTION_ARG_STRING, &computer,
	     "Its name, one of Windows' own until told", "NAME"},
	    {"user", 0, 0, G_OPTION_ARG_STRING, &user,
	     "The administrator's account, 'user' until told", "NAME"},
	    {"password-fd", 0, 0, G_OPTION_ARG_INT, &password_fd,
	     "Its password, one line", "N"},
	    {"product-key-fd", 0, 0, G_OPTION_ARG_INT, &key_fd,
	     "Product key, one line", "N"},
	    {"virtio", 0, 0, G_OPTION_ARG_NONE, &answers.virtio,
	     "The machine has virtio devices and a CD with virtio-win", NULL},
	    {NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	setlocale(LC_ALL, "");
	umask(077);
	log_open("oriel-image-answers", FALSE);
	g_autoptr(GOptionContext) options =
	    g_option_context_new("- answers for Windows' setup, as a CD image");
	g_option_context_add_main_entries(options, entries, NULL);
	g_autoptr(GError) error = NULL;
	if (!g_option_context_parse(options, &argc, &argv, &error) ||
	    argc > 1 || !output) {
		fprintf(stderr, "oriel-image-answers: %s\nSee --help.\n",
			error ? error->message : "--output FILE is needed.");
		return 2;
	}
	answers.profile = profile;
	answers.locale = locale ? locale : "en-US";
	answers.keyboard = keyboard;
	answers.timezone = zone;
	answers.edition = edition;
	answers.computer = computer;
	answers.user = user;
	if (make(&answers, password_fd, key_fd, output, &error))
		return 0;
	g_autofree char *cause = fault_cause(error);
	g_autofree char *remedy = fault_remedy(error);
	fprintf(stderr, "oriel-image-answers: %s\n", cause);
	if (remedy)
		fprintf(stderr, "                     %s\n", remedy);
	return 1;
}
