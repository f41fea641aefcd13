#include "client/apps-list.h"

#include <stdio.h>

#include "client/apps-install.h"

static int by_name(gconstpointer a, gconstpointer b)
{
	const struct seamless_app *one = *(struct seamless_app *const *)a;
	const struct seamless_app *two = *(struct seamless_app *const *)b;
	return g_utf8_collate(one->name, two->name);
}

void apps_list_print(const GPtrArray *apps)
{
	g_autoptr(GPtrArray) sorted =
	    g_ptr_array_copy((GPtrArray *)apps, NULL, NULL);
	g_ptr_array_set_free_func(sorted, NULL); /* they are not its own */
	g_ptr_array_sort(sorted, by_name);
	for (guint i = 0; i < sorted->len; i++) {
		const struct seamless_app *app = sorted->pdata[i];
		printf("%-32s %s\n", app->id, app->name);
	}
	fflush(stdout);
}

char *apps_list_install(const struct apps_options *options,
			const GPtrArray *apps, GError **error)
{
	const struct apps_place place = {&options->server, options->user,
					 options->fingerprint};
	unsigned count;
	if (!apps_install(&place, apps, &count, error))
		return NULL;
	return g_strdup_printf("%u applications are among yours now.", count);
}
