/* notify.h - sd_notify(3) without its library.
 *
 * Nothing happens where no service manager asked ($NOTIFY_SOCKET). Threads:
 * the main one. Errors: none; the service manager's time limits tell. */
#pragma once

#include <glib.h>

/* A connected socket for READY=1 and the like, or -1. Its environment
 * variable is removed, so that children do not speak for us. */
int notify_socket(void);

/* "READY=1", "STATUS=...", newline-separated. */
void notify_send(int fd, const char *words);

/* Half of the watchdog's period in ms, 0 when there is none. */
unsigned notify_watchdog_ms(void);
