#include "server/gateway/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t parse(const char *text, guint16 port, union address *address)
{
	*address = (union address){0};
	if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons(port);
		return sizeof address->v4;
	}
	if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
		address->v6.sin6_family = AF_INET6;
		address->v6.sin6_port = htons(port);
		return sizeof address->v6;
	}
	return 0;
}

static void set_fault(GError **error, int err, const char *address,
		      guint16 port, const char *option)
{
	g_autofree char *remedy = NULL;
	const char *state = g_strerror(err);
	if (err == EADDRINUSE) {
		state = "another program has it";
		remedy = g_strdup_printf("See which with: ss -ltnp 'sport = "
					 ":%u'. Stop it, or take another port "
					 "with %s N.",
					 port, option);
	} else if (err == EACCES) {
		remedy = g_strdup_printf("Ports below 1024 need privileges; "
					 "take another with %s N.",
					 option);
	} else if (err == EADDRNOTAVAIL) {
		remedy = g_strdup("Give an address of this machine with "
				  "--listen: 'ip address' lists them.");
	}
	fault_set(error, err == EADDRINUSE ? FAULT_CONFLICT : FAULT_UNAVAILABLE,
		  remedy, "Port %u of address %s cannot be served: %s.", port,
		  address, state);
}

int listen_tcp(const char *address, guint16 *port, const char *option,
	       GError **error)
{
	union address at;
	socklen_t size = parse(address, *port, &at);
	if (!size) {
		fault_set(error, FAULT_INVALID,
			  "Give one with --listen, e.g. 127.0.0.1 or ::.",
			  "'%s' is no IP address.", address);
		return -1;
	}
	int fd = socket(at.any.sa_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 && errno == EAFNOSUPPORT && strcmp(address, "::") == 0)
		return listen_tcp("0.0.0.0", port, option, error);
	int on = 1, off = 0;
	/* the connections of a gateway before us may still be closing */
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd >= 0 && at.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (fd < 0 || bind(fd, &at.any, size) < 0 ||
	    listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, &at.any, &(socklen_t){sizeof at}) < 0) {
		set_fault(error, errno, address, *port, option);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*port = ntohs(at.any.sa_family == AF_INET ? at.v4.sin_port
						  : at.v6.sin6_port);
	return fd;
}
