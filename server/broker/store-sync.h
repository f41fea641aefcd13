/* store-sync.h - many commits of SQLite's, one wait for the disk.
 *
 * A commit in WAL mode with synchronous=NORMAL is whole, in order and survives
 * our own end as soon as it returns; only the machine's own end needs the
 * disk. So the disk is asked by a thread of its own, for all commits that have
 * come meanwhile at once, while the main loop goes on; whoever may not be told
 * before that waits with store_sync_when(). The thread copies the log into the
 * database, too (a checkpoint), on a connection of its own.
 *
 * Threads: all calls on the main context's, and so is what is called back.
 * Fails: a disk that refuses is told to who waits (FAULT_STORAGE), and stays
 * refusing: after a failed fsync nobody knows what it has. */
#pragma once

#include "server/broker/store-driver.h"

struct store_sync;

/* path is the database's; its log is there. */
struct store_sync *store_sync_create(const char *path);
/* Waits for the disk; who waits still is not called any more. */
void store_sync_destroy(struct store_sync *sync);

/* A commit has put the log at so many pages; brief: nobody waits for it. */
void store_sync_committed(struct store_sync *sync, gboolean brief, int pages);
guint64 store_sync_mark(struct store_sync *sync); /* never 0 */
void store_sync_when(struct store_sync *sync, guint64 since, store_kept kept,
		     void *data);
void store_sync_settle(struct store_sync *sync);
