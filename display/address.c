#include "display/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)address)
				 ->sin_addr.s_addr) >>
			   24 ==
		       127;
	return address->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(
		   &((const struct sockaddr_in6 *)address)->sin6_addr);
}

static int listen_tcp(const char *address, bool open, GError **error)
{
	const char *colon = strrchr(address, ':');
	if (!colon || colon == address || !colon[1]) {
		fault_set(error, FAULT_INVALID,
			  "Give unix:PATH or HOST:PORT, such as "
			  "127.0.0.1:5901.",
			  "\"%s\" is not an address.", address);
		return -1;
	}
	g_autofree char *host = g_strndup(address, colon - address);
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		memmove(host, host + 1, strlen(host));
	}
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	int result = getaddrinfo(host, colon + 1, &hints, &found);
	if (result) {
		fault_set(error, FAULT_INVALID,
			  "Give an address of this machine and a port number.",
			  "\"%s\" is not an address: %s.", address,
			  gai_strerror(result));
		return -1;
	}
	int fd = -1, on = 1;
	if (open && !is_loopback(found->ai_addr)) {
		fault_set(error, FAULT_DENIED,
			  "Give --ticket-file FILE, or listen on 127.0.0.1.",
			  "Serving %s without authentication is refused: "
			  "--no-auth is for loopback only.",
			  address);
		freeaddrinfo(found);
		return -1;
	}
	fd = socket(found->ai_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) < 0 ||
	    listen(fd, 64) < 0) {
		int code = errno;
		fault_set(
		    error,
		    code == EADDRINUSE ? FAULT_CONFLICT : FAULT_UNAVAILABLE,
		    code == EADDRINUSE
			? "Choose another port, or stop what uses it."
			: NULL,
		    "Cannot listen on %s: %s.", address, g_strerror(code));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

int address_listen(const char *address, bool ticket, bool no_auth, bool *local,
		   GError **error)
{
	*local = g_str_has_prefix(address, "unix:");
	if (*local)
		return paths_unix_listen(address + 5, 0600, error);
	if (ticket || no_auth)
		return listen_tcp(address, !ticket, error);
	fault_set(error, FAULT_INVALID,
		  "Give --ticket-file FILE; --no-auth is for trying "
		  "things out on loopback.",
		  "A network address needs authentication.");
	return -1;
}
