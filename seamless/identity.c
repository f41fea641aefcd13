/* oriel-identity - makes a clone of a frozen desktop somebody of its own.
 *
 * Runs in the guest as /usr/lib/oriel/identity, as root, through the guest
 * agent. Reads key=value lines from standard input until its end; the keys
 * and the order of work are in docs/machine.md. All values are checked before
 * the first change; a file is always replaced whole. What fails is told on
 * standard error, the rest is done all the same, and the status is 1.
 *
 * --root DIR works on the files below DIR and leaves kernel and services
 * alone: for tests. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX 4096
#define SEED_MAX  512

struct identity {
	char root[200];
	bool live; /* kernel and services too */
	char hostname[64];
	char machine_id[33];
	unsigned char seed[SEED_MAX];
	size_t seed_length;
	struct timespec time;
	bool has_time, machine_changed;
	int failures;
};

static void complain(struct identity *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void complain(struct identity *self, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("oriel-identity: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	self->failures++;
}

/* ---- input ---- */

static int base64_digit(char c)
{
	static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c ? strchr(DIGITS, c) : NULL;
	return found ? (int)(found - DIGITS) : -1;
}

static bool read_seed(struct identity *self, const char *value)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t length = strcspn(value, "=");
	if (strspn(value + length, "=") != strlen(value + length))
		return false;
	for (size_t i = 0; i < length; i++) {
		int digit = base64_digit(value[i]);
		if (digit < 0 || self->seed_length >= SEED_MAX)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			self->seed[self->seed_length++] =
			    (unsigned char)(bits >> n_bits);
		}
	}
	return true;
}

static bool read_hostname(struct identity *self, const char *value)
{
	size_t length = strlen(value);
	if (length < 1 || length > 63 || value[0] == '-' ||
	    value[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)value[i]) && value[i] != '-')
			return false;
	memcpy(self->hostname, value, length + 1);
	return true;
}

static bool read_machine_id(struct identity *self, const char *value)
{
	if (strlen(value) != 32 || strspn(value, "0123456789abcdef") != 32 ||
	    strspn(value, "0") == 32)
		return false;
	memcpy(self->machine_id, value, 33);
	return true;
}

static bool read_time(struct identity *self, const char *value)
{
	char *end;
	errno = 0;
	long long seconds = strtoll(value, &end, 10);
	if (!isdigit((unsigned char)*value) || errno || seconds > 1LL << 40)
		return false;
	long nanoseconds = 0;
	if (*end == '.') {
		long unit = 100000000;
		for (end++; isdigit((unsigned char)*end); end++, unit /= 10)
			nanoseconds += (*end - '0') * unit;
	}
	self->time = (struct timespec){.tv_sec = (time_t)seconds,
				       .tv_nsec = nanoseconds};
	self->has_time = true;
	return *end == 0;
}

static bool read_input(struct identity *self, char *text)
{
	static const struct {
		const char *key;
		bool (*read)(struct identity *self, const char *value);
	} KEYS[] = {
	    {"time", read_time},
	    {"seed", read_seed},
	    {"hostname", read_hostname},
	    {"machine_id", read_machine_id},
	};
	char *state = NULL;
	for (char *line = strtok_r(text, "\n", &state); line;
	     line = strtok_r(NULL, "\n", &state)) {
		char *value = strchr(line, '=');
		if (!value) {
			complain(self, "a line is no key=value");
			return false;
		}
		*value++ = 0;
		for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
			if (strcmp(line, KEYS[i].key) == 0 &&
			    !KEYS[i].read(self, value)) {
				complain(self,
					 "the value of '%s' makes no "
					 "sense",
					 line);
				return false;
			}
	}
	return true;
}

/* ---- files ---- */

static bool put(struct identity *self, const char *path, const char *text,
		mode_t mode)
{
	char whole[300], fresh[310];
	snprintf(whole, sizeof whole, "%s%s", self->root, path);
	snprintf(fresh, sizeof fresh, "%s.oriel", whole);
	unlink(fresh);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	size_t length = strlen(text);
	bool good = fd >= 0 && fchmod(fd, mode) == 0 &&
		    write(fd, text, length) == (ssize_t)length;
	if (fd >= 0 && close(fd) < 0)
		good = false;
	if (good && rename(fresh, whole) == 0)
		return true;
	complain(self, "'%s' cannot be written: %s", whole, strerror(errno));
	unlink(fresh);
	return false;
}

static void get(const struct identity *self, const char *path, char *text,
		size_t size)
{
	char whole[300];
	snprintf(whole, sizeof whole, "%s%s", self->root, path);
	int fd = open(whole, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, text, size - 1) : 0;
	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = 0;
	text[strcspn(text, "\n")] = 0;
}

static bool exists(const struct identity *self, const char *path)
{
	char whole[300];
	struct stat st;
	snprintf(whole, sizeof whole, "%s%s", self->root, path);
	return lstat(whole, &st) == 0;
}

/* ---- the work, in order ---- */

static void set_clock(struct identity *self)
{
	if (self->live && self->has_time &&
	    clock_settime(CLOCK_REALTIME, &self->time) < 0)
		complain(self, "the clock cannot be set: %s", strerror(errno));
}

static void stir_seed(struct identity *self)
{
	if (!self->live || !self->seed_length)
		return;
	struct {
		struct rand_pool_info info;
		unsigned char bytes[SEED_MAX];
	} pool = {.info = {.entropy_count = (int)self->seed_length * 8,
			   .buf_size = (int)self->seed_length}};
	memcpy(pool.info.buf, self->seed, self->seed_length);
	int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	/* credited where that is allowed, else at least mixed in; then made to
	 * count at once, since the keys below are drawn from it */
	bool good = fd >= 0 && (ioctl(fd, RNDADDENTROPY, &pool) == 0 ||
				write(fd, self->seed, self->seed_length) > 0);
	if (good)
		ioctl(fd, RNDRESEEDCRNG);
	else
		complain(self, "the random seed cannot be used: %s",
			 strerror(errno));
	if (fd >= 0)
		close(fd);
	explicit_bzero(&pool, sizeof pool);
	/* what the next boot would start from is the template's */
	if (unlink("/var/lib/systemd/random-seed") < 0 && errno != ENOENT)
		complain(self, "the old random seed cannot be removed: %s",
			 strerror(errno));
}

static bool set_hostname(struct identity *self)
{
	char old[300], text[400];
	if (!self->hostname[0])
		return false;
	get(self, "/etc/hostname", old, sizeof old);
	if (self->live &&
	    sethostname(self->hostname, strlen(self->hostname)) < 0)
		complain(self, "the host name cannot be set: %s",
			 strerror(errno));
	if (strcmp(old, self->hostname) == 0)
		return false;
	snprintf(text, sizeof text, "%s\n", self->hostname);
	put(self, "/etc/hostname", text, 0644);
	snprintf(text, sizeof text,
		 "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n"
		 "::1\tlocalhost ip6-localhost ip6-loopback\n",
		 self->hostname);
	put(self, "/etc/hosts", text, 0644);
	return true;
}

static void set_machine_id(struct identity *self)
{
	char old[64], text[40];
	if (!self->machine_id[0])
		return;
	get(self, "/etc/machine-id", old, sizeof old);
	if (strcmp(old, self->machine_id) == 0)
		return;
	snprintf(text, sizeof text, "%s\n", self->machine_id);
	self->machine_changed = put(self, "/etc/machine-id", text, 0444);
	/* usually a link to the one above */
	char whole[300];
	struct stat st;
	snprintf(whole, sizeof whole, "%s/var/lib/dbus/machine-id", self->root);
	if (lstat(whole, &st) == 0 && S_ISREG(st.st_mode))
		put(self, "/var/lib/dbus/machine-id", text, 0444);
}

/* ---- SSH host keys ---- */

static pid_t start(const char *const *argv)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	int null = open("/dev/null", O_RDWR);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		/* an agent that reads our errors must not wait for a
		 * background child's end of the pipe */
		dup2(null, 2);
	}
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

static bool wait_for(pid_t pid)
{
	int status;
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void paths_of_key(const struct identity *self, const char *type,
			 char key[320], char fresh[320])
{
	snprintf(key, 320, "%s/etc/ssh/ssh_host_%s_key", self->root, type);
	snprintf(fresh, 320, "%s/etc/ssh/.oriel-%s", self->root, type);
}

static pid_t begin_key(const struct identity *self, const char *type)
{
	char key[320], fresh[320], half[330], comment[80];
	paths_of_key(self, type, key, fresh);
	unlink(fresh);
	snprintf(half, sizeof half, "%s.pub", fresh);
	unlink(half);
	snprintf(comment, sizeof comment, "root@%s", self->hostname);
	const char *argv[] = {"/usr/bin/ssh-keygen",
			      "-q",
			      "-t",
			      type,
			      "-N",
			      "",
			      "-C",
			      comment,
			      "-f",
			      fresh,
			      NULL};
	return start(argv);
}

static bool end_key(const struct identity *self, const char *type, pid_t pid)
{
	char key[320], fresh[320], key_pub[330], fresh_pub[330];
	paths_of_key(self, type, key, fresh);
	snprintf(key_pub, sizeof key_pub, "%s.pub", key);
	snprintf(fresh_pub, sizeof fresh_pub, "%s.pub", fresh);
	return wait_for(pid) && rename(fresh_pub, key_pub) == 0 &&
	       rename(fresh, key) == 0;
}

/* The quick kinds are made at once; RSA, which takes seconds of an emulated
 * CPU, in the background: the old one, shared by all clones, goes first. */
static void make_keys(struct identity *self)
{
	static const struct {
		const char *type;
		bool quick;
	} KINDS[] = {{"ed25519", true}, {"ecdsa", true}, {"rsa", false}};
	if (!exists(self, "/etc/ssh") || access("/usr/bin/ssh-keygen", X_OK))
		return;
	bool any = false;
	for (size_t i = 0; i < 3; i++) {
		char key[320], fresh[320];
		paths_of_key(self, KINDS[i].type, key, fresh);
		bool there = access(key, F_OK) == 0;
		any |= there;
		if (!self->machine_changed && !(i == 0 && !any))
			continue;
		/* a machine that had none yet gets the modern one */
		if (!there && i != 0)
			continue;
		unlink(key);
		if (!KINDS[i].quick) {
			pid_t pid = fork();
			if (pid != 0)
				continue;
			setsid();
			bool good = end_key(self, KINDS[i].type,
					    begin_key(self, KINDS[i].type));
			_exit(good ? 0 : 1);
		}
		if (!end_key(self, KINDS[i].type,
			     begin_key(self, KINDS[i].type)))
			complain(self, "no new %s host key could be made",
				 KINDS[i].type);
	}
}

/* Those who took the old name, id or keys when they started, where they run
 * at all. They do it by themselves, afterwards. */
static void restart_services(struct identity *self, bool renamed)
{
	static const struct {
		const char *unit;
		bool name, id;
	} UNITS[] = {
	    {"systemd-hostnamed.service", true, true},
	    {"systemd-networkd.service", false, true},
	    {"ssh.service", false, true},
	};
	const char *argv[8] = {"/usr/bin/systemctl", "--no-block",
			       "try-restart"};
	size_t n = 3;
	for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++) {
		char path[200];
		snprintf(path, sizeof path, "/sys/fs/cgroup/system.slice/%s",
			 UNITS[i].unit);
		if (((UNITS[i].name && renamed) ||
		     (UNITS[i].id && self->machine_changed)) &&
		    access(path, F_OK) == 0)
			argv[n++] = UNITS[i].unit;
	}
	if (self->live && n > 3)
		start(argv); /* not waited for */
}

int main(int argc, char **argv)
{
	static struct identity self = {.live = true};
	static char input[INPUT_MAX];
	if (argc == 3 && strcmp(argv[1], "--root") == 0 &&
	    strlen(argv[2]) < sizeof self.root) {
		strcpy(self.root, argv[2]);
		self.live = false;
	} else if (argc != 1) {
		fprintf(stderr, "Usage: oriel-identity [--root DIR] <LINES\n");
		return 2;
	}
	umask(022);
	size_t length = 0;
	ssize_t got;
	while (length < sizeof input - 1 &&
	       (got = read(0, input + length, sizeof input - 1 - length)) > 0)
		length += (size_t)got;
	if (length == sizeof input - 1 || strlen(input) != length) {
		complain(&self, "the input is too long or no text");
		return 1;
	}
	if (!read_input(&self, input))
		return 1;
	set_clock(&self);
	stir_seed(&self);
	bool renamed = set_hostname(&self);
	set_machine_id(&self);
	make_keys(&self);
	restart_services(&self, renamed);
	if (self.failures)
		return 1;
	puts("ok");
	return 0;
}
