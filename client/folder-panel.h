/* folder-panel.h - the folder of this computer that a desktop sees.
 *
 * None until a person chooses one; the choice, and whether it may only be
 * read, is remembered for this person and desktop. A folder that is gone is
 * told and not shared. Threads: main. Ownership: folder_panel_free() closes
 * the window. */
#pragma once

#include <gtk/gtk.h>

#include "client/servers.h"
#include "client/session.h"

struct folder_panel;
typedef void (*folder_panel_say)(const char *text, void *data);

/* who: of whose desktop, e.g. "ada@desk.example:8443/office". */
struct folder_panel *folder_panel_new(GtkWindow *desktop,
				      struct servers *servers, const char *who,
				      folder_panel_say say, void *data);
void folder_panel_set_session(struct folder_panel *panel,
			      struct session *session);
void folder_panel_changed(struct folder_panel *panel);
void folder_panel_open(struct folder_panel *panel);
void folder_panel_free(struct folder_panel *panel);
