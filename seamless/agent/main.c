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

static char *opt_display, *opt_socket, *opt_port, *opt_atlas;
static int opt_head;
static gboolean opt_replace, opt_verbose;

static const GOptionEntry entries[] = {
    {"display", 'd', 0, G_OPTION_ARG_STRING, &opt_display,
     "The X display (else $DISPLAY)", ":N"},
    {"port", 'p', 0, G_OPTION_ARG_FILENAME, &opt_port,
     "The guest port (else " PORT ")", "DEVICE"},
    {"socket", 's', 0, G_OPTION_ARG_FILENAME, &opt_socket,
     "Listen on a unix socket instead of a guest port", "PATH"},
    {"atlas", 'a', 0, G_OPTION_ARG_STRING, &opt_atlas,
     "Where windows are painted: an output's name, or WxH+X+Y of the X "
     "screen (else all of it)",
     "OUTPUT"},
    {"head", 0, 0, G_OPTION_ARG_INT, &opt_head,
     "The atlas's number among the machine's screens", "N"},
    {"replace", 0, 0, G_OPTION_ARG_NONE, &opt_replace,
     "Take over from another window manager", NULL},
    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &opt_verbose, "Say more", NULL},
    {NULL}};

static gboolean on_signal(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_CONTINUE;
}

static bool place_atlas(struct agent *agent, GError **error)
{
	int width = DisplayWidth(agent->display, agent->screen);
	int height = DisplayHeight(agent->display, agent->screen);
	int w = width, h = height, x = 0, y = 0;
	char end;
	if (opt_atlas &&
	    (sscanf(opt_atlas, "%dx%d+%d+%d%c", &w, &h, &x, &y, &end) != 4 ||
	     w < 64 || h < 64 || x < 0 || y < 0 || w > width - x ||
	     h > height - y)) {
		fault_set(error, FAULT_INVALID,
			  "Give WxH+X+Y inside the X screen.",
			  "--atlas %s is no part of the X screen.", opt_atlas);
		return false;
	}
	agent->head = (unsigned)opt_head;
	agent->atlas_x = x;
	agent->atlas_y = y;
	agent->atlas = atlas_create((uint32_t)w, (uint32_t)h);
	return true;
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
	struct agent *agent = agent_create(opt_display, opt_replace, &error);
	if (!agent || !place_atlas(agent, &error)) {
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
	manage_existing(agent);
	agent->loop = g_main_loop_new(NULL, FALSE);
	g_unix_signal_add(SIGTERM, on_signal, agent->loop);
	g_unix_signal_add(SIGINT, on_signal, agent->loop);
	g_main_loop_run(agent->loop);
	g_main_loop_unref(agent->loop);
	agent_destroy(agent);
	return 0;
}
