/* file-drop.h - files dropped on a desktop go into it.
 *
 * One lot at a time, with progress and a way to cancel, in a card at the lower
 * edge. The guest's agent puts them where it puts such files. Threads: main.
 * Ownership: the widget belongs to whoever holds it; file_drop_free() cancels
 * what is under way. Fails: in words, by say(). */
#pragma once

#include "client/viewer.h"

struct file_drop;

/* Something for the person to read. */
typedef void (*file_drop_say)(const char *text, void *data);

struct file_drop *file_drop_new(OrielViewer *viewer, file_drop_say say,
				void *data);
GtkWidget *file_drop_widget(struct file_drop *drop);
void file_drop_set_session(struct file_drop *drop, struct session *session);
/* As if they had been dropped. NULL at the end. */
void file_drop_send(struct file_drop *drop, GFile **files);
void file_drop_free(struct file_drop *drop);
