#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/follow.h"
#include "server/cli/table.h"

static char *opt_name;
static gboolean opt_again, opt_no_wait;
static int opt_version;
static char *opt_iso, *opt_drivers, *opt_answers, *opt_profile, *opt_size;
static char *opt_user;
static int opt_cpus, opt_memory;

static const GOptionEntry build_options[] = {
    {"name", 'n', 0, G_OPTION_ARG_STRING, &opt_name,
     "Name of the image (the recipe's unless given)", "NAME"},
    {"again", 0, 0, G_OPTION_ARG_NONE, &opt_again,
     "Build a new version also when the image is current", NULL},
    {"no-wait", 0, 0, G_OPTION_ARG_NONE, &opt_no_wait,
     "Do not wait for the end; 'oriel task show' tells how it goes", NULL},
    {0},
};

static const GOptionEntry import_options[] = {
    {"name", 'n', 0, G_OPTION_ARG_STRING, &opt_name,
     "Name of the image (the file's unless given)", "NAME"},
    {"no-wait", 0, 0, G_OPTION_ARG_NONE, &opt_no_wait,
     "Do not wait for the end; 'oriel task show' tells how it goes", NULL},
    {0},
};

static const GOptionEntry create_options[] = {
    {"iso", 'i', 0, G_OPTION_ARG_FILENAME, &opt_iso,
     "The medium that the system is installed from", "FILE"},
    {"profile", 'p', 0, G_OPTION_ARG_STRING, &opt_profile,
     "linux (unless given), windows-7, windows-10 or windows-11", "NAME"},
    {"answers", 0, 0, G_OPTION_ARG_FILENAME, &opt_answers,
     "A further medium, of oriel-image-answers", "FILE"},
    {"drivers", 0, 0, G_OPTION_ARG_FILENAME, &opt_drivers,
     "A further medium, with virtio's drivers for Windows", "FILE"},
    {"size", 's', 0, G_OPTION_ARG_STRING, &opt_size,
     "Size of the disk: 40G, or what the profile needs", "SIZE"},
    {"cpus", 0, 0, G_OPTION_ARG_INT, &opt_cpus,
     "Processors meanwhile (2, or what the profile needs)", "N"},
    {"memory", 0, 0, G_OPTION_ARG_INT, &opt_memory,
     "Memory meanwhile (2048, or what the profile needs)", "MIB"},
    {"user", 'u', 0, G_OPTION_ARG_STRING, &opt_user, "Who sits at its console",
     "USER"},
    {"no-wait", 0, 0, G_OPTION_ARG_NONE, &opt_no_wait,
     "Do not wait for the end; 'oriel task show' tells how it goes", NULL},
    {0},
};

static const GOptionEntry remove_options[] = {
    {"version", 0, 0, G_OPTION_ARG_INT, &opt_version, "Only this version", "N"},
    {0},
};

static const GOptionEntry finish_options[] = {
    {"no-wait", 0, 0, G_OPTION_ARG_NONE, &opt_no_wait,
     "Do not wait for the end; 'oriel task show' tells how it goes", NULL},
    {0},
};

static gboolean build(struct cli *cli, GError **error)
{
	json_t *body =
	    json_pack("{s:s, s:b}", "recipe", cli->argv[0], "again", opt_again);
	if (opt_name)
		json_object_set_new(body, "name", json_string(opt_name));
	json_t *answer =
	    client_call(cli->client, "POST", "/images", body, error);
	if (!answer)
		return FALSE;
	const char *task = text_of(answer, "task");
	gboolean ok = TRUE;
	if (*task && !opt_no_wait) {
		json_t *ended = follow_task(cli, task, error);
		ok = ended != NULL;
		json_decref(ended);
	}
	if (ok && !cli_printed(cli, answer))
		printf(*task && opt_no_wait
			   ? "Image %s version %s is being built, task "
			     "%s.\n"
		       : *task ? "Image %s version %s is ready.\n"
			       : "Image %s is current, version %s.\n",
		       text_of(answer, "image"), text_of(answer, "version"),
		       task);
	json_decref(answer);
	return ok;
}

/* What the host may read: a name in LIB/import, a copy of its own. */
static char *hand_over(struct cli *cli, const char *file, GError **error)
{
	struct paths_root root;
	if (!paths_root_open(&root, cli->root, error))
		return NULL;
	g_autofree char *folder = g_build_filename(root.lib, "import", NULL);
	g_autofree char *base = g_path_get_basename(file);
	g_autofree char *random = g_uuid_string_random();
	const char *dot = strrchr(base, '.');
	char *name = g_strdup_printf("copy-%.8s%s", random, dot ? dot : "");
	g_autofree char *to = g_build_filename(folder, name, NULL);
	g_autoptr(GFile) from = g_file_new_for_path(file);
	g_autoptr(GFile) into = g_file_new_for_path(to);
	g_autoptr(GError) why = NULL;
	gboolean ok =
	    g_mkdir_with_parents(folder, 0700) == 0 &&
	    g_file_copy(from, into, G_FILE_COPY_NONE, NULL, NULL, NULL, &why);
	ok = ok && chmod(to, 0600) == 0 &&
	     paths_share(&root, folder, "host", error) &&
	     paths_share(&root, to, "host", error);
	if (!ok && error && !*error)
		fault_set(error,
			  why && why->code == G_IO_ERROR_NOT_FOUND
			      ? FAULT_NOT_FOUND
			      : FAULT_STORAGE,
			  "Look at its name, and at the room in that folder.",
			  "'%s' cannot be copied to '%s': %s.", file, folder,
			  why ? why->message : g_strerror(errno));
	if (!ok) {
		unlink(to);
		g_clear_pointer(&name, g_free);
	}
	paths_root_clear(&root);
	return name;
}

/* "Office PC.vmdk" becomes "office-pc". */
static char *name_from(const char *file)
{
	g_autofree char *base = g_path_get_basename(file);
	char *name = g_ascii_strdown(base, 32);
	char *dot = strrchr(name, '.');
	if (dot && dot != name)
		*dot = 0;
	for (char *at = name; *at; at++)
		if (!g_ascii_isalnum(*at) && !strchr("._-", *at))
			*at = '-';
	return name;
}

static gboolean import(struct cli *cli, GError **error)
{
	g_autofree char *name =
	    opt_name ? g_strdup(opt_name) : name_from(cli->argv[0]);
	g_autofree char *copy = hand_over(cli, cli->argv[0], error);
	if (!copy)
		return FALSE;
	g_autofree char *part = client_part(name);
	g_autofree char *path = g_strdup_printf("/images/%s/import", part);
	json_t *answer = client_call(cli->client, "POST", path,
				     json_pack("{s:s}", "file", copy), error);
	if (!answer)
		return FALSE;
	json_t *ended = opt_no_wait
			    ? NULL
			    : follow_task(cli, text_of(answer, "task"), error);
	gboolean ok = opt_no_wait || ended;
	g_autofree char *about = g_strdup_printf("/images/%s", part);
	json_t *image =
	    ended ? client_call(cli->client, "GET", about, NULL, error) : NULL;
	if (ok && !cli_printed(cli, answer) && ended) {
		json_t *manifest = json_object_get(image, "manifest");
		printf("Image %s version %s is ready.\n%s\n", name,
		       text_of(answer, "version"), text_of(manifest, "report"));
	} else if (ok && !cli->json) {
		printf("Image %s version %s is being imported, task %s.\n",
		       name, text_of(answer, "version"),
		       text_of(answer, "task"));
	}
	json_decref(image);
	json_decref(ended);
	json_decref(answer);
	return ok;
}

/* ---- from a medium ---- */

/* "40G", "40" or "1T" in GiB; 0 and a fault. */
static gint64 size_of(const char *text, GError **error)
{
	char *end;
	gint64 number = g_ascii_strtoll(text, &end, 10);
	gint64 unit = g_ascii_toupper(*end) == 'T' ? 1024 : 1;
	if (*end && strchr("GgTt", *end))
		end++;
	if (!*end && number >= 1 && number <= 4096 / unit)
		return number * unit;
	fault_set(error, FAULT_INVALID, "For example --size 60G.",
		  "A disk has 1G to 4T.");
	return 0;
}

/* What the copies of its media are called. */
struct media {
	const char *files[3]; /* as given, or NULL */
	char *names[3];
};
static const char *const media_keys[3] = {"iso", "answers", "drivers"};

/* With `remove`, they are of no use: nobody has been told of them. */
static void media_clear(struct cli *cli, struct media *media, gboolean remove)
{
	struct paths_root root;
	gboolean open = remove && paths_root_open(&root, cli->root, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(media->names); i++) {
		g_autofree char *path =
		    open && media->names[i]
			? g_build_filename(root.lib, "import", media->names[i],
					   NULL)
			: NULL;
		if (path)
			unlink(path);
		g_free(media->names[i]);
	}
	if (open)
		paths_root_clear(&root);
}

static gboolean media_copy(struct cli *cli, struct media *media, json_t *body,
			   GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(media->files); i++) {
		if (!media->files[i])
			continue;
		media->names[i] = hand_over(cli, media->files[i], error);
		if (!media->names[i])
			return FALSE;
		json_object_set_new(body, media_keys[i],
				    json_string(media->names[i]));
	}
	return TRUE;
}

/* Of the request; takes nothing. */
static json_t *create_body(GError **error)
{
	gint64 size = opt_size ? size_of(opt_size, error) : 0;
	if (opt_size && !size)
		return NULL;
	json_t *body = json_object();
	if (size)
		json_object_set_new(body, "disk_gib", json_integer(size));
	if (opt_cpus)
		json_object_set_new(body, "cpus", json_integer(opt_cpus));
	if (opt_memory)
		json_object_set_new(body, "memory_mib",
				    json_integer(opt_memory));
	if (opt_profile)
		json_object_set_new(body, "profile", json_string(opt_profile));
	if (opt_user)
		json_object_set_new(body, "user", json_string(opt_user));
	return body;
}

static json_t *ask_create(struct cli *cli, GError **error)
{
	struct media media = {{opt_iso, opt_answers, opt_drivers}, {NULL}};
	g_autofree char *part = client_part(cli->argv[0]);
	g_autofree char *path = g_strdup_printf("/images/%s/install", part);
	json_t *answer = NULL;
	json_t *body = create_body(error);
	if (!body)
		return NULL;
	if (media_copy(cli, &media, body, error))
		answer = client_call(cli->client, "POST", path,
				     json_incref(body), error);
	json_decref(body);
	media_clear(cli, &media, !answer);
	return answer;
}

static gboolean create(struct cli *cli, GError **error)
{
	const char *name = cli->argv[0];
	if (!opt_iso) {
		fault_set(error, FAULT_INVALID,
			  "'oriel image build' needs none, 'oriel image "
			  "import' takes a disk.",
			  "The medium is missing: --iso FILE.");
		return FALSE;
	}
	json_t *answer = ask_create(cli, error);
	if (!answer)
		return FALSE;
	if (!cli->json)
		printf("Image %s is being installed, task %s. Its console is a "
		       "desktop:\n  oriel desktop open install-%s\nIt is done "
		       "when its system switches itself off, or by:\n  oriel "
		       "image finish %s\n",
		       name, text_of(answer, "task"), name, name);
	fflush(stdout);
	json_t *ended = opt_no_wait
			    ? NULL
			    : follow_task(cli, text_of(answer, "task"), error);
	gboolean ok = opt_no_wait || ended;
	if (ok && !cli_printed(cli, answer) && ended)
		printf("Image %s version %s is ready.\n", name,
		       text_of(answer, "version"));
	json_decref(ended);
	json_decref(answer);
	return ok;
}

/* The task that makes an image; new string, or NULL and a fault. */
static char *task_of(struct cli *cli, GError **error)
{
	g_autofree char *part = client_part(cli->argv[0]);
	g_autofree char *path = g_strconcat("/images/", part, NULL);
	json_t *image = client_call(cli->client, "GET", path, NULL, error);
	char *task = g_strdup(text_of(image, "task"));
	json_decref(image);
	if (image && !*task)
		fault_set(error, FAULT_CONFLICT,
			  "'oriel task list' shows what is under way.",
			  "Image '%s' is not being made.", cli->argv[0]);
	if (!image || !*task)
		g_clear_pointer(&task, g_free);
	return task;
}

static gboolean finish(struct cli *cli, GError **error)
{
	g_autofree char *task = task_of(cli, error);
	if (!task)
		return FALSE;
	g_autofree char *part = client_part(cli->argv[0]);
	g_autofree char *path = g_strdup_printf("/images/%s/finish", part);
	json_t *image = client_call(cli->client, "POST", path, NULL, error);
	if (!image)
		return FALSE;
	json_t *ended = opt_no_wait ? NULL : follow_task(cli, task, error);
	gboolean ok = opt_no_wait || ended;
	if (ok && !cli_printed(cli, image))
		printf(ended ? "Image %s is ready.\n"
			     : "Image %s is being made of its disk.\n",
		       cli->argv[0]);
	json_decref(ended);
	json_decref(image);
	return ok;
}

static gboolean cancel(struct cli *cli, GError **error)
{
	g_autofree char *task = task_of(cli, error);
	if (!task)
		return FALSE;
	g_autofree char *path = g_strconcat("/tasks/", task, NULL);
	json_t *answer = client_call(cli->client, "DELETE", path, NULL, error);
	json_decref(answer);
	if (!answer)
		return FALSE;
	g_autoptr(GError) how = NULL;
	json_t *ended = follow_task(cli, task, &how);
	json_decref(ended);
	if (ended) {
		fault_set(error, FAULT_CONFLICT,
			  "Remove it ('oriel image remove').",
			  "Image '%s' was ready before it could be cancelled.",
			  cli->argv[0]);
		return FALSE;
	}
	if (!g_error_matches(how, FAULT, FAULT_CANCELLED)) {
		g_propagate_error(error, g_steal_pointer(&how));
		return FALSE;
	}
	cli_say(cli, "Image %s is not made; nothing was left behind.",
		cli->argv[0]);
	return TRUE;
}

static gboolean list(struct cli *cli, GError **error)
{
	json_t *answer =
	    client_call(cli->client, "GET", "/images", NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		struct table *table = table_create("IMAGE", "VERSION", "STATE",
						   "RECIPE", "BUILT", NULL);
		gsize i;
		json_t *image;
		json_array_foreach(json_object_get(answer, "images"), i, image)
		    table_row(table, text_of(image, "image"),
			      text_of(image, "version"),
			      text_of(image, "state"), text_of(image, "recipe"),
			      text_ago(image, "created"));
		table_print(table, "There is no image yet; 'oriel image "
				   "recipes' tells what can be built.");
	}
	json_decref(answer);
	return TRUE;
}

static void show_text(json_t *image)
{
	json_t *manifest = json_object_get(image, "manifest");
	json_t *packages = json_object_get(manifest, "packages");
	table_fact("Image", "%s", text_of(image, "image"));
	table_fact("State", "%s", text_of(image, "state"));
	table_fact("Version", "%s", text_of(image, "version"));
	table_fact("Recipe", "%s", text_of(image, "recipe"));
	table_fact("Built", "%s", text_ago(image, "created"));
	table_fact("Task", "%s", text_of(image, "task"));
	if (*text_of(manifest, "report"))
		table_fact("Report", "%s", text_of(manifest, "report"));
	if (packages)
		table_fact("Packages", "%d",
			   (int)(json_array_size(packages) +
				 json_object_size(packages)));
	printf("\n");
	struct table *table = table_create("VERSION", "STATE", "RECIPE", "MADE",
					   "DESKTOPS", "REMARK", NULL);
	gsize i;
	json_t *version;
	json_array_foreach(json_object_get(image, "versions"), i, version)
	    table_row(table, text_of(version, "version"),
		      text_of(version, "state"), text_of(version, "recipe"),
		      text_ago(version, "created"),
		      text_of(version, "desktops"), text_of(version, "cause"));
	table_print(table, "It has no version.");
}

static char *path_of(struct cli *cli)
{
	g_autofree char *name = client_part(cli->argv[0]);
	return g_strconcat("/images/", name, NULL);
}

static gboolean show(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	json_t *image = client_call(cli->client, "GET", path, NULL, error);
	if (image && !cli_printed(cli, image))
		show_text(image);
	json_decref(image);
	return image != NULL;
}

static gboolean remove_image(struct cli *cli, GError **error)
{
	g_autofree char *path = path_of(cli);
	g_autofree char *full =
	    opt_version ? g_strdup_printf("%s?version=%d", path, opt_version)
			: g_strdup(path);
	json_t *answer = client_call(cli->client, "DELETE", full, NULL, error);
	if (answer)
		cli_say(cli, "Image %s was removed.", cli->argv[0]);
	json_decref(answer);
	return answer != NULL;
}

static gboolean recipes(struct cli *cli, GError **error)
{
	json_t *answer =
	    client_call(cli->client, "GET", "/recipes", NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		struct table *table =
		    table_create("RECIPE", "TITLE", "DESCRIPTION", NULL);
		gsize i;
		json_t *recipe;
		json_array_foreach(json_object_get(answer, "recipes"), i,
				   recipe)
		    table_row(table, text_of(recipe, "name"),
			      text_of(recipe, "title"),
			      text_of(recipe, "description"));
		table_print(table, "There is no recipe in data/images.");
	}
	json_decref(answer);
	return TRUE;
}

const struct verb image_verbs[] = {
    {"image", "build", "RECIPE", 1, 1, "Build an image",
     "  oriel image build debian-lite\n"
     "  oriel image build debian-xfce --name office\n"
     "Ctrl-C cancels the build; nothing half-made stays.\n",
     build_options, build, FALSE},
    {"image", "import", "FILE", 1, 1,
     "Make an image of a disk made elsewhere; it boots by itself",
     "  oriel image import office.vmdk\n"
     "  oriel image import appliance.ova --name appliance\n"
     "The name's ending says what it is: qcow2 raw img vmdk vhd vhdx vdi ova. "
     "A new version, where the image exists.\n",
     import_options, import, FALSE},
    {"image", "create", "IMAGE", 1, 1,
     "Make a new image: install a system from an ISO, at its console",
     "  oriel image create tumbleweed --iso tumbleweed.iso --user ada\n"
     "  oriel image create win11 --profile windows-11 --iso win11.iso "
     "--drivers virtio-win.iso --user ada\n"
     "Ctrl-C cancels it; nothing half-made stays.\n",
     create_options, create, FALSE},
    {"image", "finish", "IMAGE", 1, 1,
     "Take the disk of one that is being installed as it is",
     "  oriel image finish tumbleweed\n"
     "Its machine is switched off; not needed where its system does that "
     "itself.\n",
     finish_options, finish, FALSE},
    {"image", "cancel", "IMAGE", 1, 1, "Stop making one; nothing is kept",
     "  oriel image cancel tumbleweed\n", NULL, cancel, FALSE},
    {"image", "list", NULL, 0, 0, "What images there are",
     "  oriel image list\n  oriel image list --json\n", NULL, list, FALSE},
    {"image", "show", "IMAGE", 1, 1, "An image and its versions",
     "  oriel image show debian-lite\n"
     "  oriel image show debian-lite --json | jq .manifest\n",
     NULL, show, FALSE},
    {"image", "remove", "IMAGE", 1, 1, "Remove an image that nothing uses",
     "  oriel image remove debian-lite\n"
     "  oriel image remove debian-lite --version 3\n",
     remove_options, remove_image, FALSE},
    {"image", "recipes", NULL, 0, 0, "What can be built",
     "  oriel image recipes\n", NULL, recipes, FALSE},
    {0},
};
