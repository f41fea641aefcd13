/* The client's files. One that it opens with an application comes before the
 * LAUNCH, into the folder "Oriel" of the user's profile; what a program saves
 * there goes back. One file at a time in each direction. The rules are those
 * of docs/seamless.md, "Files", as seamless/agent/files.c keeps them in X.
 *
 * Windows tells that something in the folder has changed, not what; so the
 * files that were opened are held against what they were. One that a program
 * still has open for writing is not read yet. */
#include "seamless/win32/agent.h"

#include <shlobj.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seamless/win32/clip-formats.h"
#include "seamless/win32/log.h"
#include "seamless/win32/text.h"

#define TRACKED_MAX 256
#define NUMBERS_MAX 1000
#define SETTLE_US   300000 /* programs that write in steps are done by then */
#define COMPARE     16384

struct known { /* a file as it was last the same on both sides */
	uint64_t size, written;
};

struct tracked {
	uint32_t token;
	WCHAR *name;
	bool dirty;
	struct known known;
};

struct files {
	struct agent *agent;
	WCHAR *path; /* of the folder */
	HANDLE watch;
	int64_t settled_us; /* 0: nothing to look at */
	struct tracked tracked[TRACKED_MAX];
	unsigned n_tracked; /* oldest first */

	struct {
		HANDLE file; /* INVALID_HANDLE_VALUE: none */
		WCHAR *temporary, *name;
		uint32_t token, size, have;
		bool writable;
	} in;
	struct {
		HANDLE file;
		char name[256];
		uint32_t token, size, sent, taken;
		unsigned index; /* in tracked, if it is there yet */
		bool begun, ended;
	} out;
};

static void say(struct files *self, uint32_t token, enum seam_file_states state,
		uint32_t taken, const char *text)
{
	struct seam_message message = {.type = SEAM_FILE_STATE};
	message.file_state = (struct seam_file_state){
	    token, (uint8_t)state, taken, seam_text_of(text ? text : "", 4096)};
	agent_send(self->agent, &message);
}

static void drop_in(struct files *self)
{
	if (self->in.file != INVALID_HANDLE_VALUE)
		CloseHandle(self->in.file);
	if (self->in.temporary)
		DeleteFileW(self->in.temporary);
	free(self->in.temporary);
	free(self->in.name);
	memset(&self->in, 0, sizeof self->in);
	self->in.file = INVALID_HANDLE_VALUE;
}

static void drop_out(struct files *self)
{
	if (self->out.file != INVALID_HANDLE_VALUE)
		CloseHandle(self->out.file);
	memset(&self->out, 0, sizeof self->out);
	self->out.file = INVALID_HANDLE_VALUE;
}

static void refuse(struct files *self, uint32_t token, const char *what,
		   const char *remedy)
{
	char text[600];
	DWORD code = GetLastError();
	snprintf(text, sizeof text, "%s%s%s. %s", what, code ? ": " : "",
		 code ? log_error(code) : "", remedy);
	log_line("A file of the client's was refused: %s", text);
	say(self, token, SEAM_FILE_FAILED, 0, text);
	drop_in(self);
}

static WCHAR *path_of(const struct files *self, const WCHAR *name)
{
	return text_join(self->path, L"\\", name, NULL);
}

/* ---- what was opened ---- */

static bool know(const struct files *self, const WCHAR *name,
		 struct known *known)
{
	WIN32_FILE_ATTRIBUTE_DATA data;
	WCHAR *path = path_of(self, name);
	bool there = path &&
		     GetFileAttributesExW(path, GetFileExInfoStandard, &data) &&
		     !(data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY);
	free(path);
	if (there) {
		known->size =
		    (uint64_t)data.nFileSizeHigh << 32 | data.nFileSizeLow;
		known->written = (uint64_t)data.ftLastWriteTime.dwHighDateTime
				     << 32 |
				 data.ftLastWriteTime.dwLowDateTime;
	}
	return there;
}

static struct tracked *find(struct files *self, const WCHAR *name)
{
	for (unsigned i = 0; i < self->n_tracked; i++)
		if (text_same(self->tracked[i].name, name))
			return &self->tracked[i];
	return NULL;
}

static void forget(struct files *self, unsigned index)
{
	free(self->tracked[index].name);
	memmove(self->tracked + index, self->tracked + index + 1,
		(--self->n_tracked - index) * sizeof *self->tracked);
	if (self->out.file != INVALID_HANDLE_VALUE &&
	    self->out.index >= index && self->out.index)
		self->out.index--;
}

static void track(struct files *self, uint32_t token, const WCHAR *name)
{
	struct tracked *tracked = find(self, name);
	if (!tracked) {
		if (self->n_tracked == TRACKED_MAX)
			forget(self, 0);
		tracked = &self->tracked[self->n_tracked];
		*tracked = (struct tracked){.name = text_copy(name)};
		if (!tracked->name)
			return;
		self->n_tracked++;
	}
	tracked->token = token;
	tracked->dirty = false;
	know(self, name, &tracked->known);
}

/* ---- the folder ---- */

/* What an agent that was killed has left. */
static void remove_remains(const struct files *self)
{
	WIN32_FIND_DATAW data;
	WCHAR *pattern = path_of(self, L".oriel-*");
	HANDLE found =
	    pattern ? FindFirstFileW(pattern, &data) : INVALID_HANDLE_VALUE;
	free(pattern);
	if (found == INVALID_HANDLE_VALUE)
		return;
	do {
		WCHAR *path = path_of(self, data.cFileName);
		if (path)
			DeleteFileW(path);
		free(path);
	} while (FindNextFileW(found, &data));
	FindClose(found);
}

/* With the first file: who opens none gets no folder. */
static bool open_folder(struct files *self)
{
	WCHAR profile[MAX_PATH];
	if (self->path &&
	    GetFileAttributesW(self->path) != INVALID_FILE_ATTRIBUTES)
		return true;
	if (self->watch != INVALID_HANDLE_VALUE)
		FindCloseChangeNotification(self->watch);
	self->watch = INVALID_HANDLE_VALUE;
	while (self->n_tracked)
		forget(self, self->n_tracked - 1);
	free(self->path);
	self->path = NULL;
	if (FAILED(SHGetFolderPathW(NULL, CSIDL_PROFILE, NULL, 0, profile)))
		return false;
	self->path = text_join(profile, L"\\Oriel", NULL);
	if (!self->path)
		return false;
	CreateDirectoryW(self->path, NULL);
	if (GetFileAttributesW(self->path) == INVALID_FILE_ATTRIBUTES)
		return false;
	remove_remains(self);
	self->watch = FindFirstChangeNotificationW(
	    self->path, FALSE,
	    FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_LAST_WRITE |
		FILE_NOTIFY_CHANGE_SIZE);
	if (self->watch == INVALID_HANDLE_VALUE)
		log_line("Changes of files will not go back: %s.",
			 log_error(GetLastError()));
	SetLastError(0);
	return true;
}

/* ---- a file comes ---- */

static void take_begin(struct files *self, const struct seam_file_begin *begin)
{
	char name[256], windows[258];
	WCHAR temporary[40];
	static unsigned count;
	drop_in(self);
	memcpy(name, begin->name.bytes, begin->name.size);
	name[begin->name.size] = 0;
	SetLastError(0);
	if (strpbrk(name, "/\\") || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0) {
		refuse(self, begin->token, "A file cannot be called so",
		       "Rename it, and open it again.");
		return;
	}
	if (!open_folder(self)) {
		refuse(self, begin->token,
		       "The machine has no folder for files",
		       "Make room in the profile there.");
		return;
	}
	windows_name(name, windows, sizeof windows);
	swprintf(temporary, ARRAY_SIZE(temporary), L".oriel-%lu-%u",
		 GetCurrentProcessId(), ++count);
	self->in.token = begin->token;
	self->in.size = begin->size;
	self->in.writable = begin->writable;
	self->in.name = text_dup_wide(windows, strlen(windows));
	self->in.temporary = path_of(self, temporary);
	if (self->in.name && self->in.temporary)
		self->in.file =
		    CreateFileW(self->in.temporary, GENERIC_WRITE, 0, NULL,
				CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
	/* a full disk is told now, not after minutes on the line */
	LARGE_INTEGER size = {.QuadPart = begin->size}, start = {0};
	if (self->in.file == INVALID_HANDLE_VALUE ||
	    !SetFilePointerEx(self->in.file, size, NULL, FILE_BEGIN) ||
	    !SetEndOfFile(self->in.file) ||
	    !SetFilePointerEx(self->in.file, start, NULL, FILE_BEGIN))
		refuse(self, begin->token, "The file cannot be written",
		       "Make room there, and open it once more.");
}

static void take_data(struct files *self, const struct seam_file_data *data)
{
	DWORD written = 0;
	if (self->in.file == INVALID_HANDLE_VALUE ||
	    data->token != self->in.token)
		return; /* what was on its way when it was refused */
	SetLastError(0);
	if (data->offset != self->in.have ||
	    data->piece.size > self->in.size - self->in.have) {
		refuse(self, data->token, "A piece of a file does not fit",
		       "Open it once more.");
		return;
	}
	if (!WriteFile(self->in.file, data->piece.bytes, data->piece.size,
		       &written, NULL) ||
	    written != data->piece.size) {
		refuse(self, data->token, "The file cannot be written",
		       "Make room there, and open it once more.");
		return;
	}
	self->in.have += written;
	say(self, data->token, SEAM_FILE_TAKING, self->in.have, NULL);
}

static HANDLE open_to_read(const WCHAR *path)
{
	/* nobody may be writing it */
	return CreateFileW(path, GENERIC_READ,
			   FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
			   OPEN_EXISTING, 0, NULL);
}

static bool equal_files(const WCHAR *a, const WCHAR *b)
{
	static char one[COMPARE], two[COMPARE];
	HANDLE x = open_to_read(a), y = open_to_read(b);
	DWORD n = 1, m;
	bool equal = x != INVALID_HANDLE_VALUE && y != INVALID_HANDLE_VALUE;
	while (equal && n)
		equal = ReadFile(x, one, COMPARE, &n, NULL) &&
			ReadFile(y, two, COMPARE, &m, NULL) && n == m &&
			memcmp(one, two, n) == 0;
	if (x != INVALID_HANDLE_VALUE)
		CloseHandle(x);
	if (y != INVALID_HANDLE_VALUE)
		CloseHandle(y);
	return equal;
}

static WCHAR *numbered(const WCHAR *name, unsigned number)
{
	WCHAR text[16], stem[MAX_PATH];
	if (number < 2)
		return text_copy(name);
	swprintf(text, ARRAY_SIZE(text), L" (%u)", number);
	text_file_name(name, true, stem, ARRAY_SIZE(stem));
	return text_join(stem, text, name + wcslen(stem), NULL);
}

static bool writable(const WCHAR *path)
{
	DWORD attributes = GetFileAttributesW(path);
	return attributes != INVALID_FILE_ATTRIBUTES &&
	       !(attributes & FILE_ATTRIBUTE_READONLY);
}

/* Gives what has come a name of its own; NULL: none is left. */
static WCHAR *place(struct files *self)
{
	for (unsigned number = 1; number < NUMBERS_MAX; number++) {
		WCHAR *name = numbered(self->in.name, number);
		WCHAR *path = name ? path_of(self, name) : NULL;
		if (!path) {
			free(name);
			break;
		}
		bool done = MoveFileExW(self->in.temporary, path, 0);
		DWORD code = done ? 0 : GetLastError();
		const struct tracked *other = find(self, name);
		/* the same one again, and nobody else's */
		if (!done &&
		    (!other ||
		     (other->token == self->in.token && !other->dirty)) &&
		    writable(path) == self->in.writable &&
		    equal_files(self->in.temporary, path))
			done = true;
		free(path);
		if (done)
			return name;
		free(name);
		if (code != ERROR_ALREADY_EXISTS && code != ERROR_FILE_EXISTS &&
		    code != ERROR_ACCESS_DENIED)
			break;
	}
	return NULL;
}

static void take_end(struct files *self, const struct seam_file_end *end)
{
	if (self->in.file == INVALID_HANDLE_VALUE ||
	    end->token != self->in.token)
		return;
	SetLastError(0);
	if (end->cancelled) {
		drop_in(self);
		return;
	}
	if (self->in.have != self->in.size) {
		refuse(self, end->token, "A file ended too soon",
		       "Open it once more.");
		return;
	}
	CloseHandle(self->in.file);
	self->in.file = INVALID_HANDLE_VALUE;
	WCHAR *name = place(self);
	WCHAR *path = name ? path_of(self, name) : NULL;
	char *told = path ? text_dup_utf8(path) : NULL;
	if (!told) {
		refuse(self, end->token, "The file cannot be given a name",
		       "Remove some from the folder Oriel of the profile.");
	} else {
		if (self->in.writable)
			track(self, end->token, name);
		else
			SetFileAttributesW(path, FILE_ATTRIBUTE_READONLY);
		say(self, end->token, SEAM_FILE_DONE, self->in.have, told);
		drop_in(self);
	}
	free(told);
	free(path);
	free(name);
}

/* ---- a change goes back ---- */

static bool begin_next(struct files *self)
{
	for (unsigned i = 0; i < self->n_tracked; i++) {
		struct tracked *tracked = &self->tracked[i];
		LARGE_INTEGER size;
		if (!tracked->dirty)
			continue;
		WCHAR *path = path_of(self, tracked->name);
		HANDLE file = path ? open_to_read(path) : INVALID_HANDLE_VALUE;
		free(path);
		if (file == INVALID_HANDLE_VALUE) {
			/* still being written: later. Gone: never. */
			if (GetLastError() != ERROR_SHARING_VIOLATION)
				tracked->dirty = false;
			continue;
		}
		if (!GetFileSizeEx(file, &size) ||
		    size.QuadPart > SEAM_FILE_MAX) {
			log_line("A changed file is larger than 1 GiB and does "
				 "not go back.");
			tracked->dirty = false;
			CloseHandle(file);
			continue;
		}
		tracked->dirty = false;
		know(self, tracked->name, &tracked->known);
		self->out.file = file;
		self->out.index = i;
		self->out.token = tracked->token;
		self->out.size = (uint32_t)size.QuadPart;
		text_to_utf8(tracked->name, self->out.name,
			     sizeof self->out.name);
		return true;
	}
	return false;
}

static void end_out(struct files *self, bool cancelled)
{
	struct seam_message message = {.type = SEAM_FILE_END};
	message.file_end = (struct seam_file_end){self->out.token, cancelled};
	agent_send(self->agent, &message);
	self->out.ended = true;
}

static void pump(struct files *self)
{
	static uint8_t piece[SEAM_FILE_PIECE];
	struct seam_message message = {.type = SEAM_FILE_BEGIN};
	if (!self->out.begun) {
		message.file_begin =
		    (struct seam_file_begin){self->out.token, self->out.size, 1,
					     seam_text_of(self->out.name, 255)};
		agent_send(self->agent, &message);
		self->out.begun = true;
	}
	while (!self->out.ended && self->out.sent < self->out.size &&
	       self->out.sent - self->out.taken < SEAM_FILE_AHEAD &&
	       link_has_room(self->agent->link)) {
		DWORD want = self->out.size - self->out.sent, n = 0;
		if (want > sizeof piece)
			want = sizeof piece;
		if (!ReadFile(self->out.file, piece, want, &n, NULL) || !n) {
			log_line("A changed file became unreadable on its way: "
				 "%s.",
				 log_error(GetLastError()));
			end_out(self, true);
			drop_out(self);
			return;
		}
		message.type = SEAM_FILE_DATA;
		message.file_data = (struct seam_file_data){
		    self->out.token, self->out.sent, {piece, n}};
		agent_send(self->agent, &message);
		self->out.sent += n;
	}
	if (!self->out.ended && self->out.sent == self->out.size)
		end_out(self, false);
}

static void take_state(struct files *self, const struct seam_file_state *state)
{
	if (self->out.file == INVALID_HANDLE_VALUE ||
	    state->token != self->out.token)
		return;
	if (state->state == SEAM_FILE_TAKING) {
		if (state->taken <= self->out.sent &&
		    state->taken > self->out.taken)
			self->out.taken = state->taken;
		return;
	}
	if (state->state == SEAM_FILE_FAILED)
		log_line("A changed file did not go back: %.*s",
			 (int)state->text.size, state->text.bytes);
	drop_out(self);
}

static void look(struct files *self, int64_t now)
{
	if (self->watch == INVALID_HANDLE_VALUE)
		return;
	while (WaitForSingleObject(self->watch, 0) == WAIT_OBJECT_0) {
		self->settled_us = now + SETTLE_US;
		if (!FindNextChangeNotification(self->watch))
			break;
	}
	if (!self->settled_us || now < self->settled_us)
		return;
	self->settled_us = 0;
	for (unsigned i = 0; i < self->n_tracked; i++) {
		struct tracked *tracked = &self->tracked[i];
		struct known is;
		if (know(self, tracked->name, &is) &&
		    (is.size != tracked->known.size ||
		     is.written != tracked->known.written)) {
			tracked->dirty = true;
			tracked->known = is;
		}
	}
}

int64_t files_step(struct agent *agent, int64_t now)
{
	struct files *self = agent->files;
	if (!self)
		return TIME_NEVER;
	look(self, now);
	if (self->out.file == INVALID_HANDLE_VALUE &&
	    (!link_has_room(agent->link) || !begin_next(self)))
		return self->settled_us ? self->settled_us : TIME_NEVER;
	pump(self);
	return now + SETTLE_US;
}

/* ---- the agent's side ---- */

void files_message(struct agent *agent, const struct seam_message *message)
{
	struct files *self = agent->files;
	if (!self)
		return;
	if (message->type == SEAM_FILE_BEGIN)
		take_begin(self, &message->file_begin);
	else if (message->type == SEAM_FILE_DATA)
		take_data(self, &message->file_data);
	else if (message->type == SEAM_FILE_END)
		take_end(self, &message->file_end);
	else
		take_state(self, &message->file_state);
}

void files_greet(struct agent *agent)
{
	if (agent->files)
		say(agent->files, 0, SEAM_FILE_TAKING, 0, NULL);
}

void files_forget_peer(struct agent *agent)
{
	struct files *self = agent->files;
	if (!self)
		return;
	drop_in(self);
	if (self->out.file != INVALID_HANDLE_VALUE &&
	    self->out.index < self->n_tracked)
		self->tracked[self->out.index].dirty = true; /* for the next */
	drop_out(self);
}

void files_open(struct agent *agent)
{
	struct files *self = calloc(1, sizeof *self);
	if (!self)
		return;
	self->agent = agent;
	self->watch = INVALID_HANDLE_VALUE;
	self->in.file = self->out.file = INVALID_HANDLE_VALUE;
	agent->files = self;
}

void files_close(struct agent *agent)
{
	struct files *self = agent->files;
	if (!self)
		return;
	drop_in(self);
	drop_out(self);
	while (self->n_tracked)
		forget(self, self->n_tracked - 1);
	if (self->watch != INVALID_HANDLE_VALUE)
		FindCloseChangeNotification(self->watch);
	free(self->path);
	free(self);
	agent->files = NULL;
}
