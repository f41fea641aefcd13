/* opts.h - "type,key=value,key=value" of --device and of QMP's device_add.
 *
 * Every reader marks its key as known; opts_finish() then refuses a key that
 * nobody read, so a typing mistake never passes silently. A comma inside a
 * value is written twice.
 * Threads: one. Errors: faults. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct opts;

struct opts *opts_parse(const char *text, GError **error);
void opts_free(struct opts *opts);
void opts_set(struct opts *opts, const char *key, const char *value);

const char *opts_type(const struct opts *opts);
/* NULL when absent */
const char *opts_string(struct opts *opts, const char *key);
/* false and a fault when it is not a number within [low, high] */
bool opts_number(struct opts *opts, const char *key, uint64_t low,
		 uint64_t high, uint64_t absent, uint64_t *value,
		 GError **error);
/* on/off, absent = off */
bool opts_flag(struct opts *opts, const char *key, bool *value, GError **error);
bool opts_finish(struct opts *opts, GError **error);
