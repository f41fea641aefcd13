/* app-help.h - the small dialogs of the main window. Threads: main. */
#pragma once

#include <gtk/gtk.h>

gboolean app_help_confirm_forget(GtkWindow *parent, const char *server);
void app_help_shortcuts(GtkWindow *parent);
void app_help_about(GtkWindow *parent);
