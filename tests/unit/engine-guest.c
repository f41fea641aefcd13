#include "tests/unit/engine-guest.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/paths.h"

/* Machines are in sessions of their own: a test that aborts takes them along
 * itself. */
static pid_t running[16];

static void on_abort(int number)
{
	for (gsize i = 0; i < G_N_ELEMENTS(running); i++)
		if (running[i])
			kill(running[i], SIGKILL);
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void remember(pid_t pid)
{
	static gsize next;
	signal(SIGABRT, on_abort);
	running[next++ % G_N_ELEMENTS(running)] = pid;
}

static char *guest_files; /* folder with vmlinux and initrd */

gboolean guest_available(void)
{
	g_autoptr(GError) error = NULL;
	if (!engine_choose("qemu", &error)) {
		g_test_skip(error->message);
		return FALSE;
	}
	if (guest_files)
		return TRUE;
	g_autofree char *make = g_test_build_filename(
	    G_TEST_DIST, "tests/guests/busybox/make", NULL);
	char *argv[] = {make, NULL};
	int status = 0;
	g_autofree char *err = NULL;
	g_assert_true(g_spawn_sync(NULL, argv, NULL, 0, NULL, NULL,
				   &guest_files, &err, &status, &error));
	if (status) {
		g_autofree char *why =
		    g_strdup_printf("the test guest cannot be made: %s", err);
		g_test_skip(why);
		g_clear_pointer(&guest_files, g_free);
		return FALSE;
	}
	g_strstrip(guest_files);
	return TRUE;
}

static void run(const char *command, const char *a, const char *b)
{
	const char *argv[] = {"sh", "-c", command, "sh", a, b, NULL};
	int status = 0;
	g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL,
				   G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
				   &status, NULL));
	g_assert_cmpint(status, ==, 0);
}

static void make_folders(struct guest *self, const char *id)
{
	self->folder = g_build_filename(self->top, id, "lib", NULL);
	self->run_dir = g_build_filename(self->top, id, "run", NULL);
	self->disk = g_build_filename(self->folder, "disk.qcow2", NULL);
	g_assert_cmpint(g_mkdir_with_parents(self->folder, 0700), ==, 0);
	g_assert_cmpint(g_mkdir_with_parents(self->run_dir, 0700), ==, 0);
	self->kernel = g_build_filename(guest_files, "vmlinux", NULL);
	self->initrd = g_build_filename(guest_files, "initrd", NULL);
	self->seen = g_string_new(NULL);
	self->agent = -1;
	self->spec = (struct engine_spec){
	    .id = id,
	    .name = "Test, with a comma",
	    .folder = self->folder,
	    .run_dir = self->run_dir,
	    .cpus = 1,
	    .memory_mib = 192,
	    .heads = 2,
	    .disk = self->disk,
	    .kernel = self->kernel,
	    .initrd = self->initrd,
	    .cmdline = "console=ttyS0 quiet",
	    .mac = "52:54:00:0a:0b:01",
	    .network = TRUE,
	};
}

void guest_init(struct guest *self, const char *id)
{
	*self = (struct guest){.engine = engine_choose("qemu", NULL)};
	self->top = g_dir_make_tmp("oriel-engine-XXXXXX", NULL);
	make_folders(self, id);
	/* a comma and a colon in the path are nothing special */
	self->template_dir = g_build_filename(self->top, "t,1:a", NULL);
	g_assert_cmpint(g_mkdir(self->template_dir, 0700), ==, 0);
	g_autofree char *base = g_build_filename(self->top, "base.img", NULL);
	run("truncate -s 64M \"$1\"", base, "");
	g_autoptr(GError) error = NULL;
	engine_overlay_create(base, self->disk, &error);
	g_assert_no_error(error);
}

void guest_init_bare(struct guest *self, const char *id)
{
	if (!guest_files)
		guest_files = g_strdup("/nonexistent");
	*self = (struct guest){0};
	self->top = g_dir_make_tmp("oriel-engine-XXXXXX", NULL);
	make_folders(self, id);
	self->template_dir = g_build_filename(self->top, "template", NULL);
	g_assert_cmpint(g_mkdir(self->template_dir, 0700), ==, 0);
}

void guest_init_beside(struct guest *self, struct guest *of, const char *id)
{
	*self = (struct guest){.engine = of->engine};
	self->top = g_strdup(of->top);
	make_folders(self, id);
	self->template_dir = g_strdup(of->template_dir);
}

void guest_hang_up(struct guest *self)
{
	if (self->agent >= 0)
		close(self->agent);
	self->agent = -1;
}

void guest_finish(struct guest *self)
{
	if (self->machine)
		guest_do(self, engine_machine_kill_async, NULL);
	engine_machine_unref(self->machine);
	guest_hang_up(self);
	/* the last of several takes the folder along */
	run("rm -rf \"$1\"/* && rmdir \"$1\" 2>/dev/null; true", self->top, "");
	g_string_free(self->seen, TRUE);
	g_free(self->why);
	g_free(self->top);
	g_free(self->folder);
	g_free(self->run_dir);
	g_free(self->disk);
	g_free(self->template_dir);
	g_free(self->kernel);
	g_free(self->initrd);
}

gboolean guest_left_nothing(struct guest *guest)
{
	g_autoptr(GDir) dir = g_dir_open(guest->run_dir, 0, NULL);
	const char *left = dir ? g_dir_read_name(dir) : NULL;
	if (left)
		g_test_message("left in the run folder: %s", left);
	return !left;
}

/* ---- calls that wait ---- */

static void on_result(GObject *source, GAsyncResult *result, void *data)
{
	*(GAsyncResult **)data = g_object_ref(result);
}

static void await(GAsyncResult **result)
{
	while (!*result)
		g_main_context_iteration(NULL, TRUE);
}

static const char *const states[] = {"starting", "running", "paused", "stuck",
				     "gone"};
static const char *const ends[] = {"none", "guest", "host", "panic", "died"};

static void on_changed(struct engine_machine *machine, enum engine_state state,
		       enum engine_end end, const GError *why, void *data)
{
	struct guest *self = data;
	g_string_append(self->seen, states[state]);
	if (state == ENGINE_GONE)
		g_string_append_printf(self->seen, "/%s", ends[end]);
	g_string_append_c(self->seen, ';');
	if (why) {
		g_free(self->why);
		self->why = g_strdup(why->message);
	}
}

void guest_watch(struct guest *self)
{
	engine_machine_watch(self->machine, on_changed, self);
}

gboolean guest_start(struct guest *self, enum guest_way way, GError **error)
{
	g_autoptr(GAsyncResult) result = NULL;
	g_clear_pointer(&self->machine, engine_machine_unref);
	guest_hang_up(self);
	if (way == GUEST_BOOT)
		engine_start_async(self->engine, &self->spec, NULL, on_result,
				   &result);
	else if (way == GUEST_TEMPLATE)
		engine_start_template_async(self->engine, &self->spec,
					    self->template_dir, NULL, on_result,
					    &result);
	else if (way == GUEST_CLONE)
		engine_clone_async(self->engine, &self->spec,
				   self->template_dir, NULL, on_result,
				   &result);
	else
		engine_adopt_async(self->engine, &self->spec, NULL, on_result,
				   &result);
	await(&result);
	self->machine = engine_start_finish(result, error);
	if (self->machine) {
		remember(engine_machine_pid(self->machine));
		guest_watch(self);
	}
	return self->machine != NULL;
}

gboolean guest_do(struct guest *self, guest_act act, GError **error)
{
	g_autoptr(GAsyncResult) result = NULL;
	act(self->machine, on_result, &result);
	await(&result);
	return engine_machine_act_finish(self->machine, result, error);
}

gboolean guest_freeze(struct guest *self, GError **error)
{
	g_autoptr(GAsyncResult) result = NULL;
	engine_machine_freeze_async(self->machine, NULL, on_result, &result);
	await(&result);
	return engine_machine_act_finish(self->machine, result, error);
}

int guest_display(struct guest *self, GError **error)
{
	g_autoptr(GAsyncResult) result = NULL;
	engine_machine_display_async(self->machine, on_result, &result);
	await(&result);
	return engine_machine_display_finish(self->machine, result, error);
}

void guest_spin(unsigned ms)
{
	gint64 end = g_get_monotonic_time() + (gint64)ms * 1000;
	while (g_get_monotonic_time() < end)
		if (!g_main_context_iteration(NULL, FALSE))
			g_usleep(1000);
}

gboolean guest_wait(struct guest *self, const char *part, unsigned ms)
{
	gint64 end = g_get_monotonic_time() + (gint64)ms * 1000;
	while (!strstr(self->seen->str, part) && g_get_monotonic_time() < end)
		guest_spin(5);
	return strstr(self->seen->str, part) != NULL;
}

/* ---- the guest's shell ---- */

char *guest_sh(struct guest *self, int *status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *line = g_strdup_vprintf(format, args);
	va_end(args);
	if (self->agent < 0)
		self->agent = paths_unix_connect(
		    engine_machine_agent_path(self->machine), NULL);
	g_assert_cmpint(self->agent, >=, 0);
	g_autofree char *out = g_strconcat(line, "\n", NULL);
	gsize length = strlen(out);
	g_assert_cmpint(send(self->agent, out, length, MSG_NOSIGNAL), ==,
			(gssize)length);
	g_autoptr(GString) text = g_string_new(NULL);
	gint64 end = g_get_monotonic_time() + 100 * G_USEC_PER_SEC;
	for (;;) {
		char bytes[4096];
		ssize_t got = read(self->agent, bytes, sizeof bytes);
		if (got > 0)
			g_string_append_len(text, bytes, got);
		g_assert_cmpint(got, !=, 0);
		/* "...\n=STATUS\n" */
		char *mark = NULL;
		if (g_str_has_suffix(text->str, "\n")) {
			text->str[text->len - 1] = 0;
			mark = strrchr(text->str, '\n');
			text->str[text->len - 1] = '\n';
		}
		if (mark && mark[1] == '=') {
			if (status)
				*status = atoi(mark + 2);
			return g_strndup(text->str, (gsize)(mark - text->str));
		}
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		guest_spin(2);
	}
}
