/* What the broker asks about homes: who holds one is looked at here, where
 * all machines are known. */
#include "server/host/hub-homes.h"

#include <string.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "server/host/homes.h"

#define SIZE_MIB_MAX (16 << 20)

/* FALSE and a fault while a machine other than `but` has it. */
static gboolean is_free(struct hub *hub, const char *home, const char *but,
			GError **error)
{
	struct home_lease lease;
	if (homes_at_work(home, error) ||
	    !home_lease_load(hub->root, home, &lease, error))
		return FALSE;
	struct machine *holder =
	    lease.machine ? g_hash_table_lookup(hub->machines, lease.machine)
			  : NULL;
	gboolean taken = holder && machine_is_on(holder) &&
			 g_strcmp0(lease.machine, but) != 0;
	if (taken)
		fault_set(error, FAULT_CONFLICT,
			  "Log off from that desktop first.",
			  "Home '%s' is in desktop '%s'.", home, lease.machine);
	home_lease_clear(&lease);
	return !taken;
}

static void attach(struct hub *hub, json_t *message, const char *home,
		   machine_answered answered, void *data, GError **error)
{
	struct home_grant grant = {.home = home};
	const char *id = jsonline_string(message, "machine", error);
	struct machine *machine =
	    id ? g_hash_table_lookup(hub->machines, id) : NULL;
	if (!id ||
	    !jsonline_integer(message, "size_mib", 1, SIZE_MIB_MAX,
			      &grant.size_mib, error) ||
	    !jsonline_integer(message, "epoch", 1, G_MAXINT64, &grant.epoch,
			      error))
		return;
	grant.fresh = json_is_true(json_object_get(message, "fresh"));
	if (!machine)
		fault_set(error, FAULT_NOT_FOUND, NULL,
			  "There is no desktop '%.40s' on this host.", id);
	else if (is_free(hub, home, id, error))
		homes_attach(machine, &grant, answered, data);
}

static void describe(struct hub *hub, json_t *message, const char *home,
		     machine_answered answered, void *data, GError **error)
{
	json_t *fields = homes_describe(hub->root, home, error);
	if (fields)
		answered(fields, NULL, data);
}

static void remove_home(struct hub *hub, json_t *message, const char *home,
			machine_answered answered, void *data, GError **error)
{
	if (is_free(hub, home, NULL, error) &&
	    homes_remove(hub->root, home, error))
		answered(json_object(), NULL, data);
}

static void copy(struct hub *hub, json_t *message, const char *home,
		 gboolean back, machine_answered answered, void *data,
		 GError **error)
{
	const char *name = hub_word(message, "name", error);
	if (name && is_free(hub, home, NULL, error))
		homes_copy(hub->root, home, name, back, answered, data);
}

static void backup(struct hub *hub, json_t *message, const char *home,
		   machine_answered answered, void *data, GError **error)
{
	copy(hub, message, home, FALSE, answered, data, error);
}

static void restore(struct hub *hub, json_t *message, const char *home,
		    machine_answered answered, void *data, GError **error)
{
	copy(hub, message, home, TRUE, answered, data, error);
}

static void forget_backup(struct hub *hub, json_t *message, const char *home,
			  machine_answered answered, void *data, GError **error)
{
	const char *name = hub_word(message, "name", error);
	if (name && homes_backup_remove(hub->root, home, name, error))
		answered(json_object(), NULL, data);
}

static const struct {
	const char *op;
	/* answers, now or later, or sets error */
	void (*run)(struct hub *hub, json_t *message, const char *home,
		    machine_answered answered, void *data, GError **error);
} ops[] = {
    {"home.attach", attach},      {"home.describe", describe},
    {"home.remove", remove_home}, {"home.backup", backup},
    {"home.restore", restore},    {"home.backup-remove", forget_backup},
};

gboolean hub_home_op(struct hub *hub, const char *op, json_t *message,
		     machine_answered answered, void *data)
{
	for (gsize i = 0; i < G_N_ELEMENTS(ops); i++) {
		if (strcmp(ops[i].op, op) != 0)
			continue;
		g_autoptr(GError) error = NULL;
		const char *home = hub_word(message, "home", &error);
		if (home)
			ops[i].run(hub, message, home, answered, data, &error);
		if (error)
			answered(NULL, error, data);
		return TRUE;
	}
	return FALSE;
}
