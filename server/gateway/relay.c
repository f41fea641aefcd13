/* Readiness is remembered until a call says EAGAIN, so that a busy stream
 * costs one read, one encryption and one send per buffer and no poll() in
 * between beyond one that looks after the aside.
 *
 * libssl writes each record (16 KiB) by itself; a buffering BIO in front of
 * the socket collects them, which saves the kernel 15 of 16 calls. */
#include "server/gateway/relay.h"

#include <errno.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"

/* buffers handed on before the aside gets a look */
#define ROUNDS 16
/* how often a client that seems to take nothing is looked at more closely */
#define SAMPLE_MS 5000

struct stream {
	guint8 *bytes;
	gsize size, start, end; /* start..end waits to go out */
	gboolean in_ended;      /* nothing more will come */
	gboolean out_ended; /* ... and everything, and that, was passed on */
};

struct relay {
	const struct relay_job *job;
	SSL *ssl;
	BIO *gather;
	struct stream up, down;
	gboolean net_in, net_out;     /* worth a try */
	gboolean local_in, local_out; /* likewise */
	gboolean unflushed;           /* bytes wait in gather */
	gboolean farewell_heard;      /* by the codec */
	gboolean farewell_said;       /* by the codec; nothing may follow */
	gboolean read_needs_out;      /* TLS wants to write before it reads */
	gboolean write_needs_in;
	gint64 moved_us; /* last progress either way */
	gint64 taken_us; /* last time the client took something */
	gint64 sampled_us;
	int unsent; /* bytes in the kernel's queue at sampled_us */
};

static gsize waiting(const struct stream *stream)
{
	return stream->end - stream->start;
}

static void consume(struct stream *stream, gsize size)
{
	stream->start += size;
	if (stream->start == stream->end)
		stream->start = stream->end = 0;
}

static gboolean lost_client(GError **error, const char *what)
{
	fault_set(error, FAULT_CANCELLED, NULL,
		  "The client's connection broke: %s.", what);
	return FALSE;
}

/* A TLS call failed; FALSE when the client is lost. */
static gboolean tls_failed(struct relay *self, int result, int err,
			   gboolean reading, GError **error)
{
	switch (SSL_get_error(self->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		self->net_in = FALSE;
		self->write_needs_in = !reading;
		return TRUE;
	case SSL_ERROR_WANT_WRITE:
		self->net_out = FALSE;
		self->read_needs_out = reading;
		return TRUE;
	case SSL_ERROR_ZERO_RETURN:
		self->up.in_ended = TRUE;
		return TRUE;
	case SSL_ERROR_SYSCALL:
		return lost_client(error, err ? g_strerror(err) : "it ended");
	default: {
		const char *why = ERR_reason_error_string(ERR_get_error());
		return lost_client(error, why ? why : "TLS error");
	}
	}
}

/* ---- the four moves; each sets *moved when bytes went on ---- */

/* A piece stands at down's end, behind the room for its head. */
static void wrap(struct relay *self, gsize size)
{
	const struct relay_codec *codec = self->job->codec;
	guint8 *at = self->down.bytes + self->down.end;
	gsize head = codec->put_head(codec->data, at, size);
	if (head < RELAY_CODEC_HEAD) /* a short piece has a short head */
		memmove(at + head, at + RELAY_CODEC_HEAD, size);
	self->down.end += head + size;
}

/* The codec's own words, where they may stand. */
static void let_codec_say(struct relay *self, gboolean last)
{
	const struct relay_codec *codec = self->job->codec;
	struct stream *down = &self->down;
	if (!codec || self->farewell_said ||
	    down->size - down->end < RELAY_CODEC_SAY)
		return;
	down->end += codec->say(codec->data, down->bytes + down->end, last);
	self->farewell_said = last;
}

static void unwrap(struct relay *self, gsize size)
{
	const struct relay_codec *codec = self->job->codec;
	gboolean ended = FALSE;
	if (codec)
		size = codec->take(codec->data, self->up.bytes + self->up.end,
				   size, &ended);
	self->up.end += size;
	if (ended)
		self->up.in_ended = self->farewell_heard = TRUE;
}

static gboolean local_read(struct relay *self, gboolean *moved, GError **error)
{
	struct stream *down = &self->down;
	if (down->in_ended || !self->local_in || down->end == down->size)
		return TRUE;
	const struct relay_codec *codec = self->job->codec;
	gsize room = down->size - down->end;
	gsize head = codec ? RELAY_CODEC_HEAD : 0;
	if (room <= head)
		return TRUE;
	room = codec ? MIN(room - head, RELAY_CODEC_PIECE) : room;
	guint8 *at = down->bytes + down->end;
	ssize_t got = recv(self->job->local, at + head, room, 0);
	if (got > 0) {
		if (codec)
			wrap(self, (gsize)got);
		else
			down->end += (gsize)got;
		/* less than asked for: drained */
		self->local_in = (gsize)got == room;
		*moved = TRUE;
	} else if (got < 0 && errno == EAGAIN) {
		self->local_in = FALSE;
	} else if (got == 0 || errno != EINTR) {
		/* a reset of a local socket is its owner's death: an end */
		down->in_ended = TRUE;
		*moved = TRUE;
	}
	return TRUE;
}

static gboolean net_flush(struct relay *self, GError **error)
{
	if (!self->unflushed || !self->net_out)
		return TRUE;
	ERR_clear_error();
	errno = 0;
	if (BIO_flush(self->gather) > 0) {
		self->unflushed = FALSE;
		self->taken_us = g_get_monotonic_time();
		return TRUE;
	}
	if (BIO_should_retry(self->gather)) {
		self->net_out = FALSE;
		return TRUE;
	}
	return lost_client(error, errno ? g_strerror(errno) : "it ended");
}

static gboolean net_write(struct relay *self, gboolean *moved, GError **error)
{
	struct stream *down = &self->down;
	const struct relay_pieces *pieces = self->job->pieces;
	while (waiting(down) && self->net_out && !self->write_needs_in) {
		const guint8 *at = down->bytes + down->start;
		gsize size = pieces
				 ? pieces->next(pieces->data, at, waiting(down))
				 : waiting(down);
		ERR_clear_error();
		errno = 0;
		int put = SSL_write(self->ssl, at, (int)size);
		if (put <= 0) {
			if (!tls_failed(self, put, errno, FALSE, error))
				return FALSE;
			break;
		}
		if (pieces)
			pieces->done(pieces->data, at, (gsize)put);
		consume(down, (gsize)put);
		self->unflushed = *moved = TRUE;
	}
	return net_flush(self, error);
}

static gboolean net_read(struct relay *self, gboolean *moved, GError **error)
{
	struct stream *up = &self->up;
	if (up->in_ended || !self->net_in || self->read_needs_out ||
	    up->end == up->size)
		return TRUE;
	ERR_clear_error();
	errno = 0;
	int got =
	    SSL_read(self->ssl, up->bytes + up->end, (int)(up->size - up->end));
	if (got > 0) {
		unwrap(self, (gsize)got);
		*moved = TRUE;
		return TRUE;
	}
	return tls_failed(self, got, errno, TRUE, error);
}

static gboolean local_write(struct relay *self, gboolean *moved, GError **error)
{
	struct stream *up = &self->up;
	if (!waiting(up) || !self->local_out)
		return TRUE;
	ssize_t put = send(self->job->local, up->bytes + up->start, waiting(up),
			   MSG_NOSIGNAL);
	if (put > 0) {
		consume(up, (gsize)put);
		*moved = TRUE;
	} else if (put < 0 && errno == EAGAIN) {
		self->local_out = FALSE;
	} else if (put < 0 && errno != EINTR) {
		/* it reads no more; what it still has to say goes on */
		consume(up, waiting(up));
		up->in_ended = up->out_ended = TRUE;
	}
	return TRUE;
}

static gboolean move(struct relay *self, gboolean *moved, GError **error)
{
	if (!local_read(self, moved, error))
		return FALSE;
	let_codec_say(self, FALSE);
	return net_write(self, moved, error) && net_read(self, moved, error) &&
	       local_write(self, moved, error);
}

/* ---- ends ---- */

static void pass_on_ends(struct relay *self)
{
	if (self->up.in_ended && !waiting(&self->up) && !self->up.out_ended) {
		shutdown(self->job->local, SHUT_WR);
		self->up.out_ended = TRUE;
	}
	/* a client that has said farewell waits for ours, not for pictures */
	if (self->farewell_heard && self->up.out_ended)
		self->down.in_ended = TRUE;
	if (self->down.in_ended)
		let_codec_say(self, TRUE);
	if (self->job->codec && !self->farewell_said)
		return;
	if (self->down.in_ended && !waiting(&self->down) && !self->unflushed)
		self->down.out_ended = TRUE;
}

static gboolean owes_client(const struct relay *self)
{
	return waiting(&self->down) || self->unflushed;
}

/* When to look at patience again; G_MAXINT64 for never. */
static gint64 deadline_us(const struct relay *self)
{
	gint64 until = G_MAXINT64;
	if (owes_client(self))
		until = MIN(self->taken_us + RELAY_STALL_MS * 1000ll,
			    self->sampled_us + SAMPLE_MS * 1000ll);
	if (self->up.in_ended)
		until = MIN(until, self->moved_us + RELAY_HALF_MS * 1000ll);
	if (self->job->idle_ms)
		until =
		    MIN(until, self->moved_us + self->job->idle_ms * 1000ll);
	return until;
}

/* A slow client may need long for what one flush hands to the kernel, so what
 * it acknowledges there counts too. */
static void sample(struct relay *self, gint64 now_us)
{
	int unsent = 0;
	if (ioctl(self->job->conn->fd, SIOCOUTQ, &unsent) < 0)
		return;
	if (unsent < self->unsent)
		self->taken_us = now_us;
	self->unsent = unsent;
	self->sampled_us = now_us;
}

/* FALSE when somebody's time is up. */
static gboolean have_patience(struct relay *self, GError **error)
{
	gint64 now_us = g_get_monotonic_time();
	if (now_us < deadline_us(self))
		return TRUE;
	if (owes_client(self))
		sample(self, now_us);
	if (owes_client(self) &&
	    now_us - self->taken_us >= RELAY_STALL_MS * 1000ll) {
		fault_set(error, FAULT_TIMEOUT, NULL,
			  "The client took nothing for %d s while bytes "
			  "waited.",
			  RELAY_STALL_MS / 1000);
		return FALSE;
	}
	unsigned still_ms = (unsigned)((now_us - self->moved_us) / 1000);
	if (self->up.in_ended && still_ms >= RELAY_HALF_MS) {
		/* no fault: it has gone, and there was nothing left to say */
		fault_set(error, FAULT_CANCELLED, NULL, "The client left.");
		return FALSE;
	}
	if (self->job->idle_ms && still_ms >= self->job->idle_ms) {
		fault_set(error, FAULT_TIMEOUT, NULL, "Nothing moved for %u s.",
			  still_ms / 1000);
		return FALSE;
	}
	return TRUE;
}

/* ---- the loop ---- */

static short net_events(const struct relay *self)
{
	short events = 0;
	if (!self->net_in &&
	    ((!self->up.in_ended && self->up.end < self->up.size) ||
	     self->write_needs_in))
		events |= POLLIN;
	if (!self->net_out && (owes_client(self) || self->read_needs_out))
		events |= POLLOUT;
	return events;
}

static short local_events(const struct relay *self)
{
	short events = 0;
	if (!self->local_in && !self->down.in_ended &&
	    self->down.end < self->down.size)
		events |= POLLIN;
	if (!self->local_out && waiting(&self->up))
		events |= POLLOUT;
	return events;
}

static int patience_ms(const struct relay *self, gboolean busy)
{
	const struct relay_aside *aside = self->job->aside;
	gint64 until = deadline_us(self);
	int ms = -1;
	if (busy)
		return 0;
	if (until != G_MAXINT64)
		ms = (int)CLAMP((until - g_get_monotonic_time()) / 1000 + 1, 0,
				G_MAXINT);
	int other = aside ? aside->patience_ms(aside->data) : -1;
	return ms < 0 ? other : other < 0 ? ms : MIN(ms, other);
}

static gboolean wait_more(struct relay *self, gboolean busy, GError **error)
{
	const struct relay_aside *aside = self->job->aside;
	struct pollfd watch[] = {
	    /* always, to notice that the client is gone */
	    {.fd = self->job->conn->fd, .events = net_events(self)},
	    {.fd = self->job->local, .events = local_events(self)},
	    {.fd = aside ? aside->fd(aside->data) : -1, .events = POLLIN},
	};
	if (!watch[1].events)
		watch[1].fd = -1; /* its end can wait and must not spin */
	int ready = poll(watch, 3, patience_ms(self, busy));
	if (ready < 0 && errno != EINTR) {
		fault_set(error, FAULT_INTERNAL, NULL, "poll: %s.",
			  g_strerror(errno));
		return FALSE;
	}
	if (ready < 0)
		return TRUE;
	if (aside &&
	    (watch[2].revents || aside->patience_ms(aside->data) == 0) &&
	    !aside->serve(aside->data, error))
		return FALSE;
	short net = watch[0].revents, local = watch[1].revents;
	if ((net & (POLLERR | POLLHUP)) && !watch[0].events && !busy)
		return lost_client(error, "it hung up");
	if (net & (POLLIN | POLLERR | POLLHUP)) {
		self->net_in = TRUE;
		self->write_needs_in = FALSE;
	}
	if (net & (POLLOUT | POLLERR | POLLHUP)) {
		self->net_out = TRUE;
		self->read_needs_out = FALSE;
	}
	if (local & (POLLIN | POLLERR | POLLHUP))
		self->local_in = TRUE;
	if (local & (POLLOUT | POLLERR | POLLHUP))
		self->local_out = TRUE;
	return busy || have_patience(self, error);
}

static gboolean loop(struct relay *self, GError **error)
{
	for (;;) {
		gboolean moved = TRUE;
		gboolean owed = owes_client(self);
		for (int i = 0; i < ROUNDS && moved; i++) {
			moved = FALSE;
			if (!move(self, &moved, error))
				return FALSE;
			if (moved)
				self->moved_us = g_get_monotonic_time();
		}
		if (!owed) /* patience begins when bytes begin to wait */
			self->taken_us = self->sampled_us =
			    g_get_monotonic_time();
		pass_on_ends(self);
		if (self->down.out_ended)
			return TRUE;
		/* a farewell may have been added just now */
		moved = moved || (owes_client(self) && self->net_out &&
				  !self->write_needs_in);
		if (!wait_more(self, moved, error))
			return FALSE;
	}
}

/* From now on what TLS writes is gathered; reading stays as it is. */
static gboolean gather(struct relay *self)
{
	BIO *buffer = BIO_new(BIO_f_buffer());
	BIO *socket = SSL_get_wbio(self->ssl);
	if (!buffer)
		return FALSE;
	/* room for a full buffer with its record headers, so that it is one
	 * send; BIO_f_buffer flushes by itself when it overflows */
	if (!BIO_set_write_buffer_size(buffer, RELAY_DOWN + RELAY_DOWN / 16) ||
	    !BIO_up_ref(socket)) {
		BIO_free(buffer);
		return FALSE;
	}
	self->gather = BIO_push(buffer, socket);
	SSL_set0_wbio(self->ssl, self->gather);
	return TRUE;
}

/* Ended from aside, not by the client: it may be told, if it listens. */
static void say_why(struct relay *self, const GError *error)
{
	gboolean moved = FALSE;
	g_autoptr(GError) ignored = NULL;
	enum fault_code code = fault_code(error);
	if (!self->job->codec || code == FAULT_CANCELLED ||
	    code == FAULT_TIMEOUT)
		return;
	self->job->codec->why(self->job->codec->data, error);
	let_codec_say(self, TRUE);
	net_write(self, &moved, &ignored);
}

gboolean relay_run(const struct relay_job *job, GError **error)
{
	struct relay self = {
	    .job = job,
	    .ssl = job->conn->ssl,
	    .up = {.size = RELAY_UP, .bytes = g_malloc(RELAY_UP)},
	    .down = {.size = RELAY_DOWN, .bytes = g_malloc(RELAY_DOWN)},
	    .net_in = TRUE,
	    .net_out = TRUE,
	    .local_in = TRUE,
	    .local_out = TRUE,
	    .moved_us = g_get_monotonic_time(),
	    .unsent = G_MAXINT,
	};
	gboolean fine = gather(&self);
	if (!fine)
		fault_set(error, FAULT_INTERNAL, NULL, "No memory for TLS.");
	if (fine) {
		g_return_val_if_fail(job->first_size <= RELAY_UP, FALSE);
		if (job->first_size)
			memcpy(self.up.bytes, job->first, job->first_size);
		unwrap(&self, job->first_size);
		fine = loop(&self, error);
		if (!fine)
			say_why(&self, *error);
	}
	g_free(self.up.bytes);
	g_free(self.down.bytes);
	return fine;
}
