/* display-private.h - inside of the display: display.c is its life and what
 * comes from the source, display-input.c what viewers do. */
#pragma once

#include "common/log.h"
#include "display/display.h"

struct display {
	char *name, *machine_name, *vm;
	struct log_about about;
	struct source *source;
	char *source_path; /* where a lost one is looked for; NULL: nowhere */
	guint retry;
	struct desktop *desktop;
	struct desktop *atlas; /* NULL: no head is one */
	int atlas_head;
	struct activity *activity;
	struct jobs *jobs;
	struct film *film;
	struct film_streams *film_streams;
	unsigned layout_serial; /* of what viewers were told */
	struct clipboard *clipboard;
	struct agent *agent;
	struct audio *audio;
	struct ports *ports;
	bool files_in_barred, files_out_barred; /* by policy */
	bool agent_asked, port_asked;           /* for their streams */
	const char *port_name; /* besides the agent's: who serves it */
	const struct display_port_ops *port_ops;
	void *port_data;
	struct cursor *cursor;
	bool cursor_hidden;
	unsigned leds;
	GPtrArray *viewers;
	unsigned next_id;
	guint round; /* source that ends this round; 0: nothing to tell */
	unsigned
	    reading; /* heads of which a large part is half read, as bits */
	gint64 started, first_frame, input;
	gint64 pressed; /* a key or a button, last */
	const struct display_hooks *hooks;
	void *hooks_data;
	const struct display_watch *watch;
	void *watch_data;
	unsigned pointer_x, pointer_y;
	char *marked; /* whose name is over the picture; NULL: nobody's */
	guint mark_timer;
	struct log_limit trouble_limit;
};

/* Something is to be told to viewers at the end of this round. */
void display_begin_round(struct display *self);

/* ---- display-mark.c ---- */
void display_mark_again(struct display *self);
/* Around what copies from one picture into another. */
void display_marks_off(struct display *self);
void display_marks_on(struct display *self);

/* ---- display-atlas.c ---- */
/* The picture that a head is part of. */
struct desktop *display_picture_of(struct display *self, unsigned head);
/* Tells viewers what of the atlas is new. */
void display_atlas_round(struct display *self);
