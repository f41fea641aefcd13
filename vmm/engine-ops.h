/* engine-ops.h - what an engine has to say for itself. Private to vmm/.
 *
 * Everything that QMP and Display1 make equal lives in machine*.c and serves
 * every engine: spawning, pid file, watching, acts, freezing, cloning, the
 * network's helper. An engine adds the program's command line and what its
 * templates depend on. One file per engine holds its static ops; engine.c
 * lists them all. */
#pragma once

#include "vmm/engine.h"

enum engine_mode {
	ENGINE_BOOT,
	ENGINE_TEMPLATE, /* memory is template_dir/TEMPLATE_MEMORY, shared */
	ENGINE_CLONE,    /* the same file mapped privately; the program waits
			  * for migrate-incoming, then for cont */
};

/* Descriptors that the program inherits, at these numbers. Its standard
 * output and error are the machine's log, its folder is run_dir. */
#define LAUNCH_QMP_FD 3 /* listening: QMP, as many connections as come */
#define LAUNCH_QGA_FD 4 /* listening: org.qemu.guest_agent.0 */
#define LAUNCH_TPM_FD 5 /* connected to the TPM, where the profile has one */

enum engine_net {
	ENGINE_NET_NONE,
	ENGINE_NET_STREAM,     /* the program listens on run_dir/NET_SOCKET for
				* frames, each after its length (32 bit, big
				* endian); oriel-net connects and reconnects */
	ENGINE_NET_RESTRICTED, /* a card that reaches nothing */
};
#define NET_SOCKET "net.sock"

struct launch {
	const struct engine_spec *spec;
	enum engine_mode mode;
	const char *template_dir; /* NULL for ENGINE_BOOT */
	/* for ENGINE_BOOT; templates have no card, clones get theirs by
	 * netdev_add and device_add from plug() */
	enum engine_net net;
};

struct engine_ops {
	const char *name;
	gboolean clones; /* makes templates, and clones of them */
	/* FALSE and a fault that says why machines cannot run here. */
	gboolean (*usable)(GError **error);
	const char *(*accelerator)(void);
	/* Appends program (absolute) and arguments. */
	gboolean (*command)(const struct launch *launch, GPtrArray *argv,
			    GError **error);
	/* Adds what a template's state depends on, besides cpus, memory,
	 * heads and the engine's name. */
	void (*fingerprint)(const struct engine_spec *spec, json_t *facts);
	/* Arguments of netdev_add and device_add for a clone's card. */
	void (*plug)(const struct engine_spec *spec, enum engine_net net,
		     json_t **netdev, json_t **device);
	/* A fault for what the program wrote before it died at start, or NULL
	 * when it tells nothing in particular. Optional. */
	GError *(*explain)(const struct engine_spec *spec, const char *log);
};

struct engine {
	const struct engine_ops *ops;
};

extern const struct engine engine_qemu, engine_kvm;

/* What the probe of /dev/kvm found; see probe.c. */
struct kvm_probe {
	gboolean usable;
	double mips;  /* 0: no guest ran */
	char *cause;  /* why not; NULL when usable */
	char *remedy; /* may be NULL */
};
const struct kvm_probe *kvm_probe_result(void);

/* How machines get their network here; see net.c. */
enum engine_net net_kind(void);

/* How long a program may take to answer at start. Tests shorten it. */
extern unsigned engine_start_ms;
