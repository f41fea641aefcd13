/* display1-player - plays a machine's display for tests and benches.
 *
 * Serves contract B as a VMM does: listens on a unix path, is the D-Bus
 * authentication server, offers consoles, keyboard, mouse and one port
 * (com.redhat.spice.0, or another by --port). Commands come as lines on stdin,
 * what happened goes as lines to stdout; see help[] below. Every command is
 * answered "done" or "failed CAUSE", pictures only once the other side has
 * taken them.
 *
 *   display1-player PATH WIDTHxHEIGHT [WIDTHxHEIGHT...] [--map]
 *                  [--port NAME] [--serve NAME=PATH...] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/machine.h"

static const char help[] =
    "paint HEAD KIND SEED [X Y W H]  paint and send; KIND is flat, text,\n"
    "                                few, gradient, photo, noise; whole:\n"
    "                                sends everything\n"
    "shift HEAD X Y W H DX DY        moves what is there and sends both "
    "places\n"
    "                                as one; whole: sends everything\n"
    "pixels HEAD X Y HEX...          a row of single pixels\n"
    "resize HEAD W H                 a new mode; 0 0 sends Disable\n"
    "placeholder HEAD W H            what QEMU shows for a head that is off\n"
    "cursor W H X Y | hide | show    pointer picture\n"
    "bad HEAD X Y W H STRIDE BYTES   an update as told, right or wrong\n"
    "play HEAD FPS FRAMES exact|whole  a moving box; each frame's number is\n"
    "                                in the 32 pixels of the first row\n"
    "load HEAD RECORDING TRUTH       a recording's screen; keys are answered\n"
    "                                with its mark (tests/bench/display/)\n"
    "replay HEAD FPS exact|whole     plays it; FPS 0 is as recorded\n"
    "echo HEAD | echo off            each key press paints at once\n"
    "dump HEAD FILE                  the picture, 32 bits 0x00RRGGBB\n"
    "port HEX | port-open 0|1        bytes from, and state of, the guest\n"
    "sound METHOD ARGUMENT...        Init ID BITS SIGNED FLOAT HZ CHANNELS\n"
    "                                BIG, SetEnabled ID ON, Fini ID,\n"
    "                                SetVolume ID MUTE HEX, Write ID HEX\n"
    "tone HZ MS | record FILE MS     plays; records 16 bits, one channel\n"
    "clap HZ COUNT [film]            a tone and a flash, each second; in a\n"
    "                                film that plays meanwhile\n"
    "leds N | relative 0|1           properties\n"
    "hang 0|1                        leave input calls unanswered\n"
    "drop | quit                     close the connection, end\n";

static GMainLoop *loop;

static struct head *head_of(const char *text)
{
	unsigned number = text ? g_ascii_strtoull(text, NULL, 10) : HEADS_MAX;
	return number < machine.count ? &machine.heads[number] : NULL;
}

static bool do_paint(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 4 || !head || !head->pixels)
		return false;
	uint32_t seed = strtoul(word[3], NULL, 10);
	if (words < 8) {
		head_paint(head, word[2], seed, 0, 0, head->width,
			   head->height);
		head_send_scanout(head, true);
		return true;
	}
	unsigned v[4];
	for (int i = 0; i < 4; i++)
		v[i] = strtoul(word[4 + i], NULL, 10);
	if (v[0] + v[2] > head->width || v[1] + v[3] > head->height)
		return false;
	head_paint(head, word[2], seed, v[0], v[1], v[2], v[3]);
	if (words > 8)
		head_send_update(head, 0, 0, head->width, head->height, true);
	else
		head_send_update(head, v[0], v[1], v[2], v[3], true);
	return true;
}

static void tell_size(struct head *head)
{
	if (!head->console)
		return;
	qemu_display1_console_set_width(head->console, head->width);
	qemu_display1_console_set_height(head->console, head->height);
}

static bool do_pixels(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 5 || !head || !head->pixels)
		return false;
	unsigned x = strtoul(word[2], NULL, 10), y = strtoul(word[3], NULL, 10);
	if (y >= head->height || x + words - 4 > head->width)
		return false;
	for (unsigned i = 4; i < words; i++)
		head->pixels[y * head->width + x + i - 4] =
		    strtoul(word[i], NULL, 16);
	head_send_update(head, x, y, words - 4, 1, true);
	return true;
}

static bool do_shift(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	int v[6];
	if (words < 8 || !head || !head->pixels)
		return false;
	for (int i = 0; i < 6; i++)
		v[i] = atoi(word[2 + i]);
	int left = MIN(v[0], v[0] + v[4]), top = MIN(v[1], v[1] + v[5]);
	int w = v[2] + abs(v[4]), h = v[3] + abs(v[5]);
	if (left < 0 || top < 0 || v[2] < 1 || v[3] < 1 ||
	    left + w > (int)head->width || top + h > (int)head->height)
		return false;
	for (int i = 0; i < v[3]; i++) {
		int row = v[1] + (v[5] > 0 ? v[3] - 1 - i : i);
		memmove(head->pixels + (row + v[5]) * (int)head->width + v[0] +
			    v[4],
			head->pixels + row * (int)head->width + v[0],
			(size_t)v[2] * 4);
	}
	if (words > 8)
		head_send_update(head, 0, 0, head->width, head->height, true);
	else
		head_send_update(head, left, top, w, h, true);
	return true;
}

static bool do_resize(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 4 || !head)
		return false;
	head_take_pixels(head, strtoul(word[2], NULL, 10),
			 strtoul(word[3], NULL, 10));
	tell_size(head);
	if (head->width)
		head_paint(head, "text", 1, 0, 0, head->width, head->height);
	head_send_scanout(head, true);
	return true;
}

static bool do_placeholder(char **word, unsigned words)
{
	static const char text[] = "Display output is not active.";
	struct head *head = head_of(word[1]);
	if (words < 4 || !head)
		return false;
	head_take_pixels(head, strtoul(word[2], NULL, 10),
			 strtoul(word[3], NULL, 10));
	unsigned length = strlen(text);
	unsigned x = (head->width / 8 - length) / 2 * 8;
	unsigned y = (head->height / 16 - 1) / 2 * 16;
	for (unsigned i = 0; i < length; i++)
		if (text[i] != ' ')
			head->pixels[(y + i % 16) * head->width + x + i * 8 +
				     i % 8] = 0xaaaaaa;
	head_send_scanout(head, true);
	return true;
}

static bool do_cursor(char **word, unsigned words)
{
	struct head *head = &machine.heads[0];
	if (words == 2) {
		head_call(
		    head, "MouseSet",
		    g_variant_new("(iii)", 0, 0, strcmp(word[1], "show") == 0),
		    true);
		return true;
	}
	if (words < 5)
		return false;
	int v[4];
	for (int i = 0; i < 4; i++)
		v[i] = atoi(word[1 + i]);
	size_t count = (size_t)MAX(v[0], 0) * MAX(v[1], 0);
	g_autofree uint32_t *pixels = g_new0(uint32_t, count + 1);
	for (size_t i = 0; i < count; i++) /* opaque, half, clear in turn */
		pixels[i] = i % 3 == 0   ? 0xff102030
			    : i % 3 == 1 ? 0x80402010
					 : 0;
	head_call(head, "CursorDefine",
		  g_variant_new("(iiii@ay)", v[0], v[1], v[2], v[3],
				bytes_variant(pixels, count * 4)),
		  true);
	return true;
}

static bool do_bad(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 8 || !head)
		return false;
	int v[6];
	for (int i = 0; i < 6; i++)
		v[i] = atoi(word[2 + i]);
	g_autofree uint8_t *bytes = g_malloc0(MAX(v[5], 1));
	head_call(head, "Update",
		  g_variant_new("(iiiiuu@ay)", v[0], v[1], v[2], v[3],
				(guint)v[4], XRGB,
				bytes_variant(bytes, MAX(v[5], 0))),
		  true);
	return true;
}

static bool do_play(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 5 || !head || !head->pixels)
		return false;
	head_play_box(head, atoi(word[2]), atoi(word[3]),
		      strcmp(word[4], "whole") == 0);
	say("done");
	return true;
}

static bool do_load(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 4 || !head || !head_load(head, word[2], word[3]))
		return false;
	tell_size(head);
	head_send_scanout(head, true);
	return true;
}

static bool do_replay(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 4 || !head ||
	    !head_replay(head, g_ascii_strtod(word[2], NULL),
			 strcmp(word[3], "whole") == 0))
		return false;
	say("done");
	return true;
}

static bool do_dump(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 3 || !head || !head->pixels)
		return false;
	if (!g_file_set_contents(word[2], (const char *)head->pixels,
				 (gssize)head->width * head->height * 4, NULL))
		return false;
	say("done");
	return true;
}

static uint8_t *from_hex(const char *hex, size_t *length)
{
	*length = strlen(hex) / 2;
	uint8_t *bytes = g_malloc(*length + 1);
	for (size_t i = 0; i < *length; i++)
		bytes[i] = g_ascii_xdigit_value(hex[2 * i]) << 4 |
			   g_ascii_xdigit_value(hex[2 * i + 1]);
	return bytes;
}

/* As the machine's sound card would call; waits for the answer. */
static bool do_sound(char **word, unsigned words)
{
	const char *method = word[1];
	guint64 n[8] = {0};
	GVariant *parameters;
	size_t length;
	if (words < 3 || !machine.audio)
		return false;
	for (unsigned i = 2; i < MIN(words, 9); i++)
		n[i - 2] = g_ascii_strtoull(word[i], NULL, 10);
	g_autofree uint8_t *bytes = from_hex(word[words - 1], &length);
	if (strcmp(method, "Init") == 0) {
		unsigned frame = n[1] / 8 * n[5];
		parameters = g_variant_new(
		    "(tybbuyuub)", n[0], (guchar)n[1], (gboolean)n[2],
		    (gboolean)n[3], (guint)n[4], (guchar)n[5], frame,
		    (guint)(frame * n[4]), (gboolean)n[6]);
	} else if (strcmp(method, "SetEnabled") == 0) {
		parameters = g_variant_new("(tb)", n[0], (gboolean)n[1]);
	} else if (strcmp(method, "SetVolume") == 0) {
		parameters =
		    g_variant_new("(tb@ay)", n[0], (gboolean)n[1],
				  bytes_variant(bytes, words > 4 ? length : 0));
	} else if (strcmp(method, "Write") == 0) {
		parameters =
		    g_variant_new("(t@ay)", n[0], bytes_variant(bytes, length));
	} else {
		parameters = g_variant_new("(t)", n[0]);
	}
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = g_dbus_proxy_call_sync(
	    G_DBUS_PROXY(machine.audio), method, parameters,
	    G_DBUS_CALL_FLAGS_NONE, 20000, NULL, &error);
	if (reply)
		say("done");
	else
		say("failed %s", error->message);
	return true;
}

static bool do_port(const char *hex)
{
	size_t length;
	g_autofree uint8_t *bytes = from_hex(hex, &length);
	if (machine.port_fd < 0 ||
	    write(machine.port_fd, bytes, length) != (ssize_t)length)
		return false;
	say("done");
	return true;
}

static bool obey(char **word, unsigned words)
{
	const char *command = words ? word[0] : "";
	if (strcmp(command, "paint") == 0)
		return do_paint(word, words);
	if (strcmp(command, "shift") == 0)
		return do_shift(word, words);
	if (strcmp(command, "pixels") == 0)
		return do_pixels(word, words);
	if (strcmp(command, "resize") == 0)
		return do_resize(word, words);
	if (strcmp(command, "placeholder") == 0)
		return do_placeholder(word, words);
	if (strcmp(command, "cursor") == 0)
		return do_cursor(word, words);
	if (strcmp(command, "bad") == 0)
		return do_bad(word, words);
	if (strcmp(command, "play") == 0)
		return do_play(word, words);
	if (strcmp(command, "load") == 0)
		return do_load(word, words);
	if (strcmp(command, "replay") == 0)
		return do_replay(word, words);
	if (strcmp(command, "dump") == 0)
		return do_dump(word, words);
	if (strcmp(command, "port") == 0 && words > 1)
		return do_port(word[1]);
	if (strcmp(command, "sound") == 0)
		return do_sound(word, words);
	if (strcmp(command, "tone") == 0 && words > 2 &&
	    !sound_play(g_ascii_strtod(word[1], NULL), atoi(word[2])))
		return false;
	if (strcmp(command, "clap") == 0 && words > 2 &&
	    !sound_clap(g_ascii_strtod(word[1], NULL), atoi(word[2]),
			words > 3))
		return false;
	if (strcmp(command, "record") == 0 && words > 2 &&
	    !sound_record(word[1], atoi(word[2])))
		return false;
	if (strcmp(command, "echo") == 0 && words > 1)
		machine.echo_head =
		    strcmp(word[1], "off") == 0 ? -1 : atoi(word[1]);
	else if (strcmp(command, "port-open") == 0 && words > 1 && machine.port)
		qemu_display1_chardev_set_feopened(machine.port, atoi(word[1]));
	else if (strcmp(command, "leds") == 0 && words > 1)
		qemu_display1_keyboard_set_modifiers(machine.heads[0].keyboard,
						     atoi(word[1]));
	else if (strcmp(command, "relative") == 0 && words > 1)
		qemu_display1_mouse_set_is_absolute(machine.heads[0].mouse,
						    !atoi(word[1]));
	else if (strcmp(command, "hang") == 0 && words > 1)
		machine.hang = atoi(word[1]);
	else if (strcmp(command, "drop") == 0)
		machine_drop();
	else if (strcmp(command, "tone") == 0 || strcmp(command, "clap") == 0 ||
		 strcmp(command, "record") == 0)
		; /* it is under way */
	else if (strcmp(command, "quit") == 0)
		g_main_loop_quit(loop);
	else
		return false;
	say("done");
	return true;
}

static gboolean on_command(GIOChannel *channel, GIOCondition condition,
			   gpointer data)
{
	g_autofree char *line = NULL;
	gsize length;
	if (g_io_channel_read_line(channel, &line, &length, NULL, NULL) !=
	    G_IO_STATUS_NORMAL) {
		g_main_loop_quit(loop);
		return G_SOURCE_REMOVE;
	}
	g_auto(GStrv) word = g_strsplit(g_strstrip(line), " ", -1);
	if (!obey(word, g_strv_length(word)))
		say("failed not understood; the commands are:\n%s", help);
	return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
	for (int i = 2; i < argc && machine.count < HEADS_MAX; i++) {
		unsigned width, height;
		if (strcmp(argv[i], "--map") == 0) {
			machine.use_map = true;
		} else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc) {
			machine.port_name = argv[++i];
		} else if (strcmp(argv[i], "--serve") == 0 && i + 1 < argc) {
			if (!machine_serve_port(argv[++i]))
				g_error("cannot serve %s", argv[i]);
		} else if (sscanf(argv[i], "%ux%u", &width, &height) == 2) {
			struct head *head = &machine.heads[machine.count];
			head->number = machine.count++;
			head_take_pixels(head, width, height);
			if (width)
				head_paint(head, "text", head->number, 0, 0,
					   width, height);
		}
	}
	if (argc < 3 || !machine.count) {
		fprintf(stderr,
			"usage: display1-player PATH WIDTHxHEIGHT... [--map]\n"
			"%s",
			help);
		return 2;
	}
	loop = g_main_loop_new(NULL, FALSE);
	machine_listen(argv[1]);
	g_autoptr(GIOChannel) in = g_io_channel_unix_new(0);
	g_io_add_watch(in, G_IO_IN | G_IO_HUP, on_command, NULL);
	say("listening");
	g_main_loop_run(loop);
	machine_drop();
	return 0;
}
