/* engine.h - how to start a machine, and what it can do.
 *
 * An engine runs one machine per process and answers contract A (QMP) and
 * contract B (Display1) on it: "qemu" starts qemu-system-x86_64 with KVM or
 * TCG, "kvm" starts oriel-vmm. The host role picks one with engine_choose(),
 * starts machines, and owns each machine's folder; machines outlive the host
 * role and are adopted again from their run folder.
 *
 * Threads: the main context of the caller. Every _async call ends in exactly
 * one callback, is cancellable, and leaves nothing running when it fails.
 * Errors: faults (common/fault.h) with cause and remedy; a process that died
 * at start is reported with the last lines of its log.
 * Units: memory in MiB, times in microseconds of the monotonic clock. */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

/* ---- what the machine is ---- */

#define ENGINE_HEADS_MAX 4
#define ENGINE_MEDIA_MAX 4

/* Strings are borrowed for the call that takes the spec. */
struct engine_spec {
	const char *id;      /* [a-z0-9-]{1,32} */
	const char *name;    /* for people; becomes the machine's title */
	const char *folder;  /* machine folder: log and everything kept */
	const char *run_dir; /* exists; gets qmp.sock qga.sock vmm.pid */
	unsigned cpus;       /* 1..16 */
	unsigned memory_mib; /* 128..65536 */
	unsigned heads;      /* screens, 1..ENGINE_HEADS_MAX */
	const char *disk;    /* opened for writing; qcow2 when its name ends in
			      * .qcow2, else raw: contents are never guessed
			      * from, since a guest may have written them */
	const char *kernel;  /* direct boot; NULL boots the disk's own loader */
	const char *initrd;
	const char *cmdline;
	gboolean uefi;  /* of a disk's own loader; else BIOS. What the firmware
			 * keeps is in folder/nvram.fd, made when absent */
	gboolean plain; /* disk, picture, pointer and network card that every
			 * system knows, in the place of virtio's; QEMU only */
	const char *profile; /* vmm/profile.h; NULL: "linux". A Windows one
			      * decides firmware, clock and, with `plain`,
			      * devices; QEMU only */
	/* ISO files in CD drives, NULL where there is none; the first is
	 * booted while the disk holds nothing to boot; QEMU only */
	const char *media[ENGINE_MEDIA_MAX];
	const char *mac; /* "52:54:00:..." of the network card; NULL: none */
	gboolean
	    network; /* a card at all; outbound only, nothing of the host */
};

/* A frozen machine: memory file, device state, disk, and what they fit. */
#define TEMPLATE_MEMORY "memory"     /* sparse file of memory_mib MiB */
#define TEMPLATE_STATE  "state"      /* device state */
#define TEMPLATE_DISK   "disk.qcow2" /* overlay on the image */
#define TEMPLATE_FITS   "fits.json"  /* engine_fingerprint() at freezing */

/* ---- engines ---- */

struct engine;         /* static */
struct engine_machine; /* ref-counted */

struct engine_finding { /* one line of `oriel doctor` */
	char *name;     /* "kvm", "qemu", "passt", ... */
	enum { FINDING_GOOD, FINDING_WARN, FINDING_BAD } level;
	char *found;  /* what is there */
	char *chosen; /* what was made of it and why; NULL */
	char *remedy; /* what would make it better; NULL */
};
void engine_finding_free(struct engine_finding *finding);

/* Probes once per boot (a small guest timed on /dev/kvm; the result is kept
 * in cache_dir, which may be NULL) and appends findings. Takes some 100 ms
 * at the first call. Synchronous, meant for start-up. */
void engine_probe(const char *cache_dir, GPtrArray *findings);

/* wanted: "auto", "qemu" or "kvm". NULL and a fault that names the reason
 * when it cannot run here. */
const struct engine *engine_choose(const char *wanted, GError **error);
/* The same for a machine that is to be cloned from a template: "auto" then
 * passes over engines that cannot do that. */
const struct engine *engine_choose_cloning(const char *wanted, GError **error);
const char *engine_name(const struct engine *engine);
/* "kvm" or "tcg": what really runs the guest's instructions. */
const char *engine_accelerator(const struct engine *engine);

/* Everything a template depends on besides the image: engine, version,
 * accelerator, machine type, CPU model, cpus, memory, heads, and the host
 * CPU's features when they show through. A template whose stored fingerprint
 * differs is made anew. New string (JSON text). */
char *engine_fingerprint(const struct engine *engine,
			 const struct engine_spec *spec);

/* ---- life of a machine ---- */

enum engine_state {
	ENGINE_STARTING,
	ENGINE_RUNNING,
	ENGINE_PAUSED, /* stopped by us */
	ENGINE_STUCK,  /* paused by the engine: disk full, I/O error */
	ENGINE_GONE,   /* the process has ended */
};
enum engine_end { /* why it is gone */
		  ENGINE_END_NONE,
		  ENGINE_END_GUEST, /* the guest powered itself off */
		  ENGINE_END_HOST,  /* we asked for it */
		  ENGINE_END_PANIC, /* the guest panicked */
		  ENGINE_END_DIED,  /* killed or crashed; the log's end is the
				       cause */
};

/* Called from the main context on every change; `why` is NULL or a fault that
 * explains STUCK and DIED, or, with the state unchanged, one that tells of
 * something lost and mended (the network's helper). A guest reset is
 * ENGINE_RUNNING again. A machine stuck on a full disk goes on by itself once
 * there is room. */
typedef void (*engine_changed)(struct engine_machine *machine,
			       enum engine_state state, enum engine_end end,
			       const GError *why, void *data);

/* Boots; done once QMP answers and vCPUs run. */
void engine_start_async(const struct engine *engine,
			const struct engine_spec *spec,
			GCancellable *cancellable, GAsyncReadyCallback callback,
			void *data);
/* Boots a machine that can be frozen: its memory is the shared file
 * template_dir/TEMPLATE_MEMORY; it has no network card. */
void engine_start_template_async(const struct engine *engine,
				 const struct engine_spec *spec,
				 const char *template_dir,
				 GCancellable *cancellable,
				 GAsyncReadyCallback callback, void *data);
/* A private mapping of a frozen machine: fresh vmgenid, then spec->mac
 * plugged in after the restore. spec->disk is an overlay on the template's
 * disk, made by the caller with engine_overlay_create(). */
void engine_clone_async(const struct engine *engine,
			const struct engine_spec *spec,
			const char *template_dir, GCancellable *cancellable,
			GAsyncReadyCallback callback, void *data);
/* A machine that survived its host role, by run_dir/vmm.pid and qmp.sock.
 * FAULT_NOT_FOUND when it is gone (the run folder is then cleaned). */
void engine_adopt_async(const struct engine *engine,
			const struct engine_spec *spec,
			GCancellable *cancellable, GAsyncReadyCallback callback,
			void *data);
/* For all four. New reference. */
struct engine_machine *engine_start_finish(GAsyncResult *result,
					   GError **error);

struct engine_machine *engine_machine_ref(struct engine_machine *machine);
/* The last reference closes the connections; the machine runs on. */
void engine_machine_unref(struct engine_machine *machine);
void engine_machine_watch(struct engine_machine *machine,
			  engine_changed changed, void *data);
enum engine_state engine_machine_state(const struct engine_machine *machine);
enum engine_end engine_machine_end(const struct engine_machine *machine);
pid_t engine_machine_pid(const struct engine_machine *machine);
/* The guest agent's channel (org.qemu.guest_agent.0); owned by the machine.
 * common/qga.h speaks it. */
const char *engine_machine_agent_path(const struct engine_machine *machine);

/* All of these end in engine_machine_act_finish(). */
void engine_machine_pause_async(struct engine_machine *machine,
				GAsyncReadyCallback callback, void *data);
void engine_machine_resume_async(struct engine_machine *machine,
				 GAsyncReadyCallback callback, void *data);
void engine_machine_reset_async(struct engine_machine *machine,
				GAsyncReadyCallback callback, void *data);
/* Keeps the disk as it is at this moment inside its qcow2 file, or forgets
 * what was kept so; memory is not kept. FAULT_UNAVAILABLE where the engine has
 * no command for it. */
void engine_machine_snapshot_async(struct engine_machine *machine,
				   const char *name, gboolean forget,
				   GAsyncReadyCallback callback, void *data);
/* Another disk, raw whatever it holds, while it runs; the guest knows it by
 * its serial (20 bytes at most). It stays until the machine ends. Refused
 * while any machine has it open, FAULT_UNAVAILABLE where the engine cannot. */
void engine_machine_plug_async(struct engine_machine *machine, const char *disk,
			       const char *serial, GAsyncReadyCallback callback,
			       void *data);
/* Presses and lets go of a key, by QEMU's name for it ("ret"); qemu only. */
void engine_machine_key_async(struct engine_machine *machine, const char *key,
			      GAsyncReadyCallback callback, void *data);
/* Presses the power button; whether the guest obeys is seen by watching. */
void engine_machine_powerdown_async(struct engine_machine *machine,
				    GAsyncReadyCallback callback, void *data);
/* Ends the process: quit, then SIGTERM, then SIGKILL; done when it is gone. */
void engine_machine_kill_async(struct engine_machine *machine,
			       GAsyncReadyCallback callback, void *data);
/* Of a machine started by engine_start_template_async: stops it, writes
 * TEMPLATE_STATE and TEMPLATE_FITS and ends the process. The folder is a
 * complete template afterwards or, on failure, holds no TEMPLATE_FITS. */
void engine_machine_freeze_async(struct engine_machine *machine,
				 GCancellable *cancellable,
				 GAsyncReadyCallback callback, void *data);
gboolean engine_machine_act_finish(struct engine_machine *machine,
				   GAsyncResult *result, GError **error);

/* A new Display1 connection: the descriptor is for oriel-display's
 * --display1-fd, or its control op "source". Replaces an earlier one. */
void engine_machine_display_async(struct engine_machine *machine,
				  GAsyncReadyCallback callback, void *data);
int engine_machine_display_finish(struct engine_machine *machine,
				  GAsyncResult *result, GError **error);

/* ---- disks ---- */

/* New qcow2 overlay on base (qcow2 or raw), written beside and renamed. */
gboolean engine_overlay_create(const char *base, const char *path,
			       GError **error);
/* The same for an empty one. */
gboolean engine_disk_create(const char *path, unsigned gib, GError **error);
