#include "server/gateway/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fault.h"

/* connection, broker, display, log, and a path's folder while connecting */
#define FILES 24
/* far above what a worker needs (1 MiB), far below what would hurt */
#define MEMORY (128ul << 20)

struct jail {
	struct sock_fprog program;
};

/* Each with what needs it. */
static const int plain[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(close),
    SCMP_SYS(shutdown),
    SCMP_SYS(connect),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(fcntl), /* non-blocking */
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk), /* malloc */
    SCMP_SYS(futex),
    SCMP_SYS(getrandom), /* libcrypto */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid), /* libcrypto notices a fork */
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(tgkill), /* abort */
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

static gboolean add_rules(scmp_filter_ctx filter)
{
	const uint32_t allow = SCMP_ACT_ALLOW;
	int failed = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(plain); i++)
		failed |= seccomp_rule_add(filter, allow, plain[i], 0);
	failed |= seccomp_rule_add(filter, allow, SCMP_SYS(socket), 1,
				   SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	/* a socket path too long for an address is reached by its folder */
	failed |= seccomp_rule_add(filter, allow, SCMP_SYS(openat), 1,
				   SCMP_A2(SCMP_CMP_MASKED_EQ, O_PATH, O_PATH));
	failed |= seccomp_rule_add(filter, allow, SCMP_SYS(ioctl), 1,
				   SCMP_A1(SCMP_CMP_EQ, SIOCOUTQ));
	failed |= seccomp_rule_add(filter, allow, SCMP_SYS(mmap), 1,
				   SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	failed |= seccomp_rule_add(filter, allow, SCMP_SYS(mprotect), 1,
				   SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return failed == 0;
}

/* The compiled filter, by way of a file in memory. */
static gboolean compile(struct jail *jail, scmp_filter_ctx filter)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	struct stat st;
	gboolean done = FALSE;
	if (fd >= 0 && seccomp_export_bpf(filter, fd) == 0 &&
	    fstat(fd, &st) == 0 && st.st_size > 0 &&
	    st.st_size % (off_t)sizeof(struct sock_filter) == 0) {
		gsize size = (gsize)st.st_size;
		jail->program.filter = g_malloc(size);
		jail->program.len =
		    (unsigned short)(size / sizeof(struct sock_filter));
		done =
		    pread(fd, jail->program.filter, size, 0) == (ssize_t)size;
	}
	if (fd >= 0)
		close(fd);
	return done;
}

struct jail *jail_new(GError **error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	struct jail *jail = g_new0(struct jail, 1);
	gboolean done = filter && add_rules(filter) && compile(jail, filter);
	if (filter)
		seccomp_release(filter);
	if (done)
		return jail;
	jail_free(jail);
	fault_set(error, FAULT_UNAVAILABLE, NULL,
		  "The system call filter for connections cannot be built.");
	return NULL;
}

void jail_free(struct jail *jail)
{
	if (!jail)
		return;
	g_free(jail->program.filter);
	g_free(jail);
}

static gboolean limit(int what, rlim_t most)
{
	const struct rlimit both = {most, most};
	return setrlimit(what, &both) == 0;
}

gboolean jail_enter(const struct jail *jail, GError **error)
{
	gboolean done = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
			prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
			limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, FILES) &&
#ifndef __SANITIZE_ADDRESS__ /* which maps terabytes and reads /proc */
			limit(RLIMIT_DATA, MEMORY) &&
			(!jail || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
					  0, &jail->program) == 0) &&
#endif
			TRUE;
	if (!done)
		fault_set(error, FAULT_INTERNAL, NULL,
			  "A connection's process cannot be confined: %s.",
			  g_strerror(errno));
	return done;
}
