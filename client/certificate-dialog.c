#include "client/certificate-dialog.h"

#include <string.h>

struct question {
	certificate_answered answered;
	void *data;
};

char *certificate_reason(GTlsCertificateFlags flags)
{
	if (flags & G_TLS_CERTIFICATE_REVOKED)
		return g_strdup("It has been revoked.");
	if (flags & G_TLS_CERTIFICATE_EXPIRED)
		return g_strdup("It is no longer valid.");
	if (flags & G_TLS_CERTIFICATE_NOT_ACTIVATED)
		return g_strdup("It is not valid yet; check this computer's "
				"clock.");
	if ((flags & G_TLS_CERTIFICATE_BAD_IDENTITY) &&
	    !(flags & G_TLS_CERTIFICATE_UNKNOWN_CA))
		return g_strdup("It was made for a server of another name.");
	return g_strdup("The server made it itself, as Oriel servers do at "
			"first.");
}

/* 32 pairs are read aloud more easily in four rows of eight. */
static char *in_rows(const char *fingerprint)
{
	const char *hex = fingerprint + strlen("SHA256:");
	GString *rows = g_string_new(NULL);
	for (int i = 0; i < 32 && strlen(hex) >= 2; i++) {
		g_string_append_len(rows, hex, 2);
		hex += hex[2] == ':' ? 3 : 2;
		if (i < 31)
			g_string_append(rows, i % 8 == 7   ? "\n"
					      : i % 4 == 3 ? "   "
							   : " ");
	}
	return g_string_free(rows, FALSE);
}

static GtkWidget *text_label(const char *text)
{
	GtkWidget *label = gtk_label_new(text);
	gtk_label_set_line_wrap(GTK_LABEL(label), TRUE);
	gtk_label_set_max_width_chars(GTK_LABEL(label), 56);
	gtk_label_set_xalign(GTK_LABEL(label), 0);
	return label;
}

static GtkWidget *fingerprint_box(const char *heading, const char *fingerprint,
				  const char *style)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
	GtkWidget *head = gtk_label_new(heading);
	gtk_label_set_xalign(GTK_LABEL(head), 0);
	gtk_style_context_add_class(gtk_widget_get_style_context(head),
				    "caption");
	g_autofree char *rows = in_rows(fingerprint);
	GtkWidget *value = gtk_label_new(rows);
	gtk_label_set_selectable(GTK_LABEL(value), TRUE);
	gtk_widget_set_can_focus(value, FALSE);
	gtk_label_set_xalign(GTK_LABEL(value), 0);
	atk_object_set_name(gtk_widget_get_accessible(value), heading);
	gtk_style_context_add_class(gtk_widget_get_style_context(value),
				    "fingerprint");
	gtk_style_context_add_class(gtk_widget_get_style_context(value), style);
	gtk_container_add(GTK_CONTAINER(box), head);
	gtk_container_add(GTK_CONTAINER(box), value);
	return box;
}

static void on_gone(gpointer question, GClosure *closure)
{
	g_free(question);
}

static void on_response(GtkDialog *dialog, int response,
			struct question *question)
{
	gboolean trusted = response == GTK_RESPONSE_ACCEPT;
	certificate_answered answered = question->answered;
	void *data = question->data;
	gtk_widget_destroy(GTK_WIDGET(dialog));
	answered(trusted, data);
}

static void add_unknown(GtkWidget *box, const char *server,
			const struct api_certificate *certificate)
{
	g_autofree char *reason = certificate_reason(certificate->flags);
	g_autofree char *why = g_strdup_printf(
	    "You have not used %s from here before, and no authority "
	    "vouches for its certificate. %s",
	    server, reason);
	gtk_container_add(GTK_CONTAINER(box), text_label(why));
	gtk_container_add(GTK_CONTAINER(box),
			  fingerprint_box("Fingerprint (SHA-256)",
					  certificate->offered, "neutral"));
	GtkWidget *how = text_label(NULL);
	gtk_label_set_markup(
	    GTK_LABEL(how),
	    "Ask the administrator for it, by phone for example: "
	    "<tt>oriel status</tt> on the server shows the same one. If "
	    "they differ, somebody is between you and the server.");
	gtk_container_add(GTK_CONTAINER(box), how);
}

static void add_changed(GtkWidget *box, const char *server,
			const struct api_certificate *certificate)
{
	g_autofree char *why = g_strdup_printf(
	    "%s showed another certificate than the one you trusted. "
	    "Either it was renewed, or somebody is between you and the "
	    "server. Nothing was sent.",
	    server);
	gtk_container_add(GTK_CONTAINER(box), text_label(why));
	gtk_container_add(GTK_CONTAINER(box),
			  fingerprint_box("Trusted until now",
					  certificate->known, "neutral"));
	gtk_container_add(
	    GTK_CONTAINER(box),
	    fingerprint_box("Shown now", certificate->offered, "changed"));
	GtkWidget *how = text_label(NULL);
	gtk_label_set_markup(
	    GTK_LABEL(how),
	    "Ask the administrator which one is right: <tt>oriel "
	    "status</tt> on the server shows it, and so does the file "
	    "<tt>gateway.json</tt>. Only if it is the new one, choose "
	    "<b>Forget This Server</b> from the menu and sign in again.");
	gtk_container_add(GTK_CONTAINER(box), how);
}

void certificate_dialog_show(GtkWindow *parent, const char *server,
			     const struct api_certificate *certificate,
			     certificate_answered answered, void *data)
{
	gboolean changed = certificate->verdict != TRUST_UNKNOWN;
	GtkWidget *dialog = g_object_new(
	    GTK_TYPE_DIALOG, "use-header-bar", TRUE, "transient-for", parent,
	    "modal", TRUE, "resizable", FALSE, "title",
	    changed ? "Not the Server You Know" : "Is This Your Server?", NULL);
	GtkWidget *content = gtk_dialog_get_content_area(GTK_DIALOG(dialog));
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 18);
	g_object_set(box, "margin", 24, NULL);
	GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 18);
	GtkWidget *icon = gtk_image_new_from_icon_name(
	    changed ? "dialog-warning-symbolic" : "security-medium-symbolic",
	    GTK_ICON_SIZE_DIALOG);
	gtk_widget_set_valign(icon, GTK_ALIGN_START);
	gtk_style_context_add_class(gtk_widget_get_style_context(icon),
				    changed ? "bad" : "dim-label");
	g_object_set(line, "margin", 24, NULL);
	g_object_set(box, "margin", 0, NULL);
	gtk_container_add(GTK_CONTAINER(line), icon);
	gtk_container_add(GTK_CONTAINER(line), box);
	gtk_container_add(GTK_CONTAINER(content), line);
	if (changed && certificate->known)
		add_changed(box, server, certificate);
	else if (changed)
		gtk_container_add(
		    GTK_CONTAINER(box),
		    text_label("The list of trusted servers cannot be "
			       "read, so nothing was sent. Mend or move "
			       "away the file known-servers in Oriel's "
			       "data folder."));
	else
		add_unknown(box, server, certificate);
	if (certificate->expires && !changed) {
		g_autofree char *valid =
		    g_strdup_printf("Valid until %s", certificate->expires);
		GtkWidget *label = text_label(valid);
		gtk_style_context_add_class(gtk_widget_get_style_context(label),
					    "dim-label");
		gtk_container_add(GTK_CONTAINER(box), label);
	}
	GtkWidget *cancel = gtk_dialog_add_button(
	    GTK_DIALOG(dialog), changed ? "_Close" : "_Cancel",
	    GTK_RESPONSE_CANCEL);
	if (!changed)
		gtk_dialog_add_button(GTK_DIALOG(dialog), "_Trust This Server",
				      GTK_RESPONSE_ACCEPT);
	struct question *question = g_new(struct question, 1);
	*question = (struct question){answered, data};
	g_signal_connect_data(dialog, "response", G_CALLBACK(on_response),
			      question, on_gone, 0);
	gtk_widget_show_all(dialog);
	/* Enter must not trust by accident */
	gtk_widget_grab_focus(cancel);
}
