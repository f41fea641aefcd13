/* apps-trouble.h - dialogs that are to be read before the program ends.
 *
 * Threads: main. Ownership: the struct is the caller's and outlives the main
 * loop. */
#pragma once

struct apps_troubles {
	unsigned open;              /* that nobody has closed yet */
	void (*closed)(void *data); /* one has been */
	void *data;
};

/* text: more about it, or NULL. */
void apps_trouble_show(struct apps_troubles *troubles, const char *title,
		       const char *text);
