/* One channel owns one fd with two watches: reading is always on, writing
 * only while bytes wait. Handlers may close or unref the channel from inside
 * a callback, so every callback runs with a reference held. */
#include "common/jsonline.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"

struct chunk { /* one message on its way out */
	GBytes *bytes;
	gsize done;
	int fd; /* sent with the first byte; -1 none */
};

struct call {
	struct jsonline *channel;
	json_int_t id;
	jsonline_answered answered;
	void *data;
	guint timer;
};

struct jsonline {
	int refs;
	int fd; /* -1 once closed */
	const struct jsonline_handlers *handlers;
	void *data;
	GByteArray *in;
	gsize scanned; /* bytes of `in` known to hold no newline */
	int in_fd;     /* received, waiting for its line */
	GQueue out;    /* struct chunk */
	gsize queued;
	GHashTable *calls; /* id -> struct call */
	json_int_t next_id;
	guint read_watch, write_watch, fail_idle;
	GError *why; /* for a failure found outside the read watch */
};

static void chunk_free(struct chunk *chunk)
{
	g_bytes_unref(chunk->bytes);
	if (chunk->fd >= 0)
		close(chunk->fd);
	g_free(chunk);
}

static void call_free(void *data)
{
	struct call *call = data;
	if (call->timer)
		g_source_remove(call->timer);
	g_free(call);
}

static gboolean on_readable(int fd, GIOCondition condition, void *data);
static gboolean on_writable(int fd, GIOCondition condition, void *data);

struct jsonline *jsonline_new(int fd, const struct jsonline_handlers *handlers,
			      void *data)
{
	struct jsonline *self = g_new0(struct jsonline, 1);
	self->refs = 1;
	self->fd = fd;
	self->handlers = handlers;
	self->data = data;
	self->in = g_byte_array_new();
	self->in_fd = -1;
	g_queue_init(&self->out);
	self->calls =
	    g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, call_free);
	self->next_id = 1;
	g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	self->read_watch =
	    g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, self);
	return self;
}

struct jsonline *jsonline_ref(struct jsonline *self)
{
	self->refs++;
	return self;
}

static void release(struct jsonline *self)
{
	if (self->read_watch)
		g_source_remove(self->read_watch);
	if (self->write_watch)
		g_source_remove(self->write_watch);
	if (self->fail_idle)
		g_source_remove(self->fail_idle);
	self->read_watch = self->write_watch = self->fail_idle = 0;
	if (self->fd >= 0)
		close(self->fd);
	self->fd = -1;
	if (self->in_fd >= 0)
		close(self->in_fd);
	self->in_fd = -1;
	g_queue_clear_full(&self->out, (GDestroyNotify)chunk_free);
	self->queued = 0;
}

void jsonline_unref(struct jsonline *self)
{
	if (!self || --self->refs > 0)
		return;
	release(self);
	g_hash_table_unref(self->calls);
	g_byte_array_unref(self->in);
	g_clear_error(&self->why);
	g_free(self);
}

/* Every call in flight gets its one answer. */
static void fail_calls(struct jsonline *self, const GError *why)
{
	g_autoptr(GError) fallback = fault_new(
	    FAULT_UNAVAILABLE, NULL, "The other process closed the channel.");
	g_autoptr(GHashTable) calls = g_steal_pointer(&self->calls);
	self->calls =
	    g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, call_free);
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, calls);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct call *call = value;
		if (call->answered)
			call->answered(self, NULL, why ? why : fallback,
				       call->data);
	}
}

void jsonline_close(struct jsonline *self)
{
	if (self->fd < 0)
		return;
	jsonline_ref(self);
	release(self);
	fail_calls(self, NULL);
	jsonline_unref(self);
}

gboolean jsonline_is_open(const struct jsonline *self)
{
	return self->fd >= 0;
}

gsize jsonline_queued(const struct jsonline *self)
{
	return self->queued;
}

gboolean jsonline_peer(const struct jsonline *self, uid_t *uid, pid_t *pid)
{
	struct ucred cred;
	socklen_t size = sizeof cred;
	if (self->fd < 0 ||
	    getsockopt(self->fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return FALSE;
	*uid = cred.uid;
	*pid = cred.pid;
	return TRUE;
}

/* The peer is gone or broke the rules. */
static void fail(struct jsonline *self, const GError *why)
{
	if (self->fd < 0)
		return;
	jsonline_ref(self);
	release(self);
	fail_calls(self, why);
	if (self->handlers->closed)
		self->handlers->closed(self, why, self->data);
	jsonline_unref(self);
}

static gboolean fail_now(void *data)
{
	struct jsonline *self = data;
	self->fail_idle = 0;
	g_autoptr(GError) why = g_steal_pointer(&self->why);
	fail(self, why);
	return G_SOURCE_REMOVE;
}

/* From inside a sending function of our user: tell them from the loop. */
static void fail_later(struct jsonline *self, GError *why)
{
	if (self->fail_idle || self->fd < 0) {
		g_error_free(why);
		return;
	}
	self->why = why;
	self->fail_idle = g_idle_add(fail_now, self);
}

/* ---- sending ---- */

static gboolean flush(struct jsonline *self)
{
	struct chunk *chunk;
	while ((chunk = g_queue_peek_head(&self->out))) {
		gsize size;
		const char *bytes = g_bytes_get_data(chunk->bytes, &size);
		struct iovec part = {(void *)(bytes + chunk->done),
				     size - chunk->done};
		struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
		union {
			char space[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} control = {0};
		if (chunk->fd >= 0) {
			msg.msg_control = control.space;
			msg.msg_controllen = sizeof control.space;
			struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
			head->cmsg_level = SOL_SOCKET;
			head->cmsg_type = SCM_RIGHTS;
			head->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(head), &chunk->fd, sizeof(int));
		}
		ssize_t sent = sendmsg(self->fd, &msg, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return TRUE;
		if (sent < 0)
			return FALSE;
		if (chunk->fd >= 0)
			close(chunk->fd);
		chunk->fd = -1;
		chunk->done += (gsize)sent;
		self->queued -= (gsize)sent;
		if (chunk->done == size)
			chunk_free(g_queue_pop_head(&self->out));
	}
	return TRUE;
}

static void watch_writing(struct jsonline *self)
{
	if (!g_queue_is_empty(&self->out) && !self->write_watch)
		self->write_watch =
		    g_unix_fd_add(self->fd, G_IO_OUT, on_writable, self);
}

static gboolean on_writable(int fd, GIOCondition condition, void *data)
{
	struct jsonline *self = data;
	/* a dead peer is noticed by the read watch, with its last words */
	if (flush(self) && !g_queue_is_empty(&self->out))
		return G_SOURCE_CONTINUE;
	self->write_watch = 0;
	return G_SOURCE_REMOVE;
}

static void post(struct jsonline *self, json_t *message, int fd)
{
	if (self->fd < 0) {
		json_decref(message);
		return;
	}
	char *text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	g_return_if_fail(text);
	gsize size = strlen(text);
	text[size] = '\n'; /* the terminator's place; the length is explicit */
	if (size + 1 > JSONLINE_MAX || self->queued + size > JSONLINE_QUEUE) {
		free(text);
		fail_later(self,
			   fault_new(FAULT_BUSY, NULL,
				     "The other process does not read its "
				     "channel: %" G_GSIZE_FORMAT
				     " bytes are waiting.",
				     self->queued));
		return;
	}
	struct chunk *chunk = g_new0(struct chunk, 1);
	chunk->bytes = g_bytes_new_with_free_func(text, size + 1, free, text);
	chunk->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	self->queued += size + 1;
	g_queue_push_tail(&self->out, chunk);
	if (!self->write_watch && flush(self))
		watch_writing(self);
}

static gboolean on_timeout(void *data)
{
	struct call *call = data;
	struct jsonline *self = jsonline_ref(call->channel);
	call->timer = 0;
	jsonline_answered answered = call->answered;
	void *answered_data = call->data;
	g_hash_table_remove(self->calls, &call->id);
	g_autoptr(GError) error = fault_new(
	    FAULT_TIMEOUT, NULL, "The other process did not answer in time.");
	if (answered)
		answered(self, NULL, error, answered_data);
	jsonline_unref(self);
	return G_SOURCE_REMOVE;
}

void jsonline_call(struct jsonline *self, json_t *message, int fd,
		   unsigned timeout_ms, jsonline_answered answered, void *data)
{
	struct call *call = g_new0(struct call, 1);
	call->channel = self;
	call->id = self->next_id++;
	call->answered = answered;
	call->data = data;
	if (timeout_ms)
		call->timer = g_timeout_add(timeout_ms, on_timeout, call);
	g_hash_table_insert(self->calls, &call->id, call);
	json_object_set_new(message, "id", json_integer(call->id));
	if (self->fd < 0 || g_hash_table_size(self->calls) > JSONLINE_CALLS) {
		/* answered like any other failure: later, and once */
		json_decref(message);
		if (call->timer)
			g_source_remove(call->timer);
		call->timer = g_timeout_add(0, on_timeout, call);
		return;
	}
	post(self, message, fd);
}

void jsonline_reply_fd(struct jsonline *self, json_int_t id, json_t *fields,
		       int fd)
{
	json_t *message = fields ? fields : json_object();
	json_object_set_new(message, "id", json_integer(id));
	json_object_set_new(message, "ok", json_true());
	post(self, message, fd);
}

void jsonline_reply(struct jsonline *self, json_int_t id, json_t *fields)
{
	jsonline_reply_fd(self, id, fields, -1);
}

void jsonline_reject(struct jsonline *self, json_int_t id, const GError *error)
{
	post(self,
	     json_pack("{s:I, s:o}", "id", id, "error",
		       jsonline_from_error(error)),
	     -1);
}

void jsonline_send(struct jsonline *self, json_t *message)
{
	post(self, message, -1);
}

/* ---- receiving ---- */

static void take_reply(struct jsonline *self, json_int_t id, json_t *message)
{
	struct call *call = g_hash_table_lookup(self->calls, &id);
	if (!call)
		return; /* its caller has given up */
	jsonline_answered answered = call->answered;
	void *data = call->data;
	g_hash_table_remove(self->calls, &id);
	if (!answered)
		return;
	json_t *failure = json_object_get(message, "error");
	if (failure) {
		g_autoptr(GError) error = jsonline_to_error(failure);
		answered(self, NULL, error, data);
	} else {
		answered(self, message, NULL, data);
	}
}

/* One line; FALSE when it breaks the envelope's rules. Takes fd. */
static gboolean take_line(struct jsonline *self, const char *line, gsize size,
			  int fd, GError **error)
{
	json_error_t parse;
	json_t *message =
	    json_loadb(line, size, JSON_REJECT_DUPLICATES, &parse);
	if (!json_is_object(message)) {
		json_decref(message);
		if (fd >= 0)
			close(fd);
		fault_set(error, FAULT_INVALID, NULL,
			  "The other process sent a line that is no JSON "
			  "object: %s.",
			  parse.text);
		return FALSE;
	}
	json_t *id = json_object_get(message, "id");
	const char *op = json_string_value(json_object_get(message, "op"));
	const char *event =
	    json_string_value(json_object_get(message, "event"));
	gboolean valid = TRUE;
	if (json_is_integer(id) && op && self->handlers->request) {
		self->handlers->request(self, json_integer_value(id), op,
					message, fd, self->data);
		fd = -1;
	} else if (json_is_integer(id) && !op) {
		take_reply(self, json_integer_value(id), message);
	} else if (event && !id) {
		if (self->handlers->event) {
			self->handlers->event(self, event, message, fd,
					      self->data);
			fd = -1;
		}
	} else {
		fault_set(error, FAULT_INVALID, NULL,
			  "The other process sent a message that is neither "
			  "request, reply nor event.");
		valid = FALSE;
	}
	if (fd >= 0)
		close(fd);
	json_decref(message);
	return valid;
}

static gboolean take_lines(struct jsonline *self, GError **error)
{
	for (;;) {
		char *start = (char *)self->in->data;
		char *end = self->in->len > self->scanned
				? memchr(start + self->scanned, '\n',
					 self->in->len - self->scanned)
				: NULL;
		if (!end) {
			self->scanned = self->in->len;
			if (self->in->len <= JSONLINE_MAX)
				return TRUE;
			fault_set(error, FAULT_INVALID, NULL,
				  "The other process sent a line of over %u "
				  "bytes.",
				  JSONLINE_MAX);
			return FALSE;
		}
		gsize size = (gsize)(end - start);
		g_autofree char *line = g_memdup2(start, size + 1);
		g_byte_array_remove_range(self->in, 0, (guint)(size + 1));
		self->scanned = 0;
		int fd = self->in_fd;
		self->in_fd = -1;
		if (!take_line(self, line, size, fd, error))
			return FALSE;
		if (self->fd < 0)
			return TRUE; /* the handler closed us */
	}
}

/* Returns bytes read, 0 at the end, -1 with errno. A descriptor comes with
 * the first byte of its line; recvmsg never reads past one into the next. */
static ssize_t receive(struct jsonline *self, void *buffer, gsize size)
{
	struct iovec part = {buffer, size};
	union {
		char space[CMSG_SPACE(sizeof(int) * 4)];
		struct cmsghdr align;
	} control;
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = control.space,
			     .msg_controllen = sizeof control.space};
	ssize_t got = recvmsg(self->fd, &msg, MSG_CMSG_CLOEXEC);
	if (got < 0)
		return got;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(&msg); head;
	     head = CMSG_NXTHDR(&msg, head)) {
		if (head->cmsg_level != SOL_SOCKET ||
		    head->cmsg_type != SCM_RIGHTS)
			continue;
		gsize count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (gsize i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(head) + i * sizeof(int),
			       sizeof fd);
			if (self->in_fd >= 0)
				close(fd); /* one per message is the rule */
			else
				self->in_fd = fd;
		}
	}
	return got;
}

static gboolean on_readable(int fd, GIOCondition condition, void *data)
{
	struct jsonline *self = jsonline_ref(data);
	g_autoptr(GError) error = NULL;
	guint8 buffer[16384];
	ssize_t got = receive(self, buffer, sizeof buffer);
	gboolean alive = TRUE;
	if (got > 0) {
		g_byte_array_append(self->in, buffer, (guint)got);
		alive = take_lines(self, &error);
	} else if (got == 0) {
		alive = FALSE;
	} else if (errno != EAGAIN && errno != EINTR) {
		int err = errno;
		fault_set(&error, FAULT_UNAVAILABLE, NULL,
			  "The channel to the other process broke: %s.",
			  g_strerror(err));
		alive = FALSE;
	}
	gboolean go_on = self->fd >= 0;
	if (!alive && go_on) {
		self->read_watch = 0; /* removed by our return value */
		fail(self, error);
		go_on = FALSE;
	}
	jsonline_unref(self);
	return go_on ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* ---- contents ---- */

json_t *jsonline_from_error(const GError *error)
{
	g_autofree char *cause = fault_cause(error);
	g_autofree char *remedy = fault_remedy(error);
	g_autofree char *valid = g_utf8_make_valid(cause, -1);
	json_t *object =
	    json_pack("{s:s, s:s}", "code", fault_code_name(fault_code(error)),
		      "cause", valid);
	if (remedy)
		json_object_set_new(object, "remedy", json_string(remedy));
	return object;
}

GError *jsonline_to_error(json_t *object)
{
	const char *code = json_string_value(json_object_get(object, "code"));
	const char *cause = json_string_value(json_object_get(object, "cause"));
	const char *remedy =
	    json_string_value(json_object_get(object, "remedy"));
	return fault_new(fault_code_parse(code), remedy, "%s",
			 cause ? cause : "The other process gave no reason.");
}

const char *jsonline_string(json_t *message, const char *key, GError **error)
{
	const char *value = json_string_value(json_object_get(message, key));
	if (!value)
		fault_set(error, FAULT_INVALID, NULL,
			  "Member '%s' must be a string.", key);
	return value;
}

gboolean jsonline_integer(json_t *message, const char *key, gint64 low,
			  gint64 high, gint64 *value, GError **error)
{
	json_t *member = json_object_get(message, key);
	if (json_is_integer(member) && json_integer_value(member) >= low &&
	    json_integer_value(member) <= high) {
		*value = json_integer_value(member);
		return TRUE;
	}
	fault_set(error, FAULT_INVALID, NULL,
		  "Member '%s' must be a whole number from %" G_GINT64_FORMAT
		  " to %" G_GINT64_FORMAT ".",
		  key, low, high);
	return FALSE;
}
