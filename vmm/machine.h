/* machine.h - a running machine, shared by machine*.c. Private to vmm/. */
#pragma once

#include "common/qmp.h"
#include "vmm/engine-ops.h"
#include "vmm/net.h"
#include "vmm/process.h"

#define MACHINE_QMP_SOCKET "qmp.sock"
#define MACHINE_QGA_SOCKET "qga.sock"
#define MACHINE_PID_FILE   "vmm.pid"

/* For commands that the program answers without touching disks. */
#define MACHINE_CALL_MS 10000u

/* A migration's end: error is NULL when it completed. Called once. */
typedef void (*machine_migrated)(struct engine_machine *machine,
				 const GError *error, void *data);

struct engine_machine {
	int refs;
	const struct engine *engine;
	struct engine_spec spec; /* strings are owned */
	enum engine_mode mode;
	char *template_dir;
	char *qmp_path, *qga_path, *pid_path, *log;
	goffset log_from; /* where this run's output begins */
	struct process *process;
	struct qmp *qmp; /* NULL while lost */
	struct net *net; /* NULL: no card, or a restricted one */
	enum engine_state state;
	enum engine_end end;
	engine_changed changed;
	void *changed_data;
	gboolean announced; /* start is done: changes are told */
	gboolean asked;     /* its end was ours to ask for */
	GError *io_error;   /* the disk error that stopped it */
	GSource *retry;     /* looks whether the disk has room again */
	GSource *reconnect;
	unsigned reconnect_ms;
	GSource *escalate; /* of an asked end: SIGTERM, then SIGKILL */
	unsigned escalation;
	GQueue killers;            /* GTasks that wait for the end */
	machine_migrated migrated; /* NULL: none is under way */
	void *migrated_data;
	GSource *migration_late, *migration_cancelled;
};

/* ---- machine.c ---- */
struct engine_machine *machine_new(const struct engine *engine,
				   const struct engine_spec *spec,
				   enum engine_mode mode,
				   const char *template_dir);
/* Takes process or qmp and listens to it. */
void machine_set_process(struct engine_machine *self, struct process *process);
void machine_set_qmp(struct engine_machine *self, struct qmp *qmp);
/* Waits for the event that ends a migration, before it is begun. */
void machine_expect_migration(struct engine_machine *self, unsigned timeout_ms,
			      GCancellable *cancellable,
			      machine_migrated migrated, void *data);
/* Ends the wait with this result; FALSE when nobody waits any more. */
gboolean machine_end_migration(struct engine_machine *self,
			       const GError *error);
/* From query-status. */
void machine_take_status(struct engine_machine *self, json_t *reply);
void machine_set_state(struct engine_machine *self, enum engine_state state,
		       const GError *why);
/* The last lines of this run's log, on one line. New string. */
char *machine_last_words(const struct engine_machine *self);
/* Removes sockets and pid file of a machine that is gone. */
void machine_clean(struct engine_machine *self);
/* netdev_add and device_add, then the helper; for clones. */
gboolean machine_start_net(struct engine_machine *self, GError **error);

/* A command whose answer matters only as success; next gets the task back
 * unless the command failed: then the task has failed with its error. */
/* where a disk can come later, and what it is called then */
#define PLUG_PORT    "diskport"
#define PLUGGED_NODE "home"

typedef void (*machine_step)(GTask *task);
void machine_do(struct engine_machine *self, GTask *task, const char *command,
		json_t *arguments, int fd, unsigned timeout_ms,
		machine_step next, machine_step failed);
