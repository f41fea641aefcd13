/* The API, said once: checked against, dispatched by, and described from
 * (openapi.c). A route or member that is not here does not exist. */
#include "common/fault.h"
#include "server/broker/passwords.h"
#include "server/broker/request.h"

#define NAME(n, longest, ...)                                                 \
	{                                                                     \
		.name = (n), .type = SHAPE_STRING, .low = 1,                  \
		.high = (longest), .pattern = SHAPE_NAME_PATTERN, __VA_ARGS__ \
	}
#define TEXT(n, ...) {.name = (n), .type = SHAPE_STRING, __VA_ARGS__}
#define INT(n, ...) {.name = (n), .type = SHAPE_INTEGER, __VA_ARGS__}
#define FLAG(n, ...) {.name = (n), .type = SHAPE_BOOLEAN, __VA_ARGS__}
#define OBJECT(n, shape, ...)                                                 \
	{                                                                     \
		.name = (n), .type = SHAPE_OBJECT, .of = (shape), __VA_ARGS__ \
	}
#define OBJECTS(n, shape, ...)                                                \
	{                                                                     \
		.name = (n), .type = SHAPE_OBJECTS, .of = (shape),            \
		__VA_ARGS__                                                   \
	}
#define PASSWORD(n)                                                           \
	TEXT(n, .required = TRUE, .low = PASSWORD_MIN, .high = PASSWORD_MAX,  \
	     .about = "at least 8 bytes")
#define SHAPE(id, title, ...)                                                 \
	static const struct shape_field id##_fields[] = {__VA_ARGS__, {0}};   \
	static const struct shape id = {#id, title, id##_fields}

static const char *const roles[] = {"user", "admin", NULL};
static const char *const desktop_states[] = {
	"none", "off", "starting", "running", "stopping", "failed", NULL};
static const char *const task_states[] = {"queued",    "running", "done",
					  "failed",    "cancelled", NULL};
static const char *const image_states[] = {"none", "building", "ready", NULL};

/* ---- what is answered ---- */

SHAPE(fault, "Why something failed, and what helps.",
      TEXT("code", .about = "stable, for programs"),
      TEXT("cause", .about = "for people"),
      TEXT("remedy", .about = "what to do about it; may be absent"));
SHAPE(error, "Every refusal.", OBJECT("error", &fault));
SHAPE(signed_in, NULL, TEXT("token", .about = "for Authorization: Bearer"),
      TEXT("user"), TEXT("role", .choices = roles),
      INT("expires", .about = "Unix seconds; every request moves it on"));
SHAPE(me, NULL, TEXT("user", .nullable = TRUE,
		     .about = "null on admin.sock"),
      TEXT("role", .choices = roles));
SHAPE(desktop, "A desktop, or with state none a pool that has none yet.",
      TEXT("id", .nullable = TRUE), TEXT("name"), TEXT("pool"), TEXT("user"),
      TEXT("state", .choices = desktop_states),
      TEXT("cause", .nullable = TRUE, .about = "why it is in this state"),
      TEXT("stage", .nullable = TRUE, .about = "what is being done"),
      {.name = "fraction", .type = SHAPE_NUMBER, .about = "0 to 1"},
      INT("since", .nullable = TRUE, .about = "Unix seconds"),
      OBJECT("error", &fault, .nullable = TRUE),
      OBJECT("warning", &fault, .nullable = TRUE,
	     .about = "it runs, but not as it should"),
      INT("viewers"), TEXT("image"), INT("version", .nullable = TRUE),
      TEXT("host", .nullable = TRUE), TEXT("accelerator", .nullable = TRUE),
      INT("serial", .about = "grows with every change"));
SHAPE(desktops, NULL, OBJECTS("desktops", &desktop));
SHAPE(ticket, NULL, TEXT("ticket", .about = "good once"),
      INT("expires_in", .about = "seconds"),
      {.name = "protocols", .type = SHAPE_STRINGS});
SHAPE(viewer, "The ticket is the password of a stock viewer, once.",
      TEXT("protocol"), TEXT("address", .about = "vnc://host:port"),
      TEXT("host"), INT("port"), TEXT("user"), TEXT("ticket"),
      INT("expires_in", .about = "seconds"),
      TEXT("file", .about = "all of it, for remote-viewer (NAME.vv)"),
      TEXT("fingerprint", .about = "of the certificate", .nullable = TRUE));
SHAPE(exec_answer, NULL, INT("exit"),
      {.name = "out", .type = SHAPE_BASE64},
      {.name = "err", .type = SHAPE_BASE64});
SHAPE(user, NULL, TEXT("user"), TEXT("role", .choices = roles),
      INT("created", .about = "Unix seconds"));
SHAPE(users, NULL, OBJECTS("users", &user));
SHAPE(pool, NULL, TEXT("pool"), TEXT("image"), INT("cpus"),
      INT("memory_mib"), INT("heads"), INT("max"),
      {.name = "users", .type = SHAPE_STRINGS, .nullable = TRUE,
       .about = "null: everyone"},
      INT("desktops", .about = "how many exist"),
      INT("running", .about = "how many run"));
SHAPE(pools, NULL, OBJECTS("pools", &pool));
SHAPE(image_version, NULL, INT("version"),
      TEXT("state", .about = "building, ready or removing"), TEXT("recipe"),
      INT("created"), INT("desktops", .about = "how many stand on it"));
SHAPE(image, NULL, TEXT("image"), TEXT("state", .choices = image_states),
      INT("version", .nullable = TRUE, .about = "the newest that is ready"),
      TEXT("recipe", .nullable = TRUE), INT("created", .nullable = TRUE),
      TEXT("task", .nullable = TRUE, .about = "that builds a version now"),
      OBJECT("manifest", NULL, .nullable = TRUE,
	     .about = "what is in it; null in lists"),
      OBJECTS("versions", &image_version));
SHAPE(images, NULL, OBJECTS("images", &image));
SHAPE(build_answer, "task is null when the image is current (status 200).",
      TEXT("task", .nullable = TRUE), TEXT("image"), INT("version"));
SHAPE(recipe, NULL, TEXT("name"), TEXT("title"),
      TEXT("description", .nullable = TRUE));
SHAPE(recipes, NULL, OBJECTS("recipes", &recipe));
SHAPE(task, NULL, TEXT("id"), TEXT("kind"), TEXT("subject"),
      TEXT("state", .choices = task_states), TEXT("stage", .nullable = TRUE),
      INT("done"), INT("total", .about = "0 while unknown"),
      TEXT("message", .nullable = TRUE),
      OBJECT("error", &fault, .nullable = TRUE), INT("since"), INT("created"),
      INT("serial"));
SHAPE(tasks, NULL, OBJECTS("tasks", &task));
SHAPE(host, "As it said at its hello.", TEXT("name"), INT("since"),
      TEXT("boot_id", .nullable = TRUE), INT("cpus", .nullable = TRUE),
      INT("memory_mib", .nullable = TRUE), TEXT("engine", .nullable = TRUE),
      TEXT("accelerator", .nullable = TRUE),
      OBJECTS("findings", NULL, .nullable = TRUE));
SHAPE(counts, NULL, INT("users"), INT("pools"), INT("images"),
      INT("desktops"), INT("running"), INT("starting"), INT("failed"),
      INT("tasks", .about = "under way"), INT("tunnels"));
SHAPE(status, NULL, TEXT("version"), INT("started"),
      INT("uptime", .about = "seconds"), OBJECTS("hosts", &host),
      OBJECT("counts", &counts));
SHAPE(event, NULL, INT("id"), INT("at"), TEXT("kind"), TEXT("subject"),
      TEXT("user", .nullable = TRUE), TEXT("text"));
SHAPE(events, NULL, OBJECTS("events", &event),
      INT("last", .about = "for the next after"));

/* ---- what is asked ---- */

SHAPE(sign_in, NULL,
      TEXT("user", .required = TRUE, .low = 1, .high = 128),
      TEXT("password", .required = TRUE, .low = 0, .high = PASSWORD_MAX));
SHAPE(own_password, NULL,
      TEXT("old", .required = TRUE, .low = 0, .high = PASSWORD_MAX),
      PASSWORD("new"));
SHAPE(new_password, NULL, PASSWORD("password"));
SHAPE(user_add, NULL, NAME("user", USER_NAME_MAX, .required = TRUE),
      PASSWORD("password"),
      TEXT("role", .choices = roles, .low = 1, .high = 16,
	   .about = "user unless given"));
SHAPE(pool_put, "What is absent stays, or in a new pool gets its default.",
      NAME("image", 32, .about = "needed for a new pool"),
      INT("cpus", .low = 1, .high = 16, .about = "2 unless given"),
      INT("memory_mib", .low = 128, .high = 65536,
	  .about = "1024 unless given"),
      INT("heads", .low = 1, .high = 4, .about = "screens; 1 unless given"),
      INT("max", .low = 0, .high = 10000,
	  .about = "desktops at most; 10 unless given"),
      {.name = "users", .type = SHAPE_STRINGS, .nullable = TRUE, .high = 1000,
       .about = "null: everyone, also unless given"});
SHAPE(obtain, NULL,
      NAME("user", USER_NAME_MAX, .about = "administrators: for this user"));
SHAPE(image_build_body, NULL, NAME("recipe", 32, .required = TRUE),
      NAME("name", 32, .about = "the recipe's unless given"),
      FLAG("again", .about = "also when the image is current"));
SHAPE(exec_body, NULL,
      {.name = "argv", .type = SHAPE_STRINGS, .required = TRUE, .low = 1,
       .high = 4096},
      {.name = "input", .type = SHAPE_BASE64, .high = 2 << 20},
      INT("timeout_ms", .low = 1, .high = 600000,
	  .about = "60000 unless given"));

SHAPE(wait_query, NULL, INT("wait", .low = 0, .high = G_MAXINT64,
			    .about = "hold the answer, 25 s at most, while "
				     "the serial is this"));
SHAPE(all_query, NULL, INT("all", .low = 0, .high = 1,
			   .about = "administrators: everybody's"));
SHAPE(picture_query, NULL, INT("width", .low = 1, .high = 4096,
			       .about = "at most so wide; 320"));
SHAPE(version_query, NULL, INT("version", .low = 1, .high = G_MAXINT32,
			       .about = "only this one"));
SHAPE(events_query, NULL,
      INT("after", .low = 0, .high = G_MAXINT64,
	  .about = "those with a greater id; absent: the newest"),
      INT("limit", .low = 1, .high = 1000, .about = "100 unless given"),
      INT("wait", .low = 0, .high = 1,
	  .about = "hold the answer, 25 s at most, until there is one"));

const struct shape *const shapes[] = {
	&fault,	 &error,	 &signed_in, &me,	     &desktop,
	&desktops, &ticket,	 &viewer, &exec_answer, &user,	     &users,
	&pool,	 &pools,	 &image_version, &image,     &images,
	&build_answer, &recipe,	 &recipes,   &task,	     &tasks,
	&host,	 &counts,	 &status,    &event,	     &events,
	&sign_in, &own_password, &new_password, &user_add,   &pool_put,
	&obtain, &image_build_body, &exec_body, NULL};

#define E(code) (1u << FAULT_##code)

const struct route routes[] = {
	{"POST", "/sessions", ROLE_ANYONE, 201, "Sign in", .body = &sign_in,
	 .answer = &signed_in, .errors = E(DENIED) | E(BUSY),
	 .handle = handle_sign_in},
	{"DELETE", "/sessions/current", ROLE_USER, 204,
	 "Sign out; desktops opened from this session are let go",
	 .handle = handle_sign_out},
	{"GET", "/me", ROLE_USER, 200, "Who am I", .answer = &me,
	 .handle = handle_me},
	{"PUT", "/me/password", ROLE_USER, 204, "Set one's own password",
	 .body = &own_password, .errors = E(BUSY) | E(NOT_FOUND),
	 .handle = handle_own_password},

	{"GET", "/desktops", ROLE_USER, 200, "Desktops one may open",
	 .query = &all_query, .answer = &desktops, .handle = handle_desktops},
	{"POST", "/pools/{pool}/desktop", ROLE_USER, 200,
	 "One's desktop in a pool, made and started if need be (then 202)",
	 .body = &obtain, .answer = &desktop,
	 .errors = E(NOT_FOUND) | E(BUSY) | E(CONFLICT) | E(UNAVAILABLE),
	 .handle = handle_desktop_obtain},
	{"GET", "/desktops/{id}", ROLE_USER, 200, "A desktop",
	 .query = &wait_query, .answer = &desktop, .errors = E(NOT_FOUND),
	 .handle = handle_desktop},
	{"POST", "/desktops/{id}/ticket", ROLE_USER, 201,
	 "A ticket that opens the desktop once, within a minute",
	 .answer = &ticket, .errors = E(NOT_FOUND) | E(CONFLICT),
	 .handle = handle_desktop_ticket},
	{"POST", "/desktops/{id}/viewer", ROLE_USER, 201,
	 "What a stock viewer needs to open the desktop once, within a minute",
	 .answer = &viewer,
	 .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
	 .handle = handle_desktop_viewer},
	{"GET", "/desktops/{id}/picture", ROLE_USER, 200, "What it shows",
	 .query = &picture_query, .bytes = "image/png",
	 .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT),
	 .handle = handle_desktop_picture},
	{"POST", "/desktops/{id}/start", ROLE_USER, 202, "Start it",
	 .answer = &desktop,
	 .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
	 .handle = handle_desktop_start},
	{"POST", "/desktops/{id}/shutdown", ROLE_USER, 202,
	 "Ask its system to shut down", .answer = &desktop,
	 .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
	 .handle = handle_desktop_shutdown},
	{"POST", "/desktops/{id}/off", ROLE_USER, 202, "Switch it off",
	 .answer = &desktop,
	 .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
	 .handle = handle_desktop_off},
	{"POST", "/desktops/{id}/reset", ROLE_USER, 202, "Press reset",
	 .answer = &desktop,
	 .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE),
	 .handle = handle_desktop_reset},
	{"POST", "/desktops/{id}/disconnect", ROLE_USER, 202,
	 "End everybody's connection to it", .answer = &desktop,
	 .errors = E(NOT_FOUND) | E(UNAVAILABLE),
	 .handle = handle_desktop_disconnect},
	{"DELETE", "/desktops/{id}", ROLE_ADMIN, 204,
	 "Remove it with its disk; it must be off",
	 .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT),
	 .handle = handle_desktop_remove},
	{"POST", "/desktops/{id}/exec", ROLE_ADMIN, 200,
	 "Run a program in it, through its guest agent", .body = &exec_body,
	 .answer = &exec_answer, .body_max = 3 << 20,
	 .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT),
	 .handle = handle_desktop_exec},

	{"GET", "/users", ROLE_ADMIN, 200, "Everybody", .answer = &users,
	 .handle = handle_users},
	{"POST", "/users", ROLE_ADMIN, 201, "Add a user", .body = &user_add,
	 .answer = &user, .errors = E(CONFLICT) | E(BUSY),
	 .handle = handle_user_add},
	{"DELETE", "/users/{user}", ROLE_ADMIN, 204,
	 "Remove a user who has no desktops",
	 .errors = E(NOT_FOUND) | E(CONFLICT), .handle = handle_user_remove},
	{"PUT", "/users/{user}/password", ROLE_ADMIN, 204,
	 "Set a user's password; their sessions end", .body = &new_password,
	 .errors = E(NOT_FOUND) | E(BUSY), .handle = handle_user_password},

	{"GET", "/pools", ROLE_ADMIN, 200, "All pools", .answer = &pools,
	 .handle = handle_pools},
	{"GET", "/pools/{pool}", ROLE_ADMIN, 200, "A pool", .answer = &pool,
	 .errors = E(NOT_FOUND), .handle = handle_pool},
	{"PUT", "/pools/{pool}", ROLE_ADMIN, 200, "Make or change a pool",
	 .body = &pool_put, .answer = &pool, .errors = E(NOT_FOUND),
	 .handle = handle_pool_put},
	{"DELETE", "/pools/{pool}", ROLE_ADMIN, 204,
	 "Remove a pool that has no desktops",
	 .errors = E(NOT_FOUND) | E(CONFLICT), .handle = handle_pool_remove},

	{"GET", "/images", ROLE_ADMIN, 200, "All images", .answer = &images,
	 .handle = handle_images},
	{"POST", "/images", ROLE_ADMIN, 202,
	 "Build an image from a recipe (200 when it is current)",
	 .body = &image_build_body, .answer = &build_answer,
	 .errors = E(NOT_FOUND) | E(UNAVAILABLE),
	 .handle = handle_image_build},
	{"GET", "/images/{image}", ROLE_ADMIN, 200, "An image",
	 .answer = &image, .errors = E(NOT_FOUND), .handle = handle_image},
	{"DELETE", "/images/{image}", ROLE_ADMIN, 204,
	 "Remove an image that nothing uses", .query = &version_query,
	 .errors = E(NOT_FOUND) | E(CONFLICT) | E(UNAVAILABLE) | E(TIMEOUT),
	 .handle = handle_image_remove},
	{"GET", "/recipes", ROLE_ADMIN, 200, "What images can be built",
	 .answer = &recipes, .handle = handle_recipes},

	{"GET", "/tasks", ROLE_ADMIN, 200, "The newest tasks",
	 .answer = &tasks, .handle = handle_tasks},
	{"GET", "/tasks/{id}", ROLE_ADMIN, 200, "A task",
	 .query = &wait_query, .answer = &task, .errors = E(NOT_FOUND),
	 .handle = handle_task},
	{"DELETE", "/tasks/{id}", ROLE_ADMIN, 202, "Cancel a task",
	 .answer = &task, .errors = E(NOT_FOUND) | E(CONFLICT),
	 .handle = handle_task_cancel},

	{"GET", "/status", ROLE_ADMIN, 200, "How everything is",
	 .answer = &status, .handle = handle_status},
	{"GET", "/events", ROLE_ADMIN, 200, "What happened",
	 .query = &events_query, .answer = &events, .handle = handle_events},
	{"GET", "/openapi.json", ROLE_ANYONE, 200, "This description",
	 .handle = handle_openapi},
};
const gsize routes_count = G_N_ELEMENTS(routes);
