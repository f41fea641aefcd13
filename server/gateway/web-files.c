#include "server/gateway/web-files.h"

#include <string.h>
#include <zlib.h>

#include "common/fault.h"
#include "common/paths.h"

#define WEB "/web/"
/* Ours are a dozen, noVNC's 70 and 600 KiB; what is more is a mistake. */
#define FILES_MAX 1000
#define BYTES_MAX (16u << 20)
#define DEPTH_MAX 8
#define POOL_MAX  64 /* characters; docs/api.md allows fewer */

static const struct {
	const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".webmanifest", "application/manifest+json"},
};

static const char *type_of(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
		if (g_str_has_suffix(name, types[i].suffix))
			return types[i].type;
	return NULL; /* a licence, a note: not for browsers */
}

static void file_free(void *data)
{
	struct web_file *file = data;
	g_bytes_unref(file->plain);
	g_clear_pointer(&file->gzip, g_bytes_unref);
	g_free(file);
}

/* ---- reading ---- */

static GBytes *compress_bytes(const void *bytes, gsize size)
{
	z_stream z = {0};
	/* 15 + 16: gzip's wrapper */
	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return NULL;
	gsize room = deflateBound(&z, size);
	guint8 *out = g_malloc(room);
	z.next_in = (Bytef *)bytes;
	z.avail_in = (uInt)size;
	z.next_out = out;
	z.avail_out = (uInt)room;
	gboolean fine = deflate(&z, Z_FINISH) == Z_STREAM_END;
	gsize done = room - z.avail_out;
	deflateEnd(&z);
	/* below that it saves no packet */
	if (fine && done + 256 < size)
		return g_bytes_new_take(g_realloc(out, done), done);
	g_free(out);
	return NULL;
}

struct load {
	struct web_files *files;
	gsize bytes;
};

static gboolean too_much(GError **error, const char *path)
{
	fault_set(error, FAULT_INVALID,
		  "Take away what does not belong there, or install again.",
		  "'%s' has more files than the web page can be made of.",
		  path);
	return FALSE;
}

static gboolean add_file(struct load *load, const char *path, const char *url,
			 const char *type, GError **error)
{
	g_autoptr(GError) failure = NULL;
	char *bytes;
	gsize size;
	if (!g_file_get_contents(path, &bytes, &size, &failure)) {
		fault_set(error, FAULT_STORAGE,
			  "Install Oriel again, or make the file readable.",
			  "A file of the web page cannot be read: %s",
			  failure->message);
		return FALSE;
	}
	struct web_file *file = g_new0(struct web_file, 1);
	g_autofree char *sum = g_compute_checksum_for_data(
	    G_CHECKSUM_SHA256, (guchar *)bytes, size);
	file->type = type;
	g_snprintf(file->etag, sizeof file->etag, "\"%.16s\"", sum);
	/* noVNC's own files stand below their version's number */
	const char *novnc = g_str_has_prefix(url, WEB "novnc/")
				? url + strlen(WEB "novnc/")
				: "";
	file->forever = g_ascii_isdigit(*novnc);
	file->plain = g_bytes_new_take(bytes, size);
	file->gzip = compress_bytes(bytes, size);
	g_hash_table_replace(load->files->by_path, g_strdup(url), file);
	load->bytes += size;
	if (load->bytes > BYTES_MAX ||
	    g_hash_table_size(load->files->by_path) > FILES_MAX)
		return too_much(error, path);
	return TRUE;
}

static gboolean add_folder(struct load *load, const char *path, const char *url,
			   unsigned depth, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autoptr(GDir) folder = g_dir_open(path, 0, &failure);
	const char *name;
	if (!folder) {
		fault_set(error, FAULT_STORAGE, "Install Oriel again.",
			  "The web page's files cannot be read: %s",
			  failure->message);
		return FALSE;
	}
	if (depth > DEPTH_MAX)
		return too_much(error, path);
	while ((name = g_dir_read_name(folder))) {
		g_autofree char *below = g_build_filename(path, name, NULL);
		g_autofree char *below_url = g_strconcat(url, name, NULL);
		if (g_file_test(below, G_FILE_TEST_IS_DIR)) {
			g_autofree char *slashed =
			    g_strconcat(below_url, "/", NULL);
			if (!add_folder(load, below, slashed, depth + 1, error))
				return FALSE;
		} else if (type_of(name) && !add_file(load, below, below_url,
						      type_of(name), error)) {
			return FALSE;
		}
	}
	return TRUE;
}

struct web_files *web_files_load(GError **error)
{
	struct load load = {.files = g_new0(struct web_files, 1)};
	struct web_files *files = load.files;
	g_autofree char *page = paths_data("web/index.html");
	g_autofree char *ours = g_path_get_dirname(page);
	/* in a build tree it is not beside ours, which are the sources */
	g_autofree char *rfb = paths_data("web/novnc/rfb.js");
	g_autofree char *novnc = g_path_get_dirname(rfb);
	files->novnc = g_file_test(rfb, G_FILE_TEST_EXISTS);
	files->by_path =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, file_free);
	if (add_folder(&load, ours, WEB, 0, error) &&
	    (!files->novnc ||
	     add_folder(&load, novnc, WEB "novnc/", 0, error))) {
		files->page =
		    g_hash_table_lookup(files->by_path, WEB "index.html");
		if (files->page)
			return files;
		fault_set(error, FAULT_STORAGE, "Install Oriel again.",
			  "'%s' is not there.", page);
	}
	web_files_free(files);
	return NULL;
}

void web_files_free(struct web_files *files)
{
	if (!files)
		return;
	g_hash_table_unref(files->by_path);
	g_free(files);
}

/* ---- finding ---- */

/* "/" or "/NAME", NAME as pools are called */
static gboolean is_page(struct span path)
{
	if (!path.size || path.size > 1 + POOL_MAX || *path.at != '/' ||
	    span_is(path, "/api") || span_is(path, "/healthz"))
		return FALSE;
	for (gsize i = 1; i < path.size; i++)
		if (!g_ascii_isalnum(path.at[i]) && !strchr("._-", path.at[i]))
			return FALSE;
	return TRUE;
}

gboolean web_files_owns(struct span path)
{
	return path.size >= strlen(WEB) &&
	       memcmp(path.at, WEB, strlen(WEB)) == 0;
}

const struct web_file *web_files_find(const struct web_files *files,
				      struct span path)
{
	if (!files)
		return NULL;
	if (is_page(path))
		return files->page;
	if (!web_files_owns(path))
		return NULL;
	g_autofree char *name = g_strndup(path.at, path.size);
	return g_hash_table_lookup(files->by_path, name);
}
