#include "seamless/win32/service.h"

#include "seamless/win32/win.h"

#include <shlobj.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <userenv.h>
#include <wtsapi32.h>

#include "seamless/win32/log.h"
#include "seamless/win32/text.h"

#define NAME      L"OrielAgent"
#define TITLE     L"Oriel agent"
#define PORT_PATH L"\\\\.\\Global\\org.oriel.seamless.0"
#define NOBODY    0xffffffffu

static HANDLE stop_event, session_event;
static SERVICE_STATUS_HANDLE status_handle;

static const WCHAR *const files[] = {L"oriel-agent.exe", L"oriel-hook.dll"};

/* ---- installation ---- */

static int fail(const char *what)
{
	fprintf(stderr, "oriel-agent: %s: %s. Run this as an administrator.\n",
		what, log_error(GetLastError()));
	return 1;
}

static bool known_folder(int folder, const WCHAR *below, WCHAR *path)
{
	WCHAR base[MAX_PATH];
	if (FAILED(SHGetFolderPathW(NULL, folder, NULL, 0, base)))
		return false;
	WCHAR *whole = text_join(base, below, NULL);
	bool fits = whole && wcslen(whole) < MAX_PATH;
	if (fits)
		wcscpy(path, whole);
	free(whole);
	return fits;
}

static bool copy_files(const WCHAR *folder)
{
	WCHAR own[MAX_PATH];
	bool done = true;
	DWORD n = GetModuleFileNameW(NULL, own, MAX_PATH);
	while (n && own[n - 1] != '\\')
		n--;
	own[n] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(files) && done; i++) {
		WCHAR *from = text_join(own, files[i], NULL);
		WCHAR *to = text_join(folder, L"\\", files[i], NULL);
		WCHAR *old = to ? text_join(to, L".old", NULL) : NULL;
		if (from && to && old && !text_same(from, to)) {
			done = CopyFileW(from, to, FALSE);
			/* one in use can be renamed, not written */
			if (!done &&
			    MoveFileExW(to, old, MOVEFILE_REPLACE_EXISTING)) {
				done = CopyFileW(from, to, FALSE);
				MoveFileExW(old, NULL,
					    MOVEFILE_DELAY_UNTIL_REBOOT);
			}
		}
		free(from);
		free(to);
		free(old);
	}
	return done;
}

static void restart_when_it_fails(SC_HANDLE service)
{
	SC_ACTION actions[3] = {{SC_ACTION_RESTART, 1000},
				{SC_ACTION_RESTART, 5000},
				{SC_ACTION_RESTART, 30000}};
	SERVICE_FAILURE_ACTIONSW failure = {
	    .dwResetPeriod = 3600, .cActions = 3, .lpsaActions = actions};
	SERVICE_DESCRIPTIONW description = {
	    (WCHAR *)L"Brings the windows of this machine to the desktop of "
		     L"whoever uses it."};
	ChangeServiceConfig2W(service, SERVICE_CONFIG_FAILURE_ACTIONS,
			      &failure);
	ChangeServiceConfig2W(service, SERVICE_CONFIG_DESCRIPTION,
			      &description);
}

int service_install(void)
{
	WCHAR folder[MAX_PATH];
	SERVICE_STATUS status;
	if (!known_folder(CSIDL_PROGRAM_FILES, L"\\Oriel", folder))
		return fail("Program Files cannot be found");
	CreateDirectoryW(folder, NULL);
	SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS);
	if (!manager)
		return fail("The services cannot be managed");
	SC_HANDLE service = OpenServiceW(manager, NAME, SERVICE_ALL_ACCESS);
	if (service)
		ControlService(service, SERVICE_CONTROL_STOP, &status);
	int code = 0;
	WCHAR *command =
	    text_join(L"\"", folder, L"\\oriel-agent.exe\" --service", NULL);
	if (!copy_files(folder)) {
		code = fail("The files cannot be copied to Program Files");
	} else if (command && !service) {
		service =
		    CreateServiceW(manager, NAME, TITLE, SERVICE_ALL_ACCESS,
				   SERVICE_WIN32_OWN_PROCESS,
				   SERVICE_AUTO_START, SERVICE_ERROR_NORMAL,
				   command, NULL, NULL, NULL, NULL, NULL);
	} else if (command) {
		ChangeServiceConfigW(service, SERVICE_NO_CHANGE,
				     SERVICE_AUTO_START, SERVICE_NO_CHANGE,
				     command, NULL, NULL, NULL, NULL, NULL,
				     TITLE);
	}
	if (!code && !service)
		code = fail("The service cannot be made");
	if (!code) {
		restart_when_it_fails(service);
		if (!StartServiceW(service, 0, NULL) &&
		    GetLastError() != ERROR_SERVICE_ALREADY_RUNNING)
			code = fail("The service does not start");
	}
	if (!code)
		puts("Installed; it runs now and whenever Windows starts.");
	if (service)
		CloseServiceHandle(service);
	CloseServiceHandle(manager);
	free(command);
	return code;
}

int service_uninstall(void)
{
	SERVICE_STATUS status;
	WCHAR folder[MAX_PATH];
	SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
	SC_HANDLE service =
	    manager ? OpenServiceW(manager, NAME, SERVICE_ALL_ACCESS) : NULL;
	if (!service) {
		int code = fail("The service cannot be opened");
		if (manager)
			CloseServiceHandle(manager);
		return code;
	}
	ControlService(service, SERVICE_CONTROL_STOP, &status);
	for (int i = 0; i < 100; i++) {
		if (!QueryServiceStatus(service, &status) ||
		    status.dwCurrentState == SERVICE_STOPPED)
			break;
		Sleep(100);
	}
	int code = DeleteService(service) ? 0 : fail("It cannot be removed");
	CloseServiceHandle(service);
	CloseServiceHandle(manager);
	if (code || !known_folder(CSIDL_PROGRAM_FILES, L"\\Oriel", folder))
		return code;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		WCHAR *path = text_join(folder, L"\\", files[i], NULL);
		if (path && !DeleteFileW(path))
			MoveFileExW(path, NULL, MOVEFILE_DELAY_UNTIL_REBOOT);
		free(path);
	}
	RemoveDirectoryW(folder);
	puts("Removed.");
	return 0;
}

/* ---- the service ---- */

static void tell_status(DWORD state)
{
	SERVICE_STATUS status = {.dwServiceType = SERVICE_WIN32_OWN_PROCESS,
				 .dwCurrentState = state,
				 .dwControlsAccepted =
				     SERVICE_ACCEPT_STOP |
				     SERVICE_ACCEPT_SHUTDOWN |
				     SERVICE_ACCEPT_SESSIONCHANGE};
	SetServiceStatus(status_handle, &status);
}

static DWORD WINAPI on_control(DWORD control, DWORD type, void *event,
			       void *data)
{
	(void)type, (void)event, (void)data;
	switch (control) {
	case SERVICE_CONTROL_STOP:
	case SERVICE_CONTROL_SHUTDOWN:
		tell_status(SERVICE_STOP_PENDING);
		SetEvent(stop_event);
		return NO_ERROR;
	case SERVICE_CONTROL_SESSIONCHANGE:
		SetEvent(session_event);
		return NO_ERROR;
	case SERVICE_CONTROL_INTERROGATE:
		return NO_ERROR;
	}
	return ERROR_CALL_NOT_IMPLEMENTED;
}

static HANDLE open_port(void)
{
	SECURITY_ATTRIBUTES inherit = {.nLength = sizeof inherit,
				       .bInheritHandle = TRUE};
	return CreateFileW(PORT_PATH, GENERIC_READ | GENERIC_WRITE, 0, &inherit,
			   OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
}

/* The agent in that session, as its user. */
static HANDLE start_in(DWORD session, HANDLE port)
{
	HANDLE token = NULL;
	void *environment = NULL;
	WCHAR own[MAX_PATH], log[MAX_PATH], number[32];
	PROCESS_INFORMATION process = {0};
	STARTUPINFOW startup = {.cb = sizeof startup,
				.lpDesktop = (WCHAR *)L"winsta0\\default"};
	/* at the sign-in screen there is no user yet */
	if (!WTSQueryUserToken(session, &token))
		return NULL;
	CreateEnvironmentBlock(&environment, token, FALSE);
	GetModuleFileNameW(NULL, own, MAX_PATH);
	swprintf(number, ARRAY_SIZE(number), L"%llu",
		 (unsigned long long)(UINT_PTR)port);
	if (!known_folder(CSIDL_COMMON_APPDATA, L"\\Oriel\\agent.log", log))
		log[0] = 0;
	WCHAR *command =
	    log[0] ? text_join(L"\"", own, L"\" --port-handle ", number,
			       L" --log \"", log, L"\"", NULL)
		   : text_join(L"\"", own, L"\" --port-handle ", number, NULL);
	/* handles: the port alone is inheritable in this process */
	if (!command ||
	    !CreateProcessAsUserW(token, own, command, NULL, NULL, TRUE,
				  CREATE_UNICODE_ENVIRONMENT | CREATE_NO_WINDOW,
				  environment, NULL, &startup, &process))
		log_line("The agent does not start in session %lu: %s.",
			 session, log_error(GetLastError()));
	free(command);
	if (environment)
		DestroyEnvironmentBlock(environment);
	CloseHandle(token);
	if (process.hThread)
		CloseHandle(process.hThread);
	return process.hProcess;
}

static void end_process(HANDLE *process)
{
	if (!*process)
		return;
	TerminateProcess(*process, 0);
	WaitForSingleObject(*process, 2000);
	CloseHandle(*process);
	*process = NULL;
}

/* Users write to it, too, each their own lines. */
static void prepare_log(void)
{
	WCHAR path[MAX_PATH];
	if (!known_folder(CSIDL_COMMON_APPDATA, L"\\Oriel", path))
		return;
	CreateDirectoryW(path, NULL);
	wcscat(path, L"\\service.log");
	log_open(path);
}

static void serve(void)
{
	HANDLE port = INVALID_HANDLE_VALUE, process = NULL;
	DWORD in_session = NOBODY;
	for (;;) {
		HANDLE handles[3] = {stop_event, session_event, process};
		DWORD count = process ? 3 : 2;
		/* without a port or a user: look again */
		DWORD wait = WaitForMultipleObjects(count, handles, FALSE,
						    process ? INFINITE : 1000);
		if (wait == WAIT_OBJECT_0)
			break;
		if (wait == WAIT_OBJECT_0 + 2) {
			log_line("The agent of session %lu has ended.",
				 in_session);
			CloseHandle(process);
			process = NULL;
			Sleep(500); /* not faster than that */
		}
		DWORD session = WTSGetActiveConsoleSessionId();
		if (process && session == in_session)
			continue;
		end_process(&process);
		if (session == NOBODY)
			continue;
		if (port == INVALID_HANDLE_VALUE)
			port = open_port();
		if (port == INVALID_HANDLE_VALUE) {
			log_line("The guest port cannot be opened: %s.",
				 log_error(GetLastError()));
			continue;
		}
		process = start_in(session, port);
		in_session = session;
	}
	end_process(&process);
	if (port != INVALID_HANDLE_VALUE)
		CloseHandle(port);
}

static void WINAPI on_start(DWORD argc, WCHAR **argv)
{
	(void)argc, (void)argv;
	status_handle = RegisterServiceCtrlHandlerExW(NAME, on_control, NULL);
	if (!status_handle)
		return;
	tell_status(SERVICE_RUNNING);
	serve();
	tell_status(SERVICE_STOPPED);
}

int service_run(void)
{
	SERVICE_TABLE_ENTRYW table[] = {{(WCHAR *)NAME, on_start},
					{NULL, NULL}};
	prepare_log();
	stop_event = CreateEventW(NULL, TRUE, FALSE, NULL);
	session_event = CreateEventW(NULL, FALSE, FALSE, NULL);
	if (StartServiceCtrlDispatcherW(table))
		return 0;
	return fail("This is for Windows to start");
}
