/* homes.h - disks that go with a person from one desktop to the next.
 *
 * LIB/homes/ID/ holds home.img (raw, ext4, sparse), lease (JSON: which machine
 * has it and by which of the broker's grants) and backups/NAME.qcow2. A home
 * is one machine's at a time: the broker grants it with a number that only
 * grows, an older grant is refused here, and while a machine has the disk open
 * QEMU's own lock refuses a second one.
 *
 * Threads: main context. Errors: faults; a disk with something in it is never
 * made anew. */
#pragma once

#include "server/host/machine.h"

/* An id as conf_word_valid(). */
struct home_lease {
	char *machine; /* NULL: nobody */
	gint64 epoch;
};
void home_lease_clear(struct home_lease *lease);
gboolean home_lease_load(const struct paths_root *root, const char *home,
			 struct home_lease *lease, GError **error);

/* Takes the lease, makes the disk where it is `fresh` and absent, plugs it and
 * has the guest enter it. Done already is done. Nobody else may hold it: the
 * caller has looked. */
struct home_grant {
	const char *home;
	gint64 size_mib, epoch;
	gboolean fresh;
};
void homes_attach(struct machine *machine, const struct home_grant *grant,
		  machine_answered answered, void *data);
/* The home that the machine has; new string or NULL. */
char *homes_of(const struct paths_root *root, const char *machine);
/* The machine has ended. */
void home_lease_release(const struct paths_root *root, const char *machine);

/* TRUE and a fault while its disk is being made or copied. */
gboolean homes_at_work(const char *home, GError **error);
/* {"bytes", "used_bytes", "backups": [{"name", "bytes", "at"}]} */
json_t *homes_describe(const struct paths_root *root, const char *home,
		       GError **error);
/* Of one that no machine has. */
gboolean homes_remove(const struct paths_root *root, const char *home,
		      GError **error);
gboolean homes_backup_remove(const struct paths_root *root, const char *home,
			     const char *name, GError **error);
/* back: from it. Answered once. */
void homes_copy(const struct paths_root *root, const char *home,
		const char *name, gboolean back, machine_answered answered,
		void *data);
