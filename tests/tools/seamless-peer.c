/* seamless-peer - plays the client's side of seamless windows, for tests.
 *
 * Connects to an agent's socket, keeps the windows it is told about, and can
 * look at the agent's X screen to compare the atlas with the windows' own
 * pixmaps. Commands come as lines on stdin (seamless-peer-commands.c);
 * everything that happens goes to stdout as one JSON object a line. Rules of
 * docs/seamless.md that the agent must keep (order, serials, sizes, no overlap)
 * are checked all the time; a breach is an event "breach".
 *
 *   seamless-peer SOCKET|tcp:PORT [DISPLAY] */
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/Xcomposite.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <jansson.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/paths.h"
#include "tests/tools/seamless-peer.h"

struct peer peer = {.fd = -1, .auto_release = true, .auto_ack = true};
static uint32_t serial, guest_serial;
static bool syncing;
static GHashTable *seen; /* during a sync: ids repeated */
static uint8_t in[SEAM_MESSAGE_MAX];
static size_t in_used;
static GByteArray *out;
static guint out_source;
static unsigned popups;

void say(json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	puts(text);
	fflush(stdout);
	free(text);
	json_decref(object);
}

static void breach(uint32_t id, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void breach(uint32_t id, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	g_autofree char *text = g_strdup_vprintf(format, list);
	va_end(list);
	say(json_pack("{sssiss}", "event", "breach", "id", (int)id, "text",
		      text));
}

static gboolean on_writable(int f, GIOCondition condition, gpointer data)
{
	ssize_t n = write(peer.fd, out->data, out->len);
	if (n > 0)
		g_byte_array_remove_range(out, 0, (guint)n);
	if (n < 0 && errno != EAGAIN)
		g_byte_array_set_size(out, 0);
	if (out->len)
		return G_SOURCE_CONTINUE;
	out_source = 0;
	return G_SOURCE_REMOVE;
}

void push(const uint8_t *bytes, size_t size)
{
	g_byte_array_append(out, bytes, (guint)size);
	if (!out_source)
		out_source =
		    g_unix_fd_add(peer.fd, G_IO_OUT, on_writable, NULL);
}

uint32_t send_message(struct seam_message *message)
{
	static uint8_t wire[SEAM_MESSAGE_MAX];
	size_t used;
	message->serial = ++serial;
	enum seam_status status = seam_write(message, wire, sizeof wire, &used);
	if (status != SEAM_OK) {
		say(json_pack("{ssss}", "event", "unsendable", "text",
			      seam_status_text(status)));
		return 0;
	}
	push(wire, used);
	return serial;
}

void send_bare(unsigned type, uint32_t id)
{
	struct seam_message m = {.type = (uint16_t)type, .window = id};
	send_message(&m);
}

void send_hello(void)
{
	struct seam_message m = {.type = SEAM_HELLO};
	m.hello = (struct seam_hello){
	    SEAM_VERSION, SEAM_CAP_ATLAS | SEAM_CAP_APPS | SEAM_CAP_TRAY,
	    SEAM_WINDOWS_MAX, SEAM_PIXELS_MAX,
	    seam_text_of("seamless-peer", 64)};
	send_message(&m);
}

struct win *find(uint32_t id)
{
	return g_hash_table_lookup(peer.windows, GUINT_TO_POINTER(id));
}

static json_t *text_of(struct seam_text t)
{
	return json_stringn(t.bytes ? t.bytes : "", t.size);
}

json_t *rect_of(struct seam_rect r)
{
	return json_pack("[iiii]", r.x, r.y, (int)r.width, (int)r.height);
}

void configure(struct win *w, struct seam_rect area, uint32_t states)
{
	struct seam_message m = {.type = SEAM_CONFIGURE, .window = w->id};
	m.configure.area = area;
	m.configure.states = states;
	w->area = area;
	w->states = states;
	w->asked = send_message(&m);
	w->asked_width = area.width;
	w->asked_height = area.height;
	say(json_pack("{sssisi}", "event", "sent", "id", (int)w->id, "serial",
		      (int)w->asked));
}

/* ---- the agent's messages ---- */

static bool overlap(const struct win *a, const struct win *b)
{
	const struct seam_commit *p = &a->commit, *q = &b->commit;
	/* with the stamps' rows */
	return p->head == q->head && p->atlas_x < q->atlas_x + q->width &&
	       q->atlas_x < p->atlas_x + p->width &&
	       p->atlas_y - 1 < q->atlas_y + q->height &&
	       q->atlas_y - 1 < p->atlas_y + p->height;
}

static void take_commit(struct win *w, const struct seam_commit *c)
{
	if (!w->props)
		breach(w->id, "COMMIT before WIN_PROPS");
	if (w->committed && c->frame != w->commit.frame + 1)
		breach(w->id, "frame %u after %u", c->frame, w->commit.frame);
	bool resized = w->commit.width && (c->width != w->commit.width ||
					   c->height != w->commit.height);
	if (resized && (int32_t)(c->generation - w->commit.generation) <= 0)
		breach(w->id, "a new size without a new generation");
	if (c->configure) {
		if ((int32_t)(c->configure - w->asked) > 0)
			breach(w->id, "answer to %u, which was not asked",
			       c->configure);
		if (c->configure == w->asked) {
			if (!c->refused && (c->width != w->asked_width ||
					    c->height != w->asked_height))
				breach(w->id, "answer with %ux%u to %ux%u",
				       c->width, c->height, w->asked_width,
				       w->asked_height);
			w->asked = 0;
		}
	}
	for (uint32_t i = 0; i < c->damage.count; i++) {
		struct seam_rect r = seam_rect_at(c->damage, i);
		if (r.x < 0 || r.y < 0 || (uint32_t)r.x + r.width > c->width ||
		    (uint32_t)r.y + r.height > c->height)
			breach(w->id, "damage beyond the window");
	}
	w->commit = *c;
	w->committed = true;
	GHashTableIter iter;
	gpointer other;
	g_hash_table_iter_init(&iter, peer.windows);
	while (g_hash_table_iter_next(&iter, NULL, &other)) {
		struct win *o = other;
		if (o != w && o->commit.width && overlap(w, o))
			breach(w->id, "its rectangle lies over that of %u",
			       o->id);
	}
	say(json_pack("{sssisisisisbs[iiii]si}", "event", "commit", "id",
		      (int)w->id, "generation", (int)c->generation, "frame",
		      (int)c->frame, "configure", (int)c->configure, "refused",
		      (int)c->refused, "atlas", (int)c->atlas_x,
		      (int)c->atlas_y, (int)c->width, (int)c->height, "damage",
		      (int)c->damage.count));
	if (peer.auto_release) {
		struct seam_message m = {.type = SEAM_RELEASE, .window = w->id};
		m.release.frame = c->frame;
		send_message(&m);
	}
}

static void take_create(const struct seam_message *m)
{
	struct win *w = find(m->window);
	if (w && !syncing)
		breach(m->window, "created twice");
	if (!w) {
		w = g_new0(struct win, 1);
		g_hash_table_insert(peer.windows, GUINT_TO_POINTER(m->window),
				    w);
		if (m->win_create.kind != SEAM_TOPLEVEL)
			popups++;
	}
	if (m->win_create.parent && !find(m->win_create.parent))
		breach(m->window, "unknown parent");
	w->id = m->window;
	w->kind = m->win_create.kind;
	w->parent = m->win_create.parent;
	w->area = m->win_create.area;
	g_hash_table_add(seen, GUINT_TO_POINTER(m->window));
	say(json_pack("{sssisisiso}", "event", "create", "id", (int)w->id,
		      "kind", (int)w->kind, "parent", (int)w->parent, "area",
		      rect_of(w->area)));
}

static void take_props(struct win *w, const struct seam_win_props *p)
{
	w->props = true;
	say(json_pack(
	    "{sssisososo si si si si si si s[iiiiiiii] si si}", "event",
	    "props", "id", (int)w->id, "title", text_of(p->title), "app",
	    text_of(p->app_id), "role", text_of(p->role), "pid", (int)p->pid,
	    "transient", (int)p->transient_for, "traits", (int)p->traits,
	    "states", (int)p->states, "type", (int)p->type, "opacity",
	    (int)p->opacity, "sizes", (int)p->min_width, (int)p->min_height,
	    (int)p->max_width, (int)p->max_height, (int)p->base_width,
	    (int)p->base_height, (int)p->step_width, (int)p->step_height,
	    "shape", (int)p->shape.count, "input", (int)p->input.count));
}

static void take_windowed(struct win *w, const struct seam_message *m)
{
	int id = (int)w->id;
	switch (m->type) {
	case SEAM_WIN_PROPS:
		take_props(w, &m->win_props);
		break;
	case SEAM_WIN_ICON:
		say(json_pack("{sssisisisisi}", "event", "icon", "id", id,
			      "width", (int)m->picture.width, "height",
			      (int)m->picture.height, "offset",
			      (int)m->picture.offset, "bytes",
			      (int)m->picture.piece.size));
		break;
	case SEAM_COMMIT:
		take_commit(w, &m->commit);
		break;
	case SEAM_GEOM_REQ:
		say(json_pack("{sssisiso}", "event", "geom", "id", id, "based",
			      (int)m->geom_req.based_on, "area",
			      rect_of(m->geom_req.area)));
		if (w->kind != SEAM_TOPLEVEL)
			w->area = m->geom_req.area;
		else if (peer.auto_configure)
			configure(w, m->geom_req.area, w->states);
		break;
	case SEAM_STATE_REQ:
		say(json_pack("{sssisisi}", "event", "state", "id", id, "set",
			      (int)m->state_req.set, "clear",
			      (int)m->state_req.clear));
		if (peer.auto_configure)
			configure(w, w->area,
				  (w->states | m->state_req.set) &
				      ~m->state_req.clear);
		break;
	case SEAM_MOVE_START:
		say(json_pack("{sssisisi}", "event", "move", "id", id, "edge",
			      (int)m->move_start.edge, "button",
			      (int)m->move_start.button));
		break;
	case SEAM_WIN_DESTROY:
		if (w->kind != SEAM_TOPLEVEL)
			popups--;
		g_hash_table_remove(peer.windows, GUINT_TO_POINTER(w->id));
		say(json_pack("{sssi}", "event", "destroy", "id", id));
		if (peer.auto_ack)
			send_bare(SEAM_DESTROY_ACK, (uint32_t)id);
		break;
	default:
		say(json_pack("{sssi}", "event", seam_type_name(m->type), "id",
			      id));
	}
}

static gboolean not_seen(gpointer id, gpointer window, gpointer data)
{
	return !g_hash_table_contains(seen, id);
}

static void take(const struct seam_message *m)
{
	if (m->serial != guest_serial + 1 && m->type != SEAM_HELLO)
		breach(m->window, "serial %u after %u", m->serial,
		       guest_serial);
	guest_serial = m->serial;
	switch (m->type) {
	case SEAM_HELLO:
		say(json_pack("{sssiso}", "event", "hello", "version",
			      (int)m->hello.version, "name",
			      text_of(m->hello.name)));
		return;
	case SEAM_PONG:
		say(json_pack("{sssi}", "event", "pong", "value",
			      (int)m->ping.value));
		return;
	case SEAM_ERROR:
		say(json_pack("{sssiso}", "event", "error", "code",
			      (int)m->error.code, "text",
			      text_of(m->error.text)));
		return;
	case SEAM_SYNC_BEGIN:
		syncing = true;
		g_hash_table_remove_all(seen);
		say(json_pack("{ss}", "event", "sync-begin"));
		return;
	case SEAM_SYNC_END:
		syncing = false;
		g_hash_table_foreach_remove(peer.windows, not_seen, NULL);
		say(json_pack("{sssi}", "event", "sync-end", "windows",
			      (int)g_hash_table_size(peer.windows)));
		return;
	case SEAM_WIN_CREATE:
		take_create(m);
		return;
	case SEAM_CURSOR:
		say(json_pack("{sssisis[ii]}", "event", "cursor", "width",
			      (int)m->picture.width, "height",
			      (int)m->picture.height, "hot", m->picture.hot_x,
			      m->picture.hot_y));
		return;
	case SEAM_BELL:
		say(json_pack("{sssi}", "event", "bell", "percent",
			      (int)m->bell.percent));
		return;
	case SEAM_NOTIFY:
		say(json_pack(
		    "{sssisisosososi}", "event", "notify", "id",
		    (int)m->notify.id, "urgency", (int)m->notify.urgency, "app",
		    text_of(m->notify.app), "summary",
		    text_of(m->notify.summary), "body", text_of(m->notify.body),
		    "timeout", (int)m->notify.timeout_ms));
		return;
	case SEAM_APP:
		say(json_pack("{sssosososo}", "event", "app", "id",
			      text_of(m->app.id), "name", text_of(m->app.name),
			      "categories", text_of(m->app.categories), "mime",
			      text_of(m->app.mime_types)));
		return;
	case SEAM_APP_ICON:
		say(json_pack(
		    "{sssosisisi}", "event", "app-icon", "id",
		    text_of(m->picture.app), "width", (int)m->picture.width,
		    "height", (int)m->picture.height, "bytes",
		    (int)(m->picture.offset + m->picture.piece.size)));
		return;
	case SEAM_APP_GONE:
		say(json_pack("{ssso}", "event", "app-gone", "id",
			      text_of(m->app_gone.id)));
		return;
	case SEAM_LAUNCH_RESULT:
		say(json_pack("{sssisbso}", "event", "launched", "token",
			      (int)m->launch_result.token, "failed",
			      (int)m->launch_result.failed, "text",
			      text_of(m->launch_result.text)));
		return;
	case SEAM_LAUNCH_WINDOW:
		say(json_pack("{sssisi}", "event", "launch-window", "id",
			      (int)m->window, "token",
			      (int)m->launch_window.token));
		return;
	case SEAM_LAUNCH_OVER:
		say(json_pack("{sssisbso}", "event", "launch-over", "token",
			      (int)m->launch_over.token, "failed",
			      (int)m->launch_over.failed, "text",
			      text_of(m->launch_over.text)));
		return;
	}
	if (transfer_message(m))
		return;
	struct win *w = find(m->window);
	if (w)
		take_windowed(w, m);
	else
		breach(m->window, "%s of an unknown window",
		       seam_type_name(m->type));
}

static gboolean on_agent(int f, GIOCondition condition, gpointer data)
{
	ssize_t n = read(peer.fd, in + in_used, sizeof in - in_used);
	if (n < 0 && errno == EAGAIN)
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		say(json_pack("{ss}", "event", "closed"));
		g_main_loop_quit(peer.loop);
		return G_SOURCE_REMOVE;
	}
	in_used += (size_t)n;
	size_t at = 0, used;
	while (at < in_used) {
		struct seam_message m;
		enum seam_status status =
		    seam_parse(in + at, in_used - at, &m, &used);
		if (status == SEAM_MORE)
			break;
		if (status == SEAM_OK) {
			take(&m);
		} else if (status != SEAM_UNKNOWN) {
			breach(0, "%s", seam_status_text(status));
			g_main_loop_quit(peer.loop);
			return G_SOURCE_REMOVE;
		}
		at += used;
	}
	memmove(in, in + at, in_used - at);
	in_used -= at;
	return G_SOURCE_CONTINUE;
}

/* ---- the atlas ---- */

static int on_x_error(Display *d, XErrorEvent *event)
{
	return 0;
}

/* X peer.windows by the ids that the agent gave them. */
static GHashTable *x_windows(void)
{
	GHashTable *table = g_hash_table_new(NULL, NULL);
	Window root, parent, *children = NULL;
	unsigned n = 0;
	Atom atom = XInternAtom(peer.display, "_ORIEL_WINDOW", False);
	XQueryTree(peer.display, DefaultRootWindow(peer.display), &root,
		   &parent, &children, &n);
	for (unsigned i = 0; i < n; i++) {
		Atom type;
		int format;
		unsigned long items, rest;
		unsigned char *value = NULL;
		if (XGetWindowProperty(peer.display, children[i], atom, 0, 1,
				       False, AnyPropertyType, &type, &format,
				       &items, &rest, &value) == Success &&
		    value && items == 1 && format == 32)
			g_hash_table_insert(
			    table, GUINT_TO_POINTER(*(unsigned long *)value),
			    GUINT_TO_POINTER(children[i]));
		if (value)
			XFree(value);
	}
	XFree(children);
	return table;
}

/* -1 equal, else the number of pixels that differ. */
static long compare(const struct win *w, Window window, char **why)
{
	const struct seam_commit *c = &w->commit;
	long wrong = 0;
	Pixmap pixmap = XCompositeNameWindowPixmap(peer.display, window);
	Window root;
	int x, y;
	unsigned width = 0, height = 0, border, depth;
	if (!XGetGeometry(peer.display, pixmap, &root, &x, &y, &width, &height,
			  &border, &depth)) {
		*why = g_strdup("it has no pixmap");
		return 1;
	}
	if (width != c->width || height != c->height) {
		*why = g_strdup_printf("the pixmap is %ux%u, committed %ux%u",
				       width, height, c->width, c->height);
		XFreePixmap(peer.display, pixmap);
		return 1;
	}
	XImage *is = XGetImage(peer.display, DefaultRootWindow(peer.display),
			       (int)c->atlas_x, (int)c->atlas_y - 1, width,
			       height + 1, AllPlanes, ZPixmap);
	XImage *be = XGetImage(peer.display, pixmap, 0, 0, width, height,
			       AllPlanes, ZPixmap);
	if (!is || !be) {
		*why = g_strdup("its pixels cannot be read");
		wrong = 1;
	} else {
		const uint32_t *stamp = (const uint32_t *)is->data;
		if ((stamp[0] & 0xffffff) != 0x4f5249 ||
		    (width > 1 &&
		     (stamp[1] & 0xffffff) != (w->id & 0xffffff)) ||
		    (width > 3 && (stamp[3] & 0xffffff) < c->frame)) {
			*why = g_strdup_printf("the stamp is %x %x %x %x",
					       stamp[0], stamp[1], stamp[2],
					       stamp[3]);
			wrong++;
		}
		for (unsigned row = 0; row < height; row++) {
			const uint32_t *p =
			    (const uint32_t *)(is->data +
					       (row + 1) *
						   (unsigned)
						       is->bytes_per_line);
			const uint32_t *q =
			    (const uint32_t *)(be->data +
					       row * (unsigned)
							 be->bytes_per_line);
			for (unsigned i = 0; i < width; i++)
				wrong += (p[i] ^ q[i]) << 8 != 0;
		}
		if (wrong && !*why)
			*why = g_strdup_printf("%ld pixels differ", wrong);
	}
	if (is)
		XDestroyImage(is);
	if (be)
		XDestroyImage(be);
	XFreePixmap(peer.display, pixmap);
	return wrong ? wrong : -1;
}

/* How far a popup lies from where the client has been told, in pixels. */
static int misplaced(const struct win *w, GHashTable *table)
{
	Window own = GPOINTER_TO_UINT(
	    g_hash_table_lookup(table, GUINT_TO_POINTER(w->id)));
	Window parent = GPOINTER_TO_UINT(
	    g_hash_table_lookup(table, GUINT_TO_POINTER(w->parent)));
	Window root;
	int x, y, parent_x, parent_y;
	unsigned width, height, border, depth;
	if (w->kind == SEAM_TOPLEVEL || !w->parent ||
	    !XGetGeometry(peer.display, own, &root, &x, &y, &width, &height,
			  &border, &depth) ||
	    !XGetGeometry(peer.display, parent, &root, &parent_x, &parent_y,
			  &width, &height, &border, &depth))
		return 0;
	int dx = abs(x - parent_x - w->area.x),
	    dy = abs(y - parent_y - w->area.y);
	return MAX(dx, dy);
}

void verify(void)
{
	int checked = 0, wrong = 0, off = 0;
	g_autofree char *first = NULL;
	g_autoptr(GHashTable) table = x_windows();
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, peer.windows);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct win *w = value;
		Window window = GPOINTER_TO_UINT(
		    g_hash_table_lookup(table, GUINT_TO_POINTER(w->id)));
		char *why = NULL;
		checked++;
		off = MAX(off, misplaced(w, table));
		if (!window)
			why = g_strdup("no X window");
		else if (!w->committed)
			why = g_strdup("not committed");
		else if (compare(w, window, &why) == -1)
			continue;
		wrong++;
		if (!first)
			first = g_strdup_printf("window %u: %s", w->id, why);
		g_free(why);
	}
	say(json_pack("{sssisisisi ss}", "event", "verified", "windows",
		      checked, "wrong", wrong, "off", off, "x",
		      (int)g_hash_table_size(table), "text",
		      first ? first : ""));
}

void picture(const struct win *w, const char *path)
{
	const struct seam_commit *c = &w->commit;
	XImage *image = XGetImage(peer.display, DefaultRootWindow(peer.display),
				  (int)c->atlas_x, (int)c->atlas_y, c->width,
				  c->height, AllPlanes, ZPixmap);
	FILE *file = image ? fopen(path, "we") : NULL;
	if (file) {
		fprintf(file, "P6\n%u %u\n255\n", c->width, c->height);
		for (unsigned y = 0; y < c->height; y++)
			for (unsigned x = 0; x < c->width; x++) {
				unsigned long p =
				    XGetPixel(image, (int)x, (int)y);
				fputc((int)(p >> 16 & 255), file);
				fputc((int)(p >> 8 & 255), file);
				fputc((int)(p & 255), file);
			}
		fclose(file);
	}
	if (image)
		XDestroyImage(image);
	say(json_pack("{sssi}", "event", "picture", "id", (int)w->id));
}

/* The Windows agent has no unix sockets on every Windows. */
static int connect_tcp(const char *port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(s, (struct sockaddr *)&address, sizeof address) != 0)
		return -1;
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	fcntl(s, F_SETFL, O_NONBLOCK);
	return s;
}

/* The socket is there a moment before somebody listens on it. */
static int connect_unix(const char *path, GError **error)
{
	for (int i = 0;; i++) {
		g_clear_error(error);
		int fd = paths_unix_connect(path, error);
		if (fd >= 0 || i == 100)
			return fd;
		g_usleep(50 * 1000);
	}
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	if (argc < 2) {
		fprintf(stderr,
			"Usage: seamless-peer SOCKET|tcp:PORT [DISPLAY]\n%s",
			peer_help);
		return 2;
	}
	if (g_str_has_prefix(argv[1], "tcp:"))
		peer.fd = connect_tcp(argv[1] + 4);
	else
		peer.fd = connect_unix(argv[1], &error);
	if (peer.fd < 0) {
		fprintf(stderr, "seamless-peer: %s\n",
			error ? error->message : g_strerror(errno));
		return 1;
	}
	if (argc > 2) {
		peer.display = XOpenDisplay(argv[2]);
		if (!peer.display) {
			fprintf(stderr, "seamless-peer: no display %s\n",
				argv[2]);
			return 1;
		}
		XSetErrorHandler(on_x_error);
	}
	peer.windows = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	seen = g_hash_table_new(NULL, NULL);
	out = g_byte_array_new();
	peer.loop = g_main_loop_new(NULL, FALSE);
	g_unix_fd_add(peer.fd, G_IO_IN | G_IO_HUP, on_agent, NULL);
	GIOChannel *channel = g_io_channel_unix_new(STDIN_FILENO);
	g_io_add_watch(channel, G_IO_IN | G_IO_HUP, peer_on_command, NULL);
	send_hello();
	g_main_loop_run(peer.loop);
	return 0;
}
