/* The client's scale factor, as programs of the guest know such things: dots
 * per inch in the X resources for those that are to start, whole factors and
 * the like in the environment of those that are launched. Contents are pixels
 * of the client's screens, so nothing is stretched on its way. */
#include "seamless/agent/agent.h"

#include <X11/Xatom.h>
#include <string.h>

#define DPI_ONE   96
#define XFT_DPI   "Xft.dpi:"
#define TEXT_LAST (64 * 1024)

/* RESOURCE_MANAGER with our line in the place of another's. */
static void set_dpi(struct agent *agent, unsigned dpi)
{
	size_t size = 0;
	g_autoptr(GString) text = g_string_new(NULL);
	char *old = props_get(agent, agent->root, XA_RESOURCE_MANAGER,
			      XA_STRING, 8, TEXT_LAST, &size);
	g_autofree char *copy = g_strndup(old ? old : "", size);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
	XFree(old);
	for (char **line = lines; *line; line++)
		if (**line && !g_str_has_prefix(*line, XFT_DPI))
			g_string_append_printf(text, "%s\n", *line);
	g_string_append_printf(text, XFT_DPI "\t%u\n", dpi);
	XChangeProperty(agent->display, agent->root, XA_RESOURCE_MANAGER,
			XA_STRING, 8, PropModeReplace,
			(unsigned char *)text->str, (int)text->len);
}

void scale_set(struct agent *agent, unsigned scale)
{
	scale = CLAMP(scale, SEAM_SCALE_ONE / 4, SEAM_SCALE_ONE * 8);
	/* a desktop's own setting is left alone until somebody has another */
	if (scale == (agent->scale ? agent->scale : SEAM_SCALE_ONE))
		return;
	agent->scale = scale;
	set_dpi(agent, DPI_ONE * scale / SEAM_SCALE_ONE);
}

void scale_environment(const struct agent *agent, GAppLaunchContext *context)
{
	static const char *const names[] = {"GDK_SCALE", "GDK_DPI_SCALE",
					    "QT_SCALE_FACTOR", "QT_FONT_DPI"};
	char text[G_ASCII_DTOSTR_BUF_SIZE];
	unsigned scale = agent->scale ? agent->scale : SEAM_SCALE_ONE;
	unsigned whole = MAX(scale / SEAM_SCALE_ONE, 1);
	if (scale == SEAM_SCALE_ONE) {
		for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
			g_app_launch_context_unsetenv(context, names[i]);
		return;
	}
	/* GTK, LibreOffice and Java scale by whole factors; the dots per inch
	 * are of all of it */
	g_snprintf(text, sizeof text, "%u", whole);
	g_app_launch_context_setenv(context, names[0], text);
	g_ascii_dtostr(text, sizeof text, 1.0 / whole);
	g_app_launch_context_setenv(context, names[1], text);
	/* Qt by any */
	g_ascii_dtostr(text, sizeof text, (double)scale / SEAM_SCALE_ONE);
	g_app_launch_context_setenv(context, names[2], text);
	g_app_launch_context_setenv(context, names[3], G_STRINGIFY(DPI_ONE));
}
