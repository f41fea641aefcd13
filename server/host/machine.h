/* machine.h - one desktop: its folder, its virtual machine, its display
 * process, and the state that the broker sees.
 *
 * machine.c holds state and requests; machine-start.c the way from off to
 * running; machine-watch.c what can happen to it while it runs.
 * Threads: main context. Ownership: the host's table holds one reference,
 * every operation under way another. Errors: faults; they never change the
 * disk of a desktop that is somebody's (`owned`). */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

#include "server/host/conf.h"
#include "server/host/life.h"
#include "server/host/templates.h"

struct machine;

/* What a machine needs of the role around it. */
struct world {
	const struct paths_root *root;
	struct templates *templates;
	/* An event for the broker; takes message. */
	void (*tell)(json_t *message, void *data);
	void *data;
};

/* A new machine's folder and machine.conf. Takes conf. */
struct machine *machine_create(struct world *world, struct conf *conf,
			       GError **error);
/* One that has a folder. Never fails: a machine.conf that cannot be used
 * makes a `failed` machine that says why. */
struct machine *machine_load(struct world *world, const char *id);
struct machine *machine_ref(struct machine *machine);
void machine_unref(struct machine *machine);

/* Finds its processes again after a restart of the role. done is called
 * once, when its state is known. */
void machine_adopt(struct machine *machine, void (*done)(void *data),
		   void *data);

const char *machine_id(const struct machine *machine);
const struct paths_root *machine_root(const struct machine *machine);
gboolean machine_is_on(const struct machine *machine);
/* NULL while machine.conf cannot be used. */
const struct conf *machine_conf(const struct machine *machine);
/* Event `machine` of docs/host-link.md. */
json_t *machine_describe(struct machine *machine);

/* One that a system is installed on: that is over, its disk is as it shall be.
 * Switches it off, if it is on. FAULT_CONFLICT before it has begun. */
gboolean machine_finish_install(struct machine *machine, GError **error);
/* Whether it has the devices that every system knows, in virtio's place. */
gboolean machine_install_plain(const struct conf *conf);
/* Its disk can be taken: installed, and off. */
gboolean machine_is_installed(const struct machine *machine);
/* Files in LIB/import that were copied for one; any may be NULL. */
void machine_drop_copies(const struct paths_root *root, const char *iso,
			 const char *answers, const char *drivers);
enum life machine_life(const struct machine *machine);
/* Of LIFE_FAILED; borrowed. */
const GError *machine_failure(const struct machine *machine);
/* Its folder; borrowed. */
const char *machine_folder(const struct machine *machine);

/* Accepted or refused now; what becomes of it is told by events. */
gboolean machine_start(struct machine *machine, GError **error);
gboolean machine_stop(struct machine *machine, gboolean shutdown,
		      GError **error);
/* Removes the folder; the caller drops it from its table. */
gboolean machine_remove(struct machine *machine, GError **error);

/* reply: the fields for the broker, taken; or NULL and error. Exactly once. */
typedef void (*machine_answered)(json_t *reply, const GError *error,
				 void *data);
void machine_reset(struct machine *machine, machine_answered answered,
		   void *data);
void machine_picture(struct machine *machine, unsigned width,
		     machine_answered answered, void *data);
void machine_disconnect(struct machine *machine, machine_answered answered,
			void *data);
/* Holds for this display process and those that follow it, until the machine
 * ends. policy: docs/api.md; borrowed. user: whose it is, or NULL
 * for as before. */
void machine_policy(struct machine *machine, json_t *policy, const char *user,
		    machine_answered answered, void *data);
/* Records it for whom `by` names, for as long as it runs; NULL: no longer,
 * unless the policy says so. */
void machine_record(struct machine *machine, const char *by,
		    machine_answered answered, void *data);
/* Shows text to who sits there, by the image's /usr/lib/oriel/message. */
void machine_message(struct machine *machine, const char *text,
		     machine_answered answered, void *data);
/* machine-home.c: plugs a home's disk and has the guest enter it. */
typedef void (*machine_home_done)(const GError *error, void *data);
void machine_home_enter(struct machine *machine, const char *disk,
			machine_home_done done, void *data);
enum machine_snapshot {
	MACHINE_SNAPSHOT_TAKE,
	MACHINE_SNAPSHOT_REVERT,
	MACHINE_SNAPSHOT_REMOVE,
};
/* machine-snapshot.c. id: as conf_word_valid(). Meanwhile the machine can be
 * neither started nor removed. */
void machine_snapshot(struct machine *machine, enum machine_snapshot wish,
		      const char *id, machine_answered answered, void *data);
void machine_exec(struct machine *machine, const char *const *argv,
		  GBytes *input, unsigned timeout_ms, machine_answered answered,
		  void *data);
