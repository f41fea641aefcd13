/* desktops.h - the page with a person's desktops, kept up to date.
 *
 * Each desktop is followed by a long poll; pools without a desktop, and what
 * was added meanwhile, by a look at the list now and then. Pictures are
 * fetched while the page is being looked at. Threads: main. Ownership: the
 * widget owns the page; desktops_stop() ends all its traffic. */
#pragma once

#include <gtk/gtk.h>

#include "client/api.h"
#include "client/desktop.h"

struct desktops;

struct desktops_handlers {
	void (*open)(const struct desktop *desktop, void *data);
	/* The first list is there; index 0..count-1 by desktops_get(). */
	void (*loaded)(unsigned count, void *data);
	/* The server no longer knows us, or refused the list. */
	void (*lost)(const GError *error, void *data);
};

struct desktops *desktops_new(const struct desktops_handlers *handlers,
			      void *data);
GtkWidget *desktops_widget(struct desktops *desktops);
void desktops_start(struct desktops *desktops, struct api *api);
void desktops_stop(struct desktops *desktops);
const struct desktop *desktops_get(struct desktops *desktops, unsigned index);
void desktops_focus(struct desktops *desktops);
