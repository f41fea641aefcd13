/* The broker's requests, one function each, found through one table. */
#include "server/host/hub-private.h"

#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/host/files.h"
#include "server/host/hub-homes.h"
#include "server/host/image.h"
#include "server/host/recordings.h"

#define EXEC_ARGS_MAX   256
#define EXEC_MS_DEFAULT 30000
#define EXEC_MS_MAX     (10 * 60 * 1000)

/* A request that may be answered later; the channel may be closed by then,
 * which makes the answer a no-op. */
struct request {
	struct hub *hub;
	struct jsonline *channel;
	json_int_t id;
	json_t *message; /* borrowed, during the call only */
};

static void reply(struct request *request, json_t *fields, const GError *error)
{
	if (error)
		jsonline_reject(request->channel, request->id, error);
	else
		jsonline_reply(request->channel, request->id, fields);
	jsonline_unref(request->channel);
	g_free(request);
}

static void on_answered(json_t *fields, const GError *error, void *data)
{
	reply(data, fields, error);
}

/* By reference: good is often the call that sets it. */
static void done(struct request *request, gboolean good, GError **error)
{
	reply(request, NULL, good ? NULL : *error);
	g_clear_error(error);
}

static void refuse(struct request *request, GError *error)
{
	done(request, FALSE, &error);
}

static struct machine *machine_of(struct request *request, GError **error)
{
	const char *id = jsonline_string(request->message, "machine", error);
	if (!id)
		return NULL;
	struct machine *machine =
	    g_hash_table_lookup(request->hub->machines, id);
	if (!machine)
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel desktop list' shows those that are there.",
			  "There is no desktop '%.40s' on this host.", id);
	return machine;
}

/* ---- images ---- */

static const char *word(struct request *request, const char *key,
			GError **error)
{
	return hub_word(request->message, key, error);
}

static void op_image_build(struct request *request)
{
	GError *error = NULL;
	const char *task = word(request, "task", &error);
	const char *image = task ? word(request, "image", &error) : NULL;
	const char *version = image ? word(request, "version", &error) : NULL;
	const char *recipe = version ? word(request, "recipe", &error) : NULL;
	struct builds *builds = request->hub->builds;
	if (!recipe) {
		refuse(request, error);
		return;
	}
	done(request,
	     builds_start(builds, task, image, version, recipe, &error),
	     &error);
}

static void op_image_import(struct request *request)
{
	GError *error = NULL;
	const char *task = word(request, "task", &error);
	const char *image = task ? word(request, "image", &error) : NULL;
	const char *version = image ? word(request, "version", &error) : NULL;
	const char *file =
	    version ? jsonline_string(request->message, "file", &error) : NULL;
	if (file && !conf_file_valid(file))
		fault_set(&error, FAULT_INVALID, NULL,
			  "Member 'file' must be letters, digits, '.', '_' and "
			  "'-', at most 200, beginning with a letter or "
			  "digit.");
	done(request,
	     !error && builds_import(request->hub->builds, task, image, version,
				     file, &error),
	     &error);
}

static const char *file_of(struct request *request, const char *key)
{
	return json_string_value(json_object_get(request->message, key));
}

static void op_image_install(struct request *request)
{
	GError *error = NULL;
	const char *task = word(request, "task", &error);
	const char *image = task ? word(request, "image", &error) : NULL;
	const char *version = image ? word(request, "version", &error) : NULL;
	gboolean begun = version && installs_begin(request->hub->installs, task,
						   image, version, &error);
	/* without a machine nobody else would remove them */
	if (version && !begun && fault_code(error) == FAULT_NOT_FOUND)
		machine_drop_copies(request->hub->root, file_of(request, "iso"),
				    file_of(request, "answers"),
				    file_of(request, "drivers"));
	done(request, begun, &error);
}

static void op_task_finish(struct request *request)
{
	GError *error = NULL;
	const char *task = jsonline_string(request->message, "task", &error);
	done(request,
	     task && installs_finish(request->hub->installs, task, &error),
	     &error);
}

static gboolean remove_image(struct hub *hub, const char *name,
			     const char *version, GError **error)
{
	const char *user = hub_image_user(hub, name, version);
	if (user) {
		fault_set(error, FAULT_CONFLICT,
			  "Remove the desktops of that image first.",
			  "Image '%s' version '%s' is used by desktop '%s'.",
			  name, version, user);
		return FALSE;
	}
	if (templates_making(hub->world.templates, name, version)) {
		fault_set(error, FAULT_CONFLICT, "Try again when it is made.",
			  "A template of image '%s' is being made.", name);
		return FALSE;
	}
	g_autofree char *folder = image_folder(hub->root, name, version);
	g_autofree char *above = g_path_get_dirname(folder);
	if (!g_file_test(folder, G_FILE_TEST_EXISTS)) {
		fault_set(error, FAULT_NOT_FOUND, NULL,
			  "Image '%s' has no version '%s' on this host.", name,
			  version);
		return FALSE;
	}
	templates_forget_image(hub->world.templates, name, version);
	if (!files_remove_tree(folder, error))
		return FALSE;
	rmdir(above); /* with the last version, the image */
	return TRUE;
}

static void op_image_remove(struct request *request)
{
	GError *error = NULL;
	const char *image = word(request, "image", &error);
	const char *version = image ? word(request, "version", &error) : NULL;
	done(request,
	     version && remove_image(request->hub, image, version, &error),
	     &error);
}

static void op_task_cancel(struct request *request)
{
	GError *error = NULL;
	const char *task = jsonline_string(request->message, "task", &error);
	done(request,
	     task && (installs_cancel(request->hub->installs, task) ||
		      builds_cancel(request->hub->builds, task, &error)),
	     &error);
}

/* ---- machines ---- */

static void op_machine_create(struct request *request)
{
	struct hub *hub = request->hub;
	GError *error = NULL;
	g_autoptr(conf_auto) conf = conf_from_message(
	    json_object_get(request->message, "machine"), &error);
	if (!conf) {
		refuse(request, error);
		return;
	}
	struct machine *machine = g_hash_table_lookup(hub->machines, conf->id);
	if (machine) {
		const struct conf *has = machine_conf(machine);
		gboolean same = has && conf_same(has, conf);
		if (!same)
			fault_set(&error, FAULT_CONFLICT,
				  "Remove it first, or use another id.",
				  "There is another desktop '%s' on this host"
				  "%s.",
				  conf->id,
				  has ? "" : ", whose machine.conf is damaged");
		done(request, same, &error);
		return;
	}
	machine = machine_create(&hub->world, g_steal_pointer(&conf), &error);
	if (machine)
		g_hash_table_insert(hub->machines, (char *)machine_id(machine),
				    machine);
	done(request, machine != NULL, &error);
	if (machine)
		hub->world.tell(machine_describe(machine), hub->world.data);
}

static void op_machine_start(struct request *request)
{
	GError *error = NULL;
	struct machine *machine = machine_of(request, &error);
	done(request, machine && machine_start(machine, &error), &error);
}

static void op_machine_stop(struct request *request)
{
	GError *error = NULL;
	struct machine *machine = machine_of(request, &error);
	const char *mode =
	    machine ? jsonline_string(request->message, "mode", &error) : NULL;
	gboolean shutdown = mode && strcmp(mode, "shutdown") == 0;
	if (mode && !shutdown && strcmp(mode, "off") != 0) {
		fault_set(&error, FAULT_INVALID, NULL,
			  "Member 'mode' must be shutdown or off.");
		mode = NULL;
	}
	done(request, mode && machine_stop(machine, shutdown, &error), &error);
}

static void op_machine_remove(struct request *request)
{
	struct hub *hub = request->hub;
	GError *error = NULL;
	struct machine *machine = machine_of(request, &error);
	gboolean removed = machine && machine_remove(machine, &error);
	if (removed) {
		g_hash_table_remove(hub->machines, machine_id(machine));
		hub_collect(hub);
		installs_poke(hub->installs);
	}
	done(request, removed, &error);
}

static void op_machine_reset(struct request *request)
{
	GError *error = NULL;
	struct machine *machine = machine_of(request, &error);
	if (machine)
		machine_reset(machine, on_answered, request);
	else
		refuse(request, error);
}

static void op_machine_picture(struct request *request)
{
	GError *error = NULL;
	gint64 width = 0;
	struct machine *machine = machine_of(request, &error);
	if (machine && (!json_object_get(request->message, "width") ||
			jsonline_integer(request->message, "width", 0, 8192,
					 &width, &error)))
		machine_picture(machine, (unsigned)width, on_answered, request);
	else
		refuse(request, error);
}

static void op_machine_disconnect(struct request *request)
{
	GError *error = NULL;
	struct machine *machine = machine_of(request, &error);
	if (machine)
		machine_disconnect(machine, on_answered, request);
	else
		refuse(request, error);
}

static void op_machine_policy(struct request *request)
{
	GError *error = NULL;
	json_t *policy = json_object_get(request->message, "policy");
	struct machine *machine = machine_of(request, &error);
	if (machine && !json_is_object(policy))
		fault_set(&error, FAULT_INVALID, NULL,
			  "Member 'policy' must be an object.");
	if (error)
		refuse(request, error);
	else
		machine_policy(
		    machine, policy,
		    json_string_value(json_object_get(policy, "user")),
		    on_answered, request);
}

static void op_machine_record(struct request *request)
{
	GError *error = NULL;
	json_t *by = json_object_get(request->message, "by");
	struct machine *machine = machine_of(request, &error);
	if (machine && !json_is_null(by) && !json_is_string(by))
		fault_set(&error, FAULT_INVALID, NULL,
			  "Member 'by' must be a text or null.");
	if (error)
		refuse(request, error);
	else
		machine_record(machine, json_string_value(by), on_answered,
			       request);
}

static void op_recording_list(struct request *request)
{
	reply(request, recordings_list(request->hub->root), NULL);
}

static void op_recording_read(struct request *request)
{
	GError *error = NULL;
	gint64 offset = 0;
	json_t *part = NULL;
	const char *id = jsonline_string(request->message, "recording", &error);
	if (id && jsonline_integer(request->message, "offset", 0, G_MAXINT64,
				   &offset, &error))
		part = recordings_read(request->hub->root, id, offset, &error);
	reply(request, part, error);
	g_clear_error(&error);
}

static void op_recording_remove(struct request *request)
{
	GError *error = NULL;
	const char *id = jsonline_string(request->message, "recording", &error);
	done(request, id && recordings_remove(request->hub->root, id, &error),
	     &error);
}

static void op_machine_message(struct request *request)
{
	GError *error = NULL;
	struct machine *machine = machine_of(request, &error);
	const char *text =
	    machine ? jsonline_string(request->message, "text", &error) : NULL;
	if (text)
		machine_message(machine, text, on_answered, request);
	else
		refuse(request, error);
}

static void snapshot(struct request *request, enum machine_snapshot wish)
{
	GError *error = NULL;
	struct machine *machine = machine_of(request, &error);
	const char *id = machine ? word(request, "snapshot", &error) : NULL;
	if (id)
		machine_snapshot(machine, wish, id, on_answered, request);
	else
		refuse(request, error);
}

static void op_snapshot_take(struct request *request)
{
	snapshot(request, MACHINE_SNAPSHOT_TAKE);
}

static void op_snapshot_revert(struct request *request)
{
	snapshot(request, MACHINE_SNAPSHOT_REVERT);
}

static void op_snapshot_remove(struct request *request)
{
	snapshot(request, MACHINE_SNAPSHOT_REMOVE);
}

/* Borrowed strings in a new array; NULL when argv is none. */
static const char **argv_of(json_t *message, GError **error)
{
	json_t *array = json_object_get(message, "argv");
	gsize count = json_array_size(array);
	gboolean valid = count >= 1 && count <= EXEC_ARGS_MAX;
	for (gsize i = 0; valid && i < count; i++)
		valid = json_is_string(json_array_get(array, i));
	if (!valid) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Member 'argv' must be an array of 1 to %d strings.",
			  EXEC_ARGS_MAX);
		return NULL;
	}
	const char **argv = g_new0(const char *, count + 1);
	for (gsize i = 0; i < count; i++)
		argv[i] = json_string_value(json_array_get(array, i));
	return argv;
}

static gboolean input_of(json_t *message, GBytes **input, GError **error)
{
	json_t *member = json_object_get(message, "input");
	*input = NULL;
	if (!member || json_is_null(member))
		return TRUE;
	const char *text = jsonline_string(message, "input", error);
	if (!text)
		return FALSE;
	gsize size;
	guchar *data = g_base64_decode(text, &size);
	*input = g_bytes_new_take(data, size);
	return TRUE;
}

static void op_machine_exec(struct request *request)
{
	GError *error = NULL;
	json_t *message = request->message;
	gint64 timeout = EXEC_MS_DEFAULT;
	g_autoptr(GBytes) input = NULL;
	struct machine *machine = machine_of(request, &error);
	g_autofree const char **argv =
	    machine ? argv_of(message, &error) : NULL;
	json_t *limit = json_object_get(message, "timeout_ms");
	if (argv && input_of(message, &input, &error) &&
	    (!limit || json_is_null(limit) ||
	     jsonline_integer(message, "timeout_ms", 1, EXEC_MS_MAX, &timeout,
			      &error)))
		machine_exec(machine, argv, input, (unsigned)timeout,
			     on_answered, request);
	else
		refuse(request, error);
}

static void op_status(struct request *request)
{
	json_t *fields = hub_hello(request->hub);
	json_object_del(fields, "event");
	reply(request, fields, NULL);
}

/* ---- the table ---- */

static const struct {
	const char *op;
	void (*run)(struct request *request);
} ops[] = {
    {"image.build", op_image_build},
    {"image.import", op_image_import},
    {"image.install", op_image_install},
    {"image.remove", op_image_remove},
    {"task.cancel", op_task_cancel},
    {"task.finish", op_task_finish},
    {"machine.create", op_machine_create},
    {"machine.start", op_machine_start},
    {"machine.stop", op_machine_stop},
    {"machine.reset", op_machine_reset},
    {"machine.remove", op_machine_remove},
    {"machine.picture", op_machine_picture},
    {"machine.exec", op_machine_exec},
    {"machine.disconnect", op_machine_disconnect},
    {"snapshot.take", op_snapshot_take},
    {"snapshot.revert", op_snapshot_revert},
    {"snapshot.remove", op_snapshot_remove},
    {"machine.policy", op_machine_policy},
    {"machine.message", op_machine_message},
    {"machine.record", op_machine_record},
    {"recording.list", op_recording_list},
    {"recording.read", op_recording_read},
    {"recording.remove", op_recording_remove},
    {"status", op_status},
};

void hub_request(struct hub *self, struct jsonline *channel, json_int_t id,
		 const char *op, json_t *message)
{
	struct request *request = g_new0(struct request, 1);
	request->hub = self;
	request->channel = jsonline_ref(channel);
	request->id = id;
	request->message = message;
	for (gsize i = 0; i < G_N_ELEMENTS(ops); i++)
		if (strcmp(ops[i].op, op) == 0) {
			ops[i].run(request);
			return;
		}
	if (hub_home_op(self, op, message, on_answered, request))
		return;
	refuse(request, fault_new(FAULT_INVALID,
				  "Broker and host must be of one version.",
				  "The host knows no operation '%.40s'.", op));
}
