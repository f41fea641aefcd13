/* engine-guest.h - machines for tests: the small busybox guest, started by
 * the engine, with the calls made to wait. Threads: the main one. */
#pragma once

#include "vmm/engine.h"

struct guest {
	const struct engine *engine;
	char *top; /* temporary, holds all else */
	char *folder, *run_dir, *disk, *template_dir, *kernel, *initrd;
	struct engine_spec spec;
	struct engine_machine *machine;
	/* what the watcher saw */
	GString *seen; /* "running;gone/host;" */
	char *why;     /* the last fault told */
	int agent;     /* connected to the guest's shell; -1 none */
};

/* TRUE where the guest can be made; else the test has been skipped. */
gboolean guest_available(void);
void guest_init(struct guest *self, const char *id);
/* Folders alone: engine, kernel and disk are the caller's. */
void guest_init_bare(struct guest *self, const char *id);
void guest_finish(struct guest *self); /* kills what still runs */
/* Another machine beside it, with its own folders and disk overlay. */
void guest_init_beside(struct guest *self, struct guest *of, const char *id);

enum guest_way { GUEST_BOOT, GUEST_TEMPLATE, GUEST_CLONE, GUEST_ADOPT };
gboolean guest_start(struct guest *self, enum guest_way way, GError **error);
void guest_watch(struct guest *self);

typedef void (*guest_act)(struct engine_machine *machine,
			  GAsyncReadyCallback callback, void *data);
gboolean guest_do(struct guest *self, guest_act act, GError **error);
gboolean guest_freeze(struct guest *self, GError **error);
int guest_display(struct guest *self, GError **error);

/* Runs the loop until `part` was seen, or FALSE after the time. */
gboolean guest_wait(struct guest *self, const char *part, unsigned ms);
void guest_spin(unsigned ms);
/* Runs a line in the guest's shell; its output, new string. Waits for the
 * guest to be up. status may be NULL. */
char *guest_sh(struct guest *self, int *status, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* Is the run folder empty again? */
gboolean guest_left_nothing(struct guest *self);
/* Forgets the shell's connection, as for a machine that was started again. */
void guest_hang_up(struct guest *self);
