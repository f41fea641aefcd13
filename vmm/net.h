/* net.h - the network helper of one machine. Private to vmm/.
 *
 * oriel-net stands between the machine's network socket and passt: it keeps
 * passt running and drops what a guest sends to the host itself. It lives as
 * long as the machine does, without the process that started it. */
#pragma once

#include "vmm/engine-ops.h"

#define NET_PID_FILE "net.pid" /* of the helper, in run_dir */

struct net;

/* told when the helper died and was started again, or could not be */
typedef void (*net_changed)(const GError *why, void *data);

/* The helper of the machine in run_dir: found by its pid file, or started.
 * The machine's socket must be listening. */
struct net *net_open(const char *run_dir, const char *log, net_changed changed,
		     void *data, GError **error);
/* Stops watching; the helper ends with its machine. */
void net_free(struct net *net);

/* Appends what was found about passt. */
void net_findings(GPtrArray *findings);
