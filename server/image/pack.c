#include "server/image/pack.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "server/image/child.h"
#include "server/image/inputs.h"

static gboolean copy_file(const char *from, const char *to, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(to);
	g_autofree char *text = NULL;
	gsize length;
	struct stat st;
	int err = 0;
	if (g_mkdir_with_parents(folder, 0755) < 0 || lstat(from, &st) < 0) {
		err = errno;
	} else if (S_ISLNK(st.st_mode)) {
		g_autofree char *target = g_file_read_link(from, NULL);
		unlink(to);
		if (!target || symlink(target, to) < 0)
			err = errno;
	} else if (!g_file_get_contents(from, &text, &length, NULL) ||
		   !g_file_set_contents_full(
		       to, text, (gssize)length, G_FILE_SET_CONTENTS_NONE,
		       st.st_mode & S_IXUSR ? 0755 : 0644, NULL)) {
		err = errno ? errno : EIO;
	} else if (chmod(to, st.st_mode & S_IXUSR ? 0755 : 0644) < 0) {
		err = errno; /* the umask may be stricter than an image */
	}
	if (!err)
		return TRUE;
	fault_set(error, FAULT_STORAGE,
		  err == ENOSPC ? "Free some room and build again." : NULL,
		  "'%s' cannot be copied to '%s': %s.", from, to,
		  g_strerror(err));
	return FALSE;
}

/* Modes depend on nothing but the executable bit, folders are 0755: a
 * checkout under another umask makes the same image. */
static gboolean gather(const struct recipe *recipe, const char *top,
		       GError **error)
{
	for (guint o = 0; o < recipe->overlays->len; o++) {
		const char *folder = recipe->overlays->pdata[o];
		g_autoptr(GPtrArray) names = inputs_tree(folder, error);
		if (!names)
			return FALSE;
		for (guint i = 0; i < names->len; i++) {
			g_autofree char *from =
			    g_build_filename(folder, names->pdata[i], NULL);
			g_autofree char *to =
			    g_build_filename(top, names->pdata[i], NULL);
			if (!copy_file(from, to, error))
				return FALSE;
		}
	}
	for (guint i = 0; i < recipe->programs->len; i++) {
		const struct recipe_program *program =
		    recipe->programs->pdata[i];
		g_autofree char *from = paths_program(program->name);
		g_autofree char *to =
		    g_build_filename(top, program->target, NULL);
		if (!copy_file(from, to, error))
			return FALSE;
	}
	return TRUE;
}

gboolean pack_overlay(const struct recipe *recipe, const char *folder,
		      int log_fd, GError **error)
{
	g_autofree char *top = g_build_filename(folder, "overlay", NULL);
	g_autofree char *tar = g_build_filename(folder, "overlay.tar", NULL);
	if (g_mkdir_with_parents(top, 0755) < 0 || !gather(recipe, top, error))
		return FALSE;
	const char *argv[] = {"tar",
			      "--create",
			      "--file",
			      tar,
			      "--directory",
			      top,
			      "--sort=name",
			      "--owner=0",
			      "--group=0",
			      "--numeric-owner",
			      "--mode=u+rwX,go+rX,go-w",
			      "--mtime=@0",
			      ".",
			      NULL};
	struct child_spec spec = {.argv = argv, .log_fd = log_fd};
	return child_run(&spec, error);
}
