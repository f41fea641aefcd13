/* pack.h - the recipe's own files as one tar archive, owned by root. */
#pragma once

#include <glib.h>

#include "server/image/recipe.h"

/* Writes FOLDER/overlay.tar: the overlays in order, then the programs. */
gboolean pack_overlay(const struct recipe *recipe, const char *folder,
		      int log_fd, GError **error);
