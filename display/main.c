/* oriel-display: gathers its sockets, then serves until it is told to end. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <malloc.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "display/control.h"
#include "display/display.h"
#include "display/rfb/rfb.h"
#include "display/spice/spice.h"
#include "display/windows/windows.h"

struct program {
	GMainLoop *loop;
	struct display *display;
	struct rfb_server *rfb, *view;
	struct spice_server *spice;
	struct windows *windows;
	struct control *control;
};

static struct {
	char *display1, *rfb, *view, *spice, *windows, *control, *ticket_file,
	    *name, *vm;
	gint display1_fd;
	gboolean no_auth, closed, verbose, version;
} options = {.display1_fd = -1};

static const GOptionEntry entries[] = {
    {"display1", 0, 0, G_OPTION_ARG_STRING, &options.display1,
     "The machine's Display1 socket", "unix:PATH"},
    {"display1-fd", 0, 0, G_OPTION_ARG_INT, &options.display1_fd,
     "A connected Display1 socket passed to this process", "N"},
    {"rfb", 0, 0, G_OPTION_ARG_STRING, &options.rfb, "Serve VNC viewers here",
     "unix:PATH|HOST:PORT"},
    {"view", 0, 0, G_OPTION_ARG_STRING, &options.view,
     "Serve VNC viewers that only look on here", "unix:PATH"},
    {"spice", 0, 0, G_OPTION_ARG_STRING, &options.spice,
     "Serve SPICE viewers here", "unix:PATH|HOST:PORT"},
    {"windows", 0, 0, G_OPTION_ARG_STRING, &options.windows,
     "Serve the guest's windows here", "unix:PATH"},
    {"control", 0, 0, G_OPTION_ARG_STRING, &options.control,
     "Serve the host role here", "unix:PATH"},
    {"ticket-file", 0, 0, G_OPTION_ARG_FILENAME, &options.ticket_file,
     "What a viewer over the network must know", "FILE"},
    {"no-auth", 0, 0, G_OPTION_ARG_NONE, &options.no_auth,
     "Let everyone on this machine view (loopback only)", NULL},
    {"closed", 0, 0, G_OPTION_ARG_NONE, &options.closed,
     "Share no clipboard, files, devices or sound until --control says a "
     "policy",
     NULL},
    /* as bytes: a service runs in the C locale, its title is UTF-8 */
    {"name", 0, 0, G_OPTION_ARG_FILENAME, &options.name,
     "Title in viewers, instead of the machine's own", "TEXT"},
    {"vm", 0, 0, G_OPTION_ARG_STRING, &options.vm, "Machine's id, for the log",
     "ID"},
    {"verbose", 0, 0, G_OPTION_ARG_NONE, &options.verbose, "Say more", NULL},
    {"version", 0, 0, G_OPTION_ARG_NONE, &options.version,
     "Say the version and end", NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL},
};

static gboolean on_signal(gpointer data)
{
	struct program *self = data;
	g_main_loop_quit(self->loop);
	return G_SOURCE_CONTINUE;
}

static void on_quit(void *data)
{
	struct program *self = data;
	g_main_loop_quit(self->loop);
}

static const char *unix_path(const char *address, const char *option,
			     GError **error)
{
	if (g_str_has_prefix(address, "unix:/") ||
	    (g_str_has_prefix(address, "unix:") && address[5]))
		return address + 5;
	fault_set(error, FAULT_INVALID, NULL,
		  "%s takes unix:PATH, and \"%s\" is none.", option, address);
	return NULL;
}

/* First line of a file that only its owner can read. */
static char *read_ticket(const char *path, GError **error)
{
	char text[257];
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = -1;
	if (fd >= 0 && fstat(fd, &status) == 0)
		length = read(fd, text, sizeof text - 1);
	int code = errno;
	if (fd >= 0)
		close(fd);
	if (length < 0) {
		fault_set(error, FAULT_INVALID, NULL,
			  "The ticket file \"%s\" cannot be read: %s.", path,
			  g_strerror(code));
		return NULL;
	}
	if (status.st_mode & 077) {
		fault_set(error, FAULT_DENIED, "Make it mode 0600.",
			  "The ticket file \"%s\" can be read by others.",
			  path);
		return NULL;
	}
	text[length] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (strlen(text) < 8) {
		fault_set(error, FAULT_INVALID,
			  "Write at least 8 random characters into it.",
			  "The ticket in \"%s\" is too short.", path);
		return NULL;
	}
	return g_strdup(text);
}

static bool attach_source(struct program *self, GError **error)
{
	int fd = options.display1_fd;
	if ((options.display1 != NULL) == (fd >= 0)) {
		fault_set(error, FAULT_INVALID,
			  "Give either --display1 unix:PATH or "
			  "--display1-fd N.",
			  "It is not clear which machine is to be shown.");
		return false;
	}
	if (options.display1) {
		const char *path =
		    unix_path(options.display1, "--display1", error);
		return path &&
		       display_follow_source(self->display, path, error);
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		fault_set(error, FAULT_INVALID, NULL,
			  "There is no descriptor %d.", fd);
		return false;
	}
	display_attach_source(self->display, fd);
	return true;
}

/* Until "policy" opens it, nothing but picture and input passes. */
static bool begin_closed(struct program *self, GError **error)
{
	if (!options.control) {
		fault_set(error, FAULT_INVALID, "Give --control unix:PATH.",
			  "With --closed alone nobody could ever open this "
			  "display.");
		return false;
	}
	clipboard_set_ways(display_clipboard(self->display), false, false);
	display_allow_files(self->display, false, false);
	audio_set_ways(display_audio(self->display), false, false);
	for (enum port_kind kind = 0; kind < PORT_KINDS; kind++)
		ports_allow(display_ports(self->display), kind, false);
	return true;
}

static bool serve(struct program *self, GError **error)
{
	g_autofree char *ticket = NULL;
	if (!options.rfb && !options.spice && !options.windows &&
	    !options.control) {
		fault_set(error, FAULT_INVALID,
			  "Give --rfb unix:PATH, or --rfb HOST:PORT.",
			  "Nobody could view this display.");
		return false;
	}
	if (options.closed && !begin_closed(self, error))
		return false;
	if (options.ticket_file) {
		ticket = read_ticket(options.ticket_file, error);
		if (!ticket)
			return false;
	}
	if (options.rfb) {
		self->rfb = rfb_server_new(self->display, options.rfb, ticket,
					   options.no_auth, error);
		if (!self->rfb)
			return false;
	}
	if (options.view) {
		if (!unix_path(options.view, "--view", error))
			return false;
		self->view = rfb_server_new(self->display, options.view, NULL,
					    false, error);
		if (!self->view)
			return false;
		rfb_server_view_only(self->view);
	}
	if (options.spice) {
		self->spice = spice_server_new(self->display, options.spice,
					       ticket, options.no_auth, error);
		if (!self->spice)
			return false;
	}
	if (options.windows) {
		self->windows =
		    windows_new(self->display, options.windows, error);
		if (!self->windows)
			return false;
	}
	if (options.control) {
		const char *path =
		    unix_path(options.control, "--control", error);
		if (!path)
			return false;
		self->control =
		    control_new(self->display, path, on_quit, self, error);
		if (!self->control)
			return false;
	}
	return attach_source(self, error);
}

int main(int argc, char **argv)
{
	struct program self = {0};
	g_autoptr(GError) error = NULL;
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_option_context_set_summary(context,
				     "Shows a machine's screens to viewers.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		fault_print("oriel-display", error);
		return 2;
	}
	if (options.version) {
		g_print("oriel-display %s\n", ORIEL_VERSION);
		return 0;
	}
	log_open("oriel-display", options.verbose);
	/* Pictures are megabytes: always mapped, so that they go back to the
	 * system when they are freed. Not so the parts that are encoded, of
	 * 256 KB and some at a time: fresh pages cost more than copying them.
	 * Few arenas for the few threads. */
	mallopt(M_MMAP_THRESHOLD, 512 << 10);
	mallopt(M_TRIM_THRESHOLD, 4 << 20);
	mallopt(M_ARENA_MAX, 2);
	/* no core file of what people look at */
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});

	self.loop = g_main_loop_new(NULL, FALSE);
	g_autofree char *name =
	    options.name ? g_utf8_make_valid(options.name, -1) : NULL;
	self.display = display_new(name, options.vm);
	g_unix_signal_add(SIGTERM, on_signal, &self);
	g_unix_signal_add(SIGINT, on_signal, &self);
	int status = 0;
	if (serve(&self, &error)) {
		g_main_loop_run(self.loop);
	} else {
		fault_print("oriel-display", error);
		status = error->domain == FAULT && error->code == FAULT_INVALID
			     ? 2
			     : 1;
	}
	control_free(self.control);
	windows_free(self.windows);
	spice_server_free(self.spice);
	rfb_server_free(self.view);
	rfb_server_free(self.rfb);
	display_free(self.display);
	g_main_loop_unref(self.loop);
	return status;
}
