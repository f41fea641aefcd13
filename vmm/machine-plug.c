/* A disk that comes while the machine runs: a person's home, say. QEMU holds
 * a lock on its file from the first command on, so that no second machine on
 * this host can write to it whatever anybody believes. */
#include "common/fault.h"
#include "vmm/machine.h"

static void plugged(GTask *task)
{
	g_task_return_boolean(task, TRUE);
	g_object_unref(task);
}

static void not_plugged(GTask *task)
{
	g_task_return_error(task, g_object_steal_data(G_OBJECT(task), "error"));
	g_object_unref(task);
}

static void nothing(GTask *task)
{
	g_object_unref(task);
}

/* The node without its device is no disk, and would be in the way of the next
 * try. */
static void take_back(GTask *task)
{
	struct engine_machine *self = g_task_get_task_data(task);
	GError *error = g_object_steal_data(G_OBJECT(task), "error");
	machine_do(self, g_object_ref(task), "blockdev-del",
		   json_pack("{s:s}", "node-name", PLUGGED_NODE), -1,
		   MACHINE_CALL_MS, nothing, nothing);
	g_task_return_error(task, error);
	g_object_unref(task);
}

static void plug(GTask *task)
{
	struct engine_machine *self = g_task_get_task_data(task);
	const char *serial = g_object_get_data(G_OBJECT(task), "serial");
	machine_do(self, task, "device_add",
		   json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "driver",
			     "virtio-blk-pci", "id", PLUGGED_NODE, "bus",
			     PLUG_PORT, "drive", PLUGGED_NODE, "serial", serial,
			     "werror", "stop", "rerror", "stop"),
		   -1, MACHINE_CALL_MS, plugged, take_back);
}

void engine_machine_plug_async(struct engine_machine *self, const char *disk,
			       const char *serial, GAsyncReadyCallback callback,
			       void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	g_task_set_task_data(task, engine_machine_ref(self),
			     (GDestroyNotify)engine_machine_unref);
	g_object_set_data_full(G_OBJECT(task), "serial", g_strdup(serial),
			       g_free);
	machine_do(self, task, "blockdev-add",
		   json_pack("{s:s,s:s,s:s,s:{s:s,s:s,s:s,s:s,s:s}}", "driver",
			     "raw", "node-name", PLUGGED_NODE, "discard",
			     "unmap", "file", "driver", "file", "filename",
			     disk, "discard", "unmap", "aio", "threads",
			     "locking", "on"),
		   -1, MACHINE_CALL_MS, plug, not_plugged);
}
