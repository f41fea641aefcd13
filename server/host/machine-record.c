/* Recording a machine: by policy while somebody looks on, by an operator's
 * wish for as long as it runs. The display process records
 * (docs/display-control.md); here it is decided when, and into which file.
 *
 * A display that outlives this role goes on recording; what it says when it is
 * found again tells which file. A recording that ends for its size or length
 * is followed by the next one; one that cannot be made or goes wrong is tried
 * again a while later, and the desktop carries a warning until then. */
#include "server/host/machine-private.h"

#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "server/host/recordings.h"

/* A viewer that comes back within this time goes on in the same file. */
#define LINGER_MS 5000
#define AGAIN_MS  60000

struct machine_record {
	struct machine *machine;
	gboolean by_policy; /* while there are viewers */
	char *by;           /* who wished it beyond that; NULL: nobody */
	char *user;         /* whose desktop it is, as far as known */
	char *id;           /* under way; NULL: none */
	char *began_by;
	gint64 since;
	gboolean asked; /* the display is being asked to begin */
	gboolean ending;
	guint timer;      /* lingers, or waits to try again */
	gboolean waiting; /* the latter */
	gboolean warned;  /* the machine's warning is ours */
};

struct machine_record *machine_record_new(struct machine *machine)
{
	struct machine_record *self = g_new0(struct machine_record, 1);
	self->machine = machine;
	return self;
}

static void timer_clear(struct machine_record *self)
{
	if (self->timer)
		g_source_remove(self->timer);
	self->timer = 0;
	self->waiting = FALSE;
}

static void forget(struct machine_record *self)
{
	g_clear_pointer(&self->id, g_free);
	g_clear_pointer(&self->began_by, g_free);
	self->asked = self->ending = FALSE;
}

void machine_record_free(struct machine_record *self)
{
	if (!self)
		return;
	timer_clear(self);
	forget(self);
	g_free(self->by);
	g_free(self->user);
	g_free(self);
}

static const struct paths_root *root_of(struct machine_record *self)
{
	return self->machine->world->root;
}

static gboolean wanted(const struct machine_record *self)
{
	const struct machine *machine = self->machine;
	return machine->life == LIFE_RUNNING && machine->screen &&
	       screen_alive(machine->screen) &&
	       (self->by || (self->by_policy && machine->viewers));
}

static void look(struct machine_record *self);

static gboolean on_timer(void *data)
{
	struct machine_record *self = data;
	gboolean again = self->waiting;
	self->timer = 0;
	self->waiting = FALSE;
	if (!again && !wanted(self) && self->id && !self->ending &&
	    self->machine->screen) {
		self->ending = TRUE;
		screen_record(self->machine->screen, FALSE, NULL, NULL, -1,
			      NULL, NULL);
	}
	if (again)
		look(self);
	return G_SOURCE_REMOVE;
}

static void warn(struct machine_record *self, const GError *why)
{
	g_autofree char *cause = fault_cause(why);
	log_fault(&self->machine->about, why);
	self->warned = TRUE;
	machine_warn(self->machine,
		     fault_new(FAULT_STORAGE,
			       "It is tried again every minute; "
			       "'oriel recording remove' makes room.",
			       "The desktop is not being recorded as it "
			       "should be: %s",
			       cause));
	timer_clear(self);
	self->waiting = TRUE;
	self->timer = g_timeout_add(AGAIN_MS, on_timer, self);
}

static void on_begun(json_t *reply, const GError *error, void *data)
{
	/* by reference: the machine may have stopped meanwhile */
	struct machine *machine = data;
	struct machine_record *self = machine->record;
	self->asked = FALSE;
	if (error && self->id) {
		recordings_end(root_of(self), self->id, 0, "error");
		forget(self);
		if (wanted(self))
			warn(self, error);
	} else if (!error && self->warned) {
		self->warned = FALSE;
		machine_warn(machine, NULL);
	}
	machine_report(machine);
	machine_unref(machine);
}

static void begin(struct machine_record *self)
{
	struct machine *machine = self->machine;
	g_autoptr(GError) error = NULL;
	const char *name = machine->conf ? machine->conf->name : machine->id;
	struct recording_about about = {
	    .machine = machine->id,
	    .desktop = name,
	    .user = self->user,
	    .by = self->by ? self->by : "policy",
	};
	int fd = recordings_begin(root_of(self), &about, &self->id, &error);
	if (fd < 0) {
		warn(self, error);
		return;
	}
	g_free(self->began_by);
	self->began_by = g_strdup(about.by);
	self->since = g_get_real_time() / G_USEC_PER_SEC;
	self->asked = TRUE;
	screen_record(machine->screen, TRUE, self->id, name, fd, on_begun,
		      machine_ref(machine));
	machine_report(machine);
}

/* Does what the wishes call for. */
static void look(struct machine_record *self)
{
	gboolean is_wanted = wanted(self);
	if (is_wanted && !self->id && !self->waiting) {
		begin(self);
	} else if (is_wanted && self->timer && !self->waiting) {
		timer_clear(self);
	} else if (!is_wanted && self->waiting) {
		timer_clear(self);
	} else if (!is_wanted && self->id && !self->timer && !self->ending) {
		self->timer = g_timeout_add(LINGER_MS, on_timer, self);
	}
}

void machine_record_look(struct machine *machine)
{
	if (machine->record)
		look(machine->record);
}

void machine_record_policy(struct machine *machine, json_t *policy,
			   const char *user)
{
	struct machine_record *self = machine->record;
	const char *record =
	    json_string_value(json_object_get(policy, "record"));
	self->by_policy = record && strcmp(record, "none") != 0;
	if (user) {
		g_free(self->user);
		self->user = g_strdup(user);
	}
	look(self);
}

void machine_record_wish(struct machine *machine, const char *by)
{
	struct machine_record *self = machine->record;
	g_free(self->by);
	self->by = g_strdup(by);
	look(self);
	/* who ends it does not wait for the rest */
	if (!wanted(self) && self->id && self->timer && !self->waiting) {
		timer_clear(self);
		on_timer(self);
	}
}

void machine_record_ended(struct machine *machine, json_t *event)
{
	struct machine_record *self = machine->record;
	const char *id = json_string_value(json_object_get(event, "recording"));
	const char *why = json_string_value(json_object_get(event, "why"));
	if (!id || !self->id || strcmp(id, self->id) != 0)
		return;
	recordings_end(root_of(self), id,
		       json_integer_value(json_object_get(event, "length_ms")),
		       why ? why : "error");
	gboolean wrong =
	    !self->ending && why &&
	    (strcmp(why, "disk") == 0 || strcmp(why, "error") == 0);
	forget(self);
	timer_clear(self);
	if (wrong && wanted(self)) {
		g_autoptr(GError) error =
		    strcmp(why, "disk") == 0
			? fault_new(FAULT_STORAGE, NULL,
				    "The disk for recordings is nearly full.")
			: jsonline_to_error(json_object_get(event, "error"));
		warn(self, error);
	}
	look(self);
	machine_report(machine);
}

void machine_record_found(struct machine *machine, const char *id)
{
	struct machine_record *self = machine->record;
	if (self->asked) /* this very one is only beginning */
		return;
	if (id && !self->id) {
		/* until the broker says what is wanted, what was holds */
		self->id = g_strdup(id);
		self->began_by = recordings_by(root_of(self), id);
		if (strcmp(self->began_by, "policy") == 0)
			self->by_policy = TRUE;
		else
			self->by = g_strdup(self->began_by);
		self->since = g_get_real_time() / G_USEC_PER_SEC;
	} else if (!id && self->id) {
		forget(self);
	}
	recordings_end_lost(root_of(self), machine->id, self->id);
	look(self);
	machine_report(machine);
}

void machine_record_gone(struct machine *machine)
{
	struct machine_record *self = machine->record;
	timer_clear(self);
	if (!self->id)
		return;
	/* the file plays as it is; how long it is, players find out */
	recordings_end(root_of(self), self->id, -1, "lost");
	forget(self);
}

void machine_record_over(struct machine *machine)
{
	struct machine_record *self = machine->record;
	timer_clear(self);
	/* its display ends in order, and the file with it */
	if (self->id)
		recordings_end(
		    root_of(self), self->id,
		    (g_get_real_time() / G_USEC_PER_SEC - self->since) * 1000,
		    "desktop");
	forget(self);
	self->by_policy = FALSE;
	g_clear_pointer(&self->by, g_free);
}

json_t *machine_record_json(const struct machine *machine)
{
	const struct machine_record *self = machine->record;
	if (!self->id || self->asked)
		return json_null();
	return json_pack("{s:s, s:I, s:s}", "id", self->id, "since",
			 (json_int_t)self->since, "by", self->began_by);
}
