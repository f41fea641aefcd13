#include "server/cli/password.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include "common/fault.h"

/* 20 of 32 letters: 100 bits; none that is mistaken for another */
#define GENERATED      20
#define LINE_MAX_BYTES 1024

void password_free(char *password)
{
	if (password)
		explicit_bzero(password, strlen(password));
	g_free(password);
}

static char *generate_password(void)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	guint8 random[GENERATED];
	if (getrandom(random, sizeof random, 0) != sizeof random)
		g_error("The kernel gives no random bytes");
	char *password = g_malloc0(GENERATED + 1);
	for (gsize i = 0; i < GENERATED; i++)
		password[i] = letters[random[i] % 32];
	return password;
}

static char *first_line(FILE *from, const char *name, GError **error)
{
	char line[LINE_MAX_BYTES] = "";
	if (!fgets(line, sizeof line, from)) {
		fault_set(error, FAULT_INVALID,
			  "Put the password in its first line.",
			  "%s holds no password.", name);
		return NULL;
	}
	line[strcspn(line, "\r\n")] = 0;
	char *password = g_strdup(line);
	explicit_bzero(line, sizeof line);
	return password;
}

static char *ask_once(FILE *terminal, const char *prompt, GError **error)
{
	struct termios before, quiet;
	int fd = fileno(terminal);
	tcgetattr(fd, &before);
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	/* quiet before it asks: an answer that comes at once is not shown */
	tcsetattr(fd, TCSAFLUSH, &quiet);
	fprintf(terminal, "%s: ", prompt);
	fflush(terminal);
	char *password = first_line(terminal, "The terminal", error);
	tcsetattr(fd, TCSADRAIN, &before);
	fprintf(terminal, "\n");
	return password;
}

static char *ask_twice(const char *user, GError **error)
{
	FILE *terminal = fopen("/dev/tty", "r+e");
	if (!terminal) {
		fault_set(error, FAULT_INVALID,
			  "Use --password-file FILE, or --generate.",
			  "There is no terminal to ask for a password.");
		return NULL;
	}
	setbuf(terminal, NULL);
	g_autofree char *prompt = g_strdup_printf("New password for %s", user);
	char *first = ask_once(terminal, prompt, error);
	char *second = first ? ask_once(terminal, "Again", error) : NULL;
	gboolean same = second && strcmp(first, second) == 0;
	if (second && !same)
		fault_set(error, FAULT_INVALID, "Try again.",
			  "The two passwords differ.");
	fclose(terminal);
	password_free(second);
	if (same)
		return first;
	password_free(first);
	return NULL;
}

char *password_obtain(const char *user, gboolean generate, const char *file,
		      GError **error)
{
	if (generate)
		return generate_password();
	if (file && strcmp(file, "-") != 0) {
		FILE *from = fopen(file, "re");
		if (!from) {
			fault_set(error, FAULT_NOT_FOUND, NULL,
				  "'%s' cannot be read: %s.", file,
				  g_strerror(errno));
			return NULL;
		}
		char *password = first_line(from, file, error);
		fclose(from);
		return password;
	}
	if (!file && isatty(STDIN_FILENO))
		return ask_twice(user, error);
	return first_line(stdin, "Standard input", error);
}
