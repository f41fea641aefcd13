/* aio-threads.c - disk requests on a few threads: where io_uring is missing
 * or forbidden. Threads start with the first request and end with the disk. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/kvm/disk.h"
#include "vmm/kvm/ioloop.h"

#define THREADS 4 /* a desktop's disk seldom has more in flight */

struct threads {
	struct aio aio;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct disk_request *first, **last; /* waiting */
	struct disk_request *finished;
	pthread_t ids[THREADS];
	unsigned started;
	bool quit;
	int fd;
	struct iosource source;
};

static void *work(void *data)
{
	struct threads *t = data;

	pthread_mutex_lock(&t->lock);
	for (;;) {
		struct disk_request *r;

		while (!t->first && !t->quit)
			pthread_cond_wait(&t->work, &t->lock);
		if (!t->first)
			break;
		r = t->first;
		t->first = r->next;
		if (!t->first)
			t->last = &t->first;
		pthread_mutex_unlock(&t->lock);
		/* the descriptor has served: its place keeps the result */
		r->fd = aio_perform(r);
		pthread_mutex_lock(&t->lock);
		r->next = t->finished;
		t->finished = r;
		eventfd_write(t->fd, 1);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

static void completed(void *data, uint32_t events)
{
	struct threads *t = data;
	struct disk_request *r;

	ioloop_drain(t->fd);
	pthread_mutex_lock(&t->lock);
	r = t->finished;
	t->finished = NULL;
	pthread_mutex_unlock(&t->lock);
	while (r) {
		struct disk_request *next = r->next;

		r->done(r, r->fd);
		r = next;
	}
}

static void threads_submit(struct aio *aio, struct disk_request *r)
{
	struct threads *t = (struct threads *)aio;

	r->next = NULL;
	pthread_mutex_lock(&t->lock);
	*t->last = r;
	t->last = &r->next;
	while (t->started < THREADS &&
	       pthread_create(&t->ids[t->started], NULL, work, t) == 0) {
		pthread_setname_np(t->ids[t->started], "disk");
		t->started++;
	}
	pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
}

static void threads_close(struct aio *aio)
{
	struct threads *t = (struct threads *)aio;

	pthread_mutex_lock(&t->lock);
	t->quit = true;
	pthread_cond_broadcast(&t->work);
	pthread_mutex_unlock(&t->lock);
	for (unsigned i = 0; i < t->started; i++)
		pthread_join(t->ids[i], NULL);
	ioloop_remove(&t->source);
	close(t->fd);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->work);
	free(t);
}

static struct aio *threads_open(struct ioloop *loop)
{
	struct threads *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->aio.ops = &aio_threads;
	t->last = &t->first;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->work, NULL);
	t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t->source =
	    (struct iosource){.fd = t->fd, .ready = completed, .data = t};
	if (t->fd < 0 || !ioloop_add(loop, &t->source, EPOLLIN)) {
		threads_close(&t->aio);
		return NULL;
	}
	return &t->aio;
}

const struct aio_ops aio_threads = {
    .name = "threads",
    .open = threads_open,
    .submit = threads_submit,
    .close = threads_close,
};
