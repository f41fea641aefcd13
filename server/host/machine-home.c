/* A home in a machine that runs: plugged as a disk, entered and left by the
 * image's /usr/lib/oriel/home (docs/machine.md). */
#include "server/host/machine-private.h"

#include <string.h>

#include "common/fault.h"
#include "server/host/homes.h"

#define SERIAL "oriel-home"
/* a session begins anew in it, on a busy host under emulation */
#define ENTER_MS 120000
#define LEAVE_MS 40000

const struct paths_root *machine_root(const struct machine *self)
{
	return self->world->root;
}

gboolean machine_is_on(const struct machine *self)
{
	return self->life != LIFE_OFF && self->life != LIFE_FAILED;
}

struct visit {
	struct machine *machine;
	struct engine_machine *vm;
	struct qga *qga;
	machine_home_done done; /* of entering */
	machine_home_left left; /* of leaving */
	void *data;
};

static struct visit *visit_new(struct machine *self)
{
	struct visit *visit = g_new0(struct visit, 1);
	visit->machine = machine_ref(self);
	visit->vm = engine_machine_ref(self->vm);
	visit->qga = qga_ref(self->qga);
	return visit;
}

static void visit_free(struct visit *visit)
{
	machine_unref(visit->machine);
	engine_machine_unref(visit->vm);
	qga_unref(visit->qga);
	g_free(visit);
}

static void script(struct visit *visit, const char *word, unsigned patience_ms,
		   GAsyncReadyCallback callback)
{
	const char *const argv[] = {"/usr/lib/oriel/home", word, NULL};
	qga_exec_async(visit->qga, argv, NULL, patience_ms, NULL, callback,
		       visit);
}

static GError *said(struct visit *visit, GAsyncResult *result, const char *what)
{
	GError *error = NULL;
	g_autoptr(GBytes) err = NULL;
	int status = 0;
	if (!qga_exec_finish(visit->qga, result, &status, NULL, &err, &error))
		return error;
	if (status == 0)
		return NULL;
	gsize size;
	const char *text = g_bytes_get_data(err, &size);
	g_autofree char *words = log_quote(text, MIN(size, 300));
	return fault_new(FAULT_UNAVAILABLE,
			 "Look at the desktop's journal; an image without "
			 "/usr/lib/oriel/home has to be built again.",
			 "The guest could not %s the home (status %d): %s.",
			 what, status, words);
}

static void on_entered(GObject *source, GAsyncResult *result, void *data)
{
	struct visit *visit = data;
	g_autoptr(GError) error = said(visit, result, "enter");
	visit->done(error, visit->data);
	visit_free(visit);
}

static void on_plugged(GObject *source, GAsyncResult *result, void *data)
{
	struct visit *visit = data;
	g_autoptr(GError) error = NULL;
	if (engine_machine_act_finish(visit->vm, result, &error) ||
	    /* by us, whose answer the broker did not hear */
	    strstr(error->message, "Duplicate nodes")) {
		script(visit, "enter", ENTER_MS, on_entered);
		return;
	}
	visit->done(error, visit->data);
	visit_free(visit);
}

void machine_home_enter(struct machine *self, const char *disk,
			machine_home_done done, void *data)
{
	if (self->life != LIFE_RUNNING || !self->vm || !self->qga) {
		g_autoptr(GError) error =
		    fault_new(FAULT_CONFLICT, "Open the desktop again.",
			      "The desktop does not run any more.");
		done(error, data);
		return;
	}
	struct visit *visit = visit_new(self);
	visit->done = done;
	visit->data = data;
	engine_machine_plug_async(self->vm, disk, SERIAL, on_plugged, visit);
}

static void on_left(GObject *source, GAsyncResult *result, void *data)
{
	struct visit *visit = data;
	struct machine *self = visit->machine;
	g_autoptr(GError) error = said(visit, result, "leave");
	/* a guest that does not obey is switched off all the same: the file
	 * system's journal brings it to rest at the next use */
	if (error)
		log_fault(&self->about, error);
	if (self->vm == visit->vm && self->life == LIFE_STOPPING)
		visit->left(self);
	visit_free(visit);
}

gboolean machine_home_leave(struct machine *self, machine_home_left left)
{
	if (self->leaving || !self->qga ||
	    engine_machine_state(self->vm) != ENGINE_RUNNING)
		return FALSE; /* asked once more: at once, then */
	g_autofree char *home = homes_of(self->world->root, self->id);
	if (!home)
		return FALSE;
	self->leaving = TRUE;
	machine_stage(self, "Taking the home out", 0.2);
	struct visit *visit = visit_new(self);
	visit->left = left;
	script(visit, "leave", LEAVE_MS, on_left);
	return TRUE;
}
