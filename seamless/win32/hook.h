/* hook.h - what the hook DLL and the agent agree on.
 *
 * The DLL sits in every program of this desktop and posts one registered
 * message to the agent's window: wParam the window, lParam what happened. It
 * does nothing else there: no memory, no locks, no waiting. */
#pragma once

#include "seamless/win32/win.h"

#define HOOK_MESSAGE L"OrielAgentHook"

enum hook_what {
	HOOK_CHANGED, /* place, state, title, style, life */
	HOOK_DRAWN,   /* it has drawn, or is about to */
	HOOK_ICON,
};

typedef BOOL (*hook_start_function)(HWND agent);
typedef void (*hook_stop_function)(void);
