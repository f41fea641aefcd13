#include "client/stats-overlay.h"

#include "client/events.h"

#define TICK_MS 1000

struct stats_overlay {
	GtkWidget *label;
	OrielViewer *viewer;
	struct session *session;
	char *protocol;
	guint tick;
	gboolean shown;
	/* at the last tick */
	struct session_stats last;
	guint64 last_draws;
	gint64 last_us;
};

char *stats_overlay_rate(double bytes_per_s)
{
	if (bytes_per_s >= 999500)
		return g_strdup_printf("%.1f MB/s", bytes_per_s / 1e6);
	if (bytes_per_s >= 999.5)
		return g_strdup_printf("%.0f kB/s", bytes_per_s / 1e3);
	return g_strdup_printf("%.0f B/s", bytes_per_s);
}

static void add_ms(GString *text, const char *what, unsigned us)
{
	if (us > 0)
		g_string_append_printf(text, "%s%s %.*f ms",
				       text->str[text->len - 1] == '\n' ? ""
									: " · ",
				       what, us < 10000 ? 1 : 0, us / 1000.0);
}

static void add_picture(GString *text, struct stats_overlay *stats)
{
	int width = 0, height = 0;
	oriel_viewer_guest_size(stats->viewer, &width, &height);
	double scale = oriel_viewer_scale(stats->viewer);
	g_string_append_printf(text, "%d × %d", width, height);
	if (scale > 0.999 && scale < 1.001)
		g_string_append(text, ", pixel by pixel");
	else
		g_string_append_printf(text, " at %.0f %%", scale * 100);
}

static gboolean on_tick(gpointer data)
{
	struct stats_overlay *stats = data;
	gint64 now = g_get_monotonic_time();
	guint64 draws = oriel_viewer_draws(stats->viewer);
	struct session_stats is = {0};
	if (!stats->session) {
		gtk_label_set_text(GTK_LABEL(stats->label), "Not connected");
		stats->last_us = 0;
		return G_SOURCE_CONTINUE;
	}
	session_stats(stats->session, &is);
	double s = stats->last_us
		       ? (double)(now - stats->last_us) / G_USEC_PER_SEC
		       : 0;
	double fps = s > 0 ? (double)(draws - stats->last_draws) / s : 0;
	double in =
	    s > 0 ? (double)(is.bytes_in - stats->last.bytes_in) / s : 0;
	double out =
	    s > 0 ? (double)(is.bytes_out - stats->last.bytes_out) / s : 0;
	g_autofree char *down = stats_overlay_rate(in);
	g_autofree char *up = stats_overlay_rate(out);
	g_autoptr(GString) text = g_string_new(NULL);
	g_string_append_printf(text, "%s · %.0f frames/s\n%s in · %s out\n",
			       stats->protocol ? stats->protocol : "", fps,
			       down, up);
	add_ms(text, "Network", is.rtt_us);
	add_ms(text, "key to picture",
	       oriel_viewer_key_to_picture_us(stats->viewer));
	add_ms(text, "sound", is.sound_ms * 1000);
	if (text->str[text->len - 1] != '\n')
		g_string_append_c(text, '\n');
	add_picture(text, stats);
	if (*is.encoding)
		g_string_append_printf(text, "\n%s", is.encoding);
	gtk_label_set_text(GTK_LABEL(stats->label), text->str);
	if (s > 0)
		events_emit("statistics", "{s:f,s:f,s:f,s:i,s:i,s:s}", "fps",
			    fps, "bytes_in_per_s", in, "bytes_out_per_s", out,
			    "rtt_us", (int)is.rtt_us, "sound_ms",
			    (int)is.sound_ms, "encoding", is.encoding);
	stats->last = is;
	stats->last_draws = draws;
	stats->last_us = now;
	return G_SOURCE_CONTINUE;
}

struct stats_overlay *stats_overlay_new(OrielViewer *viewer)
{
	struct stats_overlay *stats = g_new0(struct stats_overlay, 1);
	stats->viewer = viewer;
	stats->label = g_object_ref_sink(gtk_label_new(NULL));
	gtk_label_set_xalign(GTK_LABEL(stats->label), 0);
	gtk_widget_set_halign(stats->label, GTK_ALIGN_END);
	gtk_widget_set_valign(stats->label, GTK_ALIGN_START);
	gtk_style_context_add_class(gtk_widget_get_style_context(stats->label),
				    "statistics");
	atk_object_set_name(gtk_widget_get_accessible(stats->label),
			    "Statistics");
	gtk_widget_set_no_show_all(stats->label, TRUE);
	return stats;
}

GtkWidget *stats_overlay_widget(struct stats_overlay *stats)
{
	return stats->label;
}

void stats_overlay_set_session(struct stats_overlay *stats,
			       struct session *session, const char *protocol)
{
	stats->session = session;
	stats->last_us = 0;
	g_free(stats->protocol);
	stats->protocol = g_strdup(protocol);
	if (stats->shown)
		on_tick(stats);
}

void stats_overlay_set_shown(struct stats_overlay *stats, gboolean shown)
{
	stats->shown = shown;
	stats->last_us = 0;
	g_clear_handle_id(&stats->tick, g_source_remove);
	if (shown) {
		on_tick(stats);
		stats->tick = g_timeout_add(TICK_MS, on_tick, stats);
	}
	gtk_widget_set_visible(stats->label, shown);
}

gboolean stats_overlay_shown(struct stats_overlay *stats)
{
	return stats->shown;
}

void stats_overlay_free(struct stats_overlay *stats)
{
	if (!stats)
		return;
	g_clear_handle_id(&stats->tick, g_source_remove);
	g_object_unref(stats->label);
	g_free(stats->protocol);
	g_free(stats);
}
