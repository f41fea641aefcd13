/* probe.h - what this host can do. Private to vmm/. */
#pragma once

#include "vmm/engine-ops.h"

/* Fills probe; its strings are new. Some 100 ms when nothing is kept. */
void kvm_probe_run(const char *cache_dir, struct kvm_probe *probe);

/* Formats are of g_strdup_printf; chosen and remedy are copied. */
void finding_add(GPtrArray *findings, const char *name, int level,
		 const char *chosen, const char *remedy, const char *found, ...)
    G_GNUC_PRINTF(6, 7);
