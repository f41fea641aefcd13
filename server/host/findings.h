/* findings.h - what this machine can do for desktops, line by line: the
 * engines' own findings and those about disk, programs, isolation and time.
 * Threads: main, before its loop runs (it probes for some 100 ms). */
#pragma once

#include <jansson.h>

#include "common/paths.h"
#include "vmm/engine.h"

/* Array of struct engine_finding, for the event `hello`. */
GPtrArray *findings_new(const struct paths_root *root);
/* The same and more, for a person: also what other roles need. */
GPtrArray *findings_all(const struct paths_root *root);
json_t *findings_json(GPtrArray *findings);
/* The worst of them. */
int findings_level(GPtrArray *findings);
