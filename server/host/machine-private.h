/* machine-private.h - shared by machine*.c alone. */
#pragma once

#include "common/log.h"
#include "common/qga.h"
#include "server/host/life.h"
#include "server/host/machine.h"
#include "server/host/screen.h"
#include "vmm/engine.h"

struct start;
struct machine_record;

struct machine {
	int refs;
	struct world *world;
	char *id, *folder, *run_dir;
	struct conf *conf; /* NULL: unusable, error says why */
	struct log_about about;

	enum life life;
	gint64 since; /* Unix seconds */
	char *stage;
	double fraction;
	GError *error;   /* of LIFE_FAILED */
	GError *warning; /* runs, but not as it should */
	unsigned viewers;
	gint64 input_us; /* monotonic, of the newest; 0: none known */
	json_t *policy;  /* that its display has to keep to; NULL: none yet */

	const struct engine *engine; /* while there is a vm or a start */
	struct engine_machine *vm;
	struct qga *qga;
	struct screen *screen;
	struct machine_record *record;
	struct start *start; /* while starting, and until its end is done */

	guint report_timer;
	gint64 reported_us;
	guint grace_timer, nudge_timer; /* while stopping */
	guint screen_timer;             /* until the display is started again */
	guint key_timer;                /* machine-install.c's */
	unsigned keys;                  /* still to be pressed */
	gint64 kept_us;                 /* when its picture was kept */
	gboolean busy;                  /* a snapshot is under way */
	gboolean leaving;               /* the guest leaves its home */
	gboolean stuck;         /* paused by the engine: disk full, I/O error */
	gboolean died_once;     /* a clone that died while it started was tried
				 * again */
	unsigned screen_deaths; /* in a row, without a picture between */
};

/* ---- machine.c ---- */

/* Sets stage and fraction, reported at a bounded rate. */
void machine_stage(struct machine *machine, const char *stage, double fraction);
/* Takes the step if it is possible, and reports at once. */
gboolean machine_step(struct machine *machine, enum life_step step);
/* LIFE_STEP_FAIL with a cause; takes error. */
void machine_fail(struct machine *machine, GError *error);
/* warning: taken; NULL clears it. */
void machine_warn(struct machine *machine, GError *warning);
void machine_report(struct machine *machine);
/* The same, at most ten times a second: for what an outsider can repeat. */
void machine_report_soon(struct machine *machine);
/* Reads machine.conf again; FALSE leaves conf NULL. */
gboolean machine_reload(struct machine *machine, GError **error);
char *machine_conf_path(const struct machine *machine);
char *machine_disk_path(const struct machine *machine);

/* RUN/desktops/ID/run.json: engine, and whether the start was finished, so
 * that a restarted role knows what it finds. */
struct run_note {
	char *engine;
	gboolean ready;
	gint64 since;
	int attempts; /* starts that the role did not live to finish */
};
gboolean machine_note_save(const struct machine *machine, gboolean ready,
			   int attempts, GError **error);
gboolean machine_note_load(const struct machine *machine,
			   struct run_note *note);
void run_note_clear(struct run_note *note);

/* ---- machine-start.c ---- */

void machine_start_begin(struct machine *machine, int attempts);
/* Cancels the start; the machine ends as off, or as failed with error
 * (taken, may be NULL). */
void machine_start_abort(struct machine *machine, GError *error);
/* The picture that a start waits for. */
void machine_start_picture(struct machine *machine);

/* ---- machine-install.c: one that a system is installed on ---- */

/* What it is started as; new. */
struct image *machine_install_image(const struct machine *machine);
/* Paths of its media, in the order of the drives; new, NULL where it has
 * none. */
char **machine_media(const struct machine *machine);
/* Whether they are there and media, and there is room for what they make. */
gboolean machine_check_media(const struct machine *machine, GError **error);
/* Enter, once a second, where the medium asks for a key before it boots. */
void machine_press_boot_key(struct machine *machine);
/* Its picture is kept beside its disk, at most every few seconds. */
void machine_keep_picture(struct machine *machine);
/* The installation is over: written down at once. */
void machine_set_installed(struct machine *machine);
/* Copies that were made for it go with it. */
void machine_drop_media(const struct machine *machine);

/* ---- machine-home.c ---- */

/* While stopping: has the guest leave its home, if it is in one, then calls
 * left. FALSE: not needed. */
typedef void (*machine_home_left)(struct machine *machine);
gboolean machine_home_leave(struct machine *machine, machine_home_left left);

/* ---- machine-watch.c ---- */

/* Watches a virtual machine that was just got; takes vm. */
void machine_attach(struct machine *machine, struct engine_machine *vm);
/* Lets go of everything that belongs to a run. */
void machine_detach(struct machine *machine);
/* A display process on a fresh Display1 connection. */
void machine_screen_begin(struct machine *machine);
gboolean machine_screen_adopt(struct machine *machine);
/* Ends a process that an earlier role started and nobody can talk to. */
void machine_end_lost(struct machine *machine);
/* ---- machine-record.c ---- */

struct machine_record *machine_record_new(struct machine *machine);
void machine_record_free(struct machine_record *record);
/* State, viewers or display have changed. */
void machine_record_look(struct machine *machine);
/* The display's event "recording", and what its status says (id or NULL). */
void machine_record_ended(struct machine *machine, json_t *event);
void machine_record_found(struct machine *machine, const char *id);
/* The display process has ended; the machine's run has. */
void machine_record_gone(struct machine *machine);
void machine_record_over(struct machine *machine);
/* An operator's; NULL: no longer. */
void machine_record_wish(struct machine *machine, const char *by);
/* user may be NULL: as before. */
void machine_record_policy(struct machine *machine, json_t *policy,
			   const char *user);
/* New reference: {"id", "since", "by"} or null. */
json_t *machine_record_json(const struct machine *machine);

/* Begins shutting down or switching off what runs. */
void machine_stop_begin(struct machine *machine, gboolean shutdown);
