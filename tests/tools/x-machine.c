/* x-machine - shows an X screen as a machine, for tests without one.
 *
 * Offers contract B (Display1) on a unix path: heads are parts of an X
 * screen, grabbed by XShm as XDamage tells, and the port
 * org.oriel.seamless.0 is joined to a unix socket on which oriel-agent
 * listens (--socket). So the real display process and everything behind it
 * run against an agent on an Xvfb, and start in a moment.
 *
 *   x-machine PATH DISPLAY AGENT-SOCKET WIDTHxHEIGHT+X+Y...
 *
 * "q" or the end of stdin ends it. */
#include <errno.h>
#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <X11/Xlib.h>
#include <X11/extensions/XShm.h>
#include <X11/extensions/XTest.h>
#include <X11/extensions/Xdamage.h>

#include "tests/tools/machine.h"

static GMainLoop *loop;

static struct {
	Display *display;
	int damage_event;
	Damage damage;
	XShmSegmentInfo shm;
	XImage *image; /* as large as the screen */
	struct {
		int x, y;
	} heads[HEADS_MAX];
} x11;

static struct {
	const char *path;
	int fd;
	guint watch, again;
} agent = {.fd = -1};

/* ---- pixels ---- */

static void grab(struct head *head, int x, int y, int w, int h)
{
	int left = x11.heads[head->number].x, top = x11.heads[head->number].y;
	int x0 = MAX(x, left), y0 = MAX(y, top);
	int x1 = MIN(x + w, left + (int)head->width);
	int y1 = MIN(y + h, top + (int)head->height);
	if (x0 >= x1 || y0 >= y1)
		return;
	XImage *image = x11.image;
	image->width = x1 - x0;
	image->height = y1 - y0;
	image->bytes_per_line = image->width * 4;
	if (!XShmGetImage(x11.display, DefaultRootWindow(x11.display), image,
			  x0, y0, AllPlanes))
		return;
	for (int row = 0; row < image->height; row++)
		memcpy(head->pixels + (size_t)(y0 - top + row) * head->width +
			   x0 - left,
		       image->data + (size_t)row * image->bytes_per_line,
		       (size_t)image->width * 4);
	head_send_update(head, x0 - left, y0 - top, image->width, image->height,
			 false);
}

/* All damage of a round in one grab: what was drawn in one order is never
 * shown in another, as with a screen that is scanned out. */
static void take_damage(void)
{
	int x0 = INT32_MAX, y0 = INT32_MAX, x1 = 0, y1 = 0;
	while (XPending(x11.display)) {
		XEvent event;
		XNextEvent(x11.display, &event);
		if (event.type != x11.damage_event + XDamageNotify)
			continue;
		XRectangle *r = &((XDamageNotifyEvent *)&event)->area;
		x0 = MIN(x0, r->x);
		y0 = MIN(y0, r->y);
		x1 = MAX(x1, r->x + r->width);
		y1 = MAX(y1, r->y + r->height);
	}
	if (x1 > x0)
		for (unsigned i = 0; i < machine.count; i++)
			grab(&machine.heads[i], x0, y0, x1 - x0, y1 - y0);
}

static gboolean on_x(int fd, GIOCondition condition, gpointer data)
{
	/* events that came along with a picture are in Xlib's queue, and no
	 * poll() tells of them */
	do
		take_damage();
	while (XPending(x11.display));
	return G_SOURCE_CONTINUE;
}

static void open_display(const char *name)
{
	int error;
	x11.display = XOpenDisplay(name);
	if (!x11.display ||
	    !XDamageQueryExtension(x11.display, &x11.damage_event, &error) ||
	    !XShmQueryExtension(x11.display))
		g_error("no X screen with XShm and XDamage at %s", name);
	int screen = DefaultScreen(x11.display);
	int width = DisplayWidth(x11.display, screen);
	int height = DisplayHeight(x11.display, screen);
	x11.image =
	    XShmCreateImage(x11.display, DefaultVisual(x11.display, screen),
			    DefaultDepth(x11.display, screen), ZPixmap, NULL,
			    &x11.shm, width, height);
	if (!x11.image || x11.image->bits_per_pixel != 32)
		g_error("the X screen is not of 32 bits a pixel");
	x11.shm.shmid =
	    shmget(IPC_PRIVATE, (size_t)width * height * 4, IPC_CREAT | 0600);
	x11.shm.shmaddr = x11.image->data = shmat(x11.shm.shmid, NULL, 0);
	XShmAttach(x11.display, &x11.shm);
	XSync(x11.display, False);
	shmctl(x11.shm.shmid, IPC_RMID, NULL);
	x11.damage = XDamageCreate(x11.display, DefaultRootWindow(x11.display),
				   XDamageReportRawRectangles);
	XFlush(x11.display);
	g_unix_fd_add(ConnectionNumber(x11.display), G_IO_IN, on_x, NULL);
}

/* A viewer's key, as a keyboard of the machine has it. */
static void on_keycode(unsigned code, bool down)
{
	/* 1..83 are evdev's too, and X counts from 8 */
	if (code < 0x54)
		XTestFakeKeyEvent(x11.display, code + 8, down, CurrentTime);
	XFlush(x11.display);
}

/* ---- the port ---- */

static gboolean dial(gpointer data);

static void send_all(int fd, const uint8_t *bytes, size_t n)
{
	while (n) {
		ssize_t done = send(fd, bytes, n, MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return; /* its end is told by reading */
		bytes += done;
		n -= done;
	}
}

static void set_open(bool open)
{
	if (machine.port)
		qemu_display1_chardev_set_feopened(machine.port, open);
}

static void hang_up(void)
{
	g_clear_handle_id(&agent.watch, g_source_remove);
	if (agent.fd >= 0)
		close(agent.fd);
	agent.fd = -1;
	set_open(false);
	if (!agent.again)
		agent.again = g_timeout_add(100, dial, NULL);
}

static gboolean on_agent(int fd, GIOCondition condition, gpointer data)
{
	uint8_t bytes[65536];
	ssize_t n = recv(fd, bytes, sizeof bytes, 0);
	if (n <= 0) {
		agent.watch = 0;
		say("agent gone");
		hang_up();
		return G_SOURCE_REMOVE;
	}
	if (machine.port_fd >= 0)
		send_all(machine.port_fd, bytes, n);
	return G_SOURCE_CONTINUE;
}

static gboolean dial(gpointer data)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_strlcpy(address.sun_path, agent.path, sizeof address.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (machine.port_fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		close(fd);
		return G_SOURCE_CONTINUE;
	}
	agent.again = 0;
	agent.fd = fd;
	agent.watch = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP, on_agent, NULL);
	set_open(true);
	say("agent there");
	return G_SOURCE_REMOVE;
}

static void on_port(const uint8_t *bytes, size_t n)
{
	if (n && agent.fd >= 0)
		send_all(agent.fd, bytes, n);
	else if (!n)
		machine.port_fd = -1;
}

/* A new display process: the agent starts over, as at a reopened port. */
static void on_port_registered(void)
{
	hang_up();
}

static gboolean on_stdin(GIOChannel *channel, GIOCondition condition,
			 gpointer data)
{
	g_main_loop_quit(loop);
	return G_SOURCE_REMOVE;
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "usage: x-machine PATH DISPLAY AGENT-SOCKET "
				"WIDTHxHEIGHT+X+Y...\n");
		return 2;
	}
	loop = g_main_loop_new(NULL, FALSE);
	open_display(argv[2]);
	agent.path = argv[3];
	for (int i = 4; i < argc && machine.count < HEADS_MAX; i++) {
		unsigned width, height;
		int x, y;
		if (sscanf(argv[i], "%ux%u+%d+%d", &width, &height, &x, &y) !=
		    4)
			g_error("%s is not WIDTHxHEIGHT+X+Y", argv[i]);
		struct head *head = &machine.heads[machine.count];
		x11.heads[machine.count].x = x;
		x11.heads[machine.count].y = y;
		head->number = machine.count++;
		head_take_pixels(head, width, height);
		grab(head, x, y, width, height);
	}
	machine.port_name = "org.oriel.seamless.0";
	machine.on_port = on_port;
	machine.on_keycode = on_keycode;
	machine.on_port_registered = on_port_registered;
	machine_listen(argv[1]);
	g_autoptr(GIOChannel) in = g_io_channel_unix_new(0);
	g_io_add_watch(in, G_IO_IN | G_IO_HUP, on_stdin, NULL);
	say("listening");
	g_main_loop_run(loop);
	machine_drop();
	return 0;
}
