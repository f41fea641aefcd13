#include "client/servers.h"

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "client/url.h"

struct entry {
	char *url, *user;
};

struct servers {
	char *path;
	GKeyFile *file;
	GPtrArray *entries;
};

static void free_entry(gpointer data)
{
	struct entry *entry = data;
	g_free(entry->url);
	g_free(entry->user);
	g_free(entry);
}

static void add_entry(struct servers *servers, const char *url,
		      const char *user)
{
	struct server_url parsed;
	if (!server_url_parse(url, &parsed, NULL))
		return;
	struct entry *entry = g_new0(struct entry, 1);
	entry->url = server_url_text(&parsed);
	entry->user = g_strdup(user ? user : "");
	g_ptr_array_add(servers->entries, entry);
	server_url_clear(&parsed);
}

struct servers *servers_new(const char *path)
{
	struct servers *servers = g_new0(struct servers, 1);
	servers->path = path ? g_strdup(path)
			     : g_build_filename(g_get_user_config_dir(),
						"oriel", "client.ini", NULL);
	servers->file = g_key_file_new();
	servers->entries = g_ptr_array_new_with_free_func(free_entry);
	g_autoptr(GError) error = NULL;
	if (!g_key_file_load_from_file(servers->file, servers->path,
				       G_KEY_FILE_KEEP_COMMENTS, &error) &&
	    error->domain == G_KEY_FILE_ERROR) {
		g_autofree char *aside =
		    g_strconcat(servers->path, ".damaged", NULL);
		g_rename(servers->path, aside);
	}
	for (int i = 1; i <= SERVERS_MAX; i++) {
		g_autofree char *group = g_strdup_printf("server %d", i);
		g_autofree char *url =
		    g_key_file_get_string(servers->file, group, "url", NULL);
		g_autofree char *user =
		    g_key_file_get_string(servers->file, group, "user", NULL);
		if (url)
			add_entry(servers, url, user);
	}
	return servers;
}

void servers_free(struct servers *servers)
{
	if (!servers)
		return;
	g_key_file_unref(servers->file);
	g_ptr_array_unref(servers->entries);
	g_free(servers->path);
	g_free(servers);
}

static void save(struct servers *servers)
{
	for (int i = 1; i <= SERVERS_MAX; i++) {
		g_autofree char *group = g_strdup_printf("server %d", i);
		g_key_file_remove_group(servers->file, group, NULL);
		if ((guint)i > servers->entries->len)
			continue;
		struct entry *entry = servers->entries->pdata[i - 1];
		g_key_file_set_string(servers->file, group, "url", entry->url);
		g_key_file_set_string(servers->file, group, "user",
				      entry->user);
	}
	g_autofree char *folder = g_path_get_dirname(servers->path);
	g_autofree char *text = g_key_file_to_data(servers->file, NULL, NULL);
	g_autoptr(GError) error = NULL;
	g_mkdir_with_parents(folder, 0700);
	if (!g_file_set_contents_full(servers->path, text, -1,
				      G_FILE_SET_CONTENTS_CONSISTENT, 0600,
				      &error))
		g_info("Preferences are not kept: %s", error->message);
}

guint servers_count(const struct servers *servers)
{
	return servers->entries->len;
}

const char *servers_url(const struct servers *servers, guint index)
{
	return ((struct entry *)servers->entries->pdata[index])->url;
}

const char *servers_user(const struct servers *servers, guint index)
{
	return ((struct entry *)servers->entries->pdata[index])->user;
}

static guint find(const struct servers *servers, const char *url)
{
	guint i = 0;
	while (i < servers->entries->len &&
	       g_strcmp0(servers_url(servers, i), url) != 0)
		i++;
	return i;
}

const char *servers_user_of(const struct servers *servers, const char *url)
{
	guint i = find(servers, url);
	return i < servers->entries->len ? servers_user(servers, i) : NULL;
}

void servers_used(struct servers *servers, const char *url, const char *user)
{
	guint i = find(servers, url);
	struct entry *entry;
	if (i < servers->entries->len) {
		entry = g_ptr_array_steal_index(servers->entries, i);
		g_free(entry->user);
	} else {
		entry = g_new0(struct entry, 1);
		entry->url = g_strdup(url);
	}
	entry->user = g_strdup(user);
	g_ptr_array_insert(servers->entries, 0, entry);
	if (servers->entries->len > SERVERS_MAX)
		g_ptr_array_set_size(servers->entries, SERVERS_MAX);
	save(servers);
}

void servers_forget(struct servers *servers, const char *url)
{
	guint i = find(servers, url);
	if (i >= servers->entries->len)
		return;
	g_ptr_array_remove_index(servers->entries, i);
	save(servers);
}

char *servers_preference(struct servers *servers, const char *key)
{
	return g_key_file_get_string(servers->file, "window", key, NULL);
}

void servers_set_preference(struct servers *servers, const char *key,
			    const char *value)
{
	g_key_file_set_string(servers->file, "window", key, value);
	save(servers);
}
