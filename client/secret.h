/* secret.h - tickets, secrets of sessions and tokens do not outlive their use.
 * Threads: any. */
#pragma once

/* Overwrites, frees, and leaves NULL; NULL is fine. */
void secret_clear(char **secret);
/* Takes over a copy of what is new; it may be NULL. */
void secret_set(char **secret, const char *value);
