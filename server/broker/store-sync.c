#include "server/broker/store-sync.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"

/* 16 MiB of log: a checkpoint makes the next commit wait for the disk once */
#define CHECKPOINT_PAGES 4000
/* while readers keep the log from beginning anew, another try */
#define AGAIN_PAGES 1000

struct waiter {
	guint64 number;
	store_kept kept;
	void *data;
};

struct store_sync {
	/* the main thread's */
	guint64 committed; /* the newest commit that somebody may wait for */
	guint64 told;      /* all up to this one are kept */
	GQueue waiters;    /* struct waiter, by number */
	gboolean telling;  /* in order, also for who comes meanwhile */
	int checkpoint_at; /* pages */
	gboolean refused;  /* `error`, as it is known here */
	GSource *wake;     /* when the thread has news */
	/* both threads' */
	GMutex mutex;
	GCond cond;
	guint64 wanted, kept;
	gboolean checkpoint, end;
	int error; /* errno of a disk that refused; for good */
	GThread *thread;
	char *path, *log;
	int fd; /* the thread's, of the log */
};

/* ---- the thread ---- */

static int sync_log(struct store_sync *self)
{
	if (self->fd < 0)
		self->fd = open(self->log, O_RDWR | O_CLOEXEC);
	if (self->fd < 0)
		return errno;
	return fdatasync(self->fd) == 0 ? 0 : errno;
}

/* What cannot be done now is done with the next. */
static void checkpoint(const char *path)
{
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(path, &db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			    NULL) == SQLITE_OK) {
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
				  NULL);
		/* passive: nobody is held up by it */
		sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE,
					  NULL, NULL);
	}
	sqlite3_close(db);
}

static void *run(void *data)
{
	struct store_sync *self = data;
	g_mutex_lock(&self->mutex);
	for (;;) {
		guint64 wanted = self->wanted;
		if (wanted > self->kept && !self->error) {
			g_mutex_unlock(&self->mutex);
			int error = sync_log(self);
			g_mutex_lock(&self->mutex);
			self->error = error;
			if (!error)
				self->kept = wanted;
			g_cond_signal(&self->cond); /* who settles */
			g_source_set_ready_time(self->wake, 0);
		} else if (self->end) {
			break;
		} else if (self->checkpoint) {
			self->checkpoint = FALSE;
			g_mutex_unlock(&self->mutex);
			checkpoint(self->path);
			g_mutex_lock(&self->mutex);
		} else {
			g_cond_wait(&self->cond, &self->mutex);
		}
	}
	g_mutex_unlock(&self->mutex);
	return NULL;
}

/* ---- the main thread ---- */

static GError *refused(int error)
{
	return fault_new(FAULT_STORAGE,
			 "Look at the disk that holds the store and at the "
			 "system's log, then start the broker again.",
			 "The disk did not take what was written to the "
			 "store: %s.",
			 g_strerror(error));
}

static void tell(struct store_sync *self)
{
	g_mutex_lock(&self->mutex);
	int error = self->error;
	self->told = self->kept;
	g_mutex_unlock(&self->mutex);
	g_autoptr(GError) why = error ? refused(error) : NULL;
	if (self->telling)
		return;
	self->telling = TRUE;
	struct waiter *first;
	while ((first = g_queue_peek_head(&self->waiters)) &&
	       (error || first->number <= self->told)) {
		g_queue_pop_head(&self->waiters);
		first->kept(first->number <= self->told ? NULL : why,
			    first->data);
		g_free(first);
	}
	self->telling = FALSE;
	self->refused = error != 0;
}

static gboolean on_news(void *data)
{
	struct store_sync *self = data;
	g_source_set_ready_time(self->wake, -1);
	tell(self);
	return G_SOURCE_CONTINUE;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, void *data)
{
	return callback(data);
}

void store_sync_committed(struct store_sync *self, gboolean brief, int pages)
{
	gboolean ripe = pages >= self->checkpoint_at;
	if (ripe)
		self->checkpoint_at = pages + AGAIN_PAGES;
	else if (pages < CHECKPOINT_PAGES)
		self->checkpoint_at = CHECKPOINT_PAGES;
	if (!brief)
		self->committed++;
	if (brief && !ripe)
		return;
	g_mutex_lock(&self->mutex);
	self->wanted = self->committed;
	self->checkpoint = self->checkpoint || ripe;
	g_cond_signal(&self->cond);
	g_mutex_unlock(&self->mutex);
}

guint64 store_sync_mark(struct store_sync *self)
{
	return self->committed;
}

void store_sync_settle(struct store_sync *self)
{
	g_mutex_lock(&self->mutex);
	while (self->kept < self->wanted && !self->error)
		g_cond_wait(&self->cond, &self->mutex);
	g_mutex_unlock(&self->mutex);
	tell(self);
}

void store_sync_when(struct store_sync *self, guint64 since, store_kept kept,
		     void *data)
{
	/* what others have committed before is theirs to wait for */
	if (since == self->committed) {
		kept(NULL, data);
		return;
	}
	if (g_queue_is_empty(&self->waiters) && !self->telling &&
	    self->told >= self->committed) {
		kept(NULL, data);
		return;
	}
	struct waiter *waiter = g_new0(struct waiter, 1);
	waiter->number = self->committed;
	waiter->kept = kept;
	waiter->data = data;
	g_queue_push_tail(&self->waiters, waiter);
	if (self->refused)
		g_source_set_ready_time(self->wake, 0);
}

struct store_sync *store_sync_create(const char *path)
{
	static GSourceFuncs funcs = {.dispatch = dispatch};
	struct store_sync *self = g_new0(struct store_sync, 1);
	self->committed = self->told = self->wanted = self->kept = 1;
	self->path = g_strdup(path);
	self->log = g_strconcat(path, "-wal", NULL);
	self->fd = -1;
	self->checkpoint_at = CHECKPOINT_PAGES;
	g_mutex_init(&self->mutex);
	g_cond_init(&self->cond);
	g_queue_init(&self->waiters);
	self->wake = g_source_new(&funcs, sizeof *self->wake);
	g_source_set_callback(self->wake, on_news, self, NULL);
	g_source_attach(self->wake, NULL);
	self->thread = g_thread_new("store-sync", run, self);
	return self;
}

void store_sync_destroy(struct store_sync *self)
{
	if (!self)
		return;
	g_mutex_lock(&self->mutex);
	self->end = TRUE;
	g_cond_signal(&self->cond);
	g_mutex_unlock(&self->mutex);
	g_thread_join(self->thread);
	g_queue_clear_full(&self->waiters, g_free);
	g_source_destroy(self->wake);
	g_source_unref(self->wake);
	if (self->fd >= 0)
		close(self->fd);
	g_mutex_clear(&self->mutex);
	g_cond_clear(&self->cond);
	g_free(self->path);
	g_free(self->log);
	g_free(self);
}
