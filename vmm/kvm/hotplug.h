/* hotplug.h - device_add and device_del: see hotplug.c.
 *
 * Threads: main loop. Errors: faults in QMP's own words. Ownership: the
 * hotplug is one of the machine's chips and ends with it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define HOTPLUG_PORT 0xae00u /* UP, DOWN, EJECT: 4 bytes each */
#define HOTPLUG_GPE  1u

struct opts;
struct hotplug;

/* The card is on the bus when this returns; the guest is told. */
bool hotplug_add(struct hotplug *h, struct opts *opts, GError **error);
/* Asks the guest; event DEVICE_DELETED tells that it is gone. */
bool hotplug_remove(struct hotplug *h, const char *id, GError **error);
/* Takes out what the guest has ejected. */
void hotplug_serve(struct hotplug *h);
/* Networks that netdev_add has named: id to backend= of virtio-net. Owned. */
GHashTable *hotplug_netdevs(struct hotplug *h);
/* A reset ejects what was asked to go. vCPUs are parked. */
void hotplug_before_reset(struct hotplug *h);
