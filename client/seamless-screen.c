/* What the guest is told of the user's desktop as a whole. */
#include <X11/Xatom.h>
#include <X11/extensions/Xrandr.h>
#include <stdlib.h>
#include <string.h>

#include "client/seamless-private.h"

#define OUTPUTS_MAX 16
#define STACK_MAX   4096

static struct seam_rect screen_area(struct seamless *desk)
{
	XWindowAttributes root;
	struct x11 *x11 = desk->x11;
	if (!XGetWindowAttributes(x11->display, x11->root, &root))
		return (struct seam_rect){0, 0, 1024, 768};
	return (struct seam_rect){
	    0, 0, (uint32_t)CLAMP(root.width, 1, SEAM_SIDE_MAX),
	    (uint32_t)CLAMP(root.height, 1, SEAM_SIDE_MAX)};
}

static struct seam_rect common_part(struct seam_rect a, struct seam_rect b)
{
	int left = MAX(a.x, b.x), top = MAX(a.y, b.y);
	int right = MIN(a.x + (int)a.width, b.x + (int)b.width);
	int bottom = MIN(a.y + (int)a.height, b.y + (int)b.height);
	if (right <= left || bottom <= top)
		return a; /* nonsense of the window manager's */
	return (struct seam_rect){left, top, (uint32_t)(right - left),
				  (uint32_t)(bottom - top)};
}

struct seam_rect desk_work_area(struct seamless *desk)
{
	unsigned long current = 0, items[4 * 64];
	struct seam_rect screen = screen_area(desk);
	x11_get(desk->x11, desk->x11->root, ATOM__NET_CURRENT_DESKTOP,
		XA_CARDINAL, &current, 1);
	unsigned count = x11_get(desk->x11, desk->x11->root, ATOM__NET_WORKAREA,
				 XA_CARDINAL, items, G_N_ELEMENTS(items));
	if (current >= count / 4)
		current = 0;
	if (count < 4)
		return screen;
	const unsigned long *w = items + 4 * current;
	return common_part(screen,
			   (struct seam_rect){(int)w[0], (int)w[1],
					      (uint32_t)w[2], (uint32_t)w[3]});
}

/* What applications of this desktop scale by: whole factors of GDK_SCALE
 * where it is set, else the resources' dots per inch. */
static uint32_t scale_of(struct seamless *desk)
{
	const char *factor = g_getenv("GDK_SCALE");
	const char *dpi = XGetDefault(desk->x11->display, "Xft", "dpi");
	double scale = factor ? g_ascii_strtod(factor, NULL)
		       : dpi  ? g_ascii_strtod(dpi, NULL) / 96
			      : 1;
	if (!(scale >= 0.25 && scale <= 8))
		scale = 1;
	return (uint32_t)(scale * SEAM_SCALE_ONE + 0.5);
}

void desk_send_outputs(struct seamless *desk)
{
	uint8_t wire[OUTPUTS_MAX * SEAM_OUTPUT_SIZE];
	uint32_t count = 0;
	int monitors = 0;
	struct seam_rect work = desk_work_area(desk);
	uint32_t scale = scale_of(desk);
	XRRMonitorInfo *info =
	    desk->x11->randr_event < 0
		? NULL
		: XRRGetMonitors(desk->x11->display, desk->x11->root, True,
				 &monitors);
	for (int i = 0; i < monitors && count < OUTPUTS_MAX; i++) {
		struct seam_output output = {.area = {info[i].x, info[i].y,
						      (uint32_t)info[i].width,
						      (uint32_t)info[i].height},
					     .scale = scale};
		if (!info[i].width || !info[i].height)
			continue;
		output.work = common_part(output.area, work);
		seam_output_put(wire + count++ * SEAM_OUTPUT_SIZE, &output);
	}
	if (info)
		XRRFreeMonitors(info);
	if (!count) {
		struct seam_output output = {screen_area(desk), work, scale};
		seam_output_put(wire + count++ * SEAM_OUTPUT_SIZE, &output);
	}
	struct seam_message message = {.type = SEAM_OUTPUTS};
	message.outputs.outputs = (struct seam_array){wire, count};
	desk_send(desk, &message);
}

void desk_send_keymap(struct seamless *desk)
{
	struct x11 *x11 = desk->x11;
	Atom type;
	int format;
	unsigned long size = 0, rest;
	unsigned char *value = NULL;
	struct seam_message message = {.type = SEAM_KEYMAP};
	struct seam_text *texts[] = {
	    &message.keymap.rules, &message.keymap.model,
	    &message.keymap.layout, &message.keymap.variant,
	    &message.keymap.options};
	static const uint32_t limits[] = {64, 64, 128, 128, 512};
	if (XGetWindowProperty(x11->display, x11->root,
			       x11->atoms[ATOM__XKB_RULES_NAMES], 0, 512, False,
			       XA_STRING, &type, &format, &size, &rest,
			       &value) != Success ||
	    format != 8)
		size = 0;
	const char *at = (const char *)value;
	for (gsize i = 0; i < G_N_ELEMENTS(texts) && size > 0; i++) {
		gsize length = strnlen(at, size);
		if (length <= limits[i] &&
		    g_utf8_validate(at, (gssize)length, NULL))
			*texts[i] = (struct seam_text){at, (uint32_t)length};
		length = MIN(length + 1, size);
		at += length;
		size -= length;
	}
	desk_send(desk, &message);
	if (value)
		XFree(value);
}

void desk_send_stack(struct seamless *desk)
{
	static unsigned long windows[STACK_MAX];
	if (!desk->greeted)
		return;
	unsigned count =
	    x11_get(desk->x11, desk->x11->root, ATOM__NET_CLIENT_LIST_STACKING,
		    XA_WINDOW, windows, STACK_MAX);
	g_autoptr(GArray) stack = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	for (unsigned i = 0; i < count; i++) {
		struct seamless_window *window =
		    desk_window_at(desk, windows[i]);
		if (window && window->kind == SEAM_TOPLEVEL)
			g_array_append_val(stack, window->id);
	}
	/* an empty one has no data to compare */
	if (desk->stack && desk->stack->len == stack->len &&
	    (!stack->len ||
	     memcmp(desk->stack->data, stack->data, stack->len * 4ul) == 0))
		return;
	uint8_t wire[SEAM_WINDOWS_MAX * SEAM_WINDOW_SIZE];
	struct seam_message message = {.type = SEAM_STACK};
	for (guint i = 0; i < stack->len; i++)
		seam_window_put(wire + i * SEAM_WINDOW_SIZE,
				g_array_index(stack, uint32_t, i));
	message.stack.windows = (struct seam_array){wire, stack->len};
	desk_send(desk, &message);
	if (desk->stack)
		g_array_unref(desk->stack);
	desk->stack = g_steal_pointer(&stack);
}
