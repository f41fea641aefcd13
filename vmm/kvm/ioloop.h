/* ioloop.h - the thread that moves data between devices and the host.
 *
 * An epoll loop of plain descriptors: doorbells (ioeventfd), disk
 * completions, sockets. Nothing here allocates after a source was added.
 *
 * Threads: sources may be added and changed from any thread; handlers run on
 * the loop's thread. ioloop_remove() from another thread returns only when
 * the handler is not running and will not run again.
 * Ownership: a source belongs to the caller, as does its descriptor. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ioloop;

struct iosource {
	int fd;
	/* events are EPOLLIN and so on */
	void (*ready)(void *data, uint32_t events);
	void *data;
	/* the loop's own */
	struct ioloop *loop;
	struct iosource *next;
	uint32_t serial;
};

/* name: at most 15 bytes, shown by ps -L; NULL: a loop without a thread, for
 * fuzzing, whose handlers never run. NULL with errno set. */
struct ioloop *ioloop_new(const char *name);
/* Ends and joins the thread. */
void ioloop_free(struct ioloop *loop);
/* events: EPOLLIN ... ; 0 watches for hang-up only. false with errno set. */
bool ioloop_add(struct ioloop *loop, struct iosource *source, uint32_t events);
void ioloop_change(struct iosource *source, uint32_t events);
void ioloop_remove(struct iosource *source);
/* A periodic or one-shot timer is a timerfd source. */
int ioloop_timerfd(void);
void ioloop_arm(int timerfd, uint64_t after_us, uint64_t every_us);
/* Counts an eventfd or timerfd down; true when it had fired. */
bool ioloop_drain(int fd);
