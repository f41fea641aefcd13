/* A hostile sender against the receiver of files, and a hostile receiver
 * against the sender: nothing is written beyond the announced size, nothing
 * under any other name, and no more than SEAM_FILE_AHEAD is on its way. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seamless/filecopy.h"

static void must(bool good)
{
	if (!good)
		abort();
}

static bool send(struct seam_message *message, void *data)
{
	static uint8_t wire[SEAM_MESSAGE_MAX];
	size_t used;
	must(seam_write(message, wire, sizeof wire, &used) == SEAM_OK);
	return true;
}

static int open_folder(void)
{
	static char path[] = "/tmp/filecopy-fuzz-XXXXXX";
	static int fd = -1;
	if (fd < 0) {
		must(mkdtemp(path));
		fd = open(path, O_DIRECTORY);
		must(fd >= 0);
	}
	return fd;
}

static unsigned files_in(int folder)
{
	DIR *dir = fdopendir(openat(folder, ".", O_DIRECTORY));
	unsigned count = 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	int folder = open_folder();
	struct copy_in in = {0};
	struct copy_out out = {0};
	struct seam_message message;
	size_t used;
	must(copy_out_open(&out, "/proc/self/exe", 7, true, NULL));
	while (size > 0) {
		g_autoptr(GError) error = NULL;
		enum seam_status status =
		    seam_parse(bytes, size, &message, &used);
		if (status != SEAM_OK && status != SEAM_UNKNOWN)
			break;
		if (message.type == SEAM_FILE_BEGIN &&
		    message.file_begin.size > (1u << 20))
			message.file_begin.size %= 1u << 20;
		if (status != SEAM_OK)
			;
		else if (message.type == SEAM_FILE_BEGIN)
			copy_in_begin(&in, folder, &message.file_begin, &error);
		else if (message.type == SEAM_FILE_DATA)
			copy_in_data(&in, &message.file_data, &error);
		else if (message.type == SEAM_FILE_END &&
			 copy_in_finish(&in, &error)) {
			struct stat st;
			must(fstatat(folder, in.temporary, &st, 0) == 0 &&
			     st.st_size == in.size);
			must(unlinkat(folder, in.temporary, 0) == 0);
			copy_in_drop(&in);
		} else if (message.type == SEAM_FILE_STATE)
			copy_out_taken(&out, message.file_state.taken);
		copy_out_pump(&out, send, NULL, NULL);
		must(out.taken <= out.sent &&
		     out.sent - out.taken <= SEAM_FILE_AHEAD + SEAM_FILE_PIECE);
		must(in.have <= in.size && files_in(folder) == in.open);
		bytes += used;
		size -= used;
	}
	copy_in_drop(&in);
	copy_out_drop(&out);
	must(files_in(folder) == 0);
	return 0;
}
