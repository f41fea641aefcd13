/* What was launched and has no window yet: the client shows that it starts,
 * until LAUNCH_WINDOW names its first window or LAUNCH_OVER says that there
 * will be none. A window is a launch's by its process, or by a process that
 * this one has started. */
#include "seamless/win32/agent.h"

#include <string.h>
#include <tlhelp32.h>

#define LAUNCHES 32
#define PARENTS  8
#define KEPT_US  (130 * 1000 * 1000) /* longer than a client waits */

static struct launch {
	uint32_t token; /* 0: free */
	HANDLE process; /* NULL: Windows told none */
	DWORD pid;
	int64_t since_us;
	bool over;
} launches[LAUNCHES];

static void end(struct launch *launch)
{
	if (launch->process)
		CloseHandle(launch->process);
	*launch = (struct launch){0};
}

void launches_add(uint32_t token, HANDLE process)
{
	struct launch *oldest = &launches[0];
	for (int i = 0; i < LAUNCHES; i++)
		if (launches[i].since_us < oldest->since_us)
			oldest = &launches[i];
	end(oldest);
	*oldest = (struct launch){.token = token,
				  .process = process,
				  .pid = process ? GetProcessId(process) : 0,
				  .since_us = time_now()};
}

static DWORD parent_of(DWORD pid)
{
	PROCESSENTRY32W entry = {.dwSize = sizeof entry};
	HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
	DWORD parent = 0;
	if (all == INVALID_HANDLE_VALUE)
		return 0;
	for (BOOL more = Process32FirstW(all, &entry); more && !parent;
	     more = Process32NextW(all, &entry))
		if (entry.th32ProcessID == pid)
			parent = entry.th32ParentProcessID;
	CloseHandle(all);
	return parent;
}

/* It has been announced and is yet to be shown. */
void launches_window(struct window *window)
{
	bool any = false;
	for (int i = 0; i < LAUNCHES; i++)
		any |= launches[i].token != 0;
	DWORD pid = window->pid;
	for (int depth = 0; any && pid && depth < PARENTS; depth++) {
		for (int i = 0; i < LAUNCHES; i++) {
			struct launch *l = &launches[i];
			if (!l->token || l->pid != pid)
				continue;
			struct seam_message message = {
			    .type = SEAM_LAUNCH_WINDOW,
			    .window = window->peer.id};
			message.launch_window.token = l->token;
			agent_send(window->agent, &message);
			end(l);
			return;
		}
		pid = parent_of(pid);
	}
}

void launches_look(struct agent *agent)
{
	int64_t now = time_now();
	for (int i = 0; i < LAUNCHES; i++) {
		struct launch *l = &launches[i];
		DWORD code = 0;
		if (!l->token)
			continue;
		if (now > l->since_us + KEPT_US) {
			end(l);
			continue;
		}
		if (l->over || !l->process ||
		    WaitForSingleObject(l->process, 0) != WAIT_OBJECT_0 ||
		    !link_has_room(agent->link))
			continue;
		GetExitCodeProcess(l->process, &code);
		struct seam_message message = {.type = SEAM_LAUNCH_OVER};
		message.launch_over.token = l->token;
		message.launch_over.failed = code != 0;
		message.launch_over.text = seam_text_of(
		    code ? "The program has ended with an error. Start it on "
			   "the machine's whole desktop to see more."
			 : "",
		    1024);
		agent_send(agent, &message);
		/* it may have handed over to one that it started */
		l->over = true;
	}
}

void launches_cancel(uint32_t token)
{
	for (int i = 0; i < LAUNCHES; i++)
		if (token && launches[i].token == token) {
			if (launches[i].process && !launches[i].over)
				TerminateProcess(launches[i].process, 1);
			end(&launches[i]);
		}
}

void launches_forget(void)
{
	for (int i = 0; i < LAUNCHES; i++)
		end(&launches[i]);
}
