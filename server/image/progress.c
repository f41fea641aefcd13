#include "server/image/progress.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"

static const struct {
	const char *name;
	unsigned share; /* of PROGRESS_TOTAL */
} STAGE[STAGES] = {
    [STAGE_CHECK] = {"check", 5},
    [STAGE_LISTS] = {"lists", 50},
    [STAGE_FETCH] = {"fetch", 25},
    [STAGE_BASE] = {"base", 130},
    [STAGE_DOWNLOAD] = {"download", 75},
    [STAGE_UNPACK] = {"unpack", 290},
    [STAGE_CONFIGURE] = {"configure", 255},
    [STAGE_SETUP] = {"setup", 50},
    [STAGE_DISK] = {"disk", 60},
    [STAGE_CONVERT] = {"convert", 40},
    [STAGE_FINISH] = {"finish", 20},
};

struct progress {
	int fd;
	gboolean terminal;
	enum progress_stage stage;
	unsigned done;
	char *message;
	gint64 begun, shown; /* microseconds, monotonic */
};

struct progress *progress_new(int fd, gboolean terminal)
{
	struct progress *self = g_new0(struct progress, 1);
	self->fd = fd;
	self->terminal = terminal;
	self->message = g_strdup("");
	self->begun = g_get_monotonic_time();
	return self;
}

void progress_free(struct progress *self)
{
	if (!self)
		return;
	g_free(self->message);
	g_free(self);
}

static void put_line(struct progress *self, json_t *line)
{
	if (self->fd < 0)
		return;
	char *text = json_dumps(line, JSON_COMPACT);
	g_autoptr(GString) whole = g_string_new(text);
	free(text);
	g_string_append_c(whole, '\n');
	for (gsize at = 0; at < whole->len;) {
		ssize_t put = write(self->fd, whole->str + at, whole->len - at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			break; /* the reader is gone: child_cancelled() tells */
		at += (gsize)put;
	}
}

static void draw(struct progress *self)
{
	struct winsize size = {0};
	int columns =
	    ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 30
		? size.ws_col
		: 80;
	const int width = 24;
	int full = (int)(self->done * (unsigned)width / PROGRESS_TOTAL);
	char bar[25];
	memset(bar, ' ', sizeof bar);
	memset(bar, '#', (gsize)full);
	bar[width] = 0;
	double elapsed = (double)(g_get_monotonic_time() - self->begun) / 1e6;
	g_autofree char *left = g_strdup("");
	/* an estimate from the first few units is a guess that jumps */
	if (self->done > 60 && self->done < PROGRESS_TOTAL) {
		double rest =
		    elapsed / self->done * (PROGRESS_TOTAL - self->done);
		g_free(left);
		left = g_strdup_printf(", about %.0f s left", ceil(rest));
	}
	g_autofree char *line = g_strdup_printf(
	    "[%s] %3u%%  %s%s", bar, self->done * 100 / PROGRESS_TOTAL,
	    self->message, left);
	if (g_utf8_strlen(line, -1) >= columns)
		*g_utf8_offset_to_pointer(line, columns - 1) = 0;
	fprintf(stderr, "\r\033[K%s", line);
	fflush(stderr);
}

void progress_set(struct progress *self, enum progress_stage stage,
		  double fraction, const char *message)
{
	unsigned before = 0;
	for (unsigned i = 0; i < (unsigned)stage; i++)
		before += STAGE[i].share;
	fraction = CLAMP(fraction, 0.0, 1.0);
	unsigned done = before + (unsigned)(fraction * STAGE[stage].share);
	gboolean entered = stage > self->stage ||
			   (message && strcmp(message, self->message) != 0);
	if (done < self->done)
		done = self->done;
	if (stage < self->stage)
		stage = self->stage;
	gint64 now = g_get_monotonic_time();
	/* ten lines a second are plenty for any bar */
	if (!entered && (done == self->done || now - self->shown < 100000)) {
		self->done = done;
		return;
	}
	if (stage == self->stage && done == self->done && self->shown &&
	    now - self->shown < 100000)
		return;
	self->stage = stage;
	self->done = done;
	self->shown = now;
	if (message && message != self->message) {
		g_free(self->message);
		self->message = g_strdup(message);
	}
	json_t *line = json_pack("{s:s, s:i, s:i, s:s}", "stage",
				 STAGE[stage].name, "done", (int)done, "total",
				 (int)PROGRESS_TOTAL, "message", self->message);
	put_line(self, line);
	json_decref(line);
	if (self->terminal)
		draw(self);
}

void progress_done(struct progress *self, json_t *manifest)
{
	self->shown = 0;
	progress_set(self, STAGE_FINISH, 1.0, "The image is ready");
	json_t *line =
	    json_pack("{s:s, s:O}", "result", "done", "manifest", manifest);
	put_line(self, line);
	json_decref(line);
	if (self->terminal)
		fprintf(stderr, "\n");
}

void progress_failed(struct progress *self, const GError *error)
{
	json_t *line = json_pack("{s:o}", "error", jsonline_from_error(error));
	put_line(self, line);
	json_decref(line);
	if (self->terminal)
		fprintf(stderr, "\r\033[K");
}

/* ---- what mmdebstrap, apt and dpkg print ---- */

/* "17.2 MB", "1,904 kB", "845 B" in bytes; 0 for anything else */
static double size_of(const char *text)
{
	char plain[24], *end;
	gsize length = 0;
	for (; *text && length + 1 < sizeof plain; text++)
		if (*text != ',')
			plain[length++] = *text;
	plain[length] = 0;
	double value = g_ascii_strtod(plain, &end);
	while (*end == ' ')
		end++;
	switch (*end) {
	case 'k':
		return value * 1e3;
	case 'M':
		return value * 1e6;
	case 'G':
		return value * 1e9;
	case 'B':
		return value;
	default:
		return 0;
	}
}

static void read_fetch(struct progress_reader *self, const char *line)
{
	/* Get:12 URI SUITE PACKAGE ARCH VERSION [123 kB] */
	const char *size = strrchr(line, '[');
	g_auto(GStrv) words = g_strsplit(line, " ", 7);
	if (!size || g_strv_length(words) < 6)
		return;
	if (!self->packages) /* still the package lists */
		return;
	self->fetched += size_of(size + 1);
	g_autofree char *message = g_strdup_printf("Fetching %s", words[4]);
	progress_set(self->progress, self->phase ? STAGE_DOWNLOAD : STAGE_FETCH,
		     self->bytes > 0 ? self->fetched / self->bytes : 0,
		     message);
}

static void read_dpkg(struct progress_reader *self, const char *line)
{
	if (!self->packages) /* a hook's own, ahead of the lists */
		return;
	gboolean unpack = g_str_has_prefix(line, "Unpacking ");
	const char *name = line + strlen(unpack ? "Unpacking " : "Setting up ");
	gsize length = strcspn(name, " :");
	g_autofree char *message = g_strdup_printf(
	    unpack ? "Unpacking %.*s" : "Setting up %.*s", (int)length, name);
	unsigned *count = unpack ? &self->unpacked : &self->configured;
	double total = self->packages;
	++*count;
	if (!self->phase)
		progress_set(self->progress, STAGE_BASE,
			     (self->unpacked + self->configured) / total / 2,
			     message);
	else
		progress_set(self->progress,
			     unpack ? STAGE_UNPACK : STAGE_CONFIGURE,
			     *count / total, message);
}

void progress_read(struct progress_reader *self, const char *line)
{
	unsigned installed;
	if (g_str_has_prefix(line, "I: running apt-get update")) {
		progress_set(self->progress, STAGE_LISTS, 0,
			     "Reading the package lists");
	} else if (g_str_has_prefix(line, "I: extracting archives")) {
		progress_set(self->progress, STAGE_BASE, 0,
			     "Unpacking the base system");
	} else if (g_str_has_prefix(line, "I: installing remaining")) {
		*self = (struct progress_reader){.progress = self->progress,
						 .phase = 1};
		progress_set(self->progress, STAGE_DOWNLOAD, 0,
			     "Choosing packages");
	} else if (sscanf(line, "%*u upgraded, %u newly installed",
			  &installed) == 1) {
		self->packages = installed;
	} else if (g_str_has_prefix(line, "Need to get ")) {
		self->bytes = size_of(line + strlen("Need to get "));
	} else if (g_str_has_prefix(line, "Get:")) {
		read_fetch(self, line);
	} else if (g_str_has_prefix(line, "Unpacking ") ||
		   g_str_has_prefix(line, "Setting up ")) {
		read_dpkg(self, line);
	} else if (g_str_has_prefix(line, "oriel-stage: setup ")) {
		progress_set(self->progress, STAGE_SETUP, 0,
			     line + strlen("oriel-stage: setup "));
	} else if (g_str_has_prefix(line, "oriel-stage: disk ")) {
		progress_set(self->progress, STAGE_DISK, 0,
			     line + strlen("oriel-stage: disk "));
	}
}
