#include "server/image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "server/image/child.h"
#include "server/image/needs.h"
#include "server/image/pack.h"

/* Descriptors in the child. mmdebstrap's own shell lines need the numbers
 * below 10 for themselves; the hooks know those from 20 on. */
static const struct shared {
	const char *name;
	int as;
	gboolean made; /* comes out */
} SHARED[] = {
    {"image.sources", 0, FALSE}, {"overlay.tar", 20, FALSE},
    {"commands", 21, FALSE},     {"disk.raw", 22, TRUE},
    {"vmlinuz", 23, TRUE},       {"initrd.img", 24, TRUE},
    {"facts", 25, TRUE},         {"apt.conf", 26, FALSE},
};

/* Without it apt would choose the package that moves files to where they are
 * already, and all of Perl with it. */
static const char SETUP_HOOK[] =
    "--setup-hook="
    "printf 'Package: usrmerge\\nPin: release *\\nPin-Priority: -1\\n' "
    ">\"$1/etc/apt/preferences.d/oriel\"";

static char *joined(const GPtrArray *texts, const char *separator)
{
	GString *all = g_string_new(NULL);
	for (guint i = 0; i < texts->len; i++)
		g_string_append_printf(all, "%s%s", i ? separator : "",
				       (char *)texts->pdata[i]);
	return g_string_free(all, FALSE);
}

static char *hook(const char *option, const char *name, GError **error)
{
	g_autofree char *path = paths_data(name);
	g_autofree char *text = NULL;
	g_autoptr(GError) io = NULL;
	if (g_file_get_contents(path, &text, NULL, &io))
		return g_strconcat(option, text, NULL);
	fault_set(error, FAULT_NOT_FOUND, "Install Oriel again.",
		  "'%s' cannot be read: %s.", path, io->message);
	return NULL;
}

static GPtrArray *arguments(const struct tree_job *job, GError **error)
{
	static const char *const FIXED[] = {
	    "mmdebstrap",
	    "--verbose",
	    "--variant=minbase",
	    "--format=null",
	    /* the disk is written by then, and our hook has emptied the
	     * tree's /tmp, where apt's configuration was: what cleans up with
	     * apt would clean up this machine */
	    "--skip=cleanup",
	    "--aptopt=Apt::Install-Recommends \"false\"",
	    "--aptopt=Acquire::Retries \"3\"",
	    /* a file: a proxy's password must not be in an argument */
	    "--aptopt=/proc/self/fd/26",
	    "--dpkgopt=force-unsafe-io",
	    "--dpkgopt=force-confdef",
	    "--dpkgopt=force-confold",
	    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
	    SETUP_HOOK,
	};
	char *essential =
	    hook("--essential-hook=", "images/hooks/essential.sh", error);
	char *customize =
	    essential
		? hook("--customize-hook=", "images/hooks/customize.sh", error)
		: NULL;
	if (!customize) {
		g_free(essential);
		return NULL;
	}
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);
	for (gsize i = 0; i < G_N_ELEMENTS(FIXED); i++)
		g_ptr_array_add(args, g_strdup(FIXED[i]));
	g_ptr_array_add(args, g_strdup_printf("--mode=%s", needs_mode()));
	for (guint i = 0; i < job->recipe->excludes->len; i++)
		g_ptr_array_add(
		    args, g_strconcat("--dpkgopt=path-exclude=",
				      job->recipe->excludes->pdata[i], NULL));
	g_autofree char *names = joined(job->recipe->packages, ",");
	g_ptr_array_add(args, g_strconcat("--include=", names, NULL));
	g_ptr_array_add(args, essential);
	g_ptr_array_add(args, customize);
	g_ptr_array_add(args, g_strdup(job->recipe->suite));
	g_ptr_array_add(args, g_strdup("-")); /* target: none */
	g_ptr_array_add(args, g_strdup("-")); /* sources: standard input */
	g_ptr_array_add(args, NULL);
	return args;
}

static gboolean put(const struct tree_job *job, const char *name,
		    const char *text, GError **error)
{
	g_autofree char *path = g_build_filename(job->folder, name, NULL);
	g_autoptr(GError) io = NULL;
	if (g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE,
				     0644, &io))
		return TRUE;
	fault_set(error, FAULT_STORAGE, "Free some room and build again.",
		  "'%s' cannot be written: %s.", path, io->message);
	return FALSE;
}

static gboolean prepare(const struct tree_job *job, GError **error)
{
	g_autofree char *lines = joined(job->recipe->commands, "\n");
	g_autofree char *script = g_strconcat(lines, "\n", NULL);
	return put(job, "image.sources", job->sources->deb822, error) &&
	       put(job, "apt.conf", job->sources->apt_conf, error) &&
	       put(job, "commands", script, error) &&
	       pack_overlay(job->recipe, job->folder, job->log_fd, error);
}

/* Opened by us, opened anew through /proc/self/fd by whoever is "others"
 * inside: that is what the modes are for. */
static int open_shared(const struct tree_job *job, const struct shared *file,
		       GError **error)
{
	g_autofree char *path = g_build_filename(job->folder, file->name, NULL);
	int flags = file->made ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY;
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd >= 0 && fchmod(fd, file->made ? 0666 : 0644) == 0)
		return fd;
	int err = errno;
	if (fd >= 0)
		close(fd);
	fault_set(error, FAULT_STORAGE,
		  err == ENOSPC ? "Free some room and build again." : NULL,
		  "'%s' cannot be opened: %s.", path, g_strerror(err));
	return -1;
}

static gboolean run(const struct tree_job *job, const GPtrArray *args,
		    const struct child_fd *fds, GError **error)
{
	g_autofree char *tmp = g_strdup_printf("TMPDIR=%s", job->tree);
	g_autofree char *uuid = g_strdup_printf("ORIEL_UUID=%s", job->uuid);
	g_autofree char *kib =
	    g_strdup_printf("ORIEL_DISK_KIB=%" G_GUINT64_FORMAT,
			    (guint64)job->recipe->disk_gib << 20);
	const char *env[] = {tmp,
			     uuid,
			     kib,
			     "LC_ALL=C.UTF-8",
			     "DEBIAN_FRONTEND=noninteractive",
			     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
			     "/usr/bin:/sbin:/bin",
			     NULL};
	const struct child_spec spec = {
	    .argv = (const char *const *)args->pdata,
	    .env = env,
	    .folder = "/", /* one that can be entered inside, too */
	    .fds = fds,
	    .n_fds = G_N_ELEMENTS(SHARED),
	    .log_fd = job->log_fd,
	    .line = job->line,
	    .data = job->data,
	    .output = job->output,
	};
	return child_run(&spec, error) ||
	       needs_explain(job->output->str, job->recipe->suite, error);
}

gboolean tree_make(const struct tree_job *job, GError **error)
{
	if (!prepare(job, error))
		return FALSE;
	struct child_fd fds[G_N_ELEMENTS(SHARED)];
	gsize n = 0;
	for (; n < G_N_ELEMENTS(SHARED); n++) {
		fds[n].as = SHARED[n].as;
		fds[n].fd = open_shared(job, &SHARED[n], error);
		if (fds[n].fd < 0)
			break;
	}
	gboolean good = FALSE;
	if (n == G_N_ELEMENTS(SHARED)) {
		g_autoptr(GPtrArray) args = arguments(job, error);
		good = args && run(job, args, fds, error);
	}
	for (gsize i = 0; i < n; i++)
		close(fds[i].fd);
	return good;
}
