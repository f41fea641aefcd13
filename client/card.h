/* card.h - one desktop in the list: picture, name, state, what can be done.
 *
 * Threads: main. Ownership: the widget owns the card. */
#pragma once

#include <gtk/gtk.h>

#include "client/desktop.h"

struct card;

/* verb: "open", "start", "shutdown", "off", "reset", "disconnect",
 * "applications", "finish", "cancel" (the last two: of an installation). */
typedef void (*card_action)(struct card *card, const char *verb, void *data);

/* Takes desktop. */
struct card *card_new(struct desktop *desktop, card_action action, void *data);
/* A GtkFlowBoxChild. */
GtkWidget *card_widget(struct card *card);
struct card *card_of(GtkWidget *widget);
const struct desktop *card_desktop(const struct card *card);
/* Takes desktop. */
void card_update(struct card *card, struct desktop *desktop);
/* NULL: no picture (any more). */
void card_set_picture(struct card *card, GdkPixbuf *picture);
/* What the last action met with; NULL takes it away. */
void card_set_error(struct card *card, const GError *error);
void card_popup_menu(struct card *card);
