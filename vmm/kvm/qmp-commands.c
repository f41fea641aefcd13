/* qmp-commands.c - the commands of contract A, one function each. */
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "vmm/kvm/audio.h"
#include "vmm/kvm/console.h"
#include "vmm/kvm/display1.h"
#include "vmm/kvm/opts.h"
#include "vmm/kvm/qmp-server.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/kvm/virtio.h"
#include "vmm/kvm/vm.h"

static const char *text_of(json_t *arguments, const char *key, GError **error)
{
	const char *text = json_string_value(json_object_get(arguments, key));

	if (!text)
		fault_set(error, FAULT_INVALID, NULL,
			  "Parameter '%s' is missing or not a string", key);
	return text;
}

static json_t *capabilities(struct qmp_client *c, json_t *arguments,
			    GError **error)
{
	fault_set(error, FAULT_INVALID, NULL,
		  "Capabilities negotiation is already complete, command "
		  "ignored");
	return NULL;
}

static json_t *query_status(struct qmp_client *c, json_t *arguments,
			    GError **error)
{
	const struct vm *vm = qmp_client_vm(c);

	return json_pack("{s:s, s:b, s:b}", "status",
			 vm_status_name(vm->status), "running",
			 vm->status == VM_RUNNING, "singlestep", 0);
}

static json_t *query_version(struct qmp_client *c, json_t *arguments,
			     GError **error)
{
	return json_pack("{s:{s:i,s:i,s:i},s:s}", "qemu", "micro", 0, "minor",
			 2, "major", 7, "package", "oriel-vmm " ORIEL_VERSION);
}

static json_t *query_commands(struct qmp_client *c, json_t *arguments,
			      GError **error)
{
	json_t *list = json_array();

	for (const struct qmp_command *k = qmp_commands; k->name; k++)
		json_array_append_new(list,
				      json_pack("{s:s}", "name", k->name));
	return list;
}

static json_t *query_name(struct qmp_client *c, json_t *arguments,
			  GError **error)
{
	return json_pack("{s:s}", "name", qmp_client_vm(c)->config.name);
}

static json_t *query_kvm(struct qmp_client *c, json_t *arguments,
			 GError **error)
{
	return json_pack("{s:b, s:b}", "enabled", 1, "present", 1);
}

static json_t *query_cpus(struct qmp_client *c, json_t *arguments,
			  GError **error)
{
	const struct vm *vm = qmp_client_vm(c);
	json_t *list = json_array();

	for (unsigned i = 0; i < vm->vcpu_count; i++)
		json_array_append_new(
		    list, json_pack("{s:i, s:s, s:s, s:i, s:{}}", "cpu-index",
				    (int)i, "target", "x86_64", "qom-path", "",
				    "thread-id", (int)getpid(), "props"));
	return list;
}

static json_t *stop(struct qmp_client *c, json_t *arguments, GError **error)
{
	vm_stop(qmp_client_vm(c), VM_PAUSED);
	return json_object();
}

static json_t *cont(struct qmp_client *c, json_t *arguments, GError **error)
{
	return vm_cont(qmp_client_vm(c), error) ? json_object() : NULL;
}

static json_t *powerdown(struct qmp_client *c, json_t *arguments,
			 GError **error)
{
	vm_powerdown(qmp_client_vm(c));
	return json_object();
}

static json_t *reset(struct qmp_client *c, json_t *arguments, GError **error)
{
	vm_reset(qmp_client_vm(c), false);
	return json_object();
}

static json_t *quit(struct qmp_client *c, json_t *arguments, GError **error)
{
	vm_event(qmp_client_vm(c), "SHUTDOWN",
		 "{\"guest\": false, \"reason\": \"host-qmp-quit\"}");
	qmp_server_quit(c);
	return json_object();
}

static json_t *getfd(struct qmp_client *c, json_t *arguments, GError **error)
{
	const char *name = text_of(arguments, "fdname", error);
	int fd;

	if (!name)
		return NULL;
	fd = qmp_client_take_received(c);
	if (fd < 0) {
		fault_set(error, FAULT_INVALID, NULL,
			  "No file descriptor supplied via SCM_RIGHTS");
		return NULL;
	}
	qmp_client_keep_fd(c, name, fd);
	return json_object();
}

static json_t *closefd(struct qmp_client *c, json_t *arguments, GError **error)
{
	const char *name = text_of(arguments, "fdname", error);
	int fd;

	if (!name)
		return NULL;
	fd = qmp_client_take_fd(c, name);
	if (fd < 0) {
		fault_set(error, FAULT_INVALID, NULL,
			  "File descriptor named '%s' not found", name);
		return NULL;
	}
	close(fd);
	return json_object();
}

static json_t *add_client(struct qmp_client *c, json_t *arguments,
			  GError **error)
{
	const char *protocol = text_of(arguments, "protocol", error);
	const char *name =
	    protocol ? text_of(arguments, "fdname", error) : NULL;
	int fd;

	if (!name)
		return NULL;
	if (!g_str_equal(protocol, "@dbus-display")) {
		fault_set(error, FAULT_INVALID, NULL,
			  "protocol '%s' is invalid", protocol);
		return NULL;
	}
	fd = qmp_client_take_fd(c, name);
	if (fd < 0) {
		fault_set(error, FAULT_INVALID, NULL,
			  "File descriptor named '%s' not found", name);
		return NULL;
	}
	return display1_add_client(qmp_client_vm(c), fd, error) ? json_object()
								: NULL;
}

static struct device *device_of(struct qmp_client *c, const char *id,
				GError **error)
{
	struct device *device = vm_find_device(qmp_client_vm(c), id);

	if (!device)
		fault_set(error, FAULT_NOT_FOUND, NULL, "Device '%s' not found",
			  id);
	return device;
}

static json_t *set_link(struct qmp_client *c, json_t *arguments, GError **error)
{
	const char *name = text_of(arguments, "name", error);
	json_t *up = json_object_get(arguments, "up");
	struct device *device = name ? device_of(c, name, error) : NULL;

	if (!device)
		return NULL;
	if (!json_is_boolean(up)) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Parameter 'up' is missing or not a boolean");
		return NULL;
	}
	if (!device->ops->set_link ||
	    !device->ops->set_link(device, json_is_true(up))) {
		fault_set(error, FAULT_INVALID, NULL, "Device '%s' has no link",
			  name);
		return NULL;
	}
	return json_object();
}

/* Saving a machine's state comes with templates; until then a machine says
 * so in QMP's own way, and keeps running. */
static json_t *migrate(struct qmp_client *c, json_t *arguments, GError **error)
{
	fault_set(error, FAULT_UNAVAILABLE,
		  "Use the engine qemu for templates.",
		  "State blocked by oriel-vmm: this version cannot save or "
		  "load a machine's state");
	return NULL;
}

static json_t *query_migrate(struct qmp_client *c, json_t *arguments,
			     GError **error)
{
	return json_object();
}

static json_t *migrate_capabilities(struct qmp_client *c, json_t *arguments,
				    GError **error)
{
	json_t *wanted = json_object_get(arguments, "capabilities"), *one;
	size_t i;

	if (!json_is_array(wanted)) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Parameter 'capabilities' is missing");
		return NULL;
	}
	json_array_foreach(wanted, i, one) if (
	    json_is_true(json_object_get(
		one, "state"))) return migrate(c, arguments, error);
	return json_object();
}

/* ---- ours ---- */

/* Of the queues in use; null while the device is at work, or stuck in it. */
static json_t *rings(struct virtio *v)
{
	json_t *list;

	if (pthread_mutex_trylock(&v->lock) != 0)
		return json_null();
	list = json_array();
	for (unsigned i = 0; i < v->queue_count; i++) {
		struct virtqueue_state at = virtqueue_look(&v->queues[i]);

		if (v->queues[i].started)
			json_array_append_new(
			    list,
			    json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "queue",
				      (int)i, "available", (int)at.available,
				      "taken", (int)at.taken, "used",
				      (int)at.used, "ring-at", (int)at.ring_at,
				      "interrupt-at", (int)at.interrupt_at));
	}
	pthread_mutex_unlock(&v->lock);
	return list;
}

static json_t *stats(struct qmp_client *c, json_t *arguments, GError **error)
{
	struct vm *vm = qmp_client_vm(c);
	json_t *cpus = json_array(), *devices = json_array();
	json_t *consoles = json_array();
	struct audio_voice out = {0}, in = {0};
	uint64_t first = atomic_load(&vm->first_exit_us);

	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		json_t *exits = json_object();
		const uint64_t *count = vcpu_exits(vm->vcpus[i]);

		for (unsigned reason = 0; reason < VCPU_EXITS_MAX; reason++) {
			char key[16];

			if (!count[reason])
				continue;
			g_snprintf(key, sizeof key, "%u", reason);
			json_object_set_new(
			    exits, key,
			    json_integer((json_int_t)count[reason]));
		}
		json_array_append_new(cpus, exits);
	}
	for (struct device *d = vm->devices; d; d = d->next) {
		struct virtio *v = (struct virtio *)d;

		if (d->ops != &virtio_device_ops)
			continue;
		json_array_append_new(
		    devices,
		    json_pack(
			"{s:s, s:s?, s:I, s:I, s:I, s:i, s:o}", "type",
			d->type->name, "id", d->id, "failures",
			(json_int_t)atomic_load(&v->failures), "notifications",
			(json_int_t)atomic_load(&v->notifications),
			"interrupts", (json_int_t)atomic_load(&v->interrupts),
			"status", (int)v->status, "rings", rings(v)));
	}
	for (unsigned i = 0; i < console_count(vm->consoles); i++)
		json_array_append_new(
		    consoles, json_pack("{s:I}", "damage-pixels",
					(json_int_t)console_get(vm->consoles, i)
					    ->damage_pixels));
	if (vm->audio) {
		audio_look(vm->audio, AUDIO_OUT, &out);
		audio_look(vm->audio, AUDIO_IN, &in);
	}
	/* of the monotonic clock, as who started us may compare */
	return json_pack("{s:I, s:o, s:o, s:o, s:{s:I, s:I}}",
			 "first-exit-at-us", (json_int_t)first, "cpus", cpus,
			 "devices", devices, "consoles", consoles, "sound",
			 "played-bytes", (json_int_t)out.bytes,
			 "recorded-bytes", (json_int_t)in.bytes);
}

const struct qmp_command qmp_commands[] = {
    {"qmp_capabilities", capabilities, "enable"},
    {"query-status", query_status, ""},
    {"query-version", query_version, ""},
    {"query-commands", query_commands, ""},
    {"query-name", query_name, ""},
    {"query-kvm", query_kvm, ""},
    {"query-cpus-fast", query_cpus, ""},
    {"stop", stop, ""},
    {"cont", cont, ""},
    {"system_powerdown", powerdown, ""},
    {"system_reset", reset, ""},
    {"quit", quit, ""},
    {"getfd", getfd, "fdname"},
    {"closefd", closefd, "fdname"},
    {"add_client", add_client, "protocol fdname skipauth tls"},
    {"netdev_add", qmp_netdev_add, "*"},
    {"netdev_del", qmp_netdev_del, "id"},
    {"device_add", qmp_device_add, "*"},
    {"device_del", qmp_device_del, "id"},
    {"set_link", set_link, "name up"},
    {"migrate", migrate, "*"},
    {"migrate-incoming", migrate, "*"},
    {"migrate-set-capabilities", migrate_capabilities, "capabilities"},
    {"query-migrate", query_migrate, ""},
    {"x-oriel-stats", stats, ""},
    {NULL, NULL, NULL},
};
