/* A request body of anybody's, against every shape of the API: nothing but a
 * fault or an object that fits may come of it. */
#include <stddef.h>
#include <stdint.h>

#include "server/broker/shape.h"
#include "server/broker/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	json_t *object = shape_parse((const char *)data, size, &error);
	g_assert((object != NULL) == (error == NULL));
	for (gsize i = 0; object && shapes[i]; i++) {
		g_autoptr(GError) why = NULL;
		gboolean fits = shape_check(shapes[i], object, &why);
		g_assert(fits == (why == NULL));
	}
	json_decref(object);
	return 0;
}
