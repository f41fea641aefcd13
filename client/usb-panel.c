#include "client/usb-panel.h"

#include <string.h>

#include "client/events.h"
#include "client/inline-error.h"
#include "common/fault.h"

struct usb_panel {
	GtkWindow *desktop;
	gboolean kiosk;
	usb_panel_say say;
	void *data;
	struct session *session;
	GHashTable *wanted; /* ids of what a person gave */
	GHashTable *tried;  /* of those, in this session */
	GPtrArray *discs;   /* paths, for the next session */
	gboolean discs_given;
	gboolean inserted; /* the newest device is what a person waits for */
	guint refill;
	int told, told_attached; /* devices, by an event; -1: none yet */
	/* NULL: closed */
	GtkWidget *dialog, *stack, *list, *icon, *title, *text, *foot;
	struct inline_error *error;
};

/* --- a device's row -------------------------------------------------- */

/* Taken out: the next session need not have it. */
static void forget_disc(struct usb_panel *panel, const char *name)
{
	for (guint i = panel->discs->len; i > 0; i--) {
		g_autofree char *base =
		    g_path_get_basename(panel->discs->pdata[i - 1]);
		if (g_str_has_suffix(name, base))
			g_ptr_array_remove_index(panel->discs, i - 1);
	}
}

static void on_switch(GtkSwitch *toggle, GParamSpec *spec,
		      struct usb_panel *panel)
{
	const char *id = g_object_get_data(G_OBJECT(toggle), "id");
	gboolean attach = gtk_switch_get_active(toggle);
	inline_error_show(panel->error, NULL);
	if (attach)
		g_hash_table_add(panel->wanted, g_strdup(id));
	else
		g_hash_table_remove(panel->wanted, id);
	const char *disc = g_object_get_data(G_OBJECT(toggle), "disc");
	if (!attach && disc)
		forget_disc(panel, disc);
	g_hash_table_add(panel->tried, g_strdup(id));
	if (panel->session)
		session_usb_attach(panel->session, id, attach);
}

static const char *state_of(const struct session_usb_device *device)
{
	return device->busy       ? "One moment…"
	       : device->attached ? "In the desktop"
	       : device->cause    ? device->cause
				  : "On this computer";
}

static GtkWidget *new_row(struct usb_panel *panel,
			  const struct session_usb_device *device)
{
	GtkWidget *row = gtk_list_box_row_new();
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	GtkWidget *words = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
	GtkWidget *name = gtk_label_new(device->name);
	GtkWidget *state = gtk_label_new(state_of(device));
	GtkWidget *const labels[] = {name, state};
	for (int i = 0; i < 2; i++) {
		gtk_label_set_xalign(GTK_LABEL(labels[i]), 0);
		gtk_label_set_ellipsize(GTK_LABEL(labels[i]),
					PANGO_ELLIPSIZE_END);
		gtk_container_add(GTK_CONTAINER(words), labels[i]);
	}
	gtk_style_context_add_class(gtk_widget_get_style_context(state),
				    "card-state");
	GtkWidget *toggle = gtk_switch_new();
	g_autofree char *what =
	    g_strdup_printf("Give %s to the desktop", device->name);
	atk_object_set_name(gtk_widget_get_accessible(toggle), what);
	gtk_widget_set_valign(toggle, GTK_ALIGN_CENTER);
	gtk_switch_set_active(
	    GTK_SWITCH(toggle),
	    device->busy ? g_hash_table_contains(panel->wanted, device->id)
			 : device->attached);
	gtk_widget_set_sensitive(
	    toggle, !device->busy && (device->attached || !device->cause));
	g_object_set_data_full(G_OBJECT(toggle), "id", g_strdup(device->id),
			       g_free);
	if (device->disc)
		g_object_set_data_full(G_OBJECT(toggle), "disc",
				       g_strdup(device->name), g_free);
	g_object_set_data_full(G_OBJECT(row), "id", g_strdup(device->id),
			       g_free);
	g_object_set_data(G_OBJECT(row), "switch", toggle);
	/* Enter on the row; one more stop for Tab would say nothing new */
	gtk_widget_set_can_focus(toggle, FALSE);
	atk_object_set_name(gtk_widget_get_accessible(row), device->name);
	atk_object_set_description(gtk_widget_get_accessible(row),
				   state_of(device));
	g_signal_connect(toggle, "notify::active", G_CALLBACK(on_switch),
			 panel);
	g_object_set(box, "margin", 12, NULL);
	gtk_container_add(GTK_CONTAINER(box),
			  gtk_image_new_from_icon_name(
			      device->disc ? "media-optical-symbolic"
					   : "drive-removable-media-symbolic",
			      GTK_ICON_SIZE_LARGE_TOOLBAR));
	gtk_box_pack_start(GTK_BOX(box), words, TRUE, TRUE, 0);
	gtk_box_pack_end(GTK_BOX(box), toggle, FALSE, FALSE, 0);
	gtk_container_add(GTK_CONTAINER(row), box);
	gtk_list_box_row_set_selectable(GTK_LIST_BOX_ROW(row), FALSE);
	return row;
}

static void on_activated(GtkListBox *list, GtkListBoxRow *row, gpointer data)
{
	GtkWidget *toggle = g_object_get_data(G_OBJECT(row), "switch");
	if (gtk_widget_get_sensitive(toggle))
		gtk_widget_activate(toggle);
}

/* --- the window ------------------------------------------------------ */

static void show_empty(struct usb_panel *panel, const char *icon,
		       const char *title, const char *text)
{
	gtk_image_set_from_icon_name(GTK_IMAGE(panel->icon), icon,
				     GTK_ICON_SIZE_DIALOG);
	gtk_label_set_text(GTK_LABEL(panel->title), title);
	gtk_label_set_text(GTK_LABEL(panel->text), text);
	gtk_stack_set_visible_child_name(GTK_STACK(panel->stack), "empty");
}

static void show_list(struct usb_panel *panel, const GPtrArray *devices)
{
	/* not where somebody was sent because the list was away */
	gboolean away =
	    g_strcmp0(gtk_stack_get_visible_child_name(GTK_STACK(panel->stack)),
		      "list") != 0;
	GtkWidget *focus =
	    away ? NULL : gtk_window_get_focus(GTK_WINDOW(panel->dialog));
	g_autofree char *focused =
	    focus ? g_strdup(g_object_get_data(G_OBJECT(focus), "id")) : NULL;
	g_autoptr(GList) rows =
	    gtk_container_get_children(GTK_CONTAINER(panel->list));
	for (GList *l = rows; l; l = l->next)
		gtk_widget_destroy(l->data);
	for (guint i = 0; i < devices->len; i++) {
		const struct session_usb_device *device = devices->pdata[i];
		GtkWidget *row = new_row(panel, device);
		gtk_widget_show_all(row);
		gtk_container_add(GTK_CONTAINER(panel->list), row);
		if (panel->inserted ? i == devices->len - 1
		    : focused       ? strcmp(focused, device->id) == 0
				    : focus == NULL && i == 0)
			gtk_widget_grab_focus(row);
	}
	panel->inserted = FALSE;
	gtk_stack_set_visible_child_name(GTK_STACK(panel->stack), "list");
}

static void fill(struct usb_panel *panel)
{
	if (!panel->dialog)
		return;
	g_autoptr(GPtrArray) devices = session_usb_devices_new();
	enum session_share state = panel->session
				       ? session_usb(panel->session, devices)
				       : SESSION_SHARE_NEVER;
	gtk_widget_set_visible(panel->foot, state == SESSION_SHARE_READY);
	if (!panel->session)
		show_empty(panel, "network-offline-symbolic", "Not connected",
			   "What the desktop had comes back to it with the "
			   "connection.");
	else if (state == SESSION_SHARE_BARRED)
		show_empty(panel, "changes-prevent-symbolic",
			   "USB is not allowed here",
			   "The administrator has closed this desktop to USB "
			   "devices.");
	else if (state == SESSION_SHARE_NEVER)
		show_empty(panel, "dialog-information-symbolic",
			   "This desktop takes no USB devices",
			   "It needs SPICE, and a machine with USB ports for "
			   "devices from outside. The administrator can tell "
			   "which desktops have them.");
	else if (devices->len == 0)
		show_empty(panel, "drive-removable-media-symbolic",
			   "No USB devices",
			   "Plug one into this computer, and it appears here.");
	else
		show_list(panel, devices);
}

static gboolean on_refill(gpointer data)
{
	struct usb_panel *panel = data;
	panel->refill = 0;
	fill(panel);
	return G_SOURCE_REMOVE;
}

static void on_add(GtkButton *button, struct usb_panel *panel)
{
	GtkFileChooserNative *native = gtk_file_chooser_native_new(
	    "Insert a Disc", GTK_WINDOW(panel->dialog),
	    GTK_FILE_CHOOSER_ACTION_OPEN, "_Insert", "_Cancel");
	GtkFileChooser *chooser = GTK_FILE_CHOOSER(native);
	GtkFileFilter *discs = gtk_file_filter_new();
	gtk_file_filter_set_name(discs, "Images of discs");
	gtk_file_filter_add_pattern(discs, "*.iso");
	gtk_file_filter_add_pattern(discs, "*.ISO");
	gtk_file_filter_add_pattern(discs, "*.img");
	gtk_file_chooser_add_filter(chooser, discs);
	g_autoptr(GError) error = NULL;
	if (gtk_native_dialog_run(GTK_NATIVE_DIALOG(native)) ==
		GTK_RESPONSE_ACCEPT &&
	    panel->session) {
		g_autofree char *path = gtk_file_chooser_get_filename(chooser);
		panel->inserted =
		    path && session_usb_add_disc(panel->session, path, &error);
		if (panel->inserted)
			g_ptr_array_add(panel->discs, g_strdup(path));
	}
	g_object_unref(native);
	inline_error_show(panel->error, error);
}

static GtkWidget *build_empty(struct usb_panel *panel)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
	g_object_set(box, "margin", 30, "valign", GTK_ALIGN_CENTER, NULL);
	panel->icon = gtk_image_new();
	gtk_style_context_add_class(gtk_widget_get_style_context(panel->icon),
				    "dim-label");
	panel->title = gtk_label_new(NULL);
	panel->text = gtk_label_new(NULL);
	gtk_style_context_add_class(gtk_widget_get_style_context(panel->title),
				    "notice-title");
	gtk_label_set_line_wrap(GTK_LABEL(panel->text), TRUE);
	gtk_label_set_max_width_chars(GTK_LABEL(panel->text), 40);
	gtk_label_set_justify(GTK_LABEL(panel->text), GTK_JUSTIFY_CENTER);
	gtk_container_add(GTK_CONTAINER(box), panel->icon);
	gtk_container_add(GTK_CONTAINER(box), panel->title);
	gtk_container_add(GTK_CONTAINER(box), panel->text);
	return box;
}

static void on_response(GtkDialog *dialog, int response, gpointer data)
{
	gtk_widget_destroy(GTK_WIDGET(dialog));
}

static void on_destroy(GtkWidget *widget, struct usb_panel *panel)
{
	panel->dialog = NULL;
}

void usb_panel_open(struct usb_panel *panel)
{
	if (panel->dialog) {
		gtk_window_present(GTK_WINDOW(panel->dialog));
		return;
	}
	panel->dialog = g_object_new(
	    GTK_TYPE_DIALOG, "use-header-bar", TRUE, "transient-for",
	    panel->desktop, "modal", TRUE, "title", "USB Devices",
	    "default-width", 460, "default-height", 340, NULL);
	GtkWidget *content =
	    gtk_dialog_get_content_area(GTK_DIALOG(panel->dialog));
	gtk_container_set_border_width(GTK_CONTAINER(content), 0);
	panel->error = inline_error_new();
	panel->stack = gtk_stack_new();
	panel->list = gtk_list_box_new();
	atk_object_set_name(gtk_widget_get_accessible(panel->list),
			    "USB devices");
	gtk_list_box_set_selection_mode(GTK_LIST_BOX(panel->list),
					GTK_SELECTION_NONE);
	g_signal_connect(panel->list, "row-activated", G_CALLBACK(on_activated),
			 NULL);
	GtkWidget *scroller = gtk_scrolled_window_new(NULL, NULL);
	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scroller),
				       GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
	gtk_container_add(GTK_CONTAINER(scroller), panel->list);
	gtk_stack_add_named(GTK_STACK(panel->stack), build_empty(panel),
			    "empty");
	gtk_stack_add_named(GTK_STACK(panel->stack), scroller, "list");
	panel->foot = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	g_object_set(panel->foot, "margin", 12, NULL);
	GtkWidget *hint = gtk_label_new(
	    "What the desktop has cannot be used on this computer meanwhile.");
	gtk_label_set_line_wrap(GTK_LABEL(hint), TRUE);
	gtk_label_set_xalign(GTK_LABEL(hint), 0);
	gtk_style_context_add_class(gtk_widget_get_style_context(hint),
				    "card-state");
	GtkWidget *add = gtk_button_new_with_mnemonic("Insert a _Disc Image…");
	gtk_widget_set_no_show_all(add, panel->kiosk);
	gtk_widget_set_valign(add, GTK_ALIGN_CENTER);
	g_signal_connect(add, "clicked", G_CALLBACK(on_add), panel);
	gtk_box_pack_start(GTK_BOX(panel->foot), hint, TRUE, TRUE, 0);
	gtk_box_pack_end(GTK_BOX(panel->foot), add, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(content), inline_error_widget(panel->error),
			   FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(content), panel->stack, TRUE, TRUE, 0);
	gtk_box_pack_end(GTK_BOX(content), panel->foot, FALSE, FALSE, 0);
	g_signal_connect(panel->dialog, "response", G_CALLBACK(on_response),
			 NULL);
	g_signal_connect(panel->dialog, "destroy", G_CALLBACK(on_destroy),
			 panel);
	gtk_widget_show_all(panel->dialog);
	fill(panel);
}

/* --- the session ----------------------------------------------------- */

static void give_discs(struct usb_panel *panel)
{
	panel->discs_given = TRUE;
	for (guint i = 0; i < panel->discs->len; i++) {
		g_autoptr(GError) error = NULL;
		if (!session_usb_add_disc(panel->session,
					  panel->discs->pdata[i], &error))
			panel->say(error->message, panel->data);
	}
}

void usb_panel_changed(struct usb_panel *panel)
{
	g_autoptr(GPtrArray) devices = session_usb_devices_new();
	int attached = 0;
	if (panel->session &&
	    session_usb(panel->session, devices) == SESSION_SHARE_READY) {
		if (!panel->discs_given)
			give_discs(panel);
		for (guint i = 0; i < devices->len; i++) {
			const struct session_usb_device *device =
			    devices->pdata[i];
			attached += device->attached && !device->busy;
			if (device->attached || device->busy || device->cause ||
			    !g_hash_table_contains(panel->wanted, device->id) ||
			    g_hash_table_contains(panel->tried, device->id))
				continue;
			g_hash_table_add(panel->tried, g_strdup(device->id));
			session_usb_attach(panel->session, device->id, TRUE);
		}
		int count = (int)devices->len;
		if (count != panel->told || attached != panel->told_attached)
			events_emit("usb", "{s:i,s:i}", "devices", count,
				    "attached", attached);
		panel->told = count;
		panel->told_attached = attached;
	}
	/* later: it may be a switch of the list that has just been used */
	if (panel->dialog && !panel->refill)
		panel->refill = g_idle_add(on_refill, panel);
}

void usb_panel_failed(struct usb_panel *panel, const char *id, const char *name,
		      const GError *error)
{
	g_hash_table_remove(panel->wanted, id);
	g_autoptr(GError) told = fault_new(
	    FAULT_UNAVAILABLE,
	    "Close what uses it on this computer, plug it in again, and give "
	    "it once more.",
	    "%s is not in the desktop%s%s", name, error ? ": " : "",
	    error ? error->message : "");
	g_autofree char *cause = fault_cause(told);
	events_emit("usb-failed", "{s:s}", "cause", cause);
	if (panel->dialog)
		inline_error_show(panel->error, told);
	else
		panel->say(cause, panel->data);
}

void usb_panel_set_session(struct usb_panel *panel, struct session *session)
{
	panel->session = session;
	panel->discs_given = FALSE;
	panel->told = -1;
	g_hash_table_remove_all(panel->tried);
	usb_panel_changed(panel);
}

struct usb_panel *usb_panel_new(GtkWindow *desktop, gboolean kiosk,
				usb_panel_say say, void *data)
{
	struct usb_panel *panel = g_new0(struct usb_panel, 1);
	panel->desktop = desktop;
	panel->kiosk = kiosk;
	panel->say = say;
	panel->data = data;
	panel->told = -1;
	panel->wanted =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	panel->tried =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	panel->discs = g_ptr_array_new_with_free_func(g_free);
	return panel;
}

void usb_panel_free(struct usb_panel *panel)
{
	if (!panel)
		return;
	if (panel->dialog)
		gtk_widget_destroy(panel->dialog);
	g_clear_handle_id(&panel->refill, g_source_remove);
	g_hash_table_unref(panel->wanted);
	g_hash_table_unref(panel->tried);
	g_ptr_array_unref(panel->discs);
	g_free(panel);
}
