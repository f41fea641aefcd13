/* orield - options and dispatch: the supervisor, one role, or a question. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/store-tool.h"
#include "server/main/config.h"
#include "server/main/notify.h"
#include "server/main/roles.h"
#include "server/main/supervisor.h"

struct options {
	char *root, *role, *listen;
	int https_port, rfb_port, spice_port; /* -1: not given */
	int ready_fd, lock_fd;
	gboolean verbose, version, json, replace;
	char **rest;
};

static void options_clear(struct options *options)
{
	g_free(options->root);
	g_free(options->role);
	g_free(options->listen);
	g_strfreev(options->rest);
}

static gboolean parse(struct options *options, int *argc, char ***argv,
		      GError **error)
{
	*options = (struct options){.https_port = -1,
				    .rfb_port = -1,
				    .spice_port = -1,
				    .ready_fd = -1,
				    .lock_fd = -1};
	const GOptionEntry entries[] = {
	    {"root", 0, 0, G_OPTION_ARG_FILENAME, &options->root,
	     "Keep everything under DIR and need no privileges", "DIR"},
	    {"listen", 0, 0, G_OPTION_ARG_STRING, &options->listen,
	     "Serve on this address (with --root: 127.0.0.1)", "ADDRESS"},
	    {"https-port", 0, 0, G_OPTION_ARG_INT, &options->https_port,
	     "Port of clients and API (8443; 0 takes a free one)", "PORT"},
	    {"rfb-port", 0, 0, G_OPTION_ARG_INT, &options->rfb_port,
	     "Port of stock VNC viewers (5900; 0 takes a free one)", "PORT"},
	    {"spice-port", 0, 0, G_OPTION_ARG_INT, &options->spice_port,
	     "Port of stock SPICE viewers (5930 where it is free; 0 takes a "
	     "free one)",
	     "PORT"},
	    {"role", 0, 0, G_OPTION_ARG_STRING, &options->role,
	     "Run one role only: broker, host or gateway", "ROLE"},
	    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &options->verbose,
	     "Tell more", NULL},
	    {"json", 0, 0, G_OPTION_ARG_NONE, &options->json,
	     "Answer 'doctor' as JSON", NULL},
	    {"replace", 0, 0, G_OPTION_ARG_NONE, &options->replace,
	     "Let 'store restore' replace what the store holds", NULL},
	    {"version", 0, 0, G_OPTION_ARG_NONE, &options->version,
	     "Print the version and end", NULL},
	    {"ready-fd", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT,
	     &options->ready_fd, NULL, NULL},
	    {"lock-fd", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT,
	     &options->lock_fd, NULL, NULL},
	    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY,
	     &options->rest, NULL, NULL},
	    {0}};
	g_autoptr(GOptionContext) context =
	    g_option_context_new("[doctor | store WHAT] - Oriel's server");
	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_set_description(
	    context,
	    "Without --role it starts all roles of an installation and "
	    "keeps them running.\n'orield doctor' tells what this machine "
	    "can do for desktops.\n'orield store backup FILE', 'store "
	    "restore FILE' and 'store migrate WHERE'\nare the same as "
	    "'oriel store'.\nConfiguration is optional: see "
	    "oriel.conf(5).\n");
	g_autoptr(GError) wrong = NULL;
	if (!g_option_context_parse(context, argc, argv, &wrong)) {
		fault_set(error, FAULT_INVALID,
			  "'orield --help' lists the options.", "%s.",
			  wrong->message);
		return FALSE;
	}
	return TRUE;
}

static gboolean check_port(const char *name, int port, GError **error)
{
	if (port >= -1 && port <= 65535)
		return TRUE;
	fault_set(error, FAULT_INVALID,
		  "Give a number from 1 to 65535, or 0 for any free port.",
		  "--%s %d is no port.", name, port);
	return FALSE;
}

/* Configuration files, then the command line over them. */
static gboolean settle(const struct options *options,
		       const struct paths_root *root, struct config *config,
		       GError **error)
{
	g_autoptr(GPtrArray) remarks = g_ptr_array_new_with_free_func(g_free);
	config_defaults(config, root->rootless);
	if (!check_port("https-port", options->https_port, error) ||
	    !check_port("rfb-port", options->rfb_port, error) ||
	    !check_port("spice-port", options->spice_port, error) ||
	    !config_load(config, root, remarks, error))
		return FALSE;
	/* once, not by every role too */
	for (guint i = 0; i < remarks->len && !options->role; i++)
		log_warn(NULL, "%s", (char *)remarks->pdata[i]);
	if (options->https_port >= 0)
		config->https_port = (guint16)options->https_port;
	if (options->rfb_port >= 0)
		config->rfb_port = (guint16)options->rfb_port;
	if (options->spice_port >= 0)
		config->spice_port = options->spice_port;
	if (options->listen) {
		if (!g_hostname_is_ip_address(options->listen)) {
			fault_set(error, FAULT_INVALID,
				  "Give the address of one of this machine's "
				  "interfaces, 127.0.0.1, or :: for all.",
				  "--listen '%s' is no IP address.",
				  options->listen);
			return FALSE;
		}
		g_free(config->listen);
		config->listen = g_strdup(options->listen);
	}
	return TRUE;
}

/* Descriptors that the supervisor left open across exec(). */
static gboolean inherit(int fd, const char *name, GError **error)
{
	if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
		return TRUE;
	fault_set(error, FAULT_INVALID,
		  "The supervisor passes it; leave it out.",
		  "--%s %d is no open descriptor.", name, fd);
	return FALSE;
}

static int run_role(const struct options *options,
		    const struct paths_root *root,
		    struct role_options *role_options, GError **error)
{
	const struct role *role = roles_find(options->role);
	if (!role) {
		fault_set(error, FAULT_INVALID,
			  "The roles are broker, host and gateway.",
			  "There is no role '%s'.", options->role);
		return ROLE_HOPELESS;
	}
	if (!inherit(options->ready_fd, "ready-fd", error) ||
	    !inherit(options->lock_fd, "lock-fd", error))
		return ROLE_HOPELESS;
	g_autofree char *name = g_strdup_printf("orield-%s", role->name);
	log_open(name, options->verbose);
	prctl(PR_SET_NAME, name);
	role_options->ready_fd =
	    options->ready_fd >= 0 ? options->ready_fd : notify_socket();
	return role->run(root, role_options);
}

static int run(const struct options *options, GError **error)
{
	struct paths_root root;
	gboolean is_store =
	    options->rest && strcmp(options->rest[0], "store") == 0;
	if (options->rest && !is_store &&
	    strcmp(options->rest[0], "doctor") != 0) {
		fault_set(error, FAULT_INVALID,
			  "'orield --help' lists the options; 'oriel' is the "
			  "command line for everything else.",
			  "'%s' is no command of orield.", options->rest[0]);
		return ROLE_HOPELESS;
	}
	if (options->rest && !is_store) /* a doctor makes no folders */
		return roles_doctor(options->root, options->json);
	if (!paths_root_open(&root, options->root, error))
		return ROLE_HOPELESS;
	struct config config = {0};
	int status = ROLE_HOPELESS;
	if (settle(options, &root, &config, error)) {
		struct role_options role_options = {
		    .listen = config.listen,
		    .https_port = config.https_port,
		    .rfb_port = config.rfb_port,
		    .spice_port = config.spice_port,
		    .max_connections = config.max_connections,
		    .max_per_address = config.max_per_address,
		    .store = config.store,
		    .oidc = &config.oidc,
		    .pam = config.pam,
		    .pam_folder = config.pam_folder,
		    .verbose = options->verbose,
		    .ready_fd = -1,
		    .lock_fd = options->lock_fd};
		status =
		    is_store
			? store_tool(&root, config.store, options->rest + 1,
				     options->replace, error)
		    : options->role
			? run_role(options, &root, &role_options, error)
			: supervisor_main(&root, options->root, &role_options);
	}
	config_clear(&config);
	paths_root_clear(&root);
	return status;
}

int main(int argc, char **argv)
{
	/* a peer that closes is an error of that write, not our end */
	signal(SIGPIPE, SIG_IGN);
	log_open("orield", FALSE);
	struct options options;
	g_autoptr(GError) error = NULL;
	int status = ROLE_HOPELESS;
	if (parse(&options, &argc, &argv, &error)) {
		if (options.version) {
			puts("orield " ORIEL_VERSION);
			status = 0;
		} else {
			log_open("orield", options.verbose);
			status = run(&options, &error);
		}
	}
	if (error)
		fault_print("orield", error);
	options_clear(&options);
	return status;
}
