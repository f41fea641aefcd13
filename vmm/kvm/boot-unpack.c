/* boot-unpack.c - the vmlinux inside a Debian kernel, kept for the next boot.
 *
 * The key is the file's identity and time of change, so a new kernel is a new
 * entry. Written beside and renamed: two machines may start at once. */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "vmm/kvm/boot.h"

static const struct {
	const char *magic;
	unsigned length;
	const char *program[3];
} packers[] = {
    {"\xfd"
     "7zXZ",
     5,
     {"xz", "-dc", NULL}},
    {"\x28\xb5\x2f\xfd", 4, {"zstd", "-dc", NULL}},
    {"\x1f\x8b", 2, {"gzip", "-dc", NULL}},
};

static bool unpack(const guint8 *bytes, gsize size, int out)
{
	g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
	    G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
	g_autoptr(GSubprocess) process = NULL;
	GOutputStream *in;
	unsigned kind = 0;

	while (kind < G_N_ELEMENTS(packers) &&
	       (size < packers[kind].length + 4 ||
		memcmp(bytes, packers[kind].magic, packers[kind].length)))
		kind++;
	if (kind == G_N_ELEMENTS(packers))
		return false;
	g_subprocess_launcher_take_stdout_fd(launcher,
					     fcntl(out, F_DUPFD_CLOEXEC, 3));
	process = g_subprocess_launcher_spawnv(
	    launcher, (const char *const *)packers[kind].program, NULL);
	if (!process)
		return false;
	in = g_subprocess_get_stdin_pipe(process);
	/* the last four bytes are the unpacked size, not part of the stream */
	g_output_stream_write_all(in, bytes, size - 4, NULL, NULL, NULL);
	g_output_stream_close(in, NULL, NULL);
	return g_subprocess_wait_check(process, NULL, NULL);
}

GMappedFile *boot_unpack(const char *path, const guint8 *bytes, gsize size,
			 const char *cache)
{
	g_autofree char *name = NULL, *file = NULL, *part = NULL;
	guint32 offset, length;
	gsize start;
	GMappedFile *map;
	struct stat st;
	bool good;
	int out;

	memcpy(&offset, bytes + 0x248, 4);
	memcpy(&length, bytes + 0x24c, 4);
	start = ((bytes[0x1f1] ? bytes[0x1f1] : 4) + 1) * 512u;
	if (!cache || stat(path, &st) < 0 || start > size ||
	    offset > size - start || length > size - start - offset ||
	    length < 16)
		return NULL;
	name =
	    g_strdup_printf("%lx-%lx-%lx-%lx.vmlinux", (unsigned long)st.st_dev,
			    (unsigned long)st.st_ino, (unsigned long)st.st_size,
			    (unsigned long)st.st_mtim.tv_sec * 1000000000 +
				(unsigned long)st.st_mtim.tv_nsec);
	file = g_build_filename(cache, name, NULL);
	map = g_mapped_file_new(file, FALSE, NULL);
	if (map)
		return map;
	g_mkdir_with_parents(cache, 0700);
	part = g_strconcat(file, ".XXXXXX", NULL);
	out = g_mkstemp_full(part, O_RDWR | O_CLOEXEC, 0600);
	if (out < 0)
		return NULL;
	good = unpack(bytes + start + offset, length, out);
	close(out);
	if (!good || g_rename(part, file) < 0) {
		g_unlink(part);
		return NULL;
	}
	return g_mapped_file_new(file, FALSE, NULL);
}
