/* cache.h - finished images, kept by key, so that nothing is built twice.
 *
 * CACHE/images/KEY/ holds a complete image folder. Giving one out costs next
 * to nothing: hard links where output and cache share a file system, else
 * reflinks, else copies. Files are read-only from the start, so links are
 * safe. Anything here may be deleted at any time; a damaged entry is thrown
 * away and the image made anew.
 *
 * Threads: one. A cache that cannot be used is no error: builds work without;
 * cache_problem() tells what to warn about. */
#pragma once

#include <glib.h>
#include <jansson.h>

struct cache;

/* folder NULL: no cache, every call below answers "not there". */
struct cache *cache_open(const char *folder, const char *key);
void cache_close(struct cache *self);                /* gives the lock back */
const char *cache_problem(const struct cache *self); /* NULL: none */

/* Keeps others from building the same key meanwhile; waits for them,
 * telling `waiting` once. FALSE and FAULT_CANCELLED when cancelled. */
gboolean cache_lock(struct cache *self, void (*waiting)(void *data), void *data,
		    GError **error);

/* Puts the image into `folder` (existing, empty) and returns its manifest,
 * or NULL when it is not there; `error` only when copying failed. */
json_t *cache_take(struct cache *self, const char *folder, GError **error);

/* Keeps a finished folder; failures become cache_problem(). */
void cache_put(struct cache *self, const char *folder);

/* The files of an image folder, NULL-terminated; manifest.json last. */
extern const char *const IMAGE_FILES[];

/* Removes a folder and all in it; nothing happens when it is not there. */
void remove_tree(const char *path);
