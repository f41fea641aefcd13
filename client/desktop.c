#include "client/desktop.h"

#include <string.h>

#define TEXT_MAX 512

static const struct {
	const char *name, *text, *icon;
} states[] = {
    [DESKTOP_NONE] = {"none", "Not created yet", "list-add-symbolic"},
    [DESKTOP_OFF] = {"off", "Off", "system-shutdown-symbolic"},
    [DESKTOP_STARTING] = {"starting", "Starting…", "content-loading-symbolic"},
    [DESKTOP_RUNNING] = {"running", "Running", "oriel-running-symbolic"},
    [DESKTOP_STOPPING] = {"stopping", "Shutting down…",
			  "content-loading-symbolic"},
    [DESKTOP_FAILED] = {"failed", "Failed", "dialog-warning-symbolic"},
};

static char *bounded(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	if (!text || !*text)
		return NULL;
	/* jansson guarantees valid UTF-8 */
	return g_utf8_substring(text, 0,
				MIN(g_utf8_strlen(text, -1), TEXT_MAX));
}

struct desktop *desktop_from_json(json_t *object)
{
	if (!json_is_object(object))
		return NULL;
	struct desktop *desktop = g_new0(struct desktop, 1);
	desktop->id = bounded(object, "id");
	desktop->name = bounded(object, "name");
	desktop->pool = bounded(object, "pool");
	desktop->user = bounded(object, "user");
	desktop->stage = bounded(object, "stage");
	json_t *error = json_object_get(object, "error");
	desktop->cause = bounded(error, "cause");
	desktop->remedy = bounded(error, "remedy");
	json_t *install = json_object_get(object, "install");
	json_t *looked = json_object_get(install, "fraction");
	desktop->install = bounded(install, "image");
	desktop->install_task = bounded(install, "task");
	desktop->install_stage = bounded(install, "stage");
	desktop->install_fraction = json_is_number(looked)
					? CLAMP(json_number_value(looked), 0, 1)
					: -1;
	desktop->fraction =
	    CLAMP(json_number_value(json_object_get(object, "fraction")), 0, 1);
	desktop->since =
	    (gint64)json_number_value(json_object_get(object, "since"));
	desktop->viewers = (int)CLAMP(
	    json_integer_value(json_object_get(object, "viewers")), 0, 1000);
	desktop->serial = json_integer_value(json_object_get(object, "serial"));
	const char *state = json_string_value(json_object_get(object, "state"));
	for (gsize i = 0; state && i < G_N_ELEMENTS(states); i++)
		if (strcmp(states[i].name, state) == 0)
			desktop->state = (enum desktop_state)i;
	if (!desktop->id)
		desktop->state = DESKTOP_NONE;
	if (!desktop->name)
		desktop->name =
		    g_strdup(desktop->pool ? desktop->pool : "Desktop");
	return desktop;
}

void desktop_free(struct desktop *desktop)
{
	if (!desktop)
		return;
	g_free(desktop->id);
	g_free(desktop->name);
	g_free(desktop->pool);
	g_free(desktop->user);
	g_free(desktop->stage);
	g_free(desktop->cause);
	g_free(desktop->remedy);
	g_free(desktop->install);
	g_free(desktop->install_task);
	g_free(desktop->install_stage);
	g_free(desktop);
}

const char *desktop_state_text(enum desktop_state state)
{
	return states[state].text;
}

const char *desktop_state_icon(enum desktop_state state)
{
	return states[state].icon;
}

const char *desktop_state_name(enum desktop_state state)
{
	return states[state].name;
}
