#include "client/password-file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/fault.h"

#define PASSWORD_MAX 1024

char *password_file_read(const char *path, GError **error)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char line[PASSWORD_MAX + 2];
	char *password = NULL;
	if (file && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (strlen(line) <= PASSWORD_MAX &&
		    g_utf8_validate(line, -1, NULL))
			password = g_strdup(line);
	}
	if (!password)
		fault_set(error, FAULT_INVALID,
			  "Put the password on the first line of a file that "
			  "only you can read.",
			  "No password can be read from %s%s%s", path,
			  file ? "" : ": ", file ? "" : g_strerror(errno));
	memset(line, 0, sizeof line);
	if (file && file != stdin)
		fclose(file);
	return password;
}
