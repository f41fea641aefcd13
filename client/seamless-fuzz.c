/* What needs no X server of what the client does with a stream: pieces of
 * pictures, sizes asked and answered, desktop entries. */
#include <glib.h>
#include <string.h>

#include "client/apps-install.h"
#include "client/seamless-geometry.h"
#include "client/seamless-picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void make_entry(const struct seam_app *said)
{
	static struct server_url server = {
	    .host = "h", .port = 8443, .pool = "p"};
	const struct apps_place place = {&server, NULL, NULL};
	struct seamless_app app = {
	    .id = g_strndup(said->id.bytes, said->id.size),
	    .name = g_strndup(said->name.bytes, said->name.size),
	    .comment = g_strndup(said->comment.bytes, said->comment.size),
	    .categories =
		g_strndup(said->categories.bytes, said->categories.size),
	    .mime_types =
		g_strndup(said->mime_types.bytes, said->mime_types.size),
	};
	g_autofree char *text = apps_entry(&place, "/bin/x", &app);
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) error = NULL;
	/* always one group, and a command of nine words at most */
	if (!g_key_file_load_from_data(file, text, strlen(text), 0, &error))
		g_error("%s: %s", error->message, text);
	gsize groups;
	g_auto(GStrv) names = g_key_file_get_groups(file, &groups);
	g_autofree char *exec =
	    g_key_file_get_string(file, "Desktop Entry", "Exec", NULL);
	g_auto(GStrv) words = NULL;
	int count = 0;
	if (groups != 1 || !g_shell_parse_argv(exec, &count, &words, NULL) ||
	    count != 6)
		g_error("%d words in: %s", count, exec);
	g_free(app.id);
	g_free(app.name);
	g_free(app.comment);
	g_free(app.categories);
	g_free(app.mime_types);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct picture picture = {0};
	struct geometry geometry = {0};
	int64_t now = 0;
	struct seam_message message;
	size_t used;
	while (size > 0) {
		enum seam_status status =
		    seam_parse(bytes, size, &message, &used);
		if (status != SEAM_OK && status != SEAM_UNKNOWN)
			break;
		now += 1000;
		if (status == SEAM_OK && message.type == SEAM_APP)
			make_entry(&message.app);
		if (status == SEAM_OK && message.type == SEAM_CURSOR &&
		    picture_take(&picture, &message.picture) && picture.width &&
		    picture.have != picture.width * picture.height * 4)
			g_error("a picture that is not whole");
		if (status == SEAM_OK && message.type == SEAM_GEOM_REQ)
			geometry_local(&geometry, message.geom_req.area, 0);
		if (status == SEAM_OK && message.type == SEAM_COMMIT)
			geometry_answered(&geometry, message.commit.configure);
		if (geometry_due(&geometry, now))
			geometry_sent(&geometry, (uint32_t)now, now);
		bytes += used;
		size -= used;
	}
	picture_clear(&picture);
	return 0;
}
