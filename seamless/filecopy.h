/* filecopy.h - one file on its way over the seamless protocol, either end.
 *
 * The sender announces a file (FILE_BEGIN), keeps at most SEAM_FILE_AHEAD
 * bytes on their way, so that keys and clicks behind them wait little, and
 * ends it. The receiver writes into a hidden file of a folder and tells how
 * far it is; what the finished file is to be called is its caller's business.
 *
 * Foreign bytes come in by copy_in_*: names with a folder in them, pieces out
 * of order, beyond the announced size or of another file are refused, and a
 * file that does not fit on the disk is refused at its FILE_BEGIN.
 * Threads: one. Ownership: the structs are the caller's, zeroed before use;
 * _drop leaves them so. Errors: faults, also as text for the other side. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "seamless/wire.h"

/* false: not now; it is tried again at the next pump. */
typedef bool (*copy_send)(struct seam_message *message, void *data);

struct copy_out {
	bool open, begun, ended;
	int fd;
	uint32_t token, size, sent, taken;
	bool writable;
	char *name;
};

/* path: a regular file; its last part is the name that is sent. */
bool copy_out_open(struct copy_out *out, const char *path, uint32_t token,
		   bool writable, GError **error);
/* Sends what may go now. false: it cannot be read; dropped, and the other
 * side has heard that it is cancelled. */
bool copy_out_pump(struct copy_out *out, copy_send send, void *data,
		   GError **error);
/* How far the receiver is; more than was sent is not believed. */
void copy_out_taken(struct copy_out *out, uint32_t taken);
/* Tells the receiver to forget it, where it has begun. */
void copy_out_cancel(struct copy_out *out, copy_send send, void *data);
void copy_out_drop(struct copy_out *out);

struct copy_in {
	bool open;
	int folder, fd; /* folder is the caller's */
	uint32_t token, size, have;
	bool writable;
	bool durable; /* the caller's wish: on the disk before it is done */
	char temporary[32]; /* in the folder */
	char *name;
};

bool copy_in_begin(struct copy_in *in, int folder,
		   const struct seam_file_begin *begin, GError **error);
/* false: refused; the file is dropped. */
bool copy_in_data(struct copy_in *in, const struct seam_file_data *data,
		  GError **error);
/* All of it is there, in `temporary`, which is no longer removed by _drop. */
bool copy_in_finish(struct copy_in *in, GError **error);
void copy_in_drop(struct copy_in *in);

/* FILE_STATE of a file. */
void copy_say(uint32_t token, enum seam_file_states state, uint32_t taken,
	      const char *text, copy_send send, void *data);
/* A name with " (2)" or another number before its ending: to be freed. */
char *copy_numbered(const char *name, unsigned number);
