/* display1-audio.h - org.qemu.Display1.Audio, as QEMU 7.2 has it.
 *
 * Listeners belong to the machine, not to the connection that registered
 * them: they last until theirs ends. A few calls at most are
 * under way to one; what a slower one misses is gone for it alone.
 *
 * Threads: main loop. */
#pragma once

#include <gio/gio.h>

struct vm;

/* Adds /org/qemu/Display1/Audio when the machine has a sound device. */
void display1_audio_export(struct vm *vm, GDBusObjectManagerServer *manager);
/* All listeners end. */
void display1_audio_finish(void);
