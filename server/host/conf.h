/* conf.h - machine.conf: what a machine is, as a person can read it.
 *
 * docs/machine.md lists the keys. Loading refuses what it does not fully
 * understand and names file and line, since a key that is silently ignored
 * misleads whoever wrote it. Saving is whole, durable and by rename.
 * Threads: any. Errors: FAULT_INVALID (contents), FAULT_STORAGE, not-found. */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

#define CONF_FILE "machine.conf"

struct conf {
	char *id;
	char *name;
	char *image;
	char *version;
	char *engine;
	unsigned cpus;
	unsigned memory_mib;
	unsigned heads;
	unsigned shutdown_grace_s;
	char *mac;
	char *machine_id;
	char *disk_template; /* NULL: none */
	gboolean owned;
	/* of one that a system is installed on from a medium, to become
	 * version `version` of `image`; iso is NULL for all others. Files in
	 * LIB/import. */
	char *iso, *answers, *drivers;
	char *profile; /* vmm/profile.h */
	unsigned disk_gib;
	gboolean installed; /* the guest has ended it, or somebody has */
};

/* The broker's description of a machine (docs/host-link.md), with a fresh
 * MAC and machine id. */
struct conf *conf_from_message(json_t *machine, GError **error);
struct conf *conf_load(const char *path, GError **error);
/* text is ended by a zero byte that length does not count; path is for
 * messages and names the folder that the id must equal. */
struct conf *conf_parse(const char *text, gsize length, const char *path,
			GError **error);
gboolean conf_save(const struct conf *self, const char *path, GError **error);
/* Whether the broker may say `machine.create` again: the same id and image.
 * Sizes and name may have been edited since. */
gboolean conf_same(const struct conf *self, const struct conf *other);
void conf_free(struct conf *self);
typedef struct conf conf_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(conf_auto, conf_free)

/* A name in LIB/import: as a word below, but up to 200. */
gboolean conf_file_valid(const char *name);
/* [a-z0-9-]{1,32}; and names of images, versions and recipes:
 * [A-Za-z0-9][A-Za-z0-9._-]{0,63}. Neither can leave its folder. */
gboolean conf_id_valid(const char *id);
gboolean conf_word_valid(const char *word);
/* The machine's name as a host name (RFC 1123 label); new string. */
char *conf_hostname(const struct conf *self);
