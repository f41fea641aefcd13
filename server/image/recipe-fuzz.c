/* Fuzz target: recipes are written by people and handed around. */
#include <stdint.h>

#include "server/image/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *include = NULL;
	g_autoptr(GError) error = NULL;
	struct recipe *recipe = recipe_parse((const char *)data, size, "fuzz",
					     "/", &include, &error);
	recipe_free(recipe);
	return 0;
}
