/* clip-window.h - Windows' clipboard, on a thread of its own.
 *
 * A program that pastes makes Windows ask the clipboard's owner for the
 * contents and waits until they are there; that owner must be free to wait for
 * the client. So the clipboard's window lives on its own thread, and the
 * agent's never touches the clipboard. The two exchange messages: what the
 * thread has to say is posted to a window of the agent's (CLIP_SAYS), pointers
 * with their ownership.
 *
 * Contents are as on the wire (enum seam_clip_kind): UTF-8 with LF, PNG, a
 * bundle of files. Threads: all functions are the agent's thread's.
 * Errors: contents that cannot be had are NULL; the log says why. */
#pragma once

#include "seamless/win32/win.h"
#include "seamless/wire.h"

/* Posted to the window of clip_window_open(). */
#define CLIP_SAYS (WM_APP + 2)

enum clip_said {                    /* its wparam */
		 CLIP_SAID_CHANGED, /* a program has copied; lparam: kinds' bits
				     */
		 CLIP_SAID_WANTED,  /* a program pastes what the client offered;
				       lparam:  the kind; clip_window_give()
				       answers */
		 CLIP_SAID_READ, /* lparam: struct clip_contents, the receiver's
				  */
};

struct clip_contents {
	enum seam_clip_kind kind;
	uint32_t count; /* of changes, when it was read */
	uint8_t *bytes; /* malloc's; NULL: there is none */
	uint32_t size;
};

struct clip_window;

/* NULL: there is none; the log says why. */
struct clip_window *clip_window_open(HWND agent);
void clip_window_close(struct clip_window *self);
/* The client has copied: programs may paste these kinds; 0: no more. */
void clip_window_own(struct clip_window *self, uint32_t kinds);
/* Takes bytes; NULL: it cannot be had. Nobody may wait any more; then they are
 * freed. */
void clip_window_give(struct clip_window *self, uint8_t *bytes, uint32_t size);
/* What a program has copied: CLIP_SAID_READ brings it. */
void clip_window_read(struct clip_window *self, enum seam_clip_kind kind);
