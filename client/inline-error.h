/* inline-error.h - cause and remedy of what went wrong, where it did.
 * Threads: main. Ownership: the widget owns all of it. */
#pragma once

#include <gtk/gtk.h>

struct inline_error;

struct inline_error *inline_error_new(void);
/* Hidden while there is nothing to tell. */
GtkWidget *inline_error_widget(struct inline_error *error);
/* NULL: nothing, any longer. */
void inline_error_show(struct inline_error *error, const GError *what);
