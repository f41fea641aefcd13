/* The user's files, there and back.
 *
 * A file is named by a token, a digest of this computer and the path: the
 * same file is the same to the guest tomorrow. The guest never names a path
 * here, and can change no file but those that this process has opened in it.
 * What comes back takes the file's place at once, and the one before is kept as
 * FILE~ (FILE~2, ...: no earlier one is overwritten), unless that is what the
 * guest sent last. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/seamless-private.h"
#include "common/fault.h"
#include "common/log.h"
#include "seamless/filecopy.h"

#define GIVEN_MAX   4096
#define BACKUPS_MAX 1000

struct given {
	uint32_t token;
	char *path; /* without symbolic links */
	gboolean writable;
	char *returned;    /* name in the guest of what came back last */
	struct stat known; /* as that was saved */
};

struct files {
	struct seamless *desk;
	gboolean taken; /* the guest takes files */
	GHashTable *given;
	struct copy_out out;
	struct copy_in in;
	int folder; /* of what comes in; -1: none */
};

static void given_free(gpointer data)
{
	struct given *given = data;
	g_free(given->path);
	g_free(given->returned);
	g_free(given);
}

static bool send_message(struct seam_message *message, void *data)
{
	struct files *self = data;
	return desk_send(self->desk, message) != 0;
}

static gboolean same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* ---- there ---- */

static gboolean may_write(const char *path)
{
	g_autofree char *folder = g_path_get_dirname(path);
	return access(path, W_OK) == 0 && access(folder, W_OK) == 0;
}

static uint32_t token_of(const char *path, unsigned try)
{
	g_autofree char *machine = NULL;
	g_file_get_contents("/etc/machine-id", &machine, NULL, NULL);
	g_autofree char *all =
	    g_strdup_printf("%s %s %u %u %s", machine ? machine : "",
			    g_get_host_name(), (unsigned)getuid(), try, path);
	g_autofree char *digest =
	    g_compute_checksum_for_string(G_CHECKSUM_SHA256, all, -1);
	digest[8] = 0;
	return (uint32_t)g_ascii_strtoull(digest, NULL, 16);
}

static struct given *given_of(struct files *self, const char *path)
{
	for (unsigned try = 0;; try++) {
		uint32_t token = token_of(path, try);
		struct given *given =
		    g_hash_table_lookup(self->given, GUINT_TO_POINTER(token));
		if (!token || (given && strcmp(given->path, path) != 0))
			continue;
		if (given)
			return given;
		given = g_new0(struct given, 1);
		given->token = token;
		given->path = g_strdup(path);
		g_hash_table_insert(self->given, GUINT_TO_POINTER(token),
				    given);
		return given;
	}
}

static void pump(struct files *self)
{
	struct seamless *desk = self->desk;
	g_autoptr(GError) error = NULL;
	if (!copy_out_pump(&self->out, send_message, self, &error))
		desk->handlers->file_sent(NULL, error, desk->data);
}

gboolean seamless_file_send(struct seamless *desk, const char *path,
			    GError **error)
{
	struct files *self = desk->files;
	char *real = realpath(path, NULL);
	if (!self->taken || self->out.open ||
	    g_hash_table_size(self->given) >= GIVEN_MAX) {
		free(real);
		fault_set(error, FAULT_UNAVAILABLE,
			  self->taken ? "Open it once more in a moment."
				      : "Put it where the machine can reach "
					"it itself.",
			  self->taken ? "Too many files are open"
				      : "This machine takes no files");
		return FALSE;
	}
	gboolean good =
	    copy_out_open(&self->out, real ? real : path, 1, FALSE, error);
	if (good) {
		struct given *given = given_of(self, real ? real : path);
		given->writable = may_write(given->path);
		self->out.token = given->token;
		self->out.writable = given->writable;
	}
	free(real);
	if (good)
		pump(self);
	return good;
}

void seamless_file_cancel(struct seamless *desk)
{
	copy_out_cancel(&desk->files->out, send_message, desk->files);
}

/* Its path goes into a LAUNCH, one a line. */
static gboolean path_valid(const char *path)
{
	return *path && !strpbrk(path, "\r\n");
}

static void take_state(struct files *self, const struct seam_file_state *state)
{
	struct seamless *desk = self->desk;
	g_autofree char *text = g_strndup(state->text.bytes, state->text.size);
	g_autoptr(GError) error = NULL;
	if (!state->token)
		self->taken = TRUE;
	if (!self->out.open || state->token != self->out.token)
		return;
	if (state->state == SEAM_FILE_TAKING) {
		copy_out_taken(&self->out, state->taken);
		if (self->out.size)
			desk->handlers->file_moves((double)self->out.taken /
						       self->out.size,
						   desk->data);
		pump(self);
		return;
	}
	gboolean done = state->state == SEAM_FILE_DONE && self->out.ended &&
			path_valid(text);
	copy_out_drop(&self->out);
	if (!done) {
		char *remedy = strchr(text, '\n');
		if (remedy)
			*remedy++ = 0;
		fault_set(&error, FAULT_STORAGE, remedy, "%s",
			  *text ? text : "The machine did not take the file");
	}
	desk->handlers->file_sent(done ? text : NULL, error, desk->data);
}

/* ---- and back ---- */

static void drop_in(struct files *self)
{
	copy_in_drop(&self->in);
	if (self->folder >= 0)
		close(self->folder);
	self->folder = -1;
}

static void refuse(struct files *self, uint32_t token, const char *path,
		   const GError *error)
{
	struct seamless *desk = self->desk;
	drop_in(self);
	copy_say(token, SEAM_FILE_FAILED, 0, error->message, send_message,
		 self);
	desk->handlers->file_saved(path, NULL, error, desk->data);
}

static void take_begin(struct files *self, const struct seam_file_begin *begin)
{
	struct given *given =
	    g_hash_table_lookup(self->given, GUINT_TO_POINTER(begin->token));
	g_autofree char *name = g_strndup(begin->name.bytes, begin->name.size);
	g_autoptr(GError) error = NULL;
	if (!given || !given->writable) {
		fault_set(&error, FAULT_NOT_FOUND,
			  "It stays in the machine: fetch it from there.",
			  "A file has changed that was not opened from here");
		refuse(self, begin->token, name, error);
		return;
	}
	g_autofree char *folder = g_path_get_dirname(given->path);
	drop_in(self);
	self->folder = open(folder, O_DIRECTORY | O_CLOEXEC);
	if (self->folder < 0) {
		fault_set(&error, FAULT_STORAGE,
			  "The changed file stays in the machine: fetch it "
			  "from there.",
			  "The folder of a changed file is gone: %s",
			  g_strerror(errno));
		refuse(self, begin->token, given->path, error);
	} else if (!copy_in_begin(&self->in, self->folder, begin, &error)) {
		refuse(self, begin->token, given->path, error);
	} else {
		self->in.durable = true;
	}
}

/* A second name for the one that is replaced; FALSE: it could not be kept. */
static gboolean keep(struct files *self, const char *name, char **kept)
{
	for (unsigned number = 1; number < BACKUPS_MAX; number++) {
		g_autofree char *backup =
		    number > 1 ? g_strdup_printf("%s~%u", name, number)
			       : g_strconcat(name, "~", NULL);
		if (linkat(self->folder, name, self->folder, backup, 0) == 0) {
			*kept = g_steal_pointer(&backup);
			return TRUE;
		}
		/* where there are no links, it is moved */
		if (errno != EEXIST &&
		    renameat2(self->folder, name, self->folder, backup,
			      RENAME_NOREPLACE) == 0) {
			*kept = g_steal_pointer(&backup);
			return TRUE;
		}
		if (errno != EEXIST)
			return FALSE;
	}
	return FALSE;
}

static void save(struct files *self, struct given *given)
{
	struct seamless *desk = self->desk;
	g_autofree char *name = g_path_get_basename(given->path);
	g_autofree char *kept = NULL;
	g_autoptr(GError) error = NULL;
	struct stat st;
	gboolean there = fstatat(self->folder, name, &st, 0) == 0;
	gboolean good = TRUE;
	/* may be refused by the file system; it is the user's own then */
	if (there && fchmodat(self->folder, self->in.temporary,
			      st.st_mode & 0777, 0) < 0)
		log_warn(NULL, "mode of %s: %s", name, g_strerror(errno));
	if (there && (g_strcmp0(given->returned, self->in.name) != 0 ||
		      !same(&given->known, &st)))
		good = keep(self, name, &kept);
	if (!good || renameat(self->folder, self->in.temporary, self->folder,
			      name) < 0) {
		fault_set(&error, FAULT_STORAGE,
			  "The changed file stays in the machine: fetch it "
			  "from there.",
			  "A changed file could not be saved: %s",
			  g_strerror(errno));
		unlinkat(self->folder, self->in.temporary, 0);
		refuse(self, given->token, given->path, error);
		return;
	}
	fstatat(self->folder, name, &given->known, 0);
	g_free(given->returned);
	given->returned = g_strdup(self->in.name);
	copy_say(given->token, SEAM_FILE_DONE, self->in.have, NULL,
		 send_message, self);
	drop_in(self);
	desk->handlers->file_saved(given->path, kept, NULL, desk->data);
}

static void take_in(struct files *self, const struct seam_message *message)
{
	uint32_t token = message->file_data.token; /* first in both */
	struct given *given =
	    g_hash_table_lookup(self->given, GUINT_TO_POINTER(token));
	g_autoptr(GError) error = NULL;
	if (!self->in.open || token != self->in.token || !given)
		return; /* what was on its way when it was refused */
	if (message->type == SEAM_FILE_DATA) {
		if (copy_in_data(&self->in, &message->file_data, &error))
			copy_say(token, SEAM_FILE_TAKING, self->in.have, NULL,
				 send_message, self);
		else
			refuse(self, token, given->path, error);
	} else if (message->file_end.cancelled) {
		drop_in(self);
	} else if (copy_in_finish(&self->in, &error)) {
		save(self, given);
	} else {
		refuse(self, token, given->path, error);
	}
}

/* ---- both ---- */

void desk_take_file(struct seamless *desk, const struct seam_message *message)
{
	struct files *self = desk->files;
	if (message->type == SEAM_FILE_STATE)
		take_state(self, &message->file_state);
	else if (message->type == SEAM_FILE_BEGIN)
		take_begin(self, &message->file_begin);
	else
		take_in(self, message);
}

gboolean seamless_files_busy(const struct seamless *desk)
{
	return desk->files->out.open || desk->files->in.open;
}

void desk_cut_files(struct seamless *desk)
{
	copy_out_drop(&desk->files->out);
	drop_in(desk->files);
	desk->files->taken = FALSE;
}

void desk_open_files(struct seamless *desk)
{
	desk->files = g_new0(struct files, 1);
	desk->files->desk = desk;
	desk->files->folder = -1;
	desk->files->given =
	    g_hash_table_new_full(NULL, NULL, NULL, given_free);
}

void desk_close_files(struct seamless *desk)
{
	desk_cut_files(desk);
	g_hash_table_unref(desk->files->given);
	g_free(desk->files);
}
