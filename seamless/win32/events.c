#include "seamless/win32/events.h"

#include <stdlib.h>
#include <string.h>

#include "seamless/win32/agent.h"
#include "seamless/win32/hook.h"
#include "seamless/win32/late.h"
#include "seamless/win32/log.h"
#include "seamless/win32/text.h"

/* after a hint a change is no surprise for so long */
#define HINT_US 500000

static struct agent *agent;
static HWND window; /* gets the DLL's messages */
static UINT hook_message;
static HWINEVENTHOOK winevents[3];
static HMODULE hook_dll;
static struct events_count count = {.name = "poll"};
static const char *wanted;
static int64_t hinted_us;

static void hint(HWND hwnd)
{
	count.hints++;
	hinted_us = time_now();
	windows_stir(agent, hwnd);
}

/* ---- the DLL ---- */

static LRESULT CALLBACK on_message(HWND hwnd, UINT message, WPARAM wparam,
				   LPARAM lparam)
{
	if (hook_message && message == hook_message) {
		HWND about = GetAncestor((HWND)wparam, GA_ROOT);
		struct window *w = window_of_hwnd(agent, about);
		if (w && lparam == HOOK_ICON)
			w->props_due = 0;
		hint(about);
		return 0;
	}
	return DefWindowProcW(hwnd, message, wparam, lparam);
}

static bool start_hook(void)
{
	WCHAR path[MAX_PATH];
	DWORD n = GetModuleFileNameW(NULL, path, MAX_PATH);
	while (n && path[n - 1] != '\\')
		n--;
	path[n] = 0;
	WCHAR *dll = text_join(path, L"oriel-hook.dll", NULL);
	hook_dll = dll ? LoadLibraryW(dll) : NULL;
	free(dll);
	if (!hook_dll)
		return false;
	hook_start_function start = (hook_start_function)(void *)GetProcAddress(
	    hook_dll, "oriel_hook_start");
	WNDCLASSW class = {.lpfnWndProc = on_message,
			   .hInstance = GetModuleHandleW(NULL),
			   .lpszClassName = L"OrielAgentEvents"};
	RegisterClassW(&class);
	hook_message = RegisterWindowMessageW(HOOK_MESSAGE);
	window = CreateWindowW(class.lpszClassName, L"", 0, 0, 0, 0, 0,
			       HWND_MESSAGE, NULL, class.hInstance, NULL);
	if (window && start && start(window))
		return true;
	log_line("Programs cannot be hooked here: %s.",
		 log_error(GetLastError()));
	return false;
}

static void stop_hook(void)
{
	if (hook_dll) {
		hook_stop_function stop =
		    (hook_stop_function)(void *)GetProcAddress(
			hook_dll, "oriel_hook_stop");
		if (stop)
			stop();
		FreeLibrary(hook_dll);
	}
	if (window)
		DestroyWindow(window);
	hook_dll = NULL;
	window = NULL;
}

/* ---- WinEvents ---- */

static void CALLBACK on_event(HWINEVENTHOOK hook, DWORD event, HWND hwnd,
			      LONG object, LONG child, DWORD thread, DWORD time)
{
	(void)hook, (void)child, (void)thread, (void)time;
	if (object == OBJID_CURSOR) {
		if (agent->peer_ready)
			agent->cursor_stale |= event == EVENT_OBJECT_NAMECHANGE;
		return;
	}
	/* menus and carets say what their windows show, too */
	if (hwnd)
		hint(GetAncestor(hwnd, GA_ROOT));
}

static bool start_winevents(void)
{
	static const DWORD ranges[3][2] = {
	    {EVENT_SYSTEM_FOREGROUND, EVENT_SYSTEM_MINIMIZEEND},
	    {EVENT_OBJECT_CREATE, EVENT_OBJECT_NAMECHANGE},
	    {0x8017 /* CLOAKED */, 0x8018 /* UNCLOAKED */}};
	for (int i = 0; i < 3; i++)
		winevents[i] = SetWinEventHook(
		    ranges[i][0], ranges[i][1], NULL, on_event, 0, 0,
		    WINEVENT_OUTOFCONTEXT | WINEVENT_SKIPOWNPROCESS);
	return winevents[0] && winevents[1];
}

static void stop_winevents(void)
{
	for (int i = 0; i < 3; i++) {
		if (winevents[i])
			UnhookWinEvent(winevents[i]);
		winevents[i] = NULL;
	}
}

/* ---- the choice ---- */

bool events_choose(const char *name)
{
	wanted = name;
	return !name || strcmp(name, "winevents") == 0 ||
	       strcmp(name, "hook") == 0 || strcmp(name, "poll") == 0;
}

void events_start(struct agent *for_agent)
{
	agent = for_agent;
	/* Wine's WinEvents tell of creation and focus, and of nothing else */
	const char *name = wanted              ? wanted
			   : late.wine_version ? "hook"
					       : "winevents";
	count = (struct events_count){.name = "poll"};
	if (strcmp(name, "hook") == 0 && start_hook())
		count.name = "hook";
	else if (strcmp(name, "poll") != 0 && start_winevents())
		count.name = "winevents";
}

void events_stop(void)
{
	stop_hook();
	stop_winevents();
}

int64_t events_rest_us(void)
{
	/* an event source that misses things is helped by looking oftener */
	bool trusted =
	    strcmp(count.name, "poll") != 0 && count.missed * 20 <= count.found;
	return trusted ? 500000 : 150000;
}

void events_found(int64_t now)
{
	count.found++;
	if (now > hinted_us + HINT_US)
		count.missed++;
}

struct events_count events_count(void)
{
	return count;
}
