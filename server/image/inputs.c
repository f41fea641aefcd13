#include "server/image/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"

#define TREE_FILES_MAX 20000u
#define TREE_DEPTH_MAX 32u

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MD_CTX, EVP_MD_CTX_free)

static char *hex(const unsigned char *bytes, unsigned length)
{
	GString *text = g_string_sized_new(length * 2);
	for (unsigned i = 0; i < length; i++)
		g_string_append_printf(text, "%02x", bytes[i]);
	return g_string_free(text, FALSE);
}

static char *finish(EVP_MD_CTX *sum)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	EVP_DigestFinal_ex(sum, digest, &length);
	return hex(digest, length);
}

static gboolean unreadable(const char *path, GError **error)
{
	int err = errno;
	fault_set(error, err == ENOENT ? FAULT_NOT_FOUND : FAULT_STORAGE,
		  "Restore the file; a fresh checkout or installation has it.",
		  "'%s' cannot be read: %s.", path, g_strerror(err));
	return FALSE;
}

static gboolean sum_into(EVP_MD_CTX *sum, const char *path, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return unreadable(path, error);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	g_autofree char *buffer = g_malloc(256u << 10);
	ssize_t got;
	while ((got = read(fd, buffer, 256u << 10)) > 0)
		EVP_DigestUpdate(sum, buffer, (gsize)got);
	int err = errno;
	close(fd);
	errno = err;
	return got == 0 ? TRUE : unreadable(path, error);
}

char *inputs_sum_file(const char *path, GError **error)
{
	g_autoptr(EVP_MD_CTX) sum = EVP_MD_CTX_new();
	EVP_DigestInit_ex(sum, EVP_sha256(), NULL);
	return sum_into(sum, path, error) ? finish(sum) : NULL;
}

/* ---- folders ---- */

static int by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static gboolean leftover(const char *name)
{
	return g_str_has_suffix(name, "~") || g_str_has_suffix(name, ".swp");
}

static gboolean walk(const char *top, const char *below, unsigned depth,
		     GPtrArray *found, GError **error)
{
	g_autofree char *here = g_build_filename(top, below, NULL);
	g_autoptr(GDir) dir = g_dir_open(here, 0, NULL);
	if (!dir)
		return unreadable(here, error);
	const char *name;
	while ((name = g_dir_read_name(dir))) {
		if (leftover(name))
			continue;
		g_autofree char *relative =
		    *below ? g_build_filename(below, name, NULL)
			   : g_strdup(name);
		g_autofree char *path = g_build_filename(here, name, NULL);
		struct stat st;
		if (lstat(path, &st) < 0)
			return unreadable(path, error);
		if (S_ISDIR(st.st_mode) && depth < TREE_DEPTH_MAX) {
			if (!walk(top, relative, depth + 1, found, error))
				return FALSE;
		} else if ((S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) &&
			   found->len < TREE_FILES_MAX) {
			g_ptr_array_add(found, g_steal_pointer(&relative));
		} else {
			fault_set(error, FAULT_INVALID,
				  "Keep plain files and links there only.",
				  "'%s' cannot be part of an image: it is no "
				  "file, or there are too many.",
				  path);
			return FALSE;
		}
	}
	return TRUE;
}

GPtrArray *inputs_tree(const char *folder, GError **error)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	if (!walk(folder, "", 0, found, error))
		return NULL;
	g_ptr_array_sort(found, by_name);
	return g_steal_pointer(&found);
}

/* ---- the key ---- */

/* name, kind, whether it can be run, and contents: no times, no owners */
static gboolean add_file(struct inputs *self, EVP_MD_CTX *sum, const char *path,
			 const char *name, GError **error)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return unreadable(path, error);
	gboolean link = S_ISLNK(st.st_mode);
	g_autofree char *contents = NULL;
	if (link) {
		contents = g_file_read_link(path, NULL);
		if (!contents)
			return unreadable(path, error);
	} else {
		contents = inputs_sum_file(path, error);
		if (!contents)
			return FALSE;
	}
	g_autofree char *head = g_strdup_printf("%s %c %s\n", name,
						link                     ? 'l'
						: (st.st_mode & S_IXUSR) ? 'x'
									 : 'f',
						contents);
	EVP_DigestUpdate(sum, head, strlen(head));
	g_ptr_array_add(self->files, g_strdup(path));
	return TRUE;
}

static gboolean add_all(struct inputs *self, const struct recipe *recipe,
			EVP_MD_CTX *sum, GError **error)
{
	static const char *const HOOKS[] = {"images/hooks/essential.sh",
					    "images/hooks/customize.sh"};
	for (guint i = 0; i < recipe->files->len; i++) {
		const char *path = recipe->files->pdata[i];
		g_autofree char *name = g_path_get_basename(path);
		if (!add_file(self, sum, path, name, error))
			return FALSE;
	}
	for (guint o = 0; o < recipe->overlays->len; o++) {
		const char *folder = recipe->overlays->pdata[o];
		g_autoptr(GPtrArray) names = inputs_tree(folder, error);
		if (!names)
			return FALSE;
		for (guint i = 0; i < names->len; i++) {
			g_autofree char *path =
			    g_build_filename(folder, names->pdata[i], NULL);
			if (!add_file(self, sum, path, names->pdata[i], error))
				return FALSE;
		}
	}
	for (guint i = 0; i < recipe->programs->len; i++) {
		const struct recipe_program *program =
		    recipe->programs->pdata[i];
		g_autofree char *path = paths_program(program->name);
		if (!add_file(self, sum, path, program->target, error))
			return FALSE;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(HOOKS); i++) {
		g_autofree char *path = paths_data(HOOKS[i]);
		if (!add_file(self, sum, path, HOOKS[i], error))
			return FALSE;
	}
	return TRUE;
}

gboolean inputs_collect(struct inputs *self, const struct recipe *recipe,
			GError **error)
{
	*self =
	    (struct inputs){.files = g_ptr_array_new_with_free_func(g_free)};
	g_autoptr(EVP_MD_CTX) sum = EVP_MD_CTX_new();
	EVP_DigestInit_ex(sum, EVP_sha256(), NULL);
	g_autofree char *head =
	    g_strdup_printf("oriel-image %u %s %s\n", BUILDER_VERSION,
			    recipe->name, recipe->suite);
	EVP_DigestUpdate(sum, head, strlen(head));
	if (!add_all(self, recipe, sum, error)) {
		inputs_clear(self);
		return FALSE;
	}
	self->key = finish(sum);
	return TRUE;
}

void inputs_clear(struct inputs *self)
{
	g_clear_pointer(&self->key, g_free);
	g_clear_pointer(&self->files, g_ptr_array_unref);
}
