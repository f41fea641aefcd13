/* qemu.h - the parts of engine "qemu" for each other. Private to vmm/. */
#pragma once

#include "vmm/engine-ops.h"

/* The versioned name: a template fits only the machine it was made on. */
#define QEMU_MACHINE "pc-q35-7.2"
/* Grows with every change of devices, addresses or CPU model in
 * qemu-command.c, so that templates of an older layout are made anew. */
#define QEMU_LAYOUT 2

/* Absolute path, looked up in PATH; NULL when it is not installed. */
const char *qemu_path(void);
/* "7.2.22 (Debian ...)"; NULL when it does not run. */
const char *qemu_version(void);

gboolean qemu_command(const struct launch *launch, GPtrArray *argv,
		      GError **error);
void qemu_plug(const struct engine_spec *spec, enum engine_net net,
	       json_t **netdev, json_t **device);
