/* Both ways share the queue and the parser; they differ in how bytes come and
 * go, which is `struct way`. A port is read and written by overlapped
 * operations, one of each at a time; a socket by WSAEventSelect. */
#include "seamless/win32/link.h"

#include <stdlib.h>
#include <string.h>
#include <winioctl.h>

#include "seamless/win32/log.h"

#define ROOM_BYTES  (256u << 10) /* beyond that senders wait */
#define QUEUE_BYTES (4u << 20)   /* beyond that the peer is dead */
#define PIECE_BYTES 32768u       /* of one overlapped write */
#define READ_BYTES  16384u
#define LOOK_US     250000
#define READS_MAX   16 /* a turn; windows must not wait for a flood */

struct link {
	struct link_handlers handlers;
	void *data;
	bool up;
	HANDLE event;
	int64_t due;
	uint32_t serial;
	uint8_t *out;
	size_t out_used;
	size_t in_used;
	uint8_t in[SEAM_MESSAGE_MAX];

	SOCKET listener, socket; /* or INVALID_SOCKET */

	WCHAR *path; /* of a port */
	HANDLE port, inherited;
	OVERLAPPED reading, writing;
	bool read_pending, write_pending;
	uint8_t read_bytes[READ_BYTES], write_bytes[PIECE_BYTES];
};

static void end_peer(struct link *self, const char *why)
{
	bool was_up = self->up;
	self->up = false;
	self->in_used = self->out_used = 0;
	self->serial = 0;
	if (self->socket != INVALID_SOCKET)
		closesocket(self->socket);
	self->socket = INVALID_SOCKET;
	if (self->path)
		self->due = time_now() + LOOK_US;
	if (was_up)
		self->handlers.closed(why, self->data);
}

static void begin_peer(struct link *self)
{
	self->up = true;
	self->handlers.opened(self->data);
}

/* Takes whole messages out of what has been read. */
static void digest(struct link *self)
{
	size_t at = 0;
	while (self->up && at < self->in_used) {
		struct seam_message message;
		size_t used = 0;
		enum seam_status status = seam_parse(
		    self->in + at, self->in_used - at, &message, &used);
		if (status == SEAM_MORE)
			break;
		if (status == SEAM_OK) {
			self->handlers.message(&message, self->data);
			if (!self->up)
				return; /* the handler ended it */
		} else if (status != SEAM_UNKNOWN) {
			link_drop(self, SEAM_FAULT_PROTOCOL,
				  seam_status_text(status));
			return;
		}
		at += used;
	}
	memmove(self->in, self->in + at, self->in_used - at);
	self->in_used -= at;
}

/* ---- a port ---- */

static void forget_port(struct link *self, const char *why)
{
	if (self->port != INVALID_HANDLE_VALUE) {
		CancelIo(self->port);
		DWORD n;
		if (self->read_pending)
			GetOverlappedResult(self->port, &self->reading, &n,
					    TRUE);
		if (self->write_pending)
			GetOverlappedResult(self->port, &self->writing, &n,
					    TRUE);
		if (self->port != self->inherited)
			CloseHandle(self->port);
	}
	self->port = INVALID_HANDLE_VALUE;
	self->read_pending = self->write_pending = false;
	end_peer(self, why);
}

/* The driver's own question, of virtio-win's public interface: is the host's
 * end open? 1 and 0 are its answer, -1 says that it does not know it. */
static int host_connected(struct link *self)
{
	struct {
		UINT id;
		BOOLEAN out_full, host_connected, guest_connected;
		char name[128];
	} info = {0};
	const DWORD code = CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800,
				    METHOD_OUT_DIRECT, FILE_ANY_ACCESS);
	OVERLAPPED asking = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
	DWORD n = 0;
	BOOL done = DeviceIoControl(self->port, code, NULL, 0, &info,
				    sizeof info, &n, &asking);
	if (!done && GetLastError() == ERROR_IO_PENDING)
		done = GetOverlappedResult(self->port, &asking, &n, TRUE);
	if (asking.hEvent)
		CloseHandle(asking.hEvent);
	if (!done || n < offsetof(typeof(info), name))
		return -1;
	return info.host_connected != 0;
}

static bool have_port(struct link *self)
{
	if (self->port != INVALID_HANDLE_VALUE)
		return true;
	if (time_now() < self->due)
		return false;
	self->port = self->inherited;
	if (self->port == INVALID_HANDLE_VALUE)
		self->port = CreateFileW(
		    self->path, GENERIC_READ | GENERIC_WRITE, 0, NULL,
		    OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
	if (self->port == INVALID_HANDLE_VALUE) {
		self->due = time_now() + LOOK_US;
		log_line("The guest port cannot be opened: %s. The machine "
			 "has one only when it offers seamless windows, and "
			 "one agent at a time opens it.",
			 log_error(GetLastError()));
		return false;
	}
	return true;
}

static void took(struct link *self, DWORD n)
{
	if (!self->up)
		begin_peer(self);
	for (DWORD at = 0; at < n && self->up;) {
		size_t room = sizeof self->in - self->in_used;
		size_t part = n - at < room ? n - at : room;
		memcpy(self->in + self->in_used, self->read_bytes + at, part);
		self->in_used += part;
		at += (DWORD)part;
		digest(self);
	}
}

static void read_port(struct link *self)
{
	for (int i = 0; i < READS_MAX && have_port(self); i++) {
		DWORD n = 0;
		BOOL done;
		if (self->read_pending) {
			done = GetOverlappedResult(self->port, &self->reading,
						   &n, FALSE);
		} else {
			if (!self->up && time_now() < self->due)
				return;
			if (!self->up) {
				int host = host_connected(self);
				self->due = time_now() + LOOK_US;
				if (host == 0)
					return;
				if (host == 1) /* else the first byte says */
					begin_peer(self);
			}
			done = ReadFile(self->port, self->read_bytes,
					READ_BYTES, &n, &self->reading);
		}
		if (!done && (GetLastError() == ERROR_IO_PENDING ||
			      GetLastError() == ERROR_IO_INCOMPLETE)) {
			self->read_pending = true;
			return;
		}
		self->read_pending = false;
		if (!done) {
			forget_port(self, "the guest port fails");
			return;
		}
		if (n == 0) { /* nobody has the host's end open */
			end_peer(self, "the host's end is closed");
			self->due = time_now() + LOOK_US;
			return;
		}
		took(self, n);
	}
	SetEvent(self->event); /* there may be more */
}

static void write_port(struct link *self)
{
	while (self->port != INVALID_HANDLE_VALUE) {
		DWORD n = 0;
		if (self->write_pending) {
			if (!GetOverlappedResult(self->port, &self->writing, &n,
						 FALSE)) {
				if (GetLastError() == ERROR_IO_INCOMPLETE)
					return;
				self->write_pending = false;
				forget_port(self, "the guest port fails");
				return;
			}
			self->write_pending = false;
		}
		if (!self->out_used)
			return;
		DWORD size = self->out_used < PIECE_BYTES
				 ? (DWORD)self->out_used
				 : PIECE_BYTES;
		memcpy(self->write_bytes, self->out, size);
		memmove(self->out, self->out + size, self->out_used - size);
		self->out_used -= size;
		if (WriteFile(self->port, self->write_bytes, size, &n,
			      &self->writing) ||
		    GetLastError() == ERROR_IO_PENDING) {
			self->write_pending = true;
			continue;
		}
		forget_port(self, "the guest port fails");
		return;
	}
}

/* ---- a socket ---- */

static void accept_peer(struct link *self)
{
	SOCKET fresh = accept(self->listener, NULL, NULL);
	if (fresh == INVALID_SOCKET)
		return;
	if (self->up)
		link_drop(self, SEAM_FAULT_TAKEN,
			  "another client has taken over");
	BOOL on = TRUE;
	setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, (const char *)&on,
		   sizeof on);
	WSAEventSelect(fresh, self->event, FD_READ | FD_WRITE | FD_CLOSE);
	self->socket = fresh;
	begin_peer(self);
}

static void read_socket(struct link *self)
{
	SOCKET mine = self->socket;
	for (int i = 0; i < READS_MAX && self->socket == mine; i++) {
		int n = recv(self->socket, (char *)self->in + self->in_used,
			     (int)(sizeof self->in - self->in_used), 0);
		if (n < 0 && WSAGetLastError() == WSAEWOULDBLOCK)
			return;
		if (n <= 0) {
			end_peer(self, "it went away");
			return;
		}
		self->in_used += (size_t)n;
		digest(self);
	}
	SetEvent(self->event);
}

static void write_socket(struct link *self)
{
	size_t sent = 0;
	while (self->socket != INVALID_SOCKET && sent < self->out_used) {
		int n = send(self->socket, (char *)self->out + sent,
			     (int)(self->out_used - sent), 0);
		if (n < 0 && WSAGetLastError() != WSAEWOULDBLOCK) {
			end_peer(self, "its end is closed");
			return;
		}
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	if (sent && self->out_used >= sent) {
		memmove(self->out, self->out + sent, self->out_used - sent);
		self->out_used -= sent;
	}
}

/* ---- both ---- */

void link_pump(struct link *self)
{
	ResetEvent(self->event);
	if (self->path) {
		read_port(self);
		write_port(self);
		return;
	}
	accept_peer(self);
	if (self->socket != INVALID_SOCKET)
		read_socket(self);
	if (self->socket != INVALID_SOCKET)
		write_socket(self);
}

HANDLE link_handle(const struct link *self)
{
	return self->event;
}

int64_t link_due(const struct link *self)
{
	bool idle = self->path && !self->read_pending;
	return idle ? self->due : TIME_NEVER;
}

static struct link *new_link(const struct link_handlers *handlers, void *data)
{
	struct link *self = calloc(1, sizeof *self);
	if (!self)
		return NULL;
	self->handlers = *handlers;
	self->data = data;
	self->listener = self->socket = INVALID_SOCKET;
	self->port = self->inherited = INVALID_HANDLE_VALUE;
	self->out = malloc(QUEUE_BYTES);
	/* by hand: both operations and the accept share it */
	self->event = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (!self->out || !self->event) {
		link_destroy(self);
		return NULL;
	}
	return self;
}

struct link *link_open_port(const WCHAR *path, HANDLE inherited,
			    const struct link_handlers *handlers, void *data)
{
	struct link *self = new_link(handlers, data);
	if (!self)
		return NULL;
	self->path = _wcsdup(path);
	self->inherited = inherited;
	self->reading.hEvent = self->writing.hEvent = self->event;
	return self;
}

struct link *link_listen(unsigned port, const struct link_handlers *handlers,
			 void *data)
{
	WSADATA wsa;
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((u_short)port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	WSAStartup(MAKEWORD(2, 2), &wsa);
	struct link *self = new_link(handlers, data);
	if (!self)
		return NULL;
	self->listener = socket(AF_INET, SOCK_STREAM, 0);
	BOOL on = TRUE;
	setsockopt(self->listener, SOL_SOCKET, SO_EXCLUSIVEADDRUSE,
		   (const char *)&on, sizeof on);
	if (self->listener == INVALID_SOCKET ||
	    bind(self->listener, (struct sockaddr *)&address, sizeof address) !=
		0 ||
	    listen(self->listener, 4) != 0 ||
	    WSAEventSelect(self->listener, self->event, FD_ACCEPT) != 0) {
		log_line("Port %u on the loopback cannot be had: %s.", port,
			 log_error((DWORD)WSAGetLastError()));
		link_destroy(self);
		return NULL;
	}
	return self;
}

unsigned link_port(const struct link *self)
{
	struct sockaddr_in address = {0};
	int size = sizeof address;
	getsockname(self->listener, (struct sockaddr *)&address, &size);
	return ntohs(address.sin_port);
}

void link_destroy(struct link *self)
{
	if (!self)
		return;
	self->up = false;
	if (self->path)
		forget_port(self, "");
	end_peer(self, "");
	if (self->listener != INVALID_SOCKET)
		closesocket(self->listener);
	if (self->event)
		CloseHandle(self->event);
	free(self->out);
	free(self->path);
	free(self);
}

bool link_is_up(const struct link *self)
{
	return self->up;
}

bool link_has_room(const struct link *self)
{
	return self->up && self->out_used < ROOM_BYTES;
}

bool link_send(struct link *self, struct seam_message *message)
{
	size_t size = 0;
	if (!self->up)
		return false;
	if (self->out_used + SEAM_MESSAGE_MAX > QUEUE_BYTES) {
		/* Senders ask for room first, so this is a peer that reads
		 * nothing while it makes us answer. */
		end_peer(self, "it does not read");
		return false;
	}
	message->serial = ++self->serial;
	enum seam_status status =
	    seam_write(message, self->out + self->out_used,
		       QUEUE_BYTES - self->out_used, &size);
	if (status != SEAM_OK) {
		self->serial--;
		log_line("A %s was not sent: %s.",
			 seam_type_name(message->type),
			 seam_status_text(status));
		return false;
	}
	self->out_used += size;
	SetEvent(self->event); /* the rest of this turn's leave with it */
	return true;
}

void link_drop(struct link *self, enum seam_fault fault, const char *why)
{
	struct seam_message message = {.type = SEAM_ERROR};
	message.error.code = fault;
	message.error.text = seam_text_of(why, 1024);
	if (link_send(self, &message)) {
		if (self->path)
			write_port(self);
		else
			write_socket(self);
	}
	end_peer(self, why);
}
