#include "client/signin.h"

#include <string.h>

#include "client/events.h"
#include "client/inline-error.h"
#include "common/fault.h"

/* As the API bounds it. */
#define CODE_MAX 16
/* Somebody is still typing. */
#define SETTLE_MS 400
#define TITLE     "Your desktop, anywhere"

struct signin {
	struct servers *servers;
	const struct signin_handlers *handlers;
	void *data;
	GtkWidget *page, *title, *who, *code_step, *code, *server_box, *server,
	    *user, *password, *caps, *button, *button_stack, *button_label,
	    *busy_label, *spinner, *cancel, *back, *browse, *no_browser,
	    *other_ways;
	struct inline_error *error;
	GtkWidget *fields[3]; /* the first step's, with their captions */
	gboolean busy;
	gboolean asks_code; /* the second step */
	gboolean fixed;     /* the server is not a person's to choose */
	gint64 hold_until_us;
	guint hold_timer, server_timer;
};

static gboolean filled(struct signin *signin)
{
	return (!signin->asks_code ||
		*gtk_entry_get_text(GTK_ENTRY(signin->code))) &&
	       *gtk_entry_get_text(GTK_ENTRY(signin->server)) &&
	       *gtk_entry_get_text(GTK_ENTRY(signin->user)) &&
	       *gtk_entry_get_text(GTK_ENTRY(signin->password));
}

static void update_button(struct signin *signin)
{
	unsigned left = 0;
	gint64 now = g_get_monotonic_time();
	if (signin->hold_until_us > now)
		left = (unsigned)((signin->hold_until_us - now + 999999) /
				  1000000);
	g_autofree char *text = left
				    ? g_strdup_printf("Try again in %u s", left)
				    : g_strdup("_Sign In");
	gtk_label_set_text_with_mnemonic(GTK_LABEL(signin->button_label), text);
	gtk_widget_set_sensitive(signin->button,
				 !signin->busy && !left && filled(signin));
	gtk_stack_set_visible_child_name(GTK_STACK(signin->button_stack),
					 signin->busy ? "busy" : "idle");
	g_object_set(signin->spinner, "active", signin->busy, NULL);
	gtk_widget_set_visible(signin->back,
			       signin->asks_code && !signin->busy);
	gtk_widget_set_sensitive(
	    signin->browse,
	    !signin->busy && *gtk_entry_get_text(GTK_ENTRY(signin->server)));
}

static gboolean on_hold(gpointer data)
{
	struct signin *signin = data;
	update_button(signin);
	if (g_get_monotonic_time() < signin->hold_until_us)
		return G_SOURCE_CONTINUE;
	signin->hold_timer = 0;
	return G_SOURCE_REMOVE;
}

static void submit(struct signin *signin)
{
	if (!gtk_widget_get_sensitive(signin->button))
		return;
	g_autofree char *user =
	    g_strstrip(g_strdup(gtk_entry_get_text(GTK_ENTRY(signin->user))));
	/* authenticators show "123 456" */
	char code[CODE_MAX + 1];
	gsize length = 0;
	for (const char *c = gtk_entry_get_text(GTK_ENTRY(signin->code));
	     *c && length < CODE_MAX; c++)
		if (!g_ascii_isspace(*c))
			code[length++] = *c;
	code[length] = 0;
	signin_show_error(signin, NULL, 0);
	signin->handlers->submit(
	    gtk_entry_get_text(GTK_ENTRY(signin->server)), user,
	    gtk_entry_get_text(GTK_ENTRY(signin->password)),
	    signin->asks_code ? code : NULL, signin->data);
	memset(code, 0, sizeof code);
}

/* Enter goes to the next empty field; in a complete form it signs in. */
static void on_activate(GtkWidget *entry, struct signin *signin)
{
	if (filled(signin))
		submit(signin);
	else
		signin_focus(signin);
}

static gboolean on_settled(gpointer data)
{
	struct signin *signin = data;
	signin->server_timer = 0;
	signin->handlers->server(gtk_entry_get_text(GTK_ENTRY(signin->server)),
				 signin->data);
	return G_SOURCE_REMOVE;
}

static void on_server_changed(GtkWidget *widget, struct signin *signin)
{
	int index = gtk_combo_box_get_active(GTK_COMBO_BOX(signin->server_box));
	if (index >= 0 && (guint)index < servers_count(signin->servers))
		gtk_entry_set_text(GTK_ENTRY(signin->user),
				   servers_user(signin->servers, (guint)index));
	signin_set_provider(signin, "");
	g_clear_handle_id(&signin->server_timer, g_source_remove);
	if (signin->handlers->browse)
		signin->server_timer =
		    g_timeout_add(SETTLE_MS, on_settled, signin);
	update_button(signin);
}

static void on_changed(GtkWidget *widget, struct signin *signin)
{
	update_button(signin);
}

static void on_browse(GtkWidget *widget, struct signin *signin)
{
	signin_show_error(signin, NULL, 0);
	signin->handlers->browse(gtk_entry_get_text(GTK_ENTRY(signin->server)),
				 signin->data);
}

static void on_cancel(GtkWidget *widget, struct signin *signin)
{
	signin->handlers->cancel(signin->data);
}

static void on_back(GtkWidget *widget, struct signin *signin)
{
	signin_show_error(signin, NULL, 0);
	signin_clear_password(signin);
	signin_focus(signin);
}

static gboolean on_escape(GtkWidget *widget, GdkEventKey *event,
			  struct signin *signin)
{
	if (event->keyval != GDK_KEY_Escape ||
	    (!signin->busy && !signin->asks_code))
		return GDK_EVENT_PROPAGATE;
	if (signin->busy)
		signin->handlers->cancel(signin->data);
	else
		on_back(NULL, signin);
	return GDK_EVENT_STOP;
}

static void update_caps(struct signin *signin)
{
	GdkKeymap *keymap =
	    gdk_keymap_get_for_display(gtk_widget_get_display(signin->page));
	gtk_revealer_set_reveal_child(
	    GTK_REVEALER(signin->caps),
	    gtk_widget_has_focus(signin->password) &&
		gdk_keymap_get_caps_lock_state(keymap));
}

static gboolean on_password_focus(GtkWidget *widget, GdkEvent *event,
				  struct signin *signin)
{
	update_caps(signin);
	return GDK_EVENT_PROPAGATE;
}

static void on_keymap(GdkKeymap *keymap, struct signin *signin)
{
	update_caps(signin);
}

static void on_reveal(GtkEntry *entry, GtkEntryIconPosition position,
		      GdkEvent *event, struct signin *signin)
{
	gboolean visible = !gtk_entry_get_visibility(entry);
	gtk_entry_set_visibility(entry, visible);
	gtk_entry_set_icon_from_icon_name(entry, GTK_ENTRY_ICON_SECONDARY,
					  visible ? "view-conceal-symbolic"
						  : "view-reveal-symbolic");
	gtk_entry_set_icon_tooltip_text(entry, GTK_ENTRY_ICON_SECONDARY,
					visible ? "Hide the password"
						: "Show the password");
}

static GtkWidget *field(GtkWidget *form, const char *label, GtkWidget *entry,
			GtkWidget *target)
{
	GtkWidget *caption = gtk_label_new_with_mnemonic(label);
	gtk_label_set_xalign(GTK_LABEL(caption), 0);
	gtk_label_set_mnemonic_widget(GTK_LABEL(caption), target);
	gtk_style_context_add_class(gtk_widget_get_style_context(caption),
				    "caption");
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
	gtk_container_add(GTK_CONTAINER(box), caption);
	gtk_container_add(GTK_CONTAINER(box), entry);
	gtk_container_add(GTK_CONTAINER(form), box);
	return box;
}

static const char *bare_server(struct signin *signin)
{
	const char *text = gtk_entry_get_text(GTK_ENTRY(signin->server));
	return g_str_has_prefix(text, "https://") ? text + strlen("https://")
						  : text;
}

static void set_step(struct signin *signin, gboolean asks_code)
{
	signin->asks_code = asks_code;
	gtk_entry_set_text(GTK_ENTRY(signin->code), "");
	for (gsize i = 0; i < G_N_ELEMENTS(signin->fields); i++)
		gtk_widget_set_visible(signin->fields[i],
				       !asks_code && (i || !signin->fixed));
	gtk_widget_set_visible(signin->code_step, asks_code);
	gtk_widget_set_visible(signin->other_ways, !asks_code);
	gtk_label_set_text(GTK_LABEL(signin->title), asks_code ? "One more step"
						     : signin->fixed
							 ? bare_server(signin)
							 : TITLE);
	if (asks_code) {
		g_autofree char *who = g_strdup_printf(
		    "The password of %s is right. Type the code that the "
		    "authenticator app shows now.",
		    gtk_entry_get_text(GTK_ENTRY(signin->user)));
		gtk_label_set_text(GTK_LABEL(signin->who), who);
	}
	update_button(signin);
}

static GtkWidget *build_code_step(struct signin *signin)
{
	signin->code_step = gtk_box_new(GTK_ORIENTATION_VERTICAL, 18);
	signin->who = gtk_label_new(NULL);
	gtk_label_set_line_wrap(GTK_LABEL(signin->who), TRUE);
	gtk_label_set_max_width_chars(GTK_LABEL(signin->who), 40);
	gtk_label_set_justify(GTK_LABEL(signin->who), GTK_JUSTIFY_CENTER);
	gtk_container_add(GTK_CONTAINER(signin->code_step), signin->who);
	signin->code = gtk_entry_new();
	gtk_entry_set_max_length(GTK_ENTRY(signin->code), CODE_MAX);
	gtk_entry_set_input_purpose(GTK_ENTRY(signin->code),
				    GTK_INPUT_PURPOSE_DIGITS);
	gtk_entry_set_alignment(GTK_ENTRY(signin->code), 0.5f);
	gtk_style_context_add_class(gtk_widget_get_style_context(signin->code),
				    "signin-code");
	field(signin->code_step, "Co_de", signin->code, signin->code);
	gtk_widget_show_all(signin->code_step);
	gtk_widget_set_no_show_all(signin->code_step, TRUE);
	gtk_widget_hide(signin->code_step);
	return signin->code_step;
}

static GtkWidget *build_caps(struct signin *signin)
{
	signin->caps = gtk_revealer_new();
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
	gtk_style_context_add_class(gtk_widget_get_style_context(box),
				    "caps-hint");
	gtk_container_add(GTK_CONTAINER(box),
			  gtk_image_new_from_icon_name(
			      "oriel-caps-lock-symbolic", GTK_ICON_SIZE_MENU));
	gtk_container_add(GTK_CONTAINER(box), gtk_label_new("Caps Lock is on"));
	gtk_container_add(GTK_CONTAINER(signin->caps), box);
	return signin->caps;
}

static GtkWidget *build_buttons(struct signin *signin)
{
	signin->button_stack = gtk_stack_new();
	gtk_stack_set_transition_type(GTK_STACK(signin->button_stack),
				      GTK_STACK_TRANSITION_TYPE_CROSSFADE);
	signin->button = gtk_button_new();
	signin->button_label = gtk_label_new_with_mnemonic("_Sign In");
	gtk_container_add(GTK_CONTAINER(signin->button), signin->button_label);
	gtk_style_context_add_class(
	    gtk_widget_get_style_context(signin->button), "suggested-action");
	gtk_widget_set_can_default(signin->button, TRUE);
	GtkWidget *busy = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	signin->spinner = gtk_spinner_new();
	GtkWidget *words = signin->busy_label = gtk_label_new("Signing in…");
	gtk_label_set_ellipsize(GTK_LABEL(words), PANGO_ELLIPSIZE_END);
	signin->cancel = gtk_button_new_with_mnemonic("_Cancel");
	gtk_box_pack_start(GTK_BOX(busy), signin->spinner, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(busy), words, FALSE, FALSE, 0);
	gtk_box_pack_end(GTK_BOX(busy), signin->cancel, FALSE, FALSE, 0);
	gtk_stack_add_named(GTK_STACK(signin->button_stack), signin->button,
			    "idle");
	gtk_stack_add_named(GTK_STACK(signin->button_stack), busy, "busy");
	g_signal_connect_swapped(signin->button, "clicked", G_CALLBACK(submit),
				 signin);
	g_signal_connect(signin->cancel, "clicked", G_CALLBACK(on_cancel),
			 signin);
	signin->back = gtk_button_new_with_mnemonic("_Back");
	gtk_widget_set_no_show_all(signin->back, TRUE);
	gtk_widget_set_tooltip_text(signin->back,
				    "To user name and password (Esc)");
	g_signal_connect(signin->back, "clicked", G_CALLBACK(on_back), signin);
	GtkWidget *row = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	gtk_box_pack_start(GTK_BOX(row), signin->back, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(row), signin->button_stack, TRUE, TRUE, 0);
	return row;
}

static GtkWidget *build_other_ways(struct signin *signin)
{
	signin->other_ways = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
	signin->browse = gtk_button_new_with_mnemonic("");
	gtk_style_context_add_class(
	    gtk_widget_get_style_context(signin->browse), "flat");
	gtk_widget_set_margin_top(signin->browse, 12);
	gtk_widget_set_tooltip_text(signin->browse,
				    "Opens the sign-in page in your browser; "
				    "Oriel goes on by itself");
	gtk_widget_set_no_show_all(signin->browse, TRUE);
	g_signal_connect(signin->browse, "clicked", G_CALLBACK(on_browse),
			 signin);
	signin->no_browser = gtk_label_new(NULL);
	gtk_label_set_line_wrap(GTK_LABEL(signin->no_browser), TRUE);
	gtk_label_set_max_width_chars(GTK_LABEL(signin->no_browser), 40);
	gtk_label_set_justify(GTK_LABEL(signin->no_browser),
			      GTK_JUSTIFY_CENTER);
	gtk_widget_set_margin_top(signin->no_browser, 12);
	gtk_widget_set_no_show_all(signin->no_browser, TRUE);
	gtk_style_context_add_class(
	    gtk_widget_get_style_context(signin->no_browser), "dim-label");
	gtk_container_add(GTK_CONTAINER(signin->other_ways), signin->browse);
	gtk_container_add(GTK_CONTAINER(signin->other_ways),
			  signin->no_browser);
	return signin->other_ways;
}

static void on_destroy(GtkWidget *widget, struct signin *signin)
{
	GdkKeymap *keymap =
	    gdk_keymap_get_for_display(gtk_widget_get_display(widget));
	g_signal_handlers_disconnect_by_data(keymap, signin);
	g_clear_handle_id(&signin->hold_timer, g_source_remove);
	g_clear_handle_id(&signin->server_timer, g_source_remove);
	g_free(signin);
}

struct signin *signin_new(struct servers *servers,
			  const struct signin_handlers *handlers, void *data)
{
	struct signin *signin = g_new0(struct signin, 1);
	signin->servers = servers;
	signin->handlers = handlers;
	signin->data = data;
	GtkWidget *form = gtk_box_new(GTK_ORIENTATION_VERTICAL, 18);
	gtk_widget_set_size_request(form, 380, -1);
	gtk_widget_set_halign(form, GTK_ALIGN_CENTER);
	gtk_widget_set_valign(form, GTK_ALIGN_CENTER);
	g_object_set(form, "margin", 24, NULL);
	GtkWidget *icon =
	    gtk_image_new_from_icon_name("oriel", GTK_ICON_SIZE_DIALOG);
	gtk_image_set_pixel_size(GTK_IMAGE(icon), 96);
	signin->title = gtk_label_new(TITLE);
	gtk_style_context_add_class(gtk_widget_get_style_context(signin->title),
				    "signin-title");
	gtk_container_add(GTK_CONTAINER(form), icon);
	gtk_container_add(GTK_CONTAINER(form), signin->title);

	signin->server_box = gtk_combo_box_text_new_with_entry();
	signin->server = gtk_bin_get_child(GTK_BIN(signin->server_box));
	gtk_entry_set_placeholder_text(GTK_ENTRY(signin->server),
				       "desk.example or https://desk.example");
	gtk_entry_set_input_purpose(GTK_ENTRY(signin->server),
				    GTK_INPUT_PURPOSE_URL);
	signin->fields[0] =
	    field(form, "Ser_ver", signin->server_box, signin->server);
	signin->user = gtk_entry_new();
	gtk_entry_set_max_length(GTK_ENTRY(signin->user), 128);
	signin->fields[1] =
	    field(form, "_User name", signin->user, signin->user);
	signin->password = gtk_entry_new();
	gtk_entry_set_max_length(GTK_ENTRY(signin->password), 1024);
	gtk_entry_set_visibility(GTK_ENTRY(signin->password), FALSE);
	gtk_entry_set_input_purpose(GTK_ENTRY(signin->password),
				    GTK_INPUT_PURPOSE_PASSWORD);
	gtk_entry_set_icon_from_icon_name(GTK_ENTRY(signin->password),
					  GTK_ENTRY_ICON_SECONDARY,
					  "view-reveal-symbolic");
	gtk_entry_set_icon_tooltip_text(GTK_ENTRY(signin->password),
					GTK_ENTRY_ICON_SECONDARY,
					"Show the password");
	signin->fields[2] =
	    field(form, "_Password", signin->password, signin->password);
	gtk_container_add(GTK_CONTAINER(signin->fields[2]), build_caps(signin));
	gtk_container_add(GTK_CONTAINER(form), build_code_step(signin));
	GtkWidget *last = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
	signin->error = inline_error_new();
	gtk_container_add(GTK_CONTAINER(last),
			  inline_error_widget(signin->error));
	gtk_container_add(GTK_CONTAINER(last), build_buttons(signin));
	gtk_container_add(GTK_CONTAINER(last), build_other_ways(signin));
	gtk_container_add(GTK_CONTAINER(form), last);

	signin->page = gtk_scrolled_window_new(NULL, NULL);
	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(signin->page),
				       GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
	gtk_container_add(GTK_CONTAINER(signin->page), form);
	GtkWidget *const entries[] = {signin->server, signin->user,
				      signin->password, signin->code};
	for (gsize i = 0; i < G_N_ELEMENTS(entries); i++) {
		g_signal_connect(entries[i], "activate",
				 G_CALLBACK(on_activate), signin);
		g_signal_connect(entries[i], "changed", G_CALLBACK(on_changed),
				 signin);
	}
	g_signal_connect(signin->server_box, "changed",
			 G_CALLBACK(on_server_changed), signin);
	g_signal_connect(signin->password, "icon-press", G_CALLBACK(on_reveal),
			 signin);
	g_signal_connect(signin->password, "focus-in-event",
			 G_CALLBACK(on_password_focus), signin);
	g_signal_connect(signin->password, "focus-out-event",
			 G_CALLBACK(on_password_focus), signin);
	g_signal_connect(signin->page, "key-press-event", G_CALLBACK(on_escape),
			 signin);
	g_signal_connect(
	    gdk_keymap_get_for_display(gtk_widget_get_display(signin->page)),
	    "state-changed", G_CALLBACK(on_keymap), signin);
	g_signal_connect(signin->page, "destroy", G_CALLBACK(on_destroy),
			 signin);
	signin_set_provider(signin, "");
	signin_reload_servers(signin);
	if (servers_count(servers) > 0)
		gtk_combo_box_set_active(GTK_COMBO_BOX(signin->server_box), 0);
	else if (g_strcmp0(g_get_user_name(), "root") != 0)
		gtk_entry_set_text(GTK_ENTRY(signin->user), g_get_user_name());
	update_button(signin);
	return signin;
}

GtkWidget *signin_widget(struct signin *signin)
{
	return signin->page;
}

void signin_reload_servers(struct signin *signin)
{
	GtkComboBoxText *box = GTK_COMBO_BOX_TEXT(signin->server_box);
	g_autofree char *text =
	    g_strdup(gtk_entry_get_text(GTK_ENTRY(signin->server)));
	gtk_combo_box_text_remove_all(box);
	for (guint i = 0; i < servers_count(signin->servers); i++)
		gtk_combo_box_text_append_text(box,
					       servers_url(signin->servers, i));
	gtk_entry_set_text(GTK_ENTRY(signin->server), text);
}

void signin_fill(struct signin *signin, const char *server, const char *user,
		 const char *password)
{
	if (server) {
		gtk_combo_box_set_active(GTK_COMBO_BOX(signin->server_box), -1);
		gtk_entry_set_text(GTK_ENTRY(signin->server), server);
	}
	if (user)
		gtk_entry_set_text(GTK_ENTRY(signin->user), user);
	if (password)
		gtk_entry_set_text(GTK_ENTRY(signin->password), password);
	update_button(signin);
}

const char *signin_server(struct signin *signin)
{
	return gtk_entry_get_text(GTK_ENTRY(signin->server));
}

void signin_fix_server(struct signin *signin)
{
	signin->fixed = TRUE;
	signin_set_provider(signin, "");
	set_step(signin, signin->asks_code);
}

void signin_clear_user(struct signin *signin)
{
	gtk_entry_set_text(GTK_ENTRY(signin->user), "");
}

void signin_set_waiting(struct signin *signin)
{
	gtk_label_set_text(GTK_LABEL(signin->busy_label),
			   "Go on in your browser…");
}

void signin_set_provider(struct signin *signin, const char *label)
{
	/* a terminal that is nothing but its desktop has no browser */
	gboolean kiosk = signin->fixed;
	g_autofree char *text = label && *label
				    ? g_strdup_printf("Sign in with %s…", label)
				    : g_strdup("Sign in with the _browser…");
	gtk_button_set_use_underline(GTK_BUTTON(signin->browse),
				     !(label && *label));
	gtk_button_set_label(GTK_BUTTON(signin->browse), text);
	gtk_widget_set_visible(signin->browse,
			       signin->handlers->browse && label && !kiosk);
	g_autofree char *none = g_strdup_printf(
	    "Accounts of %s cannot sign in at this terminal: it has no "
	    "browser.",
	    label ? label : "");
	gtk_label_set_text(GTK_LABEL(signin->no_browser), none);
	gtk_widget_set_visible(signin->no_browser, kiosk && label && *label);
}

void signin_set_busy(struct signin *signin, gboolean busy)
{
	gboolean was = signin->busy;
	signin->busy = busy;
	gtk_label_set_text(GTK_LABEL(signin->busy_label), "Signing in…");
	GtkWidget *const entries[] = {signin->server_box, signin->user,
				      signin->password, signin->code};
	for (gsize i = 0; i < G_N_ELEMENTS(entries); i++)
		gtk_widget_set_sensitive(entries[i], !busy);
	update_button(signin);
	if (busy)
		gtk_widget_grab_focus(signin->cancel);
	else if (was)
		signin_focus(signin);
}

void signin_show_error(struct signin *signin, const GError *error,
		       unsigned retry_after_s)
{
	inline_error_show(signin->error, error);
	if (retry_after_s > 0) {
		signin->hold_until_us = g_get_monotonic_time() +
					(gint64)retry_after_s * G_USEC_PER_SEC;
		if (!signin->hold_timer)
			signin->hold_timer =
			    g_timeout_add(500, on_hold, signin);
	}
	update_button(signin);
}

void signin_refused(struct signin *signin, const struct api_answer *answer,
		    const GError *error)
{
	gboolean wrong_code = signin->asks_code && answer->status == 401;
	signin_set_busy(signin, FALSE);
	if (answer->needs_code) {
		/* also again, where a code of spaces was as good as none */
		set_step(signin, TRUE);
		events_emit("code-wanted", NULL);
	} else if (wrong_code) {
		g_autoptr(GError) told = fault_new(
		    FAULT_DENIED,
		    "Each code works once and for half a minute: wait for the "
		    "next one and type that. If it fails too, check the clock "
		    "of the device that shows it.",
		    "This code is not accepted");
		gtk_entry_set_text(GTK_ENTRY(signin->code), "");
		signin_show_error(signin, told, answer->retry_after_s);
	} else {
		if (answer->status == 401)
			signin_clear_password(signin);
		signin_show_error(signin, error, answer->retry_after_s);
	}
	signin_focus(signin);
}

void signin_resubmit(struct signin *signin)
{
	update_button(signin);
	submit(signin);
}

void signin_focus(struct signin *signin)
{
	GtkWidget *const entries[] = {signin->server, signin->user,
				      signin->password};
	GtkWidget *target = signin->asks_code ? signin->code : signin->password;
	for (int i = 0; i < 3 && !signin->asks_code; i++)
		if (!*gtk_entry_get_text(GTK_ENTRY(entries[i]))) {
			target = entries[i];
			break;
		}
	gtk_widget_grab_focus(target);
}

void signin_clear_password(struct signin *signin)
{
	set_step(signin, FALSE);
	gtk_entry_set_text(GTK_ENTRY(signin->password), "");
	gtk_entry_set_visibility(GTK_ENTRY(signin->password), FALSE);
}
