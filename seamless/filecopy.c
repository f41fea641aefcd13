#include "seamless/filecopy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"

/* ---- sending ---- */

bool copy_out_open(struct copy_out *out, const char *path, uint32_t token,
		   bool writable, GError **error)
{
	g_autofree char *name = g_path_get_basename(path);
	g_autofree char *quoted = log_quote(path, strlen(path));
	struct stat st;
	/* not blocking: a FIFO of that name must not hold us */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		fault_set(error, FAULT_NOT_FOUND,
			  "Open a file that can be read.",
			  "The file %s cannot be read: %s", quoted,
			  g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	const char *why =
	    !S_ISREG(st.st_mode)         ? "is no ordinary file"
	    : st.st_size > SEAM_FILE_MAX ? "is larger than 1 GiB"
	    : !g_utf8_validate(name, -1, NULL) || strlen(name) > 200
		? "has a name that cannot be sent"
		: NULL;
	if (why) {
		fault_set(error, FAULT_INVALID,
			  "Put it where the machine can reach it itself.",
			  "The file %s %s", quoted, why);
		close(fd);
		return false;
	}
	*out = (struct copy_out){.open = true,
				 .fd = fd,
				 .token = token,
				 .size = (uint32_t)st.st_size,
				 .writable = writable,
				 .name = g_steal_pointer(&name)};
	return true;
}

static bool begin(struct copy_out *out, copy_send send, void *data)
{
	struct seam_message message = {.type = SEAM_FILE_BEGIN};
	message.file_begin = (struct seam_file_begin){
	    out->token, out->size, out->writable, seam_text_of(out->name, 255)};
	return out->begun = send(&message, data);
}

static bool end(struct copy_out *out, bool cancelled, copy_send send,
		void *data)
{
	struct seam_message message = {.type = SEAM_FILE_END};
	message.file_end = (struct seam_file_end){out->token, cancelled};
	return out->ended = send(&message, data);
}

bool copy_out_pump(struct copy_out *out, copy_send send, void *data,
		   GError **error)
{
	uint8_t piece[SEAM_FILE_PIECE];
	if (!out->open || out->ended ||
	    (!out->begun && !begin(out, send, data)))
		return true;
	while (out->sent < out->size &&
	       out->sent - out->taken < SEAM_FILE_AHEAD) {
		size_t most = MIN(sizeof piece, out->size - out->sent);
		ssize_t n = pread(out->fd, piece, most, out->sent);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fault_set(error, FAULT_STORAGE, "Open it once more.",
				  "A file became unreadable on its way: %s",
				  n < 0 ? g_strerror(errno) : "it shrank");
			copy_out_cancel(out, send, data);
			return false;
		}
		struct seam_message message = {.type = SEAM_FILE_DATA};
		message.file_data = (struct seam_file_data){
		    out->token, out->sent, {piece, (uint32_t)n}};
		if (!send(&message, data))
			return true;
		out->sent += (uint32_t)n;
	}
	if (out->sent == out->size)
		end(out, false, send, data);
	return true;
}

void copy_out_taken(struct copy_out *out, uint32_t taken)
{
	if (taken <= out->sent && taken > out->taken)
		out->taken = taken;
}

void copy_out_cancel(struct copy_out *out, copy_send send, void *data)
{
	if (out->open && out->begun && !out->ended)
		end(out, true, send, data);
	copy_out_drop(out);
}

void copy_out_drop(struct copy_out *out)
{
	if (out->open)
		close(out->fd);
	g_free(out->name);
	*out = (struct copy_out){0};
}

/* ---- receiving ---- */

static bool name_valid(const char *name)
{
	if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return false;
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

static void set_storage_fault(int code, GError **error)
{
	if (code == ENOSPC || code == EDQUOT || code == EFBIG)
		fault_set(error, FAULT_STORAGE,
			  "Make room there, and open it once more.",
			  "There is no room left for the file: %s",
			  g_strerror(code));
	else
		fault_set(error, FAULT_STORAGE, "Open it once more.",
			  "The file cannot be written: %s", g_strerror(code));
}

bool copy_in_begin(struct copy_in *in, int folder,
		   const struct seam_file_begin *begin, GError **error)
{
	g_autofree char *name = g_strndup(begin->name.bytes, begin->name.size);
	if (!name_valid(name)) {
		fault_set(error, FAULT_INVALID, "Rename it, and open it again.",
			  "A file cannot be called so");
		return false;
	}
	copy_in_drop(in);
	in->folder = folder;
	g_snprintf(in->temporary, sizeof in->temporary, ".oriel-%08x%08x",
		   g_random_int(), g_random_int());
	in->fd =
	    openat(folder, in->temporary,
		   O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (in->fd < 0) {
		set_storage_fault(errno, error);
		return false;
	}
	in->open = true;
	in->token = begin->token;
	in->size = begin->size;
	in->writable = begin->writable;
	in->name = g_steal_pointer(&name);
	/* a full disk is told now, not after minutes on the line */
	int code = begin->size ? posix_fallocate(in->fd, 0, begin->size) : 0;
	if (code && code != EOPNOTSUPP && code != EINVAL) {
		set_storage_fault(code, error);
		copy_in_drop(in);
		return false;
	}
	return true;
}

bool copy_in_data(struct copy_in *in, const struct seam_file_data *data,
		  GError **error)
{
	if (!in->open || data->token != in->token || data->offset != in->have ||
	    data->piece.size > in->size - in->have) {
		fault_set(error, FAULT_INVALID, "Open it once more.",
			  "A piece of a file does not fit");
		copy_in_drop(in);
		return false;
	}
	for (uint32_t done = 0; done < data->piece.size;) {
		ssize_t n = pwrite(in->fd, data->piece.bytes + done,
				   data->piece.size - done, in->have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			set_storage_fault(n < 0 ? errno : ENOSPC, error);
			copy_in_drop(in);
			return false;
		}
		done += (uint32_t)n;
		in->have += (uint32_t)n;
	}
	return true;
}

bool copy_in_finish(struct copy_in *in, GError **error)
{
	if (!in->open || in->have != in->size) {
		fault_set(error, FAULT_INVALID, "Open it once more.",
			  "A file ended too soon");
		copy_in_drop(in);
		return false;
	}
	int failed = in->durable && fsync(in->fd) < 0 ? errno : 0;
	if (failed) {
		set_storage_fault(failed, error);
		copy_in_drop(in);
		return false;
	}
	close(in->fd);
	in->open = false;
	return true;
}

void copy_in_drop(struct copy_in *in)
{
	if (in->open) {
		close(in->fd);
		unlinkat(in->folder, in->temporary, 0);
	}
	g_free(in->name);
	*in = (struct copy_in){0};
}

/* ---- both ---- */

void copy_say(uint32_t token, enum seam_file_states state, uint32_t taken,
	      const char *text, copy_send send, void *data)
{
	struct seam_message message = {.type = SEAM_FILE_STATE};
	message.file_state = (struct seam_file_state){
	    token, (uint8_t)state, taken, seam_text_of(text ? text : "", 4096)};
	send(&message, data);
}

char *copy_numbered(const char *name, unsigned number)
{
	/* "a.tar.gz" keeps ".gz"; ".profile" has no ending */
	const char *dot = strrchr(name, '.');
	if (number < 2)
		return g_strdup(name);
	if (!dot || dot == name)
		return g_strdup_printf("%s (%u)", name, number);
	return g_strdup_printf("%.*s (%u)%s", (int)(dot - name), name, number,
			       dot);
}
