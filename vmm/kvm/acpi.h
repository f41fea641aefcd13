/* acpi.h - the tables that describe the machine to its guest.
 * Pure function of the machine's shape. Threads: main loop. */
#pragma once

#include <glib.h>
#include <stdint.h>

struct vm;

/* All tables as one blob to be placed at `base`; the RSDP comes first. */
GByteArray *acpi_build(const struct vm *vm, uint64_t base);
