/* sources.h - where packages come from: the machine's own apt configuration.
 *
 * apt itself is asked (apt-get indextargets, apt-config), so one-line and
 * deb822 files, options, proxies and certificates all count, and APT_CONFIG
 * works. Nothing here knows the name of a mirror.
 * Threads: one (runs children). */
#pragma once

#include <glib.h>

struct sources {
	char *deb822;   /* the suite's sources, for mmdebstrap and the guest */
	char *apt_conf; /* how to reach them; may hold secrets: never logged */
};

/* FAULT_UNAVAILABLE when apt is absent or knows no source of the suite. */
gboolean sources_find(struct sources *self, const char *suite, GError **error);
void sources_clear(struct sources *self);

/* The parts that run no child, for tests. targets: lines of TARGETS_FORMAT;
 * dump: what `apt-config dump` prints. New strings, NULL when nothing fits. */
#define TARGETS_FORMAT                                                         \
	"$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(SIGNED_BY)|"          \
	"$(TRUSTED)"
char *sources_from_targets(const char *targets, const char *suite);
char *sources_apt_conf(const char *dump);
