/* display1.h - contract B: org.qemu.Display1 over a peer-to-peer connection.
 *
 * Objects: VM, Console_N (Console, Keyboard, Mouse, MultiTouch), Chardev_N.
 * Listeners that offer Listener.Unix.Map get each scanout as a descriptor and
 * then only rectangles; others get copies of the pixels. A listener that does
 * not answer is never waited for: its damage gathers, bounded, until it does.
 *
 * Threads: main loop. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct vm;

/* Takes fd, a connected unix stream socket; we are the authenticating side. */
bool display1_add_client(struct vm *vm, int fd, GError **error);
/* Closes all connections. */
void display1_finish(struct vm *vm);
