/* What seamless-peer is told to do, line by line. */
#include <X11/Xatom.h>
#include <X11/extensions/Xcomposite.h>
#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/seamless-peer.h"

const char peer_help[] =
    "hello | sync                     HELLO (done at the start), OUTPUTS\n"
    "configure ID X Y W H STATES      answers {\"event\":\"sent\",\"serial\"}\n"
    "auto 0|1                         CONFIGURE as GEOM_REQ and STATE_REQ ask\n"
    "release 0|1 | ack 0|1            whether to answer by itself (both on)\n"
    "map ID | unmap ID | close ID | focus ID | stack ID...\n"
    "pointer ID X Y | button ID N DOWN | axis ID DX DY | key CODE DOWN MODS\n"
    "click ID X Y                     pointer, press, release\n"
    "touch ID FINGER PHASE X Y\n"
    "outputs X,Y,W,H[,SCALE] ...      screens\n"
    "keymap LAYOUT | launch TOKEN APP [FILE...] | ping N\n"
    "copy [KIND FILE]...              offers; KIND: text html png files\n"
    "paste KIND FILE                  what the guest offers, into FILE\n"
    "file TOKEN WRITABLE PATH | take-files FOLDER\n"
    "void                             the head is about to change\n"
    "verify                           atlas against pixmaps, each window\n"
    "redirect                         covered windows keep their pictures: "
    "for\n"
    "                                 an agent that does not see to that\n"
    "xid ID XID                       which X window that is, likewise\n"
    "list                             what there is\n"
    "picture ID FILE                  a window from the atlas, as PPM\n"
    "raw HEX                          bytes as they are\n"
    "quit\n";

static long arg(char **argv, int i)
{
	for (int k = 0; k <= i; k++)
		if (!argv[k])
			return 0;
	return strtol(argv[i], NULL, 0);
}

static void send_outputs(char **argv)
{
	uint8_t wire[16 * SEAM_OUTPUT_SIZE];
	struct seam_message m = {.type = SEAM_OUTPUTS};
	size_t used = 0;
	for (int i = 1; argv[i] && i <= 16; i++) {
		int x, y;
		unsigned w, h, scale = SEAM_SCALE_ONE;
		if (sscanf(argv[i], "%d,%d,%u,%u,%u", &x, &y, &w, &h, &scale) <
		    4)
			continue;
		struct seam_output o = {{x, y, w, h}, {x, y, w, h}, scale};
		used += seam_output_put(wire + used, &o);
		m.outputs.outputs.count++;
	}
	m.outputs.outputs.wire = wire;
	send_message(&m);
}

static void send_stack(char **argv)
{
	uint8_t wire[SEAM_WINDOWS_MAX * SEAM_WINDOW_SIZE];
	struct seam_message m = {.type = SEAM_STACK};
	size_t used = 0;
	for (int i = 1; argv[i] && used < sizeof wire; i++) {
		used += seam_window_put(wire + used, (uint32_t)arg(argv, i));
		m.stack.windows.count++;
	}
	m.stack.windows.wire = wire;
	send_message(&m);
}

static void list(void)
{
	json_t *array = json_array();
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, peer.windows);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct win *w = value;
		json_array_append_new(
		    array,
		    json_pack("{sisisos[ii]si}", "id", (int)w->id, "kind",
			      (int)w->kind, "area", rect_of(w->area), "size",
			      (int)w->commit.width, (int)w->commit.height,
			      "asked", (int)w->asked));
	}
	say(json_pack("{ssso}", "event", "list", "windows", array));
}

static void send_raw(const char *hex)
{
	size_t n = strlen(hex) / 2;
	g_autofree uint8_t *bytes = g_malloc(n + 1);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(g_ascii_xdigit_value(hex[2 * i]) << 4 |
				     g_ascii_xdigit_value(hex[2 * i + 1]));
	push(bytes, n);
}

static void point(uint32_t id, long x, long y)
{
	struct seam_message m = {.type = SEAM_POINTER, .window = id};
	m.pointer.x = (int32_t)(x * 256);
	m.pointer.y = (int32_t)(y * 256);
	send_message(&m);
}

static void press(uint32_t id, long button, bool down)
{
	struct seam_message m = {.type = SEAM_BUTTON, .window = id};
	m.button.button = (uint8_t)button;
	m.button.down = down;
	send_message(&m);
}

static void send_launch(char **argv)
{
	struct seam_message m = {.type = SEAM_LAUNCH};
	g_autofree char *files =
	    g_strv_length(argv) > 3 ? g_strjoinv("\n", argv + 3) : NULL;
	m.launch.token = (uint32_t)arg(argv, 1);
	m.launch.app = seam_text_of(argv[2], SEAM_APP_ID_MAX);
	m.launch.files = seam_text_of(files, 32768);
	send_message(&m);
}

static bool command(char **argv)
{
	const char *name = argv[0];
	uint32_t id = (uint32_t)arg(argv, 1);
	struct win *w = find(id);
	struct seam_message m = {.window = id};
	static const struct {
		const char *name;
		unsigned type;
	} bare[] = {{"map", SEAM_MAP},
		    {"unmap", SEAM_UNMAP},
		    {"close", SEAM_CLOSE},
		    {"focus", SEAM_FOCUS}};
	for (size_t i = 0; i < G_N_ELEMENTS(bare); i++)
		if (strcmp(name, bare[i].name) == 0) {
			send_bare(bare[i].type, id);
			return true;
		}
	if (transfer_command(argv))
		return true;
	if (strcmp(name, "hello") == 0) {
		send_hello();
	} else if (strcmp(name, "configure") == 0 && w) {
		configure(w,
			  (struct seam_rect){
			      (int)arg(argv, 2), (int)arg(argv, 3),
			      (uint32_t)arg(argv, 4), (uint32_t)arg(argv, 5)},
			  (uint32_t)arg(argv, 6));
	} else if (strcmp(name, "auto") == 0) {
		peer.auto_configure = arg(argv, 1);
	} else if (strcmp(name, "release") == 0) {
		peer.auto_release = arg(argv, 1);
	} else if (strcmp(name, "ack") == 0) {
		peer.auto_ack = arg(argv, 1);
	} else if (strcmp(name, "stack") == 0) {
		send_stack(argv);
	} else if (strcmp(name, "pointer") == 0) {
		point(id, arg(argv, 2), arg(argv, 3));
	} else if (strcmp(name, "button") == 0) {
		press(id, arg(argv, 2), arg(argv, 3));
	} else if (strcmp(name, "click") == 0) {
		point(id, arg(argv, 2), arg(argv, 3));
		press(id, 1, true);
		press(id, 1, false);
	} else if (strcmp(name, "axis") == 0) {
		m.type = SEAM_AXIS;
		m.axis.dx = (int32_t)arg(argv, 2);
		m.axis.dy = (int32_t)arg(argv, 3);
		send_message(&m);
	} else if (strcmp(name, "touch") == 0) {
		m.type = SEAM_TOUCH;
		m.touch.id = (uint32_t)arg(argv, 2);
		m.touch.phase = (uint8_t)arg(argv, 3);
		m.touch.x = (int32_t)arg(argv, 4) * 256;
		m.touch.y = (int32_t)arg(argv, 5) * 256;
		send_message(&m);
	} else if (strcmp(name, "key") == 0) {
		m = (struct seam_message){.type = SEAM_KEY};
		m.key.evdev = id;
		m.key.down = (uint8_t)arg(argv, 2);
		m.key.modifiers = (uint32_t)arg(argv, 3);
		send_message(&m);
	} else if (strcmp(name, "outputs") == 0) {
		send_outputs(argv);
	} else if (strcmp(name, "keymap") == 0) {
		m = (struct seam_message){.type = SEAM_KEYMAP};
		m.keymap.layout = seam_text_of(argv[1], 128);
		send_message(&m);
	} else if (strcmp(name, "launch") == 0 && argv[1] && argv[2]) {
		send_launch(argv);
	} else if (strcmp(name, "launch-cancel") == 0) {
		m = (struct seam_message){.type = SEAM_LAUNCH_CANCEL};
		m.launch_cancel.token = id;
		send_message(&m);
	} else if (strcmp(name, "ping") == 0) {
		m = (struct seam_message){.type = SEAM_PING};
		m.ping.value = id;
		send_message(&m);
	} else if (strcmp(name, "verify") == 0 && peer.display) {
		verify();
	} else if (strcmp(name, "void") == 0) {
		GHashTableIter iter;
		gpointer value;
		g_hash_table_iter_init(&iter, peer.windows);
		while (g_hash_table_iter_next(&iter, NULL, &value))
			((struct win *)value)->commit.width = 0;
	} else if (strcmp(name, "list") == 0) {
		list();
	} else if (strcmp(name, "picture") == 0 && w && argv[2] &&
		   peer.display) {
		picture(w, argv[2]);
	} else if (strcmp(name, "redirect") == 0 && peer.display) {
		XCompositeRedirectSubwindows(peer.display,
					     DefaultRootWindow(peer.display),
					     CompositeRedirectAutomatic);
		XSync(peer.display, False);
	} else if (strcmp(name, "xid") == 0 && peer.display) {
		Atom atom = XInternAtom(peer.display, "_ORIEL_WINDOW", False);
		long value = (long)id;
		XChangeProperty(peer.display, (Window)arg(argv, 2), atom,
				XA_CARDINAL, 32, PropModeReplace,
				(unsigned char *)&value, 1);
	} else if (strcmp(name, "raw") == 0 && argv[1]) {
		send_raw(argv[1]);
	} else if (strcmp(name, "quit") == 0) {
		g_main_loop_quit(peer.loop);
	} else {
		return false;
	}
	return true;
}

gboolean peer_on_command(GIOChannel *channel, GIOCondition condition,
			 gpointer data)
{
	g_autofree char *line = NULL;
	gsize end;
	GIOStatus status =
	    g_io_channel_read_line(channel, &line, NULL, &end, NULL);
	if (status != G_IO_STATUS_NORMAL) {
		g_main_loop_quit(peer.loop);
		return G_SOURCE_REMOVE;
	}
	line[end] = 0;
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	if (argv[0] && *argv[0] && !command(argv))
		say(json_pack("{ssss}", "event", "unknown-command", "text",
			      line));
	return G_SOURCE_CONTINUE;
}
