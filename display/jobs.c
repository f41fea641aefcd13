#include "display/jobs.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A third of the weight of a thread of the usual priority. */
#define WORKER_NICE 5

struct key {
	const struct job_kind *kind;
	uint32_t x, y, w, h, frame, layout;
	uint8_t style[JOBS_STYLE_MAX];
};

struct job {
	struct key key;   /* first: it is the key of the table, too */
	unsigned refs;    /* the table's, viewers' and the worker's */
	uint32_t *pixels; /* a copy, until encoded */
	/* of a job of its own: instead of key.kind */
	uint32_t (*encode)(void *data, const uint32_t *pixels,
			   unsigned stride_px, unsigned width, unsigned height,
			   GByteArray *out);
	void *own;
	GDestroyNotify release;
	GByteArray *bytes;
	uint32_t outcome;
	bool done;
	bool kept;
	GList link; /* in jobs->recent while kept */
};

struct jobs {
	GThreadPool *pool;
	void (*ready)(void *data);
	void *data;
	GHashTable *table; /* struct key -> struct job */
	GQueue recent;     /* kept ones, last asked for first */
	size_t kept_bytes;
	guint64 encoded, shared;
	GMutex lock;
	GPtrArray *finished; /* under lock: done by workers, not told yet */
	guint wake;          /* under lock */
};

/* ---- keys ---- */

static guint key_hash(gconstpointer data)
{
	const struct key *key = data;
	const uint8_t *bytes = data;
	guint hash = 2166136261u;
	for (size_t i = 0; i < sizeof *key; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct key)) == 0;
}

/* ---- life ---- */

struct job *job_ref(struct job *job)
{
	job->refs++;
	return job;
}

void job_unref(struct job *job)
{
	if (!job || --job->refs)
		return;
	if (job->release)
		job->release(job->own);
	g_free(job->pixels);
	g_byte_array_unref(job->bytes);
	g_free(job);
}

bool job_done(const struct job *job)
{
	return job->done;
}

const GByteArray *job_bytes(const struct job *job)
{
	return job->bytes;
}

uint32_t job_outcome(const struct job *job)
{
	return job->outcome;
}

uint32_t job_frame(const struct job *job)
{
	return job->key.frame;
}

static void forget(struct jobs *self, struct job *job)
{
	job->kept = false;
	self->kept_bytes -= job->bytes->len;
	g_queue_unlink(&self->recent, &job->link);
	g_hash_table_remove(self->table, &job->key);
	job_unref(job);
}

/* Results of unfinished jobs count once they are known. */
static void trim(struct jobs *self)
{
	while (self->recent.length > JOBS_KEPT_MAX ||
	       self->kept_bytes > JOBS_KEPT_BYTES) {
		struct job *oldest = self->recent.tail->data;
		if (!oldest->done)
			break; /* all older ones are done: this is the last */
		forget(self, oldest);
	}
}

/* ---- work ---- */

static void encode(struct job *job, const uint32_t *pixels, unsigned stride_px)
{
	const struct key *key = &job->key;
	if (job->encode) {
		job->outcome = job->encode(job->own, pixels, stride_px, key->w,
					   key->h, job->bytes);
		return;
	}
	job->outcome = key->kind->encode(key->style, pixels, stride_px, key->w,
					 key->h, job->bytes);
}

static gboolean on_finished(gpointer data)
{
	struct jobs *self = data;
	g_mutex_lock(&self->lock);
	g_autoptr(GPtrArray) finished = self->finished;
	self->finished = g_ptr_array_new();
	self->wake = 0;
	g_mutex_unlock(&self->lock);
	for (guint i = 0; i < finished->len; i++) {
		struct job *job = finished->pdata[i];
		g_clear_pointer(&job->pixels, g_free);
		job->done = true;
		if (job->kept)
			self->kept_bytes += job->bytes->len;
		job_unref(job);
	}
	trim(self);
	if (self->ready)
		self->ready(self->data);
	return G_SOURCE_REMOVE;
}

/* What answers a key goes before what encodes: a loop that wakes up must not
 * wait until a worker's turn ends. For good, since workers do nothing else. */
static void give_way(void)
{
	static _Thread_local bool given;
	if (given)
		return;
	setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICE);
	given = true;
}

static void on_work(gpointer data, gpointer user_data)
{
	struct job *job = data;
	struct jobs *self = user_data;
	give_way();
	encode(job, job->pixels, job->key.w);
	g_mutex_lock(&self->lock);
	g_ptr_array_add(self->finished, job);
	if (!self->wake)
		self->wake = g_idle_add_full(G_PRIORITY_DEFAULT, on_finished,
					     self, NULL);
	g_mutex_unlock(&self->lock);
}

struct job *jobs_begin(struct jobs *self, const struct job_kind *kind,
		       const void *style, const struct desktop *desktop,
		       const struct rect *rect, bool keep)
{
	struct key key;
	memset(&key, 0, sizeof key);
	key.kind = kind;
	key.x = rect->x;
	key.y = rect->y;
	key.w = rect->w;
	key.h = rect->h;
	key.frame = desktop_serial(desktop, rect);
	key.layout = desktop_layout_serial(desktop);
	memcpy(key.style, style, MIN(kind->style_size, JOBS_STYLE_MAX));
	struct job *job = g_hash_table_lookup(self->table, &key);
	if (job) {
		self->shared++;
		g_queue_unlink(&self->recent, &job->link);
		g_queue_push_head_link(&self->recent, &job->link);
		job->refs++;
		return job;
	}
	self->encoded++;
	job = g_new0(struct job, 1);
	job->key = key;
	job->refs = 1;
	job->bytes = g_byte_array_new();
	job->link.data = job;
	if (keep) {
		job->kept = true;
		job->refs++;
		g_hash_table_insert(self->table, &job->key, job);
		g_queue_push_head_link(&self->recent, &job->link);
	}
	unsigned stride = desktop_width(desktop);
	bool inside = rect->x + rect->w <= stride &&
		      rect->y + rect->h <= desktop_height(desktop);
	if (inside && (size_t)rect->w * rect->h <= JOBS_AT_ONCE) {
		encode(job,
		       desktop_pixels(desktop) + (size_t)rect->y * stride +
			   rect->x,
		       stride);
		job->done = true;
		if (keep)
			self->kept_bytes += job->bytes->len;
		trim(self);
		return job;
	}
	job->pixels = g_new(uint32_t, (size_t)rect->w * rect->h);
	desktop_read(desktop, rect, job->pixels);
	job->refs++;
	g_thread_pool_push(self->pool, job, NULL);
	return job;
}

struct job *jobs_begin_own(
    struct jobs *self,
    uint32_t (*encode_own)(void *data, const uint32_t *pixels,
			   unsigned stride_px, unsigned width, unsigned height,
			   GByteArray *out),
    void *data, GDestroyNotify release, const struct desktop *desktop,
    const struct rect *rect)
{
	struct job *job = g_new0(struct job, 1);
	job->key.w = rect->w;
	job->key.h = rect->h;
	job->key.frame = desktop_serial(desktop, rect);
	job->encode = encode_own;
	job->own = data;
	job->release = release;
	job->bytes = g_byte_array_new();
	job->pixels = g_new(uint32_t, (size_t)rect->w * rect->h);
	desktop_read(desktop, rect, job->pixels);
	job->refs = 2;
	self->encoded++;
	g_thread_pool_push(self->pool, job, NULL);
	return job;
}

/* ---- the whole ---- */

struct jobs *jobs_new(unsigned threads, void (*ready)(void *data), void *data)
{
	struct jobs *self = g_new0(struct jobs, 1);
	self->ready = ready;
	self->data = data;
	self->table = g_hash_table_new(key_hash, key_equal);
	self->finished = g_ptr_array_new();
	g_mutex_init(&self->lock);
	g_queue_init(&self->recent);
	/* shared threads end when there is nothing to do for a while */
	self->pool = g_thread_pool_new(
	    on_work, self, threads ? threads : g_get_num_processors(), FALSE,
	    NULL);
	return self;
}

void jobs_free(struct jobs *self)
{
	if (!self)
		return;
	g_thread_pool_free(self->pool, FALSE, TRUE);
	if (self->wake)
		g_source_remove(self->wake);
	self->ready = NULL;
	on_finished(self);
	while (self->recent.head)
		forget(self, self->recent.head->data);
	g_ptr_array_unref(self->finished);
	g_hash_table_unref(self->table);
	g_mutex_clear(&self->lock);
	g_free(self);
}

void jobs_count(const struct jobs *self, struct jobs_count *out)
{
	*out = (struct jobs_count){self->encoded, self->shared,
				   self->kept_bytes, self->recent.length};
}
