/* qmp-server.h - contract A: the machine's control, as QEMU's QMP.
 *
 * Serves one unix socket (mode 0600), several clients at a time. Messages are
 * JSON objects, one after the other, at most QMP_MAX bytes; descriptors come
 * along with `getfd`. Commands are a table in qmp-commands.c; what is not in
 * it earns CommandNotFound.
 *
 * Threads: main loop. A client that does not read is cut off after
 * QMP_QUEUE bytes. */
#pragma once

#include <gio/gio.h>
#include <jansson.h>
#include <stdbool.h>

#define QMP_MAX     65536u
#define QMP_QUEUE   (1u << 20)
#define QMP_CLIENTS 8u

struct vm;
struct qmp_server;
struct qmp_client;

/* path: of the socket, or "fd:N" for a listening one that was left open, or
 * NULL to serve only who is attached. */
struct qmp_server *qmp_server_new(struct vm *vm, const char *path,
				  GError **error);
/* A client on a connected, non-blocking socket (taken). */
void qmp_server_attach(struct qmp_server *server, int fd);
void qmp_server_free(struct qmp_server *server);
/* Writes out what is queued, for the last event before the end. */
void qmp_server_flush(struct qmp_server *server);

/* ---- for qmp-commands.c ---- */
struct qmp_command {
	const char *name;
	/* Returns the new value of "return", or NULL and error. The class is
	 * GenericError unless the error's code is FAULT_NOT_FOUND from
	 * qmp_class_set(). */
	json_t *(*run)(struct qmp_client *client, json_t *arguments,
		       GError **error);
	/* names of the allowed arguments, space-separated; "*": any */
	const char *arguments;
};
extern const struct qmp_command qmp_commands[];
/* those of qmp-hotplug.c */
json_t *qmp_netdev_add(struct qmp_client *c, json_t *arguments, GError **error);
json_t *qmp_netdev_del(struct qmp_client *c, json_t *arguments, GError **error);
json_t *qmp_device_add(struct qmp_client *c, json_t *arguments, GError **error);
json_t *qmp_device_del(struct qmp_client *c, json_t *arguments, GError **error);
struct vm *qmp_client_vm(struct qmp_client *client);
/* Descriptors of this client: takes the one that came with the message, or
 * one kept under a name (-1 when there is none). */
int qmp_client_take_received(struct qmp_client *client);
void qmp_client_keep_fd(struct qmp_client *client, const char *name, int fd);
int qmp_client_take_fd(struct qmp_client *client, const char *name);
void qmp_server_quit(struct qmp_client *client);
