#include "server/broker/secrets.h"

#include <string.h>
#include <sys/random.h>

char *secret_new(unsigned bits)
{
	guint8 bytes[32];
	gsize size = bits / 8;
	g_return_val_if_fail(size <= sizeof bytes, NULL);
	/* up to 256 bytes never come short once the kernel is seeded */
	if (getrandom(bytes, size, 0) != (ssize_t)size)
		g_error("The kernel gives no random bytes");
	char *text = g_malloc(size * 2 + 1);
	for (gsize i = 0; i < size; i++)
		g_snprintf(text + i * 2, 3, "%02x", bytes[i]);
	explicit_bzero(bytes, sizeof bytes);
	return text;
}

char *secret_hash(const char *secret)
{
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, secret, -1);
}

gboolean secret_plausible(const char *text, unsigned bits)
{
	return text && strlen(text) == bits / 4 &&
	       strspn(text, "0123456789abcdef") == bits / 4;
}
