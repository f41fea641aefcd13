/* template.h - a frozen machine's files. Private to vmm/. */
#pragma once

#include "vmm/engine.h"

/* The capabilities that both ends of a template's state must have. */
json_t *template_capabilities(void);
/* A folder in which a template can grow: no TEMPLATE_FITS, an empty memory
 * file with its space reserved, so that a full disk is noticed now and not as
 * a bus error in the running machine. */
gboolean template_prepare(const char *folder, unsigned memory_mib,
			  GError **error);
/* FAULT_CONFLICT when it does not fit the machine as it would be today. */
gboolean template_check(const char *folder, const struct engine *engine,
			const struct engine_spec *spec, GError **error);
/* Makes memory, state and disk durable, gives back what the guest never
 * touched, then writes TEMPLATE_FITS. Blocks; for a worker thread. */
gboolean template_seal(const char *folder, const char *fits, GError **error);
