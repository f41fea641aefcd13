#include <stdio.h>

#include "server/cli/cli.h"
#include "server/cli/client.h"
#include "server/cli/password.h"
#include "server/cli/table.h"

static char *opt_password_file;
static gboolean opt_generate;
static char *opt_role;

#define PASSWORD_OPTIONS                                                       \
	{"password-file",                                                      \
	 0,                                                                    \
	 0,                                                                    \
	 G_OPTION_ARG_FILENAME,                                                \
	 &opt_password_file,                                                   \
	 "Read the password from FILE's first line (- for standard input)",    \
	 "FILE"},                                                              \
	{                                                                      \
		"generate", 'g', 0, G_OPTION_ARG_NONE, &opt_generate,          \
		    "Make a password and print it", NULL                       \
	}

static const GOptionEntry add_options[] = {
    PASSWORD_OPTIONS,
    {"role", 'r', 0, G_OPTION_ARG_STRING, &opt_role,
     "user (unless given), helpdesk, operator or admin", "ROLE"},
    {0},
};
static int opt_max_desktops = -1;
static gboolean opt_no_totp;
static const GOptionEntry edit_options[] = {
    {"role", 'r', 0, G_OPTION_ARG_STRING, &opt_role,
     "user, helpdesk, operator or admin; their sessions end", "ROLE"},
    {"max-desktops", 0, 0, G_OPTION_ARG_INT, &opt_max_desktops,
     "Desktops they may have on at a time (0, no limit)", "N"},
    {"no-totp", 0, 0, G_OPTION_ARG_NONE, &opt_no_totp,
     "Ask them for no code any more (a lost telephone)", NULL},
    {0},
};
static const GOptionEntry password_options[] = {PASSWORD_OPTIONS, {0}};

/* With --generate the answer carries the password, as nobody else knows it. */
static gboolean finish(struct cli *cli, json_t *answer, const char *password,
		       const char *what)
{
	if (answer && opt_generate)
		json_object_set_new(answer, "password", json_string(password));
	if (answer && !cli_printed(cli, answer)) {
		printf("User %s %s.\n", cli->argv[0], what);
		if (opt_generate)
			printf("Password: %s\n", password);
	}
	json_decref(answer);
	return answer != NULL;
}

static gboolean add(struct cli *cli, GError **error)
{
	char *password = password_obtain(cli->argv[0], opt_generate,
					 opt_password_file, error);
	if (!password)
		return FALSE;
	json_t *body =
	    json_pack("{s:s, s:s, s:s}", "user", cli->argv[0], "password",
		      password, "role", opt_role ? opt_role : "user");
	gboolean ok =
	    finish(cli, client_call(cli->client, "POST", "/users", body, error),
		   password, "was added");
	password_free(password);
	return ok;
}

static gboolean set_password(struct cli *cli, GError **error)
{
	g_autofree char *name = client_part(cli->argv[0]);
	g_autofree char *path = g_strdup_printf("/users/%s/password", name);
	char *password = password_obtain(cli->argv[0], opt_generate,
					 opt_password_file, error);
	if (!password)
		return FALSE;
	json_t *body = json_pack("{s:s}", "password", password);
	gboolean ok =
	    finish(cli, client_call(cli->client, "PUT", path, body, error),
		   password, "has a new password");
	password_free(password);
	return ok;
}

static gboolean edit(struct cli *cli, GError **error)
{
	g_autofree char *name = client_part(cli->argv[0]);
	g_autofree char *path = g_strconcat("/users/", name, NULL);
	json_t *body = json_object();
	if (opt_role)
		json_object_set_new(body, "role", json_string(opt_role));
	if (opt_max_desktops >= 0)
		json_object_set_new(body, "max_desktops",
				    json_integer(opt_max_desktops));
	if (opt_no_totp)
		json_object_set_new(body, "totp", json_false());
	json_t *answer = client_call(cli->client, "PUT", path, body, error);
	if (answer && !cli_printed(cli, answer))
		printf("User %s was changed.\n", cli->argv[0]);
	json_decref(answer);
	return answer != NULL;
}

static gboolean list(struct cli *cli, GError **error)
{
	json_t *answer = client_call(cli->client, "GET", "/users", NULL, error);
	if (!answer)
		return FALSE;
	if (!cli_printed(cli, answer)) {
		struct table *table =
		    table_create("USER", "ROLE", "GROUPS", "CODE", "PASSWORD",
				 "ADDED", NULL);
		gsize i;
		json_t *user;
		json_array_foreach(json_object_get(answer, "users"), i, user)
		{
			GString *groups = g_string_new(NULL);
			gsize k;
			json_t *group;
			json_array_foreach(json_object_get(user, "groups"), k,
					   group)
			    g_string_append_printf(groups, "%s%s",
						   k ? ", " : "",
						   json_string_value(group));
			table_row(
			    table, text_of(user, "user"), text_of(user, "role"),
			    groups->str,
			    json_is_true(json_object_get(user, "totp")) ? "yes"
									: "",
			    text_of(user, "source"), text_ago(user, "created"));
			g_string_free(groups, TRUE);
		}
		table_print(table, "There is no user yet; 'oriel user add' "
				   "adds one.");
	}
	json_decref(answer);
	return TRUE;
}

static gboolean remove_user(struct cli *cli, GError **error)
{
	g_autofree char *name = client_part(cli->argv[0]);
	g_autofree char *path = g_strconcat("/users/", name, NULL);
	json_t *answer = client_call(cli->client, "DELETE", path, NULL, error);
	if (answer)
		cli_say(cli, "User %s was removed.", cli->argv[0]);
	json_decref(answer);
	return answer != NULL;
}

const struct verb user_verbs[] = {
    {"user", "add", "USER", 1, 1, "Add a user",
     "  oriel user add ada\n  oriel user add ada --generate\n"
     "  oriel user add grace --role admin --password-file secret.txt\n",
     add_options, add, FALSE},
    {"user", "list", NULL, 0, 0, "Who may sign in", "  oriel user list\n", NULL,
     list, FALSE},
    {"user", "edit", "USER", 1, 1, "Change what is given, keep the rest",
     "  oriel user edit grace --role operator\n"
     "  oriel user edit ada --max-desktops 1\n",
     edit_options, edit, FALSE},
    {"user", "password", "USER", 1, 1,
     "Set a password; the user's sessions end",
     "  oriel user password ada\n  oriel user password ada --generate\n",
     password_options, set_password, FALSE},
    {"user", "remove", "USER", 1, 1, "Remove a user without desktops",
     "  oriel user remove ada\n", NULL, remove_user, FALSE},
    {0},
};
