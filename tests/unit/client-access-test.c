/* What a screen reader is told: everything that can be reached by the keyboard
 * has a name and a role, and no key of a window's leads to two places. On an
 * X server of its own. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/certificate-dialog.h"
#include "client/desktop-menu.h"
#include "client/folder-panel.h"
#include "client/notice.h"
#include "client/signin.h"
#include "client/usb-panel.h"

/* fontconfig keeps what it read to the end, where nobody frees it */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libfontconfig.so";
}

static unsigned met; /* things looked at in this window */

static gboolean has_name(AtkObject *object)
{
	const char *name = atk_object_get_name(object);
	if (name && *name)
		return TRUE;
	AtkRelationSet *set = atk_object_ref_relation_set(object);
	AtkRelation *by = atk_relation_set_get_relation_by_type(
	    set, ATK_RELATION_LABELLED_BY);
	GPtrArray *targets = by ? atk_relation_get_target(by) : NULL;
	gboolean named = FALSE;
	for (guint i = 0; targets && i < targets->len; i++) {
		name = atk_object_get_name(targets->pdata[i]);
		named |= name && *name;
	}
	g_object_unref(set);
	return named;
}

static void look(GtkWidget *widget, gpointer mnemonics)
{
	if (!gtk_widget_get_visible(widget) ||
	    !gtk_widget_get_child_visible(widget))
		return; /* or another page of a menu */
	AtkObject *object = gtk_widget_get_accessible(widget);
	/* what only holds others, or is reached by them, needs no name */
	gboolean holds = (GTK_IS_CONTAINER(widget) && !GTK_IS_BUTTON(widget) &&
			  !GTK_IS_LIST_BOX_ROW(widget)) ||
			 GTK_IS_COMBO_BOX(widget) || GTK_IS_LABEL(widget) ||
			 (GTK_IS_BUTTON(widget) &&
			  gtk_widget_get_ancestor(widget, GTK_TYPE_COMBO_BOX));
	if (gtk_widget_get_can_focus(widget) && !holds) {
		if (!has_name(object))
			g_error("a %s without a name",
				G_OBJECT_TYPE_NAME(widget));
		AtkRole role = atk_object_get_role(object);
		g_assert_cmpint(role, !=, ATK_ROLE_UNKNOWN);
		g_assert_cmpint(role, !=, ATK_ROLE_INVALID);
		met++;
	}
	if (GTK_IS_LABEL(widget)) {
		guint key = gtk_label_get_mnemonic_keyval(GTK_LABEL(widget));
		if (key != GDK_KEY_VoidSymbol &&
		    !g_hash_table_add(mnemonics, GUINT_TO_POINTER(key)))
			g_error("Alt+%c twice: '%s'", (int)key,
				gtk_label_get_text(GTK_LABEL(widget)));
	}
	if (GTK_IS_CONTAINER(widget))
		gtk_container_forall(GTK_CONTAINER(widget), look, mnemonics);
}

static void take_down(void)
{
	GList *windows = gtk_window_list_toplevels();
	g_list_foreach(windows, (GFunc)(void (*)(void))g_object_ref, NULL);
	for (GList *l = windows; l; l = l->next)
		gtk_widget_destroy(l->data);
	g_list_free_full(windows, g_object_unref);
}

static void look_once(void)
{
	while (gtk_events_pending())
		gtk_main_iteration();
	GList *windows = gtk_window_list_toplevels();
	met = 0;
	for (GList *l = windows; l; l = l->next) {
		if (!gtk_widget_get_visible(l->data))
			continue;
		GHashTable *mnemonics = g_hash_table_new(NULL, NULL);
		look(l->data, mnemonics);
		g_hash_table_unref(mnemonics);
	}
	g_list_free(windows);
}

/* All windows there are; some things are revealed only little by little. */
static void look_around(unsigned at_least)
{
	gint64 end = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
	for (look_once(); met < at_least && g_get_monotonic_time() < end;
	     look_once())
		g_usleep(20000);
	g_assert_cmpuint(met, >=, at_least);
}

static void look_at_windows(unsigned at_least)
{
	look_around(at_least);
	take_down();
}

static GtkWidget *window_with(GtkWidget *content)
{
	GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
	if (content)
		gtk_container_add(GTK_CONTAINER(window), content);
	gtk_widget_show_all(window);
	return window;
}

static struct servers *no_servers(void)
{
	g_autofree char *folder = g_dir_make_tmp("oriel-access-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "client.ini", NULL);
	struct servers *servers = servers_new(path);
	rmdir(folder);
	return servers;
}

static void on_submit(const char *server, const char *user,
		      const char *password, const char *code, void *data)
{
}

static void on_text(const char *text, void *data)
{
}

static void on_nothing(void *data)
{
}

static void test_sign_in(void)
{
	static const struct signin_handlers handlers = {on_submit, on_text,
							on_text, on_nothing};
	struct servers *servers = no_servers();
	struct signin *signin = signin_new(servers, &handlers, NULL);
	window_with(signin_widget(signin));
	look_at_windows(5); /* three entries, two buttons */
	signin = signin_new(servers, &handlers, NULL);
	window_with(signin_widget(signin));
	g_autoptr(GError) wanted = g_error_new_literal(
	    G_IO_ERROR, G_IO_ERROR_FAILED, "a code, please");
	const struct api_answer answer = {.status = 401, .needs_code = TRUE};
	signin_refused(signin, &answer, wanted);
	look_at_windows(3); /* the code, back, and on */
	servers_free(servers);
}

static enum session_share one_device(struct session *session,
				     GPtrArray *devices)
{
	struct session_usb_device *device =
	    g_new0(struct session_usb_device, 1);
	device->id = g_strdup("1-2");
	device->name = g_strdup("A stick");
	g_ptr_array_add(devices, device);
	return SESSION_SHARE_READY;
}

static void test_usb(void)
{
	static const struct session_ops ops = {.usb = one_device};
	struct session session = {&ops};
	GtkWidget *desktop = window_with(NULL);
	struct usb_panel *panel =
	    usb_panel_new(GTK_WINDOW(desktop), FALSE, on_text, NULL);
	usb_panel_set_session(panel, &session);
	usb_panel_open(panel);
	look_at_windows(2); /* the stick's line, and discs */
	usb_panel_free(panel);
}

static void test_folder(void)
{
	struct servers *servers = no_servers();
	GtkWidget *desktop = window_with(NULL);
	struct folder_panel *panel = folder_panel_new(
	    GTK_WINDOW(desktop), servers, "ada@desk/office", on_text, NULL);
	folder_panel_open(panel);
	look_at_windows(2);
	folder_panel_free(panel);
	servers_free(servers);
}

static void on_answered(gboolean trusted, void *data)
{
}

static void test_certificate(void)
{
	struct api_certificate refused = {
	    .verdict = TRUST_UNKNOWN,
	    .offered = (char *)"SHA256:00:11",
	    .flags = G_TLS_CERTIFICATE_UNKNOWN_CA,
	};
	GtkWidget *parent = window_with(NULL);
	certificate_dialog_show(GTK_WINDOW(parent), "desk.example", &refused,
				on_answered, NULL);
	look_at_windows(2);
}

static void test_notice(void)
{
	struct notice *notice = notice_new(NULL);
	window_with(notice_widget(notice));
	const struct notice_content content = {
	    .icon = "dialog-warning-symbolic",
	    .title = "The desktop was shut down",
	    .fraction = -1,
	    .primary = {"_Start Again", on_nothing},
	    .secondary = {"_Close", on_nothing},
	};
	notice_begin(notice);
	notice_show(notice, &content);
	look_around(2);
	notice_free(notice);
	take_down();
}

static void test_menu(void)
{
	GtkWidget *header = gtk_header_bar_new();
	desktop_menu_add(GTK_HEADER_BAR(header));
	window_with(header);
	desktop_menu_popup(header);
	look_at_windows(2);
}

/* Its process, and its number in DISPLAY; 0 without one. */
static pid_t start_screen(void)
{
	int numbers[2];
	char number[16] = "";
	if (pipe(numbers) < 0)
		return 0;
	pid_t pid = fork();
	if (pid == 0) {
		char fd[16];
		/* not ours any longer where the test ends early */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (!freopen("/dev/null", "w", stdout) ||
		    !freopen("/dev/null", "w", stderr))
			_exit(127);
		g_snprintf(fd, sizeof fd, "%d", numbers[1]);
		execlp("Xvfb", "Xvfb", "-displayfd", fd, "-screen", "0",
		       "1280x860x24", "-nolisten", "tcp", NULL);
		_exit(127);
	}
	close(numbers[1]);
	ssize_t length = read(numbers[0], number, sizeof number - 1);
	close(numbers[0]);
	if (length <= 0)
		return 0;
	g_autofree char *display = g_strdup_printf(":%s", g_strchomp(number));
	g_setenv("DISPLAY", display, TRUE);
	return pid;
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_setenv("GDK_BACKEND", "x11", TRUE);
	g_setenv("NO_AT_BRIDGE", "1", TRUE);
	g_setenv("GSETTINGS_BACKEND", "memory", TRUE);
	g_setenv("GTK_THEME", "Adwaita", TRUE);
	pid_t screen = start_screen();
	if (!screen || !gtk_init_check(&argc, &argv)) {
		g_print("1..0 # skip Xvfb is not installed\n");
		return 0;
	}
	g_test_add_func("/access/sign-in", test_sign_in);
	g_test_add_func("/access/usb", test_usb);
	g_test_add_func("/access/folder", test_folder);
	g_test_add_func("/access/certificate", test_certificate);
	g_test_add_func("/access/notice", test_notice);
	g_test_add_func("/access/menu", test_menu);
	int failed = g_test_run();
	kill(screen, SIGTERM);
	waitpid(screen, NULL, 0);
	return failed;
}
