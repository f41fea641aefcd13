/* disk-nbd-fuzz.c - what a disk's server says, in the handshake and in its
 * answers. The input: a byte of how many bytes are the handshake's tail, then
 * a byte for each of four requests, then answers as they are, but that 'H' at
 * the start of a block of 17 bytes puts a real handle into its place. */
#include <stdint.h>

#include "vmm/kvm/disk-nbd.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned finished;

static void on_done(struct disk_request *request, int error)
{
	finished++;
}

static void answer(int fd, struct disk_request *requests, const uint8_t *data,
		   size_t size)
{
	while (size >= 17) {
		struct wire_answer wire = {.magic = htobe32(ANSWER_MAGIC)};

		if (data[0] != 'H') {
			send(fd, data, 17, MSG_DONTWAIT | MSG_NOSIGNAL);
		} else {
			memcpy(&wire.error, data + 2, 4);
			wire.error &= htobe32(data[6] & 1 ? 0x7f : 0);
			wire.handle = (uintptr_t)&requests[data[1] & 3];
			send(fd, &wire, sizeof wire,
			     MSG_DONTWAIT | MSG_NOSIGNAL);
		}
		data += 17;
		size -= 17;
	}
	send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t hello[] =
	    "NBDMAGICIHAVEOPT\0\3"
	    "\0\3\350\211\4Ue\251\0\0\0\7\0\0\0\3\0\0\0\14"
	    "\0\0\0\0\0\0\0\1\0\0\0\155"
	    "\0\3\350\211\4Ue\251\0\0\0\7\0\0\0\1\0\0\0\0";
	static struct ioloop *loop;
	struct disk_request requests[4] = {0};
	struct iovec iov[4][2];
	static uint8_t buffers[4][1024];
	struct nbd n = {.fd = -1, .last = &n.first, .path = (char *)"fuzz"};
	struct timeval limit = {.tv_usec = 1000};
	int pair[2];
	size_t tail;

	if (!loop)
		loop = ioloop_new(NULL);
	if (size < 6 || size > 4096 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 0;
	n.loop = loop;
	tail = data[0] % 64;
	/* the first bytes of a good handshake, then the input's */
	send(pair[1], hello, sizeof hello - 1 - tail, MSG_NOSIGNAL);
	if (tail) {
		size_t bytes = MIN(tail, size - 5);

		send(pair[1], data + 5, bytes, MSG_NOSIGNAL);
		shutdown(pair[1], SHUT_WR); /* nobody waits for more */
	}
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (!negotiate(&n, pair[0])) {
		close(pair[0]);
		close(pair[1]);
		return 0;
	}
	n.fd = pair[0];
	n.source = (struct iosource){.fd = n.fd, .ready = ready, .data = &n};
	ioloop_add(loop, &n.source, EPOLLIN);
	n.again_us = G_MAXINT64; /* no other server in its place */
	finished = 0;
	for (unsigned i = 0; i < 4; i++) {
		iov[i][0] = (struct iovec){buffers[i], 512};
		iov[i][1] = (struct iovec){buffers[i] + 512, 512};
		requests[i] = (struct disk_request){
		    .op = data[1 + i] % 5,
		    .unmap = data[1 + i] & 64,
		    .offset = i * 1024,
		    .bytes = data[1 + i] % 5 == DISK_FLUSH ? 0 : 1024,
		    .iov = iov[i],
		    .iov_count = 2,
		    .done = on_done,
		};
		nbd_submit(&n.disk, &requests[i]);
	}
	nbd_kick(&n.disk);
	answer(pair[1], requests, data + 5, size - 5);
	for (unsigned i = 0; i < 8 && n.fd >= 0; i++)
		ready(&n, EPOLLIN | EPOLLOUT);
	if (n.fd >= 0)
		lose(&n);
	/* each request ends exactly once, whatever was said */
	if (finished != 4)
		abort();
	close(pair[1]);
	return 0;
}
