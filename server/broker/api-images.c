/* Handlers: images, recipes and tasks. */
#include "common/fault.h"
#include "server/broker/api-wait.h"
#include "server/broker/images.h"
#include "server/broker/request.h"
#include "server/broker/tasks.h"

/* Takes body; NULL is a failure. */
static void answer(struct request *request, json_t *body, const GError *error)
{
	if (body)
		request_done(request, body);
	else
		request_fail(request, error);
}

void handle_images(struct request *request)
{
	g_autoptr(GError) error = NULL;
	answer(request, images_json(request->broker, NULL, &error), error);
}

void handle_image(struct request *request)
{
	g_autoptr(GError) error = NULL;
	json_t *image =
	    images_json(request->broker, request->params[0], &error);
	answer(request, image, error);
}

void handle_image_build(struct request *request)
{
	g_autoptr(GError) error = NULL;
	struct image_build build;
	const char *recipe = request_text(request, "recipe");
	const char *name = request_text(request, "name");
	if (!name)
		name = recipe;
	if (!images_build(request->broker, name, recipe,
			  request_flag(request, "again"), request_who(request),
			  &build, &error)) {
		request_fail(request, error);
		return;
	}
	request_answer(request, build.task ? 202 : 200,
		       json_pack("{s:o, s:s, s:I}", "task",
				 json_text(build.task), "image", name,
				 "version", (json_int_t)build.version));
	g_free(build.task);
}

void handle_image_import(struct request *request)
{
	g_autoptr(GError) error = NULL;
	struct image_build build;
	const char *name = request->params[0];
	if (!shape_is_name(name, 32)) {
		fault_set(&error, FAULT_INVALID, NULL,
			  "An image's name has at most 32 small letters, "
			  "digits, '.', '_' and '-', and begins with a letter "
			  "or digit.");
		request_fail(request, error);
		return;
	}
	if (!images_import(request->broker, name, request_text(request, "file"),
			   request_who(request), &build, &error)) {
		request_fail(request, error);
		return;
	}
	request_answer(request, 202,
		       json_pack("{s:s, s:s, s:I}", "task", build.task, "image",
				 name, "version", (json_int_t)build.version));
	g_free(build.task);
}

void handle_image_install(struct request *request)
{
	g_autoptr(GError) error = NULL;
	struct image_build made = {0};
	g_autofree char *desktop = NULL;
	const char *user = request_text(request, "user");
	struct image_install wish = {
	    .name = request->params[0],
	    .user = user ? user : request->session.user,
	    .iso = request_text(request, "iso"),
	    .answers = request_text(request, "answers"),
	    .drivers = request_text(request, "drivers"),
	    .profile = request_text(request, "profile"),
	    .disk_gib = request_int(request, "disk_gib", 0),
	    .cpus = request_int(request, "cpus", 0),
	    .memory_mib = request_int(request, "memory_mib", 0)};
	if (!shape_is_name(wish.name, INSTALL_NAME_MAX))
		fault_set(&error, FAULT_INVALID, NULL,
			  "The name of an image that is installed has at most "
			  "%d small letters, digits, '.', '_' and '-', and "
			  "begins with a letter or digit.",
			  INSTALL_NAME_MAX);
	else if (!wish.user)
		fault_set(&error, FAULT_INVALID,
			  "Name the user who shall sit at its console.",
			  "Member 'user' is missing: nobody is signed in on "
			  "admin.sock.");
	if (!error)
		images_install(request->broker, &wish, request_who(request),
			       &made, &desktop, &error);
	if (error)
		request_fail(request, error);
	else
		request_answer(request, 202,
			       json_pack("{s:s, s:s, s:I, s:s}", "task",
					 made.task, "image", wish.name,
					 "version", (json_int_t)made.version,
					 "desktop", desktop));
	g_free(made.task);
}

static void on_finished(const GError *error, void *data)
{
	struct request *request = data;
	g_autoptr(GError) gone = NULL;
	json_t *image =
	    error ? NULL
		  : images_json(request->broker, request->params[0], &gone);
	answer(request, image, error ? error : gone);
}

void handle_image_finish(struct request *request)
{
	images_finish_install(request->broker, request->params[0],
			      request_who(request), on_finished, request);
}

static void on_removed(const GError *error, void *data)
{
	struct request *request = data;
	if (error)
		request_fail(request, error);
	else
		request_done(request, NULL);
}

void handle_image_remove(struct request *request)
{
	images_remove(request->broker, request->params[0],
		      request_query(request, "version", 0),
		      request_who(request), on_removed, request);
}

void handle_recipes(struct request *request)
{
	request_done(request, json_pack("{s:o}", "recipes", recipes_list()));
}

/* ---- tasks ---- */

void handle_tasks(struct request *request)
{
	g_autoptr(GError) error = NULL;
	json_t *list = tasks_json(request->broker->tasks, NULL, &error);
	answer(request, list, error);
}

static void answer_task(struct request *request)
{
	g_autoptr(GError) error = NULL;
	json_t *task =
	    tasks_json(request->broker->tasks, request->params[0], &error);
	answer(request, task, error);
}

void handle_task(struct request *request)
{
	g_autoptr(GError) error = NULL;
	json_t *task =
	    tasks_json(request->broker->tasks, request->params[0], &error);
	json_int_t serial = json_integer_value(json_object_get(task, "serial"));
	if (!task || request_query(request, "wait", -1) != serial) {
		answer(request, task, error);
		return;
	}
	json_decref(task);
	g_autofree char *key = g_strconcat(TASK_KEY, request->params[0], NULL);
	api_wait(request, key, answer_task);
}

void handle_task_cancel(struct request *request)
{
	g_autoptr(GError) error = NULL;
	if (tasks_cancel(request->broker->tasks, request->params[0],
			 request_who(request), &error))
		answer_task(request);
	else
		request_fail(request, error);
}
