/* The DLL: hook.h. Its shared section holds the agent's window; a program
 * whose hints come faster than the clock ticks sends one a tick, since the
 * agent looks on for a while after each. */
#include "seamless/win32/hook.h"

static volatile HWND agent_window __attribute__((section(".shared"), shared)) =
    NULL;
static UINT message;
static HINSTANCE self;
static HHOOK hooks[2]; /* the agent's own process only */

static void tell(HWND window, enum hook_what what)
{
	static struct {
		HWND window;
		DWORD tick;
	} last[64];
	unsigned slot =
	    ((unsigned)(UINT_PTR)window / 2 + (unsigned)what * 21) % 64;
	DWORD tick = GetTickCount();
	if (!agent_window)
		return;
	if (last[slot].window == window && last[slot].tick == tick)
		return;
	last[slot].window = window;
	last[slot].tick = tick;
	PostMessageW(agent_window, message, (WPARAM)window, (LPARAM)what);
}

static LRESULT CALLBACK on_returned(int code, WPARAM wparam, LPARAM lparam)
{
	if (code == HC_ACTION) {
		const CWPRETSTRUCT *call = (const CWPRETSTRUCT *)lparam;
		switch (call->message) {
		case WM_WINDOWPOSCHANGED:
		case WM_SHOWWINDOW:
		case WM_SETTEXT:
		case WM_STYLECHANGED:
		case WM_ENABLE:
		case WM_NCDESTROY:
		case WM_ACTIVATE:
		case WM_ENTERMENULOOP:
		case WM_EXITMENULOOP:
			tell(call->hwnd, HOOK_CHANGED);
			break;
		case WM_SETICON:
			tell(call->hwnd, HOOK_ICON);
			break;
		case WM_ERASEBKGND:
		case WM_NCPAINT:
		case WM_VSCROLL:
		case WM_HSCROLL:
		case WM_COMMAND:
			tell(call->hwnd, HOOK_DRAWN);
			break;
		}
	}
	return CallNextHookEx(NULL, code, wparam, lparam);
}

static LRESULT CALLBACK on_cbt(int code, WPARAM wparam, LPARAM lparam)
{
	switch (code) {
	case HCBT_ACTIVATE:
	case HCBT_CREATEWND:
	case HCBT_DESTROYWND:
	case HCBT_MINMAX:
	case HCBT_MOVESIZE:
	case HCBT_SETFOCUS:
		tell((HWND)wparam, HOOK_CHANGED);
		break;
	}
	return CallNextHookEx(NULL, code, wparam, lparam);
}

__declspec(dllexport) BOOL oriel_hook_start(HWND agent);
__declspec(dllexport) void oriel_hook_stop(void);

BOOL oriel_hook_start(HWND agent)
{
	agent_window = agent;
	hooks[0] = SetWindowsHookExW(WH_CALLWNDPROCRET, on_returned, self, 0);
	hooks[1] = SetWindowsHookExW(WH_CBT, on_cbt, self, 0);
	if (hooks[0] && hooks[1])
		return TRUE;
	oriel_hook_stop();
	return FALSE;
}

void oriel_hook_stop(void)
{
	for (int i = 0; i < 2; i++) {
		if (hooks[i])
			UnhookWindowsHookEx(hooks[i]);
		hooks[i] = NULL;
	}
	agent_window = NULL;
}

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved);
BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved)
{
	(void)reserved;
	if (reason == DLL_PROCESS_ATTACH) {
		self = instance;
		DisableThreadLibraryCalls(instance);
		message = RegisterWindowMessageW(HOOK_MESSAGE);
	}
	return TRUE;
}
