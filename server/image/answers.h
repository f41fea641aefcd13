/* answers.h - what Windows' setup asks, answered: autounattend.xml, and the
 * script that ends the installation.
 *
 * Setup looks for the file in the root of every removable medium and then
 * goes through without a person: the whole disk is taken, a local
 * administrator is made and signed in once, the agent and (where the disk
 * stands on virtio) virtio-win's guest tools are installed, and the machine
 * switches itself off. Microsoft, "Unattended Windows Setup Reference".
 *
 * Untrusted: every field comes from a person; each is checked.
 * Threads: any. Errors: FAULT_INVALID with the remedy. */
#pragma once

#include <glib.h>

struct answers {
	const char *profile;  /* "windows-7", "windows-10", "windows-11" */
	const char *locale;   /* "de-DE" */
	const char *keyboard; /* "0407:00000407" or a locale; NULL: locale's */
	const char *timezone; /* Windows' name of it; NULL: "UTC" */
	const char *edition;  /* name in the medium; NULL: Pro(fessional) */
	int index;            /* or its number there; 0: by the name */
	const char *computer; /* NULL: Windows makes one up */
	const char *user;     /* NULL: "user" */
	const char *password; /* never empty */
	const char *product_key; /* NULL: none */
	gboolean virtio;         /* a virtio-win CD is there */
};

gboolean answers_check(const struct answers *answers, GError **error);
/* autounattend.xml, of checked answers; new string, holds the password. */
char *answers_xml(const struct answers *answers);
/* setup.cmd, the same for all; new string. */
char *answers_script(void);
