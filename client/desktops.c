#include "client/desktops.h"

#include <errno.h>
#include <gdk/gdkkeysyms.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "client/card.h"
#include "client/events.h"
#include "client/url.h"
#include "common/fault.h"
#include "common/log.h"

#define LIST_EVERY_S    12
#define LIST_RETRY_S    2
#define PICTURE_EVERY_S 4
/* More long polls than that would fill the connections of one server. */
#define WATCHES_MAX 12
#define CARDS_MAX   500
#define MARGIN      24
#define SPACING     18

struct desktops {
	const struct desktops_handlers *handlers;
	void *data;
	struct api *api;
	GCancellable *cancellable;
	GtkWidget *stack, *flow, *banner, *banner_text;
	guint list_timer, picture_timer;
	unsigned watches;
	gboolean loaded;
	int width;
	guint columns_idle;
	GHashTable *asks; /* those without an answer yet */
};

/* What one answer is for. A card may be gone when it comes. */
struct ask {
	struct desktops *desktops;
	char *id;
	gint64 asked_us;
	gint64 serial;
};

static void load_list(struct desktops *desktops);
static void watch(struct desktops *desktops, struct card *card);
static void update_columns(struct desktops *desktops);

static void ask_free(gpointer data)
{
	struct ask *ask = data;
	g_free(ask->id);
	g_free(ask);
}

static struct ask *ask_new(struct desktops *desktops, const char *id)
{
	struct ask *ask = g_new0(struct ask, 1);
	ask->desktops = desktops;
	ask->id = g_strdup(id);
	ask->asked_us = g_get_monotonic_time();
	g_hash_table_add(desktops->asks, ask);
	return ask;
}

/* The page may have been stopped by what the answer led to. */
static void ask_done(struct desktops *desktops, struct ask *ask)
{
	g_hash_table_remove(desktops->asks, ask);
}

static GtkFlowBoxChild *child_at(struct desktops *desktops, int index)
{
	return gtk_flow_box_get_child_at_index(GTK_FLOW_BOX(desktops->flow),
					       index);
}

static struct card *find(struct desktops *desktops, const char *id,
			 const char *pool)
{
	GtkFlowBoxChild *child;
	for (int i = 0; (child = child_at(desktops, i)); i++) {
		struct card *card = card_of(GTK_WIDGET(child));
		const struct desktop *desktop = card_desktop(card);
		if (id && desktop->id ? strcmp(id, desktop->id) == 0
				      : pool && !desktop->id &&
					    g_strcmp0(pool, desktop->pool) == 0)
			return card;
	}
	return NULL;
}

static void show_banner(struct desktops *desktops, const GError *error)
{
	gtk_info_bar_set_revealed(GTK_INFO_BAR(desktops->banner),
				  error != NULL);
	if (!error)
		return;
	g_autofree char *cause = fault_cause(error);
	g_autofree char *text = g_strdup_printf("%s. Trying again…", cause);
	gtk_label_set_text(GTK_LABEL(desktops->banner_text), text);
}

static gboolean on_list_timer(gpointer data)
{
	struct desktops *desktops = data;
	desktops->list_timer = 0;
	load_list(desktops);
	return G_SOURCE_REMOVE;
}

static void list_later(struct desktops *desktops, unsigned seconds)
{
	g_clear_handle_id(&desktops->list_timer, g_source_remove);
	desktops->list_timer =
	    g_timeout_add_seconds(seconds, on_list_timer, desktops);
}

/* TRUE when the error ends the page. */
static gboolean check_lost(struct desktops *desktops, unsigned status,
			   const GError *error)
{
	if (!error || (status != 401 && status != 403))
		return FALSE;
	desktops_stop(desktops);
	desktops->handlers->lost(error, desktops->data);
	return TRUE;
}

static void on_watched(const struct api_answer *answer, const GError *error,
		       void *data)
{
	struct ask *ask = data;
	struct desktops *desktops = ask->desktops;
	struct card *card = find(desktops, ask->id, NULL);
	gint64 took_us = g_get_monotonic_time() - ask->asked_us;
	gint64 serial = ask->serial;
	desktops->watches--;
	if (card)
		g_object_set_data(G_OBJECT(card_widget(card)), "watched", NULL);
	struct desktop *desktop =
	    error ? NULL : desktop_from_json(answer->json);
	if (desktop && g_strcmp0(desktop->id, ask->id) != 0)
		g_clear_pointer(&desktop, desktop_free);
	ask_done(desktops, ask);
	if (check_lost(desktops, answer->status, error))
		return;
	/* a server that does not hold the question must not be hammered */
	gboolean hasty =
	    desktop && desktop->serial == serial && took_us < G_USEC_PER_SEC;
	if (!desktop || hasty)
		list_later(desktops, LIST_RETRY_S);
	if (desktop && card) {
		card_update(card, g_steal_pointer(&desktop));
		if (!hasty)
			watch(desktops, card);
	}
	desktop_free(desktop);
}

static void watch(struct desktops *desktops, struct card *card)
{
	const struct desktop *desktop = card_desktop(card);
	g_autofree char *base =
	    desktop->id ? api_desktop_path(desktop->id, NULL) : NULL;
	if (!base || desktops->watches >= WATCHES_MAX)
		return;
	g_object_set_data(G_OBJECT(card_widget(card)), "watched",
			  GINT_TO_POINTER(TRUE));
	g_autofree char *path =
	    g_strdup_printf("%s?wait=%" G_GINT64_FORMAT, base, desktop->serial);
	desktops->watches++;
	struct ask *ask = ask_new(desktops, desktop->id);
	ask->serial = desktop->serial;
	api_call(desktops->api, "GET", path, NULL, desktops->cancellable,
		 on_watched, ask);
}

static void on_pixels(const struct api_answer *answer, const GError *error,
		      void *data)
{
	struct ask *ask = data;
	struct card *card = find(ask->desktops, ask->id, NULL);
	if (!error && answer->bytes && card &&
	    card_desktop(card)->state == DESKTOP_RUNNING) {
		g_autoptr(GdkPixbufLoader) loader =
		    gdk_pixbuf_loader_new_with_type("png", NULL);
		if (loader &&
		    gdk_pixbuf_loader_write_bytes(loader, answer->bytes,
						  NULL) &&
		    gdk_pixbuf_loader_close(loader, NULL)) {
			GdkPixbuf *pixbuf =
			    gdk_pixbuf_loader_get_pixbuf(loader);
			if (pixbuf && gdk_pixbuf_get_width(pixbuf) <= 4096)
				card_set_picture(card, pixbuf);
		} else if (loader) {
			gdk_pixbuf_loader_close(loader, NULL);
		}
	}
	ask_done(ask->desktops, ask);
}

static void fetch_picture(struct desktops *desktops, struct card *card)
{
	const struct desktop *desktop = card_desktop(card);
	if (desktop->state != DESKTOP_RUNNING)
		return;
	GtkWidget *widget = card_widget(card);
	g_autofree char *base = api_desktop_path(desktop->id, "picture");
	if (!base)
		return;
	g_autofree char *path = g_strdup_printf(
	    "%s?width=%d", base, 320 * gtk_widget_get_scale_factor(widget));
	api_call(desktops->api, "GET", path, NULL, desktops->cancellable,
		 on_pixels, ask_new(desktops, desktop->id));
}

static gboolean on_pictures(gpointer data)
{
	struct desktops *desktops = data;
	GtkWidget *top = gtk_widget_get_toplevel(desktops->stack);
	if (!gtk_widget_get_mapped(desktops->stack) || !GTK_IS_WINDOW(top) ||
	    !gtk_window_is_active(GTK_WINDOW(top)))
		return G_SOURCE_CONTINUE;
	GtkFlowBoxChild *child;
	for (int i = 0; (child = child_at(desktops, i)) && i < 24; i++)
		fetch_picture(desktops, card_of(GTK_WIDGET(child)));
	return G_SOURCE_CONTINUE;
}

static void on_acted(const struct api_answer *answer, const GError *error,
		     void *data)
{
	struct ask *ask = data;
	struct desktops *desktops = ask->desktops;
	struct card *card = find(desktops, ask->id, ask->id);
	ask_done(desktops, ask);
	if (check_lost(desktops, answer->status == 401 ? 401 : 0, error))
		return;
	if (card)
		card_set_error(card, error);
	list_later(desktops, 1);
}

static gboolean confirm(struct desktops *desktops,
			const struct desktop *desktop, const char *verb)
{
	static const struct {
		const char *verb, *what, *text, *back, *button;
	} dangers[] = {
	    {"shutdown", "Shut down",
	     "Programs are asked to end. What they have not saved may be "
	     "lost.",
	     "_Cancel", "_Shut Down"},
	    {"off", "Turn off",
	     "It ends at once, as if the plug were pulled. Everything that "
	     "is not saved is lost.",
	     "_Cancel", "_Turn Off"},
	    {"finish", "Finish the installation on",
	     "It is turned off, and what is on its disk becomes the image.",
	     "_Cancel", "_Finish"},
	    {"cancel", "Cancel the installation on",
	     "It is turned off, and what is on its disk is thrown away.",
	     "_Go On Installing", "_Cancel Installation"},
	    {"reset", "Reset",
	     "It starts anew at once. Everything that is not saved is "
	     "lost.",
	     "_Cancel", "_Reset"},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(dangers); i++) {
		if (strcmp(dangers[i].verb, verb) != 0)
			continue;
		GtkWidget *dialog = gtk_message_dialog_new(
		    GTK_WINDOW(gtk_widget_get_toplevel(desktops->stack)),
		    GTK_DIALOG_MODAL | GTK_DIALOG_DESTROY_WITH_PARENT,
		    GTK_MESSAGE_WARNING, GTK_BUTTONS_NONE, NULL);
		g_autofree char *title =
		    g_strdup_printf("%s “%s”?", dangers[i].what, desktop->name);
		g_object_set(dialog, "title", title, "text", title,
			     "secondary-text", dangers[i].text, NULL);
		gtk_dialog_add_button(GTK_DIALOG(dialog), dangers[i].back,
				      GTK_RESPONSE_CANCEL);
		GtkWidget *go = gtk_dialog_add_button(
		    GTK_DIALOG(dialog), dangers[i].button, GTK_RESPONSE_ACCEPT);
		gtk_style_context_add_class(gtk_widget_get_style_context(go),
					    "destructive-action");
		gtk_dialog_set_default_response(GTK_DIALOG(dialog),
						GTK_RESPONSE_CANCEL);
		int response = gtk_dialog_run(GTK_DIALOG(dialog));
		gtk_widget_destroy(dialog);
		return response == GTK_RESPONSE_ACCEPT;
	}
	return TRUE;
}

/* Its applications' windows are another program's, which lives as long as they
 * do: this one's again, with this one's session, handed over by a pipe. */
static void choose_applications(struct desktops *desktops, struct card *card)
{
	const struct desktop *desktop = card_desktop(card);
	const struct api *api = desktops->api;
	g_autoptr(GError) error = NULL;
	if (!desktop->pool || !api)
		return;
	const struct server_url at = {.host = (char *)api_host(api),
				      .port = api_port(api)};
	g_autofree char *key = server_url_key(&at);
	g_autofree char *url =
	    g_strdup_printf("https://%s/%s", key, desktop->pool);
	g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
	const char *fingerprint = api_fingerprint(api);
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	g_ptr_array_add(words, program ? program : (char *)"oriel-client");
	g_ptr_array_add(words, (char *)"run");
	g_ptr_array_add(words, (char *)"--choose");
	g_ptr_array_add(words, (char *)"--user");
	g_ptr_array_add(words, (char *)api_user(api));
	if (fingerprint) {
		g_ptr_array_add(words, (char *)"--trust-fingerprint");
		g_ptr_array_add(words, (char *)fingerprint);
	}
	const char *session = api_session(api);
	int fd = -1;
	if (session) {
		g_ptr_array_add(words, (char *)"--session-file");
		g_ptr_array_add(words, (char *)"-");
	}
	g_ptr_array_add(words, url);
	g_ptr_array_add(words, NULL);
	if (g_spawn_async_with_pipes(
		NULL, (char **)words->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL,
		NULL, NULL, session ? &fd : NULL, NULL, NULL, &error) &&
	    session) {
		/* less than a pipe holds; and a child that has died already
		 * is no reason for us to */
		void (*before)(int) = signal(SIGPIPE, SIG_IGN);
		size_t length = strlen(session);
		if (write(fd, session, length) != (ssize_t)length)
			log_info(NULL, "The session was not handed over: %s",
				 g_strerror(errno));
		signal(SIGPIPE, before);
		close(fd);
	}
	card_set_error(card, error);
}

/* Where a verb is asked for, and how; NULL where it makes no sense. */
static char *path_of(const char *verb, const char *id, const char *pool,
		     const char *install, const char *task, const char **method)
{
	gboolean finish = strcmp(verb, "finish") == 0;
	gboolean cancel = strcmp(verb, "cancel") == 0;
	const char *name = finish ? install : cancel ? task : pool;
	g_autofree char *safe =
	    name ? g_uri_escape_string(name, NULL, FALSE) : NULL;
	*method = cancel ? "DELETE" : "POST";
	if (!finish && !cancel && id)
		return api_desktop_path(id, verb);
	if (!safe)
		return NULL;
	return finish   ? g_strdup_printf("/images/%s/finish", safe)
	       : cancel ? g_strdup_printf("/tasks/%s", safe)
			: g_strdup_printf("/pools/%s/desktop", safe);
}

static void on_card_action(struct card *card, const char *verb, void *data)
{
	struct desktops *desktops = data;
	const struct desktop *desktop = card_desktop(card);
	if (strcmp(verb, "open") == 0) {
		card_set_error(card, NULL);
		desktops->handlers->open(desktop, desktops->data);
		return;
	}
	if (strcmp(verb, "applications") == 0) {
		events_emit("action", "{s:s}", "verb", verb);
		choose_applications(desktops, card);
		return;
	}
	/* the question may outlive the card */
	g_autofree char *id = g_strdup(desktop->id);
	g_autofree char *pool = g_strdup(desktop->pool);
	g_autofree char *install = g_strdup(desktop->install);
	g_autofree char *task = g_strdup(desktop->install_task);
	if (!confirm(desktops, desktop, verb) || !desktops->api)
		return;
	const char *method = NULL;
	g_autofree char *path = path_of(verb, id, pool, install, task, &method);
	if (!path)
		return;
	events_emit("action", "{s:s}", "verb", verb);
	api_call(desktops->api, method, path, NULL, desktops->cancellable,
		 on_acted, ask_new(desktops, id ? id : pool));
}

/* Cards are kept, so that focus and pictures stay where they are. */
static void merge(struct desktops *desktops, json_t *list)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	gsize index;
	json_t *value;
	json_array_foreach(list, index, value)
	{
		if (index >= CARDS_MAX)
			break;
		struct desktop *desktop = desktop_from_json(value);
		if (!desktop)
			continue;
		struct card *card = find(desktops, desktop->id, desktop->pool);
		/* a pool that had none may have one now */
		if (!card && desktop->id)
			card = find(desktops, NULL, desktop->pool);
		gboolean fresh = !card;
		if (fresh) {
			card = card_new(desktop, on_card_action, desktops);
			gtk_container_add(GTK_CONTAINER(desktops->flow),
					  card_widget(card));
		} else {
			card_update(card, desktop);
		}
		g_hash_table_add(seen, card);
		/* also takes up those whose watch failed */
		if (fresh ||
		    !g_object_get_data(G_OBJECT(card_widget(card)), "watched"))
			watch(desktops, card);
		if (fresh)
			fetch_picture(desktops, card);
	}
	GtkFlowBoxChild *child;
	for (int i = 0; (child = child_at(desktops, i));) {
		if (g_hash_table_contains(seen, card_of(GTK_WIDGET(child))))
			i++;
		else
			gtk_widget_destroy(GTK_WIDGET(child));
	}
	update_columns(desktops);
	gtk_stack_set_visible_child_name(GTK_STACK(desktops->stack),
					 child_at(desktops, 0) ? "list"
							       : "empty");
}

static void on_list(const struct api_answer *answer, const GError *error,
		    void *data)
{
	struct desktops *desktops = data;
	if (check_lost(desktops, answer->status, error))
		return;
	show_banner(desktops, error);
	list_later(desktops, error ? LIST_RETRY_S : LIST_EVERY_S);
	if (error)
		return;
	json_t *list = json_object_get(answer->json, "desktops");
	merge(desktops, list);
	if (!desktops->loaded) {
		unsigned count = 0;
		while (child_at(desktops, (int)count))
			count++;
		desktops->loaded = TRUE;
		events_emit("desktops", "{s:i}", "count", (int)count);
		desktops->handlers->loaded(count, desktops->data);
	}
}

static void load_list(struct desktops *desktops)
{
	api_call(desktops->api, "GET", "/desktops", NULL, desktops->cancellable,
		 on_list, desktops);
}

static void on_activated(GtkFlowBox *flow, GtkFlowBoxChild *child,
			 struct desktops *desktops)
{
	on_card_action(card_of(GTK_WIDGET(child)), "open", desktops);
}

static gboolean on_key(GtkWidget *widget, GdkEventKey *event,
		       struct desktops *desktops)
{
	gboolean menu_key =
	    event->keyval == GDK_KEY_Menu ||
	    (event->keyval == GDK_KEY_F10 &&
	     (event->state & gtk_accelerator_get_default_mod_mask()) ==
		 GDK_SHIFT_MASK);
	GList *selected =
	    gtk_flow_box_get_selected_children(GTK_FLOW_BOX(desktops->flow));
	gboolean used = menu_key && selected;
	if (used)
		card_popup_menu(card_of(selected->data));
	g_list_free(selected);
	return used;
}

static void on_destroy(GtkWidget *widget, struct desktops *desktops)
{
	desktops_stop(desktops);
	g_clear_handle_id(&desktops->columns_idle, g_source_remove);
	g_hash_table_unref(desktops->asks);
	g_free(desktops);
}

/* As many columns as fit, and the whole grid in the middle: a flow box of
 * natural size would be one column wide. */
static gboolean on_columns(gpointer data)
{
	struct desktops *desktops = data;
	GtkFlowBox *flow = GTK_FLOW_BOX(desktops->flow);
	GtkFlowBoxChild *first = child_at(desktops, 0);
	unsigned count = 0;
	desktops->columns_idle = 0;
	if (!first)
		return G_SOURCE_REMOVE;
	while (child_at(desktops, (int)count))
		count++;
	int card = 0;
	gtk_widget_get_preferred_width(GTK_WIDGET(first), &card, NULL);
	int width =
	    gtk_widget_get_allocated_width(desktops->stack) - 2 * MARGIN;
	unsigned columns =
	    (unsigned)MAX(1, (width + SPACING) / (MAX(card, 1) + SPACING));
	columns = MIN(columns, count);
	gtk_flow_box_set_min_children_per_line(flow, columns);
	gtk_flow_box_set_max_children_per_line(flow, columns);
	return G_SOURCE_REMOVE;
}

static void update_columns(struct desktops *desktops)
{
	if (!desktops->columns_idle)
		desktops->columns_idle = g_idle_add(on_columns, desktops);
}

static void on_allocate(GtkWidget *widget, GdkRectangle *allocation,
			struct desktops *desktops)
{
	if (allocation->width == desktops->width)
		return;
	desktops->width = allocation->width;
	update_columns(desktops);
}

static GtkWidget *build_empty(void)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
	gtk_widget_set_halign(box, GTK_ALIGN_CENTER);
	gtk_widget_set_valign(box, GTK_ALIGN_CENTER);
	g_object_set(box, "margin", 24, NULL);
	GtkWidget *icon = gtk_image_new_from_icon_name("oriel-symbolic",
						       GTK_ICON_SIZE_DIALOG);
	gtk_image_set_pixel_size(GTK_IMAGE(icon), 96);
	gtk_style_context_add_class(gtk_widget_get_style_context(icon),
				    "dim-label");
	GtkWidget *title = gtk_label_new("No desktops for you yet");
	gtk_style_context_add_class(gtk_widget_get_style_context(title),
				    "notice-title");
	GtkWidget *text = gtk_label_new(
	    "An administrator can add you to a pool of desktops. They "
	    "appear here by themselves.");
	gtk_label_set_line_wrap(GTK_LABEL(text), TRUE);
	gtk_label_set_max_width_chars(GTK_LABEL(text), 40);
	gtk_label_set_justify(GTK_LABEL(text), GTK_JUSTIFY_CENTER);
	gtk_container_add(GTK_CONTAINER(box), icon);
	gtk_container_add(GTK_CONTAINER(box), title);
	gtk_container_add(GTK_CONTAINER(box), text);
	return box;
}

static GtkWidget *build_loading(void)
{
	GtkWidget *spinner = gtk_spinner_new();
	gtk_widget_set_size_request(spinner, 32, 32);
	gtk_widget_set_halign(spinner, GTK_ALIGN_CENTER);
	gtk_widget_set_valign(spinner, GTK_ALIGN_CENTER);
	gtk_spinner_start(GTK_SPINNER(spinner));
	return spinner;
}

static GtkWidget *build_list(struct desktops *desktops)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
	desktops->banner = gtk_info_bar_new();
	gtk_info_bar_set_message_type(GTK_INFO_BAR(desktops->banner),
				      GTK_MESSAGE_WARNING);
	gtk_info_bar_set_revealed(GTK_INFO_BAR(desktops->banner), FALSE);
	desktops->banner_text = gtk_label_new(NULL);
	gtk_label_set_line_wrap(GTK_LABEL(desktops->banner_text), TRUE);
	gtk_container_add(GTK_CONTAINER(gtk_info_bar_get_content_area(
			      GTK_INFO_BAR(desktops->banner))),
			  desktops->banner_text);
	desktops->flow = gtk_flow_box_new();
	GtkFlowBox *flow = GTK_FLOW_BOX(desktops->flow);
	gtk_flow_box_set_selection_mode(flow, GTK_SELECTION_BROWSE);
	gtk_flow_box_set_activate_on_single_click(flow, FALSE);
	gtk_flow_box_set_homogeneous(flow, FALSE);
	gtk_flow_box_set_column_spacing(flow, SPACING);
	gtk_flow_box_set_row_spacing(flow, SPACING);
	gtk_widget_set_valign(desktops->flow, GTK_ALIGN_START);
	gtk_widget_set_halign(desktops->flow, GTK_ALIGN_CENTER);
	g_object_set(flow, "margin", MARGIN, NULL);
	atk_object_set_name(gtk_widget_get_accessible(desktops->flow),
			    "Your desktops");
	g_signal_connect(flow, "child-activated", G_CALLBACK(on_activated),
			 desktops);
	g_signal_connect(flow, "key-press-event", G_CALLBACK(on_key), desktops);
	GtkWidget *scroller = gtk_scrolled_window_new(NULL, NULL);
	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scroller),
				       GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
	gtk_container_add(GTK_CONTAINER(scroller), desktops->flow);
	gtk_box_pack_start(GTK_BOX(box), desktops->banner, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(box), scroller, TRUE, TRUE, 0);
	return box;
}

struct desktops *desktops_new(const struct desktops_handlers *handlers,
			      void *data)
{
	struct desktops *desktops = g_new0(struct desktops, 1);
	desktops->handlers = handlers;
	desktops->data = data;
	desktops->asks = g_hash_table_new_full(NULL, NULL, ask_free, NULL);
	desktops->stack = gtk_stack_new();
	gtk_stack_add_named(GTK_STACK(desktops->stack), build_loading(),
			    "loading");
	gtk_stack_add_named(GTK_STACK(desktops->stack), build_list(desktops),
			    "list");
	gtk_stack_add_named(GTK_STACK(desktops->stack), build_empty(), "empty");
	g_signal_connect(desktops->stack, "destroy", G_CALLBACK(on_destroy),
			 desktops);
	g_signal_connect(desktops->stack, "size-allocate",
			 G_CALLBACK(on_allocate), desktops);
	return desktops;
}

GtkWidget *desktops_widget(struct desktops *desktops)
{
	return desktops->stack;
}

void desktops_start(struct desktops *desktops, struct api *api)
{
	desktops_stop(desktops);
	GtkFlowBoxChild *child;
	while ((child = child_at(desktops, 0)))
		gtk_widget_destroy(GTK_WIDGET(child));
	desktops->api = api_ref(api);
	desktops->cancellable = g_cancellable_new();
	desktops->watches = 0;
	desktops->loaded = FALSE;
	show_banner(desktops, NULL);
	gtk_stack_set_visible_child_name(GTK_STACK(desktops->stack), "loading");
	load_list(desktops);
	desktops->picture_timer =
	    g_timeout_add_seconds(PICTURE_EVERY_S, on_pictures, desktops);
}

void desktops_stop(struct desktops *desktops)
{
	g_cancellable_cancel(desktops->cancellable);
	g_clear_object(&desktops->cancellable);
	/* cancelled questions are never answered */
	g_hash_table_remove_all(desktops->asks);
	g_clear_handle_id(&desktops->list_timer, g_source_remove);
	g_clear_handle_id(&desktops->picture_timer, g_source_remove);
	g_clear_pointer(&desktops->api, api_unref);
}

const struct desktop *desktops_get(struct desktops *desktops, unsigned index)
{
	GtkFlowBoxChild *child = child_at(desktops, (int)index);
	return child ? card_desktop(card_of(GTK_WIDGET(child))) : NULL;
}

void desktops_focus(struct desktops *desktops)
{
	GtkFlowBoxChild *child = child_at(desktops, 0);
	if (!child)
		return;
	gtk_flow_box_select_child(GTK_FLOW_BOX(desktops->flow), child);
	gtk_widget_grab_focus(GTK_WIDGET(child));
}
