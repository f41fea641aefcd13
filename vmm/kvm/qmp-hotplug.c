/* qmp-hotplug.c - the commands of contract A that bring and take cards:
 * netdev_add, netdev_del, device_add, device_del, with QEMU's arguments where
 * they mean something here. A network named by netdev_add belongs to the next
 * device that asks for it. */
#include <string.h>

#include "common/fault.h"
#include "vmm/kvm/hotplug.h"
#include "vmm/kvm/opts.h"
#include "vmm/kvm/qmp-server.h"
#include "vmm/kvm/vm.h"

#define NETDEVS_MAX 16u

static const char *text_of(json_t *arguments, const char *key, GError **error)
{
	const char *text = json_string_value(json_object_get(arguments, key));

	if (!text && error)
		fault_set(error, FAULT_INVALID, NULL,
			  "Parameter '%s' is missing or not a string", key);
	return text;
}

/* The backend= of virtio-net that this network is; new string. */
static char *backend_of(json_t *arguments, GError **error)
{
	const char *type = text_of(arguments, "type", error);
	json_t *addr = json_object_get(arguments, "addr");

	if (!type)
		return NULL;
	if (g_str_equal(type, "stream")) {
		const char *kind = text_of(addr, "type", NULL);
		const char *path = text_of(addr, "path", NULL);
		bool server =
		    json_is_true(json_object_get(arguments, "server"));

		if (kind && g_str_equal(kind, "unix") && path)
			return g_strconcat(server ? "listen:" : "passt:", path,
					   NULL);
	} else if (g_str_equal(type, "tap")) {
		const char *name = text_of(arguments, "ifname", error);

		return name ? g_strconcat("tap:", name, NULL) : NULL;
	}
	/* QEMU's way to say: a card that reaches nothing */
	if (g_str_equal(type, "user") &&
	    json_is_true(json_object_get(arguments, "restrict")))
		return g_strdup("none");
	fault_set(error, FAULT_INVALID,
		  "Use type stream with addr unix, tap, or user with "
		  "restrict.",
		  "Parameter 'type' does not accept value '%s' with these "
		  "arguments",
		  type);
	return NULL;
}

json_t *qmp_netdev_add(struct qmp_client *c, json_t *arguments, GError **error)
{
	GHashTable *netdevs = hotplug_netdevs(qmp_client_vm(c)->hotplug);
	const char *id = text_of(arguments, "id", error);
	char *backend;

	if (!id)
		return NULL;
	if (g_hash_table_contains(netdevs, id)) {
		fault_set(error, FAULT_CONFLICT, NULL,
			  "Duplicate ID '%s' for netdev", id);
		return NULL;
	}
	if (g_hash_table_size(netdevs) >= NETDEVS_MAX) {
		fault_set(error, FAULT_CONFLICT, "Remove one with netdev_del.",
			  "%u networks wait for a device already", NETDEVS_MAX);
		return NULL;
	}
	backend = backend_of(arguments, error);
	if (!backend)
		return NULL;
	g_hash_table_insert(netdevs, g_strdup(id), backend);
	return json_object();
}

json_t *qmp_netdev_del(struct qmp_client *c, json_t *arguments, GError **error)
{
	const char *id = text_of(arguments, "id", error);

	if (!id)
		return NULL;
	if (g_hash_table_remove(hotplug_netdevs(qmp_client_vm(c)->hotplug), id))
		return json_object();
	fault_set(error, FAULT_NOT_FOUND, NULL, "Device '%s' not found", id);
	return NULL;
}

/* "virtio-net-pci" is QEMU's name of what is "virtio-net" here */
static struct opts *opts_of(const char *driver, GError **error)
{
	g_autofree char *type = g_strdup(driver);

	if (g_str_has_suffix(type, "-pci"))
		type[strlen(type) - 4] = '\0';
	if (!*type || strchr(type, ',')) {
		fault_set(error, FAULT_INVALID, NULL,
			  "'%s' is not a valid device model name", driver);
		return NULL;
	}
	return opts_parse(type, error);
}

static bool set(struct opts *opts, const char *key, json_t *value,
		GError **error)
{
	if (json_is_string(value)) {
		opts_set(opts, key, json_string_value(value));
	} else if (json_is_boolean(value)) {
		opts_set(opts, key, json_is_true(value) ? "on" : "off");
	} else if (json_is_integer(value)) {
		g_autofree char *text = g_strdup_printf(
		    "%" JSON_INTEGER_FORMAT, json_integer_value(value));

		opts_set(opts, key, text);
	} else {
		fault_set(error, FAULT_INVALID, NULL,
			  "Parameter '%s' is neither text, number nor boolean",
			  key);
		return false;
	}
	return true;
}

json_t *qmp_device_add(struct qmp_client *c, json_t *arguments, GError **error)
{
	struct hotplug *hotplug = qmp_client_vm(c)->hotplug;
	GHashTable *netdevs = hotplug_netdevs(hotplug);
	const char *driver = text_of(arguments, "driver", error);
	const char *netdev = text_of(arguments, "netdev", NULL);
	struct opts *opts = driver ? opts_of(driver, error) : NULL;
	bool good = opts;
	const char *key;
	json_t *value;

	if (good && netdev) {
		const char *backend = g_hash_table_lookup(netdevs, netdev);

		good = backend;
		if (backend)
			opts_set(opts, "backend", backend);
		else
			fault_set(error, FAULT_INVALID, "Use netdev_add.",
				  "Property 'netdev' can't find value '%s'",
				  netdev);
	}
	json_object_foreach(arguments, key, value)
	{
		if (good && strcmp(key, "driver") && strcmp(key, "netdev"))
			good = set(opts, key, value, error);
	}
	good = good && hotplug_add(hotplug, opts, error);
	if (opts)
		opts_free(opts);
	if (!good)
		return NULL;
	if (netdev)
		g_hash_table_remove(netdevs, netdev);
	return json_object();
}

json_t *qmp_device_del(struct qmp_client *c, json_t *arguments, GError **error)
{
	const char *id = text_of(arguments, "id", error);

	return id && hotplug_remove(qmp_client_vm(c)->hotplug, id, error)
		   ? json_object()
		   : NULL;
}
