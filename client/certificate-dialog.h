/* certificate-dialog.h - asks about a server nobody vouches for, once.
 *
 * An unknown certificate can be trusted after its fingerprint was compared; a
 * changed one cannot be accepted here at all. Threads: main. */
#pragma once

#include <gtk/gtk.h>

#include "client/api.h"

/* answered is called with TRUE when the person trusts an unknown one. */
typedef void (*certificate_answered)(gboolean trusted, void *data);
void certificate_dialog_show(GtkWindow *parent, const char *server,
			     const struct api_certificate *certificate,
			     certificate_answered answered, void *data);

/* Words for why no authority vouches for it. */
char *certificate_reason(GTlsCertificateFlags flags);
