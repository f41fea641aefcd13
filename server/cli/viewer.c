#include "server/cli/viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/cli/table.h"

struct start {
	struct cli *cli;
	json_t *answer;
	GPtrArray *argv;
	char *file; /* to be removed if nothing starts; NULL */
};

static void add(struct start *start, const char *format, ...)
    G_GNUC_PRINTF(2, 3);
static void add(struct start *start, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	g_ptr_array_add(start->argv, g_strdup_vprintf(format, list));
	va_end(list);
}

static gboolean is_spice(json_t *answer)
{
	return strcmp(text_of(answer, "protocol"), "spice") == 0;
}

/* ---- the viewers that we know ---- */

static gboolean use_vncviewer(struct start *start, GError **error)
{
	const char *host = text_of(start->answer, "host");
	g_autofree char *top = g_path_get_dirname(start->cli->run_dir);
	g_autofree char *lib = start->cli->root
				   ? g_build_filename(top, "lib", NULL)
				   : g_strdup("/var/lib/oriel");
	g_autofree char *own =
	    g_build_filename(lib, "pki", "gateway.crt", NULL);
	add(start, "-SecurityTypes");
	add(start, "X509Plain");
	/* where it cannot be read, authorities decide, or the user */
	if (access(own, R_OK) == 0) {
		add(start, "-X509CA");
		add(start, "%s", own);
	}
	add(start, strchr(host, ':') ? "[%s]::%s" : "%s::%s", host,
	    text_of(start->answer, "port"));
	g_setenv("VNC_USERNAME", text_of(start->answer, "user"), TRUE);
	g_setenv("VNC_PASSWORD", text_of(start->answer, "ticket"), TRUE);
	return TRUE;
}

static gboolean cannot_write(GError **error, const char *path, int err)
{
	fault_set(error, FAULT_STORAGE, "Choose another place.",
		  "The viewer's file '%s' cannot be written: %s.", path,
		  g_strerror(err));
	return FALSE;
}

static gboolean write_all(int fd, const char *text)
{
	for (gsize left = strlen(text); left;) {
		ssize_t put = write(fd, text, left);
		if (put < 0 && errno != EINTR)
			return FALSE;
		text += MAX(put, 0);
		left -= (gsize)MAX(put, 0);
	}
	return TRUE;
}

static gboolean use_remote_viewer(struct start *start, GError **error)
{
	/* 0600, in the user's own folder; the viewer removes it */
	start->file =
	    g_build_filename(g_get_user_runtime_dir(), "oriel-XXXXXX.vv", NULL);
	g_mkdir_with_parents(g_get_user_runtime_dir(), 0700);
	int fd = g_mkstemp(start->file);
	gboolean fine =
	    fd >= 0 && write_all(fd, text_of(start->answer, "file"));
	int err = errno;
	if (fd >= 0)
		close(fd);
	if (!fine)
		return cannot_write(error, start->file, err);
	add(start, "%s", start->file);
	g_autofree char *trusted =
	    g_build_filename(g_get_home_dir(), ".pki/CA/cacert.pem", NULL);
	/* a file for SPICE has the certificate in it */
	if (!is_spice(start->answer) && access(trusted, R_OK) != 0)
		fprintf(stderr,
			"remote-viewer trusts what %s holds, or the system; a "
			"certificate that the server made itself has to be "
			"copied there.\n",
			trusted);
	return TRUE;
}

/* It takes a password from nowhere but its user. */
static gboolean use_remmina(struct start *start, GError **error)
{
	const char *host = text_of(start->answer, "host");
	g_autofree char *user =
	    g_uri_escape_string(text_of(start->answer, "user"), NULL, FALSE);
	add(start, "-c");
	add(start, strchr(host, ':') ? "vnc://%s@[%s]:%s" : "vnc://%s@%s:%s",
	    user, host, text_of(start->answer, "port"));
	printf("Password for Remmina (once, within %s s): %s\n",
	       text_of(start->answer, "expires_in"),
	       text_of(start->answer, "ticket"));
	return TRUE;
}

static const struct viewer {
	const char *program, *name;
	gboolean spice; /* speaks it, too */
	gboolean (*use)(struct start *start, GError **error);
} viewers[] = {
    {"vncviewer", "TigerVNC", FALSE, use_vncviewer},
    {"remote-viewer", "remote-viewer", TRUE, use_remote_viewer},
    {"remmina", "Remmina", FALSE, use_remmina},
};

static const struct viewer *choose(const char *using, gboolean spice,
				   char **path, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(viewers); i++) {
		if (using && strcmp(using, viewers[i].program) != 0)
			continue;
		if (spice && !viewers[i].spice)
			continue;
		*path = g_find_program_in_path(viewers[i].program);
		if (*path)
			return &viewers[i];
	}
	fault_set(error, FAULT_NOT_FOUND,
		  "Install one of tigervnc-viewer, virt-viewer and remmina, "
		  "or open the desktop's address in a browser.",
		  "%s%s is not installed, or not known.",
		  using ? "Viewer " : "A VNC viewer", using ? using : "");
	return NULL;
}

/* ---- */

static void tell(json_t *answer)
{
	table_fact("Address", "%s", text_of(answer, "address"));
	table_fact("User name", "%s", text_of(answer, "user"));
	table_fact("Password", "%s (once, within %s s)",
		   text_of(answer, "ticket"), text_of(answer, "expires_in"));
	table_fact("Certificate", "%s", text_of(answer, "fingerprint"));
}

gboolean viewer_start(struct cli *cli, json_t *answer, const char *using,
		      GError **error)
{
	if (cli_printed(cli, answer))
		return TRUE;
	if (!g_getenv("DISPLAY") && !g_getenv("WAYLAND_DISPLAY")) {
		tell(answer);
		return TRUE;
	}
	g_autofree char *path = NULL;
	const struct viewer *viewer =
	    choose(using, is_spice(answer), &path, error);
	if (!viewer)
		return FALSE;
	struct start start = {.cli = cli,
			      .answer = answer,
			      .argv = g_ptr_array_new_with_free_func(g_free)};
	add(&start, "%s", viewer->program);
	if (viewer->use(&start, error)) {
		g_ptr_array_add(start.argv, NULL);
		fflush(stdout);
		execv(path, (char **)start.argv->pdata);
		fault_set(error, FAULT_UNAVAILABLE, NULL,
			  "%s ('%s') cannot be started: %s.", viewer->name,
			  path, g_strerror(errno));
	}
	if (start.file)
		unlink(start.file);
	g_free(start.file);
	g_ptr_array_unref(start.argv);
	return FALSE;
}

gboolean viewer_save(struct cli *cli, json_t *answer, const char *path,
		     GError **error)
{
	const char *text = text_of(answer, "file");
	if (strcmp(path, "-") == 0)
		return fputs(text, stdout) >= 0;
	/* it holds a ticket: for its user alone, also where one stood before */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	gboolean fine = fd >= 0 && fchmod(fd, 0600) == 0 && write_all(fd, text);
	int err = errno;
	if (fd >= 0)
		close(fd);
	if (!fine)
		return cannot_write(error, path, err);
	cli_say(cli, "Wrote %s; open it within %s s.", path,
		text_of(answer, "expires_in"));
	return TRUE;
}
