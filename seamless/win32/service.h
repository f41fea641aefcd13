/* service.h - the agent as a part of Windows.
 *
 * A service (LocalSystem) opens the guest port, which only the system may,
 * and starts the agent in the session that is shown on the machine's screen,
 * as that session's user, with the port's handle inherited. It starts it
 * again when it ends, and moves it when another user is switched to.
 * Each returns an exit code and says on standard error what went wrong. */
#pragma once

int service_install(void);
int service_uninstall(void);
int service_run(void);
