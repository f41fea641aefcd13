/* oriel-password - hashes and checks passwords, and does nothing else.
 *
 * Reads requests of common/jsonline.h from the socket that is its standard
 * input, one at a time, and ends with it:
 *	check {hash, password} -> match    (an empty hash never matches)
 *	hash {password} -> hash
 * It has no other file open, may open none and may not start programs, so
 * that a fault in the hashing of foreign bytes leads nowhere. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"

/* OWASP's smaller choice for Argon2id: 19 MiB and two passes, some 30 ms on a
 * server's core, so that a flood of sign-ins does not become one of memory. */
#define MEMORY_BYTES (19u << 20)
#define PASSES       2

/* Of no password, with these parameters: an account that does not exist costs
 * as much as one that does. */
static char nobody[crypto_pwhash_STRBYTES];

static void make_nobody(void)
{
	g_snprintf(nobody, sizeof nobody,
		   "$argon2id$v=19$m=%u,t=%d,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
		   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		   MEMORY_BYTES / 1024, PASSES);
}

static gboolean hash(const char *password, char out[crypto_pwhash_STRBYTES])
{
	return crypto_pwhash_str_alg(out, password, strlen(password), PASSES,
				     MEMORY_BYTES,
				     crypto_pwhash_ALG_ARGON2ID13) == 0;
}

static void on_request(struct jsonline *channel, json_int_t id, const char *op,
		       json_t *message, int fd, void *data)
{
	if (fd >= 0)
		close(fd);
	g_autoptr(GError) error = NULL;
	const char *password = jsonline_string(message, "password", &error);
	json_t *answer = NULL;
	char made[crypto_pwhash_STRBYTES];
	if (!password) {
		/* error is set */
	} else if (strcmp(op, "hash") == 0) {
		if (hash(password, made))
			answer = json_pack("{s:s}", "hash", made);
	} else if (strcmp(op, "check") == 0) {
		const char *against = jsonline_string(message, "hash", &error);
		gboolean known = against && *against;
		int same = crypto_pwhash_str_verify(known ? against : nobody,
						    password, strlen(password));
		if (against)
			answer =
			    json_pack("{s:b}", "match", known && same == 0);
	} else {
		fault_set(&error, FAULT_INVALID, NULL,
			  "The helper knows no such operation.");
	}
	if (password) /* ours to wipe: the message ends with this call */
		sodium_memzero((char *)password, strlen(password));
	if (answer) {
		jsonline_reply(channel, id, answer);
		return;
	}
	if (!error)
		fault_set(&error, FAULT_UNAVAILABLE,
			  "Give the machine more memory.",
			  "There is no memory to check a password.");
	jsonline_reject(channel, id, error);
}

static void on_closed(struct jsonline *channel, const GError *why, void *data)
{
	g_main_loop_quit(data);
}

static const struct jsonline_handlers handlers = {
    .request = on_request,
    .closed = on_closed,
};

static void drop_rights(void)
{
	const struct rlimit none = {0, 0};
	prctl(PR_SET_DUMPABLE, 0); /* passwords pass through this memory */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_NPROC, &none);
	setrlimit(RLIMIT_FSIZE, &none);
}

int main(void)
{
	if (sodium_init() < 0) {
		fprintf(stderr, "oriel-password: libsodium does not start\n");
		return 1;
	}
	make_nobody();
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	struct jsonline *channel = jsonline_new(STDIN_FILENO, &handlers, loop);
	drop_rights();
	/* NOFILE last: what GLib needed for its loop is open now */
	const struct rlimit open_now = {STDERR_FILENO + 8, STDERR_FILENO + 8};
	setrlimit(RLIMIT_NOFILE, &open_now);
	g_main_loop_run(loop);
	jsonline_unref(channel);
	return 0;
}
