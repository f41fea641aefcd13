#include "vmm/kvm/ioloop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Removal is made safe by a list of live sources: an event names its source
 * by address and serial, and is dropped unless the list still has both. The
 * lock is recursive, since handlers add and remove sources themselves. */
struct ioloop {
	int epoll, wake;
	pthread_t thread;
	pthread_mutex_t lock;
	struct iosource *sources;
	uint32_t serial;
	atomic_bool quit;
	bool threaded;
};

static struct iosource *find(struct ioloop *loop, int fd, uint32_t serial)
{
	for (struct iosource *s = loop->sources; s; s = s->next)
		if (s->fd == fd && s->serial == serial)
			return s;
	return NULL;
}

static void *run(void *data)
{
	struct ioloop *loop = data;
	struct epoll_event events[32];

	while (!atomic_load(&loop->quit)) {
		int count = epoll_wait(loop->epoll, events, 32, -1);

		for (int i = 0; i < count; i++) {
			uint64_t key = events[i].data.u64;
			struct iosource *source;

			if (key == 0) {
				ioloop_drain(loop->wake);
				continue;
			}
			pthread_mutex_lock(&loop->lock);
			source = find(loop, (int)(key & 0x7fffffff),
				      (uint32_t)(key >> 32));
			if (source)
				source->ready(source->data, events[i].events);
			pthread_mutex_unlock(&loop->lock);
		}
	}
	return NULL;
}

struct ioloop *ioloop_new(const char *name)
{
	struct ioloop *loop = calloc(1, sizeof *loop);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};
	pthread_mutexattr_t recursive;
	pthread_attr_t attributes;

	if (!loop)
		return NULL;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&loop->lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 << 10);
	if (loop->epoll < 0 || loop->wake < 0 ||
	    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) < 0 ||
	    (name &&
	     (errno = pthread_create(&loop->thread, &attributes, run, loop)))) {
		int saved = errno;

		pthread_attr_destroy(&attributes);
		close(loop->epoll);
		close(loop->wake);
		free(loop);
		errno = saved;
		return NULL;
	}
	pthread_attr_destroy(&attributes);
	if (name)
		pthread_setname_np(loop->thread, name);
	loop->threaded = name != NULL;
	return loop;
}

void ioloop_free(struct ioloop *loop)
{
	if (!loop)
		return;
	atomic_store(&loop->quit, true);
	eventfd_write(loop->wake, 1);
	if (loop->threaded)
		pthread_join(loop->thread, NULL);
	pthread_mutex_destroy(&loop->lock);
	close(loop->epoll);
	close(loop->wake);
	free(loop);
}

bool ioloop_add(struct ioloop *loop, struct iosource *source, uint32_t events)
{
	struct epoll_event event = {.events = events};
	bool added;

	pthread_mutex_lock(&loop->lock);
	source->loop = loop;
	source->serial = ++loop->serial;
	event.data.u64 = (uint64_t)source->serial << 32 | (uint32_t)source->fd;
	added = epoll_ctl(loop->epoll, EPOLL_CTL_ADD, source->fd, &event) == 0;
	if (added) {
		source->next = loop->sources;
		loop->sources = source;
	} else {
		source->loop = NULL;
	}
	pthread_mutex_unlock(&loop->lock);
	return added;
}

void ioloop_change(struct iosource *source, uint32_t events)
{
	struct epoll_event event = {.events = events};

	if (!source->loop)
		return;
	event.data.u64 = (uint64_t)source->serial << 32 | (uint32_t)source->fd;
	epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event);
}

void ioloop_remove(struct iosource *source)
{
	struct ioloop *loop = source->loop;

	if (!loop)
		return;
	pthread_mutex_lock(&loop->lock);
	for (struct iosource **at = &loop->sources; *at; at = &(*at)->next)
		if (*at == source) {
			*at = source->next;
			break;
		}
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	source->loop = NULL;
	pthread_mutex_unlock(&loop->lock);
}

int ioloop_timerfd(void)
{
	return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

void ioloop_arm(int timerfd, uint64_t after_us, uint64_t every_us)
{
	struct itimerspec spec = {
	    .it_value = {(time_t)(after_us / 1000000),
			 (long)(after_us % 1000000) * 1000},
	    .it_interval = {(time_t)(every_us / 1000000),
			    (long)(every_us % 1000000) * 1000},
	};

	timerfd_settime(timerfd, 0, &spec, NULL);
}

bool ioloop_drain(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof count) == sizeof count && count > 0;
}
