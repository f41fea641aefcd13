/* tasks.h - long work that hosts do: building and importing images.
 *
 * Progress lives in memory, beginning and end in the store. After a restart
 * of either side the host's hello tells which tasks go on.
 * Threads: one main context. */
#pragma once

#include "server/broker/internal.h"
#include "server/broker/states.h"

struct tasks *tasks_create(struct broker *broker, GError **error);
void tasks_destroy(struct tasks *tasks);
/* After the store was gone for a while: what it has and we have not. */
void tasks_store_back(struct tasks *tasks);

/* A task that makes a version whose row is there (IMAGE_BUILDING). kind is the
 * host's operation, "image.build", "image.import" or "image.install"; args are
 * its members beside task, image and version (borrowed); how is told in its
 * event, "from recipe office". New string: the task's id. Inside a transaction;
 * tasks_send() after it. */
char *tasks_make(struct tasks *tasks, const char *kind, const char *image,
		 gint64 version, json_t *args, const char *how,
		 const char *host, const char *who, GError **error);
/* When that transaction was rolled back. */
void tasks_forget(struct tasks *tasks, const char *id);
void tasks_send(struct tasks *tasks, const char *id);
/* Asks for the end of a task; FAULT_CONFLICT when it has ended. */
gboolean tasks_cancel(struct tasks *tasks, const char *id, const char *who,
		      GError **error);
/* id NULL: all, newest first, as {"tasks": [...]}. */
json_t *tasks_json(struct tasks *tasks, const char *id, GError **error);
/* Of the installation of an image (version 0: any) that has not ended: its
 * id, or NULL. host and args may be NULL; borrowed, all of it. */
const char *tasks_of_install(struct tasks *tasks, const char *image,
			     gint64 version, const char **host, json_t **args);
/* What the one at whose console it is done is told of it; null: there is no
 * such installation. A new reference. */
json_t *tasks_install_json(struct tasks *tasks, const char *image,
			   gint64 version);
/* It could not even be begun. */
void tasks_refuse(struct tasks *tasks, const char *id, const GError *error);
#define TASK_KEY "task " /* in the hub, followed by the id */

void tasks_host_hello(struct tasks *tasks, const char *host, json_t *list);
void tasks_host_event(struct tasks *tasks, const char *host, json_t *message);
