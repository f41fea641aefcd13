/* oriel-agent - brings an X screen's windows out of its machine, one by one.
 * docs/seamless.md. */
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>

#include "common/fault.h"
#include "common/log.h"
#include "seamless/agent/agent.h"

#define PORT "/dev/virtio-ports/org.oriel.seamless.0"

static char *opt_display, *opt_socket, *opt_port, *opt_atlas, *opt_ready;
static int opt_head = -1;
static gboolean opt_replace, opt_grow, opt_verbose;

static const GOptionEntry entries[] = {
    {"display", 'd', 0, G_OPTION_ARG_STRING, &opt_display,
     "The X display (else $DISPLAY)", ":N"},
    {"port", 'p', 0, G_OPTION_ARG_FILENAME, &opt_port,
     "The guest port (else " PORT ")", "DEVICE"},
    {"socket", 's', 0, G_OPTION_ARG_FILENAME, &opt_socket,
     "Listen on a unix socket instead of a guest port", "PATH"},
    {"atlas", 'a', 0, G_OPTION_ARG_STRING, &opt_atlas,
     "Where windows are painted: an output's name, or WxH+X+Y of the X "
     "screen (else the last of several outputs, or all of the screen)",
     "OUTPUT"},
    {"head", 0, 0, G_OPTION_ARG_INT, &opt_head,
     "The atlas's number among the machine's screens", "N"},
    {"ready", 0, 0, G_OPTION_ARG_FILENAME, &opt_ready,
     "A file that appears once the X screen is taken care of", "FILE"},
    {"grow", 0, 0, G_OPTION_ARG_NONE, &opt_grow,
     "Turn the atlas's output on, and enlarge it when windows find no room",
     NULL},
    {"replace", 0, 0, G_OPTION_ARG_NONE, &opt_replace,
     "Take over from another window manager", NULL},
    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &opt_verbose, "Say more", NULL},
    {NULL}};

static gboolean on_signal(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	setlocale(LC_ALL, "");
	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_set_summary(
	    context, "Window manager and compositor of one X screen, whose "
		     "windows appear on the screen of a client.");
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		fprintf(stderr, "oriel-agent: %s\n", error->message);
		return 2;
	}
	log_open("oriel-agent", opt_verbose);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit is a disk that is full */
	struct agent *agent = agent_create(opt_display, opt_replace, &error);
	if (agent)
		agent->may_grow = opt_grow;
	if (!agent || !head_open(agent, opt_atlas, opt_head, &error)) {
		fault_print("oriel-agent", error);
		agent_destroy(agent);
		return 1;
	}
	agent->link =
	    opt_socket
		? link_listen(opt_socket, &agent_link_handlers, agent, &error)
		: link_open_port(opt_port ? opt_port : PORT,
				 &agent_link_handlers, agent, &error);
	if (!agent->link) {
		fault_print("oriel-agent", error);
		agent_destroy(agent);
		return 1;
	}
	apps_open(agent);
	notices_open(agent);
	files_open(agent);
	manage_existing(agent);
	tray_open(agent);
	if (opt_ready && !g_file_set_contents(opt_ready, "", 0, &error)) {
		fault_print("oriel-agent", error);
		g_clear_error(&error);
	}
	agent->loop = g_main_loop_new(NULL, FALSE);
	g_unix_signal_add(SIGTERM, on_signal, agent->loop);
	g_unix_signal_add(SIGINT, on_signal, agent->loop);
	g_main_loop_run(agent->loop);
	g_main_loop_unref(agent->loop);
	agent_destroy(agent);
	return 0;
}
