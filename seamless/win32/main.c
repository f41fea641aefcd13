/* oriel-agent.exe: how it is started. */
#include "seamless/win32/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "seamless/win32/events.h"
#include "seamless/win32/late.h"
#include "seamless/win32/log.h"
#include "seamless/win32/selftest.h"
#include "seamless/win32/service.h"
#include "seamless/win32/text.h"

#define PORT_PATH L"\\\\.\\Global\\org.oriel.seamless.0"

static const char usage[] =
    "Usage: oriel-agent [OPTION...]\n"
    "Brings the windows of this Windows session to the desktop of whoever uses "
    "the machine.\n\n"
    "  --port PATH       the guest port, else "
    "\\\\.\\Global\\org.oriel.seamless.0\n"
    "  --socket PORT     a TCP port on the loopback instead, for tests; 0: "
    "any,\n"
    "                    told on standard output\n"
    "  --atlas WxH+X+Y   where the pictures go, else the last screen\n"
    "  --pixels SOURCE   graphics-capture, window-dc, print-window or\n"
    "                    dwm-thumbnail alone\n"
    "  --events SOURCE   winevents, hook or poll alone\n"
    "  --ready FILE      appears once windows can be brought over\n"
    "  --self-test       says what works on this Windows, and ends\n"
    "  --install         copies itself to Program Files and starts with "
    "Windows\n"
    "  --uninstall       undoes that\n"
    "  --version\n";

struct options {
	const WCHAR *port;
	HANDLE inherited;
	int socket; /* -1 none */
	bool has_atlas;
	RECT atlas;
	char pixels[32], events[32];
	const WCHAR *ready;
};

static bool read_atlas(const WCHAR *text, RECT *atlas)
{
	int w, h, x, y;
	if (swscanf(text, L"%dx%d+%d+%d", &w, &h, &x, &y) != 4 || w < 16 ||
	    h < 16 || w > SEAM_SIDE_MAX || h > SEAM_SIDE_MAX)
		return false;
	SetRect(atlas, x, y, x + w, y + h);
	return true;
}

static bool take_option(struct options *o, const WCHAR *name,
			const WCHAR *value)
{
	if (wcscmp(name, L"--port") == 0) {
		o->port = value;
	} else if (wcscmp(name, L"--port-handle") == 0) {
		o->inherited = (HANDLE)(UINT_PTR)wcstoull(value, NULL, 10);
	} else if (wcscmp(name, L"--log") == 0) {
		log_open(value);
	} else if (wcscmp(name, L"--socket") == 0) {
		o->socket = (int)wcstol(value, NULL, 10);
		return o->socket >= 0 && o->socket <= 65535;
	} else if (wcscmp(name, L"--atlas") == 0) {
		o->has_atlas = read_atlas(value, &o->atlas);
		return o->has_atlas;
	} else if (wcscmp(name, L"--ready") == 0) {
		o->ready = value;
	} else if (wcscmp(name, L"--pixels") == 0) {
		text_to_utf8(value, o->pixels, sizeof o->pixels);
	} else if (wcscmp(name, L"--events") == 0) {
		text_to_utf8(value, o->events, sizeof o->events);
		return events_choose(o->events);
	} else {
		return false;
	}
	return true;
}

/* -1 go on, else the exit code. */
static int read_options(int argc, WCHAR **argv, struct options *o)
{
	static const struct {
		const WCHAR *name;
		int (*run)(void);
	} acts[] = {{L"--self-test", selftest_run},
		    {L"--install", service_install},
		    {L"--uninstall", service_uninstall},
		    {L"--service", service_run}};
	for (int i = 1; i < argc; i++) {
		if (wcscmp(argv[i], L"--version") == 0) {
			puts("oriel-agent.exe " ORIEL_VERSION);
			return 0;
		}
		if (wcscmp(argv[i], L"--help") == 0) {
			fputs(usage, stdout);
			return 0;
		}
		for (size_t k = 0; k < ARRAY_SIZE(acts); k++)
			if (wcscmp(argv[i], acts[k].name) == 0)
				return acts[k].run();
		if (i + 1 == argc || !take_option(o, argv[i], argv[i + 1])) {
			fputs(usage, stderr);
			return 2;
		}
		i++;
	}
	return -1;
}

static void tell_ready(const WCHAR *path)
{
	HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
				  FILE_ATTRIBUTE_NORMAL, NULL);
	if (file == INVALID_HANDLE_VALUE)
		log_line("The file that tells of readiness cannot be made: %s.",
			 log_error(GetLastError()));
	else
		CloseHandle(file);
}

int wmain(int argc, WCHAR **argv);
int wmain(int argc, WCHAR **argv)
{
	static struct agent agent; /* large */
	struct options o = {
	    .port = PORT_PATH, .inherited = INVALID_HANDLE_VALUE, .socket = -1};
	late_open();
	int code = read_options(argc, argv, &o);
	if (code >= 0)
		return code;
	/* physical pixels everywhere, on whichever monitor */
	if (!late.set_dpi_context ||
	    !late.set_dpi_context((HANDLE)(INT_PTR)-4 /* per monitor, v2 */)) {
		if (!late.set_dpi_awareness ||
		    late.set_dpi_awareness(2) != S_OK)
			SetProcessDPIAware();
	}
	if (!pixels_open(o.pixels[0] ? o.pixels : NULL)) {
		log_line("This Windows has no %s; see --self-test.",
			 o.pixels[0] ? o.pixels : "means of taking pictures");
		return 1;
	}
	agent.link =
	    o.socket >= 0
		? link_listen((unsigned)o.socket, &agent_link_handlers, &agent)
		: link_open_port(o.port, o.inherited, &agent_link_handlers,
				 &agent);
	if (!agent.link || !agent_open(&agent, o.has_atlas ? &o.atlas : NULL))
		return 1;
	if (o.socket >= 0) {
		printf("listening %u\n", link_port(agent.link));
		fflush(stdout);
	}
	log_line("On %s; it hears by %s.", late_system(), events_count().name);
	if (o.ready)
		tell_ready(o.ready);
	agent_run(&agent);
	agent_close(&agent);
	return 0;
}
