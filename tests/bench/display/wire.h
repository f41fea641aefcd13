/* wire.h - the bench's end of an RFB connection: buffered, counted, blocking.
 *
 * Threads: one reads; any may write, a message at a time. Fails: ends the
 * program with a message, for a bench without its connection is none. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire {
	int fd;
	uint64_t received; /* bytes */
	size_t at, end;
	uint8_t *buffer;
	pthread_mutex_t write_lock;
};

/* PATH or HOST:PORT; retries for 10 s while nobody listens. */
void wire_connect(struct wire *self, const char *address);
void wire_close(struct wire *self);
/* Something to read within ms; 0 does not wait. */
bool wire_ready(struct wire *self, int ms);
void wire_read(struct wire *self, void *out, size_t bytes);
uint8_t wire_u8(struct wire *self);
uint16_t wire_u16(struct wire *self);
uint32_t wire_u32(struct wire *self);
void wire_skip(struct wire *self, size_t bytes);
void wire_write(struct wire *self, const void *data, size_t bytes);

/* Says why and ends the program. */
void die(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));
