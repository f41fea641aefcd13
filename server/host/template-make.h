/* template-make.h - making one template: boot, wait, settle, freeze.
 * Used by templates.c alone. Threads: main context. */
#pragma once

#include "server/host/templates.h"

/* A template under way is LIB/templates/ with this before its key. */
#define TEMPLATE_MAKING ".making-"

void template_make_async(const struct paths_root *root, const char *key,
			 const struct engine *engine, const struct conf *conf,
			 const struct image *image, const char *fingerprint,
			 templates_progress progress, void *progress_data,
			 GCancellable *cancellable,
			 GAsyncReadyCallback callback, void *data);
gboolean template_make_finish(GAsyncResult *result, GError **error);
