#include "client/folder-panel.h"

#include "client/events.h"

struct folder_panel {
	GtkWindow *desktop;
	struct servers *servers;
	char *key; /* of the preferences, for this person and desktop */
	folder_panel_say say;
	void *data;
	struct session *session;
	char *path; /* NULL: none was chosen */
	gboolean shared, read_only, mounted;
	/* NULL: closed */
	GtkWidget *dialog, *toggle, *chooser, *only, *status;
	gboolean filling;
	guint refill;
};

/* --- remembering ----------------------------------------------------- */

static char *preference(struct folder_panel *panel, const char *what)
{
	g_autofree char *key = g_strdup_printf("%s-%s", what, panel->key);
	return servers_preference(panel->servers, key);
}

static void remember(struct folder_panel *panel, const char *what,
		     const char *value)
{
	g_autofree char *key = g_strdup_printf("%s-%s", what, panel->key);
	servers_set_preference(panel->servers, key, value);
}

static void load(struct folder_panel *panel)
{
	g_autofree char *shared = preference(panel, "folder-shared");
	g_autofree char *only = preference(panel, "folder-read-only");
	panel->path = preference(panel, "folder");
	panel->shared = panel->path && g_strcmp0(shared, "yes") == 0;
	panel->read_only = g_strcmp0(only, "no") != 0;
	const char *public_folder =
	    g_get_user_special_dir(G_USER_DIRECTORY_PUBLIC_SHARE);
	if (!panel->path && public_folder &&
	    g_file_test(public_folder, G_FILE_TEST_IS_DIR))
		panel->path = g_strdup(public_folder);
}

static void save(struct folder_panel *panel)
{
	if (panel->path)
		remember(panel, "folder", panel->path);
	remember(panel, "folder-shared", panel->shared ? "yes" : "no");
	remember(panel, "folder-read-only", panel->read_only ? "yes" : "no");
}

/* --- sharing --------------------------------------------------------- */

static void share(struct folder_panel *panel)
{
	if (!panel->session)
		return;
	const char *path = panel->shared ? panel->path : NULL;
	if (path && !g_file_test(path, G_FILE_TEST_IS_DIR)) {
		g_autofree char *shown = g_filename_display_name(path);
		g_autofree char *text = g_strdup_printf(
		    "The folder %s is not there any more; nothing is shared.",
		    shown);
		panel->shared = FALSE;
		path = NULL;
		panel->say(text, panel->data);
	}
	session_share_folder(panel->session, path, panel->read_only);
}

static const char *status_of(struct folder_panel *panel)
{
	enum session_share state = panel->session
				       ? session_folder(panel->session, NULL)
				       : SESSION_SHARE_NEVER;
	if (!panel->session)
		return "Not connected. What you choose holds from the next "
		       "connection on.";
	if (state == SESSION_SHARE_BARRED)
		return "The administrator has closed this desktop to files.";
	if (state == SESSION_SHARE_NEVER)
		return "This desktop cannot show a folder: it needs SPICE, and "
		       "a machine with a port for folders.";
	if (!panel->shared)
		return state == SESSION_SHARE_READ_ONLY
			   ? "The administrator allows folders to be read "
			     "only."
			   : "Nothing of this computer is shared.";
	return panel->mounted
		   ? "The desktop has it: look for “Spice client folder” in "
		     "its file manager, under Network."
		   : "Shared. The desktop has not taken it yet: that needs "
		     "spice-webdavd there.";
}

static void fill(struct folder_panel *panel)
{
	if (!panel->dialog)
		return;
	enum session_share state = panel->session
				       ? session_folder(panel->session, NULL)
				       : SESSION_SHARE_NEVER;
	gboolean barred = state == SESSION_SHARE_BARRED;
	gboolean only = state == SESSION_SHARE_READ_ONLY;
	panel->filling = TRUE;
	gtk_switch_set_active(GTK_SWITCH(panel->toggle),
			      panel->shared && !barred);
	gtk_widget_set_sensitive(panel->toggle, panel->path && !barred);
	gtk_widget_set_sensitive(panel->chooser, !barred);
	gtk_widget_set_sensitive(panel->only, !barred && !only);
	gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(panel->only),
				     panel->read_only || only);
	gtk_label_set_text(GTK_LABEL(panel->status), status_of(panel));
	panel->filling = FALSE;
}

static gboolean on_refill(gpointer data)
{
	struct folder_panel *panel = data;
	panel->refill = 0;
	fill(panel);
	return G_SOURCE_REMOVE;
}

static void apply(struct folder_panel *panel)
{
	save(panel);
	share(panel);
	events_emit("folder", "{s:b,s:b}", "shared", panel->shared, "read-only",
		    panel->read_only);
	if (!panel->refill)
		panel->refill = g_idle_add(on_refill, panel);
}

static void on_toggle(GtkSwitch *toggle, GParamSpec *spec,
		      struct folder_panel *panel)
{
	if (panel->filling)
		return;
	panel->shared = gtk_switch_get_active(toggle) && panel->path;
	apply(panel);
}

static void on_only(GtkToggleButton *button, struct folder_panel *panel)
{
	if (panel->filling)
		return;
	panel->read_only = gtk_toggle_button_get_active(button);
	apply(panel);
}

static void on_chosen(GtkFileChooserButton *button, struct folder_panel *panel)
{
	char *path = gtk_file_chooser_get_filename(GTK_FILE_CHOOSER(button));
	if (!path)
		return;
	g_free(panel->path);
	panel->path = path;
	apply(panel);
}

/* --- the window ------------------------------------------------------ */

static GtkWidget *line(const char *label, GtkWidget *widget)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 18);
	GtkWidget *caption = gtk_label_new_with_mnemonic(label);
	gtk_label_set_mnemonic_widget(GTK_LABEL(caption), widget);
	gtk_label_set_xalign(GTK_LABEL(caption), 0);
	gtk_widget_set_valign(widget, GTK_ALIGN_CENTER);
	gtk_box_pack_start(GTK_BOX(box), caption, TRUE, TRUE, 0);
	gtk_box_pack_end(GTK_BOX(box), widget, FALSE, FALSE, 0);
	return box;
}

static void on_response(GtkDialog *dialog, int response, gpointer data)
{
	gtk_widget_destroy(GTK_WIDGET(dialog));
}

static void on_destroy(GtkWidget *widget, struct folder_panel *panel)
{
	panel->dialog = NULL;
	g_clear_handle_id(&panel->refill, g_source_remove);
}

void folder_panel_open(struct folder_panel *panel)
{
	if (panel->dialog) {
		gtk_window_present(GTK_WINDOW(panel->dialog));
		return;
	}
	panel->dialog =
	    g_object_new(GTK_TYPE_DIALOG, "use-header-bar", TRUE,
			 "transient-for", panel->desktop, "modal", TRUE,
			 "resizable", FALSE, "title", "Shared Folder", NULL);
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 18);
	g_object_set(box, "margin", 24, NULL);
	panel->toggle = gtk_switch_new();
	panel->chooser = gtk_file_chooser_button_new(
	    "Choose a Folder", GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER);
	gtk_file_chooser_button_set_width_chars(
	    GTK_FILE_CHOOSER_BUTTON(panel->chooser), 24);
	gtk_file_chooser_set_local_only(GTK_FILE_CHOOSER(panel->chooser), TRUE);
	if (panel->path)
		gtk_file_chooser_set_filename(GTK_FILE_CHOOSER(panel->chooser),
					      panel->path);
	panel->only =
	    gtk_check_button_new_with_mnemonic("The desktop may _only read it");
	panel->status = gtk_label_new(NULL);
	gtk_label_set_xalign(GTK_LABEL(panel->status), 0);
	gtk_label_set_line_wrap(GTK_LABEL(panel->status), TRUE);
	gtk_label_set_max_width_chars(GTK_LABEL(panel->status), 46);
	gtk_label_set_width_chars(GTK_LABEL(panel->status), 46);
	gtk_style_context_add_class(gtk_widget_get_style_context(panel->status),
				    "dim-label");
	atk_object_set_role(gtk_widget_get_accessible(panel->status),
			    ATK_ROLE_NOTIFICATION);
	gtk_container_add(GTK_CONTAINER(box), line("_Folder", panel->chooser));
	gtk_container_add(GTK_CONTAINER(box),
			  line("_Share it with this desktop", panel->toggle));
	gtk_container_add(GTK_CONTAINER(box), panel->only);
	gtk_container_add(GTK_CONTAINER(box), panel->status);
	gtk_container_add(GTK_CONTAINER(gtk_dialog_get_content_area(
			      GTK_DIALOG(panel->dialog))),
			  box);
	fill(panel);
	g_signal_connect(panel->toggle, "notify::active", G_CALLBACK(on_toggle),
			 panel);
	g_signal_connect(panel->only, "toggled", G_CALLBACK(on_only), panel);
	g_signal_connect(panel->chooser, "file-set", G_CALLBACK(on_chosen),
			 panel);
	g_signal_connect(panel->dialog, "response", G_CALLBACK(on_response),
			 NULL);
	g_signal_connect(panel->dialog, "destroy", G_CALLBACK(on_destroy),
			 panel);
	gtk_widget_show_all(panel->dialog);
}

/* --- the session ----------------------------------------------------- */

void folder_panel_changed(struct folder_panel *panel)
{
	gboolean mounted = FALSE;
	if (panel->session)
		session_folder(panel->session, &mounted);
	if (mounted != panel->mounted)
		events_emit("folder-mounted", "{s:b}", "mounted", mounted);
	panel->mounted = mounted;
	if (panel->dialog && !panel->refill)
		panel->refill = g_idle_add(on_refill, panel);
}

void folder_panel_set_session(struct folder_panel *panel,
			      struct session *session)
{
	panel->session = session;
	share(panel);
	folder_panel_changed(panel);
}

struct folder_panel *folder_panel_new(GtkWindow *desktop,
				      struct servers *servers, const char *who,
				      folder_panel_say say, void *data)
{
	struct folder_panel *panel = g_new0(struct folder_panel, 1);
	panel->desktop = desktop;
	panel->servers = servers;
	panel->say = say;
	panel->data = data;
	/* what is in an address cannot all stand in a key */
	g_autofree char *sum =
	    g_compute_checksum_for_string(G_CHECKSUM_SHA256, who, -1);
	panel->key = g_strndup(sum, 16);
	load(panel);
	return panel;
}

void folder_panel_free(struct folder_panel *panel)
{
	if (!panel)
		return;
	if (panel->dialog)
		gtk_widget_destroy(panel->dialog);
	g_clear_handle_id(&panel->refill, g_source_remove);
	g_free(panel->path);
	g_free(panel->key);
	g_free(panel);
}
