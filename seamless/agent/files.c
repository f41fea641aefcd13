/* The client's files. One that it opens with an application comes before the
 * LAUNCH, into a folder of the user's home where it can be found; what a
 * program writes there goes back. One file at a time in each direction.
 *
 * A file is known by the client's token. A name that is taken gets a number,
 * unless the one of that name is the same and nobody else's: opening a file
 * again and again leaves one. */
#include "seamless/agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "seamless/filecopy.h"

#define FOLDER      "Oriel"
#define TRACKED_MAX 256
#define NUMBERS_MAX 1000
/* After a file was closed: programs that write in steps are done by then. */
#define SETTLE_MS 300

struct tracked {
	uint32_t token;
	char *name;
	bool dirty;
	struct stat known; /* as it was last the same on both sides */
};

struct files {
	struct agent *agent;
	char *path;
	int folder, notify; /* -1: not open yet */
	guint notify_source, settle;
	GPtrArray *tracked; /* oldest first */
	struct copy_in in;
	struct copy_out out;
};

static void tracked_free(gpointer data)
{
	struct tracked *tracked = data;
	g_free(tracked->name);
	g_free(tracked);
}

static bool send_now(struct seam_message *message, void *data)
{
	struct files *self = data;
	agent_send(self->agent, message);
	return true;
}

static bool send_if_room(struct seam_message *message, void *data)
{
	struct files *self = data;
	return self->agent->peer_ready && link_has_room(self->agent->link) &&
	       send_now(message, data);
}

static void refuse(struct files *self, uint32_t token, GError *error)
{
	log_warn(NULL, "A file of the client's was refused: %s",
		 error->message);
	copy_say(token, SEAM_FILE_FAILED, 0, error->message, send_now, self);
}

/* ---- the folder ---- */

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct tracked *find(struct files *self, const char *name)
{
	for (guint i = 0; i < self->tracked->len; i++) {
		struct tracked *tracked = self->tracked->pdata[i];
		if (strcmp(tracked->name, name) == 0)
			return tracked;
	}
	return NULL;
}

static gboolean on_settled(gpointer data)
{
	struct files *self = data;
	self->settle = 0;
	agent_step_soon(self->agent);
	return G_SOURCE_REMOVE;
}

/* It has been written, or something has taken its name. */
static void look_at(struct files *self, struct tracked *tracked)
{
	struct stat st;
	if (fstatat(self->folder, tracked->name, &st, 0) < 0 ||
	    !S_ISREG(st.st_mode) || same(&st, &tracked->known))
		return;
	tracked->dirty = true;
	if (!self->settle)
		self->settle = g_timeout_add(SETTLE_MS, on_settled, self);
}

static gboolean on_notify(int fd, GIOCondition condition, gpointer data)
{
	struct files *self = data;
	char bytes[8192] __attribute__((aligned(8)));
	ssize_t n = read(fd, bytes, sizeof bytes);
	if (n <= 0 && errno != EAGAIN && errno != EINTR) {
		self->notify_source = 0;
		return G_SOURCE_REMOVE;
	}
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (void *)(bytes + at);
		at += (ssize_t)(sizeof *event + event->len);
		struct tracked *tracked =
		    event->len ? find(self, event->name) : NULL;
		if (tracked)
			look_at(self, tracked);
		for (guint i = 0;
		     event->mask & IN_Q_OVERFLOW && i < self->tracked->len; i++)
			look_at(self, self->tracked->pdata[i]);
	}
	return G_SOURCE_CONTINUE;
}

/* What an agent that was killed has left. */
static void remove_remains(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *full = g_build_filename(path, name, NULL);
		if (g_str_has_prefix(name, ".oriel-"))
			unlink(full);
	}
}

/* With the first file: who opens none gets no folder. */
static bool open_folder(struct files *self, GError **error)
{
	struct stat there, ours;
	/* removed by its user: there is to be one again */
	if (self->folder >= 0 && fstat(self->folder, &ours) == 0 &&
	    stat(self->path, &there) == 0 && ours.st_ino == there.st_ino)
		return true;
	g_clear_handle_id(&self->notify_source, g_source_remove);
	if (self->notify >= 0)
		close(self->notify);
	if (self->folder >= 0)
		close(self->folder);
	g_ptr_array_set_size(self->tracked, 0);
	self->notify = -1;
	g_mkdir_with_parents(self->path, 0700);
	self->folder = open(self->path, O_DIRECTORY | O_CLOEXEC);
	if (self->folder < 0) {
		fault_set(error, FAULT_STORAGE,
			  "Make room in the home folder there.",
			  "The machine has no folder for files (%s): %s",
			  self->path, g_strerror(errno));
		return false;
	}
	remove_remains(self->path);
	self->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (self->notify >= 0 &&
	    inotify_add_watch(self->notify, self->path,
			      IN_CLOSE_WRITE | IN_MOVED_TO) >= 0)
		self->notify_source =
		    g_unix_fd_add(self->notify, G_IO_IN, on_notify, self);
	else
		log_warn(NULL, "Changes of files will not go back: %s",
			 g_strerror(errno));
	return true;
}

/* ---- a file comes ---- */

static bool equal_contents(int a, int b)
{
	char one[16384], two[16384];
	for (off_t at = 0;; at += sizeof one) {
		ssize_t n = pread(a, one, sizeof one, at);
		if (n < 0 || pread(b, two, sizeof two, at) != n)
			return false;
		if (n == 0)
			return true;
		if (memcmp(one, two, (size_t)n) != 0)
			return false;
	}
}

static bool equal_files(struct files *self, const char *a, const char *b)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
	int one = openat(self->folder, a, flags);
	int two = openat(self->folder, b, flags);
	struct stat st;
	bool equal = one >= 0 && two >= 0 && fstat(two, &st) == 0 &&
		     S_ISREG(st.st_mode) &&
		     !(st.st_mode & S_IWUSR) == !self->in.writable &&
		     equal_contents(one, two);
	if (one >= 0)
		close(one);
	if (two >= 0)
		close(two);
	return equal;
}

/* Gives what has come a name of its own; NULL: none is left. */
static char *place(struct files *self, const char *temporary)
{
	for (unsigned number = 1; number < NUMBERS_MAX; number++) {
		g_autofree char *name = copy_numbered(self->in.name, number);
		if (renameat2(self->folder, temporary, self->folder, name,
			      RENAME_NOREPLACE) == 0)
			return g_steal_pointer(&name);
		if (errno != EEXIST)
			break;
		const struct tracked *other = find(self, name);
		if ((!other ||
		     (other->token == self->in.token && !other->dirty)) &&
		    equal_files(self, temporary, name)) {
			unlinkat(self->folder, temporary, 0);
			return g_steal_pointer(&name);
		}
	}
	return NULL;
}

static void track(struct files *self, uint32_t token, const char *name)
{
	struct tracked *tracked = find(self, name);
	if (!tracked) {
		for (guint i = 0; self->tracked->len >= TRACKED_MAX; i++) {
			tracked = self->tracked->pdata[i];
			if (!tracked->dirty || i == TRACKED_MAX - 1) {
				g_ptr_array_remove_index(self->tracked, i);
				break;
			}
		}
		tracked = g_new0(struct tracked, 1);
		tracked->name = g_strdup(name);
		g_ptr_array_add(self->tracked, tracked);
	}
	tracked->token = token;
	fstatat(self->folder, name, &tracked->known, 0);
}

static void take_end(struct files *self, const struct seam_file_end *end)
{
	g_autoptr(GError) error = NULL;
	if (end->token != self->in.token)
		return; /* refused before */
	if (end->cancelled) {
		copy_in_drop(&self->in);
		return;
	}
	if (!copy_in_finish(&self->in, &error)) {
		refuse(self, end->token, error);
		return;
	}
	g_autofree char *name = place(self, self->in.temporary);
	if (!name) {
		fault_set(&error, FAULT_STORAGE,
			  "Remove some of them from ~/" FOLDER ".",
			  "The machine has no name left for this file");
		unlinkat(self->folder, self->in.temporary, 0);
		refuse(self, end->token, error);
	} else {
		g_autofree char *path =
		    g_build_filename(self->path, name, NULL);
		if (self->in.writable)
			track(self, end->token, name);
		else if (fchmodat(self->folder, name, 0400, 0) < 0)
			log_warn(NULL, "A file could not be made read-only: %s",
				 g_strerror(errno));
		copy_say(end->token, SEAM_FILE_DONE, self->in.have, path,
			 send_now, self);
	}
	copy_in_drop(&self->in);
}

static void take_begin(struct files *self, const struct seam_file_begin *begin)
{
	g_autoptr(GError) error = NULL;
	if (!open_folder(self, &error) ||
	    !copy_in_begin(&self->in, self->folder, begin, &error))
		refuse(self, begin->token, error);
}

static void take_data(struct files *self, const struct seam_file_data *data)
{
	g_autoptr(GError) error = NULL;
	if (data->token != self->in.token)
		return; /* what was on its way when it was refused */
	if (!copy_in_data(&self->in, data, &error))
		refuse(self, data->token, error);
	else
		copy_say(data->token, SEAM_FILE_TAKING, self->in.have, NULL,
			 send_now, self);
}

/* ---- a change goes back ---- */

static void take_state(struct files *self, const struct seam_file_state *state)
{
	if (!self->out.open || state->token != self->out.token)
		return;
	if (state->state == SEAM_FILE_TAKING) {
		copy_out_taken(&self->out, state->taken);
	} else {
		if (state->state == SEAM_FILE_FAILED) {
			g_autofree char *why =
			    log_quote(state->text.bytes, state->text.size);
			log_warn(NULL, "A changed file did not go back: %s",
				 why);
		}
		copy_out_drop(&self->out);
	}
	files_send(self->agent);
}

static bool begin_next(struct files *self)
{
	for (guint i = 0; i < self->tracked->len; i++) {
		struct tracked *tracked = self->tracked->pdata[i];
		g_autofree char *path =
		    g_build_filename(self->path, tracked->name, NULL);
		g_autoptr(GError) error = NULL;
		if (!tracked->dirty)
			continue;
		tracked->dirty = false;
		if (copy_out_open(&self->out, path, tracked->token, true,
				  &error)) {
			fstat(self->out.fd, &tracked->known);
			return true;
		}
		log_warn(NULL, "A changed file cannot go back: %s",
			 error->message);
	}
	return false;
}

void files_send(struct agent *agent)
{
	struct files *self = agent->files;
	g_autoptr(GError) error = NULL;
	if (!self || !agent->peer_ready)
		return;
	if (!self->out.open && (self->settle || !begin_next(self)))
		return;
	struct tracked *tracked = find(self, self->out.name);
	if (tracked && tracked->dirty && !self->out.ended && !self->settle) {
		/* written again meanwhile: what was sent is no whole */
		copy_out_cancel(&self->out, send_now, self);
		agent_step_soon(agent);
		return;
	}
	if (!copy_out_pump(&self->out, send_if_room, self, &error))
		log_warn(NULL, "A changed file did not go back: %s",
			 error->message);
}

/* ---- the agent's side ---- */

void files_message(struct agent *agent, const struct seam_message *message)
{
	struct files *self = agent->files;
	switch (message->type) {
	case SEAM_FILE_BEGIN:
		take_begin(self, &message->file_begin);
		break;
	case SEAM_FILE_DATA:
		take_data(self, &message->file_data);
		break;
	case SEAM_FILE_END:
		take_end(self, &message->file_end);
		break;
	case SEAM_FILE_STATE:
		take_state(self, &message->file_state);
		break;
	}
}

void files_greet(struct agent *agent)
{
	copy_say(0, SEAM_FILE_TAKING, 0, NULL, send_now, agent->files);
}

void files_forget_peer(struct agent *agent)
{
	struct files *self = agent->files;
	if (!self)
		return;
	copy_in_drop(&self->in);
	struct tracked *tracked =
	    self->out.open ? find(self, self->out.name) : NULL;
	if (tracked)
		tracked->dirty = true; /* for the next one */
	copy_out_drop(&self->out);
}

void files_open(struct agent *agent)
{
	struct files *self = g_new0(struct files, 1);
	self->agent = agent;
	self->path = g_build_filename(g_get_home_dir(), FOLDER, NULL);
	self->folder = self->notify = -1;
	self->tracked = g_ptr_array_new_with_free_func(tracked_free);
	agent->files = self;
}

void files_close(struct agent *agent)
{
	struct files *self = g_steal_pointer(&agent->files);
	if (!self)
		return;
	copy_in_drop(&self->in);
	copy_out_drop(&self->out);
	g_clear_handle_id(&self->notify_source, g_source_remove);
	g_clear_handle_id(&self->settle, g_source_remove);
	if (self->notify >= 0)
		close(self->notify);
	if (self->folder >= 0)
		close(self->folder);
	g_ptr_array_unref(self->tracked);
	g_free(self->path);
	g_free(self);
}
