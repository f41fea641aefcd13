/* chardev.h - the host end of a serial line or a console port.
 *
 * A spec says where bytes go:
 *   null            nowhere
 *   stdio           standard input and output
 *   file:PATH       appended to a file
 *   unix:PATH       a socket that we serve, one peer at a time (mode 0600)
 *   fd:N            the same, on a listening socket the parent left open
 *   dbus:NAME       a Display1 Chardev of that name
 * Peers come and go; the guest side hears of it through `changed`.
 *
 * Threads: create and free on the main loop; data and the callbacks on the
 * given I/O loop, except chardev_put(), which any thread may call.
 * Bounds: nothing is queued here; what a peer does not take is refused. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct chardev;
struct ioloop;
struct vm;

struct chardev_handlers {
	void (*readable)(void *data);
	void (*writable)(void *data); /* after chardev_want_write() */
	void (*changed)(void *data, bool open);
};

struct chardev *chardev_new(struct vm *vm, const char *spec, GError **error);
void chardev_free(struct chardev *chardev);
/* Callbacks from now on; at once `changed` if a peer is there. */
void chardev_attach(struct chardev *chardev, struct ioloop *loop,
		    const struct chardev_handlers *handlers, void *data);

/* Bytes taken or given; 0 when it would block or there is no peer. */
size_t chardev_put(struct chardev *chardev, const void *bytes, size_t count);
size_t chardev_get(struct chardev *chardev, void *bytes, size_t count);
void chardev_want_read(struct chardev *chardev, bool want);
void chardev_want_write(struct chardev *chardev, bool want);
bool chardev_is_open(struct chardev *chardev);

/* The guest has opened its end (a front end in Display1's words). */
void chardev_set_front_open(struct chardev *chardev, bool open);
bool chardev_front_open(const struct chardev *chardev);

/* Display1: NAME of a dbus chardev, NULL for others; hands it a connected
 * stream (taken). The list is of all of a machine's. */
const char *chardev_dbus_name(const struct chardev *chardev);
void chardev_connect(struct chardev *chardev, int fd);
void chardev_each_dbus(void (*call)(struct chardev *chardev, void *data),
		       void *data);
