/* Starts an application that the client asks for, with files if it names
 * any: as the Start menu would, so that a program that needs an
 * administrator's consent asks for it. */
#include "seamless/win32/agent.h"

#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seamless/win32/log.h"
#include "seamless/win32/text.h"

#define FILES_MAX     256
#define ARGUMENTS_MAX 16384 /* of 32,767 that a command line may have */

static void answer(struct agent *agent, uint32_t token, const char *failure)
{
	struct seam_message message = {.type = SEAM_LAUNCH_RESULT};
	message.launch_result.token = token;
	message.launch_result.failed = failure != NULL;
	message.launch_result.text = seam_text_of(failure ? failure : "", 1024);
	agent_send(agent, &message);
}

/* Absolute, there, and nothing that could end its quotes. */
static bool file_valid(const WCHAR *path)
{
	bool absolute =
	    (path[0] && path[1] == ':') || (path[0] == '\\' && path[1] == '\\');
	return absolute && !wcspbrk(path, L"\"<>|*?") &&
	       GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES;
}

/* Appends the files, each in quotes. NULL, or what is wrong. */
static const char *add_files(struct seam_text files, WCHAR *arguments)
{
	static char failure[700];
	const char *at = files.bytes, *end = files.bytes + files.size;
	for (int n = 0; at < end; n++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((stop ? stop : end) - at);
		WCHAR *path = size ? text_dup_wide(at, size) : NULL;
		at += size + 1;
		if (!path)
			continue;
		size_t used = wcslen(arguments), more = wcslen(path) + 3;
		if (n == FILES_MAX || used + more >= ARGUMENTS_MAX) {
			free(path);
			return "These are too many files for one program. Open "
			       "fewer at a time.";
		}
		if (!file_valid(path)) {
			char name[512];
			text_to_utf8(path, name, sizeof name);
			snprintf(failure, sizeof failure,
				 "There is no file \"%s\" in the machine. Open "
				 "a file that exists inside the machine.",
				 name);
			free(path);
			return failure;
		}
		if (used)
			wcscat(arguments, L" ");
		wcscat(arguments, L"\"");
		wcscat(arguments, path);
		wcscat(arguments, L"\"");
		free(path);
	}
	return NULL;
}

void launch_app(struct agent *agent, const struct seam_launch *launch)
{
	char id[SEAM_APP_ID_MAX + 1];
	const WCHAR *target, *own, *folder;
	static WCHAR arguments[ARGUMENTS_MAX];
	memcpy(id, launch->app.bytes, launch->app.size);
	id[launch->app.size] = 0;
	if (!apps_find(agent, id, &target, &own, &folder)) {
		answer(agent, launch->token,
		       "The machine has no such application. Refresh the list "
		       "of applications.");
		return;
	}
	lstrcpynW(arguments, own, 2048);
	const char *failure = add_files(launch->files, arguments);
	if (failure) {
		answer(agent, launch->token, failure);
		return;
	}
	SHELLEXECUTEINFOW info = {.cbSize = sizeof info,
				  .fMask = SEE_MASK_FLAG_NO_UI |
					   SEE_MASK_NOASYNC |
					   SEE_MASK_NOCLOSEPROCESS,
				  .lpVerb = L"open",
				  .lpFile = target,
				  .lpParameters = arguments,
				  .lpDirectory = folder[0] ? folder : NULL,
				  .nShow = SW_SHOWNORMAL};
	if (ShellExecuteExW(&info)) {
		answer(agent, launch->token, NULL);
		launches_add(launch->token, info.hProcess);
	} else {
		char text[600], program[300];
		text_to_utf8(target, program, sizeof program);
		snprintf(text, sizeof text,
			 "%s does not start: %s. Start it on the machine's "
			 "whole desktop to see more.",
			 program, log_error(GetLastError()));
		answer(agent, launch->token, text);
	}
	windows_stir(agent, NULL);
}
