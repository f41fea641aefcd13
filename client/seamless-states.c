/* States of a local window: what it begins with, what is asked of the window
 * manager, and what that made of it. */
#include <X11/Xatom.h>
#include <X11/Xutil.h>

#include "client/seamless-private.h"

static const struct {
	uint32_t bit;
	enum x11_atom one, two;
} state_atoms[] = {
    /* first: some window managers do not un-maximize a full screen */
    {SEAM_FULLSCREEN, ATOM__NET_WM_STATE_FULLSCREEN, 0},
    {SEAM_MAXIMIZED, ATOM__NET_WM_STATE_MAXIMIZED_VERT,
     ATOM__NET_WM_STATE_MAXIMIZED_HORZ},
    {SEAM_ABOVE, ATOM__NET_WM_STATE_ABOVE, 0},
    {SEAM_BELOW, ATOM__NET_WM_STATE_BELOW, 0},
    {SEAM_STICKY, ATOM__NET_WM_STATE_STICKY, 0},
    {SEAM_SHADED, ATOM__NET_WM_STATE_SHADED, 0},
};

/* For the first map; later the window manager owns the property. */
void window_set_first_states(struct seamless_window *window)
{
	struct x11 *x11 = window->desk->x11;
	unsigned long atoms[16];
	unsigned count = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(state_atoms); i++) {
		if (!(window->wanted_states & state_atoms[i].bit))
			continue;
		atoms[count++] = x11->atoms[state_atoms[i].one];
		if (state_atoms[i].two)
			atoms[count++] = x11->atoms[state_atoms[i].two];
	}
	if (window->traits & SEAM_MODAL)
		atoms[count++] = x11->atoms[ATOM__NET_WM_STATE_MODAL];
	if (window->traits & SEAM_SKIP_TASKBAR)
		atoms[count++] = x11->atoms[ATOM__NET_WM_STATE_SKIP_TASKBAR];
	if (window->traits & SEAM_SKIP_PAGER)
		atoms[count++] = x11->atoms[ATOM__NET_WM_STATE_SKIP_PAGER];
	x11_set(x11, window->xid, ATOM__NET_WM_STATE, XA_ATOM, atoms, count);
}

void window_ask_state(struct seamless_window *window, bool add,
		      enum x11_atom one, enum x11_atom two)
{
	struct x11 *x11 = window->desk->x11;
	const long items[5] = {add, (long)x11->atoms[one],
			       two ? (long)x11->atoms[two] : 0, 1, 0};
	x11_ask(x11, window->xid, ATOM__NET_WM_STATE, items);
}

void window_ask_states(struct seamless_window *window, uint32_t set,
		       uint32_t clear)
{
	struct x11 *x11 = window->desk->x11;
	if (!window->mapped_once) {
		window->wanted_states |= set;
		window->wanted_states &= ~clear;
		return;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(state_atoms); i++) {
		uint32_t bit = state_atoms[i].bit;
		if ((set ^ clear) & bit)
			window_ask_state(window, set & bit, state_atoms[i].one,
					 state_atoms[i].two);
	}
	if (set & SEAM_MINIMIZED)
		XIconifyWindow(x11->display, window->xid, x11->screen);
	else if (clear & SEAM_MINIMIZED && window->minimized)
		XMapWindow(x11->display, window->xid);
}

void window_read_states(struct seamless_window *window)
{
	struct x11 *x11 = window->desk->x11;
	unsigned long atoms[32], wm_state[1] = {NormalState};
	unsigned count = x11_get(x11, window->xid, ATOM__NET_WM_STATE, XA_ATOM,
				 atoms, G_N_ELEMENTS(atoms));
	uint32_t states = 0;
	for (unsigned i = 0; i < count; i++) {
		for (gsize k = 0; k < G_N_ELEMENTS(state_atoms); k++)
			if (atoms[i] == x11->atoms[state_atoms[k].one])
				states |= state_atoms[k].bit;
	}
	x11_get(x11, window->xid, ATOM_WM_STATE, None, wm_state, 1);
	window->minimized = wm_state[0] == IconicState;
	if (window->minimized)
		states |= SEAM_MINIMIZED;
	window->states = states;
}
